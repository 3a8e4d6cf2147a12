"""ReXrank's prediction file: the report of each study as one text under `model_prediction`.

Example and form: github.com/rajpurkarlab/ReXrank (example_files/prediction.json). Its keys `findings` and `impression`
are the gold report and are never taken for a prediction; its own predictions have no blank before a heading
("... stable.Impression:No acute process."):

    predictions({"s1": Report("Clear lungs.", "Normal.")})
    # {"s1": {"study_id": "s1", "model_prediction": "Findings: Clear lungs.\\nImpression: Normal."}}

Its evaluation script (example_files/evaluation_script.md) looks for the gold sections beside the prediction, in what is
the entry of its data file (`tasks.datasets.rexrank`) and `model_prediction`:

    predictions({"s1": Report("Clear lungs.", "")}, {"s1": {"section_findings": "No edema.", ...}})
    # {"s1": {"section_findings": "No edema.", ..., "model_prediction": "Findings: Clear lungs."}}

Its metrics count every word, so labels and codes are not written; they are read where they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.convert.fields import codes_in, labels_in, text_at
from tasks.datasets.rexrank import Study, read_studies, restriction
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


def entries_of(path: Path, answered: Collection[str], *, allowed: bool) -> dict[str, Study]:
    """Study -> entry of ReXrank's data file; InputError unless these are the studies that were answered.

    Reports of MIMIC-CXR are refused, unless the user has said that they may be passed on.
    """
    entries = read_studies(path)
    if not allowed and (why := restriction(entries)):
        raise InputError(
            f"{path} holds reports of {why}: its agreement forbids to pass them on. If you have the right to, say so "
            "with --i-have-the-right"
        )
    if unknown := [study for study in answered if study not in entries]:
        raise InputError(
            f"{path} lacks {len(unknown)} of the {len(answered)} studies that were answered, the first is "
            f"{unknown[0]}: give the data file that was answered, and --ids-map if its studies have other names"
        )
    if silent := [study for study in entries if study not in answered]:
        raise InputError(
            f"{path} has {len(silent)} of {len(entries)} studies that were not answered, the first is {silent[0]}: "
            "answer all of them, or give a data file of the others alone"
        )
    return entries


def predictions(reports: Mapping[str, Report], data: Mapping[str, Study] | None = None) -> dict[str, dict[str, Any]]:
    """The document of a prediction file, in the order of `data`, ReXrank's entries of the same studies, where given.

    InputError for a report that would be read back as another one.
    """
    texts = {study: _text(report, study) for study, report in reports.items()}
    if data is None:
        return {study: {"study_id": study, "model_prediction": text} for study, text in texts.items()}
    return {study: {**entry, "model_prediction": texts[study]} for study, entry in data.items()}


def unglued(text: str) -> str:
    """The text with a line break before each heading that follows a sentence without a blank."""
    return _GLUED.sub("\n", text)


def _text(report: Report, study: str) -> str:
    bare = replace(report, labels={}, icd=())
    text = format_report(bare)
    if _report(text, study) != bare:
        raise InputError(f"{study}: a section holds a heading or a line break of its own: take it out of the text")
    return text


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
