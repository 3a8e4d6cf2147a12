"""What the last mile takes: comparing ten runs, looking through one or two, the tables and figures of three.

Runs are invented (`tests.bench.corpus`): folders as `imageclef run` leaves them, over one data set in the layout of
2026, each a little worse than the one before.
"""

from __future__ import annotations

import csv
import json
import os
import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.editions import load_edition
from tasks.nouns import Prediction, Task, Value
from tasks.submission import write_submission
from tests.bench.corpus import captions, concepts
from tests.bench.processes import CLI, cost_of
from tests.bench.sides import Row, within

IMAGES = 20_000
"""Some as many as an official test set has."""
EMBEDDED = 2_000
FILES = 50
"""Different images; the others are links to them."""
RUNS = 10


def measure() -> Iterator[Row]:
    """Each verb as a user calls it: seconds and memory of the whole process, size of what it writes."""
    for task in (Task.CONCEPTS, Task.CAPTIONS):
        with tempfile.TemporaryDirectory() as temporary:
            runs = make_runs(Path(temporary), task, IMAGES, RUNS)
            yield _compare(runs, task)
            yield _gallery(runs[:2], task)
            yield _paper(runs[:3], task)
    with tempfile.TemporaryDirectory() as temporary:
        yield _embedded(make_runs(Path(temporary), Task.CAPTIONS, EMBEDDED, 1))


def make_runs(folder: Path, task: Task, n: int, runs: int) -> list[Path]:
    """Finished and scored runs over `n` images."""
    ids = [f"ImageCLEFmedical_Caption_2026_valid_{number}" for number in range(n)]
    corpus = captions(n) if task is Task.CAPTIONS else concepts(n)
    named = concepts(n).references
    data = _make_data(folder / "data", dict(zip(ids, named, strict=True)))
    if task is Task.CAPTIONS:
        _write(data / "captions.csv", ("ID", "Caption"), zip(ids, corpus.references, strict=True))
    found = []
    for number in range(runs):
        dice = random.Random(number)
        own = [(i, corpus.predictions[_drawn(dice, place, n, number)]) for place, i in enumerate(ids)]
        found.append(_make_run(folder / "submissions" / str(task) / f"run-{number}", dict(own), data))
    return found


def _compare(runs: Sequence[Path], task: Task) -> Row:
    cost = cost_of([*CLI, "compare", *map(str, runs)])
    return within(
        f"imageclef compare, {len(runs)} runs of {task}, {IMAGES:,} images, with the first, both tests",
        f"{cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MB",
        reached=cost.wall < 10,
        goal="under 10 s",
    )


def _gallery(runs: Sequence[Path], task: Task) -> Row:
    page = runs[0].parent / "gallery.html"
    cost = cost_of([*CLI, "gallery", *map(str, runs), "--images", "none", "--out", str(page)])
    size = page.stat().st_size / 1e6
    return within(
        f"imageclef gallery, {len(runs)} runs of {task}, {IMAGES:,} images, without pictures",
        f"{cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MB; a page of {size:.1f} MB",
        reached=cost.wall < 20 and size < 60,
        goal="under 20 s, under 60 MB",
    )


def _embedded(runs: Sequence[Path]) -> Row:
    page = runs[0].parent / "gallery.html"
    cost = cost_of([*CLI, "gallery", *map(str, runs), "--images", "embed", "--out", str(page)])
    return (
        f"the same of one run, {EMBEDDED:,} images within the page",
        f"{cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MB; a page of {page.stat().st_size / 1e6:.1f} MB",
        "",
    )


def _paper(runs: Sequence[Path], task: Task) -> Row:
    cost = cost_of([*CLI, "paper", *map(str, runs), "--out", str(runs[0].parent / "paper")])
    return within(
        f"imageclef paper, {len(runs)} runs of {task}, {IMAGES:,} images: tables, examples, figures",
        f"{cost.wall:.1f} s, {cost.cpu:.1f} s CPU, {cost.peak:.0f} MB",
        reached=cost.wall < 30,
        goal="under 30 s",
    )


def _drawn(dice: random.Random, place: int, n: int, number: int) -> int:
    """Whose answer an image gets: its own, or in one case of ten for each run before another's."""
    return place if dice.random() >= number / 10 else dice.randrange(n)


def _make_data(folder: Path, named: Mapping[str, Sequence[str]]) -> Path:
    """Concepts with names, and images."""
    (folder / "images").mkdir(parents=True)
    _write(folder / "concepts.csv", ("ID", "CUIs"), ((i, ";".join(cuis)) for i, cuis in named.items()))
    cuis = sorted({cui for own in named.values() for cui in own})
    _write(folder / "cui_mapping.csv", ("CUI", "Canonical name"), ((cui, f"Finding {cui[1:]}") for cui in cuis))
    grain = np.random.default_rng(0)
    for place, image_id in enumerate(named):
        path = folder / "images" / f"{image_id}.jpg"
        if place < FILES:
            pixels = grain.integers(0, 255, (60, 80)).astype(np.uint8)
            Image.fromarray(pixels).resize((800, 600)).save(path)
        else:
            os.link(folder / "images" / f"ImageCLEFmedical_Caption_2026_valid_{place % FILES}.jpg", path)
    return folder


def _make_run(folder: Path, answers: Mapping[str, Value], data: Path) -> Path:
    task = Task.CONCEPTS if isinstance(next(iter(answers.values())), tuple) else Task.CAPTIONS
    write_submission(folder, edition=load_edition(2026, task), rows=list(answers.items()))
    _write(folder / "predictions.csv", ("image_id", "status"), ((i, "ok") for i in answers))
    lines = (json.dumps(Prediction(i, value).to_json()) for i, value in answers.items())
    (folder / "predictions.0.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = {
        "schema": 1,
        "task": str(task),
        "edition": 2026,
        "name": folder.name,
        "config": {"task": str(task), "edition": 2026, "data.path": str(data), "data.split": "valid", "seed": 0},
        "fingerprint": {"sha256": "0" * 64, "inputs": {}},
        "data": {"path": str(data), "split": "valid", "restricted": "", "n": len(answers)},
        "sessions": [],
        "failures": [],
        "finished": "2026-01-01T00:00:00+00:00",
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def _write(path: Path, header: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
