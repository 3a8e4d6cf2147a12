"""What the tables of a comparison have in common: their titles and notes in words, and the cells of a difference.

what(found)     # "Caption prediction, edition 2026, valid, n = 400 images"
how(found)      # "intervals and p boot by paired bootstrap, p rand by approximate randomisation, each with 1000 ..."
number(0.61234, best=True).text     # "0.6123"
"""

from __future__ import annotations

from evaluation.comparison.pairing import Pairing
from evaluation.comparison.systems import Comparisons
from evaluation.tables.table import Cell, Column
from tasks.datasets.dataset import split_of
from tasks.problems import counted

INTERVAL = (Column("low"), Column("high"))
DIFFERENCE = (Column("difference"), Column("diff. low"), Column("diff. high"))
ENDS = "low and high are the ends of 95 % intervals"


def what(found: Comparisons) -> str:
    """Task, edition, split and number of images, for a title."""
    first = found.scores[0]
    task = first.task.value.replace("_", " ").capitalize()
    splits = " and ".join(sorted(set(map(split_of, first.ids))))
    common = " that all answer" if found.common else ""
    profile = "" if first.profile == "imageclef" else f", profile {first.profile}"
    return f"{task}, edition {first.edition}{profile}, {splits}, n = {counted(len(first.ids), 'image')}{common}"


def how(found: Comparisons) -> str:
    """How the differences were tested, to go on within a sentence."""
    return (
        "intervals and p boot by paired bootstrap, p rand by approximate randomisation, each with "
        f"{drawn(found)}; p Holm is p rand {adjusted(found)}"
    )


def drawn(found: Comparisons) -> str:
    """How many trials, and what is drawn in each."""
    units = "images drawn and swapped one by one"
    if found.groups is not None:
        units = f"the images of a patient or article drawn and swapped together ({counted(found.groups, 'group')})"
    return f"{found.trials} trials, seed {found.seed}, {units}"


def adjusted(found: Comparisons) -> str:
    """For how many comparisons p is adjusted."""
    return f"adjusted for {counted(found.comparisons, 'comparison')} of a score"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def slug(found: Comparisons) -> str:
    """What the labels of the tables in LaTeX begin with."""
    return found.scores[0].task.value.replace("_", "-")


def number(value: float, *, best: bool = False, marks: str = "", sign: str = "") -> Cell:
    """A cell with four decimals."""
    return Cell(value, f"{value:{sign}.4f}", best=best, marks=marks)


def difference_cells(one: Pairing) -> tuple[Cell, ...]:
    """The difference with its mark, and the ends of its interval: the cells of `DIFFERENCE`."""
    star = "*" if one.significant else ""
    return number(one.difference, marks=star, sign="+"), *(number(end, sign="+") for end in one.ci)
