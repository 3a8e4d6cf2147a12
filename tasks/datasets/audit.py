"""Is this data set whole? Counts, problems, and images that stand in more than one split.

Errors, any of which makes `data check` exit with status 1: `labels` (a table that cannot be read, a
duplicate or unsafe id), `no-examples`, `missing-image`, `corrupt-image`, `unlabelled-image` (in the folder, in no
table), `several-files` (one id, two image files) and `duplicate-across-splits`. Warnings: `counts`
(other than published, as a part of a release has them) and `odd-size`.

Duplicates are images with equal perceptual hashes of 64 bits (ImageHash `phash`) whose hashes of 256
bits differ in at most 10: the same picture, be it of another size or compression. Of 300 radiographs
reduced to two thirds and saved again as JPEG of quality 60, 248 were found so. All images are decoded
once, in threads (Pillow releases the interpreter lock), one at a time for each core: 2,626 images of
256 pixels took 3 seconds on two cores.

    audit(open_dataset("../data/rocov2")).problems[0].code    # "missing-image"
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from tasks.datasets.dataset import DataSet
from tasks.images import ImageError, ImageMissing, decode, encoded, stored_mode
from tasks.nouns import Example, ImageSource, InputError, Problem, Task

CLOSE = 10
"""Bits of 256 in which the hashes of the same picture may differ."""
SMALLEST, LARGEST, LONGEST = 64, 8192, 5.0
"""A side below the first or above the second (pixels), or sides in a ratio above the third, are odd."""

Place = tuple[str, str]
"""Split and image id."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many examples a task has in a split."""

    task: Task
    split: str
    examples: int
    references: int
    secondary: int
    """Images with manually curated concepts."""
    published: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one image; `error` is empty when it could be decoded."""

    mode: str = ""
    size: tuple[int, int] = (0, 0)
    hash: int = 0
    """Perceptual hash of 64 bits."""
    fine_hash: int = 0
    """Perceptual hash of 256 bits."""
    error: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in a data set."""

    path: str
    layout: str
    published: str
    """The published data set whose counts are compared, and their source; empty when none is recognised."""
    counts: tuple[Count, ...]
    images: int
    modes: dict[str, int]
    """Mode as stored -> number of images."""
    sides: dict[str, int]
    """The least, median and greatest side of an image in pixels."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of equal images in several splits, each image as `split/id`."""
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    restricted: str = ""
    """Why outputs made from this data may not be passed on; empty for free data."""

    @property
    def clean(self) -> bool:
        """There is no error; warnings are allowed."""
        return not any(problem.severity == "error" for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of everything."""
        return {"clean": self.clean, **asdict(self)}


def audit(data: DataSet, *, track: Callable[[Iterable[Look], int], Iterable[Look]] | None = None) -> Audit:
    """Read every table and decode every image; `track` may show the progress over so many images."""
    examples, problems = _read_tables(data)
    places: dict[ImageSource, set[Place]] = {}
    for example in (e for found in examples.values() for e in found):
        for image in example.images:
            places.setdefault(image, set()).add((example.split, example.image_id))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = pool.map(look, places)
        seen = dict(zip(places, track(looks, len(places)) if track else looks, strict=True))
    if not examples and not problems:
        message = f"{data.root} is laid out as {data.layout}, yet holds no example"
        problems.append(Problem("error", "no-examples", None, None, message, "unpack the archives, or fetch it again"))
    published = recognised((e.image_id for found in examples.values() for e in found), layout=data.layout)
    counts = tuple(_counts(data, examples, published))
    duplicates = tuple(_duplicates(seen, places))
    if not problems:  # an unread table would make all its images look unlabelled
        problems += _folder_problems(data, {source for source in places if isinstance(source, Path)})
    for source, found in seen.items():
        problems += _image_problems(found, min(places[source]))
    problems += _duplicate_problems(duplicates)
    problems += _count_problems(counts, published.get("name", ""))
    sides = [side for found in seen.values() if not found.error for side in found.size]
    return Audit(
        path=str(data.root),
        layout=data.layout,
        published=f"{published['name']} ({published['source']})" if published else "",
        counts=counts,
        images=len(places),
        modes=dict(Counter(found.mode for found in seen.values() if not found.error).most_common()),
        sides={"least": min(sides), "median": int(median(sides)), "greatest": max(sides)} if sides else {},
        duplicates=duplicates,
        problems=tuple(problems),
        notes=tuple(data.notes),
        restricted=data.restricted,
    )


def look(source: ImageSource) -> Look:
    """Decode one image and hash it."""
    import imagehash

    try:
        data = encoded(source)
        image = decode(data)
        coarse, fine = (int(str(imagehash.phash(image, hash_size=side)), 16) for side in (8, 16))
        return Look(stored_mode(data), image.size, coarse, fine)
    except ImageMissing as error:
        return Look(error=str(error), missing=True)
    except ImageError as error:
        return Look(error=str(error))


@cache
def _published() -> list[dict[str, Any]]:
    from ruamel.yaml import YAML

    return list(YAML(typ="safe").load(Path(__file__).with_name("published.yaml").read_text(encoding="utf-8")))


def recognised(image_ids: Iterable[str], *, layout: str = "") -> dict[str, Any]:
    """The published data set of this layout, or to which the first of the ids that belongs to one belongs; else {}."""
    if of_layout := [known for known in _published() if known.get("layout") == layout]:
        return of_layout[0]
    by_id = [known for known in _published() if "ids" in known]
    return next((known for i in image_ids for known in by_id if i.startswith(known["ids"])), {})


def _read_tables(data: DataSet) -> tuple[dict[tuple[Task, str], list[Example]], list[Problem]]:
    examples: dict[tuple[Task, str], list[Example]] = {}
    faults: dict[str, None] = {}
    for task, split in _splits(data, faults):
        try:
            examples[task, split] = data.examples(task, split)
            data.secondary(split)
        except InputError as error:
            faults[str(error)] = None
    return examples, [Problem("error", "labels", None, None, fault, "as the message says") for fault in faults]


def _splits(data: DataSet, faults: dict[str, None]) -> Iterator[tuple[Task, str]]:
    for task in Task:
        try:
            yield from ((task, split) for split in data.splits(task))
        except InputError as error:
            faults[str(error)] = None


def _counts(
    data: DataSet, examples: dict[tuple[Task, str], list[Example]], published: dict[str, Any]
) -> Iterator[Count]:
    tasks = [published["task"]] if "task" in published else [Task.CONCEPTS, Task.CAPTIONS]
    for (task, split), found in examples.items():
        secondary = data.secondary(split) if task is Task.CONCEPTS else {}
        references = sum(example.reference is not None for example in found)
        known = published.get("counts", {}).get(split) if task in tasks else None
        yield Count(task, split, len(found), references, len(secondary), known)


def _duplicates(seen: dict[ImageSource, Look], places: dict[ImageSource, set[Place]]) -> Iterator[tuple[str, ...]]:
    """Groups of equal images, where they are in more than one split."""
    groups: dict[int, list[tuple[int, set[Place]]]] = {}
    for source, found in seen.items():
        if not found.error:
            alike = groups.setdefault(found.hash, [])
            same = next((group for fine, group in alike if (fine ^ found.fine_hash).bit_count() <= CLOSE), None)
            if same is None:
                alike.append((found.fine_hash, set(places[source])))
            else:
                same.update(places[source])
    for group in (group for alike in groups.values() for _, group in alike):
        if len({split for split, _ in group}) > 1:
            yield tuple(f"{split}/{image_id}" for split, image_id in sorted(group))


def _folder_problems(data: DataSet, used: set[Path]) -> Iterator[Problem]:
    for folder in data.folders:
        for image_id, names in folder.files.items():
            if folder.folder / names[0] not in used:
                message = f"{folder.folder / names[0]} is in no label table and no id list"
                yield Problem("error", "unlabelled-image", None, image_id, message, "add its row or remove the image")
            if len(names) > 1:
                message = f"{len(names)} files: {', '.join(names)}; {names[0]} is read"
                yield Problem("error", "several-files", None, image_id, message, "keep one of the files")


def _image_problems(found: Look, place: Place) -> Iterator[Problem]:
    image_id = place[1]
    where = "/".join(place)
    if found.missing:
        yield Problem(
            "error", "missing-image", None, image_id, f"{where}: {found.error}", "fetch it or remove its rows"
        )
    elif found.error:
        yield Problem("error", "corrupt-image", None, image_id, f"{where}: {found.error}", "fetch the image again")
    else:
        short, long = sorted(found.size)
        if short < SMALLEST or long > LARGEST or long > LONGEST * short:
            message = f"{where}: {found.size[0]} x {found.size[1]} pixels"
            yield Problem("warning", "odd-size", None, image_id, message, "look whether it is a radiology image")


def _duplicate_problems(duplicates: Iterable[tuple[str, ...]]) -> Iterator[Problem]:
    for group in duplicates:
        image_id = group[0].partition("/")[2]
        message = " = ".join(group)
        fix = "leave it out of train, or name the leak beside your scores"
        yield Problem("error", "duplicate-across-splits", None, image_id, message, fix)


def _count_problems(counts: Iterable[Count], name: str) -> Iterator[Problem]:
    for count in counts:
        if count.published not in {None, count.examples}:
            message = f"{count.task}, {count.split}: {count.examples:,} examples, {name} has {count.published:,}"
            fix = "nothing for a part of the release; else fetch it again"
            yield Problem("warning", "counts", None, None, message, fix)
