"""The tokens of an answer: how it follows the prompt, how it ends, how much of it fits.

    tokens = AnswerTokens.of(model, max_tokens=1024)
    tokens.written("pleural effusion", after=prompt_ids[-1], where="image_7")      # [79, 12, 951, 2]

* Prompt and answer are tokenised apart. Together, they may merge where they meet, into a token that inference, which
  continues the prompt's own tokens, never shows. An answer that meets a word (`Answer:`) begins with a space, as the
  model would go on; the space is stripped from answers anyway.
* The end is the token that the chat template puts behind an answer, else the one the tokenizer ends a text with, else
  its EOS; it must be one that generation stops at.
* Where an encoder holds the prompt (T5, Florence-2), the answer has the tokenizer's own special tokens: Florence-2's
  begin with BOS.
* What is too long loses the end of the answer, its end token first: a cut answer must not teach the model to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from runners.models.families import Family
from runners.models.pairs import Pair
from runners.models.processors import Ask
from runners.models.vision_language import is_encoder_decoder
from tasks.nouns import InputError

_ANSWER = "Normal findings"


class Asked(Protocol):
    """What training needs of a model to make its tokens; the network may lie on the meta device."""

    @property
    def network(self) -> Any:
        """Its configs are read."""
        ...

    @property
    def processor(self) -> Any:
        """As `runners.models.processors.load_processor` gives it."""
        ...

    @property
    def family(self) -> Family:
        """Its row."""
        ...

    @property
    def ask(self) -> Ask:
        """As `runners.models.processors.prompt_form` gives it."""
        ...


@dataclass(frozen=True)
class AnswerTokens:
    """Makes the tokens of answers; `of` is the way to make one."""

    tokenizer: Any
    end: int
    """What an answer ends with."""
    start: int | None
    """The first token of a decoder beside an encoder; None where one network reads and writes."""
    apart: bool
    """An encoder holds the prompt."""
    limit: int
    """Tokens that image, prompt and answer may have together."""
    glues: bool
    """The tokenizer puts no space before a text, so that one must be written."""
    unwritable: frozenset[int]
    """Special tokens, which no answer may hold."""
    added: frozenset[int]
    """Tokens put beside the vocabulary, which are no words; the tokenizer would collect them anew for each answer."""

    @classmethod
    def of(cls, model: Asked, *, max_tokens: int) -> AnswerTokens:
        """For `model`; InputError when nothing that ends its answers is a token that generation stops at."""
        tokenizer, two = model.processor.tokenizer, is_encoder_decoder(model.network)
        positions = getattr(model.network.config.get_text_config(decoder=True), "max_position_embeddings", None)
        return cls(
            tokenizer,
            end=end_of_answer(model),
            start=_start(model.network) if two else None,
            apart=two and not isinstance(model.processor, Pair),
            limit=min(max_tokens, positions or max_tokens),
            glues=tokenizer.decode([*_plain(tokenizer, "a"), *_plain(tokenizer, "b")]).strip() == "ab",
            unwritable=frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id},
            added=frozenset(tokenizer.added_tokens_decoder),
        )

    def written(self, text: str, *, after: int, where: str) -> list[int]:
        """The tokens of the answer `text` and its end; `after` is the token before it, `where` the image's id."""
        if self.glues and not self.apart and self._is_word(after):
            text = f" {text}"
        ids = _plain(self.tokenizer, text)
        if self.unwritable.intersection(ids):
            special = self.tokenizer.decode([i for i in ids if i in self.unwritable])
            raise InputError(f"image {where}: its answer holds '{special}', a special token of this model: take it out")
        if self.apart:
            ids = list(self.tokenizer(text).input_ids)
        return ids if ids[-1:] == [self.end] else [*ids, self.end]

    def room(self, held: int, *, where: str) -> int:
        """Tokens left for an answer beside `held` ones of image and prompt; InputError when there is none."""
        if held >= self.limit:
            raise InputError(
                f"image {where}: image and prompt alone take {held} of {self.limit} tokens, which leaves no room for "
                "an answer: raise optimization.max_tokens where the model has more positions, set a lower "
                "model.max_pixels, or shorten the prompt"
            )
        return self.limit - held

    def _is_word(self, token: int) -> bool:
        if token in self.unwritable or token in self.added:
            return False
        return not str(self.tokenizer.decode([token]))[-1:].isspace()


def end_of_answer(model: Asked) -> int:
    """The token that ends an answer; InputError when generation would not stop at it."""
    tokenizer, stops = model.processor.tokenizer, _stops(model)
    shown = _template_ends(model) if model.family.prompt == "chat" else []
    for token in (*shown, *tokenizer("").input_ids[-1:], tokenizer.eos_token_id):
        if token in stops:
            return int(token)
    raise InputError(
        f"{model.family.model_type}: generation stops at {sorted(stops) or 'no token'}, and neither the chat template "
        "nor the tokenizer ends an answer with it: set eos_token_id in generation_config.json beside the weights"
    )


def _stops(model: Asked) -> set[int]:
    """The tokens that generation stops at, as `runners.models.generation` sets it up."""
    config = model.network.config.get_text_config(decoder=True)
    if model.family.model_type == "blip":
        return {config.sep_token_id}  # its generate() insists
    tokenizer = model.processor.tokenizer
    shipped = model.network.generation_config.eos_token_id
    ids = list(shipped) if isinstance(shipped, list) else [shipped]
    ids += [tokenizer.eos_token_id, *(tokenizer.get_vocab().get(token) for token in model.family.stops)]
    return {token for token in ids if token is not None}


def _template_ends(model: Asked) -> list[int]:
    """The tokens that the chat template puts behind an answer."""
    from jinja2 import TemplateError

    processor = model.processor
    template = processor.chat_template or processor.tokenizer.chat_template
    parts: tuple[Any, Any] = ([{"type": "text", "text": "?"}], [{"type": "text", "text": _ANSWER}])
    for asked, answered in (parts, ("?", _ANSWER)) if template else ():
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        try:
            text = str(processor.apply_chat_template(messages, chat_template=template, tokenize=False))
        except (TemplateError, TypeError, ValueError):
            continue  # a template for text alone fails on parts, and the other way round
        if _ANSWER in text:
            return _plain(processor.tokenizer, text.rpartition(_ANSWER)[2])
    return []


def _start(network: Any) -> int:
    """What `generate` gives a decoder first: transformers' GenerationMixin._get_decoder_start_token_id."""
    generation, text = network.generation_config, network.config.get_text_config(decoder=True)
    told = (
        generation.decoder_start_token_id,
        getattr(network.config, "decoder_start_token_id", None),
        getattr(text, "decoder_start_token_id", None),
        generation.bos_token_id,
    )
    return int(next(token for token in told if token is not None))


def _plain(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)
