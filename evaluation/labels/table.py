"""Label F1 in every convention as one table: averages and label sets by rows, what uncertain labels count by columns.

Under it stand the names that papers use for some of the cells, what a value of 0 hides, and the scores of each label.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.labels.conventions import AVERAGES, CONVENTIONS, ICD, POLICIES, SETS, SOURCES
from evaluation.labels.per_label import BY_LABEL, per_label, unheld
from evaluation.scores import Score, Scores
from evaluation.tables.scores import print_title, print_unavailable, print_warnings, together
from evaluation.tables.terminal import print_whole

LABELS_OF = {str(source): what for source, what in SOURCES.items()} | {"chexbert": "read from both texts by CheXbert"}
"""First part of a score's name -> whose labels it compares; CheXbert is a model, of `evaluation.providers`."""


def print_label_scores(scores: Scores, console: Console, *, signatures: bool = False) -> None:
    """Print the table, the published names, the scores of each label and of the codes, and what is missing."""
    print_title(scores, console)
    sources = [source for source in LABELS_OF if any(name.startswith(f"{source}_") for name in scores.scores)]
    if sources:
        print_whole(_conventions(scores.scores, sources), console)
        for source in sources:
            console.print(f"{source}: labels {LABELS_OF[source]}", style="dim", soft_wrap=True)
        _print_published(scores.scores, console)
        for source in sources:
            _print_labels(source, scores.scores, console)
    for name in ICD:
        if name in scores.scores:
            console.print(f"{name} {_cell(scores.scores[name])}", highlight=False, soft_wrap=True)
    print_unavailable(together(scores.unavailable), console)
    if signatures:
        for score in scores.scores.values():
            console.print(escape(score.signature), highlight=False, soft_wrap=True)
    print_warnings(scores.warnings, console)


def _conventions(scores: Mapping[str, Score], sources: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("label F1", no_wrap=True)
    for policy in POLICIES.values():
        table.add_column(policy, justify="right", no_wrap=True)
    for source in sources:
        table.add_row(source, style="bold")
        for n in SETS:
            for average in AVERAGES:
                names = [f"{source}_{average}{n}_{policy}" for policy in POLICIES]
                cells = [_cell(scores[name]) if name in scores else "" for name in names]
                if any(cells):
                    table.add_row(f" {average} {n}", *cells)
        table.add_section()
    return table


def _cell(score: Score) -> str:
    """The value and its interval, four characters each (.949, 1.00), so that three fit on a line."""
    value, low, high = (f"{number:.3f}".removeprefix("0")[:4] for number in (score.value, *score.ci))
    return f"{value} ({low} – {high})"


def _print_published(scores: Mapping[str, Score], console: Console) -> None:
    """Which cells papers print under which name; the numbers are others where another labeler read the texts."""
    known = [one for name, one in CONVENTIONS.items() if name in scores and one.published]
    if not known:
        return
    console.print("known as (there with CheXbert's or CheXpert's labels in place of our labeler's):", style="dim")
    for one in known:
        cell = f"{one.average} {len(one.labels)}, {POLICIES[one.uncertain]}"
        console.print(f"  {cell}: {escape(one.published)}", highlight=False, soft_wrap=True, style="dim")


def _print_labels(source: str, scores: Mapping[str, Score], console: Console) -> None:
    """The scores of each label, and what counts 0 for want of a positive."""
    score = scores.get(BY_LABEL.format(source))
    if score is None:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(f"{source}, {POLICIES['u0']}", no_wrap=True)
    for title in ("true", "predicted", "precision", "recall", "F1"):
        table.add_column(title, justify="right", no_wrap=True)
    labels, images = unheld(score.statistics)
    for label, one in per_label(score.statistics).items():
        if label not in labels:
            ratios = [f"{ratio:.3f}" for ratio in (one.precision, one.recall, one.f1)]
            table.add_row(label, str(one.support), str(one.predicted), *ratios)
    print_whole(table, console)
    if labels:
        said = f"{', '.join(labels)}: no positive on either side, 0 in macro {len(SETS[14])}"
        console.print(said, style="dim", highlight=False, soft_wrap=True)
    if images:
        said = f"{images} images hold none of the {len(SETS[14])} on either side, 0 in example {len(SETS[14])}"
        console.print(said, style="dim", highlight=False, soft_wrap=True)
