"""Material of a paper made without any model: runs of concepts with probabilities, runs of captions, a training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.inputs.references import References
from evaluation.inputs.run_folders import Run
from evaluation.paper.material import PaperMaterial
from evaluation.score import score_systems
from tasks.editions import load_edition
from tasks.nouns import Task, Value
from tasks.probabilities import Probabilities, write_probabilities

CT, XRAY, CHEST, SPINE = "C0040405", "C1306645", "C0817096", "C0037949"
TRUTHS = [(CT, CHEST), (CT,), (XRAY, CHEST), (XRAY,), (CT, SPINE), (CT,)] * 4
BASE = [(CT,), (CT,), (XRAY,), (CT,), (CT,), (CHEST,)] * 4
TUNED = [(CT, CHEST), (CT,), (XRAY, CHEST), (XRAY,), (CT,), (CT, SPINE)] * 4
CAPTIONS = ["a chest x-ray", "axial ct of the chest with a large effusion on the left side", "spine"] * 8
WRITTEN = ["an x-ray of the chest", "axial ct", ""] * 8
OTHERS = ["a chest x-ray", "ct of the chest with an effusion", "the lumbar spine"] * 8

LOG = ["one,1,0,2.5,,", "one,2,0,2.25,,", "one,2,0,,2.125,0.25", "two,1,0,nan,,", "two,2,0,1.5,,", "two,2,0,,1.75,0.5"]


def run_of(folder: Path, task: Task, **record: Any) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    data = {"path": "data", "split": "valid"}
    return Run(folder, {"task": task.value, "edition": 2026, "finished": "2026-01-01", "data": data, **record}, None)


def material_of(
    folder: Path, task: Task, truths: Sequence[Value], systems: Mapping[str, Sequence[Value]], **more: Any
) -> PaperMaterial:
    """The runs' folders are `folder`/run0, ...; `more` replaces fields."""
    ids = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(len(truths))]
    gold = References(dict(zip(ids, truths, strict=True)), tuple(ids))
    answers = {name: dict(zip(ids, own, strict=True)) for name, own in systems.items()}
    edition = load_edition(2026, task)
    scores = score_systems(list(answers.values()), gold, task=task, edition=edition, resamples=200)
    runs = tuple(run_of(folder / f"run{n}", task) for n in range(len(systems)))
    fields: dict[str, Any] = {
        "runs": runs,
        "names": tuple(systems),
        "gold": gold,
        "answers": answers,
        "comparisons": None,
        "scores": tuple(scores),
        "modalities": {},
        "training": {},
    }
    return PaperMaterial(**(fields | more))


def concepts(folder: Path, *, names: Sequence[str] = ("base", "tuned"), **more: Any) -> PaperMaterial:
    """Half of the runs answer `BASE`, half `TUNED`."""
    systems = {name: (BASE, TUNED)[n % 2] for n, name in enumerate(names)}
    return material_of(folder, Task.CONCEPTS, TRUTHS, systems, **more)


def captions(folder: Path, **more: Any) -> PaperMaterial:
    return material_of(folder, Task.CAPTIONS, CAPTIONS, {"base": WRITTEN, "tuned": OTHERS}, **more)


def store_probabilities(run: Run, ids: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    """Of CT, chest and X-ray."""
    p = Probabilities(tuple(ids), (CT, CHEST, XRAY), np.array(rows))
    write_probabilities(run.folder / "probabilities.valid.npz", p)


def training(folder: Path, rows: Sequence[str], *, metric: str | None = None, head: str = "val/loss,val/f1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "losses.csv").write_text("\n".join([f"stage,step,epoch,train/loss,{head}", *rows, ""]), encoding="utf-8")
    record = {"config": {"evaluation.metric": metric}}
    (folder / "training.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def rows_of_probabilities(answers: Any) -> list[list[float]]:
    """CT at .8 where it is answered and else .3, chest at .6 or .1, X-ray at .6 or 0."""
    columns = ((CT, 0.8, 0.3), (CHEST, 0.6, 0.1), (XRAY, 0.6, 0.0))
    return [[high if cui in cell else low for cui, high, low in columns] for cell in answers]
