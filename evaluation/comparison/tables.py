"""A comparison as tables: the scores with the best in bold, every difference with its tests, the groups of images.

scores_table(found)        # a row per system, a column per score, marks where a difference is more than noise
differences_table(found)   # a row per score and pair: difference, interval, p values, images won and lost
verdicts(found)            # ("tuned against base: the gain of .002 in f1 is noise (p = .43)", ...)
write_tables(Path("table.tex"), all_tables(found))
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from evaluation.comparison.group_tables import breakdown_tables
from evaluation.comparison.paired import TIE
from evaluation.comparison.pairing import ALPHA, Pairing
from evaluation.comparison.systems import Comparisons
from evaluation.comparison.wording import (
    DIFFERENCE,
    ENDS,
    adjusted,
    difference_cells,
    drawn,
    how,
    number,
    sentence,
    slug,
    what,
)
from evaluation.tables.table import Cell, Column, Table


def all_tables(found: Comparisons) -> list[Table]:
    """Everything that was found, the scores first."""
    return [scores_table(found), differences_table(found), *breakdown_tables(found)]


def scores_table(found: Comparisons) -> Table:
    """A row per system, a column per score; the title names task, edition, split, images, tests and correction."""
    letters = letters_of(found.names)
    rows = []
    for name, one in zip(found.names, found.scores, strict=True):
        lead = [Cell(letters[name])] if found.all_pairs else []
        scores = [
            number(one.scores[metric].value, best=_is_best(found, metric, name), marks=marks_of(found, metric, name))
            if metric in one.scores
            else Cell(None, "–")
            for metric in found.metrics
        ]
        rows.append((*lead, Cell(name), *scores))
    lead_columns = (Column("#", numeric=False),) if found.all_pairs else ()
    return Table(
        title=f"{what(found)}: scores, the best in bold. {_legend(found)}.",
        columns=(*lead_columns, Column("run", numeric=False), *map(Column, found.metrics)),
        rows=tuple(rows),
        notes=(sentence(f"paired approximate randomisation, {drawn(found)}; p {adjusted(found)}"),),
        label=f"{slug(found)}-scores",
    )


def differences_table(found: Comparisons) -> Table:
    """A row per score and pair of systems."""
    return _pairs(
        found.pairings,
        found,
        title=f"{what(found)}: differences, system less baseline; * where p Holm < {ALPHA}.",
        label=f"{slug(found)}-differences",
    )


def verdicts(found: Comparisons) -> tuple[str, ...]:
    """What every difference comes to, in words."""
    return tuple(verdict(pairing) for pairing in found.pairings)


def verdict(pairing: Pairing) -> str:
    """What the difference of two systems comes to, with their names."""
    return f"{pairing.system} against {pairing.baseline}: {pairing.words()}"


def letters_of(names: Sequence[str]) -> dict[str, str]:
    """Name -> the letter that stands for it in superscripts: a to z, then aa, ab and so on."""
    found = {}
    for place, name in enumerate(names):
        high, low = divmod(place, len(ascii_lowercase))
        found[name] = (ascii_lowercase[high - 1] if high else "") + ascii_lowercase[low]
    return found


def marks_of(found: Comparisons, metric: str, name: str) -> str:
    """Where all pairs are compared, the letters of the systems that this one beats; else * where it differs."""
    own = [one for one in found.pairings if one.metric == metric and one.better]
    if not found.all_pairs:
        return "*" if any(one.system == name for one in own) else ""
    letters = letters_of(found.names)
    beaten = {one.baseline if one.better == one.system else one.system for one in own if one.better == name}
    return ",".join(letters[other] for other in found.names if other in beaten)


def _legend(found: Comparisons) -> str:
    test = f"paired approximate randomisation with Holm's correction, p < {ALPHA}"
    if found.all_pairs:
        return f"Superscripts are the letters of the runs that it beats ({test})"
    return f"* differs from {found.names[0]} ({test})"


def _is_best(found: Comparisons, metric: str, name: str) -> bool:
    """Whether no system has a higher score, and not all have the same."""
    values = {
        other: one.scores[metric].value
        for other, one in zip(found.names, found.scores, strict=True)
        if metric in one.scores
    }
    high, low = max(values.values()), min(values.values())
    return high - low > TIE and high - values[name] <= TIE


def _pairs(pairings: Sequence[Pairing], found: Comparisons, *, title: str, label: str) -> Table:
    values = {
        (metric, name): one.scores[metric].value
        for name, one in zip(found.names, found.scores, strict=True)
        for metric in one.scores
    }
    rows, sections, before = [], set(), ""
    for place, one in enumerate(pairings):
        if one.metric != before:
            sections.add(place)
        shown = one.metric if one.metric != before else ""
        before = one.metric
        rows.append(
            (
                Cell(one.metric, shown),
                Cell(one.system),
                Cell(one.baseline),
                number(values[one.metric, one.system]),
                *difference_cells(one),
                Cell(one.p_bootstrap, f"{one.p_bootstrap:.4f}"),
                Cell(one.p_randomisation, f"{one.p_randomisation:.4f}"),
                Cell(one.p_holm, f"{one.p_holm:.4f}"),
                *(Cell(images) for images in (one.wins, one.ties, one.losses)),
            )
        )
    columns = (
        *(Column(name, numeric=False) for name in ("score", "system", "baseline")),
        Column("value"),
        *DIFFERENCE,
        *map(Column, ("p boot", "p rand", "p Holm", "wins", "ties", "losses")),
    )
    return Table(
        title,
        columns,
        tuple(rows),
        notes=(sentence(f"{ENDS}; {how(found)}"),),
        sections=frozenset(sections),
        label=label,
    )
