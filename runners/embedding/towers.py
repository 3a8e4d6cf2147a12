"""The part of a transformers checkpoint that looks at an image, as a module: pixels to one vector per image."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from runners.checkpoints import read_json
from runners.embedding.config import Encoder
from runners.embedding.network import pooled
from runners.models.loading import load_network
from runners.models.noise import silence
from tasks.nouns import InputError

_LEARNED = "pooler."
"""Where a vision tower keeps the weights of its own pooling."""


@dataclass(frozen=True)
class Tower:
    """What looks at an image."""

    network: torch.nn.Module
    """B x C x H x W to B x D."""
    side: int | None
    """Pixels a side, as its config has it; None: it takes any."""
    patches: bool = False
    """It is given patches instead of pixels (Qwen)."""


def open_tower(folder: Path, config: Encoder) -> Tower:
    """The vision part of the checkpoint in `folder`; InputError when it cannot be loaded or is incomplete."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as SPEAKING

    silence()
    if read_json(folder / "config.json").get("model_type") in SPEAKING:
        return _of_speaking(folder, config)
    model, missing = _bare(folder, config.name)
    side = _side(getattr(model.config, "vision_config", model.config))
    if hasattr(model, "get_image_features"):
        if config.pooling != "auto":
            raise InputError(
                f"encoder {config.name}: pooling: a dual encoder brings the image to one vector by itself: use auto"
            )
        model.text_model = None  # neither moved to the accelerator nor trained
        return Tower(_Common(model), side)
    learned = not any(name.startswith(_LEARNED) for name in missing)
    return Tower(_Places(model, config.pooling, own="pooler" if learned else "first"), side)


def _of_speaking(folder: Path, config: Encoder) -> Tower:
    """The vision tower of a model that writes; what writes is let go."""
    network, _ = load_network(
        folder, quantization="none", device=torch.device("cpu"), dtype=None, trust_remote_code=False
    )
    body = network.get_encoder(modality="image")
    if body is network:  # VisionEncoderDecoder
        body = getattr(network, "encoder", body)
    side = _side(getattr(network.config, "vision_config", body.config))
    if "grid_thw" in inspect.signature(body.forward).parameters:
        return Tower(_Patches(body, config.pooling), None, patches=True)
    layer = getattr(network.config, "vision_feature_layer", None)
    return Tower(_Places(body, config.pooling, own="mean", layer=layer if isinstance(layer, int) else -1), side)


def _bare(folder: Path, name: str) -> tuple[Any, list[str]]:
    """The model without a head, and the weights of its pooling that the file lacks."""
    from transformers import AutoModel

    try:
        model, info = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, ImportError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"encoder {name}: {folder} cannot be loaded: {reason}") from error
    missing = sorted(info["missing_keys"])
    if lost := [key for key in missing if not key.startswith(_LEARNED)]:
        raise InputError(
            f"encoder {name}: {len(lost)} weights of {type(model).__name__} are missing, so they would be random: "
            f"{', '.join(lost[:5])}: the file belongs to another architecture or is incomplete: fetch it again"
        )
    return model, missing


def _side(config: Any) -> int | None:
    side = getattr(config, "image_size", None)
    return side if isinstance(side, int) else None


class _Common(torch.nn.Module):
    """A dual encoder's vector in the space it shares with text."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made = self.body.get_image_features(pixel_values=pixels)
        vectors: torch.Tensor = getattr(made, "pooler_output", made)
        return vectors


class _Places(torch.nn.Module):
    """A vision tower, pooled; `own` is what `auto` stands for, `layer` the depth that is read."""

    def __init__(self, body: Any, pooling: str, *, own: str, layer: int = -1) -> None:
        super().__init__()
        self.body = body
        self._pooling = own if pooling == "auto" else pooling
        self._layer = layer

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._layer != -1:
            return pooled(self.body(pixels, output_hidden_states=True).hidden_states[self._layer], self._pooling)
        made = self.body(pixels)
        own = getattr(made, "pooler_output", None)
        if self._pooling == "pooler" and own is not None:
            vectors: torch.Tensor = own.flatten(1)
            return vectors
        return pooled(made.last_hidden_state, self._pooling)


class _Patches(torch.nn.Module):
    """Qwen's vision towers: the image is cut into patches, as Qwen2VLImageProcessor.patchify orders them."""

    def __init__(self, body: Any, pooling: str) -> None:
        super().__init__()
        self.body = body
        self._pooling = "mean" if pooling == "auto" else pooling

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        config = self.body.config
        patches = cut(
            pixels, patch=config.patch_size, merge=config.spatial_merge_size, frames=config.temporal_patch_size
        )
        count, _, height, width = pixels.shape
        grid = torch.tensor([[1, height // config.patch_size, width // config.patch_size]], device=pixels.device)
        made = self.body(patches, grid_thw=grid.repeat(count, 1)).last_hidden_state
        return pooled(made.reshape(count, -1, made.shape[-1]), self._pooling)


def cut(pixels: torch.Tensor, *, patch: int, merge: int, frames: int) -> torch.Tensor:
    """B x C x H x W as rows of patches; those that are merged later stand together, a still image fills all frames."""
    count, channels, height, width = pixels.shape
    high, wide = height // patch // merge, width // patch // merge
    parts = pixels.reshape(count, channels, high, merge, patch, wide, merge, patch)
    ordered = parts.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6)
    frozen = ordered.expand(-1, -1, -1, -1, -1, -1, frames, -1, -1)
    return frozen.reshape(-1, channels * frames * patch * patch)
