"""One JSON object a line for each image, and the journal of a run, which is read but not written.

{"image_id": "..._test_0", "cuis": ["C0040405", "C0817096"]}
{"image_id": "..._test_0", "caption": "A chest x-ray."}
{"image_id": "study_1", "findings": "Clear lungs.", "impression": "Normal.", "labels": {"Edema": 0}, "icd": ["I10"]}
{"image_id": "..._test_0", "status": "ok", "value": "A chest x-ray.", ...}      journal
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.convert.fields import codes_in, id_at, labels_in, text_at
from tasks.documents import Entry, is_journal
from tasks.nouns import InputError, Report, Task, Value


def read_rows(entries: Sequence[Entry], path: Path, task: Task) -> dict[str, Value]:
    """The answers by image id; in a journal a later line of an image replaces an earlier one."""
    answers: dict[str, Value] = {}
    failed: dict[str, str] = {}
    for line, row in entries:
        where = f"{path}:{line or 1}"
        image_id = id_at(row, ("image_id", "id"), where)
        journal = is_journal(row)
        if image_id in answers and not journal:
            raise InputError(f"{where}: {image_id} stands twice: keep one answer for each image")
        if journal and row["status"] != "ok":
            failed[image_id] = where
            continue
        failed.pop(image_id, None)
        answers[image_id] = _value(_of_journal(row["value"], task) if journal else row, task, where)
    if failed:
        image_id, where = next(iter(failed.items()))
        raise InputError(f"{where}: {image_id} failed and has no answer ({len(failed)} such images): run it again")
    return answers


def lines(answers: Mapping[str, Value]) -> str:
    """The answers as JSONL."""
    rows = ({"image_id": image_id, **_fields(value)} for image_id, value in answers.items())
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _fields(value: Value) -> dict[str, Any]:
    if isinstance(value, tuple):
        return {"cuis": list(value)}
    if isinstance(value, str):
        return {"caption": value}
    labels = {"labels": dict(value.labels)} if value.labels else {}
    codes = {"icd": list(value.icd)} if value.icd else {}
    return {"findings": value.findings, "impression": value.impression, **labels, **codes}


def _of_journal(value: Any, task: Task) -> dict[str, Any]:
    """The journal's value as the fields of an answer."""
    if isinstance(value, dict):
        return value
    return {"cuis" if task is Task.CONCEPTS else "caption": value}


def _value(row: Mapping[str, Any], task: Task, where: str) -> Value:
    if task is Task.CAPTIONS:
        return text_at(row, "caption", where)
    if task is Task.REPORTS:
        findings, impression = text_at(row, "findings", where), text_at(row, "impression", where)
        return Report(findings, impression, _labels(row, where), _codes(row, where))
    cuis = row.get("cuis")
    if not isinstance(cuis, list) or not all(isinstance(cui, str) for cui in cuis):
        raise InputError(f"{where} has no 'cuis': give a list of CUIs, an empty one if that is the answer")
    return tuple(cuis)


def _labels(row: Mapping[str, Any], where: str) -> dict[str, int | None]:
    labels = labels_in(row.get("labels") or {})
    if labels is None:
        raise InputError(f"{where}: 'labels' is not an object of 1, 0, -1 and null: correct it or leave it out")
    return labels


def _codes(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    codes = codes_in(row.get("icd") or [])
    if codes is None:
        raise InputError(f"{where}: 'icd' is not a list of texts such as [\"I10\"]: correct it or leave it out")
    return codes
