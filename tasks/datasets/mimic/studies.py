"""The studies of MIMIC-CXR-JPG by patient and time: images, split and labels, from its tables.

    mimic-cxr-2.0.0-metadata.csv.gz    dicom_id, subject_id, study_id, ViewPosition, StudyDate, StudyTime, ...
    mimic-cxr-2.0.0-split.csv.gz       dicom_id, study_id, subject_id, split (train, validate, test)
    mimic-cxr-2.0.0-chexpert.csv.gz    subject_id, study_id and fourteen labels: 1.0, 0.0, -1.0 or empty; negbio alike

Columns as in the release 2.1.0 (physionet.org/content/mimic-cxr-jpg), whose tables are still called 2.0.0. A study's
time is the earliest of its images: what was known before it was known before all of them. Frontal are the views PA and
AP and no others, so that no lateral or lateral decubitus (AP LLD) passes for one.

    studies = read_studies(Path("mimic-cxr-jpg"))
    studies.study[0], studies.seconds[0], studies.images[0], studies.frontal[0]
    # 50414267, 6639042614, ("02aa804e-...", "174413ec-..."), True
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.datasets.dataset import ALIASES
from tasks.datasets.mimic.tables import ABSENT, columns, find_table
from tasks.datasets.rows import hashed_split
from tasks.datasets.table import checked_id
from tasks.nouns import InputError
from tasks.reports.labels import LABELS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tasks.datasets.mimic.tables import Numbers

RELEASE = "mimic-cxr-2.*-"
"""How the tables' names begin."""
YEARS_END = 2500
"""The calendar of MIMIC is shifted into the years 2100 to 2200; the guard counts to 2514."""
VIEWS = ("PA", "AP")
"""ViewPosition of the frontal views, the better one first."""
LABELERS = {"chexpert": "CheXpert's labeler", "negbio": "NegBio"}
"""Tables of labels, the preferred one first -> what they were made with."""


@dataclass(frozen=True, eq=False)
class Studies:
    """Studies in the order of patient, time and id: arrays and lists of one length."""

    subject: Numbers
    study: Numbers
    seconds: Numbers
    """Since 1970; ABSENT where date or time is not given."""
    split: list[str]
    """Empty for a study that the split's table does not have."""
    images: list[tuple[str, ...]]
    """DICOM ids; the first frontal image first, where there is one."""
    frontal: npt.NDArray[np.bool_]
    elsewhere: int
    """Studies of patients without a folder here, which are left out."""

    def __len__(self) -> int:
        return len(self.study)


def metadata_of(root: Path) -> Path:
    """The table of images; InputError when it is not there."""
    path = find_table(root, f"{RELEASE}metadata")
    if path is None:
        raise InputError(
            f"{root} lacks mimic-cxr-2.0.0-metadata.csv.gz, which tells frontal images and the time of each study: "
            "fetch it from MIMIC-CXR-JPG at physionet.org"
        )
    return path


def read_studies(root: Path) -> Studies:
    """The studies of the patients who have a folder in `root/files`."""
    import numpy as np

    path = metadata_of(root)
    rows = _images(path)
    here = np.isin(rows["subject_id"], _patients(root / "files"))
    elsewhere = len(np.unique(rows["study_id"][~here]))
    if not here.any():
        raise InputError(
            f"{root / 'files'} holds no patient of the metadata: images lie in files/p10/p10000032/s50414267/"
        )
    kept = np.flatnonzero(here)
    study = rows["study_id"][kept]
    starts = np.flatnonzero(np.append(True, study[1:] != study[:-1]))
    seconds = np.minimum.reduceat(rows["seconds"][kept], starts)
    subject, study = rows["subject_id"][kept][starts], study[starts]
    order = np.lexsort((study, seconds, subject))
    ids = [checked_id(rows["dicom_id"][n], str(path)) for n in kept]
    if twice := next((image for image, n in Counter(ids).items() if n > 1), None):
        raise InputError(f"{path}: image {twice} stands twice: keep one of the rows")
    ends = np.append(starts[1:], len(kept))
    images = [tuple(ids[starts[n] : ends[n]]) for n in order]
    frontal = rows["view"][kept][starts][order] < len(VIEWS)
    split = _splits(root, subject[order], study[order])
    return Studies(subject[order], study[order], seconds[order], split, images, frontal, elsewhere)


def read_labels(root: Path) -> tuple[str, dict[int, tuple[int | None, ...]]]:
    """Who made the labels (empty without a table), and study -> one for each of LABELS."""
    import numpy as np

    for name, labeler in LABELERS.items():
        if path := find_table(root, RELEASE + name):
            found = columns(path, {"study_id": "int64", **dict.fromkeys(LABELS, "float64")})
            table = np.column_stack([found[label] for label in LABELS])
            if not np.isin(table[~np.isnan(table)], (-1, 0, 1)).all():
                raise InputError(f"{path} holds a label other than 1, 0, -1 and empty: fetch the table again")
            known: dict[bytes, tuple[int | None, ...]] = {}  # most studies share their labels with another one
            rows = (known.setdefault(row.tobytes(), _labels(row)) for row in table)
            return labeler, dict(zip(found["study_id"].tolist(), rows, strict=True))
    return "", {}


def _labels(row: Any) -> tuple[int | None, ...]:
    return tuple(None if isnan(value) else int(value) for value in row.tolist())


def _images(path: Path) -> dict[str, Any]:
    """The rows of the metadata by study, in each the first frontal image first."""
    import numpy as np

    types = {"dicom_id": "string", "subject_id": "int64", "study_id": "int64", "ViewPosition": "string"}
    rows = columns(path, types | {"StudyDate": "float64", "StudyTime": "float64"})
    rank = {view: n for n, view in enumerate(VIEWS)}
    rows["view"] = np.array(
        [rank.get(view.strip().upper(), len(VIEWS)) for view in rows.pop("ViewPosition")], dtype=int
    )
    clock = rows.pop("StudyTime")
    rows["seconds"] = _seconds(rows.pop("StudyDate"), clock, path)
    order = np.lexsort((np.array(rows["dicom_id"]), np.nan_to_num(clock), rows["view"], rows["study_id"]))
    ids = rows.pop("dicom_id")
    return {name: values[order] for name, values in rows.items()} | {"dicom_id": [ids[n] for n in order]}


def _seconds(date: npt.NDArray[np.float64], clock: npt.NDArray[np.float64], path: Path) -> Numbers:
    """Seconds since 1970 of dates such as 21800506 and times such as 213014.531; ABSENT where one is missing.

    InputError for what is no date or time, as the time decides what a study may know.
    """
    import numpy as np

    known = ~(np.isnan(date) | np.isnan(clock))
    day = np.where(known, np.clip(date, 0, 99999999), 19700101).astype(np.int64)
    time = np.where(known, np.clip(clock, -1, 999999), 0).astype(np.int64)
    year, month, hour, minute = day // 10000, day // 100 % 100, time // 10000, time // 100 % 100
    months = (year - 1970) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day % 100 - 1
    next_month = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    good = (year >= 1970) & (year < YEARS_END) & (month >= 1) & (month <= 12) & (day % 100 >= 1) & (days < next_month)
    good &= (hour >= 0) & (hour < 24) & (minute < 60) & (time % 100 <= 60)
    if not good.all():
        n = int(np.argmin(good))
        raise InputError(
            f"{path}: StudyDate {date[n]:.0f} with StudyTime {clock[n]:g} is no time: write 2180-05-06 21:30:14 as "
            "21800506 and 213014"
        )
    return np.where(known, days * 86400 + hour * 3600 + minute * 60 + time % 100, ABSENT)


def _patients(folder: Path) -> list[int]:
    """The patients who have a folder `pNN/pNNNNNNNN`."""
    try:
        groups = [entry.path for entry in os.scandir(folder) if entry.name.startswith("p") and entry.is_dir()]
        names = [entry.name for group in groups for entry in os.scandir(group)]
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read: {error.strerror}: it holds the images, p10/p10000032/..."
        ) from error
    return [int(name[1:]) for name in names if name.startswith("p") and name[1:].isdecimal()]


def _splits(root: Path, subject: Numbers, study: Numbers) -> list[str]:
    path = find_table(root, f"{RELEASE}split")
    if path is None:
        return [hashed_split(str(number)) for number in subject.tolist()]
    found = columns(path, {"study_id": "int64", "split": "string"})
    official = {n: ALIASES.get(s, s) for n, s in zip(found["study_id"].tolist(), found["split"], strict=True)}
    return [official.get(number, "") for number in study.tolist()]
