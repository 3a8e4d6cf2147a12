"""Evaluation of a network in training: the run's own answers and scores, and nothing changed by looking."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import spawn

from runners.training.config import TrainConfig
from runners.training.data import Material, read_material, samples_of
from runners.training.evaluate import Evaluator, spread
from runners.training.inference import precision, unchanged
from runners.training.network import open_for_training
from tasks.journal import read_journal
from tasks.nouns import InputError, Task, Value
from tests.runners.training.looking import config_of, exact


@pytest.fixture(scope="module")
def material() -> Material:
    return read_material(config_of())


def test_the_end_scores_all_validation_images_against_raw_references(material: Material, tmp_path: Path) -> None:
    asked: list[Mapping[str, Value]] = []

    def score(predictions: Mapping[str, Value], references: Mapping[str, Value], *_: Any) -> dict[str, float]:
        asked.append(references)
        return {"f1": 0.5}

    few = replace(material, valid=material.valid[:5])
    config = config_of(evaluation={"images": 2})
    evaluator = Evaluator(open_for_training(config).model, few, config, score)
    evaluator.final(tmp_path)
    assert asked[-1] == {e.image_id: e.reference for e in few.valid}
    assert list(read_journal(tmp_path)) == [e.image_id for e in few.valid]
    evaluator.scores(images=2)
    assert list(asked[-1]) == [few.valid[0].image_id, few.valid[2].image_id]


def test_an_image_without_an_answer_counts_as_an_empty_one(material: Material) -> None:
    class Torn:
        def read_bytes(self) -> bytes:
            return b"no image"

    few = replace(material, valid=[replace(material.valid[0], image=Torn()), material.valid[1]])
    config = config_of()
    evaluator = Evaluator(open_for_training(config).model, few, config, exact)
    scores, values = evaluator.scores(images=None)
    assert (evaluator.failed, values[few.valid[0].image_id]) == (1, ())
    assert scores["exact"] <= 0.5


def test_answers_are_those_of_a_run(material: Material) -> None:
    """Whatever the training did to padding and mode."""
    config = config_of(generation={"max_new_tokens": 40})
    model = open_for_training(config).model
    evaluator = Evaluator(model, material, config, exact)
    model.network.train()
    model.processor.tokenizer.padding_side = "right"
    evaluator.scores(images=6)
    model.network.eval()
    model.processor.tokenizer.padding_side = "left"
    from tasks.images import open_image

    few = spread(material.valid, 6)
    prepared = model.prepare([open_image(e.image) for e in few], [samples_prompt(config, material)] * 6)
    assert [p.text for p in evaluator.predictions] == model.generate(prepared)


def samples_prompt(config: TrainConfig, material: Material) -> str:
    return samples_of(material, config, config.stages[0])[0].prompt


def test_nothing_is_changed_by_looking() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5), torch.nn.Linear(2, 2))
    network.train()
    network[2].eval()

    class Tokenizer:
        padding_side = "right"

    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draws()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    tokenizer = Tokenizer()
    with pytest.raises(ZeroDivisionError), unchanged(network, tokenizer):
        assert not any(module.training for module in network.modules())
        assert tokenizer.padding_side == "left"
        assert not network(torch.ones(1, 2)).requires_grad
        draws()
        raise ZeroDivisionError
    assert draws() == expected
    assert [module.training for module in network] == [True, True, False]
    assert network.training
    assert tokenizer.padding_side == "right"
    assert network(torch.ones(1, 2)).requires_grad


class Layer(torch.nn.Module):
    """A linear layer with a low-rank one in float32 beside it."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2, dtype=dtype)
        self.lora_A = torch.nn.Linear(2, 2)
        self.device, self.dtype = torch.device("cpu"), dtype


@pytest.mark.parametrize(
    ("held", "at_inference", "expected"),
    [
        (torch.float32, torch.bfloat16, torch.bfloat16),
        (torch.bfloat16, torch.bfloat16, torch.float32),
        (torch.float32, torch.float32, torch.float32),
        (torch.float32, None, torch.float32),
    ],
)
def test_weights_in_another_precision_compute_in_that_of_a_run(
    held: torch.dtype, at_inference: torch.dtype | None, expected: torch.dtype
) -> None:
    """And an adapter beside weights that have it already stays in float32, as in a run."""
    layer = Layer(held)
    with precision(layer, at_inference):
        assert layer.linear(torch.ones(1, 2, dtype=held)).dtype == (at_inference or held)
        assert layer.lora_A(torch.ones(1, 2)).dtype == expected


def test_a_metric_nobody_has_is_told_before_training(material: Material) -> None:
    config = config_of(evaluation={"metric": "cider"})
    with pytest.raises(InputError, match=r"cider.*use one of f1, exact"):
        Evaluator(open_for_training(config).model, material, config, exact)


def test_a_prompt_that_validation_images_cannot_fill_in_is_told_before_training(material: Material) -> None:
    stages = [{"name": "late", "train": ["language"], "prompt": {"text": "Age {{ context.age }}: what is it?"}}]
    with pytest.raises(InputError, match="context"):
        Evaluator(open_for_training(config_of()).model, material, config_of(stages=stages), exact)


def test_validation_without_references_is_told_before_training(material: Material) -> None:
    bare = replace(material, valid=[replace(e, reference=None) for e in material.valid])
    with pytest.raises(InputError, match=r"data\.hold_out"):
        Evaluator(open_for_training(config_of()).model, bare, config_of(), exact)


@pytest.mark.parametrize(
    ("task", "prompt", "metric"),
    [
        ("concept_detection", "concepts", "f1"),
        ("caption_prediction", "caption", "rouge1"),
        ("report_generation", "report", "rougeL"),
    ],
)
def test_the_real_evaluation_gives_the_scores_and_the_first_one_chooses(task: str, prompt: str, metric: str) -> None:
    from evaluation.inputs.references import References
    from evaluation.score import score_predictions
    from tasks.editions import load_edition

    def official(
        predictions: Mapping[str, Value], references: Mapping[str, Value], task: Task, year: int
    ) -> dict[str, float]:
        edition = load_edition(year, task)
        found = score_predictions(predictions, References(references), task=task, edition=edition, resamples=1)
        return {name: score.value for name, score in found.scores.items()}

    config = config_of(task=task, prompt={"name": prompt}, data={"path": "sample", "limit": 2})
    evaluator = Evaluator(open_for_training(config).model, read_material(config), config, official)
    assert evaluator.metric == metric
    scores, values = evaluator.scores(images=4)
    assert 0 <= scores[metric] <= 1
    assert len(values) == 4
    assert scores.keys() == set(evaluator.names)


def test_the_subset_is_spread_over_the_split() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(3), 8) == spread(range(3), None) == [0, 1, 2]


def _share(rank: int, folder: str, config: TrainConfig) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    evaluator = Evaluator(open_for_training(config).model, read_material(config), config, exact)
    scores, _ = evaluator.scores(images=5)
    Path(folder, f"{rank}.json").write_text(json.dumps([scores, [p.text for p in evaluator.predictions]]), "utf-8")
    torch.distributed.destroy_process_group()


def test_two_processes_share_the_images_and_find_what_one_finds(material: Material, tmp_path: Path) -> None:
    config = config_of()
    evaluator = Evaluator(open_for_training(config).model, material, config, exact)
    scores, _ = evaluator.scores(images=5)
    spawn(_share, (str(tmp_path), config), nprocs=2)  # type: ignore[no-untyped-call]
    expected = [scores, [p.text for p in evaluator.predictions]]
    assert [json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)] == [expected, expected]
