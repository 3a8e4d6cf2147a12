"""Where the runs would stand among the published results of their task and year, in sentences.

standings(material)
# ["Among the 7 published rows of concept detection 2026, a partial table, base (f1 0.5123) would be 5th of 8 (3rd to
#  6th within its interval). Not comparable: scored on 19,240 images of valid; the table is on test."]
"""

from __future__ import annotations

from pathlib import Path

from evaluation.leaderboard.board import Board, Place, make_board
from evaluation.leaderboard.standing import Standing
from evaluation.paper.material import PaperMaterial
from tasks.nouns import InputError


def standings(material: PaperMaterial) -> list[str]:
    """A sentence for each run that has a place; none where nothing is published or no score can be placed."""
    try:
        board = make_board(material.runs[0].task, material.runs[0].edition, runs=material.runs)
    except InputError:  # no published table of this task and year
        return []
    names = {run.folder: name for name, run in zip(material.names, material.runs, strict=True)}
    return [
        _sentence(board, place, place.standing, names.get(place.entry.folder or Path(), place.entry.name))
        for place in board.places
        if place.standing is not None
    ]


def _sentence(board: Board, place: Place, found: Standing, name: str) -> str:
    table, entry = board.table, place.entry
    partial = "" if table.about.complete else ", a partial table"
    of = f"{table.task.value.replace('_', ' ')} {table.edition}"
    said = (
        f"Among the {found.of - 1} published rows of {of}{partial}, {name} ({board.metric} {entry.value:.4f}) would be "
        f"{ordinal(found.rank)} of {found.of}"
    )
    if place.ranks is not None and place.ranks[0] != place.ranks[1]:
        said += f" ({ordinal(place.ranks[0])} to {ordinal(place.ranks[1])} within its interval)"
    doubts = f" Not comparable: {'; '.join(entry.doubts)}." if entry.doubts else ""
    return f"{said}.{doubts}"


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
