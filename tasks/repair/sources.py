"""From a path to rows: a table, JSON, JSON lines, Parquet, a zip with one of them in it, or a run's folder."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.editions import Edition
from tasks.nouns import InputError
from tasks.repair.changes import Record
from tasks.repair.decode import decode
from tasks.repair.documents import read_json, read_parquet
from tasks.repair.names import Names
from tasks.repair.row import Row
from tasks.repair.tables import read_table
from tasks.upload import Upload, read_upload

_READ = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet"}
_PARQUET = b"PAR1"


@dataclass(frozen=True, slots=True)
class Source:
    """What an input holds."""

    rows: list[Row]
    text: str | None
    """The table as it was read; None when the input is none."""


def read_source(path: Path, *, edition: Edition, names: Names, record: Record) -> Source:
    """The rows at `path`; InputError when it cannot be read at all."""
    if path.is_dir():
        path = _in_folder(path, edition)
    if _starts_with(path, _PARQUET):
        return Source(read_parquet(path, edition, names, record, str(path)), None)
    upload, where = read_upload(path, member=edition.zip_member), str(path)
    if upload.faults:
        upload, inside = _from_zip(path, upload, edition, record)
        where = f"{path} ({inside})"
    data = upload.data or b""
    if data.startswith(_PARQUET):
        return Source(read_parquet(io.BytesIO(data), edition, names, record, where), None)
    text = decode(data, record, path)
    if _is_json(text, where):
        return Source(read_json(text, edition, names, record, where), None)
    return Source(read_table(text, edition, names, record, where), text)


def _in_folder(path: Path, edition: Edition) -> Path:
    """The submission of a run's folder, or its only journal."""
    table = path / edition.zip_member
    if table.is_file():
        return table
    journals = sorted(path.glob("predictions*.jsonl"))
    if len(journals) == 1:
        return journals[0]
    found = f"{len(journals)} journals" if journals else f"no {edition.zip_member} and no journal"
    raise InputError(f"{path} is a folder with {found}: give the file itself")


def _starts_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the path and the permission") from error


def _from_zip(path: Path, upload: Upload, edition: Edition, record: Record) -> tuple[Upload, str]:
    """What the zip holds, when only one thing can be meant; nothing is unpacked to disk."""
    member = edition.zip_member
    if upload.data is None:
        try:
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if _is_table(name)]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InputError(f"{path}: {upload.faults[0]}: zip the file again") from error
        named = [name for name in members if PurePosixPath(name).name == member]
        found = named or members
        if len(found) != 1:
            raise InputError(f"{path} holds {len(found)} tables: give a zip with one, or the table itself")
        member = found[0]
        upload = read_upload(path, member=member)
    if upload.data is None:
        raise InputError(f"{path}: {upload.faults[0]}: zip {edition.zip_member} alone, without a password")
    if any("bomb" in fault for fault in upload.faults):
        raise InputError(f"{path}: {upload.faults[-1]}: give the table itself")
    record.change("zip", before="; ".join(upload.faults) or f"the zip holds {member}", after=edition.zip_member)
    return upload, member


def _is_table(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.suffix.lower() in _READ and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _is_json(text: str, where: str) -> bool:
    """By its name, or by a first character that no id starts with."""
    if where.removesuffix(")").lower().endswith((".json", ".jsonl")):
        return True
    head = text[:200].lstrip("\ufeff \t\r\n")
    return head.startswith(("{", "[{", "[[")) or (head.startswith("[") and text.rstrip().endswith("]"))
