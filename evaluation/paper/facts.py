"""What a record says of a system, as label -> text, for the table of the set-up and the model's paragraph.

facts_of(run.record)["quantization"]     # "nf4 (28 modules)"

A record holds what its kind of system has: a model with adapters and a prompt, encoders and neighbours, a classifier, a
ridge regression, an ensemble of other runs. What it does not hold is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.paper.energy import spent_of
from evaluation.paper.values import called, hardware, joined, said, thousands

_OWN = ("retrieval.", "classifier.", "ridge.", "ensemble.", "decision.")
"""Beginnings of config keys that are shown as they stand; the last where a decision was tuned, as for task 1."""
_HOW = ("do_sample", "num_beams")
_GENERATION_DEFAULTS = {
    "no_repeat_ngram_size": 0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "early_stopping": False,
}
"""What decoding without any penalty is."""


def facts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The system of a run, then what it took."""
    return described(record) | took(record)


def described(record: Mapping[str, Any]) -> dict[str, str]:
    """The system of a run and its settings."""
    return _known({**_model(record), **_system(record), **_asked(record)})


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
        "base model": called(record["base"]["name"]),
        "architecture": f"{model.get('architecture', '')} ({model.get('model_type', '')})".removesuffix(" ()"),
        "parameters": thousands(model.get("parameters")),
        "adapter": "; ".join(_adapter(one, model) for one in record.get("adapters", ())) or "none",
        "quantization": said(model.get("quantization")) + (f" ({quantized} modules)" if quantized else ""),
        "numbers": joined(
            said(model.get("dtype")),
            f"on {model['device']}" if model.get("device") else "",
            f"attention {model['attention']}" if model.get("attention") else "",
        ),
        "images": joined(
            said(model.get("image_processor")),
            f"decoded by {model['image_backend']}" if model.get("image_backend") else "",
            f"{model['image_tokens']} tokens each" if model.get("image_tokens") else "",
            f"at most {thousands(pixels)} pixels" if pixels else "",
            *(f"{key} {said(value)}" for key, value in (model.get("processor_changes") or {}).items()),
        ),
        "prompt form": said(model.get("prompt_form")),
        "generation": _generation(model.get("generation") or {}, config),
    }


def _system(record: Mapping[str, Any]) -> dict[str, str]:
    """Runs without a generating model."""
    system, config = record.get("system"), record["config"]
    if not system:
        return {}
    encoders = config.get("encoders") or ()
    return {
        "method": said(system.get("method")),
        "learned from": _images(system.get("learned from")),
        "tuned on": _images(system.get("tuned on")),
        "encoders": "; ".join(_encoder(one) for one in encoders),
        "whitened to": f"{config['whiten']} dimensions" if config.get("whiten") else "",
        "members": ", ".join(system.get("members") or ()),
        **{
            key: said(value)
            for key, value in config.items()
            if key.startswith(_OWN if record.get("decision") else _OWN[:-1])
            and value not in (None, "", [], {})
            and not isinstance(value, list | dict)
        },
        "score when tuned": _decided(record.get("decision") or {}),
    }


def _asked(record: Mapping[str, Any]) -> dict[str, str]:
    config = record["config"]
    steps = record.get("steps") or {}
    return {
        "post-processing": "; ".join(f"{step} ({n} answers changed)" for step, n in steps.items()),
        "seed": said(record.get("seed")),
        "batch size": said(record.get("batch_size")),
        "fallback": said(config.get("fallback")),
    }


def took(record: Mapping[str, Any]) -> dict[str, str]:
    """On what a run ran, how long, and how many images failed."""
    seconds = (record.get("timing") or {}).get("seconds_per_image") or {}
    counts = record.get("counts") or {}
    failed, n = counts.get("failed", 0), counts.get("ok", 0) + counts.get("failed", 0)
    peaks = [session.get("peak_memory") or {} for session in record["sessions"]]
    memory = {
        what: max((peak.get(key) or 0 for peak in peaks), default=0)
        for what, key in (("of main memory", "resident_bytes"), ("of the accelerator", "accelerator_bytes"))
    }
    return _known(
        {
            "hardware": hardware(record["sessions"]),
            "peak memory": ", ".join(f"{most / 2**30:.1f} GiB {what}" for what, most in memory.items() if most),
            "time per image": _pace(seconds.get("mean"), seconds.get("p95"), whole=not generated(record)),
            "time and energy": spent_of(record["sessions"]).words(),
            "failed images": f"{failed} of {n:,} ({failed / n:.1%})" if n else "",
            "empty answers": said(counts.get("empty")),
        }
    )


def _pace(mean: float | None, p95: float | None, *, whole: bool) -> str:
    """A system that answers all images together has one time for all, whatever it learned meanwhile."""
    if not mean or not p95:
        return ""
    return f"{_seconds(mean)} on average" + (" over the whole run" if whole else f", 95 % within {_seconds(p95)}")


def _known(found: Mapping[str, str]) -> dict[str, str]:
    return {label: text for label, text in found.items() if text}


def _adapter(adapter: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    loaded: Mapping[str, Any] = next(
        (one for one in model.get("adapters", ()) if one.get("identity") == adapter.get("identity")), {}
    )
    rank = f"rank {loaded['rank']}" if loaded.get("rank") else ""
    weight = f"weight {adapter['weight']}" if adapter.get("weight", 1.0) != 1.0 else ""
    return joined(f"LoRA {called(adapter['path'])}", rank, weight)


def _generation(asked: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """What decides the answer; tokens by their numbers tell nothing."""
    shown = {
        key: value
        for key, value in asked.items()
        if value not in (None, [], "")
        and not key.endswith("_id")
        and key not in _HOW
        and _GENERATION_DEFAULTS.get(key, ...) != value
    }
    beams = asked.get("num_beams", 1)
    how = "sampling" if asked.get("do_sample") else f"beam search ({beams})" if beams and beams > 1 else "greedy"
    if not asked and config.get("model.served"):
        how = "as the server does"
    return joined(how, *(f"{key} {said(value)}" for key, value in shown.items()))


def _encoder(encoder: Mapping[str, Any]) -> str:
    size = f"{encoder['size']} pixels" if encoder.get("size") else ""
    return joined(called(encoder["name"]), f"views {encoder['views']}" if encoder.get("views") else "", size)


def _decided(decision: Mapping[str, Any]) -> str:
    if decision.get("score_tuned") is None:
        return ""
    held = decision.get("score_held_out")
    some = f"{decision['score_tuned']:.4f} on {decision.get('tuned_on')}"
    return some if held is None else f"{some}, {held:.4f} where it was held out in folds"


def _images(what: Mapping[str, Any] | None) -> str:
    return f"{thousands(what['images'])} images of {what['split']}" if what else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.2g} ms"
