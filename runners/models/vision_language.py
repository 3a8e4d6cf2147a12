"""The one kind of model there is today: transformers' image-text-to-text models (BLIP, LLaVA, Qwen2-VL, ...).

What differs between families is data (`families.yaml`); what a checkpoint forgot is filled in from its model
(`processors.py`); adapters are proven to act (`adapters.py`). Nothing in a checkpoint's generation_config but its
special tokens is used: Qwen2-VL, for one, ships sampling and a repetition penalty there.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from runners.checkpoints import Checkpoint
from runners.config import Adapter, RunConfig
from runners.models import Failure, Prepared, Size, rows_of
from runners.models.adapters import apply_adapters
from runners.models.capacity import fitting_batch, tokens_of
from runners.models.families import Family
from runners.models.generation import NAN_MEND, Generator
from runners.models.image_backend import resolve_image_backend
from runners.models.image_tokens import check_image_tokens
from runners.models.llava_med import loadable
from runners.models.loading import (
    forward,
    load_network,
    noise_image,
    read_family,
    resolve_device,
    resolve_dtype,
)
from runners.models.merging import merged_checkpoint
from runners.models.processors import Ask, image_backend, load_processor, prompt_form
from runners.prompts import prompt_text
from tasks.nouns import InputError

_PROBE = "What does the image show?"


@dataclass
class VisionLanguageModel:
    """A loaded model; `load` is the way to make one."""

    network: Any
    processor: Any
    family: Family
    ask: Ask
    facts: Mapping[str, Any]
    views: int = 1
    """Images that a prompt holds at most."""
    generator: Generator = field(init=False)
    _threads: threading.local = field(default_factory=threading.local, repr=False)

    @classmethod
    def load(cls, config: RunConfig, base: Checkpoint, adapters: Sequence[Checkpoint]) -> VisionLanguageModel:
        """Load, adapt, merge and quantize as `config` says; the facts tell what was done."""
        start = time.monotonic()
        asked = list(zip(config.adapters, adapters, strict=True))
        device = resolve_device(config.model.device)
        dtype = resolve_dtype(config.model.dtype, device)
        base = loadable(base)
        path, reports = base.path, None
        if asked and config.merge_adapters and config.quantization != "none":
            path, reports = merged_checkpoint(base, asked, lambda: _merge(config, base.path, asked))
            asked = []
        model = cls._open(config, path, quantization=config.quantization, device=device, dtype=dtype)
        if asked:
            reports = model._adapt(config, asked, merge=config.merge_adapters)
        model.generator = Generator.of(
            network=model.network, tokenizer=model.processor.tokenizer, family=model.family, asked=config.generation
        )
        model.facts = {
            **model.facts,
            "adapters": reports or [],
            "merged": bool(reports) and config.merge_adapters,
            "generation": model.generator.facts,
            "batch_invariant": (
                dtype == torch.float32 and config.quantization == "none" and not config.generation.do_sample
            ),
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
            path,
            quantization=quantization,
            device=device,
            dtype=dtype,
            trust_remote_code=trust,
            # A merge happens on the CPU, whatever the run computes on.
            attention=config.model.attention if dtype is not None else "auto",
            compute_dtype=config.model.compute_dtype,
            double_quantization=config.model.double_quantization,
        )
        family, _ = read_family(path)
        processor, changed = load_processor(
            path,
            family,
            network,
            max_pixels=config.model.max_pixels,
            trust_remote_code=trust,
            backend=resolve_image_backend(config.model.image_backend),
        )
        form, ask = prompt_form(processor, family)
        ask(prompt_text(config.prompt), config.data.views)  # refused before the first image is opened
        facts |= {
            "image_processor": type(processor.image_processor).__name__,
            "image_backend": image_backend(processor),
            "processor_changes": changed,
            "prompt_form": form,
        }
        model = cls(network, processor, family, ask, facts, config.data.views)
        facts["image_tokens"] = check_image_tokens(network, model._probe_inputs(), str(path))
        if bool(model._probe().isnan().any()):
            raise InputError(f"{path}: the model's output is not a number (NaN) in {facts['dtype']}: {NAN_MEND}")
        return model

    def prepare(
        self, images: Sequence[Image], prompts: Sequence[str], views: Sequence[Sequence[Image]] = ()
    ) -> Prepared:
        """Images and prompts as tensors, on the CPU; several threads may do so at once.

        `views`: of each row its further images, in any number.
        """
        shown = rows_of(images, views)
        texts = [self.ask(prompt, len(row)) for prompt, row in zip(prompts, shown, strict=True)]
        processor = self._processor_here()
        parts = []
        for rows in self._together(texts):
            inputs = processor(
                images=[shown[row] for row in rows],
                text=[texts[row] for row in rows],
                padding=True,
                return_tensors="pt",
            )
            parts.append((rows, inputs))
        return Prepared(parts)

    def generate(self, prepared: Prepared, *, seed: int = 0) -> list[str | Failure]:
        """The answers, in the order of the images."""
        return [*self.generator.answer(prepared, seed=seed)]

    def tokens(self, sizes: Sequence[Size], views: Sequence[Sequence[Size]] = ()) -> list[int]:
        """What images of these sizes, each with its further `views`, take of a batch: tokens of all, prompt, answer."""
        rest = self.generator.asked.max_new_tokens + len(self.processor.tokenizer(self.ask(_PROBE)).input_ids)
        shown = rows_of(sizes, views)
        each = iter(tokens_of(self.processor, [size for row in shown for size in row]))
        return [rest + sum(islice(each, len(row))) for row in shown]

    def fitting(self, longest: Size) -> int:
        """How many examples a batch can hold whose images, as many as `data.views`, are each of this size."""
        return fitting_batch(self, longest, images=self.views)

    def spent(self) -> Mapping[str, Any]:
        """Answers that a schema had to bring to their end because max_new_tokens was near."""
        return {"finished_early": self.generator.finished_early} if self.generator.constraint else {}

    def close(self) -> None:
        """Nothing runs beside the caller."""

    def _processor_here(self) -> Any:
        """This thread's copy of the processor: a tokenizer that pads cannot be shared."""
        if threading.current_thread() is threading.main_thread():
            return self.processor
        if not hasattr(self._threads, "processor"):
            self._threads.processor = copy.deepcopy(self.processor)
        return self._threads.processor

    def _together(self, texts: Sequence[str]) -> list[list[int]]:
        """Rows that can share a batch."""
        if not self.family.equal_prompt_lengths:
            return [list(range(len(texts)))]
        by_length = defaultdict(list)
        for row, text in enumerate(texts):
            by_length[len(self._processor_here().tokenizer(text).input_ids)].append(row)
        return list(by_length.values())

    def _probe_inputs(self) -> Any:
        [(_, inputs)] = self.prepare([noise_image()], [_PROBE], [[noise_image()] * (self.views - 1)]).parts
        return inputs

    def _probe(self) -> torch.Tensor:
        inputs = self._probe_inputs()
        if is_encoder_decoder(self.network) and "decoder_input_ids" not in inputs:
            start = self.network.generation_config.decoder_start_token_id or 0
            inputs["decoder_input_ids"] = torch.tensor([[start]])
        return forward(self.network, inputs)

    def _adapt(
        self, config: RunConfig, adapters: Sequence[tuple[Adapter, Checkpoint]], *, merge: bool
    ) -> list[dict[str, Any]]:
        handle, reports = apply_adapters(self.network, self.family, adapters, base=config.model.name, probe=self._probe)
        if merge:
            self.network = handle.merge_and_unload(safe_merge=True)
        return reports


def is_encoder_decoder(network: Any) -> bool:
    """Whether the answer is written by a decoder of its own, so that the output does not begin with the prompt."""
    configs = (network.config, network.config.get_text_config(decoder=True))
    return any(getattr(config, "is_encoder_decoder", False) for config in configs)


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
