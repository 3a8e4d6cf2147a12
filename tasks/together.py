"""Several files that belong together, put in place so that old and new ones never stand side by side.

No file system renames several files at once. So all are written beside first; then the old ones go aside, the last
named first, and the new ones in, the last named last: a reader who finds the last one finds all of one kind.

    with beside(Path("out")) as folder:         # out/.new.k3j2
        (folder / "a.csv").write_text("...")
        (folder / "changes.json").write_text("...")
        move_together({folder / name: Path("out", name) for name in ("a.csv", "changes.json")})

An error puts the old files back. A process that is killed in between leaves them in the `old` of that folder, and
the last file absent.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.nouns import InputError

_OLD = "old"


@contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """An empty folder in `folder`, or in the closest one above it that exists; removed in the end.

    It stays only when it holds old files that could not be put back.
    """
    above = nearest(folder)
    try:
        place = Path(tempfile.mkdtemp(dir=above, prefix=".new."))
    except OSError as error:
        raise InputError(f"{above}: {error.strerror}: give --out a folder that can be written to") from error
    try:
        yield place
    finally:
        if not any((place / _OLD).glob("*")):
            shutil.rmtree(place, ignore_errors=True)


def nearest(path: Path) -> Path:
    """The path itself or the closest one above it that exists."""
    return next(above for above in (path, *path.absolute().parents) if above.exists())


def move_together(places: Mapping[Path, Path]) -> None:
    """Move each new file of a folder of `beside` to its place; InputError, and all is as before, when one fails."""
    aside = next(iter(places)).parent / _OLD
    try:
        aside.mkdir()
        for new, place in reversed(list(places.items())):
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                place.replace(aside / new.name)
        for new, place in places.items():
            new.replace(place)
    except BaseException as error:
        _put_back(places, aside)
        if isinstance(error, OSError):
            raise InputError(f"{error.filename}: {error.strerror}: nothing was replaced; make room for it") from error
        raise
    shutil.rmtree(aside)


def _put_back(places: Mapping[Path, Path], aside: Path) -> None:
    for new, place in places.items():
        if (aside / new.name).exists():
            (aside / new.name).replace(place)
        elif not new.exists():  # moved to where nothing stood
            place.unlink()
