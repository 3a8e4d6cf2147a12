"""Quantization with bitsandbytes: NF4 (4 bits, QLoRA, Dettmers et al. 2023) and int8 (LLM.int8, the same, 2022).

On a CPU with AVX512-BF16, bitsandbytes 0.50 repacks each 4-bit layer at its first forward in eval mode. From then
on merging an adapter gives garbage without an error and training fails; `stop_repacking` prevents it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runners.models.families import Family

if TYPE_CHECKING:
    import torch


def quantization_config(
    method: str, family: Family, compute_dtype: torch.dtype, *, double_quantization: bool = True
) -> Any:
    """The BitsAndBytesConfig for `none` (None), `nf4` or `int8`.

    NF4 layers compute in `compute_dtype`; int8 layers multiply whole numbers and have no such choice.
    """
    if method == "none":
        return None
    from transformers import BitsAndBytesConfig

    kept = list(family.unquantized)
    if method == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double_quantization,
        bnb_4bit_compute_dtype=compute_dtype,
        llm_int8_skip_modules=kept,
    )


def quantization_facts(network: torch.nn.Module, method: str) -> dict[str, Any]:
    """What was quantized and how, read off the loaded layers, for run.json."""
    names = quantized_modules(network)
    facts: dict[str, Any] = {"quantization": method, "quantized_modules": len(names)}
    if method == "nf4" and names:
        layer: Any = network.get_submodule(names[0])
        facts["compute_dtype"] = str(layer.compute_dtype).removeprefix("torch.")
        facts["double_quantization"] = bool(layer.weight.quant_state.nested)
    return facts


def stop_repacking(network: torch.nn.Module) -> None:
    """Keep 4-bit weights on a CPU in the layout that merging and training understand; before any forward."""
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 - torch types attributes as modules


def quantized_modules(network: torch.nn.Module) -> list[str]:
    """Names of the layers that are stored in 4 or 8 bits."""
    kinds = {"Linear4bit", "Linear8bitLt"}
    return [name for name, module in network.named_modules() if type(module).__name__ in kinds]
