"""Unpack an archive from elsewhere without leaving its folder.

Refused: absolute names, `..`, backslashes, links, encrypted members, and archives that unpack to far
more than they hold. A member is written beside its place and renamed; one that is there with its
full size is skipped, so that unpacking can be repeated after an interruption.

    unpack(Path("rocov2/train_images.zip"), Path("rocov2/train_images"))
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tasks.nouns import InputError

BOMB_RATIO, BOMB_FREE = 50, 100_000_000
"""An archive may unpack to so many times its size, and always to so many bytes."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the zip into the folder; InputError, naming the member, when it cannot be trusted."""
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
            _check(archive, members)
            for member in members:
                _unpack_member(file, member, inside(folder, member.filename))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive} cannot be unpacked ({error}): delete it and fetch it again") from error


def inside(folder: Path, name: str) -> Path:
    """The place of a file of this name in the folder; InputError when the name leads out of it."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise InputError(f"file name {name!r} would lead out of {folder}: do not trust where it comes from")
    return folder.joinpath(*parts)


def _check(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1:
            raise InputError(f"{archive}: '{member.filename}' is a link or encrypted: do not trust the archive")
    size = sum(member.file_size for member in members)
    if size > archive.stat().st_size * BOMB_RATIO + BOMB_FREE:
        raise InputError(f"{archive} would unpack to {size / 1e9:.1f} GB, a bomb? Do not trust the archive")


def _unpack_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with file.open(member) as source, part.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    part.replace(target)
