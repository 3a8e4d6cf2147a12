"""Finished runs over a small data set, with records such as real runs have, and captions that try to break LaTeX."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from PIL import Image

N = 12
IDS = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(N)]
NASTY = [
    r"50% of C_1 & $x^2$ \input{/etc/passwd} #1 ~ {",
    r"} \end{document} CT of the chest",
    "\u03b1 \u2265 3\u00b5m, \u00bd of the \u041b\u0451\u0433\u043a\u0438\u0435 \u4e2d \U0001f600 \u2011 \u2153",
    "a\x07b\x00c\x1b[31m red\u202e left",
    "pneumo" * 60,
    "x" * 900 + "%",
    "",
    "--- '' `` ,, << >> ?` !` \" | [opt] * \\\\[3cm]",
    "^^M ^^5c \\csname end\\endcsname",
    "chest x-ray\nsecond line\tand a tab",
    "% a comment",
    "CT of the chest shows a large effusion",
]
CAPTIONS = ["CT of the chest", "MRI of the spine", "ultrasound", "chest x-ray"] * 3
CONCEPTS = ["C0040405;C0817096", "C0024485;C0037949", "C0041618", "C1306645;C0817096"] * 3
ANSWERED = ["C0040405", "C0024485;C0037949;C0000726", "C0817096", "C1306645"] * 3
SESSION: dict[str, Any] = {
    "started": "2026-05-01T20:00:00+00:00",
    "command": ["imageclef", "run", "a_b 50%.yaml"],
    "process": "0 of 1",
    "versions": {"python": "3.11.7", "torch": "2.13.0", "transformers": "5.23.0"},
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
    "hardware": {
        "machine": "x86_64",
        "cpu": "AMD EPYC",
        "cores": 16,
        "memory_bytes": 2**37,
        "accelerators": [{"name": "NVIDIA A100-SXM4-80GB", "memory_bytes": 80 * 2**30}],
    },
    "ended": "2026-05-01T22:00:00+00:00",
    "seconds": 7200.0,
    "peak_memory": {"resident_bytes": 2**33, "accelerator_bytes": 2**34},
}
MODEL: dict[str, Any] = {
    "prompt": "Describe 100% of\n{the} image_1.",
    "base": {"name": "vendor/Model_7B", "identity": "hub:vendor/Model_7B@" + "1f" * 20},
    "adapters": [
        {"path": "trainings/caption_prediction/a_b/adapter", "weight": 1.0, "identity": "sha256:" + "ab" * 32}
    ],
    "batch_size": 8,
    "model": {
        "architecture": "LlavaForConditionalGeneration",
        "model_type": "llava",
        "dtype": "bfloat16",
        "device": "cuda:0",
        "quantization": "nf4",
        "quantized_modules": 28,
        "parameters": 7_000_000_000,
        "attention": "sdpa",
        "image_processor": "CLIPImageProcessor",
        "image_backend": "pil",
        "prompt_form": "chat template",
        "adapters": [{"identity": "sha256:" + "ab" * 32, "rank": 16, "weight": 1.0}],
        "generation": {"max_new_tokens": 60, "do_sample": False, "num_beams": 3, "eos_token_id": [2]},
        "batch_invariant": False,
    },
}
RETRIEVAL: dict[str, Any] = {
    "batch_size": None,
    "model": {"method": "retrieval"},
    "system": {
        "method": "retrieval",
        "learned from": {"split": "train", "images": 1600},
        "tuned on": {"split": "valid", "images": 400},
        "encoders": ["efficientnet-lite0"],
        "members": {},
    },
    "decision": {"rule": "expected_f1", "tuned_on": "valid", "score_tuned": 0.25, "score_held_out": 0.24, "fitted": {}},
}


def make_data(folder: Path) -> Path:
    """Twelve images with captions, concepts, names and credits; the last one cannot be opened."""
    (folder / "images").mkdir(parents=True)
    for n, image_id in enumerate(IDS):
        Image.new("L", (40 + n, 60), 20 * n).save(folder / "images" / f"{image_id}.jpg", comment=b"Jane Doe")
    (folder / "images" / f"{IDS[-1]}.jpg").write_bytes(b"no image")
    _table(folder / "captions.csv", ["ID", "Caption"], zip(IDS, CAPTIONS, strict=True))
    _table(folder / "concepts.csv", ["ID", "CUIs"], zip(IDS, CONCEPTS, strict=True))
    names = {"C0040405": "X-Ray Computed Tomography", "C0817096": "Chest_1 (100%)", "C0037949": "Vertebral column"}
    _table(folder / "cui_mapping.csv", ["CUI", "Canonical name"], names.items())
    _table(folder / "attribution.csv", ["ID", "licence"], ((image_id, "CC BY & co_1") for image_id in IDS))
    return folder


def make_run(folder: Path, data: Path, answers: list[str], *, task: str = "caption_prediction", **more: Any) -> Path:
    """The run in `folder`; `more` replaces parts of its record."""
    folder.mkdir(parents=True)
    column = "CUIs" if task == "concept_detection" else "Caption"
    _table(folder / "submission.csv", ["ID", column], zip(IDS, answers, strict=True))
    rows = ((i, "valid", "", answer, "ok", "", "0.1", "", "") for i, answer in zip(IDS, answers, strict=True))
    header = ["image_id", "split", "reference", "prediction", "status", "reason", "seconds", "model", "timestamp"]
    _table(folder / "predictions.csv", header, rows)
    (folder / "run.json").write_text(json.dumps(record_of(data, folder.name, task) | more), encoding="utf-8")
    return folder


def record_of(data: Path, name: str, task: str) -> dict[str, Any]:
    inputs = {"task": task, "seed": 42, "images": f"{N} ids, sha256:{'12' * 32}"}
    return {
        "schema": 1,
        "task": task,
        "edition": 2026,
        "name": name,
        "config": {"task": task, "retrieval.k": 60, "generation.max_new_tokens": 60, "encoders": []},
        "fingerprint": {"sha256": "34" * 32, "inputs": inputs},
        "data": {
            "path": str(data),
            "split": "valid",
            "layout": "flat folder of the ImageCLEF 2026 layout",
            "restricted": "",
            "n": N,
            "with_reference": N,
            "files": {"captions.csv": "56" * 32},
        },
        "seed": 42,
        "sessions": [SESSION],
        "finished": "2026-05-01T22:00:00+00:00",
        "counts": {"ok": N - 1, "failed": 1, "empty": 1},
        "failures": [{"image_id": IDS[3], "reason": "out of_memory 100%"}],
        "steps": {},
        "timing": {"seconds_per_image": {"mean": 0.5, "p95": 0.9}},
        "submission": {"file": "submission.csv", "sha256": "78" * 32, "rows": N},
        "check": {"accepted": True},
        **MODEL,
    }


def _table(path: Path, header: list[str], rows: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
