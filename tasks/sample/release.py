"""Writes the sample to disk in the layout of the ImageCLEF 2026 release, and tells whether it is whole.

The marker `complete.json` is written last and holds the version and the size of every file: a folder that was
interrupted, damaged or made by another version is written again.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.files import as_csv
from tasks.nouns import Report
from tasks.reports.labels import LABELS
from tasks.sample import image_id
from tasks.sample.lexicon import CONCEPTS, MANUAL
from tasks.sample.picture import draw
from tasks.sample.records import CONTEXT, patient, report
from tasks.sample.scene import Scene, scene_of, stream
from tasks.sample.wording import caption

MARKER = "complete.json"
VERSION = 2
"""Part of the marker; raised whenever a text of the release changes, so that older folders are written again."""
QUALITY = 85
"""JPEG quality: about 7 KB an image."""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is written about one image."""

    image_id: str
    scene: Scene
    caption: str
    patient: Mapping[str, str]
    report: Report | None
    """Only chest radiographs have one."""


def record_of(split: str, number: int) -> Record:
    """What image `number` of a split shows and says."""
    scene, rng = scene_of(split, number), stream(split, number, 2)
    person = patient(split, number, scene)
    text = caption(scene, rng, age=int(person["age"]), sex=person["sex"])
    reported = scene.modality == "xray" and scene.region == "chest"
    return Record(image_id(split, number), scene, text, person, report(scene, rng, person) if reported else None)


def image_bytes(split: str, number: int) -> bytes:
    """The JPEG file of image `number` of a split."""
    from PIL import Image

    pixels = draw(scene_of(split, number), stream(split, number, 1)).pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def is_complete(root: Path) -> bool:
    """Whether the marker is there, of this version, and every file it names has the noted size."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
        return marker["version"] == VERSION and all(
            (root / name).stat().st_size == size for name, size in marker["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def write_release(root: Path, counts: Mapping[str, int]) -> None:
    """Write the images and tables of `counts` images per split, the marker last."""
    (root / MARKER).unlink(missing_ok=True)
    sizes: dict[str, int] = {}
    records = {split: [record_of(split, k) for k in range(count)] for split, count in counts.items()}
    development = [record for split in records if split != "test" for record in records[split]]
    test = records.get("test", [])
    for split, count in counts.items():
        first = "test" if split == "test" else "dev_concept"
        for number in range(count):
            name = f"{image_id(split, number)}.jpg"
            sizes |= _write(root, f"{first}/images/{name}", image_bytes(split, number))
            if first != "test":
                sizes |= _share(root, name, "dev_caption")
                if records[split][number].report:
                    sizes |= _share(root, name, "dev_report")
    for folders, rows in ((("dev_concept", "dev_caption", "dev_report"), development), (("test",) * 3, test)):
        for name, table in _references(rows).items():
            folder = folders[_ROOM[name]]
            sizes |= _write(root, f"{folder}/{name}", _bytes(table))
    for name, table in _dictionaries([*development, *test]).items():
        sizes |= _write(root, f"dev_concept/{name}", _bytes(table))
    sizes |= _write(root, "test/ids.csv", _bytes([("ID", ""), *((r.image_id, "") for r in test)]))
    _write(root, MARKER, json.dumps({"version": VERSION, "files": sizes}, indent=0).encode())


_ROOM = {
    "concepts.csv": 0,
    "concepts_manual.csv": 0,
    "captions.csv": 1,
    "reports.csv": 2,
    "labels.csv": 2,
    "context.csv": 2,
}
"""Table -> which of the three task folders it belongs to."""

Table = Sequence[Sequence[object]]
"""The header, then the rows; None is an empty cell."""


def _references(records: Sequence[Record]) -> dict[str, Table]:
    """The tables that hold references, by file name."""
    reports = [(r, r.report) for r in records if r.report]
    manual = [(r, [cui for cui in r.scene.cuis if cui in MANUAL]) for r in records]
    return {
        "concepts.csv": [("ID", "CUIs"), *((r.image_id, ";".join(r.scene.cuis)) for r in records)],
        "concepts_manual.csv": [("ID", "CUIs"), *((r.image_id, ";".join(cuis)) for r, cuis in manual)],
        "captions.csv": [("ID", "Caption"), *((r.image_id, r.caption) for r in records)],
        "reports.csv": [
            ("ID", "Findings", "Impression"),
            *((r.image_id, text.findings, text.impression) for r, text in reports),
        ],
        "labels.csv": [
            ("ID", *LABELS),
            *((r.image_id, *(text.labels[name] for name in LABELS)) for r, text in reports),
        ],
        "context.csv": [("ID", *CONTEXT), *((r.image_id, *(r.patient[key] for key in CONTEXT)) for r, _ in reports)],
    }


def _dictionaries(records: Sequence[Record]) -> dict[str, Table]:
    """Names of the concepts, and where the images come from."""
    synonyms = []
    for concept in CONCEPTS.values():
        english = [n for n in (*concept.nouns, *concept.adjectives) if n.casefold() != concept.name.casefold()]
        synonyms += [(concept.cui, name, "en") for name in english]
        synonyms += [(concept.cui, name, "es") for name in concept.spanish]
    origin = ("phantom", "", "CC0")
    return {
        "cui_mapping.csv": [("CUI", "Canonical name"), *((c.cui, c.name) for c in CONCEPTS.values())],
        "cui_synonyms.csv": [("CUI", "Name", "Language"), *synonyms],
        "attribution.csv": [("ID", "source", "pmcid", "licence"), *((r.image_id, *origin) for r in records)],
    }


def _bytes(table: Table) -> bytes:
    return as_csv([str(title) for title in table[0]], table[1:]).encode()


def _write(root: Path, name: str, data: bytes) -> dict[str, int]:
    """Write beside and rename, so that no file is ever half there; a hard link elsewhere is not written through."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)
    return {name: len(data)}


def _share(root: Path, name: str, folder: str) -> dict[str, int]:
    """The image of dev_concept in another folder too: a hard link, a copy where links are not possible."""
    source, target = root / "dev_concept/images" / name, root / folder / "images" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return {f"{folder}/images/{name}": source.stat().st_size}
