"""Concepts by name, as a prompt says them: those of a file of hints, or of a reference.

names(("C0040405",), vocabulary, where="hints.csv")              # ("X-Ray Computed Tomography",)
read_hints(Path("submissions/concept_detection/best"), vocabulary)["..._test_0"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.concepts import Vocabulary
from tasks.nouns import InputError, Task
from tasks.submission import one_line

_CUI = re.compile(r"C\d{5,8}")


def names(concepts: Sequence[str], vocabulary: Vocabulary | None, *, where: str) -> tuple[str, ...]:
    """The canonical name of each CUI; what is no CUI is a name already.

    InputError when a CUI has none: a model knows terms, not codes.
    """
    found = []
    for concept in filter(None, map(one_line, concepts)):
        name = vocabulary.name(concept) if vocabulary is not None and _CUI.fullmatch(concept) else concept
        if name is None or _CUI.fullmatch(name):
            files = "there is no vocabulary" if vocabulary is None else "the vocabulary has no name for it"
            raise InputError(
                f"{where}: {concept}: {files}: name a file of CUIs and their names with "
                "data.vocabulary=[path/to/cui_mapping.csv]"
            )
        found.append(name)
    return tuple(dict.fromkeys(found))


def read_hints(path: Path, vocabulary: Vocabulary | None) -> Mapping[str, tuple[str, ...]]:
    """Image id -> concept names, from a file of CUIs or names in any form that `imageclef convert` reads, or a run."""
    from tasks.convert.reading import read_answers
    from tasks.editions import load_edition
    from tasks.options import DEFAULT_YEAR

    # The form is seen from the file; of the edition only the name of a run's file matters.
    answers = read_answers(path, edition=load_edition(DEFAULT_YEAR, Task.CONCEPTS))
    return {
        image_id: names(value, vocabulary, where=f"{path}: {image_id}")
        for image_id, value in answers.items()
        if isinstance(value, tuple)
    }
