"""`results.tex`: tables of scores and differences, and in sentences what was tested and what is noise.

results_tex(material, cites)      # LaTeX; without references one sentence that says so
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evaluation.comparison.pairing import said_p
from evaluation.comparison.systems import Comparisons
from evaluation.comparison.tables import differences_table, marks_of, verdict
from evaluation.inputs.run_folders import Run
from evaluation.paper.material import PaperMaterial
from evaluation.paper.setup import counted, task_title
from evaluation.paper.standing import standings
from evaluation.paper.text import as_tex, listed
from evaluation.scores import Score, Scores
from evaluation.tables.latex import as_latex
from evaluation.tables.table import Cell, Column, Table

ACROSS = 3
"""Runs in one table of scores."""
_SAID = ("baseline", "value")
"""Columns of differences that the text and the table of scores say."""
Cite = Callable[[str], str]
"""Tag of what is used -> `~\\cite{...}`, or nothing."""


def results_tex(material: PaperMaterial, cite: Cite) -> str:
    """The body of the section on results."""
    if not material.scores:
        return "The data set has no references for these images: there are no scores.\n"
    parts = [_opening(material, cite), *map(as_latex, scores_tables(material))]
    if (stored := stored_scores(material)) is not None:
        parts.append(as_latex(stored))
    if material.comparisons is not None:
        found = material.comparisons
        parts += [_tests(found, cite), as_latex(differences(found)), listed(map(as_tex, outcomes(found)))]
    parts += [listed(map(as_tex, standings(material))), _limits(material)]
    return "\n".join(part for part in parts if part)


def scores_tables(material: PaperMaterial) -> list[Table]:
    """Every score of every run with its interval, some runs in each table."""
    some = [range(k, min(k + ACROSS, len(material.names))) for k in range(0, len(material.names), ACROSS)]
    return [
        _scores(material, places, more=f" ({n} of {len(some)})" if len(some) > 1 else "")
        for n, places in enumerate(some, 1)
    ]


def stored_scores(material: PaperMaterial) -> Table | None:
    """Scores that the runs were given before, as by models that are not at hand now; None where there are none.

    Only those against the same references count, which each signature pins.
    """
    found = [_stored(run, scores) for run, scores in zip(material.runs, material.scores, strict=True)]
    names = sorted({name for own in found for name in own})
    if not names:
        return None
    rows = [
        (Cell(run), *(_entry(own.get(name)) for name in names)) for run, own in zip(material.names, found, strict=True)
    ]
    return Table(
        title="Scores computed with models when the runs were scored; their differences are not tested here.",
        columns=(Column("run", numeric=False), *map(Column, names)),
        rows=tuple(rows),
        notes=("95 % intervals in brackets.",),
        label="stored-scores",
    )


def _stored(run: Run, scores: Scores) -> dict[str, Mapping[str, Any]]:
    entries = (run.scores or {}).get("scores", {})
    pins = {part for score in scores.scores.values() for part in score.signature.split("|") if part.startswith("refs:")}
    return {
        name: entry
        for name, entry in entries.items()
        if name not in scores.scores and pins & set(str(entry.get("signature", "")).split("|"))
    }


def _entry(entry: Mapping[str, Any] | None) -> Cell:
    if entry is None:
        return Cell(None, "not computed")
    low, high = entry["ci"]
    return Cell(entry["value"], f"{entry['value']:.4f} [{low:.4f}, {high:.4f}]")


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
    several = len(material.names) > 1
    notes = ["95 % intervals in brackets" + (", the best value in bold" if several else "")]
    if any(cell.marks for row in rows for cell in row[1:]):
        notes.append(f"*: differs from {material.names[0]} by more than noise (p < .05)")
    if any(cell.marks for row in rows for cell in row[:1]):
        notes.append("p: the edition's primary score")
    if any(score.surrogate for one in material.scores for score in one.scores.values()):
        notes.append("a surrogate stands in for an official metric that needs a model")
    return Table(
        title=f"Scores on {len(first.ids):,} images of {material.runs[0].split}, {task_title(material)}, "
        f"edition {first.edition}{more}.",
        columns=(Column("score", numeric=False), *(Column(material.names[k]) for k in places)),
        rows=tuple(rows),
        notes=("; ".join(notes) + ".",),
        label=f"scores{places[0] + 1 if places[0] else ''}",
    )


def _marks(material: PaperMaterial, name: str, place: int) -> str:
    found = material.comparisons
    return marks_of(found, name, material.names[place]) if found is not None else ""


def _cell(score: Score | None, best: float | None, marks: str) -> Cell:
    if score is None:
        return Cell(None, "not computed")
    low, high = score.ci
    return Cell(
        score.value,
        f"{score.value:.4f} [{low:.4f}, {high:.4f}]",
        best=best is not None and score.value == best,
        marks=marks,
    )


def differences(found: Comparisons) -> Table:
    """Every difference from the first run with its interval and its p values."""
    whole = differences_table(found)
    kept = [k for k, column in enumerate(whole.columns) if column.title not in _SAID]
    rows = tuple(tuple(row[k] for k in kept) for row in whole.rows)
    columns = tuple(whole.columns[k] for k in kept)
    return replace(whole, columns=columns, rows=rows, notes=(), label="differences")


def _opening(material: PaperMaterial, cite: Cite) -> str:
    first = material.scores[0]
    n = len(material.names)
    grouped = material.gold.grouped_by if material.gold and material.gold.groups else ""
    how = f"groups of images ({grouped})" if grouped else "images"
    return (
        f"{counted(n, 'run').capitalize()} {'is' if n == 1 else 'are'} scored on the {len(first.ids):,} images of "
        f"{as_tex(material.runs[0].split)} by the rules of edition {first.edition} of {as_tex(task_title(material))}"
        f"{cite('overview')}. Intervals are of 95~\\%, by bootstrap over {as_tex(how)}{cite('bootstrap')}. "
        "Table~\\ref{tab:scores} has the scores; the signature of each, which pins its formula, is in the "
        "reproducibility checklist.\n"
    )


def _tests(found: Comparisons, cite: Cite) -> str:
    units = "images" if found.groups is None else f"the images of {found.groups} patients or articles, each as a whole,"
    return (
        f"Differences from {as_tex(found.names[0])} were tested by approximate randomisation{cite('randomisation')} "
        f"and paired bootstrap{cite('paired')}, {found.trials:,} trials of {units} with seed {found.seed}; p~values "
        f"are adjusted for the number of runs by Holm's method{cite('holm')}. "
        f"Table~\\ref{{tab:differences}} has all of them.\n"
    )


def outcomes(found: Comparisons) -> list[str]:
    """A sentence for each run: what its first score comes to, then which others differ by more than noise."""
    sentences = []
    for name in found.names[1:]:
        own = [pairing for pairing in found.pairings if pairing.system == name]
        if not own:
            continue
        first, *others = own
        sentence = verdict(first)
        for title, group in (
            ("more than noise", [one for one in others if one.significant]),
            ("noise", [one for one in others if not one.significant]),
        ):
            some = [f"{one.metric} ({one.difference:+.4f}, {said_p(one.p_holm)})" for one in group]
            sentence += f"; {title} in {', '.join(some)}" if some else ""
        sentences.append(f"{sentence}.")
    return sentences


def _limits(material: PaperMaterial) -> str:
    """What has to be said of the scores."""
    warnings = (
        material.comparisons.warnings
        if material.comparisons
        else (*(material.gold.warnings if material.gold else ()), *material.scores[0].warnings)
    )
    stored = {name for run, one in zip(material.runs, material.scores, strict=True) for name in _stored(run, one)}
    missing = dict.fromkeys(name for one in material.scores for name in one.unavailable if name not in stored)
    lines = [warning if warning.endswith((".", "?")) else f"{warning}." for warning in dict.fromkeys(warnings)]
    if missing:
        lines.append(f"Not computed, for want of models or references: {', '.join(missing)}.")
    return "What has to be said of these scores:\n" + listed(map(as_tex, lines)) if lines else ""
