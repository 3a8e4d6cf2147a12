"""Tables of MIMIC-CXR-JPG and MIMIC-IV, .csv or .csv.gz, as columns of numpy arrays; large ones in pieces.

Read by pyarrow, which checks the type of every field and unpacks as it goes: labevents.csv.gz of MIMIC-IV (158 million
rows) is never in memory as a whole. Times are seconds since 1970 in the patient's own shifted calendar, ABSENT where
there is none.

    columns(Path("hosp/patients.csv.gz"), {"subject_id": "int64", "anchor_age": "int64"})["anchor_age"]    # array([52])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.nouns import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

ABSENT = -1
"""Seconds of a time that is not given."""
BLOCK = 4 * 1024 * 1024
"""Bytes of a piece, unpacked."""


def find_table(folder: Path, name: str) -> Path | None:
    """The newest `name` with the ending .csv or .csv.gz in a folder, `name` being a pattern; None without one."""
    found = sorted(path for ending in (".csv.gz", ".csv") for path in folder.glob(f"{name}{ending}") if path.is_file())
    return max(found, key=lambda path: (path.name.removesuffix(".gz"), path.suffix == ".csv"), default=None)


def columns(path: Path, types: Mapping[str, str]) -> dict[str, Any]:
    """The named columns of the whole table: numpy arrays, texts as lists; see `pieces`."""
    import pyarrow as pa

    found = list(_batches(path, types))
    table = pa.Table.from_batches(found) if found else _empty(types)
    return {name: _plain(table.column(name), kind, path) for name, kind in types.items()}


def pieces(path: Path, types: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The named columns, some ten thousand rows at a time; InputError when the table cannot be read so.

    Types: int64 (a number in every row), float64 (NaN where empty), time (see ABSENT) and string ("" where empty).
    """
    for batch in _batches(path, types):
        yield {name: _plain(batch.column(name), kind, path) for name, kind in types.items()}


def has_column(path: Path, name: str) -> bool:
    """Whether the header names the column."""
    return name in _open(path, {}).schema.names


def _batches(path: Path, types: Mapping[str, str]) -> Iterator[Any]:
    import pyarrow as pa

    reader = _open(path, types)
    try:
        yield from reader
    except (pa.ArrowException, OSError) as error:
        raise _faulty(path, error) from error


def _open(path: Path, types: Mapping[str, str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    arrow = {name: _arrow(kind) for name, kind in types.items()}
    try:
        return csv.open_csv(
            pa.input_stream(str(path), compression="gzip" if path.suffix == ".gz" else None),
            read_options=csv.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=arrow, include_columns=list(arrow), strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _faulty(path, error) from error


def _faulty(path: Path, error: Exception) -> InputError:
    reason = error.args[0] if error.args else error  # str() of a KeyError adds quotes
    return InputError(f"{path} cannot be read: {reason}: fetch the file again, or correct the row")


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    return pa.timestamp("s") if kind == "time" else getattr(pa, kind)()


def _empty(types: Mapping[str, str]) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array([], _arrow(kind)) for name, kind in types.items()})


def _plain(column: Any, kind: str, path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "string":
        return pc.fill_null(column, "").to_pylist()
    if kind == "time":
        return pc.fill_null(column.cast(pa.int64()), ABSENT).to_numpy()
    if kind == "int64" and column.null_count:
        raise InputError(f"{path}: {column.null_count} rows lack a number in a column that needs one: fetch it again")
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
