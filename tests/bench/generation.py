"""The run loop against loops written by hand, on the embedded model: same images, same batches, one process."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console

from runners.batches import make_batches
from runners.config_files import load
from runners.models import load_model
from runners.plan import ModelPlan, make_plan
from runners.run import execute
from tests.bench.processes import ROOT

IMAGES = 200
ROUNDS = 3


def measure() -> list[tuple[str, str, str]]:
    """Seconds of the harness, of a batched `generate` loop and of a loop with one image at a time; best of three."""
    config = ROOT / "configs" / "caption_prediction" / "sample.yaml"
    plan = make_plan(load(config, [f"data.split=train data.limit={IMAGES} quantization=none batch_size=8"]))
    model = load_model(plan.config, plan.base, plan.adapters)
    by_hand = _ByHand(plan)
    loops: dict[str, Callable[[], dict[str, str]]] = {
        "harness": lambda: _harness(plan, model),
        "batched": lambda: by_hand.answer(8),
        "one by one": lambda: by_hand.answer(1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    texts: dict[str, dict[str, str]] = {}
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            start = time.perf_counter()
            texts[name] = loop()
            seconds[name].append(time.perf_counter() - start)
    best = {name: min(times) for name, times in seconds.items()}
    same = texts["harness"] == texts["batched"] == texts["one by one"]
    return [
        (
            f"run loop against a batched loop by hand, {IMAGES} images",
            f"{best['harness']:.1f} s / {best['batched']:.1f} s = {best['harness'] / best['batched']:.3f}; "
            f"{'same' if same else 'DIFFERENT'} texts",
            "at most 1.05",
        ),
        (
            "one image at a time against the run loop",
            f"{best['one by one']:.1f} s / {best['harness']:.1f} s = {best['one by one'] / best['harness']:.2f}",
            "at least 1.5",
        ),
    ]


def _harness(plan: ModelPlan, model: Any) -> dict[str, str]:
    import runners.models
    from tasks.journal import read_journal

    # The model is loaded once for all loops: what is compared is the work on the images.
    original = runners.models.load_model
    runners.models.load_model = lambda *_: model
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = execute(plan, Path(temporary), Console(quiet=True))
            return {image_id: p.text for image_id, p in read_journal(folder).items()}
    finally:
        runners.models.load_model = original


class _ByHand:
    """What a careful user writes with transformers and peft alone: PIL, processor, generate, decode."""

    def __init__(self, plan: ModelPlan) -> None:
        from peft import PeftModel
        from transformers import AutoModelForImageTextToText, AutoProcessor

        base = AutoModelForImageTextToText.from_pretrained(plan.base.path, dtype=torch.float32)
        self._network = PeftModel.from_pretrained(base, plan.adapters[0].path).eval()
        self._processor = AutoProcessor.from_pretrained(plan.base.path)
        self._processor.tokenizer.padding_side = "left"
        content = [{"type": "image"}, {"type": "text", "text": plan.prompt}]
        self._text = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        self._plan = plan

    def answer(self, size: int) -> dict[str, str]:
        """Image id -> text, `size` images at a time in the order the run loop takes."""
        texts: dict[str, str] = {}
        length = self._plan.config.generation.max_new_tokens
        for batch in make_batches(self._plan.examples, [1] * len(self._plan.examples), size=size):
            images = [Image.open(io.BytesIO(e.image.read_bytes())).convert("RGB") for e in batch]
            inputs = self._processor(images=images, text=[self._text] * len(batch), padding=True, return_tensors="pt")
            with torch.inference_mode():
                output = self._network.generate(**inputs, max_new_tokens=length, do_sample=False)
            new = self._processor.tokenizer.batch_decode(
                output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
            )
            texts.update({e.image_id: text.strip() for e, text in zip(batch, new, strict=True)})
        return texts
