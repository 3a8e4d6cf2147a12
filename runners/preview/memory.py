"""How much memory a model takes while it answers: weights, key-value cache, activations.

    network = empty_network(folder, dtype=torch.bfloat16)         # no weights are read
    weights = weight_bytes(network, quantization="nf4", kept=family.unquantized)
    cache = cache_bytes(network.config, rows=8, tokens=700, itemsize=2)
    activation_bytes(network.config, images=8, beams=1, prompt_tokens=600, patches=576, itemsize=2)

Weights and cache are exact; activations follow a stated rule, and what the allocator loses is not counted. `rows` is
images in a batch times beams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

GIB = 2**30
CUDA_CONTEXT = GIB // 2
"""Bytes that CUDA and its libraries take before the first tensor; about half a GiB on current cards."""
_BLOCK = 64
_NESTED_BLOCK = 256
_CONSTANTS = 64 + 1024 + 4
"""bitsandbytes keeps with each 4-bit weight: its code (16 floats), the constants' code (256 floats), an offset."""


@dataclass(frozen=True)
class Memory:
    """Bytes while a batch is answered."""

    weights: int
    cache: int
    activations: int
    reserved: int = 0
    """Taken by the accelerator's own libraries."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.activations + self.reserved


def nf4_bytes(parameters: int, *, double_quantization: bool = True) -> int:
    """Bytes of one weight of `parameters` numbers in NF4.

    4 bits a number and a constant for each 64 of them: 32 bits, or with double quantization 8 bits and 32 for each
    256 constants, together 4.127 bits a number (QLoRA, Dettmers et al. 2023, section 3).
    """
    blocks = ceil(parameters / _BLOCK)
    if not double_quantization:
        return ceil(parameters / 2) + 4 * blocks + 64
    return ceil(parameters / 2) + blocks + 4 * ceil(blocks / _NESTED_BLOCK) + _CONSTANTS


def int8_bytes(outputs: int, inputs: int) -> int:
    """Bytes of one weight in int8: a byte a number and a float32 scale a row (LLM.int8, Dettmers et al. 2022)."""
    return outputs * inputs + 4 * outputs


def quantized_layers(network: Any, kept: Sequence[str]) -> list[str]:
    """Names of the layers that quantization reaches: all linear ones but those transformers is told to keep.

    The same choice as transformers' replace_with_bnb_linear, which counts GPT-2's Conv1D among them.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D
    from transformers.quantizers.quantizers_utils import should_convert_module

    patterns = [*kept, *(getattr(network, "_keep_in_fp32_modules", None) or ())]
    return [
        name
        for name, module in network.named_modules()
        if (type(module) is nn.Linear or isinstance(module, Conv1D)) and should_convert_module(name, patterns)
    ]


def weight_bytes(network: Any, *, quantization: str, kept: Sequence[str], double_quantization: bool = True) -> int:
    """Bytes of all weights and buffers of `network`, which may be on the meta device and has the run's precision.

    `quantization` is none, nf4 or int8. Weights that are tied count once.
    """
    names = quantized_layers(network, kept) if quantization != "none" else []
    layers = {id(layer.weight): layer for layer in map(network.get_submodule, names)}
    total = 0
    for tensor in (*network.parameters(), *network.buffers()):
        layer = layers.get(id(tensor))
        if layer is None:
            total += tensor.numel() * tensor.element_size()
        elif quantization == "nf4":
            total += nf4_bytes(tensor.numel(), double_quantization=double_quantization)
        else:
            outputs = int(getattr(layer, "nf", 0) or layer.out_features)
            total += int8_bytes(outputs, tensor.numel() // outputs)
    return int(total)


def cache_bytes(config: Any, *, rows: int, tokens: int, itemsize: int, cross_tokens: int = 0) -> int:
    """Bytes of the keys and values of `tokens` tokens: 2 x layers x key-value heads x head size x tokens x rows.

    `cross_tokens`: what a decoder with cross-attention keeps of the image or of the encoder besides. Grouped queries
    (Ainslie et al. 2023) have fewer key-value heads than heads. Layers with a sliding window are counted as full ones.
    """
    text = config.get_text_config(decoder=True)
    heads = int(text.num_attention_heads)
    pairs = getattr(text, "num_key_value_heads", None) or heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    return int(2 * text.num_hidden_layers * pairs * size * (tokens + cross_tokens) * rows * itemsize)


def activation_bytes(
    config: Any, *, images: int, beams: int, prompt_tokens: int, patches: int, itemsize: int, eager: bool = False
) -> int:
    """The largest of what one layer of the language model, one of the vision tower and the scores hold at once.

    The rule: without gradients only one layer is alive. It holds, for each token (or patch), six vectors of the
    hidden size (residual, normalised, queries, keys, values, output) and three of the inner size of its MLP (gate,
    up, product); the scores are three float32 copies of the vocabulary for the last token. Images are read once,
    prompts once a beam. Fused attention keeps no matrix of tokens x tokens; `eager` attention keeps two in float32
    for each head. Measured with torch's profiler, BLIP, LLaVA and Qwen2-VL take 0.9 to 1.1 times as much.
    """
    text = config.get_text_config(decoder=True)
    vision = _vision(config)
    language = beams * _layer(text, prompt_tokens, itemsize, eager=eager)
    seeing = _layer(vision, patches, itemsize, eager=eager) if vision is not None else 0
    return int(images * max(language, seeing, beams * 3 * 4 * text.vocab_size))


def workspace_bytes(network: Any, *, quantization: str, kept: Sequence[str]) -> int:
    """Bytes of the largest quantized layer in the precision it computes in: layers are unpacked one at a time."""
    if quantization == "none":
        return 0
    weights = (network.get_submodule(name).weight for name in quantized_layers(network, kept))
    return max((int(weight.numel() * weight.element_size()) for weight in weights), default=0)


def _vision(config: Any) -> Any:
    return getattr(config, "vision_config", None) or getattr(config, "encoder", None)


def _layer(config: Any, tokens: int, itemsize: int, *, eager: bool) -> int:
    # The vision towers of Qwen2-VL call their width embed_dim, and hidden_size is the language model's; towers that
    # narrow the picture step by step list the width of each step, the first with the most patches.
    width = getattr(config, "embed_dim", None) or config.hidden_size
    hidden = int(width if isinstance(width, int) else width[0])
    inner = int(getattr(config, "intermediate_size", None) or hidden * getattr(config, "mlp_ratio", 4))
    heads = getattr(config, "num_attention_heads", None) or getattr(config, "num_heads", 1)
    scores = 2 * 4 * heads * tokens * tokens if eager and isinstance(heads, int) else 0
    return int(tokens * (6 * hidden + 3 * inner) * itemsize + scores)
