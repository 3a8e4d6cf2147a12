"""Members of an ensemble as probabilities, with the same rows and columns.

A member that gave answers alone is a table of ones and zeros. Members may know different concepts: what a member has no
column for is 0 to it. They may stand in different orders and hold further images, but each must have every image asked:

    members = aligned({"knn": read_member(Path("runs/knn"), split="valid", edition=edition), "vlm": certain(answers)})
    members["knn"].ids == members["vlm"].ids, members["knn"].cuis == members["vlm"].cuis     # True, True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tasks.editions import Edition
from tasks.nouns import InputError
from tasks.probabilities import Probabilities, read_probabilities
from tasks.submission import read_submission

Members = Mapping[str, Probabilities]


def read_member(path: Path, *, split: str, edition: Edition) -> Probabilities:
    """What a system answered: a file of probabilities, a concept file, or a run folder that holds either.

    InputError when there is none, or it cannot be read.
    """
    if path.is_dir():
        choices = [path / f"probabilities.{split}.npz", path / edition.zip_member]
        found = next((choice for choice in choices if choice.is_file()), None)
        if found is None:
            names = " nor ".join(choice.name for choice in choices)
            raise InputError(f"{path}: neither {names}: give the folder of a finished run on {split}")
        path = found
    if path.suffix == ".npz":
        return read_probabilities(path)
    values = read_submission(path, edition=edition)
    try:
        return certain({image_id: value for image_id, value in values.items() if isinstance(value, tuple)})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def certain(answers: Mapping[str, Sequence[str]]) -> Probabilities:
    """The probabilities of answers: 1 for each CUI answered, in upper case; empty entries are none."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    sets = [sorted({cui.strip().upper() for cui in cuis} - {""}) for cuis in answers.values()]
    cuis = sorted({cui for found in sets for cui in found})
    place = {cui: n for n, cui in enumerate(cuis)}
    columns = np.array([place[cui] for found in sets for cui in found], dtype=np.int64)
    ends = np.cumsum([0, *map(len, sets)], dtype=np.int64)
    matrix = csr_array((np.ones(len(columns), np.float32), columns, ends), shape=(len(sets), len(cuis)))
    return Probabilities(tuple(answers), tuple(cuis), matrix)


def aligned(members: Members, ids: Sequence[str] | None = None) -> dict[str, Probabilities]:
    """All members with the rows `ids`, by default those of the first member, and the columns that any of them has.

    InputError names the members that lack images, and which.
    """
    ids = tuple(next(iter(members.values())).ids if ids is None else ids)
    lacking = {name: sorted(set(ids) - set(p.ids)) for name, p in members.items()}
    faults = [
        f"{name} lacks {len(missing)} of {len(ids)} images, such as {', '.join(missing[:3])}"
        for name, missing in lacking.items()
        if missing
    ]
    if faults:
        raise InputError(f"the members do not hold the same images: {'; '.join(faults)}: predict the missing ones too")
    cuis = tuple(sorted({cui for p in members.values() for cui in p.cuis}))
    rows = {name: p if p.ids == ids else p.rows(ids) for name, p in members.items()}
    return {name: p if p.cuis == cuis else p.columns(cuis) for name, p in rows.items()}
