"""How much is cut is counted without opening an image, and what is learnt can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from runners.training.collate import NOTHING, Collator
from runners.training.masks import Truncation, count_truncated, explain
from tasks.nouns import InputError
from tests.runners.asking import load
from tests.runners.tiny import FAMILIES
from tests.runners.training.samples import ANSWERS, held_tokens, sample, two

Build = Callable[[str], Path]
SIZES = [(30, 30), (31, 31), (60, 30), (30, 60), (300, 90), (64, 64), (200, 100), (97, 411), (5, 3)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_count_is_that_of_the_batches(family: str, tiny: Build) -> None:
    """For images of many sizes and prompts and answers of many lengths: exactly what the collator makes of them."""
    model = load(tiny(family))
    samples = [
        sample(
            "q no mass " * (9 + n % 4),
            prompt="What is" + " seen" * (n % 3) if n % 5 else "",
            image=Image.new("RGB", size, "grey"),
            image_id=str(n),
        )
        for n, size in enumerate(SIZES)
    ]
    collate = Collator(model, max_tokens=10_000)
    lengths, answers = [], []
    for one in samples:
        batch = collate([one])
        answers.append(int((batch["labels"] != NOTHING).sum()))
        lengths.append(held_tokens(batch) + answers[-1])
    counted = count_truncated(samples, model, max_tokens=10_000)
    assert counted.answers == tuple(answers) and counted.longest == max(lengths) and counted.cut == ()
    held = max(length - answer for length, answer in zip(lengths, answers, strict=True))
    assert held < min(lengths), "else not every length can be a limit"
    for limit in {length - step for length in lengths for step in (0, 1)} - {held}:
        counted = count_truncated(samples, model, max_tokens=limit)
        assert counted.cut == tuple(str(n) for n, length in enumerate(lengths) if length > limit)
        assert counted.share == len(counted.cut) / len(samples)


def test_images_are_not_opened(tiny: Build) -> None:
    model = load(tiny("llava"))
    broken = [sample("a mass", image_id=str(n)) for n in range(3)]
    for one in broken:
        object.__setattr__(one.example, "image", Path("/nowhere"))
    assert count_truncated(broken, model, max_tokens=100).share == 0


def test_too_many_cut_answers_are_refused_with_their_ids(tiny: Build) -> None:
    model = load(tiny("llava"))
    samples = [sample("a mass " * (40 if n < 7 else 1), image_id=f"image_{n}") for n in range(10)]
    counted = count_truncated(samples, model, max_tokens=60)
    counted.demand(0.7)
    with pytest.raises(InputError, match=r"7 of 10 answers \(70.0%\).*image_0.*\.\.\.\).*max_tokens to \d+"):
        counted.demand(0.69)
    assert count_truncated(samples, model, max_tokens=counted.longest).cut == ()
    assert len(count_truncated(samples, model, max_tokens=counted.longest - 1).cut) == 7
    with pytest.raises(InputError, match="no room for an answer"):
        count_truncated(samples, model, max_tokens=10)


def test_what_is_enough_for_a_share_of_the_answers() -> None:
    counted = Truncation(limit=9, longest=200, answers=tuple(range(1, 101)), cut=())
    assert (counted.reaching(0.99), counted.reaching(1.0), counted.reaching(0.001)) == (99, 100, 1)
    assert Truncation(limit=9, longest=0, answers=(), cut=()).reaching(0.99) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_learnt_tokens_read_as_the_answer(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    collate = Collator(model, max_tokens=1024)
    for one, answer in zip(two(), ANSWERS, strict=True):
        tokens = explain(collate, one)
        learnt = "".join(token.text for token in tokens if token.learnt)
        end = model.processor.tokenizer.decode([collate.tokens.end])
        assert learnt.strip().removeprefix("<s>").removesuffix(end).strip() == answer
        rest = "".join(token.text for token in tokens if not token.learnt)
        assert answer not in rest
        assert one.prompt.partition(",")[0].rstrip(".").lower() in rest.lower()
        assert [token.learnt for token in tokens] == sorted(token.learnt for token in tokens), "the answer comes last"


def test_image_tokens_are_folded(tiny: Build) -> None:
    tokens = explain(Collator(load(tiny("qwen2_vl")), max_tokens=1024), two()[1])
    assert [token.text for token in tokens if "×" in token.text] == ["[15 × <|image_pad|>]"]
