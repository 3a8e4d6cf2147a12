"""The pictures of a gallery: small JPEGs within the page, or links from it to the files.

found = pictures({"a": (Path("images/a.jpg"),)}, "embed", beside=Path("gallery.html"))
found.shown["a"]         # ("data:image/jpeg;base64,/9j/4AAQ...",)
found.unread             # {"b": "the image is missing: images/b.jpg"}
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from evaluation.pages.images import jpeg_uri
from tasks.images import ImageError
from tasks.nouns import ImageSource

How = Literal["embed", "link", "none"]
SIDE = 384
"""Pixels of the longer side at most."""
QUALITY = 80
MOST = 1000
"""Images that are embedded unasked, some 20 MB."""
_OF_BROWSERS = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"}
"""Ends of the names of files that every browser shows; others are embedded where links are wanted."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What stands in the `src` of the pictures."""

    shown: Mapping[str, tuple[str, ...]]
    """Image id -> data URIs or relative links of its views, those left out that cannot be read."""
    unread: Mapping[str, str]
    """Image id -> why a view of it cannot be shown."""


def default_how(images: Mapping[str, Sequence[ImageSource]]) -> How:
    """What is done unasked with so many images."""
    return "embed" if sum(map(len, images.values())) <= MOST else "link"


def pictures(images: Mapping[str, Sequence[ImageSource]], how: How, *, beside: Path) -> Pictures:
    """The pictures of all images, for a page at `beside`; their order and bytes are the same every time."""
    if how == "none":
        return Pictures({}, {})
    folder = beside.resolve().parent
    sources = [(image_id, source) for image_id, views in images.items() for source in views]
    # Pillow decodes without holding Python's lock; more threads than processors would only fill the memory.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda pair: _picture(pair[1], how, folder), sources)
        shown: dict[str, tuple[str, ...]] = {}
        unread: dict[str, str] = {}
        for (image_id, _), (picture, reason) in zip(sources, made, strict=True):
            if picture:
                shown[image_id] = (*shown.get(image_id, ()), picture)
            else:
                unread[image_id] = reason
    return Pictures(shown, unread)


def _picture(source: ImageSource, how: How, folder: Path) -> tuple[str, str]:
    """The picture, or an empty text and why there is none."""
    try:
        if how == "link" and isinstance(source, Path) and source.suffix.lower() in _OF_BROWSERS:
            return (_link(source, folder), "") if source.is_file() else ("", f"the image is missing: {source}")
        return jpeg_uri(source, side=SIDE, quality=QUALITY), ""
    except ImageError as error:
        return "", str(error)


def _link(source: Path, folder: Path) -> str:
    """From the page to the file, as a relative URL."""
    return quote(os.path.relpath(source.resolve(), folder).replace(os.sep, "/"))
