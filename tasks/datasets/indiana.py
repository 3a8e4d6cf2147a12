"""The IU X-ray reports in the form of Kaggle's `chest-xrays-indiana-university`.

    indiana_reports.csv        uid, MeSH, Problems, image, indication, comparison, findings, impression
    indiana_projections.csv    uid, filename, projection (Frontal or Lateral)
    images/images_normalized/1_IM-0001-4001.dcm.png        (or the images in images/ itself)

One example for each study (`uid`) with a frontal image: its first one in the table. The reference is
findings and impression, the context indication and comparison; MeSH and Problems were written after
the report and are left out. A study with neither section, or without a frontal image, is dropped and
counted in the notes. The data has no official split: train, valid and test are 80:10:10 by the
SHA-256 of the uid, so that all images of a study stay together.
"""

from __future__ import annotations

from pathlib import Path

from tasks.datasets.dataset import DataSet, part
from tasks.datasets.folder import ImageFolder, first_with_images
from tasks.datasets.rows import hashed_split
from tasks.datasets.table import checked_id, find, read_rows, read_table
from tasks.nouns import Example, InputError, Report, Task

REPORTS = "indiana_reports.csv"
PROJECTIONS = "indiana_projections.csv"
CONTEXT = ("indication", "comparison")


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
    frontal = _frontal(root / PROJECTIONS)
    examples: list[Example] = []
    empty = without_image = 0
    for uid, fields in read_table(root / REPORTS).fields().items():
        report = Report(fields.get("findings", ""), fields.get("impression", ""))
        if not (report.findings or report.impression):
            empty += 1
        elif uid not in frontal:
            without_image += 1
        else:
            context = {key: value for key, value in fields.items() if key in CONTEXT}
            image = images.image(Path(frontal[uid]).stem)
            examples.append(Example(uid, image, hashed_split(uid), report, context))
    notes = (
        f"{empty} studies dropped: neither findings nor impression",
        f"{without_image} studies dropped: no frontal image",
        "no official split: train, valid, test are 80:10:10 by the SHA-256 of the uid",
    )
    return examples, notes


def _frontal(path: Path) -> dict[str, str]:
    """Uid -> file name of its first frontal image."""
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    places = [find(header, name) for name in ("uid", "filename", "projection")]
    frontal: dict[str, str] = {}
    for line, row in rows:
        uid, name, projection = (row[n].strip() if n is not None else "" for n in places)
        if not (uid and name and projection):
            raise InputError(f"{path}:{line}: uid, filename and projection are needed: complete the row")
        if projection.lower() == "frontal":
            frontal.setdefault(uid, checked_id(name, f"{path}:{line}"))
    return frontal
