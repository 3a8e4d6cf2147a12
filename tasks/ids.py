"""The ids of the images that must be answered, in order.

The organisers check the test phase against `ids.csv` (an id column and an empty one); any table whose first column
is the id does as well, and a plain list. A folder of images gives its file names without ending, in natural order,
which is a guess at the official order (`order_is_inferred`):

    read_ids(Path("ids.csv"))       # ["ImageCLEFmedical_Caption_2026_test_0", "ImageCLEFmedical_Caption_2026_test_1"]
    read_ids(Path("test/images"))   # the same; _2 comes before _10
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tasks.nouns import InputError
from tasks.upload import read_records, read_text

IMAGE_ENDING = re.compile(r"\.(jpe?g|png|tiff?|bmp|gif|webp|dcm)$", re.IGNORECASE)
# "ID", "image_id", "ImageCLEFmedical 2025 ID", "uid", "filename"
HEADER = re.compile(r"(.*[\s_])?(id|ids|uid|image|images|imageid|name|file|filename)", re.IGNORECASE)


def read_ids(path: Path) -> list[str]:
    """The ids in a table, a text list or a folder of images; InputError when there are none, or one stands twice."""
    ids = _folder_ids(path) if path.is_dir() else _table_ids(path)
    if not ids:
        what = "images" if path.is_dir() else "ids"
        raise InputError(f"{path} holds no {what}: give ids.csv, a table whose first column is the id, or the images")
    twice = [image_id for image_id, n in Counter(ids).items() if n > 1]
    if twice:
        raise InputError(f"{path} holds the id {twice[0]!r} more than once: give a list in which each id stands once")
    return ids


def order_is_inferred(path: Path) -> bool:
    """Whether `read_ids` had to guess the order."""
    return path.is_dir()


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts the numbers in names by value: `_2` before `_10`."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _folder_ids(path: Path) -> list[str]:
    try:
        names = [entry.name for entry in path.iterdir() if IMAGE_ENDING.search(entry.name)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}: check the permission") from error
    if not names and (path / "images").is_dir():
        raise InputError(f"{path} holds no images itself: give {path / 'images'}")
    return sorted((IMAGE_ENDING.sub("", name) for name in names), key=natural_key)


def _table_ids(path: Path) -> list[str]:
    text = read_text(path, member="ids.csv")
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in ",\t|;" if mark in head), ",")
    cells = [record.fields[0].strip() for record in read_records(text, delimiter) if record.fields]
    if cells and HEADER.fullmatch(cells[0]):
        cells = cells[1:]
    return [IMAGE_ENDING.sub("", cell) for cell in cells if cell]


def require_same(here: Path, ours: Collection[str], there: Path, theirs: Collection[str]) -> None:
    """InputError unless two files answer the same images."""
    for where, ids, other in ((here, ours, theirs), (there, theirs, ours)):
        alone = sorted(set(ids) - set(other))
        if alone:
            raise InputError(
                f"{here} answers {len(ours)} images, {there} {len(theirs)}; {alone[0]} stands in {where} alone: "
                "give submissions for the same images"
            )
