"""The tables of the groups of images: every system on each group, with its difference and p adjusted for all groups.

[by_modality] = breakdown_tables(found)      # of a comparison by modality in one score
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.comparison.breakdown import Breakdown, Group
from evaluation.comparison.paired import TIE
from evaluation.comparison.pairing import ALPHA, Pairing
from evaluation.comparison.systems import Comparisons
from evaluation.comparison.wording import DIFFERENCE, ENDS, INTERVAL, difference_cells, number, slug, what
from evaluation.doubts import FEW
from evaluation.tables.table import Cell, Column, Table
from tasks.problems import counted


def breakdown_tables(found: Comparisons) -> tuple[Table, ...]:
    """A table for each way to group the images and each of its scores."""
    return tuple(_of_groups(found, one, metric) for one in found.breakdowns for metric in one.metrics)


def _of_groups(found: Comparisons, breakdown: Breakdown, metric: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    sections = set()
    for group in breakdown.groups:
        sections.add(len(rows))
        rows += _of_group(found, group, metric)
    tests = sum(pairing.metric == metric for group in breakdown.groups for pairing in group.pairings)
    few = f", too narrow where n is below {FEW}" if any(group.n < FEW for group in breakdown.groups) else ""
    tested = f"the {counted(tests, 'comparison')} of this table"
    versus = "" if found.all_pairs else f", differences from {found.names[0]}"
    return Table(
        title=f"{what(found)}: {metric} by {breakdown.by}{versus}; * where p Holm < {ALPHA}.",
        columns=(
            Column(breakdown.by, numeric=False),
            Column("n"),
            Column("run", numeric=False),
            Column(metric),
            *INTERVAL,
            *((Column("against", numeric=False),) if found.all_pairs else ()),
            *DIFFERENCE,
            Column("p Holm"),
        ),
        rows=tuple(rows),
        notes=(f"Groups {breakdown.how}; {ENDS}{few}; p Holm is adjusted for {tested}.",),
        sections=frozenset(sections),
        label=f"{slug(found)}-{metric}-by-{breakdown.by}".replace("_", "-"),
    )


def _of_group(found: Comparisons, group: Group, metric: str) -> list[tuple[Cell, ...]]:
    """A row per system; where all pairs are compared, one for each pair that it is the system of."""
    pairings: Mapping[str, list[Pairing]] = {name: [] for name in found.names}
    for one in group.pairings:
        if one.metric == metric:
            pairings[one.system].append(one)
    values = [own[metric].value for own in group.scores if metric in own]
    rows: list[tuple[Cell, ...]] = []
    for name, own in zip(found.names, group.scores, strict=True):
        if (score := own.get(metric)) is None:
            continue
        best = max(values) - score.value <= TIE < max(values) - min(values)
        own_pairings: Sequence[Pairing | None] = pairings[name] or [None]
        for test in own_pairings:
            first = not rows
            lead = (Cell(group.name, None if first else ""), Cell(group.n, None if first else ""), Cell(name))
            against = (Cell(test.baseline if test else None),) if found.all_pairs else ()
            tested = (*difference_cells(test), Cell(test.p_holm, f"{test.p_holm:.4f}")) if test else (Cell(None),) * 4
            rows.append((*lead, number(score.value, best=best), *map(number, score.ci), *against, *tested))
    return rows
