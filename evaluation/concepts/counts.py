"""How each concept fares, and what it gained over another submission.

per_concept([("C0040405",), ("C0040405", "C1306645")], [("C0040405",), ()])[0]    # Concept("C0040405", 2, 1, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from evaluation.metrics.concept_f1 import EMPTY, Cuis, Labels, numbered
from tasks.concepts import Vocabulary
from tasks.files import as_csv


class Concept(NamedTuple):
    """How one concept fares."""

    cui: str
    true: int
    """Images that have it in truth."""
    predicted: int
    """Images that it was predicted for."""
    both: int

    @property
    def precision(self) -> float | None:
        """None when it was never predicted."""
        return self.both / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """None when no image has it."""
        return self.both / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Macro F1 is the mean of this over all concepts; None when it is neither true nor predicted anywhere."""
        return 2 * self.both / (self.true + self.predicted) if self.true + self.predicted else None


class Gain(NamedTuple):
    """What a concept gained over another submission."""

    f1_before: float | None
    gain: float | None
    """The difference of F1; None where one of the two has none."""
    won: int
    """Images where this submission is right on the concept, having it or not, and the other wrong."""
    lost: int


def labels_of(numbers: Mapping[str, int]) -> list[str]:
    """Number -> the label: a CUI in upper case, "" for that of an empty cell."""
    names = {number: entry.strip().upper() for entry, number in numbers.items()}
    return [names[number] for number in range(len(names))]


def per_concept(truths: Sequence[Cuis], predictions: Sequence[Cuis]) -> list[Concept]:
    """Every concept of the truths and predictions, upper-cased, the most frequent in truth first."""
    numbers = numbered(truths, predictions)
    return in_order(counted(Labels.of(truths, numbers), Labels.of(predictions, numbers), labels_of(numbers)))


def counted(truths: Labels, ours: Labels, cuis: Sequence[str]) -> list[Concept]:
    """The counts of each label by its number, that of the empty cell left out."""
    sides = [side.frequencies.astype(int).tolist() for side in (truths, ours, truths & ours)]
    return [Concept(cui, *(of[number] for of in sides)) for number, cui in enumerate(cuis) if number != EMPTY]


def in_order(found: Iterable[Concept]) -> list[Concept]:
    """Those that are true or predicted somewhere, the most frequent in truth first."""
    return sorted(
        (one for one in found if one.true or one.predicted), key=lambda one: (-one.true, -one.predicted, one.cui)
    )


def gains(truths: Labels, ours: Labels, before: Labels, cuis: Sequence[str]) -> dict[str, Gain]:
    """CUI -> what `ours` gained over `before`."""
    found = {}
    now, then = (counted(truths, side, cuis) for side in (ours, before))
    shared = (ours & before).frequencies.astype(int).tolist()
    for number, (one, other) in enumerate(zip(now, then, strict=True), start=EMPTY + 1):
        # Of the images where the two differ, ours is right where it alone has a true one, or alone has not a false one.
        differing = one.predicted + other.predicted - 2 * shared[number]
        won = one.both + other.predicted - shared[number] - other.both
        gain = None if one.f1 is None or other.f1 is None else one.f1 - other.f1
        found[one.cui] = Gain(other.f1, gain, won, differing - won)
    return found


def per_concept_csv(
    truths: Sequence[Cuis], predictions: Sequence[Cuis], *, vocabulary: Vocabulary | None = None
) -> str:
    """A row per concept; a precision or recall of nothing is empty, as is the name of a concept without one."""
    named = ["name"] if vocabulary else []
    header = ["cui", *named, "true", "predicted", "both", "precision", "recall", "f1"]
    rows = []
    for one in per_concept(truths, predictions):
        name = [vocabulary.name(one.cui)] if vocabulary else []
        rows.append([one.cui, *name, one.true, one.predicted, one.both, one.precision, one.recall, one.f1])
    return as_csv(header, rows)
