"""Embeds a folder of images with an ONNX file, one at a time; to be killed at any moment.

python -m tests.runners.embedding.kill_worker IMAGES GRAPH FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from runners.embedding.config import Encoder
from runners.embedding.store import embed_examples
from tasks.nouns import Example


def main() -> None:
    """Until it is killed, or all images are embedded."""
    images, graph, folder = sys.argv[1:]
    examples = [Example(path.stem, path, "train") for path in sorted(Path(images).iterdir())]
    config = Encoder(name=graph, batch_size=3, views="flip")
    embed_examples(examples, config, Path(folder), split="train", console=Console(stderr=True))
    # Opening finished embeddings must stay cheap.
    assert "torch" not in sys.modules


if __name__ == "__main__":
    main()
