"""ReXrank's prediction file: the report of each study as one text under `model_prediction`.

Example and form: github.com/rajpurkarlab/ReXrank (example_files/prediction.json). Its keys `findings` and `impression`
are the gold report and are never taken for a prediction; its own predictions have no blank before a heading
("... stable.Impression:No acute process."):

    predictions({"s1": Report("Clear lungs.", "Normal.")})
    # {"s1": {"study_id": "s1", "model_prediction": "Findings: Clear lungs.\\nImpression: Normal."}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks.convert.fields import codes_in, labels_in, text_at
from tasks.nouns import InputError, Report, Value
from tasks.reports.text import format_report, parse_report

_OWN = re.compile(r"(?:Findings: (.+)(?:\n|$))?(?:Impression: (.+)(?:\n|$))?(?:CheXpert: (.+)(?:\n|$))?(?:ICD: (.+))?")
"""What `format_report` writes, taken as it stands: list numbers and bold print stay in the text."""
_HEADING = re.compile(r"\b(?:findings?|impressions?|conclusions?)[*_ \t]*:", re.IGNORECASE)
_GLUED = re.compile(r"(?<=[.;!?])(?=(?:Findings|Impression)\s*:)", re.IGNORECASE)


def read_predictions(document: Mapping[str, Any], path: Path) -> dict[str, Value]:
    """The reports of a prediction file by study."""
    reports: dict[str, Value] = {}
    for study, row in document.items():
        where = f"{path}: {study}"
        if not isinstance(row, dict) or "model_prediction" not in row:
            raise InputError(f"{where} has no 'model_prediction': give ReXrank's predictions, not its data")
        if "study_id" in row and str(row["study_id"]) != study:
            raise InputError(f"{where} is called {row['study_id']!r} in its 'study_id': correct one of the two")
        reports[study] = _report(text_at(row, "model_prediction", where), where)
    return reports


def predictions(reports: Mapping[str, Report]) -> dict[str, dict[str, str]]:
    """The document of a prediction file; InputError for a report that would be read back as another one."""
    found = {}
    for study, report in reports.items():
        text = format_report(report)
        if _report(text, study) != report:
            raise InputError(f"{study}: a section holds a heading or a line break of its own: take it out of the text")
        found[study] = {"study_id": study, "model_prediction": text}
    return found


def unglued(text: str) -> str:
    """The text with a line break before each heading that follows a sentence without a blank."""
    return _GLUED.sub("\n", text)


def _report(text: str, where: str) -> Report:
    own = _OWN.fullmatch(text)
    if own and not any(section and _HEADING.search(section) for section in own.group(1, 2)):
        with suppress(ValueError):  # labels with other quotes are read below
            labels, codes = labels_in(json.loads(own[3] or "{}")), codes_in(json.loads(own[4] or "[]"))
            if labels is not None and codes is not None:
                return Report(own[1] or "", own[2] or "", labels, codes)
    try:
        return parse_report(unglued(text))
    except ValueError as error:
        raise InputError(f"{where}: {error}: put 'Findings:' or 'Impression:' before each section") from error
