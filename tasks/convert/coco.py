"""The two JSON files of COCO's caption evaluation: results, and annotations with one caption for each image.

As pycocotools and github.com/salaniz/pycocoevalcap read them:

    [{"image_id": 391895, "caption": "A chest x-ray."}, ...]                        results
    {"images": [{"id": 391895, ...}], "annotations": [{"id": 1, "image_id": 391895, "caption": "A ..."}], ...}

COCO's own image ids are whole numbers, and `391895` and `"391895"` are different images to these programs. Ids are
written as numbers when all of them are plain ones (without sign or leading zeros), or else all as texts:

    to_results({"391895": "A chest x-ray."})       # [{"image_id": 391895, "caption": "A chest x-ray."}]
    to_results({"synth_000001": "A chest x-ray."}) # [{"image_id": "synth_000001", "caption": "A chest x-ray."}]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.convert.fields import id_at, text_at
from tasks.nouns import InputError, Value


def read_results(document: list[Any], path: Path) -> dict[str, Value]:
    """The captions of a results file by image id."""
    captions: dict[str, Value] = {}
    for n, row in enumerate(document, start=1):
        where = f"{path}: entry {n}"
        image_id = id_at(row, ("image_id",), where)
        if image_id in captions:
            raise InputError(f"{where}: {image_id} stands twice: keep one caption for each image")
        captions[image_id] = text_at(row, "caption", where)
    return captions


def read_annotations(document: Mapping[str, Any], path: Path) -> dict[str, Value]:
    """The captions of an annotations file, in the order of its images."""
    images, annotations = document.get("images"), document.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise InputError(f"{path}: 'images' and 'annotations' are not both lists: give COCO's caption annotations")
    captions = read_results(annotations, path)
    ids = [id_at(row, ("id",), f"{path}: image {n}") for n, row in enumerate(images, start=1)]
    for ours, theirs, what in ((ids, captions, "no annotation"), (captions, set(ids), "no entry under 'images'")):
        missing = [image_id for image_id in ours if image_id not in theirs]
        if missing:
            raise InputError(
                f"{path}: {len(missing)} images have {what}, the first is {missing[0]}: add what is missing"
            )
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{path}: the image {twice} stands twice under 'images': keep one entry for each image")
    return {image_id: captions[image_id] for image_id in ids}


def to_results(captions: Mapping[str, str]) -> list[dict[str, Any]]:
    """The document of a results file."""
    return [{"image_id": n, "caption": text} for n, text in zip(_ids(captions), captions.values(), strict=True)]


def to_annotations(captions: Mapping[str, str]) -> dict[str, Any]:
    """The document of an annotations file; an image's `file_name` is its id, as no ending is known."""
    ids = _ids(captions)
    rows = zip(ids, captions.values(), strict=True)
    return {
        "info": {},
        "licenses": [],
        "type": "captions",
        "images": [{"id": n, "file_name": image_id} for n, image_id in zip(ids, captions, strict=True)],
        "annotations": [{"id": k, "image_id": n, "caption": text} for k, (n, text) in enumerate(rows, start=1)],
    }


def _ids(captions: Mapping[str, str]) -> list[int] | list[str]:
    """Numbers when every id is a plain one, which reads back as the same text."""
    if all(re.fullmatch(r"0|[1-9][0-9]{0,17}", image_id) for image_id in captions):
        return [int(image_id) for image_id in captions]
    return list(captions)
