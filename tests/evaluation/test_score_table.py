"""What the terminal shows: no number is cropped, surrogates are marked, many reasons take a line each."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from evaluation.scores import Score, Scores
from evaluation.statistics import Statistics
from evaluation.tables.scores import print_scores
from tasks.nouns import Task

ONE = Statistics.mean(np.array([0.5]))
REASON = (
    "needs a model of many gigabytes that lies behind a licence: run fetch it --now, or name one with --model x=PATH"
)


def shown(*, width: int = 80, reasons: int = 1) -> str:
    scores = {
        "rouge1": Score(0.71821, (0.70441, 0.73021), "rouge1|x", "part", ONE),
        "factuality_surrogate": Score(0.46831, (0.42311, 0.51081), "s|x", "extra", ONE, surrogate=True),
    }
    unavailable = {f"metric{n}": REASON for n in range(reasons)}
    found = Scores(Task.CAPTIONS, 2026, "imageclef", ("a",), scores, unavailable, ("[b] is odd",))
    console = Console(file=io.StringIO(), width=width, record=True)
    print_scores(found, console)
    return console.export_text()


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_no_number_is_cropped(width: int) -> None:
    rows = [line.strip("│").split("│") for line in shown(width=width).splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["rouge1", "0.7182", "0.7044 – 0.7302", "part"],
        ["factuality_surrogate", "0.4683", "0.4231 – 0.5108", "surrogate"],
    ]


def test_few_reasons_are_told_in_full() -> None:
    assert " ".join(REASON.split()) in " ".join(shown(reasons=2).split())
    assert "--json" not in shown(reasons=2)


def test_many_reasons_take_a_line_each_and_say_where_the_whole_is() -> None:
    lines = shown(reasons=9).splitlines()
    told = [line for line in lines if line.startswith("metric")]
    assert len(told) == 9
    assert all("needs a model of many gigabytes" in line and line.rstrip().endswith("…") for line in told)
    assert all(len(line) <= 80 for line in lines)
    assert lines[lines.index(told[-1]) + 1].endswith("--metrics NAME, or --json")


def test_brackets_are_no_markup() -> None:
    assert "warning: [b] is odd" in shown()
