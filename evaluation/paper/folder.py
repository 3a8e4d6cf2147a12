"""A folder of files that are written again and again, while a user works in it: what the user changed is kept.

write_folder(Path("paper"), {"results.tex": "...", "images/1.jpg": b"..."}, users=("main.tex",))
# Written(new=["results.tex", ...], kept=[], beside=[])

`.written.json` in the folder has the SHA-256 of what was written last. A file that has another one was changed by the
user: it stays, and ours is written beside it as `results.new.tex`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

MARK = ".written.json"


@dataclass(slots=True)
class Written:
    """What became of the files, by their names in the folder."""

    new: list[str] = field(default_factory=list)
    """Written, or there already as they should be."""
    kept: list[str] = field(default_factory=list)
    """The user's, not touched."""
    beside: list[str] = field(default_factory=list)
    """Our form of files that the user changed."""
    gone: list[str] = field(default_factory=list)
    """Of an earlier time, not needed any more."""


def check_folder(folder: Path) -> None:
    """InputError when the folder holds what this program did not write."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file: name a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(f"--out {folder} holds other files: name a new folder, or that of an earlier paper")
    _known(folder)


def write_folder(folder: Path, files: Mapping[str, str | bytes], *, users: Collection[str] = ()) -> Written:
    """Write the files; those in `users` belong to the user once they are there."""
    check_folder(folder)
    before = _known(folder)
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    ours = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    # Both may be found there until all is written: a crash does not make our own files the user's.
    _mark(folder, {name: {*before.get(name, ()), *([ours[name]] if name in ours else ())} for name in {*before, *ours}})
    done = Written()
    left: dict[str, set[str]] = {}
    for name, content in contents.items():
        path = folder / name
        there = hash_file(path) if path.exists() else None
        left[name] = {ours[name]}
        if name in users and there not in (None, ours[name]):
            done.kept.append(name)
        elif there not in (None, ours[name], *before.get(name, ())):
            beside = path.with_name(f"{path.stem}.new{path.suffix}")
            write_whole(beside, content)
            done.kept.append(name)
            done.beside.append(str(beside.relative_to(folder)))
            left[name] = before.get(name, {ours[name]})
        else:
            if there != ours[name]:
                write_whole(path, content)
            done.new.append(name)
    for name in sorted(before.keys() - contents.keys()):
        path = folder / name
        if path.exists() and hash_file(path) in before[name]:
            path.unlink()
            done.gone.append(name)
    _mark(folder, left)
    return done


def _known(folder: Path) -> dict[str, set[str]]:
    """Name -> the hashes of what we may have written under it."""
    path = folder / MARK
    try:
        return {str(name): set(map(str, hashes)) for name, hashes in json.loads(path.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"{path} cannot be read, so nobody knows which files are yours: name a new folder") from None


def _mark(folder: Path, hashes: Mapping[str, set[str]]) -> None:
    content = {name: sorted(own) for name, own in sorted(hashes.items())}
    write_whole(folder / MARK, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
