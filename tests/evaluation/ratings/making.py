"""A small data set of studies, and runs that answered it: folders as `imageclef run` leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from evaluation.ratings.items import Item
from evaluation.ratings.reading import Ratings, Text
from tasks.datasets import open_dataset
from tasks.editions import load_edition
from tasks.nouns import Report, Task
from tasks.submission import write_submission

SPLIT = "train"
ERRORS = Item("errors", "Wrong?", {"none": "", "minor": "", "major": ""}, ordered=True)
SIGN = Item("would_sign", "Sign?", {"yes": "", "no": ""})
COMMENT = Item("comment", "Comment?")


def make_data(folder: Path, n: int = 40) -> Path:
    """IU X-ray's form: a frontal image of each study, a lateral one of every second."""
    (folder / "images").mkdir(parents=True)
    reports, projections = ["uid,indication,findings,impression"], ["uid,filename,projection"]
    for uid in range(1, n + 1):
        reports.append(f"{uid},Cough.,Findings of study {uid} <b>&.,Impression {uid}.")
        for view in ("Frontal", "Lateral")[: 1 + uid % 2]:
            name = f"{uid}_{view}.png"
            projections.append(f"{uid},{name},{view}")
            Image.new("L", (1500 + uid, 30), uid).save(folder / "images" / name)
    (folder / "indiana_reports.csv").write_text("\n".join(reports) + "\n", encoding="utf-8")
    (folder / "indiana_projections.csv").write_text("\n".join(projections) + "\n", encoding="utf-8")
    return folder


def studies(data: Path) -> list[str]:
    """The studies of the split, in order."""
    return [example.image_id for example in open_dataset(data).examples(Task.REPORTS, SPLIT)]


def make_run(folder: Path, data: Path, answer: Callable[[str], Report], **facts: str) -> Path:
    """A finished run of report generation on the split."""
    write_submission(
        folder,
        edition=load_edition(2026, Task.REPORTS),
        rows=[(study, answer(study)) for study in studies(data)],
    )
    record = {
        "task": str(Task.REPORTS),
        "edition": 2026,
        "finished": "2026-01-01T00:00:00Z",
        "data": {"path": str(data), "split": SPLIT, **facts},
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def ratings_of(*, items: tuple[Item, ...] = (ERRORS,), **said: dict[str, list[str]]) -> Ratings:
    """Ratings of the systems a and b on as many studies as there are levels; rater -> system -> levels in order."""
    n = len(next(iter(next(iter(said.values())).values())))
    key = {f"{system}{study}": Text(system, str(study)) for study in range(n) for system in ("a", "b")}
    levels = {
        rater: {f"{system}{study}": level for system, own in of.items() for study, level in enumerate(own) if level}
        for rater, of in said.items()
    }
    return Ratings(
        items, key, tuple(said), {items[0].name: levels, **{i.name: {r: {} for r in said} for i in items[1:]}}
    )
