"""Which section a heading of a chest X-ray report opens.

The spellings are those counted over the 227,835 reports of MIMIC-CXR in txt/section_parser.py of github.com/MIT-LCP/
mimic-cxr; a misspelling is one edit (Damerau) away from a main heading, as all those counted there are. A title that
names the views ("CHEST, PA AND LATERAL:") opens the findings.

    section_of("IMPRESSSION"), section_of("Reason for exam"), section_of("Heart")    # "impression", "indication", None
"""

from __future__ import annotations

import re
from functools import lru_cache

_NAMES = {
    "findings": "findings, finding, reference findings",
    "impression": "impression, impressions, conclusion, conclusions, findings and impression, findings/impression, "
    "impression and findings, impression/findings",
    "indication": "indication, indications, clinical indication, reason for examination, reason for exam, "
    "reason for study, reason for this examination, indication for examination",
    "history": "history, clinical history, patient history, clinical information, history of present illness",
    "comparison": "comparison, comparisons, comparison exam, comparison film, comparison study, reference exam, "
    "comparison is made to",
    "examination": "examination, examinations, exam, type of examination, study",
    "technique": "technique, techniques",
    "recommendations": "recommendation, recommendations, recommendation(s)",
    "notification": "notification, notifications",
    "addendum": "addendum, addenda",
    "wet read": "wet read, wetread, pfi, provisional findings impression, provisional findings impression (pfi), "
    "preliminary report, preliminary findings",
    "final report": "final report",
    "other": "comment, comments, date, note, signed by, dictated by",
}
NAMES = {name: section for section, names in _NAMES.items() for name in names.split(", ")}
"""Heading in lower case -> section."""
LONGEST = max(map(len, NAMES))
MAIN = ("findings", "impression", "conclusion", "indication", "comparison", "examination", "technique", "history")
"""Headings that are recognised misspelt."""
_VIEWS = re.compile(
    r"\b(chest|portable|ribs|bone windows?|pa and lat(eral)?|lateral and pa|ap and lateral|lateral and ap|"
    r"(two|one|single|frontal|pa|ap|lateral) views?|frontal (and|upright|semi-upright))\b"
)


@lru_cache(maxsize=4096)
def section_of(heading: str, *, misspelt: bool = True) -> str | None:
    """The section that a heading (without its colon) opens; None when it is not known as one."""
    from rapidfuzz.distance import OSA

    name = re.sub(r"\s*/\s*", "/", " ".join(heading.lower().split())).strip(" *_-")
    if name in NAMES or not misspelt or " " in name or not 6 <= len(name) <= 12:
        return NAMES.get(name)
    # One edit and no more: "concussion" is two from "conclusion".
    return next((NAMES[main] for main in MAIN if OSA.distance(name, main, score_cutoff=1) <= 1), None)


@lru_cache(maxsize=4096)
def names_views(heading: str) -> bool:
    """Whether a heading in capitals is a title such as "CHEST, TWO VIEWS" or "AP CHEST, 10:03 A.M."."""
    return heading == heading.upper() and _VIEWS.search(heading.lower()) is not None
