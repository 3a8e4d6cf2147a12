"""Embeddings: the loop against a plain one, and EfficientNet-Lite0 by torch against the same graph by onnxruntime."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console

from runners.embedding.config import Encoder
from runners.embedding.encoders import ImageEncoder, load_encoder
from runners.embedding.store import embed_examples
from tasks.datasets import open_dataset
from tasks.images import open_image
from tasks.nouns import Example, Task
from tests.bench.sides import Row, Side, compared, race, within

LITE = "efficientnet-lite0"
IMAGES = 160
BATCH = 16
ROUNDS = 3
LOSS = 1.1
"""Of the time of a plain loop, at most: what writing every batch to the disk may cost where no core is idle."""
FASTER = 1.5
"""onnxruntime against torch, at least."""
APART = 1e-5


def measure() -> list[Row]:
    """Seconds of both loops over the sample's images, then CPU seconds of both programs for one batch."""
    examples = open_dataset("sample").examples(Task.CONCEPTS, "train")[:IMAGES]
    with tempfile.TemporaryDirectory() as temporary:
        lite = load_encoder(Encoder(name=LITE, batch_size=BATCH))
        graph = _exported(lite, Path(temporary) / "lite0.onnx")
        fast = load_encoder(graph)
        return [
            _loops(examples, graph, fast, Path(temporary)),
            compared(
                f"{LITE}, {BATCH} images: onnxruntime against torch, CPU",
                *_programs(examples[:BATCH], fast, lite),
                at_least=FASTER,
                apart=APART,
            ),
        ]


def _loops(examples: Sequence[Example], config: Encoder, encoder: ImageEncoder, folder: Path) -> Row:
    """Best of three, in turn; the encoder is loaded again for each store, which counts."""
    ours, plain, same = [], [], True
    for n in range(ROUNDS):
        start = perf_counter()
        stored = embed_examples(
            examples, config, folder / f"store-{n}", split="train", console=Console(file=io.StringIO())
        )
        ours.append(perf_counter() - start)
        start = perf_counter()
        by_hand = np.concatenate(
            [
                encoder.embed(np.stack([encoder.prepare(open_image(e.image)) for e in examples[n : n + BATCH]]))
                for n in range(0, len(examples), BATCH)
            ]
        ).astype(np.float16)
        plain.append(perf_counter() - start)
        same &= bool(np.array_equal(stored.embeddings.vectors, by_hand))
    ratio = min(ours) / min(plain)
    return within(
        f"embed, {len(examples)} images, against a plain loop that writes nothing",
        f"{ratio:.2f}: {len(examples) / min(ours):.0f} / {len(examples) / min(plain):.0f} images/s; "
        f"{'same' if same else 'DIFFERENT'} vectors",
        reached=ratio <= LOSS and same,
        goal=f"at most {LOSS}, same vectors",
    )


def _programs(examples: Sequence[Example], ours: ImageEncoder, theirs: ImageEncoder) -> tuple[Side, Side]:
    pixels = np.stack([theirs.prepare(open_image(e.image)) for e in examples])
    return race(
        lambda: ours.embed(pixels).ravel().tolist(), lambda: theirs.embed(pixels).ravel().tolist(), rounds=ROUNDS
    )


def _exported(encoder: ImageEncoder, path: Path) -> Encoder:
    """The same network as an ONNX file, and how it is asked for the same pixels."""
    import torch

    network: Any = encoder.network
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, 224, 224),),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["image"],
        output_names=["features"],
        dynamic_axes={"image": {0: "batch"}, "features": {0: "batch"}},
    )
    network.eval()  # the exporter leaves it training
    mean, std = 127 / 255, 128 / 255
    return Encoder(name=str(path), mean=(mean, mean, mean), std=(std, std, std), batch_size=BATCH)
