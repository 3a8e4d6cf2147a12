"""An answer follows the prompt's own tokens, ends as generation does, and never grows beyond the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.models.vision_language import VisionLanguageModel
from runners.training.collate import NOTHING, Collator
from runners.training.tokens import AnswerTokens
from tasks.nouns import InputError
from tests.runners.asking import load
from tests.runners.training.samples import sample

Build = Callable[[str], Path]


def collator(model: VisionLanguageModel) -> Collator:
    return Collator(model, max_tokens=1024)


def test_an_answer_that_meets_a_word_begins_with_a_space(tiny: Build) -> None:
    """`ASSISTANT:` is continued by ` no`; a line that has ended is not."""
    for family, first in {"llava_15": "Ġno", "qwen2_vl": "no", "llava": "no", "vision-encoder-decoder": "Ġno"}.items():
        model = load(tiny(family))
        [labels] = collator(model)([sample("no mass")])["labels"]
        [token, *_] = model.processor.tokenizer.convert_ids_to_tokens(labels[labels != NOTHING].tolist())
        assert first.startswith(token), family


def test_tokens_of_the_answer_do_not_reach_into_the_prompt(tiny: Build) -> None:
    """`x-` and `ray` merge when they are tokenised together; the prompt's own tokens stand all the same."""
    model = load(tiny("vision-encoder-decoder"))
    tokenizer = model.processor.tokenizer
    prompt, answer = "a chest x-ra", "y shows a mass"
    asked = tokenizer(prompt).input_ids
    assert tokenizer(prompt + answer).input_ids[: len(asked)] != asked, "these two do not merge: choose others"
    batch = collator(model)([sample(answer, prompt=prompt)])
    assert batch["decoder_input_ids"][0, 1 : len(asked) + 1].tolist() == asked


def test_the_end_is_the_one_the_template_shows(tiny: Build) -> None:
    ends = {"llava": "<|eot_id|>", "gemma3": "<end_of_turn>", "qwen3_vl": "<|im_end|>", "llava_next": "</s>"}
    for family, end in ends.items():
        model = load(tiny(family))
        assert model.processor.tokenizer.convert_ids_to_tokens(collator(model).tokens.end) == end


def test_an_answer_beside_an_encoder_has_the_tokenizers_own_marks(tiny: Build) -> None:
    """As Florence-2 and T5 were trained: the one begins with BOS, the other does not."""
    for family, first in {"florence2": "<s>", "blip-2_t5": "n", "vision-encoder-decoder": "n"}.items():
        model = load(tiny(family))
        [labels] = collator(model)([sample("no mass", prompt="")])["labels"]
        [token, *_] = model.processor.tokenizer.convert_ids_to_tokens(labels[labels != NOTHING].tolist())
        assert token.startswith(first), family


def test_an_end_that_generation_does_not_know_is_refused(tiny: Build) -> None:
    model = load(tiny("paligemma"))
    model.network.generation_config.eos_token_id = None
    model.processor.tokenizer.eos_token = None
    with pytest.raises(InputError, match="eos_token_id"):
        collator(model)


def test_an_answer_with_a_special_token_is_refused(tiny: Build) -> None:
    with pytest.raises(InputError, match=r"image_1.*<image>"):
        collator(load(tiny("llava")))([sample("an <image> of the chest")])


def word_level() -> Any:
    """A tokenizer that puts its own mark before every text, as LLaMA's and T5's do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<s>", "</s>", "<unk>", "<image>", "\u2581a", "\u2581b", "\u2581no", "\u2581mass", "ANSWER:"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=["<image>"], **named)


def test_a_tokenizer_that_marks_words_gets_no_second_space(tiny: Build) -> None:
    model = load(tiny("llava_15"))
    model.processor.tokenizer = tokenizer = word_level()
    tokens = AnswerTokens.of(model, max_tokens=10)
    written = tokens.written("no mass", after=tokenizer.convert_tokens_to_ids("ANSWER:"), where="x")
    assert tokenizer.convert_ids_to_tokens(written) == ["\u2581no", "\u2581mass", "</s>"]
