"""Which part of a report is scored: both sections, the findings alone, or the impression alone.

Published numbers differ in this: R2Gen and ReXrank score findings, others impressions or both. What is stated beside
the text (labels, codes) stays:

    part_of(Report("Clear lungs.", "Normal.", {"Edema": 0}), "findings")    # Report("Clear lungs.", "", {"Edema": 0})
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from tasks.nouns import Report, Value

Section = Literal["both", "findings", "impression"]
SECTIONS: tuple[Section, ...] = get_args(Section)


def part_of(value: Value, section: Section) -> Value:
    """The report with its other section emptied; any other value as it is."""
    if not isinstance(value, Report) or section == "both":
        return value
    return replace(value, impression="") if section == "findings" else replace(value, findings="")


def has_part(value: Value, section: Section) -> bool:
    """Whether the section of the report holds a word."""
    kept = part_of(value, section)
    return isinstance(kept, Report) and bool(f"{kept.findings}{kept.impression}".strip())
