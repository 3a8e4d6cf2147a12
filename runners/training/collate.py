"""Samples to tensors: what the model sees when it is asked, its answer after that, and the loss on the answer alone.

    collate = Collator(model, max_tokens=1024)
    batch = collate(samples)              # input_ids (N, T), pixel_values, ... as the model takes them, labels (N, T)
    model.network(**batch).loss           # the mean over the tokens of the answers, ends included

One way for all families. A row is what the processor gives for the images of a study, mostly one, and `model.ask` of
its prompt, as at inference; the tokens of the answer follow (tokens.py). Rows are padded on the right, without the
tokenizer, whose side of padding stays that of generation. Labels are -100 on images, prompt and padding.

A decoder is given labels in the place of the tokens and shifts them itself (BLIP too). A decoder beside an encoder
(T5, Florence-2, VisionEncoderDecoder) is given `decoder_input_ids`, and labels one step ahead of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from runners.models.processors import image_only, prompt_form
from runners.training.tokens import AnswerTokens, Asked
from tasks.images import ImageError, open_image
from tasks.nouns import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from runners.training.data import Sample

NOTHING = -100
"""Label of a token that is not learnt."""
_BESIDE = {"attention_mask": 1, "token_type_ids": 0, "mm_token_type_ids": 0}
"""Inputs with a number for each token -> the number of an answer's token."""
_SUFFIX = 1
"""PaliGemma's token type of what is written: it sees the whole prompt, and of itself only what stands before."""


class Collator:
    """Makes batches; opens the images itself, so that few are in memory, and can be pickled for other processes."""

    def __init__(self, model: Asked, *, max_tokens: int) -> None:
        self.processor = model.processor
        self.family = model.family
        self.ask = model.ask
        self.tokens = AnswerTokens.of(model, max_tokens=max_tokens)
        self.dtype: torch.dtype = model.network.dtype
        """Of the images, as at inference."""
        self._bos: int | None = getattr(model.network.config.get_text_config(decoder=True), "bos_token_id", None)

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """The batch of `samples`, N rows as long as the longest.

        InputError when an image cannot be opened, or images and prompt leave no room for an answer.
        """
        rows = [self.row(sample, _open(sample)) for sample in samples]
        return {key: _stacked([row[key] for row in rows], self._filler(key)) for key in rows[0]}

    def row(self, sample: Sample, images: Sequence[Image]) -> dict[str, Tensor]:
        """The batch of one sample, whose images are open."""
        inputs = self.prompt(sample.prompt, images)
        held = inputs["input_ids"].shape[1] if "input_ids" in inputs else inputs["decoder_input_ids"].shape[1]
        key = "input_ids" if self.tokens.start is None else "decoder_input_ids"
        before = inputs.pop(key, None)
        if before is None:
            before = torch.tensor([[self.tokens.start]])
        where = sample.example.image_id
        answer = self.tokens.written(sample.answer, after=int(before[0, -1]), where=where)
        answer = answer[: self.tokens.room(held, where=where)]
        written = torch.cat([before, torch.tensor([answer])], dim=1)
        labels = written.clone()
        labels[:, : before.shape[1]] = NOTHING
        if self.tokens.start is not None:
            fed = written[:, :-1]
            mask = torch.ones_like(fed)
            return {**inputs, "decoder_input_ids": fed, "decoder_attention_mask": mask, "labels": labels[:, 1:]}
        for name in inputs.keys() & _BESIDE.keys():
            inputs[name] = pad(inputs[name], (0, len(answer)), value=self._beside(name))
        return {**inputs, "input_ids": written, "labels": labels}

    def prompt(self, prompt: str, images: Sequence[Image]) -> dict[str, Tensor]:
        """What the model is given before it writes its first token: (1, T) tokens, and the images."""
        text = self.ask(prompt, len(images))
        try:
            made = self.processor(images=[list(images)], text=[text], padding=True, return_tensors="pt")
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise InputError(
                f"the processor does not take this prompt with an image: {error}\n  A prompt of your own holds the "
                "image token exactly once, or not at all"
            ) from error
        # PaliGemma's processor makes labels of its own; a decoder's mask is made with its tokens.
        inputs = {key: value for key, value in made.items() if key not in {"labels", "decoder_attention_mask"}}
        if self.family.model_type == "blip":
            # As its generate(): BOS over the first token, and without the last, which would end the text.
            for key in ("input_ids", "attention_mask"):
                inputs[key] = inputs[key][:, :-1].clone()
            inputs["input_ids"][:, 0] = self._bos
        return {key: value.to(self.dtype) if value.is_floating_point() else value for key, value in inputs.items()}

    def _beside(self, key: str) -> int:
        return _SUFFIX if (self.family.model_type, key) == ("paligemma", "token_type_ids") else _BESIDE[key]

    def _filler(self, key: str) -> int:
        """What stands for padding in an input."""
        if key == "labels":
            return NOTHING
        if key in {"input_ids", "decoder_input_ids"}:
            return int(self.processor.tokenizer.pad_token_id)
        return self._beside(key) if key == "token_type_ids" else 0

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self.processor)
        made_here = kind.__module__ == image_only.__module__
        parts = (kind.__base__ if made_here else kind, made_here, vars(self.processor))
        return {key: value for key, value in vars(self).items() if key not in {"processor", "ask"}} | {"parts": parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kind, made_here, inner = state.pop("parts")
        vars(self).update(state)
        self.processor = object.__new__(image_only(kind) if made_here else kind)
        vars(self.processor).update(inner)
        _, self.ask = prompt_form(self.processor, self.family)


def _open(sample: Sample) -> list[Image]:
    try:
        return [open_image(source) for source in sample.example.images]
    except ImageError as error:
        raise InputError(f"image {sample.example.image_id}: {error}: mend the file, or take the image out") from error


def _stacked(tensors: Sequence[Tensor], filler: int) -> Tensor:
    """One tensor along the first dimension; the others are filled up at their ends to the largest."""
    sizes = [max(tensor.shape[axis] for tensor in tensors) for axis in range(1, tensors[0].ndim)]

    def filled(tensor: Tensor) -> Tensor:
        missing = [size - have for size, have in zip(sizes, tensor.shape[1:], strict=True)]
        return pad(tensor, [side for gap in reversed(missing) for side in (0, gap)], value=filler)

    return torch.cat([filled(tensor) for tensor in tensors])
