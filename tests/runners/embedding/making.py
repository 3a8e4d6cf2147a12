"""What the tests of embeddings share: a few images, tiny checkpoints of vision towers, tiny ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from runners.embedding.config import Encoder
from runners.embedding.store import Stored, embed_examples
from tasks.nouns import Example

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "vocab_size": 64, "max_position_embeddings": 16}


def picture(seed: int, size: tuple[int, int] = (40, 56)) -> Image.Image:
    """A coloured image of patches, another for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size)


def make_examples(folder: Path, count: int) -> list[Example]:
    """PNG files and the examples that ask about them."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for n in range(count):
        path = folder / f"image_{n:03}.png"
        picture(n, (30 + n % 5, 40)).save(path)
        examples.append(Example(path.stem, path, "train"))
    return examples


def embed(examples: Sequence[Example], graph: Path, folder: Path, **config: Any) -> Stored:
    """The split `train` in `folder` by an ONNX file; what is said goes to said.txt beside it."""
    with (folder.parent / "said.txt").open("a", encoding="utf-8") as said:
        asked = Encoder.model_validate({"name": str(graph), **config})
        return embed_examples(examples, asked, folder, split="train", console=Console(file=said, width=200))


def _clip(folder: Path) -> Any:
    import transformers as t

    t.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return t.CLIPModel(t.CLIPConfig(vision_config=VISION, text_config=TEXT, projection_dim=24))


def _siglip(folder: Path) -> Any:
    import transformers as t

    t.SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return t.SiglipModel(t.SiglipConfig(vision_config=VISION, text_config=TEXT))


def _side_by_side(folder: Path) -> Any:
    """A ViT beside a BERT, each projected into one space, which is the form of BiomedCLIP."""
    import transformers as t

    _small_processor(folder)
    vision, text = t.ViTModel(t.ViTConfig(**VISION)), t.BertModel(t.BertConfig(**TEXT))
    config = t.VisionTextDualEncoderConfig.from_vision_text_configs(vision.config, text.config, projection_dim=24)
    return t.VisionTextDualEncoderModel(config, vision, text)


def _dinov2(folder: Path) -> Any:
    import transformers as t

    _small_processor(folder)
    return t.Dinov2Model(t.Dinov2Config(**{**VISION, "mlp_ratio": 2}))


def _vit(folder: Path) -> Any:
    import transformers as t

    _small_processor(folder)
    return t.ViTModel(t.ViTConfig(**VISION))


def _vit_classifier(folder: Path) -> Any:
    """Stored without weights of a pooler, as classifiers are."""
    import transformers as t

    _small_processor(folder)
    return t.ViTForImageClassification(t.ViTConfig(**VISION))


def _convnext(folder: Path) -> Any:
    import transformers as t

    # Its own image processor keeps no fixed shape for sizes below 384 but by a crop.
    t.ConvNextImageProcessorPil(size={"shortest_edge": 32}).save_pretrained(folder)
    return t.ConvNextModel(t.ConvNextConfig(num_stages=2, hidden_sizes=[16, 24], depths=[1, 1], image_size=32))


def _small_processor(folder: Path) -> None:
    import transformers as t

    t.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


TOWERS: Mapping[str, tuple[Callable[[Path], Any], int]] = {
    "clip": (_clip, 24),
    "siglip": (_siglip, 32),
    "vision-text-dual-encoder": (_side_by_side, 24),
    "dinov2": (_dinov2, 32),
    "vit": (_vit, 32),
    "vit_classifier": (_vit_classifier, 32),
    "convnext": (_convnext, 24),
}
"""Name -> what makes the network and saves its image processor, and the length of its vectors."""


def make_tower(kind: str, folder: Path) -> Path:
    """A tiny checkpoint with random weights, the same every time."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TOWERS[kind][0](folder)
        for parameter in network.parameters():  # norms and biases of 1 and 0 would hide what is left out
            parameter.data += 0.05 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    return folder


def make_onnx(path: Path, *, form: str = "nchw", side: int | None = 8, batch: int | None = None) -> Path:
    """A graph that averages 2 x 2 quarters of the image and multiplies by a fixed matrix: 12 numbers to 6.

    `form`: nchw (float32), nhwc_bytes (uint8), tokens (B x 4 x 3) or map (B x 3 x 2 x 2); `side` None: any size.
    """
    from onnx import TensorProto, helper, numpy_helper, save

    size, count = side or "side", batch or "batch"
    weights = np.random.default_rng(3).normal(size=(12, 6)).astype(np.float32)
    nodes, pixels, kind = [], "image", TensorProto.FLOAT
    shape: list[Any] = [count, 3, size, size]
    if form == "nhwc_bytes":
        nodes = [
            helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        ]
        pixels, kind, shape = "planes", TensorProto.UINT8, [count, size, size, 3]
    half = (side or 8) // 2
    nodes.append(helper.make_node("AveragePool", [pixels], ["map"], kernel_shape=[half, half], strides=[half, half]))
    made: list[Any] = [count, 3, 2, 2]
    if form == "tokens":
        nodes.append(helper.make_node("Reshape", ["map", "places"], ["rows"]))
        nodes.append(helper.make_node("Transpose", ["rows"], ["features"], perm=[0, 2, 1]))
        made = [count, 4, 3]
    elif form == "map":
        nodes.append(helper.make_node("Identity", ["map"], ["features"]))
    else:
        nodes.append(helper.make_node("Flatten", ["map"], ["flat"]))
        nodes.append(helper.make_node("MatMul", ["flat", "weights"], ["features"]))
        made = [count, 6]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, made)],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([0, 3, 4], np.int64), "places"),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
