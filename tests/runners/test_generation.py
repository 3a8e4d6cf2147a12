"""Arguments of `generate`: each has its effect, contradictions are refused, and only the answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from runners.checkpoints import locate
from runners.config import Generation, RunConfig
from runners.models import Prepared, load_model
from runners.models.generation import Generator, cut_off
from runners.models.vision_language import VisionLanguageModel
from tasks.nouns import InputError

Build = Callable[[str], Path]
FAMILIES = ["blip", "llava", "qwen2_vl", "qwen2_5_vl"]
PROMPTS = ["Describe.", "A chest x-ray of", "What is seen here, in one line?", "Describe."]


def opened(base: Path) -> VisionLanguageModel:
    config = RunConfig.model_validate(
        {"task": "captions", "data": {"path": "nowhere"}, "model": {"name": str(base)}, "prompt": {"text": "Describe."}}
    )
    model = load_model(config, locate(str(base)), [])
    assert isinstance(model, VisionLanguageModel)
    return model


def generator(model: VisionLanguageModel, **asked: Any) -> Generator:
    return Generator.of(
        network=model.network,
        tokenizer=model.processor.tokenizer,
        family=model.family,
        asked=Generation.model_validate({"max_new_tokens": 12, **asked}),
    )


def batch(model: VisionLanguageModel, rows: int = 4) -> Prepared:
    ramp = Image.linear_gradient("L")
    images = [ramp.rotate(90 * n).resize((40 + 30 * n, 30)).convert("RGB") for n in range(rows)]
    return model.prepare(images, PROMPTS[:rows])


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_answer_comes_back(family: str, tiny: Build) -> None:
    model = opened(tiny(family))
    [(_, inputs)] = batch(model, 1).parts
    made = generator(model, max_new_tokens=4)
    with torch.inference_mode():
        whole = model.network.generate(**inputs)[0]
    assert made.answer(batch(model, 1)) == [
        model.processor.tokenizer.decode(whole[-4:], skip_special_tokens=True).strip()
    ]


def readable(texts: list[str]) -> tuple[int, str]:
    """A row, and two letters of its answer that are whole characters; random weights write broken ones too."""
    pairs = ((row, text[n : n + 2]) for row, text in enumerate(texts) for n in range(1, len(text) - 1))
    return next((row, pair) for row, pair in pairs if "\ufffd" not in pair and pair.split() == [pair])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("beams", [1, 3])
def test_a_stop_string_ends_an_answer_and_is_cut_off(family: str, beams: int, tiny: Build) -> None:
    model = opened(tiny(family))
    free = generator(model).answer(batch(model))
    row, stop = readable(free)
    held = generator(model, stop_strings=[stop], num_beams=beams).answer(batch(model))
    assert not any(stop in text for text in held)
    if beams == 1:
        assert held[row] == free[row][: free[row].index(stop)].strip()


def test_a_stop_string_that_cannot_be_written_is_refused(tiny: Build) -> None:
    with pytest.raises(InputError, match=r"generation\.stop_strings: this model's tokenizer never writes"):
        generator(opened(tiny("blip")), stop_strings=["\n\n"])


def test_rows_stop_each_at_its_own_place(tiny: Build) -> None:
    model = opened(tiny("llava"))
    free = generator(model).answer(batch(model))
    stops = [text[3] for text in free if len(text) > 3 and text[3] != "\ufffd" and text[3].strip()]
    assert stops
    together = generator(model, stop_strings=stops).answer(batch(model))
    assert together == [cut_off(text, stops).strip() for text in free]


def test_the_first_of_several_stops_counts() -> None:
    assert cut_off("a nodule. User: b", [" User:", "."]) == "a nodule"
    assert cut_off("a nodule", ["\n"]) == "a nodule" == cut_off("a nodule", [])


def test_arguments_reach_every_network_and_run_json(tiny: Build) -> None:
    model = opened(tiny("blip"))
    asked: dict[str, Any] = {
        "num_beams": 3,
        "early_stopping": True,
        "length_penalty": 2.0,
        "no_repeat_ngram_size": 3,
        "repetition_penalty": 1.2,
    }
    facts = generator(model, **asked, stop_strings=["effusion"]).facts
    assert facts["stop_strings"] == ["effusion"]
    assert {key: facts[key] for key in asked} == asked
    for network in (model.network, model.network.text_decoder):
        assert all(getattr(network.generation_config, key) == value for key, value in asked.items())


def test_no_n_gram_is_repeated(tiny: Build) -> None:
    model = opened(tiny("qwen2_vl"))

    def repeated(**asked: Any) -> bool:
        made = generator(model, max_new_tokens=40, **asked)
        [(_, inputs)] = batch(model).parts
        return any(
            len({tuple(row[n : n + 2]) for n in range(len(row) - 1)}) < len(row) - 1
            for row in made._generate(inputs).tolist()
        )

    assert repeated() and not repeated(no_repeat_ngram_size=2)


def test_what_sampling_draws_from_stands_in_the_facts(tiny: Build) -> None:
    model = opened(tiny("llava"))
    assert "top_k" not in generator(model).facts
    made = generator(model, do_sample=True, temperature=2.0)
    assert made.facts["top_k"] == 50 == model.network.generation_config.top_k
    first = made.answer(batch(model), seed=7)
    assert made.answer(batch(model), seed=7) == first != made.answer(batch(model), seed=8)


@pytest.mark.parametrize("family", FAMILIES)
def test_at_full_length_nothing_ends_an_answer(family: str, tiny: Build) -> None:
    model = opened(tiny(family))
    row, stop = readable(generator(model, max_new_tokens=9).answer(batch(model)))
    made = generator(model, max_new_tokens=9, stop_strings=[stop])
    _, inputs = next(part for part in batch(model).parts if row in part[0])

    def lengths() -> list[int]:
        padding = model.processor.tokenizer.pad_token_id
        return [sum(token != padding for token in tokens) for tokens in made._generate(inputs).tolist()]

    before = lengths()
    with made.full_length():
        assert set(lengths()) == {9} != set(before)
    assert lengths() == before
    assert not model.network.generation_config.min_new_tokens


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ({"json_schema": "report", "no_repeat_ngram_size": 3}, "no_repeat_ngram_size"),
        ({"json_schema": "report", "stop_strings": ["}"]}, "stop_strings"),
        ({"json_schema": "report", "do_sample": True, "num_beams": 2}, "do_sample"),
        ({"stop_strings": [""]}, "stop_strings"),
    ],
)
def test_contradictions_are_refused(asked: dict[str, Any], key: str, tiny: Build) -> None:
    with pytest.raises(InputError, match=rf"generation\.{key}"):
        generator(opened(tiny("llava")), **asked)
