"""The labels of reports as a matrix: a row an image, a column each of the fourteen labels.

Names are read however they are spelled (`tasks.reports.label_names`). What is not mentioned is 0, like what is absent:
no convention tells them apart:

    codes_of([{"edema": 1, "Pneumonia": -1, "Fracture": None}])[0, 5]    # 1, the column of Edema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evaluation.labels.conventions import Convention
from evaluation.labels.f1 import Flags, Held
from tasks.nouns import InputError, Report
from tasks.reports.label_names import canonical
from tasks.reports.labels import LABELS

Codes = npt.NDArray[np.int8]
Labels = Mapping[str, int | None]
UNCERTAIN = -1
PLACES = {label: place for place, label in enumerate(LABELS)}


def place_of(name: str) -> int | None:
    """The column of the label called `name`; None of a name that is not among the fourteen."""
    return PLACES.get(canonical(name))


def states(report: Report) -> bool:
    """Whether a report comes with labels at all."""
    return any(place_of(name) is not None for name in report.labels)


def codes_of(rows: Sequence[Labels], *, ids: Sequence[str] = ()) -> Codes:
    """n x 14 of 1, 0 and -1; InputError for another value, naming the image where `ids` are given."""
    codes = np.zeros((len(rows), len(LABELS)), dtype=np.int8)
    for n, labels in enumerate(rows):
        for name, value in labels.items():
            place = place_of(name)
            if place is None or value is None:
                continue
            if value not in (1, 0, UNCERTAIN):
                where = ids[n] if ids else f"report {n + 1}"
                raise InputError(f"{where}: {value!r} is no value of '{name}': use 1, 0, -1 or leave it empty")
            codes[n, place] = value
    return codes


def held(truths: Codes, answers: Codes, convention: Convention, *, counted: Flags) -> Held:
    """Which labels of the convention both sides hold under its rule on uncertain ones.

    What is left out counts as absent on both sides, which adds nothing to F1.
    """
    columns = [LABELS.index(label) for label in convention.labels]
    true, ours = truths[:, columns], answers[:, columns]
    if convention.uncertain == "u1":
        return Held(true != 0, ours != 0, counted)
    kept = true != UNCERTAIN if convention.uncertain == "ux" else np.ones_like(true, dtype=bool)
    return Held(true == 1, (ours == 1) & kept, counted)
