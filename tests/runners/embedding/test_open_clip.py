"""BiomedCLIP's layout: a ViT of timm in a checkpoint of OpenCLIP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import conv2d, gelu, layer_norm, linear, scaled_dot_product_attention

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, load_encoder
from tasks.nouns import InputError
from tests.runners.embedding.making import picture

WIDTH, HEADS, PATCH, SIDE, LAYERS, COMMON = 128, 2, 8, 32, 2, 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny checkpoint with the names and shapes of BiomedCLIP's, text tower included."""
    made = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made) * 0.2

    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, (SIDE // PATCH) ** 2 + 1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for n in range(LAYERS):
        for name, shape in (
            ("norm1", (WIDTH,)),
            ("norm2", (WIDTH,)),
            ("attn.qkv", (3 * WIDTH, WIDTH)),
            ("attn.proj", (WIDTH, WIDTH)),
            ("mlp.fc1", (4 * WIDTH, WIDTH)),
            ("mlp.fc2", (WIDTH, 4 * WIDTH)),
        ):
            shapes |= {f"blocks.{n}.{name}.weight": shape, f"blocks.{n}.{name}.bias": shape[:1]}
    weights = {f"visual.trunk.{name}": numbers(*shape) for name, shape in shapes.items()}
    weights |= {"visual.head.proj.weight": numbers(COMMON, WIDTH), "text.transformer.embeddings": numbers(4, 4)}
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    config = {
        "model_cfg": {"embed_dim": COMMON, "vision_cfg": {"timm_model_name": "vit_tiny_patch8", "timm_proj": "linear"}},
        "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def by_hand(folder: Path, pixels: Any) -> Any:
    """timm's VisionTransformer with `global_pool=token`, then the projection, written out."""
    w = {k.removeprefix("visual.trunk."): v for k, v in load_file(folder / "open_clip_model.safetensors").items()}

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    def layer(x: torch.Tensor, name: str) -> torch.Tensor:
        return linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = conv2d(torch.from_numpy(pixels), w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=PATCH)
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1) + w["pos_embed"]
    for n in range(LAYERS):
        block = f"blocks.{n}."
        qkv = layer(norm(x, block + "norm1"), block + "attn.qkv")
        q, k, v = qkv.reshape(len(x), -1, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + layer(mixed, block + "attn.proj")
        x = x + layer(gelu(layer(norm(x, block + "norm2"), block + "mlp.fc1")), block + "mlp.fc2")
    return (norm(x, "norm")[:, 0] @ w["visual.head.proj.weight"].T).numpy()


def test_the_vectors_are_timms(folder: Path) -> None:
    encoder = load_encoder(Encoder(name=str(folder)))
    pixels = np.stack([encoder.prepare(picture(n, size)) for n, size in enumerate([(40, 56), (90, 33)])])
    assert pixels.shape == (2, 3, SIDE, SIDE) and encoder.dimensions == COMMON
    np.testing.assert_allclose(encoder.embed(pixels), by_hand(folder, pixels), atol=1e-4)
    assert encoder.network is not None
    encoder.network(torch.from_numpy(pixels)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in encoder.network.parameters())


def test_pixels_are_the_centre_normalised(folder: Path) -> None:
    encoder = load_encoder(Encoder(name=str(folder)))
    image = picture(3, (SIDE, 2 * SIDE))
    square = np.asarray(image.crop((0, SIDE // 2, SIDE, SIDE // 2 + SIDE)), np.float32).transpose(2, 0, 1) / 255
    mean, std = (np.array(n, np.float32)[:, None, None] for n in ([0.4, 0.5, 0.6], [0.2, 0.3, 0.4]))
    np.testing.assert_allclose(encoder.prepare(image), (square - mean) / std, atol=1e-5)


def test_the_identity_follows_config_and_weights(folder: Path) -> None:
    before = identity_of(Encoder(name=str(folder)))
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text(encoding="utf-8").replace("0.6", "0.7"), encoding="utf-8")
    assert identity_of(Encoder(name=str(folder))) != before


def test_other_towers_and_pickles_are_refused(folder: Path) -> None:
    path = folder / "open_clip_model.safetensors"
    weights = load_file(path)
    save_file({k: v for k, v in weights.items() if "norm2.bias" not in k}, path)
    with pytest.raises(InputError, match="not a ViT of timm"):
        load_encoder(Encoder(name=str(folder)))
    save_file({**weights, "visual.trunk.blocks.0.ls1.gamma": torch.ones(WIDTH)}, path)
    with pytest.raises(InputError, match="not a ViT of timm"):
        load_encoder(Encoder(name=str(folder)))
    config = folder / "open_clip_config.json"
    save_file(weights, path)
    config.write_text(config.read_text(encoding="utf-8").replace("vit_tiny", "vit_giant"), encoding="utf-8")
    with pytest.raises(InputError, match=r"not a ViT of timm with a linear projection \(vit_giant_patch8\)"):
        load_encoder(Encoder(name=str(folder)))
    path.unlink()
    with pytest.raises(InputError, match="Pickled weights are not loaded"):
        identity_of(Encoder(name=str(folder)))
