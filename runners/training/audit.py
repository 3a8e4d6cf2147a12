"""Is validation held back? Looked at before training: the same id, the same image, the same patient or article.

    groups = read_groups("attribution.csv:pmcid", examples)             # {"..._train_0": "PMC3179457", ...}
    found = find_leaks(Side.of(train, ...), Side.of(valid, ...))
    found["images"]                                                     # {"count": 2, "first": ["..._valid_7", ...]}
    refuse_leaks(found)                                                 # InputError

Images are the same when their files are, byte by byte (SHA-256). The same picture saved again is not found here, as
that needs every image decoded: `imageclef data check` does it, once for a data set. Hashes are remembered by path, size
and times of the file, so that a training that goes on does not read 100,000 images again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.checkpoints import cache_folder
from tasks.datasets.cells import Cell
from tasks.datasets.groups import groups_of_examples
from tasks.datasets.table import find, normalised, read_rows
from tasks.files import hash_file, write_whole
from tasks.images import ImageError, encoded
from tasks.nouns import Example, ImageSource, InputError

FIRST = 5
"""Cases that are named."""
_WHAT = {
    "ids": "{} of its images have the id of a training image",
    "images": "{} of its image files are byte for byte training images",
    "groups": "{} of its patients or articles (data.groups) are in the training set",
}


@dataclass(frozen=True)
class Side:
    """Training or validation, as far as a leak can be seen by it."""

    ids: Sequence[str]
    hashes: Sequence[str]
    """Of the images, in the order of the ids."""
    groups: Sequence[str | None]
    """Patient or article of each image, None where it is not known."""

    @classmethod
    def of(cls, examples: Sequence[Example], hashes: Mapping[ImageSource, str], groups: Mapping[str, str]) -> Side:
        """The side that these examples are."""
        return cls(
            [example.image_id for example in examples],
            [hashes[example.image] for example in examples],
            [groups.get(example.image_id) for example in examples],
        )


def find_leaks(train: Side, valid: Side) -> dict[str, dict[str, Any]]:
    """What stands on both sides: `ids`, `images` (by their id in valid), `groups`, each with count and first cases.

    Without `groups` where none is known: then nobody looked.
    """
    hashes = set(train.hashes)
    copies = [image_id for image_id, one in zip(valid.ids, valid.hashes, strict=True) if one in hashes]
    ours, theirs = ({group for group in side.groups if group is not None} for side in (train, valid))
    return {
        "ids": counted(sorted(set(train.ids) & set(valid.ids))),
        "images": counted(copies),
        **({"groups": counted(sorted(ours & theirs))} if ours or theirs else {}),
    }


def find_duplicates(side: Side) -> dict[str, Any]:
    """Images of a side whose file another image of it has too, the first of each kind not counted."""
    seen: Counter[str] = Counter()
    again = []
    for image_id, one in zip(side.ids, side.hashes, strict=True):
        if seen[one]:
            again.append(image_id)
        seen[one] += 1
    return counted(again)


def counted(cases: Collection[str]) -> dict[str, Any]:
    """How many, and the first of them."""
    return {"count": len(cases), "first": list(cases)[:FIRST]}


def refuse_leaks(found: Mapping[str, Mapping[str, Any]]) -> None:
    """InputError when something stands on both sides."""
    leaks = [
        f"{_WHAT[kind].format(cases['count'])} ({', '.join(cases['first'])}{', ...' if cases['count'] > FIRST else ''})"
        for kind, cases in found.items()
        if cases["count"]
    ]
    if leaks:
        raise InputError(
            f"the validation set is not held back: {'; '.join(leaks)}. Scores on it would be too good: name other "
            "splits or take the images out of one of them; data.allow_leaks: true trains all the same and records it"
        )


def read_groups(source: str | None, examples: Sequence[Example]) -> dict[str, str]:
    """Image id -> patient or article, from FILE:COLUMN, the id in the file's first column; the context's for None.

    InputError when the file cannot be read so, or knows none of the examples.
    """
    if source is None:
        return dict(groups_of_examples(examples).of)
    name, _, column = source.rpartition(":")
    if not name or not column:
        raise InputError(f"data.groups: {source!r} is not FILE:COLUMN: write it as in attribution.csv:pmcid")
    path = Path(name)
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    place = find(header, normalised(column))
    if place is None:
        raise InputError(f"data.groups: {path} has no column '{column}': use one of {', '.join(header[1:])}")
    listed = {row[0].strip(): row[place].strip() for _, row in rows}
    groups = {e.image_id: listed[e.image_id] for e in examples if listed.get(e.image_id)}
    if not groups:
        raise InputError(
            f"data.groups: {path} has in its column '{column}' a value for none of {len(examples)} images, such as "
            f"{examples[0].image_id}: its first column must hold the image ids, as the label tables have them"
        )
    return groups


def hash_images(examples: Sequence[Example], root: Path) -> dict[ImageSource, str]:
    """Image -> SHA-256 of its bytes; `root` is the data set's folder, under whose name hashes are remembered.

    Files are read in pieces, one at a time. InputError names the images that cannot be read.
    """
    store = cache_folder() / "images" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"
    known = _remembered(store)
    hashes: dict[ImageSource, str] = {}
    keys: dict[str, str] = {}
    unread: list[str] = []
    for example in examples:
        try:
            key = _key(example.image)
            hashes[example.image] = keys[key] = known.get(key) or _hash(example.image)
        except (OSError, ImageError) as error:
            unread.append(f"{example.image_id} ({error})")
    if unread:
        raise InputError(
            f"{len(unread)} of {len(examples)} images cannot be read, the first: {'; '.join(unread[:3])}. Fetch them "
            f"again or take their rows out of the tables; `imageclef data check {root}` lists all"
        )
    if keys.keys() - known.keys():
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError):
            write_whole(store, json.dumps({**known, **keys}, indent=0))
    return hashes


def _remembered(store: Path) -> dict[str, str]:
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _key(source: ImageSource) -> str:
    """What changes when the image does; the time of change, unlike that of modification, cannot be set."""
    stat = (source.path if isinstance(source, Cell) else Path(str(source))).stat()
    return f"{source} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _hash(source: ImageSource) -> str:
    return hash_file(source) if isinstance(source, Path) else hashlib.sha256(encoded(source)).hexdigest()
