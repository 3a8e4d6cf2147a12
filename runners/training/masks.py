"""What is learnt, token by token, and how many answers are cut because they do not fit.

    truncation = count_truncated(samples, model, max_tokens=1024)
    truncation.demand(config.optimization.max_truncated)        # InputError: 214 of 1,600 answers (13.4 %) are cut ...
    explain(collate, samples[0])
    # [Token("<s>", False), ..., Token("[64 × <image>]", False), ..., Token("Chest", True), Token("</s>", True)]

Counting opens no image: a prompt's tokens are counted by the tokenizer, an image's once for each number of tiles or
patches that images of these sizes are cut into, on a blank image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from runners.models import Size
from runners.models.capacity import tokens_of
from runners.training.collate import NOTHING, Collator
from runners.training.tokens import Asked
from tasks.images import stored_size
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.training.data import Sample

_FOLDED = 4
"""From so many equal special tokens on, they are shown as one with their number."""
_NAMED = 5
"""Ids of cut images that are told."""
_PROMPT = "Describe."
_SIZES = ((64, 64), (1024, 1024), (300, 1500), (1500, 300))
"""Where images of these widths and heights take equally many tokens, all images do."""


class Token(NamedTuple):
    """A token as the model gets it."""

    text: str
    learnt: bool


@dataclass(frozen=True)
class Truncation:
    """How long the samples are, in tokens."""

    limit: int
    """What a sample may have."""
    longest: int
    """Image, prompt and answer of the longest sample, before it is cut."""
    answers: tuple[int, ...]
    """Of each answer, its end included, in the order of the samples."""
    cut: tuple[str, ...]
    """Ids of the images whose answers lose their ends."""

    @property
    def share(self) -> float:
        """Of the samples, those whose answer is cut; 0 to 1."""
        return len(self.cut) / len(self.answers) if self.answers else 0.0

    @property
    def text(self) -> str:
        """For people."""
        return (
            f"{len(self.cut):,} of {len(self.answers):,} answers ({self.share:.1%}) are cut at {self.limit:,} tokens; "
            f"the longest sample has {self.longest:,}"
        )

    def reaching(self, share: float) -> int:
        """The tokens that are enough for `share` of the answers, ends included; 0 when there are none."""
        ordered = sorted(self.answers)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0

    def demand(self, most: float) -> None:
        """InputError when more than the share `most` is cut."""
        if self.share > most:
            named = ", ".join(self.cut[:_NAMED]) + (", ..." if len(self.cut) > _NAMED else "")
            raise InputError(
                f"{self.text}, and optimization.max_truncated allows {most:.1%} ({named}): set "
                f"optimization.max_tokens to {self.longest} where the model has so many positions, set a lower "
                "model.max_pixels or a shorter prompt, or raise optimization.max_truncated"
            )


def count_truncated(samples: Sequence[Sample], model: Asked, *, max_tokens: int) -> Truncation:
    """The lengths of `samples`; InputError when image and prompt of one leave no room for an answer."""
    collate = Collator(model, max_tokens=max_tokens)
    prompts, tokens = _Prompts(collate), collate.tokens
    longest, answers, cut = 0, [], []
    for sample in samples:
        where = sample.example.image_id
        held, last = prompts.measure(sample)
        room = tokens.room(held, where=where)
        answers.append(len(tokens.written(sample.answer, after=last, where=where)))
        longest = max(longest, held + answers[-1])
        if answers[-1] > room:
            cut.append(where)
    return Truncation(tokens.limit, longest, tuple(answers), tuple(cut))


def explain(collate: Collator, sample: Sample) -> list[Token]:
    """What the model gets for `sample`, and what of it is learnt, read from the batch itself."""
    batch = collate([sample])
    ids = batch["input_ids"][0].tolist() if "input_ids" in batch else []
    labels = batch["labels"][0].tolist()
    if "decoder_input_ids" not in batch:
        pairs = [(token, label != NOTHING) for token, label in zip(ids, labels, strict=True)]
    else:
        first, *fed = batch["decoder_input_ids"][0].tolist()
        told = [label if label != NOTHING else token for label, token in zip(labels, [*fed, labels[-1]], strict=True)]
        pairs = [(token, False) for token in [*ids, first]]
        pairs += [(token, label != NOTHING) for token, label in zip(told, labels, strict=True)]
    return list(_shown(collate.processor.tokenizer, pairs))


class _Prompts:
    """Counts the tokens of images and prompts."""

    def __init__(self, collate: Collator) -> None:
        self._collate = collate
        self._tokenizer = collate.processor.tokenizer
        self._one_size = len(set(tokens_of(collate.processor, _SIZES))) == 1
        self._texts: dict[tuple[str, int], list[int]] = {}
        self._kinds: dict[Size, tuple[int, ...]] = {}
        self._images: dict[tuple[int, ...], tuple[int, int | None]] = {}
        self._gaps: dict[int, int] = {1: 0}

    def measure(self, sample: Sample) -> tuple[int, int]:
        """The tokens of a sample's images and prompt, and the last of them."""
        sources = sample.example.images
        sizes = [_SIZES[0] if self._one_size else stored_size(source) for source in sources]
        ids = self._text(sample.prompt, len(sizes))
        added = [self._added(size) for size in sizes]
        behind = added[0][1]
        last = behind if behind is not None else ids[-1] if ids else self._collate.tokens.start
        assert last is not None, "only the decoder beside an encoder takes an empty prompt"
        return len(ids) + sum(tokens for tokens, _ in added) + self._gap(len(sizes)), last

    def _text(self, prompt: str, images: int) -> list[int]:
        if (prompt, images) not in self._texts:
            text = self._collate.ask(prompt, images)
            self._texts[prompt, images] = list(self._tokenizer(text).input_ids)
        return self._texts[prompt, images]

    def _added(self, size: Size) -> tuple[int, int | None]:
        """`_beside` of one image."""
        if size not in self._kinds:
            self._kinds[size] = _kind(self._collate.processor, size)
        kind = self._kinds[size]
        if kind not in self._images:
            self._images[kind] = self._beside([size])
        return self._images[kind]

    def _gap(self, images: int) -> int:
        """Tokens that so many images take beyond those of each: what stands between two may merge."""
        if images not in self._gaps:
            self._gaps[images] = self._beside([_SIZES[0]] * images)[0] - images * self._added(_SIZES[0])[0]
        return self._gaps[images]

    def _beside(self, sizes: Sequence[Size]) -> tuple[int, int | None]:
        """How many tokens the processor adds to those of a text for its images, and which one behind the text."""
        inputs = self._collate.prompt(_PROMPT, [Image.new("RGB", size, "grey") for size in sizes])
        row = (inputs["input_ids"] if "input_ids" in inputs else inputs["decoder_input_ids"])[0].tolist()
        ids = self._text(_PROMPT, len(sizes))
        return len(row) - len(ids), None if row[-1] == ids[-1] else row[-1]


def _kind(processor: Any, size: Size) -> tuple[int, ...]:
    """Equal for images that take equally many tokens: their number, and rows and columns of tiles where there are."""
    tiles = getattr(processor.image_processor, "get_number_of_image_patches", None)
    cut = tiles(size[1], size[0]) if tiles is not None else ()
    return (*tokens_of(processor, [size]), *(map(int, cut) if isinstance(cut, list | tuple) else ()))


def _shown(tokenizer: Any, pairs: Iterable[tuple[int, bool]]) -> Iterable[Token]:
    before: int | None = None
    for (number, learnt), run in groupby(pairs):
        times = len(list(run))
        text = _piece(tokenizer, before, number)
        if times >= _FOLDED and number in tokenizer.added_tokens_decoder:
            yield Token(f"[{times} × {text.strip()}]", learnt)
        else:
            yield from [Token(text, learnt)] * times
        before = number


def _piece(tokenizer: Any, before: int | None, number: int) -> str:
    """A token's text as it reads behind the token before it, spaces included."""
    alone = str(tokenizer.decode([number]))
    if before is None:
        return alone
    first, both = str(tokenizer.decode([before])), str(tokenizer.decode([before, number]))
    return both.removeprefix(first) if both.startswith(first) else alone
