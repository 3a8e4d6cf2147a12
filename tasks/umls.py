"""More names, and ancestors, from files the user has of the UMLS Metathesaurus: MRCONSO.RRF, MRREL.RRF.

Neither is shipped; their columns and values are those of the UMLS Reference Manual
(ncbi.nlm.nih.gov/books/NBK9685). In MRREL.RRF, REL is the relationship of the second concept to the first, so a row
`CUI1|..|PAR|CUI2` says that CUI1 has the parent CUI2; RB (has a broader one) reads alike, CHD and RN the other way
round. Files of gigabytes are read line by line, and only what concerns the vocabulary and the texts is kept:

    vocabulary = Vocabulary.load([Path("cui_mapping.csv")])
    nearest = read_nearest(Path("MRREL.RRF"), vocabulary.cuis)      # {"C0032302": ("C0032285",)}: lobar pneumonia
    wider = extended(vocabulary, [Path("MRCONSO.RRF")], nearest=nearest, words=words_of(captions))
    wider.find("lobar pneumonia")                                    # ("C0032302",), to be replaced by C0032285
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.concept_names import fold, spellings
from tasks.concepts import Vocabulary
from tasks.negation import CUES
from tasks.nouns import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_STEPS = 3
"""Parents of parents that are looked at; what stands higher (Disease, Body structure) says little."""
SHORTEST = 4
"""Letters of an added name: shorter ones (ALL, WAS, IN) are abbreviations that read like everyday words."""
_ABOVE = {b"PAR", b"RB"}
_BELOW = {b"CHD", b"RN"}
_CUI = re.compile(rb"C\d{7,8}")
_CONSO, _REL = 18, 16
"""Columns; a bar stands behind the last one too."""


class _Name(NamedTuple):
    cui: str
    name: str
    preferred: bool


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of the texts, folded, in singular and plural: a name with another word cannot be found in them."""
    plain = {word for text in texts for word in fold(text).split()}
    return frozenset(spelling for word in plain for spelling in spellings(word))


def extended(
    vocabulary: Vocabulary, paths: Sequence[Path], *, nearest: Mapping[str, object], words: frozenset[str]
) -> Vocabulary:
    """The vocabulary with the names that the files (MRCONSO.RRF, or tables of CUIs and names) have for its concepts.

    A name it has already keeps its concept. The concepts of `nearest`, which stand below those of the vocabulary, are
    added, with those names alone that the `words` can make up.
    """
    names = {cui: dict.fromkeys(of_cui) for cui, of_cui in vocabulary.names.items()}
    taken = {fold(name) for of_cui in names.values() for name in of_cui} | CUES.keys()
    below: dict[str, dict[str, None]] = {cui: {} for cui in nearest}
    added: list[_Name] = []
    for path in paths:
        for found in _read_conso(path) if _is_conso(path) else _read_table(path):
            if found.cui in names or (found.cui in below and _words(found.name) <= words):
                added.append(found)
    # The vocabulary's own concepts first, and the name by which a concept is called before its synonyms.
    for cui, name, _ in sorted(added, key=lambda found: (found.cui not in names, not found.preferred)):
        folded = fold(name)
        if len(folded) >= SHORTEST and folded not in taken:
            names.get(cui, below.get(cui, {}))[name] = None
    return Vocabulary({cui: tuple(of_cui) for cui, of_cui in {**names, **below}.items()})


def read_nearest(path: Path, cuis: Collection[str]) -> dict[str, tuple[str, ...]]:
    """CUI outside `cuis` -> its nearest ancestors among them, at most `MOST_STEPS` above, from MRREL.RRF."""
    import numpy as np

    above, below = _read_pairs(path)
    written = {int(cui[1:]): cui for cui in cuis}
    frontier = {number: {number} for number in written}
    nearest: dict[int, set[int]] = {}
    for _ in range(MOST_STEPS):
        reached: dict[int, set[int]] = {}
        numbers = np.fromiter(frontier, dtype=above.dtype)
        starts, ends = np.searchsorted(above, numbers), np.searchsorted(above, numbers, side="right")
        for roots, start, end in zip(frontier.values(), starts, ends, strict=True):
            for child in below[start:end].tolist():
                if child not in written and child not in nearest:
                    reached.setdefault(child, set()).update(roots)
        nearest |= reached
        frontier = reached
    return {f"C{number:07}": tuple(written[root] for root in sorted(roots)) for number, roots in nearest.items()}


def _read_pairs(path: Path) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Parents and children, by the number in their CUI, each pair once, sorted by parent."""
    import numpy as np

    above, below = array("I"), array("I")
    for line, row in _rows(path, "MRREL.RRF", columns=_REL):
        first, relation, second = row[0], row[3], row[4]
        if relation not in _ABOVE and relation not in _BELOW:
            continue
        if not (_CUI.fullmatch(first) and _CUI.fullmatch(second)):
            raise InputError(f"{path}:{line}: {first!r} or {second!r} is no CUI: is this MRREL.RRF?")
        if first != second and row[14] in {b"N", b""}:
            parent, child = (second, first) if relation in _ABOVE else (first, second)
            above.append(int(parent[1:]))
            below.append(int(child[1:]))
    pairs = np.unique(np.stack([np.asarray(above, np.uint32), np.asarray(below, np.uint32)], axis=1), axis=0)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _words(name: str) -> set[str]:
    return set(fold(name).split()) - {",", "."}


def _is_conso(path: Path) -> bool:
    """Whether the file's first line is one of MRCONSO.RRF, not a table's header."""
    try:
        with path.open("rb") as file:
            head = file.readline(1 << 16)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error
    return head.count(b"|") >= _CONSO - 1 and _CUI.match(head) is not None


def _read_conso(path: Path) -> Iterator[_Name]:
    """English names that are not suppressed; the preferred one of a concept has TS P, STT PF and ISPREF Y."""
    for line, row in _rows(path, "MRCONSO.RRF", columns=_CONSO):
        if row[1] == b"ENG" and row[16] in {b"N", b""}:
            try:
                name = row[14].decode("utf-8")
            except UnicodeDecodeError:
                raise InputError(f"{path}:{line}: not UTF-8 text: fetch the file again") from None
            yield _Name(row[0].decode("ascii", "replace"), name, (row[2], row[4], row[6]) == (b"P", b"PF", b"Y"))


def _read_table(path: Path) -> Iterator[_Name]:
    for cui, names in Vocabulary.load([path]).names.items():
        for n, name in enumerate(names):
            yield _Name(cui, name, n == 0)


def _rows(path: Path, name: str, *, columns: int) -> Iterator[tuple[int, list[bytes]]]:
    """Line number and fields of each row; InputError at one with another number of columns."""
    try:
        with path.open("rb") as file:
            for line, text in enumerate(file, start=1):
                row = text.rstrip(b"\r\n").split(b"|")
                if not columns <= len(row) <= columns + 1:
                    raise InputError(
                        f"{path}:{line}: {len(row)} fields, where a row of {name} has {columns}: unpack the file, "
                        "or fetch it again"
                    )
                yield line, row
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error
