"""A leaderboard as tables: the published rows with ours among them, and where ours would have stood.

for table in board_tables(board, every=True):
    print_table(table, Console())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.leaderboard.board import Board, Bounds, Place
from evaluation.leaderboard.published import in_order, mixed, notes_of, row_cells, shown, table_of
from evaluation.leaderboard.rows import Row
from evaluation.leaderboard.standing import compared
from evaluation.tables.table import Cell, Column, Table
from evaluation.tables.terminal import bare

OURS = "ours"
OFFICIAL = "the organisers' score, as the ledger of uploads has it"
SIGNS = "*†‡§¶"
NO_RUNS = "No finished run of ours is of this task and year."
RANKS = "Ours: → the rank among the rows listed here, in brackets where the score is not comparable."


def board_tables(board: Board, *, every: bool) -> list[Table]:
    """The leaderboard, and where our runs would have stood.

    With `every`, all published scores and the notes on rows; else the chief scores, for which a page has room.
    """
    marks = _marks(board)
    placed = [place for place in board.places if place.standing is not None]
    notes = notes_of(board.table, board.metric, every=every)
    about_ours = [f"{mark} {said}" for said, mark in marks.items()] + _not_placed(board)
    if not placed:
        return [_leaderboard(board, marks, every=every, notes=[*notes, *(about_ours or [NO_RUNS])])]
    notes.insert(0, RANKS)
    standings = Table(
        title=_in_words(next((place for place in placed if not place.entry.doubts), placed[0])),
        columns=_place_columns(placed, board.metric),
        rows=tuple(_place_row(place, marks, partial=_partial(placed)) for place in placed),
        notes=tuple(about_ours),
        label=f"standing-{board.table.edition}",
    )
    return [_leaderboard(board, marks, every=every, notes=notes), standings]


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st, ..."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _leaderboard(board: Board, marks: Mapping[str, str], *, every: bool, notes: Sequence[str]) -> Table:
    """The published rows with ours among them; one that ties stands below those that were there."""
    metrics = shown(board.table, board.metric, every=every)
    counts = mixed(board.table)
    lines: list[tuple[Cell, ...]] = []
    ours = [place for place in board.places if place.standing is not None]
    for row in in_order(board.published, board.metric):
        while ours and _above(ours[0], row, board.metric):
            lines.append(_our_row(ours.pop(0), metrics, marks, counts=counts))
        lines.append(row_cells(row, metrics, counts=counts))
    lines += [_our_row(place, metrics, marks, counts=counts) for place in ours]
    return table_of(board.table, board.metric, metrics, lines=lines, notes=notes)


def _place_columns(placed: Sequence[Place], metric: str) -> tuple[Column, ...]:
    true_rank = [Column("true rank", numeric=False)] if _partial(placed) else []
    ranks = (Column("rank"), Column("by interval"), *true_rank)
    scores = (Column(metric), Column("95 % interval"))
    return (Column("run", numeric=False), *scores, *ranks, Column("to next"), Column("to first"))


def _place_row(place: Place, marks: Mapping[str, str], *, partial: bool) -> tuple[Cell, ...]:
    entry, found = place.entry, place.standing
    assert found is not None and entry.value is not None
    rank = f"{found.rank}{'=' if found.ties else ''} of {found.of}"
    low, high = place.ranks or (None, None)
    true = ", ".join(_bounds(counts, bounds) for counts, bounds in place.true_ranks.items())
    return (
        Cell(entry.name, best=True, marks=_marked(place, marks)),
        Cell(entry.value, bare(entry.value)),
        Cell(f"{bare(entry.ci[0])} – {bare(entry.ci[1])}" if entry.ci else ""),
        Cell(f"({found.rank})", f"({rank})") if entry.doubts else Cell(found.rank, rank),
        Cell("" if low is None else f"{low}" if low == high else f"{low} to {high}"),
        *([Cell(true)] if partial else []),
        *(Cell(gap, "" if gap is None else bare(gap, sign="+")) for gap in (found.to_next, found.to_first)),
    )


def _in_words(place: Place) -> str:
    """`base would have been 3rd of 8 listed, by its interval 2nd to 5th`."""
    found, ends = place.standing, place.ranks
    assert found is not None
    said = f"{place.entry.name} {'is' if place.row else 'would have been'} {ordinal(found.rank)} of {found.of} listed"
    if ends is not None and ends[0] != ends[1]:
        said += f", by its interval {ordinal(ends[0])} to {ordinal(ends[1])}"
    return f"{said}, were its score comparable" if place.entry.doubts else said


def _our_row(place: Place, metrics: Sequence[str], marks: Mapping[str, str], *, counts: bool) -> tuple[Cell, ...]:
    """A row of ours: with the rank that was published, or with that among the listed rows after an arrow."""
    entry, found, row = place.entry, place.standing, place.row
    assert found is not None
    among = Cell(f"({found.rank})") if entry.doubts else Cell(found.rank, f"→ {found.rank}")
    scores = (entry.scores.get(name) for name in metrics)
    team = f"{OURS}: {entry.team}" if entry.team else OURS
    return (
        Cell(row.rank) if row else among,
        *([Cell(row.counts if row else "")] if counts else []),
        Cell(f"{team}, not comparable" if entry.doubts else team, team, best=True),
        Cell(entry.name, best=True, marks=_marked(place, marks)),
        *(Cell(score, "" if score is None else f"{score:.4f}") for score in scores),
    )


def _above(place: Place, row: Row, metric: str) -> bool:
    """Whether ours stands above the row."""
    value = place.entry.value
    return value is not None and (metric not in row.scores or compared(value, row.scores[metric]) > 0)


def _not_placed(board: Board) -> list[str]:
    """A line for each reason, with the names of its runs."""
    reasons: dict[str, list[str]] = {}
    for place in board.places:
        if place.entry.not_placed:
            reasons.setdefault(place.entry.not_placed, []).append(place.entry.name)
    return [f"not placed: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _marks(board: Board) -> dict[str, str]:
    """What is remarked of placed runs -> its sign."""
    said = dict.fromkeys(text for place in board.places for text in _remarks(place))
    return {text: SIGNS[number % len(SIGNS)] * (1 + number // len(SIGNS)) for number, text in enumerate(said)}


def _remarks(place: Place) -> list[str]:
    if place.entry.official:
        return [OFFICIAL]
    return [f"{doubt}: not comparable" for doubt in place.entry.doubts]


def _marked(place: Place, marks: Mapping[str, str]) -> str:
    return ",".join(marks[text] for text in _remarks(place))


def _partial(placed: Sequence[Place]) -> bool:
    return any(place.true_ranks for place in placed)


def _bounds(counts: str, bounds: Bounds) -> str:
    """`runs 5`, `teams 2 to 3`, `runs 10 or lower`."""
    low, high = bounds
    said = f"{low} or lower" if high is None else str(low) if low == high else f"{low} to {high}"
    return f"{counts} {said}".strip()
