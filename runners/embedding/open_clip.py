"""BiomedCLIP and its kin: checkpoints of OpenCLIP whose vision tower is a ViT of timm, without either package.

A folder with `open_clip_config.json` and `open_clip_model.safetensors`. The tower is an ordinary ViT under other names
(github.com/huggingface/pytorch-image-models, timm/models/vision_transformer.py), its class token is projected into the
space shared with text (github.com/mlfoundations/open_clip, timm_model.py).

    Encoder(name="BiomedCLIP-PubMedBERT_256-vit_base_patch16_224")      # 512 dimensions
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.checkpoints import Checkpoint, read_json
from tasks.files import hash_file
from tasks.nouns import InputError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
_TRUNK, _HEAD = "visual.trunk.", "visual.head.proj.weight"
_KNOWN = r"vit_(tiny|small|base|large)_patch"
_HEAD_WIDTH = 64
"""Of one attention head, in each of these; no tensor tells it."""
_OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and deviation where preprocess_cfg says nothing: OpenCLIP's defaults."""
_NAMES = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
"""timm's names of a ViT's parts -> transformers'."""


def located(folder: Path) -> Checkpoint | None:
    """The checkpoint in `folder`; None when it is not OpenCLIP's."""
    if not (folder / CONFIG).is_file():
        return None
    if not (folder / WEIGHTS).is_file():
        raise InputError(
            f"{folder} has no {WEIGHTS}. Pickled weights are not loaded: read open_clip_pytorch_model.bin once with "
            "torch.load(..., weights_only=True) and write it with safetensors.torch.save_file"
        )
    return Checkpoint(folder, f"sha256:{hash_file(folder / CONFIG)} sha256:{hash_file(folder / WEIGHTS)}")


def open_vit(folder: Path) -> tuple[torch.nn.Module, _Centre]:
    """The tower with its projection, and its preprocessing; InputError when it is of another kind."""
    import torch
    from safetensors.torch import load_file
    from transformers import ViTConfig, ViTModel

    weights = {k: v.float() for k, v in load_file(folder / WEIGHTS).items() if k.startswith("visual.")}
    settings = read_json(folder / CONFIG)
    try:
        named = settings["model_cfg"]["vision_cfg"]["timm_model_name"]
        if not re.match(_KNOWN, named):
            raise ValueError(named)  # noqa: TRY301 - told below like any other tower
        patches, head = weights[f"{_TRUNK}patch_embed.proj.weight"], weights[_HEAD]
        width, _, _, patch = patches.shape
        side = round((weights[f"{_TRUNK}pos_embed"].shape[1] - 1) ** 0.5) * patch
        config = ViTConfig(
            hidden_size=width,
            num_hidden_layers=len({key.split(".")[3] for key in weights if key.startswith(f"{_TRUNK}blocks.")}),
            num_attention_heads=width // _HEAD_WIDTH,
            intermediate_size=weights[f"{_TRUNK}blocks.0.mlp.fc1.weight"].shape[0],
            image_size=side,
            patch_size=patch,
            layer_norm_eps=1e-6,
        )
        body = ViTModel(config, add_pooling_layer=False)
        body.load_state_dict(_renamed({k.removeprefix(_TRUNK): v for k, v in weights.items() if k != _HEAD}))
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [""])[-1].strip()
        raise InputError(
            f"{folder}: its vision tower is not a ViT of timm with a linear projection ({reason}): export it as ONNX"
        ) from error

    class Projected(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.head = torch.nn.Linear(width, head.shape[0], bias=False)
            self.head.weight.data = head

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            vectors: torch.Tensor = self.head(self.body(pixels).last_hidden_state[:, 0])
            return vectors

    said = settings.get("preprocess_cfg", {})
    return Projected(), _Centre(side, said.get("mean", _OPENAI[0]), said.get("std", _OPENAI[1]))


class _Centre:
    """OpenCLIP's preprocessing: the shorter side to the size, the centre square, normalised."""

    def __init__(self, side: int, mean: Any, std: Any) -> None:
        self._side = side
        self._mean, self._std = (np.array(numbers, np.float32)[:, None, None] for numbers in (mean, std))

    def __call__(self, image: Image) -> NDArray[np.float32]:
        from PIL.Image import Resampling

        scale = self._side / min(image.size)
        width, height = (max(self._side, int(side * scale)) for side in image.size)
        x, y = round((width - self._side) / 2), round((height - self._side) / 2)
        square = image.convert("RGB").resize((width, height), Resampling.BICUBIC)
        square = square.crop((x, y, x + self._side, y + self._side))
        pixels = np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)
        normalised: NDArray[np.float32] = np.ascontiguousarray((pixels - self._mean) / self._std)
        return normalised


def _renamed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """timm's tensors of a ViT under transformers' names; KeyError for one that no ViT has."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        layer, part = "", name
        if name.startswith("blocks."):
            _, number, part = name.split(".", 2)
            layer = f"layers.{number}."
        stem, _, kind = part.rpartition(".")
        if stem == "attn.qkv":
            for projection, third in zip("qkv", tensor.chunk(3), strict=True):
                found[f"{layer}attention.{projection}_proj.{kind}"] = third
        elif part in _NAMES:
            found[_NAMES[part]] = tensor
        else:
            found[f"{layer}{_NAMES[stem]}.{kind}"] = tensor
    return found
