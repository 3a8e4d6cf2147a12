"""The verbs that must start in a blink, and the resume of a run whose images are all done."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from runners.config_files import load
from runners.journal import Journal
from runners.plan import make_plan
from runners.record import new_record, write_record
from tasks.nouns import Prediction
from tests.bench.processes import CLI, ROOT, cost_of
from tests.runners.standin import make_config

ROWS = 20_000
DONE = 80_000


def measure_help() -> list[tuple[str, str, str]]:
    """CPU time of `imageclef --help` and what it imports."""
    cost = cost_of([*CLI, "--help"])
    return [("imageclef --help", f"{cost.cpu:.2f} s CPU, {cost.peak:.0f} MB", "under 0.2 s CPU")]


def measure_check() -> list[tuple[str, str, str]]:
    """`imageclef check` on 20,000 rows of each task, start-up included."""
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ids = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(ROWS)]
        (folder / "ids.csv").write_text("ID,X\n" + "".join(f"{i},\n" for i in ids), encoding="utf-8")
        values = {
            "concept_detection": ("CUIs", "C0040405;C0817096;C{:07d}"),
            "caption_prediction": ("Caption", '"Chest radiograph, number {}, showing a small effusion."'),
        }
        for task, (column, value) in values.items():
            rows = "".join(f"{i},{value.format(n)}\n" for n, i in enumerate(ids))
            (folder / f"{task}.csv").write_text(f"ID,{column}\n{rows}", encoding="utf-8")
            command = [*CLI, "check", str(folder / f"{task}.csv"), "--task", task, "--ids", str(folder / "ids.csv")]
            cost = cost_of([*command, "--json"])
            verdict = json.loads(cost.output)["precheck"]
            found.append(
                (f"check, {ROWS:,} {task} rows", f"{cost.wall:.2f} s, {cost.peak:.0f} MB, {verdict}", "under 1.5 s")
            )
    return found


def measure_resume() -> list[tuple[str, str, str]]:
    """The second call of a run whose 80,000 images are in the journal: finished, and not yet finished."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = make_config(folder, _many_images(folder / "data"))
        plan = make_plan(load(config))
        run = folder / "out" / "caption_prediction" / "big"
        run.mkdir(parents=True)
        write_record(run, new_record(plan, "big"))
        with Journal(run) as journal:
            journal.append(
                Prediction(e.image_id, f"Chest radiograph number {n} with an effusion.", text="raw " * 12)
                for n, e in enumerate(plan.examples)
            )
        command = [*CLI, "run", str(config), "--run", "big", "--out", str(folder / "out")]
        imports = cost_of([sys.executable, "-c", "import runners.run, runners.plan, evaluation.commands, numpy"])
        first, second = cost_of(command), cost_of(command)
    goal = "under 3 s beyond imports, under 300 MB"
    return [
        (
            f"resume, all of {DONE:,} done: write and check the submission",
            f"{first.wall - imports.wall:.2f} s beyond imports, {first.peak:.0f} MB",
            goal,
        ),
        ("the same once more: nothing to do", f"{second.wall - imports.wall:.2f} s, {second.peak:.0f} MB", goal),
    ]


def _many_images(folder: Path) -> Path:
    images = folder / "images"
    images.mkdir(parents=True)
    ids = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(DONE)]
    for image_id in ids:  # names are all that a finished run looks at
        (images / f"{image_id}.jpg").touch()
    (folder / "test_ids.csv").write_text("ID,Caption\n" + "".join(f"{i},\n" for i in ids), encoding="utf-8")
    (folder / "captions.csv").write_text(
        "ID,Caption\nImageCLEFmedical_Caption_2026_train_0,A radiograph.\n", encoding="utf-8"
    )
    return folder


def measure_submit() -> list[tuple[str, str, str]]:
    """`imageclef run` of the default concept config into an empty folder, as `make task1-submit` calls it."""
    with tempfile.TemporaryDirectory() as temporary:
        config = str(ROOT / "configs" / "concept_detection" / "sample.yaml")
        cost = cost_of([*CLI, "run", config, "--out", temporary])
    return [("task1-submit after set-up", f"{cost.wall:.1f} s, {cost.peak:.0f} MB", "under 90 s, under 2,500 MB")]
