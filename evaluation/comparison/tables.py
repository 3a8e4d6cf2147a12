"""A comparison as tables: the scores with the best in bold, every difference with its tests, the groups of images.

scores_table(found)        # a row per system, a column per score, marks where a difference is more than noise
differences_table(found)   # a row per score and pair: difference, interval, p values, images won and lost
verdicts(found)            # ("tuned against base: the gain of .002 in f1 is noise (p = .43)", ...)
write_tables(Path("table.tex"), all_tables(found))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from evaluation.comparison.breakdown import Breakdown, Group
from evaluation.comparison.paired import TIE
from evaluation.comparison.pairing import ALPHA, Pairing
from evaluation.comparison.systems import Comparisons
from evaluation.tables.table import Cell, Column, Table
from tasks.datasets.dataset import split_of

INTERVAL = (Column("low"), Column("high"))
DIFFERENCE = (Column("difference"), Column("diff. low"), Column("diff. high"))
ENDS = "low and high are the ends of 95 % intervals"


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
        notes=(_sentence(f"paired approximate randomisation, {_drawn(found)}; p {_adjusted(found)}"),),
        label=f"{_slug(found)}-scores",
    )


def differences_table(found: Comparisons) -> Table:
    """A row per score and pair of systems."""
    return _pairs(
        found.pairings,
        found,
        title=f"{what(found)}: differences, system less baseline; * where p Holm < {ALPHA}.",
        label=f"{_slug(found)}-differences",
    )


def breakdown_tables(found: Comparisons) -> tuple[Table, ...]:
    """A table for each way to group the images and each of its scores."""
    return tuple(_of_groups(found, one, metric) for one in found.breakdowns for metric in one.metrics)


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


def what(found: Comparisons) -> str:
    """Task, edition, split and number of images, for a title."""
    first = found.scores[0]
    task = first.task.value.replace("_", " ").capitalize()
    splits = " and ".join(sorted(set(map(split_of, first.ids))))
    common = " that all answer" if found.common else ""
    profile = "" if first.profile == "imageclef" else f", profile {first.profile}"
    return f"{task}, edition {first.edition}{profile}, {splits}, n = {len(first.ids)} images{common}"


def how(found: Comparisons) -> str:
    """How the differences were tested, to go on within a sentence."""
    return (
        "intervals and p boot by paired bootstrap, p rand by approximate randomisation, each with "
        f"{_drawn(found)}; p Holm is p rand {_adjusted(found)}"
    )


def _drawn(found: Comparisons) -> str:
    units = "images drawn and swapped one by one"
    if found.groups is not None:
        units = f"the images of a patient or article drawn and swapped together ({found.groups} groups)"
    return f"{found.trials} trials, seed {found.seed}, {units}"


def _adjusted(found: Comparisons) -> str:
    n = found.comparisons
    return f"adjusted for {n} comparison{'s' if n > 1 else ''} of a score"


def number(value: float, *, best: bool = False, marks: str = "", sign: str = "") -> Cell:
    """A cell with four decimals."""
    return Cell(value, f"{value:{sign}.4f}", best=best, marks=marks)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


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
                *_difference(one),
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
        notes=(_sentence(f"{ENDS}; {how(found)}"),),
        sections=frozenset(sections),
        label=label,
    )


def _of_groups(found: Comparisons, breakdown: Breakdown, metric: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    sections = set()
    for group in breakdown.groups:
        sections.add(len(rows))
        rows += _of_group(found, group, metric)
    tests = sum(pairing.metric == metric for group in breakdown.groups for pairing in group.pairings)
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
        notes=(f"Groups {breakdown.how}; {ENDS}; p Holm is adjusted for the {tests} comparisons of this table.",),
        sections=frozenset(sections),
        label=f"{_slug(found)}-{metric}-by-{breakdown.by}".replace("_", "-"),
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
        best = score.value == max(values) > min(values)
        own_pairings: Sequence[Pairing | None] = pairings[name] or [None]
        for test in own_pairings:
            first = not rows
            lead = (Cell(group.name, None if first else ""), Cell(group.n, None if first else ""), Cell(name))
            against = (Cell(test.baseline if test else None),) if found.all_pairs else ()
            tested = (*_difference(test), Cell(test.p_holm, f"{test.p_holm:.4f}")) if test else (Cell(None),) * 4
            rows.append((*lead, number(score.value, best=best), *map(number, score.ci), *against, *tested))
    return rows


def _difference(one: Pairing) -> tuple[Cell, ...]:
    star = "*" if one.significant else ""
    return number(one.difference, marks=star, sign="+"), *(number(end, sign="+") for end in one.ci)


def _slug(found: Comparisons) -> str:
    return found.scores[0].task.value.replace("_", "-")
