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
from typing import Any

from tasks.nouns import Report

HEADING = re.compile(
    r"(?:^|(?<=[.;}\]!?])[ \t]+|(?<=\s)(?-i:(?=(?:[A-Z]{4,}|Findings|Impression)[*_ \t]*:)))"
    r"[ \t>#*_\-•]*+(?:\d++[.)][ \t]*+)?[*_]*+"
    r"(?P<name>findings?|impressions?|conclusions?|"
    r"chexpert(?:[ \t]+labels)?|labels|icd(?:-?10)?(?:[ \t]+codes?)?)"
    r"[*_ \t]*(?::[*_]*|$)",
    re.IGNORECASE | re.MULTILINE,
)
"""A heading starts a line, follows a sentence, or stands out by its capitals; it may be a list item or bold."""
_SECTIONS = {"find": "findings", "impr": "impression", "conc": "impression", "chex": "labels", "labe": "labels"}
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+", re.MULTILINE)
_PAIR = re.compile(r"""["']?([A-Za-z][A-Za-z /_-]*?)["']?\s*:\s*["']?(-?\d+(?:\.\d+)?|\w+)["']?""")
_WORDS = {
    "positive": 1,
    "present": 1,
    "true": 1,
    "yes": 1,
    "negative": 0,
    "absent": 0,
    "false": 0,
    "no": 0,
    "uncertain": -1,
}


def parse_report(text: str) -> Report:
    """The report in `text`; ValueError when it has neither findings nor an impression."""
    report = _from_json(text) or _from_headings(text)
    if report is None:
        cut_off = "; its JSON has no end" if text.count("{") > text.count("}") else ""
        raise ValueError(f"no findings and no impression in {text[:60]!r}{cut_off}")
    return report


def is_labels(heading: str) -> bool:
    """Whether labels or codes follow a heading, not sentences."""
    found = HEADING.match(heading)
    return found is not None and _SECTIONS.get(found["name"].lower()[:4]) not in {"findings", "impression"}


def format_report(report: Report) -> str:
    """The report as one text, an empty section left out; `parse_report` reads it back."""
    parts = [f"Findings: {report.findings}"] if report.findings else []
    if report.impression:
        parts.append(f"Impression: {report.impression}")
    if report.labels:
        parts.append(f"CheXpert: {json.dumps(dict(report.labels))}")
    return "\n".join(parts)


def _from_json(text: str) -> Report | None:
    """The report of a JSON object with those keys, whatever stands round it; None when there is none."""
    start = text.find("{")
    try:
        # Models write line breaks inside strings, which strict JSON forbids.
        document = json.JSONDecoder(strict=False).raw_decode(text, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    found: dict[str, Any] = {_SECTIONS.get(key.strip().lower()[:4], ""): value for key, value in document.items()}
    labels = found.get("labels")
    named = labels.items() if isinstance(labels, dict) else ()
    return _report(
        _said(found.get("findings")),
        _said(found.get("impression")),
        {name.strip(): _label(_said(value)) for name, value in named},
    )


def _said(value: Any) -> str:
    """A value of a JSON object as text: a list's items and an object's entries one a line."""
    if isinstance(value, dict):
        return "\n".join(f"{key}: {inner}" for key, inner in value.items())
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _from_headings(text: str) -> Report | None:
    """The report of a text with headings; None when there are none."""
    found: dict[str, str] = {}
    headings = list(HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end in zip(headings, ends, strict=True):
        name = _SECTIONS.get(heading["name"].lower()[:4], "other")
        found[name] = f"{found.get(name, '')}\n{text[heading.end() : end]}".strip()
    lead = text[: headings[0].start()].strip() if headings else ""
    if "impression" in found and "findings" not in found and not lead.endswith(":"):
        found["findings"] = lead  # what stands before the impression, unless it announces a report
    labels = {name.strip(): _label(value) for name, value in _PAIR.findall(found.get("labels", ""))}
    return _report(found.get("findings", ""), found.get("impression", ""), labels)


def _report(findings: str, impression: str, labels: Mapping[str, int | None]) -> Report | None:
    findings, impression = _clean(findings), _clean(impression)
    return Report(findings, impression, labels) if findings or impression else None


def _clean(text: str) -> str:
    """One line, without list marks and bold."""
    return " ".join(_BULLET.sub("", text).replace("**", "").replace("```", "").split())


def _label(value: str) -> int | None:
    """1, 0, -1 or None from how a model writes a label: `1.0`, `positive`, `Uncertain`."""
    if digits := re.fullmatch(r"(-?[01])(?:\.0*)?", value):
        return int(digits[1])
    return _WORDS.get(value.strip().lower())
