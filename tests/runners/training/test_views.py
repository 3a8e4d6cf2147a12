"""A model that learns from several images of a study is shown them all, in training as when it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console

from runners.config import RunConfig
from runners.training.collate import NOTHING, Collator
from runners.training.config import TrainConfig
from runners.training.data import Sample, read_material
from runners.training.linter import lint
from runners.training.loop import train
from runners.training.masks import count_truncated
from runners.training.survival import TrainingStopped
from tasks.nouns import InputError
from tests.runners.asking import load, pictures
from tests.runners.test_views import SEVERAL, TWO
from tests.runners.training.samples import ANSWERS, held_tokens, sample
from tests.runners.training.test_collate import hand_loss, learn
from tests.runners.training.test_masks import SIZES
from tests.runners.training.tiny_training import score

Build = Callable[[str], Path]


def study(one: Sample, *views: Image.Image) -> Sample:
    """The sample with further images."""
    further = [sample("", image=view).example.image for view in views]
    return replace(one, example=replace(one.example, views=tuple(further)))


def mixed() -> list[Sample]:
    """Three samples of two, one and three images."""
    first = pictures()
    return [
        study(sample(ANSWERS[0]), first[3]),
        sample(ANSWERS[1], prompt="What is seen here, in one line?", image=first[3], image_id="image_2"),
        study(sample("a mass", image=first[2], image_id="image_3"), first[0], first[1]),
    ]


@pytest.mark.parametrize("family", SEVERAL)
def test_the_loss_of_a_mixed_batch_is_that_of_its_studies(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    collate = Collator(model, max_tokens=1024)
    with torch.no_grad():
        loss = float(model.network(**collate(mixed())).loss)
    alone = [collate([one]) for one in mixed()]
    counts = [int((row["labels"] != NOTHING).sum()) for row in alone]
    weighted = sum(hand_loss(model, row) * n for row, n in zip(alone, counts, strict=True)) / sum(counts)
    assert loss == pytest.approx(weighted, abs=2e-4)
    blind = collate([replace(one, example=replace(one.example, views=())) for one in mixed()])
    assert hand_loss(model, blind) != pytest.approx(weighted, abs=2e-4), "the views are not seen"


@pytest.mark.parametrize("family", SEVERAL)
def test_the_model_is_asked_about_several_images_as_at_inference(family: str, tiny: Build) -> None:
    model = load(tiny(family), data=TWO)
    first = pictures()
    for one, shown in zip(mixed(), ([first[0], first[3]], [first[3]], [first[2], first[0], first[1]]), strict=True):
        [(_, asked)] = model.prepare(shown[:1], [one.prompt], [shown[1:]]).parts
        learnt = Collator(model, max_tokens=1024)([one])
        for key in asked.keys() - {"labels"}:
            given = learnt[key]
            assert torch.equal(given[:, : asked[key].shape[1]] if given.ndim == 2 else given, asked[key]), key


@pytest.mark.parametrize("family", SEVERAL)
def test_the_count_of_tokens_is_that_of_the_batches(family: str, tiny: Build) -> None:
    """For studies of one to three images of many sizes, no image of which is opened."""
    model = load(tiny(family), data=TWO)
    images = [Image.new("RGB", size, "grey") for size in SIZES]
    samples = [
        study(sample("no mass " * n, image=image, image_id=str(n)), *images[n + 1 : n + 1 + n % 3])
        for n, image in enumerate(images)
    ]
    batches = [Collator(model, max_tokens=10_000)([one]) for one in samples]
    lengths = [held_tokens(batch) + int((batch["labels"] != NOTHING).sum()) for batch in batches]
    assert count_truncated(samples, model, max_tokens=10_000).longest == max(lengths)
    for number, one in enumerate(samples):
        assert count_truncated([one], model, max_tokens=10_000).longest == lengths[number]


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "smolvlm", "internvl", "gemma3"])
def test_what_the_second_image_decides_is_learnt_and_written(family: str, tiny: Build) -> None:
    """Two studies with the same first image and other reports, the second without a further view: each gets its own."""
    model = load(tiny(family), data=TWO, generation={"max_new_tokens": 30})
    first, second = pictures()[0], pictures()[3]
    learn(model, Collator(model, max_tokens=1024)([study(sample(ANSWERS[0]), second), sample(ANSWERS[1])]))
    prepared = model.prepare([first, first], ["Describe."] * 2, [[second], []])
    assert model.generate(prepared) == list(ANSWERS)


def annotated(folder: Path, studies: Sequence[tuple[str, Sequence[int]]]) -> Path:
    """Data in the form of R2Gen, whose images are of one grey each: reports with the levels of their images."""
    (folder / "images").mkdir(parents=True)
    content: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for number, (report, levels) in enumerate(studies):
        names = []
        for level in levels:
            names.append(f"{level}.png")
            Image.new("L", (32, 32), level).save(folder / "images" / names[-1])
        split = "val" if number == len(studies) - 1 else "train"
        entry = {"id": f"study_{number}", "subject_id": number, "report": report, "image_path": names}
        content[split].append(entry)
    (folder / "annotation.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


STUDIES = [("The heart is enlarged.", [10, 20]), ("No effusion.", [10, 240]), ("A large mass.", [200, 100])]


def training(data: Path, base: Path, views: int) -> TrainConfig:
    """A full training of a tiny LLaVA."""
    return TrainConfig.model_validate(
        {
            "task": "report_generation",
            "data": {"path": str(data), "views": views},
            "model": {"name": str(base)},
            "prompt": {"text": "Report."},
            "stages": [{"name": "all", "train": ["vision", "projector", "language"], "how": "full"}],
            "optimization": {"learning_rate": 2e-3, "batch_size": 2},
            "generation": {"max_new_tokens": 30},
        }
    )


def test_two_studies_that_differ_in_their_second_image_are_learnt_by_heart(tiny: Build, tmp_path: Path) -> None:
    """By the trainer itself, whose evaluation answers as a run does; with one image they cannot be told apart."""
    data = annotated(tmp_path / "data", STUDIES)
    heart: dict[str, Any] = {"score": score, "console": Console(quiet=True), "overfit": 2}
    folder = train(training(data, tiny("llava"), 2), "two", tmp_path / "two", **heart)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["config"]["data.views"] == 2
    with pytest.raises(TrainingStopped, match=r"reproduced [01] of 2 answers"):
        train(training(data, tiny("llava"), 1), "one", tmp_path / "one", **heart)


def test_a_view_that_cannot_be_read_is_told_before_the_training(tiny: Build, tmp_path: Path) -> None:
    data = annotated(tmp_path / "data", STUDIES)
    (data / "images" / "240.png").unlink()
    found = read_material(training(data, tiny("llava"), 1)).audit["train"]
    assert found["with_views"] == 0 and found["with_context"] == 0, "a patient's number tells nothing of the patient"
    with pytest.raises(InputError, match=r"1 of 6 images cannot be read.*study_1"):
        read_material(training(data, tiny("llava"), 2))


def test_a_run_that_shows_another_number_of_images_is_told(tiny: Build, tmp_path: Path) -> None:
    trained = training(annotated(tmp_path / "data", STUDIES), tiny("llava"), 2)
    keys: dict[str, Any] = {"task": "reports", "model": {"name": str(tiny("llava"))}, "prompt": {"text": "Report."}}
    keys["adapters"] = [{"path": "adapter"}]
    runs = [RunConfig.model_validate({**keys, "data": {"path": "x", "views": views}}) for views in (1, 2)]
    [said] = lint(trained, runs[0])
    assert said.startswith("data.views: the run has 1, the training had 2") and said.endswith("set it to 2")
    assert lint(trained, runs[1]) == []
