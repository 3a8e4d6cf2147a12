"""The tables of the results: every score with its interval, scores stored before, every difference with its tests.

for table in scores_tables(material):     # a row for each score, a column for each run, a few runs in each table
    as_latex(table)
stored_scores(material)                   # Table, or None where the runs were given no others before
differences(material.comparisons)         # Table
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evaluation.comparison.pairing import ALPHA
from evaluation.comparison.systems import Comparisons
from evaluation.comparison.tables import differences_table, marks_of
from evaluation.inputs.run_folders import Run
from evaluation.paper.material import PaperMaterial
from evaluation.paper.setup import counted, task_title
from evaluation.scores import Score, Scores
from evaluation.tables.table import Cell, Column, Table

ACROSS = 3
"""Runs in one table of scores."""
_SAID = ("baseline", "value")
"""Columns of differences that the title and the table of scores say."""
_ENDS = {"diff. low": "from", "diff. high": "to"}
LEVEL = f"{ALPHA:g}".removeprefix("0")


def scores_tables(material: PaperMaterial) -> list[Table]:
    """Every score of every run with its interval, some runs in each table."""
    some = [range(k, min(k + ACROSS, len(material.names))) for k in range(0, len(material.names), ACROSS)]
    return [
        _scores(material, places, more=f" ({n} of {len(some)})" if len(some) > 1 else "")
        for n, places in enumerate(some, 1)
    ]


def stored_scores(material: PaperMaterial) -> Table | None:
    """Scores that the runs were given before, as by models that are not at hand now; None where there are none."""
    found = [stored_of(run, scores) for run, scores in zip(material.runs, material.scores, strict=True)]
    names = sorted({name for own in found for name in own})
    if not names:
        return None
    rows = [
        (Cell(run), *(_stored(own.get(name)) for name in names)) for run, own in zip(material.names, found, strict=True)
    ]
    return Table(
        title="Scores computed with models when the runs were scored; their differences are not tested here.",
        columns=(Column("run", numeric=False), *map(Column, names)),
        rows=tuple(rows),
        notes=("95 % intervals in brackets.",),
        label="stored-scores",
    )


def stored_of(run: Run, scores: Scores) -> dict[str, Mapping[str, Any]]:
    """Name -> entry of `scores.json` that is not among `scores` and against the same references, as signatures say."""
    entries = (run.scores or {}).get("scores", {})
    pins = {part for score in scores.scores.values() for part in score.signature.split("|") if part.startswith("refs:")}
    return {
        name: entry
        for name, entry in entries.items()
        if name not in scores.scores and pins & set(str(entry.get("signature", "")).split("|"))
    }


def differences(found: Comparisons) -> Table:
    """Every difference from the first run with its interval and its p values; of a single other run without its name
    and without a correction."""
    whole = differences_table(found)
    alone = found.comparisons == 1
    left = (*_SAID, "system", "p Holm") if alone else _SAID
    kept = [k for k, column in enumerate(whole.columns) if column.title not in left]
    titles = {**_ENDS, "p rand": "p" if alone else "p rand", "system": "run"}
    columns = [
        replace(whole.columns[k], title=titles.get(whole.columns[k].title, whole.columns[k].title)) for k in kept
    ]
    who = f"{found.names[1]} less" if alone else "the runs less"
    return replace(
        whole,
        title=f"Differences on {len(found.scores[0].ids):,} images: {who} {found.names[0]}.",
        columns=tuple(columns),
        rows=tuple(tuple(row[k] for k in kept) for row in whole.rows),
        notes=(_explained(found, alone=alone),),
        sections=frozenset() if alone else whole.sections,
        label="differences",
    )


def _explained(found: Comparisons, *, alone: bool) -> str:
    tests = (
        f"p: of approximate randomisation; *: p < {LEVEL}"
        if alone
        else f"p rand: of approximate randomisation; p Holm: p rand adjusted for {found.comparisons} comparisons per "
        f"score; *: p Holm < {LEVEL}"
    )
    return (
        "From and to: the ends of the 95 % interval of the difference; p boot: of the paired bootstrap; "
        f"{tests}; wins, ties and losses: images with a higher, equal or lower value of their own."
    )


def _scores(material: PaperMaterial, places: Sequence[int], *, more: str) -> Table:
    first = material.scores[0]
    names = dict.fromkeys(name for one in material.scores for name in one.scores)
    rows = []
    for name in names:
        found = [one.scores.get(name) for one in material.scores]
        known = [score.value for score in found if score is not None]
        best = max(known) if len(known) > 1 else None
        role = next(score.role for score in found if score is not None)
        rows.append(
            (
                Cell(name, marks="p" if role == "primary" else ""),
                *(_cell(found[k], best, _marks(material, name, k)) for k in places),
            )
        )
    return Table(
        title=f"Scores on {len(first.ids):,} images of {material.runs[0].split}, {task_title(material)}{more}.",
        columns=(Column("score", numeric=False), *(Column(material.names[k]) for k in places)),
        rows=tuple(rows),
        notes=(_noted(material, rows),),
        label=f"scores{places[0] + 1 if places[0] else ''}",
    )


def _noted(material: PaperMaterial, rows: Sequence[Sequence[Cell]]) -> str:
    notes = ["95 % intervals in brackets" + (", the best value in bold" if len(material.names) > 1 else "")]
    found = material.comparisons
    if found is not None and any(cell.marks for row in rows for cell in row[1:]):
        adjusted = (
            f", adjusted by Holm's method for {counted(found.comparisons, 'run')}" if found.comparisons > 1 else ""
        )
        notes.append(f"*: differs from {found.names[0]} (approximate randomisation, p < {LEVEL}{adjusted})")
    if any(row[0].marks for row in rows):
        notes.append("p: the edition's primary score")
    if any(score.surrogate for one in material.scores for score in one.scores.values()):
        notes.append("a surrogate stands in for an official score whose model is missing here")
    return "; ".join(notes) + "."


def _marks(material: PaperMaterial, name: str, place: int) -> str:
    found = material.comparisons
    return marks_of(found, name, material.names[place]) if found is not None else ""


def _cell(score: Score | None, best: float | None, marks: str) -> Cell:
    if score is None:
        return Cell(None, "not computed")
    return Cell(score.value, _said(score.value, *score.ci), best=best is not None and score.value == best, marks=marks)


def _stored(entry: Mapping[str, Any] | None) -> Cell:
    return Cell(None, "not computed") if entry is None else Cell(entry["value"], _said(entry["value"], *entry["ci"]))


def _said(value: float, low: float, high: float) -> str:
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"
