"""Label tables as organisers and participants write them, read tolerantly, faults named by file and line.

The delimiter (comma, tab, `|` or `;`) is taken from the first line, a byte order mark and CRLF are
accepted, columns are found by their normalised names. Comma and `;` tables use CSV quotes; tab and `|`
tables have none, as in the official tools of 2018 to 2023. Headers seen in public copies of the releases:

    ID,CUIs                             2026, ROCOv2
    ImageCLEFmedical 2025 ID,Cuis       2025
    ID<TAB>caption                      2023

    read_table(Path("concepts.csv")).column("cuis", "cui")
    # {"ImageCLEFmedical_Caption_2026_train_0": "C0015726;C1261259", ...}
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.nouns import InputError

LARGEST_FIELD = 10_000_000
"""Characters; the longest published caption has a few thousand."""


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
                f"{self.path}:1: no column '{names[0]}' in the header {', '.join(self.header)}: "
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


def read_table(path: Path) -> Table:
    """The table in the file, one row for each image id; InputError when it cannot be read so."""
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    place = next((n for n, title in enumerate(header) if _is_id(normalised(title))), None)
    if place is None:
        raise InputError(
            f"{path}:1: no id column in the header {', '.join(header)}: name the column of the image ids ID"
        )
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


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The header, then every row that is not blank, padded to the header, each with its line number."""
    text = _text(path)
    delimiter = max(",\t|;", key=text.partition("\n")[0].count)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter in ",;" else csv.QUOTE_NONE
    csv.field_size_limit(LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    try:
        header = [title.strip() for title in next(reader, [])]
        if not any(header):
            raise InputError(f"{path}:1: no header: the first line names the columns, for example ID,Caption")
        yield 1, header
        line = reader.line_num + 1
        for row in reader:
            if len(row) > len(header):
                raise InputError(
                    f"{path}:{line}: {len(row)} fields where the header has {len(header)}: "
                    "put double quotes round a field that holds the delimiter"
                )
            if any(row):
                yield line, row + [""] * (len(header) - len(row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}:{reader.line_num}: {error}: a field with a comma, a quote or a line break needs "
            'double quotes round it, and "" for each quote inside'
        ) from error


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


def _text(path: Path) -> str:
    """The file's text without its byte order mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 (byte {error.start}): save the file as UTF-8") from error
