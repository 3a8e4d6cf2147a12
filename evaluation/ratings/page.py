"""The sheet as one HTML file that works from a disk without a network: images within, ratings saved as a CSV.

    page(for_rater(rows, rater=1, seed=0), items, pictures=pictures(material, rows), rater=1)

Nothing is sent anywhere: the page's own policy forbids it. What was rated is kept in the browser's storage as well, so
that a closed window loses nothing. `page.html` is the template; Jinja escapes all that is put into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from evaluation.pages.images import jpeg_uri
from evaluation.ratings.items import Item
from evaluation.ratings.material import Material
from evaluation.ratings.sheet import Row
from tasks.images import ImageError
from tasks.nouns import ImageSource
from tasks.reports.disclaimer import DISCLAIMER

SIDE = 1024
"""Pixels of an image's longer side at most."""
_QUALITY = 90
_TEMPLATE = Path(__file__).with_name("page.html")


def pictures(material: Material, studies: Iterable[str]) -> dict[str, list[str]]:
    """Study -> its images as data URIs; an image that cannot be opened is left out."""
    return {study: [uri for image in material.images[study] if (uri := data_uri(image))] for study in studies}


def data_uri(image: ImageSource) -> str:
    """The image as a JPEG within a text; empty when it cannot be opened."""
    try:
        return jpeg_uri(image, side=SIDE, quality=_QUALITY)
    except ImageError:
        return ""


def page(rows: Sequence[Row], items: Sequence[Item], *, pictures: Mapping[str, Sequence[str]], rater: int) -> str:
    """The page of one rater; without `pictures` it shows texts and the ids of the images."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    studies = [
        {"id": study, "pictures": list(pictures.get(study, ())), "rows": list(own)}
        for study, own in groupby(rows, key=lambda row: row.study)
    ]
    codes = [row.code for row in rows]
    return template.render(
        studies=studies,
        items=items,
        n=len(rows),
        rater=rater,
        illustrated=bool(pictures),
        disclaimer=DISCLAIMER,
        facts={
            "codes": codes,
            "items": [item.name for item in items],
            "needed": [item.name for item in items if item.levels],
            "rater": rater,
            "place": "ratings-" + hashlib.sha256(repr((codes, rater)).encode()).hexdigest()[:16],
        },
    )
