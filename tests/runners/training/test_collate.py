"""What a model learns from is what it sees when it is asked, the answer after it, and nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from runners.models.vision_language import VisionLanguageModel, is_encoder_decoder
from runners.training.collate import NOTHING, Collator
from tasks.nouns import Example, InputError
from tests.runners.asking import load, pictures
from tests.runners.tiny import FAMILIES
from tests.runners.training.samples import ANSWERS, held_tokens, sample, two

Build = Callable[[str], Path]


def collator(model: VisionLanguageModel, max_tokens: int = 1024) -> Collator:
    return Collator(model, max_tokens=max_tokens)


def hand_loss(model: VisionLanguageModel, batch: Mapping[str, Tensor]) -> float:
    """Mean negative log-likelihood of the answers' tokens, each predicted from those before it."""
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    with torch.no_grad():
        logits = model.network(**inputs).logits
    total, count = 0.0, 0
    for row, labels in enumerate(batch["labels"]):
        for place, label in enumerate(labels.tolist()):
            if label != NOTHING:
                seen = logits[row, place if is_encoder_decoder(model.network) else place - 1]
                total -= float(log_softmax(seen.float(), dim=-1)[label])
                count += 1
    return total / count


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_that_of_the_answers_alone(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    collate = collator(model)
    batch = collate(two())
    with torch.no_grad():
        loss = float(model.network(**batch).loss)
    assert loss == pytest.approx(hand_loss(model, batch), abs=2e-4)
    # Padding changes nothing: row by row, weighted by the number of learnt tokens, it is the same.
    alone = [collate([one]) for one in two()]
    counts = [int((row["labels"] != NOTHING).sum()) for row in alone]
    weighted = sum(hand_loss(model, row) * n for row, n in zip(alone, counts, strict=True)) / sum(counts)
    assert loss == pytest.approx(weighted, abs=2e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_labels_are_the_answer_and_its_end(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    tokenizer = model.processor.tokenizer
    batch = collator(model)(two())
    shared = batch["decoder_input_ids" if "decoder_input_ids" in batch else "input_ids"]
    assert batch["labels"].shape == shared.shape
    for answer, labels in zip(ANSWERS, batch["labels"], strict=True):
        learnt = labels[labels != NOTHING].tolist()
        assert tokenizer.decode(learnt, skip_special_tokens=True).strip() == answer
        ends = model.network.generation_config.eos_token_id
        assert learnt[-1] in ([ends] if isinstance(ends, int) else ends)
        places = (labels != NOTHING).nonzero().flatten().tolist()
        assert places == list(range(places[0], places[-1] + 1)), "one piece"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_is_asked_as_at_inference(family: str, tiny: Build) -> None:
    """Every input is bit by bit the one of `prepare`, up to the answer."""
    model = load(tiny(family))
    for one, picture in zip(two(), (pictures()[0], pictures()[3]), strict=True):
        [(_, asked)] = model.prepare([picture], [one.prompt]).parts
        learnt = collator(model)([one])
        for key in asked.keys() - {"labels", "decoder_attention_mask"}:
            value = asked[key]
            if family == "blip" and key in {"input_ids", "attention_mask"}:
                value = value[:, :-1].clone()  # as its generate() does
                if key == "input_ids":
                    value[:, 0] = model.network.config.text_config.bos_token_id
            given = learnt[key]
            assert torch.equal(given[:, : value.shape[1]] if value.ndim == 2 else given, value), key


@pytest.mark.parametrize("family", FAMILIES)
def test_images_of_a_batch_are_those_of_the_processor(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    images = [pictures()[0], pictures()[3]]
    [(_, asked)] = model.prepare(images, ["Describe.", "Describe."]).parts
    batch = collator(model)([sample("a mass", image=image) for image in images])
    for key in ("pixel_values", "image_grid_thw", "image_sizes", "pixel_attention_mask"):
        assert (key in batch) == (key in asked)
        if key in asked:
            assert torch.equal(batch[key], asked[key])


@pytest.mark.parametrize("family", FAMILIES)
def test_no_token_of_the_answer_is_seen_before_it_is_written(family: str, tiny: Build) -> None:
    """What is predicted for a token is the same whatever stands after it; PaliGemma's prompt sees itself whole."""
    model = load(tiny(family))
    logits = []
    for ending in ("mass", "fracture of the left"):
        batch = collator(model)([sample(f"no large {ending}")])
        first = int((batch["labels"][0] != NOTHING).nonzero()[0]) - (0 if is_encoder_decoder(model.network) else 1)
        with torch.no_grad():
            logits.append(model.network(**batch).logits[0, first : first + 2])
    assert torch.allclose(logits[0], logits[1], atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_learnt_by_heart_is_written(family: str, tiny: Build) -> None:
    """Generation repeats the one answer exactly: template, mask, shift and end agree with inference."""
    model = load(tiny(family), generation={"max_new_tokens": 30})
    learn(model, collator(model)([sample(ANSWERS[0])]))
    assert model.generate(model.prepare([pictures()[0]], ["Describe."])) == [ANSWERS[0]]


def learn(model: VisionLanguageModel, batch: Mapping[str, Tensor]) -> None:
    """Train all weights on one batch until its loss is next to nothing."""
    network: Any = model.network
    network.requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(150):
        loss = network(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if loss < 0.02:
            return
    raise AssertionError(f"the loss is still {loss:.3f}")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_collator_can_be_sent_to_another_process(family: str, tiny: Build) -> None:
    collate = collator(load(tiny(family)))
    sent = pickle.loads(pickle.dumps(collate))
    ours, theirs = collate(two()), sent(two())
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_generation_pads_as_before(tiny: Build) -> None:
    model = load(tiny("llava"))
    before = model.generate(model.prepare(pictures(), ["a", "b c", "d e f", "a", "b"]))
    first = collator(model)(two())
    assert model.processor.tokenizer.padding_side == "left"
    assert model.generate(model.prepare(pictures(), ["a", "b c", "d e f", "a", "b"])) == before
    again = collator(model)(two())
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert first["attention_mask"][1, 0] == 1 and first["input_ids"][1, 0] != model.processor.tokenizer.pad_token_id


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_too_long_loses_the_end_of_its_answer(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    long = [sample("no left mass " * 40)]
    whole = collator(model, 10_000)([sample(ANSWERS[1])])
    held = held_tokens(whole)
    collate = collator(model, held + 5)
    labels = collate(long)["labels"]
    kept = labels[labels != NOTHING].tolist()
    assert len(kept) == 5 and collate.tokens.end not in kept
    for key in ("pixel_values", "image_grid_thw"):
        if key in whole:
            assert torch.equal(collate(long)[key], whole[key])
    with pytest.raises(InputError, match=r"image_1.*no room for an answer"):
        collator(model, held)(long)


def test_positions_of_the_model_are_a_limit_too(tiny: Build) -> None:
    model = load(tiny("blip"))
    batch = collator(model)([sample("no left mass " * 80)])
    assert batch["input_ids"].shape[1] == model.network.config.text_config.max_position_embeddings
    assert torch.isfinite(model.network(**batch).loss)


def test_an_image_that_cannot_be_opened_is_named(tiny: Build, tmp_path: Path) -> None:
    from runners.training.data import Sample

    gone = Sample(Example("image_9", tmp_path / "gone.png", "train"), "Describe.", "a mass")
    with pytest.raises(InputError, match=r"image_9.*missing"):
        collator(load(tiny("llava")))([gone])
