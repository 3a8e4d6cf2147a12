"""The labels and ICD codes that go with reports, which a table of two sections cannot hold.

Those of a file of references stand in `labels.csv` beside it, as CheXpert's tables have them. Those of a system are in
the journal of the run, `predictions.<rank>.jsonl` beside the submission. A row of the table gets those of its image
where both have the same text, so that a table changed by hand is not credited with what another text said:

    with_stated({"s1": Report("Clear lungs.", "Normal.")}, Path("submissions/report_generation/base"))
    # {"s1": Report("Clear lungs.", "Normal.", {"Edema": 0}, ("I509",))}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evaluation.labels.codes import UNCERTAIN, place_of
from tasks.datasets.table import read_table
from tasks.nouns import InputError, Prediction, Report, Value
from tasks.submission import one_line


def with_stated(answers: Mapping[str, Value], folder: Path) -> dict[str, Value]:
    """The answers with the labels and codes that the journal in `folder`, if any, has for them."""
    journal = _journal(folder)
    return {image_id: _completed(answer, journal.get(image_id)) for image_id, answer in answers.items()}


def labels_beside(references: Path) -> dict[str, dict[str, int | None]]:
    """Image id -> label -> 1, 0, -1 or None (an empty field) of `labels.csv` beside the file; other columns are not
    read."""
    path = references.with_name("labels.csv")
    if not path.is_file():
        return {}
    table = read_table(path)
    columns = [(n, title) for n, title in enumerate(table.header) if place_of(title) is not None]
    return {
        image_id: {title: _value(row[n], f"{path}: {image_id}, '{title}'") for n, title in columns}
        for image_id, row in table.rows.items()
    }


def _value(cell: str, where: str) -> int | None:
    """What a field of CheXpert's tables says: `1.0`, `0.0`, `-1.0` or nothing."""
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if value not in (1, 0, UNCERTAIN):
        raise InputError(f"{where}: {cell!r} is no label: use 1, 0, -1 or leave it empty")
    return int(value)


def _completed(answer: Value, said: Report | None) -> Value:
    if not isinstance(answer, Report) or said is None or _text(answer) != _text(said):
        return answer
    return replace(answer, labels=said.labels, icd=said.icd)


def _text(report: Report) -> tuple[str, str]:
    """The sections as a submission holds them."""
    return one_line(report.findings), one_line(report.impression)


def _journal(folder: Path) -> dict[str, Report]:
    """The answered reports by image; a later line replaces an earlier one, and a torn last line is dropped."""
    found: dict[str, Report] = {}
    for path in sorted(folder.glob("predictions.*.jsonl")):
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
            try:
                prediction = Prediction.from_json(json.loads(line.decode("utf-8")))
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{path}:{number}: not a prediction: delete this line") from None
            if isinstance(prediction.value, Report) and prediction.status == "ok":
                found[prediction.image_id] = prediction.value
    return found
