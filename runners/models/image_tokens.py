"""The smoke test of a processor: does a prompt hold as many image tokens as the vision half makes features?

A processor that lies beside the weights of another model, or one whose patch size was never filled in, would fail
deep inside the network, or worse, not at all.

    check_image_tokens(network, inputs, "Qwen/Qwen2-VL-2B-Instruct")      # 16: tokens in the prompt = features
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from tasks.nouns import InputError

_MEND = (
    "\n  Compare patch_size, vision_feature_select_strategy, image_seq_length and image size in *processor_config.json "
    "with config.json: the processor files of another model, or of another version of this one, lie beside the weights"
)


def check_image_tokens(network: Any, inputs: Mapping[str, Any], name: str) -> int | None:
    """The image tokens of `inputs`, which must be as many as the features; None where prompts hold no such tokens."""
    found = produced_image_tokens(network, inputs)
    if found is None:
        return None
    try:
        expected = expected_image_tokens(network, inputs)
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        raise InputError(f"{name}: the processor and the model do not agree about one image: {error}{_MEND}") from error
    if expected is not None and found != expected:
        raise InputError(
            f"{name}: the processor and the model do not agree about one image: the prompt holds {found} image tokens, "
            f"the model makes {expected} features of the image{_MEND}"
        )
    return found


def produced_image_tokens(network: Any, inputs: Mapping[str, Any]) -> int | None:
    """How many image tokens the processor wrote; None for a network whose prompts hold none (BLIP)."""
    token = getattr(network.config, "image_token_id", getattr(network.config, "image_token_index", None))
    if token is None or "input_ids" not in inputs:
        return None
    return int((inputs["input_ids"] == token).sum())


def expected_image_tokens(network: Any, inputs: Mapping[str, Any]) -> int | None:
    """How many features the network makes of the images in `inputs`, a whole batch; None where it does not say."""
    if queries := getattr(network.config, "num_query_tokens", None):
        return int(queries) * len(inputs["pixel_values"])
    if not hasattr(network, "get_image_features"):
        return None
    taken = inspect.signature(network.get_image_features).parameters
    images = {key: value for key, value in inputs.items() if key in taken and key != "input_ids"}
    images = {
        key: value.to(network.device, network.dtype if value.is_floating_point() else None)
        for key, value in images.items()
    }
    with torch.inference_mode():
        output = network.get_image_features(**images)
    features = getattr(output, "pooler_output", output)
    parts = features if isinstance(features, (list, tuple)) else [features]
    return sum(int(part.shape[:-1].numel()) for part in parts)
