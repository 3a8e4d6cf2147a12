"""What a prompt tells of the patient: the filters `known` and `told`, which every template has.

    told({"age": "68", "heart_rate": "90", "icd10": "J90", "study_id": "50414267"})      # "age 68; heart rate 90"

Not told are diagnosis codes, which are assigned after the report and tell the answer, what only names a patient or a
study, and the previous report, which is no item of a list: a template reads it as `context.previous_report`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PREVIOUS = "previous_report"
"""The name in the context of what the patient's last report said."""
_UNTOLD = re.compile(rf"icd.*|uid|mrn|accession.*|(patient[_ ])?name|(.*[_ -])?ids?|{PREVIOUS}", re.IGNORECASE)


def known(context: Mapping[str, str]) -> dict[str, str]:
    """Of the context what may be told, without what is empty."""
    return {name: value for name, value in context.items() if value and not _UNTOLD.fullmatch(name)}


def told(context: Mapping[str, str]) -> str:
    """`known` in words, `; ` between the items; empty where nothing is known."""
    return "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in known(context).items())
