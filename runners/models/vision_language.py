"""The one kind of model there is today: transformers' image-text-to-text models (BLIP, LLaVA, Qwen2-VL, ...).

What differs between families is data (`families.yaml`); what a checkpoint forgot is filled in from its model
(`processors.py`); adapters are proven to act (`adapters.py`). Nothing in a checkpoint's generation_config but its
special tokens is used: Qwen2-VL, for one, ships sampling and a repetition penalty there.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from runners.checkpoints import Checkpoint
from runners.config import Adapter, RunConfig
from runners.models import Prepared
from runners.models.adapters import apply_adapters
from runners.models.families import Family
from runners.models.loading import (
    forward,
    load_network,
    noise_image,
    read_family,
    resolve_device,
    resolve_dtype,
)
from runners.models.merging import merged_checkpoint
from runners.models.processors import image_backend, load_processor, prompt_form
from tasks.nouns import InputError

_PROBE = "What does the image show?"
_NAN_MEND = "set model.dtype to bfloat16 or float32, or fetch the weights again"


class _Finite:
    """Watches the scores of each generated token: NaN is answered with some token, and must not pass for an answer."""

    def __init__(self) -> None:
        self._bad: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        bad = scores.isnan().any()
        # Asking for the value would make an accelerator wait at every token; it is asked for once, at the end.
        self._bad = bad if self._bad is None else self._bad | bad
        return scores

    def demand(self) -> None:
        """FloatingPointError when a score was not a number."""
        if self._bad is not None and bool(self._bad):
            raise FloatingPointError(f"the model's output is not a number (NaN): {_NAN_MEND}")


@dataclass
class VisionLanguageModel:
    """A loaded model; `load` is the way to make one."""

    network: Any
    processor: Any
    family: Family
    ask: Callable[[str], str]
    """From a prompt to the text the model takes."""
    facts: Mapping[str, Any]
    sampling: bool = False

    @classmethod
    def load(cls, config: RunConfig, base: Checkpoint, adapters: Sequence[Checkpoint]) -> VisionLanguageModel:
        """Load, adapt, merge and quantize as `config` says; the facts tell what was done."""
        start = time.monotonic()
        asked = list(zip(config.adapters, adapters, strict=True))
        device = resolve_device(config.model.device)
        dtype = resolve_dtype(config.model.dtype, device)
        path, reports = base.path, None
        if asked and config.merge_adapters and config.quantization != "none":
            path, reports = merged_checkpoint(base, asked, lambda: _merge(config, base.path, asked))
            asked = []
        model = cls._open(config, path, quantization=config.quantization, device=device, dtype=dtype)
        if asked:
            reports = model._adapt(config, asked, merge=config.merge_adapters)
        generation = model._set_generation(config)
        model.facts = {
            **model.facts,
            "adapters": reports or [],
            "merged": bool(reports) and config.merge_adapters,
            "generation": generation,
            "batch_invariant": dtype == torch.float32 and config.quantization == "none" and not model.sampling,
            "load_seconds": round(time.monotonic() - start, 3),
        }
        return model

    @classmethod
    def _open(
        cls,
        config: RunConfig,
        path: Path,
        *,
        quantization: str,
        device: torch.device,
        dtype: torch.dtype | None,
    ) -> VisionLanguageModel:
        """The bare model, shown to take an image and a prompt."""
        trust = config.model.trust_remote_code
        network, facts = load_network(
            path, quantization=quantization, device=device, dtype=dtype, trust_remote_code=trust
        )
        family, _ = read_family(path)
        processor, changed = load_processor(
            path, family, network, max_pixels=config.model.max_pixels, trust_remote_code=trust
        )
        form, ask = prompt_form(processor, family)
        facts |= {
            "image_processor": type(processor.image_processor).__name__,
            "image_backend": image_backend(processor),
            "processor_changes": changed,
            "prompt_form": form,
        }
        model = cls(network, processor, family, ask, facts)
        if bool(model._probe().isnan().any()):
            raise InputError(f"{path}: the model's output is not a number (NaN) in {facts['dtype']}: {_NAN_MEND}")
        return model

    def prepare(self, images: Sequence[Image], prompts: Sequence[str]) -> Prepared:
        """Images and prompts as tensors, on the CPU."""
        texts = [self.ask(prompt) for prompt in prompts]
        parts = []
        for rows in self._together(texts):
            inputs = self.processor(
                images=[images[row] for row in rows],
                text=[texts[row] for row in rows],
                padding=True,
                return_tensors="pt",
            )
            parts.append((rows, inputs))
        return Prepared(parts)

    def generate(self, prepared: Prepared, *, seed: int = 0) -> list[str]:
        """The answers, in the order of the images."""
        answers = [""] * prepared.size
        if self.sampling:
            torch.manual_seed(seed)
        for rows, inputs in prepared.parts:
            with torch.inference_mode():
                moved = inputs.to(self.network.device, self.network.dtype)
                finite = _Finite()
                output = self.network.generate(**moved, logits_processor=[finite])
                finite.demand()
            offset = self.family.answer_offset
            start = 0 if offset is None else inputs["input_ids"].shape[1] + offset
            texts = self.processor.tokenizer.batch_decode(output[:, start:], skip_special_tokens=True)
            for row, text in zip(rows, texts, strict=True):
                answers[row] = text.strip()
        return answers

    def _together(self, texts: Sequence[str]) -> list[list[int]]:
        """Rows that can share a batch."""
        if not self.family.equal_prompt_lengths:
            return [list(range(len(texts)))]
        by_length = defaultdict(list)
        for row, text in enumerate(texts):
            by_length[len(self.processor.tokenizer(text).input_ids)].append(row)
        return list(by_length.values())

    def _probe(self) -> torch.Tensor:
        [(_, inputs)] = self.prepare([noise_image()], [_PROBE]).parts
        return forward(self.network, inputs)

    def _adapt(
        self, config: RunConfig, adapters: Sequence[tuple[Adapter, Checkpoint]], *, merge: bool
    ) -> list[dict[str, Any]]:
        handle, reports = apply_adapters(self.network, self.family, adapters, base=config.model.name, probe=self._probe)
        if merge:
            self.network = handle.merge_and_unload(safe_merge=True)
        return reports

    def _set_generation(self, config: RunConfig) -> dict[str, Any]:
        """Make the config's arguments the only ones, on the network and on any network inside it."""
        from transformers import GenerationConfig

        shipped = self.network.generation_config
        special = {
            "eos_token_id": self._stops(shipped.eos_token_id) or None,
            "pad_token_id": self.processor.tokenizer.pad_token_id,
            "bos_token_id": shipped.bos_token_id,
            "decoder_start_token_id": shipped.decoder_start_token_id,
        }
        arguments = config.generation.model_dump(exclude_none=True)
        try:
            generation = GenerationConfig(**arguments, **special)
        except ValueError as error:
            raise InputError(f"generation: {error}") from error
        for module in self.network.modules():
            if hasattr(module, "generation_config"):
                module.generation_config = generation
        self.sampling = config.generation.do_sample
        return {**arguments, **special}

    def _stops(self, shipped: int | list[int] | None) -> list[int]:
        """Every token that ends an answer: the checkpoint's, the tokenizer's, the family's."""
        tokenizer = self.processor.tokenizer
        vocabulary = tokenizer.get_vocab()
        ids = list(shipped) if isinstance(shipped, list) else [shipped]
        ids += [tokenizer.eos_token_id, *(vocabulary.get(token) for token in self.family.stops)]
        return sorted({token for token in ids if token is not None})


def _merge(
    config: RunConfig, path: Path, adapters: Sequence[tuple[Adapter, Checkpoint]]
) -> tuple[Any, list[dict[str, Any]]]:
    """The network with its adapters merged, on the CPU, in the precision it is stored in."""
    family, raw = read_family(path)
    if "quantization_config" in raw:
        raise InputError(f"{path} is stored quantized ({family.model_type}): adapters cannot be merged into it")
    model = VisionLanguageModel._open(config, path, quantization="none", device=torch.device("cpu"), dtype=None)
    reports = model._adapt(config, adapters, merge=True)
    return model.network, reports
