"""The ImageCLEF 2026 release, a single folder of it, and flat folders of the same files.

As published (participants' public repositories name these files); one table for train and valid,
told apart by `_train_` and `_valid_` in the id:

    dev_concept/{images/, concepts.csv, attribution.csv, cui_mapping.csv}
    dev_caption/{images/, captions.csv}            dev_caption_synth/{images/, captions.csv}
    test/images/                                   test_synth/images/

Our additions, all optional: `dev_report/{images/, reports.csv, labels.csv, context.csv}`, the same
tables and `concepts_manual.csv` in `test/`, and `ids.csv` or `test_ids.csv` for the official order of
the test ids. Each of these folders, or one folder with all these files, is a data set by itself.
The synthetic track has splits of its own: `synth_train`, `synth_valid`, `synth_test`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tasks.datasets.dataset import DataSet, Part, part, split_of
from tasks.datasets.folder import ImageFolder, first_with_images
from tasks.datasets.rows import ids_of, labelled, unlabelled
from tasks.nouns import Example, Task

FOLDERS = ("dev_concept", "dev_caption", "dev_report", "test", "dev_caption_synth", "test_synth")
TABLES = {Task.CONCEPTS: "concepts.csv", Task.CAPTIONS: "captions.csv", Task.REPORTS: "reports.csv"}
MANUAL = "concepts_manual.csv"
ID_LISTS = ("ids.csv", "test_ids.csv")
BESIDE_REPORTS = ("labels.csv", "context.csv")


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when no file of the release is there."""
    if any(_tables(root)) or any(_id_lists(root)):
        return _data_set(root, "flat folder of the ImageCLEF 2026 layout", [root])
    # An archive unpacked into a folder of its own name lies one folder deeper.
    release = [folder for name in FOLDERS for folder in (root / name, root / name / name) if folder.is_dir()]
    return _data_set(root, "ImageCLEF 2026", release) if any(map(_holds_data, release)) else None


def _data_set(root: Path, layout: str, folders: list[Path]) -> DataSet:
    images = {folder: first_with_images(folder / "images", folder) for folder in folders}
    manual = [folder / MANUAL for folder in folders if (folder / MANUAL).is_file()]
    known = (*TABLES.values(), MANUAL, *ID_LISTS, *BESIDE_REPORTS)
    return DataSet(
        root,
        layout,
        (
            *(p for folder in folders for p in _labelled_parts(folder, images[folder])),
            *(p for folder in folders for p in _unlabelled_parts(folder, images[folder])),
        ),
        manual=tuple(part(Task.CONCEPTS, partial(labelled, Task.CONCEPTS, p, images[p.parent])) for p in manual),
        label_files=tuple(f / name for f in folders for name in known if (f / name).is_file()),
        vocabulary_files=vocabularies(root, *folders),
        folders=tuple(images.values()),
    )


def vocabularies(*folders: Path) -> tuple[Path, ...]:
    """The files of CUIs and names in these folders: cui_mapping.csv, cui_names.csv and the like."""
    return tuple(dict.fromkeys(path for folder in folders for path in sorted(folder.glob("cui_*.csv"))))


def _holds_data(folder: Path) -> bool:
    return any(_tables(folder)) or any(_id_lists(folder)) or (folder / "images").is_dir()


def _tables(folder: Path) -> Iterator[tuple[Task, Path]]:
    return ((task, folder / name) for task, name in TABLES.items() if (folder / name).is_file())


def _id_lists(folder: Path) -> Iterator[Path]:
    return (folder / name for name in ID_LISTS if (folder / name).is_file())


def _labelled_parts(folder: Path, images: ImageFolder) -> Iterator[Part]:
    return (part(task, partial(labelled, task, path, images)) for task, path in _tables(folder))


def _unlabelled_parts(folder: Path, images: ImageFolder) -> Iterator[Part]:
    """The test ids without references: as the id list has them, else as the image folder does."""
    lists = list(_id_lists(folder))
    reads = [partial(_listed, path, images) for path in lists] or [partial(_test_images, images)]
    return (part(task, read) for task in (Task.CONCEPTS, Task.CAPTIONS) for read in reads)


def _listed(path: Path, images: ImageFolder) -> list[Example]:
    return unlabelled(ids_of(path), images)


def _test_images(images: ImageFolder) -> list[Example]:
    return unlabelled((i for i in images.ids() if split_of(i).endswith("test")), images)
