"""EfficientNet-Lite: the network of the papers, a tower that transformers, LLaVA and LoRA take as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, pad
from transformers import AutoModel

from runners.checkpoints import locate
from runners.models.efficientnet_lite import EfficientNetLite, EfficientNetLiteConfig
from runners.small_model.build import tower_weights
from runners.training.parts import parts_of
from tests.runners.asking import answer, load, pictures
from tests.runners.small import build_tiny
from tests.runners.training.tiny_training import run, settings

TINY = {"image_size": 64, "stem_width": 8, "blocks": [[1, 3, 1, 1, 8], [2, 5, 2, 4, 16]], "hidden_size": 24}


def tower(**settings: Any) -> Any:
    torch.manual_seed(0)
    return EfficientNetLite(EfficientNetLiteConfig(**{**TINY, "patch_size": 32, **settings})).eval()


def original(made: Any) -> dict[str, torch.Tensor]:
    """Random weights of the tower as the Lite models store them: convolutions without bias, batch norms."""
    names = [("_conv_stem", "_bn0", made.stem), ("_conv_head", "_bn1", made.widen)]
    for n, block in enumerate(made.blocks):
        layers = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        modules = (block.expand, block.depthwise, block.project)
        names += [
            (f"_blocks.{n}.{convolution}", f"_blocks.{n}.{norm}", module)
            for (convolution, norm), module in zip(layers, modules, strict=True)
            if module is not None
        ]
    stored = {}
    for convolution, norm, module in names:
        weight = module.weight.detach()
        stored[f"{convolution}.weight"] = weight if weight.ndim == 4 else weight[:, :, None, None]
        for key in ("weight", "running_var"):
            stored[f"{norm}.{key}"] = torch.rand(len(weight)) + 0.5
        for key in ("bias", "running_mean"):
            stored[f"{norm}.{key}"] = torch.randn(len(weight)) * 0.3
    return {key: value.double() for key, value in stored.items()}


def by_hand(x: torch.Tensor, stored: dict[str, torch.Tensor]) -> torch.Tensor:
    """The published network in plain torch: TINY's blocks, TensorFlow's padding, batch norms as at inference."""

    def layer(x: torch.Tensor, convolution: str, norm: str, *, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = stored[f"{convolution}.weight"]
        kernel, size = weight.shape[-1], x.shape[-1]
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        before = missing // 2
        x = conv2d(pad(x, (before, missing - before) * 2), weight, stride=stride, groups=groups)
        mean, variance = stored[f"{norm}.running_mean"], stored[f"{norm}.running_var"]
        return batch_norm(x, mean, variance, stored[f"{norm}.weight"], stored[f"{norm}.bias"], eps=1e-3)

    x = layer(x, "_conv_stem", "_bn0", stride=2).clamp(0, 6)
    for n, (stride, expansion, skip) in enumerate(((1, 1, True), (2, 4, False), (1, 4, True))):
        here, y = f"_blocks.{n}.", x
        if expansion > 1:
            y = layer(y, f"{here}_expand_conv", f"{here}_bn0").clamp(0, 6)
        y = layer(y, f"{here}_depthwise_conv", f"{here}_bn1", stride=stride, groups=y.shape[1]).clamp(0, 6)
        y = layer(y, f"{here}_project_conv", f"{here}_bn2")
        x = x + y if skip else y
    return layer(x, "_conv_head", "_bn1").clamp(0, 6)


@pytest.mark.parametrize("size", [64, 50])
def test_it_is_the_published_network(size: int) -> None:
    """Also where an odd edge is halved."""
    made = tower(image_size=-(-size // 4) * 4, patch_size=4)
    stored = original(made)
    made.double().load_state_dict(tower_weights(made, stored))
    images = torch.randn(2, 3, size, size, dtype=torch.double)
    expected = by_hand(images, stored)
    with torch.inference_mode():
        ours = made(images).last_hidden_state
    assert ours.shape == (2, expected.shape[-1] ** 2, TINY["hidden_size"])
    # Folding is in double precision, the folded weights are kept in single.
    assert torch.allclose(ours, expected.flatten(2).transpose(1, 2), atol=1e-5)
    assert float(ours.std()) > 0.1


def test_it_is_saved_and_loaded_as_any_tower(tmp_path: Path) -> None:
    made, images = tower(), torch.randn(2, 3, 64, 64)
    made.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert type(again) is EfficientNetLite and again.config.blocks == TINY["blocks"]
    with torch.inference_mode():
        first, second = made(images), again(images)
    assert torch.equal(first.last_hidden_state, second.last_hidden_state)
    assert first.hidden_states[-1] is first.last_hidden_state and first.last_hidden_state.shape == (2, 4, 24)
    assert torch.allclose(first.pooler_output, first.last_hidden_state.mean(1))


def test_larger_patches_are_means_of_smaller_ones() -> None:
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        fine, coarse = (tower(patch_size=side)(images).last_hidden_state for side in (4, 32))
    grid = fine.reshape(1, 16, 16, 24)
    for n, (row, column) in enumerate(((0, 0), (0, 8), (8, 0), (8, 8))):
        assert torch.allclose(coarse[0, n], grid[0, row : row + 8, column : column + 8].mean((0, 1)), atol=1e-5)


def test_random_weights_see_and_training_mode_changes_nothing() -> None:
    made, images = tower(), torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        at_rest, in_training = made(images).last_hidden_state, made.train()(images).last_hidden_state
    assert torch.equal(at_rest, in_training), "there is no batch norm that a training would move"
    assert float((at_rest[0] - at_rest[1]).abs().mean()) > 0.05


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("small") / "base")


def test_a_llava_holds_it(base: Path) -> None:
    model = load(base)
    assert model.facts["unused_weights"] == 0 and model.facts["model_type"] == "llava"
    [(_, inputs)] = model.prepare(pictures()[:2], ["Describe.", "Why?"]).parts
    image_token = model.network.config.image_token_id
    assert (inputs["input_ids"] == image_token).sum(1).tolist() == [4, 4]
    assert model.ask("Why?") == "<|im_start|>user\n<image>\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    with torch.inference_mode():
        white, black = (
            model.network(**{**inputs, "pixel_values": torch.full_like(inputs["pixel_values"], value)}).logits
            for value in (1.0, -1.0)
        )
    assert float((white - black).abs().max()) > 1e-3, "the answer does not depend on the image"
    assert answer(model, 1) == answer(model, 5)


def test_its_pixels_are_those_of_the_lite_models(base: Path) -> None:
    """The image is squashed to the square, not cropped; (value - 127) / 128."""
    from PIL import Image

    wide = Image.new("RGB", (400, 100), "black")
    wide.paste("white", (0, 0, 20, 100))
    [(_, inputs)] = load(base).prepare([wide], ["?"]).parts
    pixels = inputs["pixel_values"][0]
    assert pixels.shape == (3, 224, 224)
    assert torch.allclose(pixels[:, 0, 0], torch.tensor((255 - 127) / 128), atol=1e-3)
    assert torch.allclose(pixels[:, -1, -1], torch.tensor(-127 / 128), atol=1e-3)


def test_its_weights_are_the_vision_part(base: Path) -> None:
    model = load(base)
    parts = parts_of(model.network, model.family)
    of_tower = {part for name, part in parts.items() if "vision_tower" in name}
    assert of_tower == {"vision"}
    assert {part for name, part in parts.items() if "multi_modal_projector" in name} == {"projector"}


@pytest.mark.parametrize("how", ["lora", "full"])
def test_it_trains(base: Path, tmp_path: Path, how: str) -> None:
    """The training room proves itself that each layer of the stage moved, and nothing else."""
    stages = [{"name": "all", "train": ["vision", "projector", "language"], "how": how}]
    made = run(tmp_path / "training", settings(base, stages=stages))
    if how == "lora":
        trained = load(base, adapters=[{"path": str(made / "adapter")}])
        [report] = trained.facts["adapters"]
        assert report, "the adapter acts"
    else:
        trained = load(Path(locate(str(made / "model")).path))
    assert answer(trained, 5)
