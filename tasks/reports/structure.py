"""Whether a model's text has the structure of a report: findings and impression, each under its heading, in this order.

    structure_of("Findings: Clear lungs.\\nImpression: Normal.").score      # 1.0
    structure_of("Impression: Normal.").score                              # 0.25: one of four
    counted(["Findings: Clear.\\nImpression: Normal.", "Normal."])
    # {"both": 1, "in_order": 1, "findings_only": 0, "impression_only": 0, "none": 1, "score": 0.5}

The keys of a JSON object are its headings. A text that cannot be read as a report, such as an object that is cut off in
a sentence, has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.reports.text import sections


@dataclass(frozen=True, slots=True)
class Structure:
    """What is there of a report's structure."""

    findings: bool
    """A heading of the findings."""
    impression: bool
    in_order: bool
    """Both, the findings first."""
    filled: bool
    """Both, with words under them."""

    @property
    def score(self) -> float:
        """The share of the four that is there."""
        return (self.findings + self.impression + self.in_order + self.filled) / 4


def structure_of(text: str) -> Structure:
    """The structure of what a model wrote, before anything of it was mended."""
    found = sections(text)
    return Structure(
        findings="findings" in found,
        impression="impression" in found,
        in_order=list(found) == ["findings", "impression"],
        filled=len(found) == 2 and all(found.values()),
    )


def counted(texts: Sequence[str]) -> dict[str, float]:
    """How many of at least one text have both headings, both in order, one of them or none, and the mean score."""
    found = [structure_of(text) for text in texts]
    return {
        "both": sum(s.findings and s.impression for s in found),
        "in_order": sum(s.in_order for s in found),
        "findings_only": sum(s.findings and not s.impression for s in found),
        "impression_only": sum(s.impression and not s.findings for s in found),
        "none": sum(not (s.findings or s.impression) for s in found),
        "score": fmean(s.score for s in found),
    }
