"""What a participant uploads: a table, or a zip that holds `submission.csv` alone; from file to text to records.

The zip rule is that of the official programs of 2025 and 2026 (README of
github.com/taubsity/clef-caption-evaluation-2026): a zip of any name with nothing but `submission.csv` in it. Nothing is
ever unpacked to disk, and no more than `LARGEST` bytes are read whatever the zip says of itself:

    upload = read_upload(Path("submission.zip"), member="submission.csv")
    upload.data[:8], upload.faults        # b"ID,CUIs\\n", ()
"""

from __future__ import annotations

import csv
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.nouns import InputError
from tasks.problems import counted

LARGEST = 256 * 1024 * 1024
"""Bytes; 500,000 captions take some 100 MB."""
MOST_LINES = 2_000_000
FIELD_LIMIT = 131_072
"""The field size limit of Python's csv module, under which the official programs run."""
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What the zipfile module raises on bytes that are no zip, or one it cannot unpack."""
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip begins, and an empty one."""
_LINE_ENDS = [b"\n", b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"]


@dataclass(frozen=True, slots=True)
class Upload:
    """The table's bytes, None when there are none to be had, and what is wrong with the zip round them."""

    data: bytes | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a table; a quoted value may span lines."""

    line: int
    """The physical line it starts on, 1-based."""
    fields: list[str]


def read_upload(path: Path, *, member: str) -> Upload:
    """The bytes of the table at `path`, or of `member` when it is a zip; InputError when it cannot be read at all."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give the submission file")
        with path.open("rb") as file:
            # The size first, so that a file of gigabytes is not read; pipes have none.
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise _too_large(path)
            head = file.peek(4)[:4]
            if path.suffix.lower() == ".zip" or head in _ZIPS:
                upload = _read_zip(path, member)
            else:
                upload = Upload(_bounded(file.read(LARGEST + 1), path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error
    if upload.data and sum(map(upload.data.count, _LINE_ENDS)) > MOST_LINES:
        raise InputError(f"{path} has more than {MOST_LINES} lines: no submission is that long; give another file")
    return upload


def read_text(path: Path, *, member: str) -> str:
    """The text of the table at `path`, without a byte order mark; InputError when there is none to be had."""
    upload = read_upload(path, member=member)
    if upload.data is None:
        raise InputError(f"{path}: {upload.faults[0]}: give a zip that holds {member} alone")
    try:
        return upload.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = upload.data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 text (byte {error.start}): save the file as UTF-8") from error


def text_lines(table: str | bytes) -> io.TextIOWrapper:
    """The lines of a text, or of its UTF-8 bytes, each with its end (LF, CR or both) as it stands."""
    # A StringIO takes four bytes for each character.
    data = table if isinstance(table, bytes) else table.encode("utf-8", "surrogatepass")
    return io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogatepass", newline="")


def read_records(table: str | bytes, delimiter: str, *, quoted: bool = True) -> list[Record]:
    """The records of a text, or of its UTF-8 bytes, as Python's csv module reads them, of any field size.

    Unless `quoted`, a double quote is a character like others and every line is a record.
    """
    before = csv.field_size_limit(len(table) + 1)
    try:
        reader = csv.reader(
            text_lines(table),
            delimiter=delimiter,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )
        records, line = [], 1
        for fields in reader:
            records.append(Record(line, fields))
            line = reader.line_num + 1
    finally:
        csv.field_size_limit(before)
    return records


def _bounded(data: bytes, path: Path) -> bytes:
    if len(data) > LARGEST:
        raise _too_large(path)
    return data


def _too_large(path: Path) -> InputError:
    return InputError(f"{path} is larger than {LARGEST >> 20} MiB: no submission is that large; give another file")


def _read_zip(path: Path, member: str) -> Upload:
    try:
        with zipfile.ZipFile(path) as archive:
            faults = list(_zip_faults(archive, member))
            inside = next((info for info in archive.infolist() if info.filename == member), None)
            if inside is None or inside.flag_bits & 1:
                return Upload(None, tuple(faults))
            if inside.file_size > LARGEST:
                return Upload(None, (*faults, _bomb(member)))
            with archive.open(inside) as file:
                data = file.read(LARGEST + 1)
    except _DAMAGED as error:
        return Upload(None, (f"the zip cannot be read: {error or 'it is damaged'}",))
    if len(data) > LARGEST:
        return Upload(None, (*faults, _bomb(member)))
    if data.startswith(_ZIPS):
        return Upload(None, (*faults, f"{member} is another zip, not a table"))
    return Upload(data, tuple(faults))


def _bomb(member: str) -> str:
    return f"{member} unpacks to more than {LARGEST >> 20} MiB: a zip bomb"


def _zip_faults(archive: zipfile.ZipFile, member: str) -> Iterator[str]:
    names = [info.filename for info in archive.infolist()]
    if "[Content_Types].xml" in names:
        yield "the file is an Office document, such as an Excel workbook, not a table in plain text"
        return
    if names.count(member) != 1:
        yield f"the zip holds {member} {names.count(member)} times, not once at its top"
    others = [info for info in archive.infolist() if info.filename != member]
    for info in others[:20]:
        name = info.filename
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts or ":" in name:
            yield f"the zip holds {name!r}, a path that leads out of the folder"
        elif name.lower().endswith(".zip"):
            yield f"the zip holds another zip, {name!r}"
        else:
            yield f"the zip holds {name!r} too"
    if len(others) > 20:
        yield f"the zip holds {counted(len(others) - 20, 'more file')}"
    if any(info.flag_bits & 1 for info in archive.infolist()):
        yield "the zip is encrypted"
