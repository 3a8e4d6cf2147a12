"""What the record of a training says, for its paragraph in the set-up.

record = read_training(Path("trainings/caption_prediction/small"))
training_facts(record)["LoRA"]      # "rank 32, alpha 64.0, dropout 0.0"
stages_of(record)[0]                # ("first", "language (lora)", "9,865,216", "1,600", "40", "10", "0.001", ...)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.paper.energy import spent_of
from evaluation.paper.values import called, hardware, said, thousands
from tasks.nouns import InputError


def read_training(folder: Path) -> dict[str, Any]:
    """training.json; InputError when it is something else."""
    path = folder / "training.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        training_facts(record), stages_of(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is not the record of a training: restore it, or move the file away") from None
    return record


def training_facts(record: Mapping[str, Any]) -> dict[str, str]:
    """How an adapter or a model was trained; `record` is a training.json."""
    config, data = record["config"], record.get("data", {})
    lora = any(stage.get("how") == "lora" for stage in record["stages"])
    found = {
        "base model": f"{called(record['base']['name'])}, {record['base']['identity']}",
        "images": f"{thousands(data.get('train'))} for training, {thousands(data.get('valid'))} for validation",
        "LoRA": ", ".join(f"{key} {said(config.get(f'lora.{key}'))}" for key in ("rank", "alpha", "dropout"))
        if lora
        else "",
        "quantization": said(config.get("quantization")),
        **{
            key.removeprefix("optimization.").replace("_", " "): said(value)
            for key, value in config.items()
            if key.startswith("optimization.") and value not in (None, "", [])
        },
        "seed": said(config.get("seed")),
        "chosen by": _chosen(record),
        "hardware": hardware(record["sessions"]),
        "time and energy": spent_of(record["sessions"]).words(),
        "fingerprint": record["fingerprint"]["sha256"],
    }
    return {label: text for label, text in found.items() if text}


def stages_of(record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each stage of a training: name, what is trained, parameters, images, steps, batch, rate, loss."""
    rows: list[tuple[str, ...]] = []
    for stage in record["stages"]:
        losses = record.get("losses", {}).get(stage["name"], {})
        loss = f"{losses['first']:.3f} to {losses['last']:.3f}" if "last" in losses else ""
        rows.append(
            (
                stage["name"],
                f"{', '.join(stage.get('train', ()))} ({stage.get('how', '')})",
                thousands(stage.get("trainable_parameters")),
                thousands(stage.get("images")),
                thousands(stage.get("steps")),
                said(stage.get("effective_batch")),
                said(stage.get("learning_rate")),
                loss,
            )
        )
    return rows


def _chosen(record: Mapping[str, Any]) -> str:
    final, best = record.get("final") or {}, record.get("best")
    if not best:
        return ""
    metric = final.get("metric") or next(iter(best["scores"]), "")
    score = best["scores"].get(metric)
    value = f" = {score:.4f}" if score is not None else ""
    return f"{metric}{value} on {best.get('images')} validation images, step {best['step']} of stage {best['stage']}"
