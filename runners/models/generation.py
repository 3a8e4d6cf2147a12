"""How answers are generated: the config's arguments are the only ones, and NaN never passes for an answer.

    generator = Generator.of(network=network, tokenizer=tokenizer, family=family, asked=config.generation)
    generator.answer(prepared, seed=7)        # ["chest x-ray; pleural effusion", ...]

Greedy search and beams answer an image the same whatever its company, in float32. Sampling does not: all rows of a
batch draw from one stream of random numbers, so an answer is repeated only with the same seed and the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from runners.config import Generation
from runners.models import Prepared
from runners.models.constrained import Constraint, read_schema
from runners.models.families import Family
from tasks.nouns import InputError

NAN_MEND = "set model.dtype to bfloat16 or float32, or fetch the weights again"
_TOP_K = 50
"""What transformers samples from when nobody says so; here it stands in run.json."""


class Finite:
    """Watches the scores of each generated token: NaN is answered with some token, and must not pass for an answer."""

    def __init__(self) -> None:
        self.prompt = 0
        """Tokens before the answer, as `generate` counts them: BLIP drops one, a decoder fed with vectors has none."""
        self._bad: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._bad is None:
            self.prompt = input_ids.shape[1]
        bad = scores.isnan().any()
        # Asking for the value would make an accelerator wait at every token; it is asked for once, at the end.
        self._bad = bad if self._bad is None else self._bad | bad
        return scores

    def demand(self) -> None:
        """FloatingPointError when a score was not a number."""
        if self._bad is not None and bool(self._bad):
            raise FloatingPointError(f"the model's output is not a number (NaN): {NAN_MEND}")


@dataclass
class Generator:
    """A network that answers as the config asks; `of` is the way to make one."""

    network: Any
    tokenizer: Any
    asked: Generation
    facts: Mapping[str, Any]
    """The arguments in force, for run.json."""
    constraint: Constraint | None = None
    stopping: Any = None
    """Ends an answer at a stop string; None without any."""
    finished_early: int = 0
    """Answers held to a schema that were brought to their end because max_new_tokens was near."""

    @classmethod
    def of(cls, *, network: Any, tokenizer: Any, family: Family, asked: Generation) -> Generator:
        """Set up `network`, after its adapters are applied; InputError when the arguments contradict each other."""
        _refuse_contradictions(asked)
        facts = set_generation(network=network, tokenizer=tokenizer, family=family, asked=asked)
        constraint = None
        if asked.json_schema is not None:
            constraint = Constraint(
                read_schema(asked.json_schema),
                asked.json_schema,
                tokenizer,
                vocabulary=int(network.config.get_text_config(decoder=True).vocab_size),
                ends=facts["eos_token_id"] or (),
                length=asked.max_new_tokens,
            )
        return cls(network, tokenizer, asked, facts, constraint, _stopping(tokenizer, asked.stop_strings))

    def answer(self, prepared: Prepared, *, seed: int = 0) -> list[str]:
        """The answers without prompt, special tokens and stop strings, in the order of the images."""
        answers = [""] * prepared.size
        if self.asked.do_sample:
            torch.manual_seed(seed)
        for rows, inputs in prepared.parts:
            texts = self.tokenizer.batch_decode(self._generate(inputs), skip_special_tokens=True)
            for row, text in zip(rows, texts, strict=True):
                answers[row] = cut_off(text, self.asked.stop_strings).strip()
        return answers

    @contextmanager
    def full_length(self) -> Iterator[None]:
        """Meanwhile every answer takes max_new_tokens, whatever the model wants: what a probe of memory needs."""
        configs = list(_configs(self.network).values())
        held = self.constraint, self.stopping
        self.constraint = self.stopping = None
        before = [config.min_new_tokens for config in configs]
        for config in configs:
            config.min_new_tokens = self.asked.max_new_tokens
        try:
            yield
        finally:
            self.constraint, self.stopping = held
            for config, shortest in zip(configs, before, strict=True):
                config.min_new_tokens = shortest

    def _generate(self, inputs: Any) -> torch.Tensor:
        """The tokens of the answers, rows x length."""
        finite = Finite()
        held = self.constraint.processor() if self.constraint else None
        processors = [finite, held] if held else [finite]
        stopping = [self.stopping] if self.stopping else []
        with torch.inference_mode():
            moved = inputs.to(self.network.device, self.network.dtype)
            output: torch.Tensor = self.network.generate(
                **moved, logits_processor=processors, stopping_criteria=stopping
            )
            finite.demand()
        written = output[:, finite.prompt :]
        if held:
            self.finished_early += held.brought_to_end(written)
        return written


def cut_off(text: str, stops: Sequence[str]) -> str:
    """The text before the first of `stops` in it."""
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]


def set_generation(*, network: Any, tokenizer: Any, family: Family, asked: Generation) -> dict[str, Any]:
    """Make the config's arguments the only ones, on the network and on any network inside it; returns them."""
    from transformers import GenerationConfig

    shipped = network.generation_config
    text = network.config.get_text_config(decoder=True)
    start = shipped.decoder_start_token_id
    special = {
        "eos_token_id": _stops(tokenizer, family, shipped.eos_token_id) or None,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": shipped.bos_token_id,
        # FLAN-T5 inside another model may name it in its own config alone; Florence-2 is trained with a forced BOS.
        "decoder_start_token_id": start if start is not None else getattr(text, "decoder_start_token_id", None),
        "forced_bos_token_id": shipped.forced_bos_token_id,
    }
    arguments = asked.model_dump(exclude_none=True, exclude={"json_schema", "stop_strings"})
    if asked.do_sample:
        arguments.setdefault("top_k", _TOP_K)
    try:
        generation = GenerationConfig(**arguments, **special)
    except ValueError as error:
        raise InputError(f"generation: {error}") from error
    for module in network.modules():
        if hasattr(module, "generation_config"):
            module.generation_config = generation
    return {**arguments, "stop_strings": list(asked.stop_strings), "json_schema": asked.json_schema, **special}


def _configs(network: Any) -> dict[int, Any]:
    """The generation configs of a network and of the networks inside it, each once."""
    found = (module.generation_config for module in network.modules() if hasattr(module, "generation_config"))
    return {id(config): config for config in found}


def _stopping(tokenizer: Any, stops: Sequence[str]) -> Any:
    """Made once: for 150,000 tokens it takes more than half a second, which `generate` would spend at every batch."""
    from transformers import StopStringCriteria

    try:
        return StopStringCriteria(tokenizer, list(stops)) if stops else None
    except ValueError as error:
        raise InputError(
            f"generation.stop_strings: this model's tokenizer never writes one of {list(stops)}: take it out"
        ) from error


def _stops(tokenizer: Any, family: Family, shipped: int | list[int] | None) -> list[int]:
    """Every token that ends an answer: the checkpoint's, the tokenizer's, the family's."""
    vocabulary = tokenizer.get_vocab()
    ids = list(shipped) if isinstance(shipped, list) else [shipped]
    ids += [tokenizer.eos_token_id, *(vocabulary.get(token) for token in family.stops)]
    found = {token for token in ids if token is not None}
    if wrong := [token for token in found if not isinstance(token, int)]:
        raise InputError(
            f"generation_config.json: its eos_token_id {wrong[0]!r} is no token's number: fetch the file again"
        )
    return sorted(found)


def _refuse_contradictions(asked: Generation) -> None:
    if "" in asked.stop_strings:
        raise InputError("generation.stop_strings: an empty text ends every answer before it begins: take it out")
    if asked.json_schema is None:
        return
    reasons = {
        "no_repeat_ngram_size": (asked.no_repeat_ngram_size > 0, "the keys and marks of JSON repeat themselves"),
        "stop_strings": (bool(asked.stop_strings), "the schema says where an answer ends"),
        "do_sample": (asked.do_sample and asked.num_beams > 1, "beams cannot be sampled where one token may follow"),
    }
    for key, (contradicts, why) in reasons.items():
        if contradicts:
            raise InputError(f"generation.{key} cannot stand beside generation.json_schema: {why}; leave out one")
