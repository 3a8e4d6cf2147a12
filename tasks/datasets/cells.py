"""Cells of parquet and arrow files: text columns read at once, an image when it is asked for.

A parquet file gives an image by reading its row group (the last few are kept), an arrow file, as
`save_to_disk` writes it, through a memory map; so no more than a few images are ever in memory.

    Cell(Path("data/train-00000-of-00027.parquet"), 17, "image").read_bytes()[:4]    # b"\\x89PNG"
"""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from tasks.nouns import InputError

_FEW = 16
"""Images looked at together."""


@dataclass(frozen=True, slots=True)
class Cell:
    """An image in a table file: a `tasks.nouns.ImageSource`."""

    path: Path
    row: int
    """Counted from 0 over the whole file."""
    column: str

    def read_bytes(self) -> bytes:
        """The encoded image; OSError when the cell holds none."""
        import pyarrow as pa

        try:
            value = _value(self.path, self.row, self.column)
        except pa.ArrowException as error:
            raise OSError(f"{self}: {error}") from error
        if isinstance(value, dict):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str) and "." in value:  # base64 has no dot, a file name has
            return self._file(value).read_bytes()
        if isinstance(value, str):
            try:
                value = base64.b64decode("".join(value.rpartition(",")[2].split()), validate=True)
            except ValueError as error:
                raise OSError(f"{self}: neither bytes nor base64 text: {error}") from error
        if not isinstance(value, bytes) or not value:
            raise FileNotFoundError(f"{self} holds no image")
        return value

    def _file(self, name: str) -> Path:
        """The image file the cell names, beside the table or one folder above."""
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise OSError(f"{self}: the path {name!r} leads out of the data set")
        places = [folder / name for folder in (self.path.parent, self.path.parent.parent)]
        return next((place for place in places if place.is_file()), places[0])

    def __str__(self) -> str:
        return f"{self.path}, row {self.row}, column '{self.column}'"


def schema(path: Path) -> dict[str, str]:
    """Column -> the name of its arrow type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        fields = _mapped(path).schema if path.suffix == ".arrow" else pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}: fetch the file again") from error
    return {field.name: str(field.type) for field in fields}


def columns(path: Path, names: Sequence[str]) -> list[list[Any]]:
    """The values of each of these columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = _mapped(path) if path.suffix == ".arrow" else pq.ParquetFile(path).read(columns=list(names))
        return [table.column(name).to_pylist() for name in names]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}: fetch the file again") from error


def height(path: Path) -> int:
    """The number of rows."""
    import pyarrow.parquet as pq

    return int(_mapped(path).num_rows if path.suffix == ".arrow" else pq.read_metadata(path).num_rows)


def filled(path: Path, column: str) -> list[bool]:
    """Whether each row of an image column holds something, neither null nor empty; a few images in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".arrow":
            chunks = iter(_mapped(path).column(column).chunks)
        else:
            batches = pq.ParquetFile(path, memory_map=True).iter_batches(batch_size=_FEW, columns=[column])
            chunks = (batch.column(0) for batch in batches)
        return [there for chunk in chunks for there in _filled(chunk)]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}: fetch the file again") from error


def _filled(values: Any) -> list[bool]:
    """The same of an arrow array of bytes, texts, or structs of these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(values.type):
        fields = [_filled(field) for field in values.flatten()]  # null where the struct is
        return [any(row) for row in zip(*fields, strict=True)]
    if pa.types.is_null(values.type):
        return [False] * len(values)
    return [bool(length) for length in pc.binary_length(values).to_pylist()]


def _value(path: Path, row: int, column: str) -> Any:
    if path.suffix == ".arrow":
        return _mapped(path).column(column)[row].as_py()
    starts = _starts(path)
    group = bisect_right(starts, row) - 1
    return _row_group(path, group, column)[row - starts[group]].as_py()


@lru_cache(maxsize=64)
def _starts(path: Path) -> list[int]:
    """The first row of each row group."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    return list(accumulate((metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)), initial=0))[:-1]


@lru_cache(maxsize=4)
def _row_group(path: Path, group: int, column: str) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read_row_group(group, columns=[column]).column(column)


@lru_cache(maxsize=64)
def _mapped(path: Path) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
