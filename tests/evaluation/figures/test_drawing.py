"""Looks of runs that can be told apart, and names that fit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.colors import to_rgb

from evaluation.drawing import bars, look, name_points, new_figure, printable, short_names, shortened


def test_looks_of_many_runs_differ_in_colour_or_marker() -> None:
    looks = [look(number) for number in range(56)]
    assert len({(one.colour, one.marker) for one in looks}) == 56
    for one, other in pairwise(looks):  # in grey it is the marker and the dashes that tell
        assert one.marker != other.marker and one.dashes != other.dashes and one.colour != other.colour


def test_colours_stand_out_from_white() -> None:
    """By the relative luminance of WCAG 2, for which 1 is white."""
    for number in range(7):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(look(number).colour)]
        luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
        assert 1.05 / (luminance + 0.05) > 2, number


def test_names_keep_both_ends_and_stay_different() -> None:
    assert short_names(["base", "lora"]) == ["base", "lora"]
    long = [f"report_generation-lra-rank16-seed{n}" for n in (1, 2)]
    assert short_names(long) == ["report_gen…ra-rank16-seed1", "report_gen…ra-rank16-seed2"]
    middle = [f"concept_detection-{n}-with-a-very-long-end" for n in (1, 2)]
    first, second = short_names([*middle])
    assert first.startswith("1: ") and second.startswith("2: ") and first[3:] == second[3:]
    assert short_names(["\u6a21", "\u578b", "?"]) == ["1: ?", "2: ?", "3: ?"]


def test_what_the_font_lacks_is_a_question_mark() -> None:
    assert printable("a\n b\t\u00fc \u2264 \u6a21\udcff\u202e\u200d.") == "a b \u00fc \u2264 ??."
    assert shortened("x" * 28) == "x" * 28
    assert shortened("x" * 29) == "x" * 27 + "\u2026"


def test_names_of_concepts_are_no_formulas() -> None:
    axes = new_figure(3, 3).subplots()
    bars(axes, ["$x$"], np.array([0.5]), [(0.4, 0.6)], ["#0072B2"])
    name_points(axes, ["$y$"], [(0.5, 0.5)])
    named = [*axes.get_yticklabels(), axes.texts[-1]]
    assert [text.get_text() for text in named] == ["$x$", "1  $y$"]
    assert not any(text.get_parse_math() for text in named)
