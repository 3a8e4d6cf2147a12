"""Image folders: the image of an id, whatever the ending of its file.

ImageFolder(Path("dev_concept/images")).image("ImageCLEFmedical_Caption_2026_train_0")
# dev_concept/images/ImageCLEFmedical_Caption_2026_train_0.jpg
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.ids import natural_key
from tasks.nouns import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".dcm", ".dicom", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jp2")
"""Endings of image files in any case, the preferred one first where one id has several files."""


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder, found by id after one scan of it."""

    folder: Path

    @cached_property
    def files(self) -> dict[str, list[str]]:
        """Image id (file name without its ending) -> names of its files, the preferred one first."""
        files: dict[str, list[str]] = {}
        for name in image_names(self.folder):
            files.setdefault(name[: name.rindex(".")], []).append(name)
        for names in files.values():
            if len(names) > 1:
                names.sort(key=lambda name: (SUFFIXES.index(_suffix(name)), name))
        return files

    def image(self, image_id: str) -> Path:
        """The id's image; where there is none, the path it should have, which fails when read."""
        names = self.files.get(image_id)
        return self.folder / (names[0] if names else f"{image_id}.jpg")

    def ids(self) -> list[str]:
        """The ids of all images in the natural order of their numbers: 2 before 10."""
        return sorted(self.files, key=natural_key)


def image_names(folder: Path) -> Iterator[str]:
    """The names of the image files in a folder, in no order; none when there is no such folder."""
    if not folder.is_dir():
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _suffix(entry.name) in SUFFIXES and not entry.name.startswith(".") and entry.is_file():
                    yield entry.name
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}: check the permission") from error


def first_with_images(*folders: Path) -> ImageFolder:
    """The first folder that holds an image, else the first of all, where every image is then missing."""
    return ImageFolder(next((f for f in folders if next(image_names(f), None)), folders[0]))


def first_with_any(folders: Sequence[Path], names: Collection[str]) -> Path:
    """The first folder in which one of the files is, else the first of all, where every file is then missing."""
    return next((folder for folder in folders if any((folder / name).is_file() for name in names)), folders[0])


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower()
