"""Where the runs would stand among the published results of their task and year, in words.

standings(material)
# "Among the 7 published rows of concept detection 2026, a partial table, base (f1 0.5123) would be 5th of 8 (3rd to
#  6th within its interval). Not comparable: scored on 19,240 images of valid; the table is on test."
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from evaluation.leaderboard.board import Board, Place, make_board
from evaluation.leaderboard.standing import Standing
from evaluation.leaderboard.tables import ordinal
from evaluation.paper.material import PaperMaterial
from evaluation.paper.text import in_words
from tasks.nouns import InputError


def standings(material: PaperMaterial) -> str:
    """The runs that have a place, what is not comparable said once for all that share it; empty where none has one."""
    try:
        board = make_board(material.runs[0].task, material.runs[0].edition, runs=material.runs)
    except InputError:  # no published table of this task and year
        return ""
    names = {run.folder: name for name, run in zip(material.names, material.runs, strict=True)}
    placed = sorted((one for one in board.places if one.standing is not None), key=lambda one: one.entry.doubts)
    if not placed:
        return ""
    said = []
    for doubts, places in groupby(placed, key=lambda one: one.entry.doubts):
        some = [_place(board, one, names.get(one.entry.folder or Path(), one.entry.name)) for one in places]
        said.append(f"{in_words(some)}.")
        if doubts:
            said.append(f"Not comparable: {'; '.join(doubts)}.")
    partial = "" if board.table.about.complete else ", a partial table"
    of = f"{board.table.task.value.replace('_', ' ')} {board.table.edition}"
    return f"Among the {_standing(placed[0]).of - 1} published rows of {of}{partial}, {' '.join(said)}"


def _place(board: Board, place: Place, name: str) -> str:
    found = _standing(place)
    said = f"{name} ({board.metric} {place.entry.value:.4f}) would be {ordinal(found.rank)} of {found.of}"
    if place.ranks is not None and place.ranks[0] != place.ranks[1]:
        said += f" ({ordinal(place.ranks[0])} to {ordinal(place.ranks[1])} within its interval)"
    return said


def _standing(place: Place) -> Standing:
    assert place.standing is not None
    return place.standing
