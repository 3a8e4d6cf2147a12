"""From a model's text to a report and back.

Understood are headings in any case, with or without markdown, a JSON object with those keys however badly written
(lenient.py), and labels and codes in the target form of public MIMIC-CXR fine-tuning scripts ("Impression: ...
CheXpert: {...} ICD: {...}"):

    parse_report("**Findings:** Clear lungs.\\nIMPRESSION: Normal.\\nCheXpert: {'EDEMA': 0,}\\nICD: I10; J18.9")
    # Report("Clear lungs.", "Normal.", {"Edema": 0}, ("I10", "J18.9"))
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.nouns import Report
from tasks.reports.icd import read_codes
from tasks.reports.label_names import read_labels
from tasks.reports.lenient import is_cut, objects, said

_NAMES = (
    r"findings?|impressions?|conclusions?|chexpert(?:[ _]labels)?|labels|"
    r"(?P<icd>icd(?:[ _-]?(?:10|9))?(?:[ _-]?cm)?(?:[ _](?:diagnosis[ _])?codes?)?)"
)
HEADING = re.compile(
    r"(?:^|(?<=[.;}\]!?])[ \t]|(?<=\s)(?-i:(?=(?:[A-Z]{4,}|Findings|Impression|CheXpert|ICD[ \w-]{0,20})[*_ \t]*:)))"
    r"[ \t>#*_\-•]*+(?:\d++[.)][ \t]*+)?[*_]*+"
    rf"(?P<name>{_NAMES})"
    r"[*_ \t]*(?::[*_]*|$)"
    r"""(?(icd)(?=\s*+(?:\Z|[\[{]|["'(*•\s-]*+(?:[A-Z]?\d\d|none\b|null\b|n/a\b))))""",
    re.IGNORECASE | re.MULTILINE,
)
"""A heading starts a line, follows a sentence, or stands out by its capitals; it may be a list item or bold.

That of codes stands before codes alone: "ICD: two leads" is a defibrillator.
"""
_KEY = re.compile(_NAMES, re.IGNORECASE)
_SECTIONS = {"find": "findings", "impr": "impression", "conc": "impression", "chex": "labels", "labe": "labels"}
_TEXTS = ("findings", "impression")
_FENCE = re.compile(r"```(?:(?:json|python|markdown|md|text|txt|plaintext)\b)?", re.IGNORECASE)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+", re.MULTILINE)
_Found = dict[str, list[Any]]
"""Section, labels or icd -> what stands there, in the order of the text."""


def parse_report(text: str) -> Report:
    """The report in `text`; ValueError when it has neither findings nor an impression, or one that is cut off."""
    found = _found(text)
    findings, impression = _section(found, "findings"), _section(found, "impression")
    if not findings and not impression:
        cut_off = "; its JSON has no end" if text.count("{") > text.count("}") else ""
        raise ValueError(f"no findings and no impression in {text[:60]!r}{cut_off}")
    labels: dict[str, int | None] = {}
    for value in found.get("labels", ()):
        labels |= read_labels(value)
    return Report(findings, impression, labels, read_codes(found.get("icd", [])))


def sections(text: str) -> dict[str, str]:
    """Findings and impression as far as they have a heading or key in `text`, in its order."""
    found = _found(text)
    return {name: _section(found, name) for name in found if name in _TEXTS}


def is_labels(heading: str) -> bool:
    """Whether labels or codes follow a heading, not sentences."""
    found = HEADING.match(heading)
    return found is not None and _SECTIONS.get(found["name"].lower()[:4]) not in _TEXTS


def format_report(report: Report) -> str:
    """The report as one text, an empty section left out; `parse_report` reads it back."""
    parts = [f"Findings: {report.findings}"] if report.findings else []
    if report.impression:
        parts.append(f"Impression: {report.impression}")
    if report.labels:
        parts.append(f"CheXpert: {json.dumps(dict(report.labels))}")
    if report.icd:
        parts.append(f"ICD: {json.dumps(report.icd)}")
    return "\n".join(parts)


def _found(text: str) -> _Found:
    """What `text` says under headings, or in its first JSON object that says anything of a report."""
    rest = text = _FENCE.sub("\n", text)
    silent: _Found = {}
    for document, place in objects(text):
        try:
            found, cut = _fields(document)
            words = any(re.search(r"\w", _section(found, name)) for name in _TEXTS)
        except RecursionError:
            continue
        if not found.keys() & set(_TEXTS):
            continue
        rest = rest.replace(text[place], "\n")
        if words and not cut:
            others = _under_headings(rest)
            return {name: others[name] for name in ("labels", "icd") if name in others} | found
        if not cut:
            silent = silent or found
    return _under_headings(rest) or silent


def _fields(document: Mapping[str, Any]) -> tuple[_Found, bool]:
    """What an object says, by its keys or by headings in a text of it; and whether a section is cut off."""
    found: _Found = {}
    left = _collect(document, found)
    if not found.keys() & set(_TEXTS):
        texts = [value for value in left.values() if isinstance(value, str)]
        return found | _under_headings("\n".join(texts)), is_cut(texts)
    return found, any(is_cut(found.get(name)) for name in _TEXTS)


def _collect(document: Mapping[str, Any], found: _Found) -> dict[str, Any]:
    """Put the fields of an object under their names, also those of the objects in it; what is left of it."""
    left: dict[str, Any] = {}
    for key, value in document.items():
        name = _name(key.strip()) if _KEY.fullmatch(key.strip()) else None
        inner = value[0] if isinstance(value, list) and len(value) == 1 else value
        kept = _collect(inner, found) if isinstance(inner, dict) else value
        if name is None:
            left[key] = kept
        elif kept or not inner:
            found.setdefault(name, []).append(kept)
    return left


def _under_headings(text: str) -> _Found:
    """What stands under each heading, and as `lead` what stands before the first one."""
    found: _Found = {}
    headings = list(HEADING.finditer(text))
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end in zip(headings, ends, strict=True):
        found.setdefault(_name(heading["name"]), []).append(text[heading.end() : end])
    if headings:
        found["lead"] = [text[: headings[0].start()].strip()]
    return found


def _name(heading: str) -> str:
    return _SECTIONS.get(heading.lower()[:4], "icd")


def _section(found: _Found, name: str) -> str:
    """A section on one line, without list marks and bold."""
    words = "\n".join(map(said, found.get(name, ())))
    if name == "findings" and name not in found and "impression" in found:
        lead = "".join(found.get("lead", ()))
        words = "" if lead.endswith(":") else lead  # what stands before the impression, unless it announces a report
    return " ".join(_BULLET.sub("", words).replace("**", "").split())
