"""A system's run over a fold of a data set, learned from the others, and its score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluation.inputs.runs import references_of_run
from runners.experiments import load_experiment, plan_of
from runners.run import execute
from runners.systems.plan import SystemPlan
from tasks.datasets import open_dataset
from tasks.nouns import InputError, Task
from tests.runners.embedding.making import make_tower
from tests.runners.systems.small import SIZES, answers, make_data, write_config


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    data = make_data(folder / "colours")
    return write_config(folder / "knn.yaml", data, make_tower("vit", folder / "tower"), retrieval={"k": 5})


def planned(config: Path, **keys: Any) -> SystemPlan:
    plan = plan_of(load_experiment(config, [f"{key.replace('_', '.')}={value}" for key, value in keys.items()]))
    assert isinstance(plan, SystemPlan)
    return plan


def test_a_fold_is_answered_from_the_others_and_scored(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = planned(config, data_split="fold-2-of-4", learn_split="except-fold-2-of-4", learn_tune="fold-2-of-4")
    assert len(plan.examples) + len(plan.learn.examples) == sum(SIZES.values())
    assert set(plan.asked_groups.values()).isdisjoint(plan.learn.groups.values())
    folder = execute(plan, tmp_path / "run", Console(quiet=True))
    dataset = open_dataset(plan.config.data.path)
    fold = {e.image_id: e.reference for e in dataset.examples(Task.CONCEPTS, "fold-2-of-4")}
    assert list(answers(folder)) == list(fold)
    assert sum(answers(folder)[i] == fold[i] for i in fold) > 0.7 * len(fold)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (record["data"]["split"], record["system"]["learned from"]["split"]) == ("fold-2-of-4", "except-fold-2-of-4")
    assert (folder / "probabilities.fold-2-of-4.npz").is_file()
    gold = references_of_run(folder)
    assert gold is not None
    assert gold.values == fold


def test_the_split_a_fold_was_made_of_is_not_held_back(config: Path) -> None:
    with pytest.raises(InputError, match=r"learn\.tune: .* are in the split that is learned from"):
        planned(config, data_split="fold-2-of-4", learn_split="except-fold-2-of-4")
