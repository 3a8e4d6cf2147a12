"""Label tables as organisers and participants write them, read tolerantly, faults named by file and line.

The delimiter (comma, tab, `|` or `;`) is taken from the first line, a byte order mark and CRLF are
accepted, columns are found by their normalised names. Comma and `;` tables use CSV quotes; tab and `|`
tables have none, as in the official tools of 2018 to 2023. Headers seen in public copies of the releases:

    ID,CUIs                             2026, ROCOv2
    ImageCLEFmedical 2025 ID,Cuis       2025
    ID<TAB>caption                      2023

Until 2022 the organisers' own files had none; the caller then names the columns. No id holds a delimiter, so
the first tab, `|` or comma of such a file is its delimiter:

    read_table(Path("concepts.csv")).column("cuis", "cui")
    # {"ImageCLEFmedical_Caption_2026_train_0": "C0015726;C1261259", ...}
    read_table(Path("ROCO_CLEF_2020.txt"), columns=("ID", "CUIs")).column("cuis")      # {"ROCO_CLEF_41341": "C0000726"}
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.nouns import InputError

LARGEST_FIELD = 10_000_000
"""Characters; the longest published caption has a few thousand."""
OTHER_FILES = {
    b"PK\x03\x04": "a zip or a spreadsheet: unpack it, or save it as CSV",
    b"\x1f\x8b": "compressed: unpack it",
    b"PAR1": "a parquet file: save it as CSV",
    b"%PDF": "a PDF: give the table as CSV",
    b"\xff\xd8\xff": "an image: give the table that names it",
    b"\x89PNG": "an image: give the table that names it",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}
"""First bytes of files that are often given in the place of a table -> what they are."""
UNNAMED = {"image", "images", "name", "file", "filename", "ids", "figure"}
"""Normalised first cells that are a header's and not an id."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows by image id, in the order of the file."""

    path: Path
    header: tuple[str, ...]
    id_place: int
    """Where the id stands in the header."""
    rows: Mapping[str, list[str]]
    """Image id -> fields, as many as the header has."""

    def find(self, *names: str) -> int | None:
        """Where the first of `names` (normalised: `cuis`, `caption`) stands in the header."""
        return find(self.header, *names)

    def column(self, *names: str) -> dict[str, str]:
        """Image id -> field of the column that has one of `names`."""
        place = self.find(*names)
        if place is None:
            raise InputError(
                f"{self.path}:1: no column '{names[0]}' in the header {_short(', '.join(self.header))}: "
                "rename the column that holds it"
            )
        return {image_id: row[place] for image_id, row in self.rows.items()}

    def fields(self) -> dict[str, dict[str, str]]:
        """Image id -> title -> field, without the id and the empty fields."""
        titles = [(n, title) for n, title in enumerate(self.header) if n != self.id_place]
        return {
            image_id: {title: row[n].strip() for n, title in titles if row[n].strip()}
            for image_id, row in self.rows.items()
        }


def read_table(
    path: Path,
    *,
    columns: Sequence[str] = (),
    padded: bool = True,
    mend: str = "name the column of the image ids ID",
) -> Table:
    """The table in the file, one row for each image id; InputError when it cannot be read so.

    `columns`, the id first, are those of a file without a header; `mend` is said of one that may not lack it. Unless
    `padded`, a row with fewer fields than the header is a fault: a text with a line break would lose its rest.
    """
    rows = read_rows(path, columns=columns, padded=padded)
    header = tuple(next(rows)[1])
    place = next((n for n, title in enumerate(header) if _is_id(normalised(title))), None)
    if place is None:
        raise InputError(f"{path}:1: no id column in the header {_short(', '.join(header))}: {mend}")
    found: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    repeated: list[tuple[str, int]] = []
    for line, row in rows:
        image_id = checked_id(row[place].strip(), f"{path}:{line}")
        if image_id in found:
            repeated.append((image_id, line))
        else:
            found[image_id], lines[image_id] = row, line
    if repeated:
        image_id, line = repeated[0]
        more = f" ({len(repeated) - 1} more rows repeat an id)" if len(repeated) > 1 else ""
        raise InputError(
            f"{path}:{line}: duplicate id: '{image_id}' stands on line {lines[image_id]} already{more}: "
            "keep one row of each id"
        )
    return Table(path, header, place, found)


def read_rows(path: Path, *, columns: Sequence[str] = (), padded: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The header, then every row that is not blank, padded to the header, each with its line number.

    Where the first line has no id column, `columns` stand for the header, if given.
    """
    data = _bytes(path)
    delimiter, headed = _form(data, columns, path)
    quoted = delimiter in ",;"
    csv.field_size_limit(LARGEST_FIELD)
    # A text of this size as one string, or in a StringIO, takes up to four times the memory of its bytes.
    stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(stream, delimiter=delimiter, quoting=quoting, strict=True)
    try:
        header = [title.strip() for title in next(reader, [])] if headed else list(columns)
        if not any(header):
            raise InputError(f"{path}:1: no header: the first line names the columns, for example ID,Caption")
        yield 1, header
        line = reader.line_num + 1
        for row in reader:
            if len(row) != len(header) and any(row):
                _check_width(row, header, delimiter, f"{path}:{line}", padded=padded)
                row.extend([""] * (len(header) - len(row)))
            if any(row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}:{reader.line_num}: {error}: a field with a comma, a quote or a line break needs "
            'double quotes round it, and "" for each quote inside'
        ) from error
    except UnicodeDecodeError:
        raise _not_utf8(path, data) from None


def find(header: tuple[str, ...], *names: str) -> int | None:
    """Where the first of the normalised `names` stands in the header."""
    titles = [normalised(title) for title in header]
    return next((titles.index(name) for name in names if name in titles), None)


def normalised(title: str) -> str:
    """A header's title in lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", title.lower())


def checked_id(image_id: str, where: str) -> str:
    """The id, when it can name a file inside its folder; InputError otherwise."""
    if not image_id:
        raise InputError(f"{where}: an empty image id: give the row its id or remove the row")
    if image_id in {".", ".."} or not image_id.isprintable() or "/" in image_id or "\\" in image_id:
        raise InputError(
            f"{where}: image id {image_id!r} could lead out of the image folder: an id is a file name, "
            "without /, \\ or control characters"
        )
    return image_id


def _is_id(title: str) -> bool:
    return title in {"id", "imageid", "uid"} or re.fullmatch(r"imageclef\w*id", title) is not None


def _form(data: bytes, columns: Sequence[str], path: Path) -> tuple[str, bool]:
    """The delimiter, and whether the first line is a header."""
    found = re.match(rb"[^\r\n]*", data.removeprefix(codecs.BOM_UTF8))
    first = found[0].decode(errors="replace") if found else ""
    if "\0" in first:
        raise InputError(f"{path}:1: NUL characters: this is no table, or one in UTF-16: give a CSV in UTF-8")
    delimiter = max(",\t|;", key=first.count)
    titles = [normalised(title) for title in first.split(delimiter)]
    if not columns or not first.strip() or any(map(_is_id, titles)):
        return delimiter, True
    if titles[0] in UNNAMED:
        raise InputError(f"{path}:1: no id column in the header {_short(first)!r}: name that of the image ids ID")
    mark = re.search(rb"[\t|,]", data)
    if mark is None:
        raise InputError(f"{path}:1: no tab, | or comma after the ids: put one between an id and what belongs to it")
    return mark[0].decode(), False


def _check_width(row: Sequence[str], header: Sequence[str], delimiter: str, where: str, *, padded: bool) -> None:
    """InputError unless what the row lacks can be taken for empty fields."""
    if len(row) > len(header):
        mend = "put double quotes round a field that holds the delimiter"
        if delimiter not in ",;":
            mend = f"take the {delimiter!r} out of the field that holds it"
        raise InputError(f"{where}: {len(row)} fields where the header has {len(header)}: {mend}")
    if len(row) == 1 and any(mark in row[0] for mark in ",\t|;"):
        raise InputError(
            f"{where}: one field, {_short(row[0])!r}, where the header has {len(header)}: "
            f"put {delimiter!r} between the columns, as the first line does"
        )
    if not padded:
        raise InputError(
            f"{where}: {len(row)} field{'s' * (len(row) > 1)} where the header has {len(header)}: take line breaks out "
            f"of the fields, or put double quotes round them; an empty field keeps its {delimiter!r}"
        )


def _bytes(path: Path) -> bytes:
    """The file's bytes, which may be those of a table."""
    if path.is_dir():
        raise InputError(f"{path} is a folder: give the table in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error
    for start, what in OTHER_FILES.items():
        if data.startswith(start):
            raise InputError(f"{path} is not a table but {what}")
    return data


def _not_utf8(path: Path, data: bytes) -> InputError:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return InputError(f"{path}:{line}: not UTF-8 (byte {error.start}): save the file as UTF-8")
    return InputError(f"{path}: not UTF-8: save the file as UTF-8")


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
