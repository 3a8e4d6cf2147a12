"""What it costs to share a run: reading the journals of other processes, and asking a server many things at once."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from runners.config_files import load
from runners.models.served import ServedModel
from runners.plan import make_plan
from runners.run import execute
from runners.sharing import Ledger, Place, shared
from tasks.nouns import Example
from tests.bench.sides import Row, within
from tests.runners.chat_server import ChatServer, Slow, configured
from tests.runners.standin import make_config

IMAGES = 80_000
BATCH = 8
PROCESSES = 4
ASKED = 96
SECONDS = 0.05
"""What the server takes for an answer: mostly waiting, as for a real one."""


def measure() -> Iterator[Row]:
    """What one of four processes spends on sharing 80,000 images; a served run with 16 requests at once, and one."""
    seconds = _share()
    batches = IMAGES // BATCH // PROCESSES
    yield within(
        f"sharing {IMAGES:,} images between {PROCESSES} processes, one's part",
        f"{seconds:.1f} s for {batches:,} batches: {seconds / batches * 1000:.2f} ms each",
        reached=seconds / batches < 0.005,
        goal="under 5 ms a batch",
    )
    many, one = _served(16), _served(1)
    yield within(
        f"a served run of {ASKED} images, {SECONDS * 1000:.0f} ms each: 16 requests at once against one",
        f"{one / many:.1f}x: {many:.2f} s / {one:.2f} s",
        reached=one / many >= 8,
        goal="at least 8x",
    )


def _share() -> float:
    """What process 0 spends in `shared`, while three others answer as fast as it does."""
    batches = [[Example(f"i{n}-{k}", Path("none"), "test") for k in range(BATCH)] for n in range(IMAGES // BATCH)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ledger = Ledger(folder)
        others = {rank: (folder / f"predictions.{rank}.jsonl").open("w") for rank in range(1, PROCESSES)}
        spent, number = 0.0, 0
        work = shared(batches, ledger, Place(0, PROCESSES))
        while True:
            for rank, file in others.items():
                if number * PROCESSES + rank < len(batches):
                    file.writelines(_line(example) for example in batches[number * PROCESSES + rank])
                    file.flush()
            start = time.perf_counter()
            batch = next(work, None)
            spent += time.perf_counter() - start
            if batch is None:
                return spent
            ledger.done.update(example.image_id for example in batch)
            number += 1


def _line(example: Example) -> str:
    text = "Chest radiograph with an effusion on the left side."
    return (
        json.dumps({"image_id": example.image_id, "status": "ok", "value": text, "text": text, "seconds": 0.1}) + "\n"
    )


def _served(concurrency: int) -> float:
    with tempfile.TemporaryDirectory() as temporary, ChatServer(lambda ask: Slow(SECONDS)) as server:
        folder = Path(temporary)
        plan = make_plan(load(make_config(folder, _images(folder / "data"))))
        config = configured(server.url, concurrency=concurrency)
        model = ServedModel.load(config)
        with patch("runners.models.load_model", lambda *_: model):
            start = time.perf_counter()
            execute(plan, folder / "run", Console(quiet=True))
            return time.perf_counter() - start


def _images(folder: Path) -> Path:
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    ids = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(ASKED)]
    for n, image_id in enumerate(ids):
        Image.new("L", (64, 64), n).save(folder / "images" / f"{image_id}.png")
    (folder / "test_ids.csv").write_text("ID,Caption\n" + "".join(f"{i},\n" for i in ids), encoding="utf-8")
    (folder / "captions.csv").write_text(
        "ID,Caption\nImageCLEFmedical_Caption_2026_train_0,A radiograph.\n", encoding="utf-8"
    )
    return folder
