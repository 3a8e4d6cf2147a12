"""The two sides of the measurement on a card: the run loop, and one image after the other as the founding systems do.

Both ask the same loaded network, with the same pixels, prompt and greedy arguments, for answers of the same length.
"""

from __future__ import annotations

import csv
import io
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console

import runners.models
from runners import record as records
from runners.config_files import load
from runners.plan import ModelPlan, make_plan
from runners.run import execute

PROMPT = "Describe this image."
WARM_UP = 2
LOOP, EIGHT, SINGLY = "run loop", "run loop, batch of 8", "one at a time"


@dataclass(frozen=True)
class Measured:
    """What one way took."""

    shape: str
    weights: str
    """bf16 or NF4."""
    way: str
    batch: int
    """Images a batch of the costliest holds."""
    images: int
    seconds: float
    """From the loaded model to the last journalled answer, without the search for the batch size."""
    generating: float
    """Of them, inside `generate`."""
    preparing: float
    """Seconds inside `prepare`; the run loop does it beside `generate`, and where it takes longer it sets the pace."""
    peak: int
    """Bytes of the card that torch held at most; of resident memory on a CPU."""
    starting: float = 0.0
    """Seconds for loading and for the search for the batch size."""

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    @property
    def overhead(self) -> float:
        """Time outside `generate` over time inside."""
        return (self.seconds - self.generating) / self.generating


@dataclass
class Timed:
    """A model that notes how long it was asked, and how long the search for its batch size took."""

    model: Any
    generating: float = 0.0
    preparing: float = 0.0
    searching: float = 0.0

    def __getattr__(self, name: str) -> Any:
        """All else is the model's."""
        return getattr(self.model, name)

    def close(self) -> None:
        """The model stays open for the next way."""

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> Any:
        """The model's, timed."""
        start = time.perf_counter()
        try:
            return self.model.prepare(images, prompts, views)
        finally:
            self.preparing += time.perf_counter() - start

    def generate(self, prepared: Any, *, seed: int = 0) -> Any:
        """The model's, timed; the texts are there when it returns, so the card has nothing left to do."""
        start = time.perf_counter()
        try:
            return self.model.generate(prepared, seed=seed)
        finally:
            self.generating += time.perf_counter() - start

    def fitting(self, longest: tuple[int, int]) -> int:
        """The model's, timed."""
        start = time.perf_counter()
        size = int(self.model.fitting(longest))
        self.searching += time.perf_counter() - start
        forget_peak()
        return size


def make_data(folder: Path, images: int, *, side: int) -> Path:
    """A data set of smooth grey JPEGs, 0.4 to 1 times `side` pixels wide and high, the same ones every time."""
    draw = random.Random(0)
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(images):
        width, height = (draw.randint(2 * side // 5, side) for _ in range(2))
        coarse = Image.frombytes("L", (24, 24), draw.randbytes(24 * 24))
        name = f"ImageCLEFmedical_Caption_2026_test_{number}"
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(folder / "images" / f"{name}.jpg", quality=90)
        rows.append((name, ""))
    with (folder / "test_ids.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("ID", "Caption"), *rows])
    return folder


def plan_for(
    base: Path, data: Path, *, device: str, quantization: str, batch: int | str, length: int, limit: int
) -> ModelPlan:
    """The plan of a run over the first `limit` images of `data` with the checkpoint `base`."""
    path = base.parent / f"{base.name}-{quantization}-{batch}.yaml"
    lines = [
        "task: caption_prediction",
        f"data: {{path: {data}, limit: {limit}}}",
        f"model: {{name: {base}, device: {device}, dtype: bfloat16}}",
        f"quantization: {quantization}",
        f"prompt: {{text: {PROMPT}}}",
        f"generation: {{max_new_tokens: {length}}}",
        f"batch_size: {batch}",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return make_plan(load(path))


def run_loop(plan: ModelPlan, model: Any, out: Path, *, shape: str, load_seconds: float) -> Measured:
    """A whole run with the loaded `model`, by the harness itself."""
    timed = Timed(model)
    forget_peak()
    with _instead_of_loading(timed):
        folder = execute(plan, out / f"{plan.name}-{time.monotonic_ns()}", Console(quiet=True))
    record = records.read(folder)
    session = record["sessions"][-1]
    if record["counts"]["failed"]:
        raise RuntimeError(f"{record['counts']['failed']} images failed: {record['failures']}")
    return Measured(
        shape=shape,
        weights=_weights(plan),
        way=LOOP if plan.config.batch_size == "auto" else EIGHT,
        batch=int(record["batch_size"]),
        images=len(plan.examples),
        seconds=session["seconds"] - session["load_seconds"] - timed.searching,
        generating=timed.generating,
        preparing=timed.preparing,
        peak=peak_bytes(model.network.device),
        starting=load_seconds + timed.searching,
    )


def one_by_one(plan: ModelPlan, model: Any, *, shape: str, images: int, load_seconds: float) -> Measured:
    """The founding way: open, preprocess, generate, decode, then the next image."""
    examples = plan.examples[: images + WARM_UP]
    forget_peak()
    start, generating, preparing = time.perf_counter(), 0.0, 0.0
    for number, example in enumerate(examples):
        if number == min(WARM_UP, len(examples) - 1):
            start, generating, preparing = time.perf_counter(), 0.0, 0.0
        image = Image.open(io.BytesIO(example.image.read_bytes())).convert("RGB")
        opened = time.perf_counter()
        inputs = model.processor(images=[image], text=[model.ask(PROMPT)], return_tensors="pt")
        moved = inputs.to(model.network.device, model.network.dtype)
        begun = time.perf_counter()
        with torch.inference_mode():
            output = model.network.generate(
                **moved, max_new_tokens=plan.config.generation.max_new_tokens, do_sample=False
            )
        model.processor.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        generating += time.perf_counter() - begun
        preparing += begun - opened
    return Measured(
        shape=shape,
        weights=_weights(plan),
        way=SINGLY,
        batch=1,
        images=max(1, len(examples) - WARM_UP),
        seconds=time.perf_counter() - start,
        generating=generating,
        preparing=preparing,
        peak=peak_bytes(model.network.device),
        starting=load_seconds,
    )


def forget_peak() -> None:
    """Count the peak of the card's memory from here on, without what torch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_bytes(device: torch.device) -> int:
    """The most torch held of the card since `forget_peak`; resident memory of the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    import psutil

    return int(psutil.Process().memory_info().rss)


def _weights(plan: ModelPlan) -> str:
    return "NF4" if plan.config.quantization == "nf4" else "bf16"


@contextmanager
def _instead_of_loading(model: Any) -> Iterator[None]:
    """Let a run take `model`, which is loaded already: several ways share one load."""
    original = runners.models.load_model
    runners.models.load_model = lambda *_: model
    try:
        yield
    finally:
        runners.models.load_model = original
