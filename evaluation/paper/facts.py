"""What a record says of a system, as label -> text, for the table of the set-up and the model's paragraph.

facts_of(run.record)["quantization"]     # "nf4 (28 modules)"
training_facts(record)["LoRA rank"]      # "32"

A record holds what its kind of system has: a model with adapters and a prompt, encoders and neighbours, a classifier, a
ridge regression, an ensemble of other runs. What it does not hold is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from evaluation.paper.energy import spent_of

_OWN = ("retrieval.", "classifier.", "ridge.", "ensemble.", "decision.")
"""Beginnings of config keys that are shown as they stand."""
_GENERATION_DEFAULTS = {
    "do_sample": False,
    "num_beams": 1,
    "no_repeat_ngram_size": 0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "early_stopping": False,
}
"""What greedy decoding without any penalty is."""


def facts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The system of a run, what it took, and how many images failed."""
    found = {**_model(record), **_system(record), **_asked(record), **_took(record)}
    return {label: text for label, text in found.items() if text}


def training_facts(record: Mapping[str, Any]) -> dict[str, str]:
    """How an adapter or a model was trained; `record` is a training.json."""
    config, data = record["config"], record.get("data", {})
    lora = any(stage.get("how") == "lora" for stage in record["stages"])
    found = {
        "base model": f"{_called(record['base']['name'])}, {record['base']['identity']}",
        "images": f"{data.get('train')} for training, {data.get('valid')} for validation",
        "LoRA": ", ".join(f"{key} {_said(config.get(f'lora.{key}'))}" for key in ("rank", "alpha", "dropout"))
        if lora
        else "",
        "quantization": _said(config.get("quantization")),
        **{
            key.removeprefix("optimization.").replace("_", " "): _said(value)
            for key, value in config.items()
            if key.startswith("optimization.") and value not in (None, "", [])
        },
        "seed": _said(config.get("seed")),
        "chosen by": _chosen(record),
        "hardware": _hardware(record["sessions"]),
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
                _thousands(stage.get("trainable_parameters")),
                _thousands(stage.get("images")),
                _thousands(stage.get("steps")),
                _said(stage.get("effective_batch")),
                _said(stage.get("learning_rate")),
                loss,
            )
        )
    return rows


def generated(record: Mapping[str, Any]) -> bool:
    """Whether a model wrote the answers."""
    return "base" in record


def _model(record: Mapping[str, Any]) -> dict[str, str]:
    if not generated(record):
        return {}
    model, config = record["model"], record["config"]
    quantized = model.get("quantized_modules")
    pixels = config.get("model.max_pixels")
    return {
        "method": "vision-language model",
        "base model": _called(record["base"]["name"]),
        "architecture": f"{model.get('architecture', '')} ({model.get('model_type', '')})".removesuffix(" ()"),
        "parameters": _thousands(model.get("parameters")),
        "adapter": "; ".join(_adapter(one, model) for one in record.get("adapters", ())) or "none",
        "quantization": _said(model.get("quantization")) + (f" ({quantized} modules)" if quantized else ""),
        "numbers": _joined(
            _said(model.get("dtype")),
            f"on {model['device']}" if model.get("device") else "",
            f"attention {model['attention']}" if model.get("attention") else "",
        ),
        "images": _joined(
            _said(model.get("image_processor")),
            f"decoded by {model['image_backend']}" if model.get("image_backend") else "",
            f"{model['image_tokens']} tokens each" if model.get("image_tokens") else "",
            f"at most {_thousands(pixels)} pixels" if pixels else "",
            *(f"{key} {_said(value)}" for key, value in (model.get("processor_changes") or {}).items()),
        ),
        "prompt form": _said(model.get("prompt_form")),
        "generation": _generation(model.get("generation") or {}, config),
    }


def _system(record: Mapping[str, Any]) -> dict[str, str]:
    """Runs without a generating model."""
    system, config = record.get("system"), record["config"]
    if not system:
        return {}
    encoders = config.get("encoders") or ()
    return {
        "method": _said(system.get("method")),
        "learned from": _images(system.get("learned from")),
        "tuned on": _images(system.get("tuned on")),
        "encoders": "; ".join(_encoder(one) for one in encoders),
        "whitened to": f"{config['whiten']} dimensions" if config.get("whiten") else "",
        "members": ", ".join(system.get("members") or ()),
        **{
            key: _said(value)
            for key, value in config.items()
            if key.startswith(_OWN) and value not in (None, "", [], {}) and not isinstance(value, list | dict)
        },
        "score when tuned": _decided(record.get("decision") or {}),
    }


def _asked(record: Mapping[str, Any]) -> dict[str, str]:
    config = record["config"]
    steps = record.get("steps") or {}
    return {
        "post-processing": "; ".join(f"{step} ({n} answers changed)" for step, n in steps.items()),
        "seed": _said(record.get("seed")),
        "batch size": _said(record.get("batch_size")),
        "fallback": _said(config.get("fallback")),
    }


def _took(record: Mapping[str, Any]) -> dict[str, str]:
    seconds = (record.get("timing") or {}).get("seconds_per_image") or {}
    counts = record.get("counts") or {}
    failed, n = counts.get("failed", 0), counts.get("ok", 0) + counts.get("failed", 0)
    peaks = [session.get("peak_memory") or {} for session in record["sessions"]]
    memory = {
        what: max((peak.get(key) or 0 for peak in peaks), default=0)
        for what, key in (("main", "resident_bytes"), ("accelerator", "accelerator_bytes"))
    }
    mean, p95 = seconds.get("mean"), seconds.get("p95")
    return {
        "hardware": _hardware(record["sessions"]),
        "peak memory": ", ".join(f"{most / 2**30:.1f} GiB {what}" for what, most in memory.items() if most),
        "time per image": f"{_seconds(mean)} on average, 95 % within {_seconds(p95)}" if mean and p95 else "",
        "time and energy": spent_of(record["sessions"]).words(),
        "failed images": f"{failed} of {n} ({failed / n:.1%})" if n else "",
        "empty answers": _said(counts.get("empty")),
    }


def _adapter(adapter: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    loaded: Mapping[str, Any] = next(
        (one for one in model.get("adapters", ()) if one.get("identity") == adapter.get("identity")), {}
    )
    rank = f"rank {loaded['rank']}" if loaded.get("rank") else ""
    weight = f"weight {adapter['weight']}" if adapter.get("weight", 1.0) != 1.0 else ""
    return _joined(f"LoRA {_called(adapter['path'])}", rank, weight)


def _generation(said: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """What decides the answer; tokens by their numbers tell nothing."""
    shown = {
        key: value
        for key, value in said.items()
        if value not in (None, [], "") and not key.endswith("_id") and _GENERATION_DEFAULTS.get(key, ...) != value
    }
    beams = said.get("num_beams", 1)
    how = "sampling" if said.get("do_sample") else f"beam search ({beams})" if beams and beams > 1 else "greedy"
    if not said and config.get("model.served"):
        how = "as the server does"
    return _joined(how, *(f"{key} {_said(value)}" for key, value in shown.items()))


def _encoder(encoder: Mapping[str, Any]) -> str:
    size = f"{encoder['size']} pixels" if encoder.get("size") else ""
    return _joined(_called(encoder["name"]), f"views {encoder['views']}" if encoder.get("views") else "", size)


def _decided(decision: Mapping[str, Any]) -> str:
    if decision.get("score_tuned") is None:
        return ""
    held = decision.get("score_held_out")
    some = f"{decision['score_tuned']:.4f} on {decision.get('tuned_on')}"
    return some if held is None else f"{some}, {held:.4f} where it was held out in folds"


def _images(what: Mapping[str, Any] | None) -> str:
    return f"{_thousands(what['images'])} images of {what['split']}" if what else ""


def _chosen(record: Mapping[str, Any]) -> str:
    final, best = record.get("final") or {}, record.get("best")
    if not best:
        return ""
    metric = final.get("metric") or next(iter(best["scores"]), "")
    score = best["scores"].get(metric)
    value = f" = {score:.4f}" if score is not None else ""
    return f"{metric}{value} on {best.get('images')} validation images, step {best['step']} of stage {best['stage']}"


def _hardware(sessions: Any) -> str:
    """Of all sessions, each kind once."""
    found: dict[str, None] = {}
    for session in sessions:
        facts = session.get("hardware") or {}
        boards = [f"{one['name']} ({one['memory_bytes'] / 2**30:.0f} GiB)" for one in facts.get("accelerators") or ()]
        memory = f"{facts['memory_bytes'] / 2**30:.0f} GiB" if facts.get("memory_bytes") else ""
        cpu = _joined(facts.get("cpu") or facts.get("machine") or "", f"{facts.get('cores')} cores", memory)
        found[_joined(*dict.fromkeys(boards), cpu)] = None
    return "; ".join(found)


def _called(path: str) -> str:
    """A name on the hub as it is; of a place on a disk its last two parts."""
    parts = PurePath(path).parts
    return path if len(parts) <= 2 and not path.startswith((".", "/")) else "/".join(parts[-2:])


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _thousands(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else _said(value)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.2g} ms"
