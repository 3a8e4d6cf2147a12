"""The record of a training: `training.json` (what was trained, how, on what, with which result) and `losses.csv`.

training.json is written before the first step and whenever something is known; `finished` is the last thing it
gets, so a time there means that the training is whole. It belongs to one training: once a step is taken, another
config, other data or another base model in the same folder are refused, and the keys that differ are named.

losses.csv has a row for each line of the trainer's log, which is part of each checkpoint, so that a resumed
training writes the file of an unbroken one:

    stage,step,epoch,train/loss,learning_rate,grad_norm,val/loss,val/f1
    language,10,0.25,2.0613,0.0002,1.41,,
    language,20,0.5,,,,1.9442,0.3127
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from runners.config_files import flatten
from runners.provenance import differing, fingerprint, git_state, hardware, hash_ids, peak_memory, versions
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.checkpoints import Checkpoint
    from runners.training.config import TrainConfig
    from runners.training.data import Material

FILE = "training.json"
LOSSES = "losses.csv"
SCHEMA = 1
OTHER = "name another training (--name; with make RUN=)"
_NO_EFFECT = ("data.", "model.name", "model.revision", "model.device", "model.served", "prompt.", "keep", "report_to")
"""Keys that change no weight by themselves: what they lead to (ids, references, weights, the prompt) is hashed."""


def new_training(
    config: TrainConfig, name: str, material: Material, *, base: Checkpoint, prompt: str, processes: int = 1
) -> dict[str, Any]:
    """The record of a training that has not begun; `prompt` is the text, its variables not filled in."""
    learnt = [*material.train, *material.valid]
    files = [Path(name) for name in config.data.vocabulary] or material.dataset.vocabulary_files
    inputs = {
        **{key: value for key, value in flatten(config).items() if not key.startswith(_NO_EFFECT)},
        "data.balance": config.data.balance,
        "model": base.identity,
        "prompt": prompt,
        "processes": processes,
        "train": f"{len(material.train)} ids, sha256:{hash_ids(e.image_id for e in material.train)}",
        "valid": f"{len(material.valid)} ids, sha256:{hash_ids(e.image_id for e in material.valid)}",
        "references": f"sha256:{hash_ids(repr((e.reference, sorted(e.context.items()))) for e in learnt)}",
        "vocabulary": [hash_file(path) for path in files] if material.vocabulary else [],
    }
    return {
        "schema": SCHEMA,
        "task": config.task.value,
        "edition": config.edition,
        "name": name,
        "config": flatten(config),
        "prompt": prompt,
        "fingerprint": {"sha256": fingerprint(inputs), "inputs": inputs},
        "data": {
            "path": config.data.path,
            "layout": material.dataset.layout,
            "restricted": material.dataset.restricted,
            "train": len(material.train),
            "valid": len(material.valid),
            "audit": dict(material.audit),
        },
        "base": {"name": config.model.name, "identity": base.identity},
        "processes": processes,
        "stages": [],
        "evaluations": [],
        "best": None,
        "losses": {},
        "final": None,
        "sessions": [],
        "finished": None,
    }


def read_training(folder: Path) -> dict[str, Any] | None:
    """The record in `folder`, None when there is none; InputError when the file is something else."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = {"config", "stages", "evaluations", "sessions", "finished"} <= content.keys()
        whole = whole and {"sha256", "inputs"} <= content["fingerprint"].keys()
    except (ValueError, AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError(f"{path}: not a training record; {OTHER} or restore the file")
    return content


class Record:
    """training.json, open for editing; one process of a training has it."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder = folder
        self.content = content
        self._start = 0.0

    @classmethod
    def open(cls, folder: Path, new: dict[str, Any]) -> Record:
        """The record in `folder`, or `new` written there; InputError when another training has the folder.

        One that was stopped before its first step, as by a mistake in its config, has nothing to lose and gives way.
        """
        before, fresh = read_training(folder), cls(folder, _json(new))
        differ = before and differing(before["fingerprint"]["inputs"], fresh.content["fingerprint"]["inputs"])
        trained = any((folder / name).exists() for name in (LOSSES, "checkpoints", "stages"))
        if before is None or (differ and not trained):
            fresh.write()
            return fresh
        if differ:
            keys = "\n".join(f"  {line}" for line in differ)
            raise InputError(
                f"{folder}: another training has this folder, and would be mixed with this one:\n{keys}\n"
                f"{OTHER}, or undo these changes to go on with this one"
            )
        return cls(folder, before)

    def write(self) -> None:
        """Write training.json in one step."""
        write_whole(self.folder / FILE, json.dumps(_json(self.content), ensure_ascii=False, indent=1) + "\n")

    def stage(self, name: str, **facts: Any) -> None:
        """Add `facts` to what is known of a stage: tensors planned and trained, steps, effective batch, seconds."""
        known = next((stage for stage in self.content["stages"] if stage["name"] == name), None)
        if known is None:
            known = {"name": name}
            self.content["stages"].append(known)
        known.update(facts)
        self.write()

    def evaluated(self, *, stage: str, step: int, scores: Mapping[str, float], best: bool, **facts: Any) -> None:
        """Note an evaluation; those that an interrupted session made at this step or later of the stage go."""
        kept = [e for e in self.content["evaluations"] if e["stage"] != stage or e["step"] < step]
        self.content["evaluations"] = [*kept, {"stage": stage, "step": step, "best": best, "scores": scores, **facts}]
        self.content["best"] = next((e for e in reversed(self.content["evaluations"]) if e["best"]), None)
        self.write()

    @contextmanager
    def session(self, processes: int = 1) -> Iterator[None]:
        """Note when, where and with what this process was at work, one of so many, however it ends."""
        session: dict[str, Any] = {
            "started": _now(),
            "processes": processes,
            "command": sys.argv,
            "versions": versions(),
            "git": git_state(),
            "hardware": hardware(),
        }
        self._start = time.monotonic()
        self.content["sessions"].append(session)
        self.content["finished"] = None
        self.write()
        try:
            yield
        finally:
            self._note_spent()
            if (self.folder / FILE).exists():  # a folder that was deleted is not made again
                self.write()

    def finish(self, *, scores: Mapping[str, float], metric: str, images: int, failed: int) -> None:
        """The scores of all validation images, the losses in short, and then `finished`; within a session."""
        self.content["final"] = {"metric": metric, "scores": scores, "images": images, "failed": failed}
        self.content["losses"] = loss_summary(self.folder / LOSSES)
        self._note_spent()
        self.write()
        self.content["finished"] = _now()
        self.write()

    def _note_spent(self) -> None:
        """What the session under way has taken until now."""
        spent = {"ended": _now(), "seconds": time.monotonic() - self._start, "peak_memory": peak_memory()}
        self.content["sessions"][-1].update(spent)


class Losses:
    """losses.csv of one training, open for appending."""

    def __init__(self, folder: Path, scores: Sequence[str]) -> None:
        """`scores` are the names of those an evaluation gives."""
        self._path = folder / LOSSES
        self._names = {
            "epoch": "epoch",
            "train/loss": "loss",
            "learning_rate": "learning_rate",
            "grad_norm": "grad_norm",
            **{f"val/{name}": f"eval_{name}" for name in ("loss", *scores)},
        }
        """Column -> its name in the trainer's log."""

    def restart(self, stage: str, history: Sequence[Mapping[str, Any]]) -> None:
        """Make the file hold the stages before `stage`, and of it what `history`, a trainer's log, says."""
        kept = [row for row in read_losses(self._path) if row["stage"] != stage]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("stage", "step", *self._names))
        writer.writerows(row.values() for row in kept)
        writer.writerows(filter(None, (self._row(stage, entry["step"], entry) for entry in history)))
        write_whole(self._path, text.getvalue())

    def add(self, stage: str, step: int, logged: Mapping[str, Any]) -> None:
        """Append a line of the trainer's log; one without any of the columns is left out."""
        if row := self._row(stage, step, logged):
            with self._path.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)

    def _row(self, stage: str, step: int, logged: Mapping[str, Any]) -> list[Any] | None:
        values = [logged.get(name) for name in self._names.values()]
        known = any(value is not None for value in values[1:])  # every line has an epoch
        return [stage, step, *("" if value is None else repr(float(value)) for value in values)] if known else None


class LossLog(TrainerCallback):  # type: ignore[misc]
    """Writes what a trainer logs in one stage into losses.csv."""

    def __init__(self, losses: Losses, stage: str) -> None:
        self._losses = losses
        self._stage = stage
        self._begun = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Drop the rows after the checkpoint that the stage goes on from."""
        self._begun = True
        if state.is_world_process_zero:
            self._losses.restart(self._stage, state.log_history)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **others: Any) -> None:
        """Append a row; what another callback logged first is in the history that the stage begins with."""
        if state.is_world_process_zero and self._begun:
            self._losses.add(self._stage, state.global_step, logs)


def read_losses(path: Path) -> list[dict[str, str]]:
    """The rows of losses.csv; none without the file. A torn last line is dropped."""
    if not path.exists():
        return []
    whole, end, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return list(csv.DictReader(io.StringIO(whole + end)))


def loss_summary(path: Path) -> dict[str, dict[str, Any]]:
    """Stage -> the first, last and lowest training loss, and the last step that was logged."""
    stages: dict[str, dict[str, Any]] = {}
    for row in read_losses(path):
        if row["train/loss"]:
            loss, step = float(row["train/loss"]), int(row["step"])
            known = stages.setdefault(row["stage"], {"first": loss, "lowest": loss})
            known.update(last=loss, lowest=min(known["lowest"], loss), steps=step)
    return stages


def _json(value: Any) -> Any:
    """`value` as JSON can hold it: lists for tuples, null for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
