"""The labels and ICD codes that go with reports, which a table of two sections cannot hold.

Those of a file of references stand in `labels.csv` beside it, as CheXpert's tables have them. Those of a system are in
the journal of the run, `predictions.<rank>.jsonl` beside the submission. A row of the table gets those of its image
where both have the same text, so that a table changed by hand is not credited with what another text said:

    with_stated({"s1": Report("Clear lungs.", "Normal.")}, Path("submissions/report_generation/base"))
    # {"s1": Report("Clear lungs.", "Normal.", {"Edema": 0}, ("I509",))}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evaluation.labels.codes import place_of
from tasks.datasets.rows import label_in
from tasks.datasets.table import read_table
from tasks.journal import read_journal
from tasks.nouns import Report, Value
from tasks.submission import one_line


def with_stated(answers: Mapping[str, Value], folder: Path) -> dict[str, Value]:
    """The answers with the labels and codes that the journal in `folder`, if any, has for them."""
    journal = read_journal(folder)
    return {i: _completed(answer, journal[i].value if i in journal else None) for i, answer in answers.items()}


def labels_beside(references: Path) -> dict[str, dict[str, int | None]]:
    """Image id -> label -> 1, 0, -1 or None (an empty field) of `labels.csv` beside the file; other columns are not
    read."""
    path = references.with_name("labels.csv")
    if not path.is_file():
        return {}
    table = read_table(path)
    columns = [(n, title) for n, title in enumerate(table.header) if place_of(title) is not None]
    return {
        image_id: {title: label_in(row[n], f"{path}: {image_id}, '{title}'") for n, title in columns}
        for image_id, row in table.rows.items()
    }


def _completed(answer: Value, said: Value | None) -> Value:
    if not isinstance(answer, Report) or not isinstance(said, Report) or _text(answer) != _text(said):
        return answer
    return replace(answer, labels=said.labels, icd=said.icd)


def _text(report: Report) -> tuple[str, str]:
    """The sections as a submission holds them."""
    return one_line(report.findings), one_line(report.impression)
