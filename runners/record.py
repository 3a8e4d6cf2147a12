"""The record of a run, `run.json`, and its table, `predictions.csv`.

run.json is written before the first prediction and after every session; `finished` is the last thing it gets,
so a time there means that the run is whole and its submission was written.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from runners.answers import value_text
from runners.config_files import flatten
from runners.plan import ModelPlan, Plan
from runners.provenance import differing
from tasks.datasets.groups import context_of
from tasks.files import hash_file, write_whole
from tasks.journal import read_journal
from tasks.nouns import InputError, Prediction, Task
from tasks.reports import structure

FILE = "run.json"
SCHEMA = 1
ANOTHER = "name another run (--run; with make RUN=)"
"""How to take another folder."""
UNMAPPED_SHOWN = 100
"""How many unmapped terms run.json lists, most frequent first."""


def new_record(plan: Plan, name: str) -> dict[str, Any]:
    """The record of a run that has not begun."""
    config = plan.config
    return {
        "schema": SCHEMA,
        "task": config.task.value,
        "edition": config.edition,
        "name": name,
        "config": flatten(config),
        **plan.made_of,
        "fingerprint": {"sha256": plan.fingerprint, "inputs": dict(plan.inputs)},
        "data": {
            "path": config.data.path,
            "split": config.data.split,
            "layout": plan.dataset.layout,
            "restricted": plan.restricted,
            "n": len(plan.examples),
            "with_reference": sum(e.reference is not None for e in plan.examples),
            "with_context": sum(bool(context_of(e)) for e in plan.examples),
            "files": {
                str(p.relative_to(plan.dataset.root) if p.is_relative_to(plan.dataset.root) else p): hash_file(p)
                for p in plan.dataset.label_files
            },
        },
        "seed": config.seed,
        "batch_size": None,
        "model": {},
        "sessions": [],
        "finished": None,
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record in `folder`; None when there is no run yet.

    Raises InputError when the folder holds predictions that no readable record vouches for.
    """
    path = folder / FILE
    if not path.exists():
        if any(folder.glob("predictions.*.jsonl")):
            raise InputError(
                f"{folder}: predictions without {FILE}, so nothing tells which model made them; "
                f"{ANOTHER} or move the folder away"
            )
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = {"config", "batch_size", "sessions", "finished"} <= record.keys()
        whole = whole and {"sha256", "inputs"} <= record["fingerprint"].keys()
    except (ValueError, AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError(f"{path}: not a run record; {ANOTHER} or restore the file")
    return record


def read(folder: Path) -> dict[str, Any]:
    """The record of a run that has begun; InputError when there is none."""
    record = read_record(folder)
    if record is None:
        raise InputError(f"{folder / FILE} was deleted while the run was at work: start the run again")
    return record


@contextmanager
def editing(folder: Path, new: Callable[[], dict[str, Any]] | None = None) -> Iterator[dict[str, Any]]:
    """The record, written when the block ends; no other process of the run can write it meanwhile.

    Without a record `new` makes one.
    """
    with FileLock(folder / ".record.lock"):
        record = (read_record(folder) or new()) if new else read(folder)
        before = json.dumps(record)
        yield record
        if json.dumps(record) != before or not (folder / FILE).exists():
            write_record(folder, record)


def refuse_another(record: Mapping[str, Any], plan: Plan, folder: Path) -> None:
    """InputError naming the keys that differ when `folder` belongs to a run that `plan` is not."""
    before, now = dict(record["fingerprint"]["inputs"]), dict(plan.inputs)
    # The fingerprint holds the ids, not the images: the same ids in another folder may show something else.
    path = record["config"]["data.path"]
    if Path(path).resolve() != Path(plan.config.data.path).resolve():
        before["data.path"], now["data.path"] = path, plan.config.data.path
    if before == now:
        return
    keys = "\n".join(f"  {line}" for line in differing(before, now))
    raise InputError(
        f"{folder}: this run was started with other inputs and its predictions would be mixed:\n{keys}\n"
        f"{ANOTHER}, or undo these changes to resume this one"
    )


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write run.json in one step."""
    write_whole(folder / FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def summary(plan: Plan, results: Mapping[str, Prediction]) -> dict[str, Any]:
    """Counts, failures, what each step changed, unmapped terms and seconds per image of all predictions so far.

    Where a model wrote reports, also how many of its texts had the structure of one.
    """
    import numpy as np

    failed = [p for p in results.values() if p.status == "failed"]
    unmapped = Counter(term for p in results.values() for term in p.unmapped)
    edits = Counter(step for p in results.values() for step in p.edits)
    seconds = np.array([p.seconds for p in results.values()])
    texts = [p.text for p in results.values() if p.text]
    told = isinstance(plan, ModelPlan) and plan.config.task is Task.REPORTS and texts
    p50, p95 = np.percentile(seconds, (50, 95)).tolist() if len(seconds) else (None, None)
    return {
        "counts": {
            "ok": len(results) - len(failed),
            "failed": len(failed),
            "empty": sum(p.status == "ok" and not p.value for p in results.values()),
            "unmapped_terms": unmapped.total(),
        },
        **({"structure": structure.counted(texts)} if told else {}),
        "steps": {step: edits[step] for step in plan.steps},
        "failures": [{"image_id": p.image_id, "reason": p.reason} for p in failed],
        "unmapped": dict(unmapped.most_common(UNMAPPED_SHOWN)),
        "timing": {
            "seconds_per_image": {
                "mean": float(seconds.mean()) if len(seconds) else None,
                "p50": p50,
                "p95": p95,
                "min": float(seconds.min()) if len(seconds) else None,
                "max": float(seconds.max()) if len(seconds) else None,
            },
            "images_per_second": len(seconds) / float(seconds.sum()) if seconds.sum() > 0 else None,
        },
    }


def write_table(folder: Path, plan: Plan, results: Mapping[str, Prediction]) -> None:
    """`predictions.csv`: a row per image with its reference, prediction, seconds, model, time and split."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        [
            "image_id",
            "split",
            "reference",
            "prediction",
            "status",
            "reason",
            "seconds",
            "model",
            "timestamp",
        ]
    )
    for example in plan.examples:
        found = results[example.image_id]
        writer.writerow(
            [
                example.image_id,
                example.split,
                value_text(example.reference),
                value_text(found.value),
                found.status,
                found.reason,
                f"{found.seconds:.4f}",
                plan.called,
                found.time,
            ]
        )
    write_whole(folder / "predictions.csv", table.getvalue())


def results_of(plan: Plan, folder: Path) -> dict[str, Prediction]:
    """What the journals in `folder` hold of the plan's images, in their order."""
    journalled = read_journal(folder)
    return {e.image_id: journalled[e.image_id] for e in plan.examples if e.image_id in journalled}
