"""`make bench-gpu`: full-size models on a card, one image at a time against the run loop; a Markdown table.

    python -m tests.bench.gpu --out tests/bench/gpu.md
    python -m tests.bench.gpu --only qwen2-vl-2b --keep checkpoints     # a part, and its weights kept for the next time
    python -m tests.bench.gpu --tiny                                    # the same code on tiny shapes, on any machine

Needs a CUDA card with 24 GB or more, 25 GB of disk and about 20 minutes. Weights are random: speed and memory are
those of the real models, texts are not.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from runners.models import load_model
from runners.provenance import git_state, hardware, versions
from tests.bench.gpu_models import SHAPES, Shape, build
from tests.bench.gpu_sides import EIGHT, LOOP, SINGLY, Measured, make_data, one_by_one, plan_for, run_loop

IMAGES_2026 = 19_267
"""Images of the test split of ImageCLEFmedical Caption 2026."""
SMALL, LARGE = "qwen2-vl-2b", "llava-llama-3-8b"
GB = 1e9


@dataclass(frozen=True)
class Work:
    """How much is measured."""

    device: str
    tiny: bool
    images: int
    """Asked by the run loop."""
    singly: int
    """Asked one at a time."""
    length: int
    """Tokens of an answer."""
    side: int
    """Pixels of the widest and highest images."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to --out; 2 without a card."""
    asked = _arguments(arguments)
    if not asked.tiny and not torch.cuda.is_available():
        print("this measurement needs a CUDA card; --tiny runs the same code on tiny shapes anywhere", file=sys.stderr)
        return 2
    work = Work("cuda", tiny=False, images=asked.images, singly=16, length=64, side=1000)
    if asked.tiny:
        work = Work("cpu", tiny=True, images=6, singly=2, length=8, side=100)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        kept = asked.keep or place / "checkpoints"
        data = make_data(place / "data", work.images, side=work.side)
        results = []
        for name in asked.only or SHAPES:
            for result in measure(SHAPES[name], work, data=data, kept=kept, out=place / "runs"):
                print(_row(result), file=sys.stderr, flush=True)
                results.append(result)
    text = report(results, work)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")
    return 0


def measure(shape: Shape, work: Work, *, data: Path, kept: Path, out: Path) -> Iterator[Measured]:
    """Each quantization of a shape: the run loop with its own batch size and with 8, then one image at a time."""
    kept.mkdir(parents=True, exist_ok=True)
    base = build(shape, kept / f"{shape.name}{'-tiny' if work.tiny else ''}", device=work.device, tiny=work.tiny)
    _empty()
    for quantization in ("none", "nf4"):
        automatic, eight = (
            plan_for(
                base,
                data,
                device=work.device,
                quantization=quantization,
                batch=batch,
                length=work.length,
                limit=limit,
            )
            for batch, limit in (("auto", work.images), (8, max(6, work.images // 8)))
        )
        start = time.perf_counter()
        model = load_model(automatic.config, automatic.base, automatic.adapters)
        loading = time.perf_counter() - start
        yield one_by_one(automatic, model, shape=shape.name, images=work.singly, load_seconds=loading)
        for plan in (automatic, eight):
            yield run_loop(plan, model, out, shape=shape.name, load_seconds=loading)
        del model
        _empty()


def report(results: Sequence[Measured], work: Work) -> str:
    """The tables as Markdown, with the machine they were made on."""
    head = (
        "model",
        "weights",
        "way",
        "batch",
        "images/s",
        "s/image in generate",
        "outside of it",
        "in prepare",
        "peak, GB",
    )
    lines = [
        f"# Speed and memory of full-size models{' (tiny shapes: a test of the script)' if work.tiny else ''}",
        "",
        f"{_machine()}. Random weights, {work.length} tokens an answer, JPEGs of up to {work.side} pixels a side: "
        f"{work.images} by the run loop, an eighth of them in batches of 8, {work.singly} one at a time. The run "
        "loop prepares the next batches beside `generate`; where that takes longer it sets the pace. The last column "
        "counts loading and the search for the batch size.",
        "",
        f"| {' | '.join(head)} | {IMAGES_2026:,} images |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, results),
        "",
        "| goal | measured | reached |",
        "|---|---|---|",
        *(f"| {goal} | {found} | {'yes' if reached else 'no'} |" for goal, found, reached in goals(results)),
    ]
    return "\n".join(lines)


def goals(results: Sequence[Measured]) -> Iterator[tuple[str, str, bool]]:
    """Each goal that `results` can answer: what it asks, what was measured, whether it is reached."""
    found = {(r.shape, r.weights, r.way): r for r in results}
    fast, slow = found.get((SMALL, "bf16", LOOP)), found.get((SMALL, "bf16", SINGLY))
    if fast and slow:
        ratio = fast.rate / slow.rate
        yield "2B: at least 10 times one image at a time", f"{ratio:.1f} times", ratio >= 10
    if held := found.get((LARGE, "NF4", EIGHT)):
        yield "8B in NF4 under 9 GB at batch 8", f"{held.peak / GB:.2f} GB", held.peak < 9 * GB
    if loops := [r for r in results if r.way == LOOP]:
        worst = max(r.overhead for r in loops)
        yield (
            "at most 3 % of the time in generate is spent outside, with its own batch size",
            f"{worst:.1%} at most",
            worst <= 0.03,
        )
    if fast:
        yield f"2B: {IMAGES_2026:,} images in 30 minutes", _minutes(fast), _projected(fast) < 1800


def _row(result: Measured) -> str:
    cells = (
        result.shape,
        result.weights,
        result.way,
        str(result.batch),
        f"{result.rate:.2f}",
        f"{result.generating / result.images:.4f}",
        f"{result.overhead:.1%}",
        f"{result.preparing / result.images:.4f}",
        f"{result.peak / GB:.2f}",
        _minutes(result),
    )
    return f"| {' | '.join(cells)} |"


def _projected(result: Measured) -> float:
    return result.starting + IMAGES_2026 / result.rate


def _minutes(result: Measured) -> str:
    return f"{_projected(result) / 60:.1f} min"


def _machine() -> str:
    facts, packages = hardware(), versions()
    cards = ", ".join(f"{c['name']} ({c['memory_bytes'] / GB:.0f} GB)" for c in facts["accelerators"]) or "no card"
    names = ("torch", "transformers", "bitsandbytes")
    commit = git_state()["commit"]
    return (
        f"{cards}, {facts['cores']} cores {facts['cpu']}, CUDA {torch.version.cuda}, "
        f"{', '.join(f'{name} {packages[name]}' for name in names)}, commit {str(commit)[:9]}, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def _empty() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, on the CPU: a test of the script")
    parser.add_argument("--images", type=int, default=768, help="images asked by the run loop (default: 768)")
    parser.add_argument("--only", action="append", choices=SHAPES, help="one shape; may be given several times")
    parser.add_argument("--keep", type=Path, help="folder where the checkpoints are kept for the next time")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
