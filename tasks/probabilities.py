"""How probable a system holds each concept of each image: a sparse table, in memory and as a compact file.

From such a file thresholds are tuned and ensembles made without the model. It is a NumPy `.npz` with `form` (a mark and
the version), `ids` and `cuis` (JSON lists as bytes), and the table in compressed sparse rows: `values` (float16),
`columns` and `ends`. 20,000 images of 100 concepts each take some 7 MB:

    p = Probabilities(("..._valid_0", "..._valid_1"), ("C0040405", "C0817096"), [[0.9, 0.0], [0.1, 0.6]])
    p = write_probabilities(Path("run/probabilities.valid.npz"), p)    # as it will be read: rounded to float16
    read_probabilities(Path("run/probabilities.valid.npz")).matrix[0, 0]    # 0.8999
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.files import write_whole
from tasks.nouns import CUI, InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

LEAST = 1 / 1024
"""Smaller probabilities are not stored: no decision turns on them, and they are most of a classifier's output."""
FORM = "imageclef probabilities 1"
_MEND = "write it again from the run"
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError)
"""What NumPy and zipfile raise on bytes that are no such file."""


@dataclass(frozen=True, eq=False)
class Probabilities:
    """The probability of each concept in each image; InputError unless rows, columns and numbers are sound."""

    ids: tuple[str, ...]
    """Image id of each row, none twice."""
    cuis: tuple[str, ...]
    """Concept of each column, in ascending order."""
    matrix: csr_array
    """Images x concepts, float32 in [0, 1]; what is not stored is 0. A table given otherwise is made so."""

    def __post_init__(self) -> None:
        from scipy.sparse import csr_array

        matrix = csr_array(self.matrix, dtype=np.float32)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()  # the caller's stays as it is
            matrix.sum_duplicates()
        object.__setattr__(self, "matrix", matrix)
        if matrix.shape != (len(self.ids), len(self.cuis)):
            rows, columns = matrix.shape
            raise InputError(
                f"a table of {rows} rows and {columns} columns for {len(self.ids)} ids and {len(self.cuis)} CUIs: "
                "give each row its id and each column its CUI"
            )
        if len(set(self.ids)) < len(self.ids):
            twice = next(i for n, i in enumerate(self.ids) if i in self.ids[:n])
            raise InputError(f"image {twice} has two rows of probabilities: keep one")
        if any(a >= b for a, b in zip(self.cuis, self.cuis[1:], strict=False)):
            raise InputError("the CUIs of probabilities stand in ascending order, none twice: sort the columns by CUI")
        if wrong := [cui for cui in self.cuis if not CUI.fullmatch(cui)]:
            raise InputError(f"{wrong[0]!r} is not a CUI: name each column by a CUI such as C0040405")
        bad = np.flatnonzero(~((matrix.data >= 0) & (matrix.data <= 1)))
        if bad.size:
            row = int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
            raise InputError(
                f"image {self.ids[row]}: the probability of {self.cuis[matrix.indices[bad[0]]]} is "
                f"{matrix.data[bad[0]]:g} ({bad.size} such): probabilities are numbers from 0 to 1"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Sequence[str]) -> Probabilities:
        """The rows of these images, in this order; InputError when some have none."""
        place = {image_id: row for row, image_id in enumerate(self.ids)}
        if missing := [image_id for image_id in ids if image_id not in place]:
            raise InputError(
                f"no probabilities of {len(missing)} of {len(ids)} images, such as {', '.join(missing[:3])}: "
                "predict them too"
            )
        return Probabilities(tuple(ids), self.cuis, self.matrix[[place[image_id] for image_id in ids]])

    def columns(self, cuis: Collection[str]) -> Probabilities:
        """The columns of these concepts; those it has not are all 0."""
        from scipy.sparse import csr_array

        wanted = tuple(sorted(set(cuis)))
        place = {cui: n for n, cui in enumerate(wanted)}
        to = np.array([place.get(cui, -1) for cui in self.cuis], dtype=np.int64)
        table = self.matrix.tocoo()
        columns = to[table.coords[1]]
        kept = columns >= 0
        cells = (table.data[kept], (table.coords[0][kept], columns[kept]))
        return Probabilities(self.ids, wanted, csr_array(cells, shape=(len(self.ids), len(wanted))))


def write_probabilities(path: Path, p: Probabilities) -> Probabilities:
    """Write the file, whole or not at all; what `read_probabilities` will give: rounded, and none below `LEAST`.

    What is decided from the returned ones is decided alike from the file.
    """
    from scipy.sparse import csr_array

    data = np.where(p.matrix.data < LEAST, 0, p.matrix.data).astype(np.float16)
    stored = csr_array((data.astype(np.float32), p.matrix.indices, p.matrix.indptr), shape=p.matrix.shape, copy=True)
    stored.eliminate_zeros()
    file = io.BytesIO()
    np.savez_compressed(
        file,
        form=_bytes(FORM),
        ids=_bytes(p.ids),
        cuis=_bytes(p.cuis),
        values=stored.data.astype(np.float16),
        columns=stored.indices.astype(np.int32),
        ends=stored.indptr.astype(np.int64),
    )
    write_whole(path, file.getvalue())
    return Probabilities(p.ids, p.cuis, stored)


def read_probabilities(path: Path) -> Probabilities:
    """The probabilities in a file; InputError when there is none, or it is damaged or another file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: give the .npz file of probabilities that a run wrote")
    try:
        return _read(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except _DAMAGED as error:
        raise InputError(f"{path} is damaged or no file of probabilities ({error}): {_MEND}") from None


def _read(path: Path) -> Probabilities:
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
    if missing := {"form", "ids", "cuis", "values", "columns", "ends"} - names:
        raise InputError(f"no file of probabilities, it has no {min(missing)}: {_MEND}")
    with np.load(path, allow_pickle=False) as parts:
        if (form := _parsed(parts["form"])) != FORM:
            raise InputError(f"its form is {form!r}, this program reads {FORM!r}: {_MEND}")
        ids, cuis = _names(parts["ids"]), _names(parts["cuis"])
        return Probabilities(ids, cuis, _table(parts, rows=len(ids), width=len(cuis)))


def _table(parts: Any, *, rows: int, width: int) -> csr_array:
    """The sparse table of a file; ValueError unless its three parts belong together."""
    from scipy.sparse import csr_array

    values, columns, ends = parts["values"], parts["columns"], parts["ends"]
    if values.dtype.kind != "f" or columns.dtype.kind != "i" or ends.dtype.kind != "i":
        raise ValueError("its numbers are of another kind")
    if values.ndim != 1 or values.shape != columns.shape or ends.shape != (rows + 1,):
        raise ValueError("its parts have other lengths")
    if ends[0] != 0 or ends[-1] != len(values) or (np.diff(ends) < 0).any():
        raise ValueError("its rows do not end where they should")
    if len(columns) and not (columns.min() >= 0 and columns.max() < width):
        raise ValueError("a value stands beyond the last CUI")
    return csr_array((values.astype(np.float32), columns, ends), shape=(rows, width))


def _bytes(content: object) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(content).encode("ascii"), dtype=np.uint8)


def _parsed(stored: NDArray[Any]) -> Any:
    return json.loads(stored.tobytes())


def _names(stored: NDArray[Any]) -> tuple[str, ...]:
    names = _parsed(stored)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its ids or CUIs are no list of names")
    return tuple(names)
