"""Submissions that answer different images: refused with the numbers, or on request cut to the images common to all.

require_same_images(Path("a"), ["i1", "i2"], Path("b"), ["i1"])     # InputError: a answers 2 images, b 1; i2 in a alone
of_common_ids([gold, gold], [Path("a"), Path("b")], [["i1", "i2"], ["i1"]])    # twice the reference of i1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.inputs.references import References
from tasks.nouns import InputError

SHOWN = 3
"""Ids that a message names."""


def require_same_images(here: Path, ours: Sequence[str], there: Path, theirs: Sequence[str]) -> None:
    """InputError unless two runs answer the same images: how many each does, and the first that the other does not."""
    both = set(ours) & set(theirs)
    sides = [(where, [i for i in ids if i not in both]) for where, ids in ((here, ours), (there, theirs))]
    alone = [(where, ids) for where, ids in sides if ids]
    if not alone:
        return
    found = "; ".join(f"{_first(ids)} in {where} alone" for where, ids in alone)
    mend = f"add --intersection to compare on the {len(both)} that both answer" if both else "they have none in common"
    raise InputError(f"{here} answers {len(ours)} images, {there} {len(theirs)}; {found}: {mend}")


def of_common_ids(
    golds: Sequence[References], arguments: Sequence[Path], answered: Sequence[Sequence[str]]
) -> list[References]:
    """The references of the images that all submissions answer, with a note where some answer more."""
    shared = set(answered[0]).intersection(*answered)
    ids = [i for i in golds[0].ids if i in shared and i in golds[0].values]
    if not ids:
        (here, ours), (there, theirs) = list(zip(arguments, answered, strict=True))[:2]
        raise InputError(
            f"no image is answered by all: {here} answers {len(ours)}, {_first(ours)}, {there} {len(theirs)}, "
            f"{_first(theirs)}: give submissions for the same images"
        )
    if all(len(own) == len(ids) for own in answered):
        return list(golds)
    each = ", ".join(f"{path} {len(own)}" for path, own in zip(arguments, answered, strict=True))
    note = f"compared on the {len(ids)} images that all answer: {each}"
    cut = {id(gold): replace(gold.of_ids(ids), notes=(note, *gold.notes)) for gold in golds}
    return [cut[id(gold)] for gold in golds]


def _first(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f"{', '.join(ids[:SHOWN])}{more}" if ids else "none"
