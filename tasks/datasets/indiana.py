"""The IU X-ray reports in the form of Kaggle's `chest-xrays-indiana-university`.

    indiana_reports.csv        uid, MeSH, Problems, image, indication, comparison, findings, impression
    indiana_projections.csv    uid, filename, projection (Frontal or Lateral)
    images/images_normalized/1_IM-0001-4001.dcm.png        (or the images in images/ itself)

One example for each study (`uid`) with a frontal image: its first one in the table; the study's lateral images, then
its further frontal ones, are the example's views. The reference is findings and impression, the context indication and
comparison; MeSH and Problems were written after the report and are left out. A study with neither section, or without a
frontal image, is dropped and counted in the notes. The data has no official split: train, valid and test are 80:10:10
by the SHA-256 of the uid, so that all images of a study stay together.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tasks.datasets.dataset import DataSet, part
from tasks.datasets.folder import ImageFolder, first_with_images
from tasks.datasets.rows import hashed_split
from tasks.datasets.studies import NO_SPLIT, study_notes
from tasks.datasets.table import checked_id, find, normalised, read_rows, read_table
from tasks.nouns import Example, InputError, Report, Task

REPORTS = "indiana_reports.csv"
PROJECTIONS = "indiana_projections.csv"
COLUMNS = ("uid", "filename", "projection")
"""Of the projections."""
CONTEXT = ("indication", "comparison")
PUBLISHED = (3851, 7466)
"""Rows of the two tables as Kaggle has them."""

Projections = dict[str, dict[str, list[str]]]
"""Uid -> `frontal` and `lateral` -> image files, in the order of the table."""


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when the reports' table is not there."""
    if not (root / REPORTS).is_file():
        return None
    images = first_with_images(root / "images" / "images_normalized", root / "images", root / "images_normalized")
    examples, notes = _examples(root, images)
    return DataSet(
        root,
        "IU X-ray (Kaggle)",
        (part(Task.REPORTS, lambda: examples),),
        label_files=(root / REPORTS, root / PROJECTIONS),
        notes=notes,
    )


def _examples(root: Path, images: ImageFolder) -> tuple[list[Example], tuple[str, ...]]:
    projections, table = _projections(root / PROJECTIONS), read_table(root / REPORTS)
    findings, impressions, rows = table.column("findings"), table.column("impression"), table.fields()
    examples: list[Example] = []
    empty = without_frontal = 0
    for uid, fields in rows.items():
        report = Report(findings[uid].strip(), impressions[uid].strip())
        of = projections.get(uid, {"frontal": [], "lateral": []})
        if not (report.findings or report.impression):
            empty += 1
        elif not of["frontal"]:
            without_frontal += 1
        else:
            context = {key: value for title, value in fields.items() if (key := normalised(title)) in CONTEXT}
            first, *views = (images.image(Path(name).stem) for name in _in_order(of))
            examples.append(Example(uid, first, hashed_split(uid), report, context, tuple(views)))
    files = sum(len(names) for of in projections.values() for names in of.values())
    return examples, (
        f"{len(rows):,} of the {PUBLISHED[0]:,} reports and {files:,} of the {PUBLISHED[1]:,} images that Kaggle has",
        *study_notes(examples, without_report=empty, without_frontal=without_frontal),
        *_strangers(projections, rows.keys()),
        NO_SPLIT,
    )


def _in_order(of: dict[str, list[str]]) -> list[str]:
    """The first frontal image, the lateral ones, the other frontal ones."""
    return [*of["frontal"][:1], *of["lateral"], *of["frontal"][1:]]


def _strangers(projections: Projections, uids: Collection[str]) -> tuple[str, ...]:
    """What to say of images whose report is not there."""
    unknown = [uid for uid in projections if uid not in uids]
    return (f"{len(unknown):,} studies of {PROJECTIONS}, such as {unknown[0]}, have no report",) if unknown else ()


def _projections(path: Path) -> Projections:
    """The images of each study; InputError for an incomplete row, another projection, or an image given twice."""
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    places = [find(header, name) for name in COLUMNS]
    if None in places:
        raise InputError(f"{path}:1: no column '{COLUMNS[places.index(None)]}' in the header: name the columns so")
    found: Projections = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        uid, name, projection = (row[n].strip() for n in places if n is not None)
        if not (uid and name and projection):
            raise InputError(f"{path}:{line}: uid, filename and projection are needed: complete the row")
        of = found.setdefault(uid, {"frontal": [], "lateral": []})
        if projection.lower() not in of:
            raise InputError(f"{path}:{line}: projection '{projection}' is neither Frontal nor Lateral: say which")
        if name in lines:
            raise InputError(f"{path}:{line}: '{name}' stands on line {lines[name]} already: keep one of the rows")
        lines[name] = line
        of[projection.lower()].append(checked_id(name, f"{path}:{line}"))
    return found
