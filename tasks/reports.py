"""From a model's text to a report and back.

Understood are headings in any case, with or without markdown, a JSON object with those keys, and a line of labels, the
target form of public MIMIC-CXR fine-tuning scripts ("Impression: ... CheXpert: {...} ICD: {...}"):

    parse_report("**Findings:** Clear lungs.\\nIMPRESSION: Normal.\\nCheXpert: {'Edema': 0,}")
    # Report("Clear lungs.", "Normal.", {"Edema": 0})
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tasks.nouns import Report

# A heading starts a line, follows a sentence, or stands out by its capitals; it may be a list item or bold.
_HEADING = re.compile(
    r"(?:^|(?<=[.;}\]!?])[ \t]+|(?<=\s)(?-i:(?=(?:[A-Z]{4,}|Findings|Impression)[*_ \t]*:)))"
    r"[ \t>#*_\-•]*(?:\d+[.)][ \t]*)?[*_]*"
    r"(?P<name>findings?|impressions?|conclusions?|"
    r"chexpert(?:[ \t]+labels)?|labels|icd(?:-?10)?(?:[ \t]+codes?)?)"
    r"[*_ \t]*(?::[*_]*|$)",
    re.IGNORECASE | re.MULTILINE,
)
_SECTIONS = {"find": "findings", "impr": "impression", "conc": "impression", "chex": "labels", "labe": "labels"}
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+", re.MULTILINE)
_PAIR = re.compile(r"""["']?([A-Za-z][A-Za-z /_-]*?)["']?\s*:\s*["']?(-?\d+(?:\.\d+)?|\w+)["']?""")
_WORDS = {"positive": 1, "present": 1, "true": 1, "yes": 1, "negative": 0, "absent": 0, "false": 0, "no": 0}


def parse_report(text: str) -> Report:
    """The report in `text`; ValueError when it has neither findings nor an impression."""
    parts = _from_json(text) or _from_headings(text)
    findings, impression = _clean(parts.get("findings", "")), _clean(parts.get("impression", ""))
    if not findings and not impression:
        raise ValueError(f"no findings and no impression in {text[:60]!r}")
    return Report(findings, impression, _labels(parts.get("labels", "")))


def format_report(report: Report) -> str:
    """The report as one text, an empty section left out; `parse_report` reads it back."""
    parts = [f"Findings: {report.findings}"] if report.findings else []
    if report.impression:
        parts.append(f"Impression: {report.impression}")
    if report.labels:
        parts.append(f"CheXpert: {json.dumps(dict(report.labels))}")
    return "\n".join(parts)


def _from_json(text: str) -> Mapping[str, str]:
    """The sections of a JSON object, empty when there is none with them."""
    start, end = text.find("{"), text.rfind("}")
    try:
        document = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    found: dict[str, str] = {}
    for key, value in document.items():
        name = _SECTIONS.get(key.strip().lower()[:4])
        if name == "labels":
            found[name] = json.dumps(value)
        elif name and value is not None:
            found[name] = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return found if found.keys() & {"findings", "impression"} else {}


def _from_headings(text: str) -> Mapping[str, str]:
    """Section -> the text under its headings."""
    found: dict[str, str] = {}
    headings = list(_HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end in zip(headings, ends, strict=True):
        name = _SECTIONS.get(heading["name"].lower()[:4], "other")
        found[name] = f"{found.get(name, '')}\n{text[heading.end() : end]}".strip()
    return found


def _clean(text: str) -> str:
    """One line, without list marks and bold."""
    return " ".join(_BULLET.sub("", text).replace("**", "").replace("```", "").split())


def _labels(text: str) -> dict[str, int | None]:
    """Label -> 1, 0, -1 or None from what looks like a JSON object, whatever its quotes, commas and braces."""
    found: dict[str, int | None] = {}
    for name, value in _PAIR.findall(text):
        number = _WORDS.get(value.lower())
        if number is None and (digits := re.fullmatch(r"(-?[01])(?:\.0*)?", value)):
            number = int(digits[1])
        elif value.lower() == "uncertain":
            number = -1
        found[name.strip()] = number
    return found
