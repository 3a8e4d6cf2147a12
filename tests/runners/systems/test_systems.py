"""Systems from a config to a submission: retrieval, classifier, ensemble, on images whose concepts can be seen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from runners.experiments import load_experiment, plan_of
from runners.run import execute
from runners.sharing import Place
from runners.systems.features import material_of
from runners.systems.plan import SystemPlan
from tasks.nouns import InputError
from tasks.probabilities import read_probabilities
from tests.runners.embedding.making import make_tower
from tests.runners.systems.small import SIZES, answers, id_of, make_data, truth, write_config

QUIET = Console(quiet=True)
KNN: dict[str, Any] = {"retrieval": {"k": 5}}
RIDGE: dict[str, Any] = {"ridge": {"gamma": 2.0, "alpha": 0.1}}
LABEL_KNN: dict[str, Any] = {"retrieval": {"k": 5, "space": "labels"}}
HEAD: dict[str, Any] = {"classifier": {"epochs": 8, "seeds": 1, "hidden": 16, "dropout": 0.0, "learning_rate": 0.02}}


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tower("vit", tmp_path_factory.mktemp("tower"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # embeddings/ is made where one works


def run(config: Path, *settings: str, folder: Path | None = None, console: Console = QUIET) -> Path:
    return execute(plan_of(load_experiment(config, settings)), folder or Path("runs") / config.stem, console)


def f1(folder: Path, data: Path, split: str = "test") -> float:
    found, true = answers(folder), truth(data, split)
    pairs = [(set(found[i]) - {""}, set(true[i])) for i in true]
    return sum(2 * len(a & b) / (len(a) + len(b)) for a, b in pairs) / len(pairs)


def record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(
    "method",
    [
        KNN,
        HEAD,
        RIDGE,
        LABEL_KNN,
        {**KNN, "whiten": 8},
        {**HEAD, "whiten": 8},
        {**RIDGE, "whiten": 999},
        {"classifier": {**HEAD["classifier"], "finetune": True}},
    ],
)
def test_a_system_finds_the_concepts(tmp_path: Path, data: Path, tower: Path, method: dict[str, Any]) -> None:
    folder = run(write_config(tmp_path / "c.yaml", data, tower, **method))
    assert f1(folder, data) > 0.9
    kept = record(folder)
    assert kept["finished"] and kept["check"]["accepted"] and kept["counts"]["ok"] == SIZES["test"]
    assert kept["decision"]["images"] == SIZES["valid"] and kept["decision"]["groups"] == SIZES["valid"] // 2
    low, high = kept["decision"]["expected"]
    assert low <= kept["decision"]["score_held_out"] <= high
    assert {"f1": kept["decision"]["score_held_out"]}["f1"] > 0.85
    asked, tuning = (read_probabilities(folder / f"probabilities.{split}.npz") for split in ("test", "valid"))
    assert asked.ids == tuple(id_of("test", n) for n in range(SIZES["test"])) and len(tuning) == SIZES["valid"]


def test_the_same_run_again_has_the_same_bytes(tmp_path: Path, data: Path, tower: Path) -> None:
    for number, method in enumerate((KNN, HEAD, RIDGE, LABEL_KNN)):
        config = write_config(tmp_path / "c.yaml", data, tower, **method)
        one, two = (run(config, folder=tmp_path / f"{n}{number}") for n in "ab")
        for name in ("submission.csv", "probabilities.test.npz", "decision.json"):
            assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_refit_learns_from_the_tuning_images_too_and_nothing_else_changes(
    tmp_path: Path, data: Path, tower: Path
) -> None:
    config = write_config(tmp_path / "c.yaml", data, tower, **KNN)
    both, one = run(config, folder=tmp_path / "both"), run(config, "learn.refit=false", folder=tmp_path / "one")
    for split, alike in (("valid", True), ("test", False)):
        name = f"probabilities.{split}.npz"
        assert ((both / name).read_bytes() == (one / name).read_bytes()) == alike
    with pytest.raises(InputError, match=r"retrieval\.k: 60 neighbours are asked of 48 images"):
        run(config, "retrieval.k=60", folder=tmp_path / "many")


def test_whitened_and_not_are_two_runs(tmp_path: Path, data: Path, tower: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data, tower, **RIDGE)
    run(config, folder=tmp_path / "one")
    with pytest.raises(InputError, match="whiten: "):
        run(config, "whiten=8", folder=tmp_path / "one")
    run(config, "whiten=8", folder=tmp_path / "two")
    one, two = (read_probabilities(tmp_path / name / "probabilities.test.npz").matrix for name in ("one", "two"))
    assert abs(one - two).max() > 0.01


def test_several_encoders_stand_side_by_side(tmp_path: Path, data: Path, tower: Path) -> None:
    encoders = [{"name": str(tower)}, {"name": str(tower), "views": "flip"}]
    config = write_config(tmp_path / "c.yaml", data, None, encoders=encoders, whiten=4, **RIDGE)
    plan = plan_of(load_experiment(config))
    assert isinstance(plan, SystemPlan)
    material = material_of(plan, QUIET)
    assert material.learn.vectors.shape == (SIZES["train"], 8) and material.learn.vectors.dtype == np.float16
    for side in (material.learn, material.tune, material.asked):
        halves = side.vectors.astype(np.float64).reshape(-1, 2, 4)
        assert np.linalg.norm(halves, axis=2) == pytest.approx(1, abs=2e-3)
    assert f1(run(config), data) > 0.9


def test_validation_answers_are_held_out(tmp_path: Path, data: Path, tower: Path) -> None:
    folder = run(write_config(tmp_path / "c.yaml", data, tower, **KNN), "data.split=valid")
    decision = record(folder)["decision"]
    assert f1(folder, data, "valid") == pytest.approx(decision["score_held_out"], abs=1e-9)
    assert decision["expected"] is None


@pytest.mark.parametrize("combine", ["mean", "greedy", "vote"])
def test_an_ensemble_runs_its_members_and_combines_them(tmp_path: Path, data: Path, tower: Path, combine: str) -> None:
    write_config(tmp_path / "knn.yaml", data, tower, **KNN)
    write_config(tmp_path / "head.yaml", data, tower, **HEAD)
    members = [{"config": "knn.yaml"}, {"config": "head.yaml"}]
    config = write_config(tmp_path / "both.yaml", data, None, ensemble={"members": members, "combine": combine})
    folder = run(config)
    assert f1(folder, data) > 0.9
    parts = sorted(path.name.rpartition("-")[0] for path in folder.parent.iterdir() if path != folder)
    assert parts == ["head", "knn"]
    assert set(record(folder)["decision"]["fitted"]["weights"]) == {"knn", "head"}
    before = (folder / "submission.csv").stat().st_mtime_ns
    assert run(config) == folder and (folder / "submission.csv").stat().st_mtime_ns == before
    valid = run(config, "data.split=valid", folder=folder.parent / "valid")
    assert f1(valid, data, "valid") == pytest.approx(record(valid)["decision"]["score_held_out"], abs=1e-9)


def test_members_may_be_files_of_anyones_answers(tmp_path: Path, data: Path, tower: Path) -> None:
    single = run(write_config(tmp_path / "knn.yaml", data, tower, **KNN))
    for split in ("valid", "test"):
        rows = [f"{i},{';'.join(cuis)}" for i, cuis in truth(data, split).items()]
        (tmp_path / f"{split}.csv").write_text("\n".join(["ID,CUIs", *rows]) + "\n", encoding="utf-8")
    perfect = {"name": "perfect", "tune": str(tmp_path / "valid.csv"), "asked": str(tmp_path / "test.csv")}
    ours = {"name": "ours", "tune": str(single), "asked": str(single)}
    config = write_config(
        tmp_path / "both.yaml", data, None, ensemble={"members": [perfect, ours], "combine": "greedy"}
    )
    folder = run(config)
    assert f1(folder, data) == 1.0
    (tmp_path / "valid.csv").unlink()
    with pytest.raises(InputError, match=r"ensemble\.members: perfect: there is no"):
        run(config)


@pytest.mark.parametrize("texts", ["nearest", "consensus"])
def test_captions_come_from_neighbours(tmp_path: Path, data: Path, tower: Path, texts: str) -> None:
    keys = {"task": "caption_prediction", "decision": None, "retrieval": {"k": 5, "texts": texts}}
    folder = run(write_config(tmp_path / "c.yaml", data, tower, **keys))
    found, true = answers(folder), truth(data, "test", "captions")
    same = [found[i][0].rpartition(" picture")[0] == true[i][0].rpartition(" picture")[0] for i in true]
    assert sum(same) / len(same) > 0.7


def test_an_image_that_cannot_be_read_is_a_failure(tmp_path: Path, tower: Path) -> None:
    data = make_data(tmp_path / "data")
    for split in ("train", "valid", "test"):
        (data / "images" / f"{id_of(split, 3)}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = run(write_config(tmp_path / "c.yaml", data, tower, max_failures=0.2, **KNN))
    kept = record(folder)
    assert [failure["image_id"] for failure in kept["failures"]] == [id_of("test", 3)]
    assert answers(folder)[id_of("test", 3)] == ("",) and kept["decision"]["images"] == SIZES["valid"] - 1


def test_what_cannot_work_is_refused(tmp_path: Path, data: Path, tower: Path) -> None:
    def refused(message: str, **keys: Any) -> None:
        with pytest.raises(InputError, match=message):
            run(write_config(tmp_path / "c.yaml", data, tower, **keys))

    refused("give one of retrieval, classifier, ridge, ensemble", **KNN, **HEAD)
    refused("encoders: name at least one", encoders=[], **KNN)
    refused("learn.tune must be another split", learn={"tune": "train"}, **KNN)
    refused("data.split: the system learns from train", data={"path": str(data), "split": "train"}, **KNN)
    refused("answers task 1 only", task="caption_prediction", **HEAD)
    refused("answers task 1 only", task="caption_prediction", **RIDGE)
    refused("space: labels compares concepts", task="caption_prediction", **LABEL_KNN)
    refused("no effect with classifier.finetune", whiten=8, classifier={"finetune": True})
    members = {"members": [{"config": "a.yaml"}, {"config": "b.yaml"}]}
    refused("encoders and whiten have no effect with ensemble", encoders=None, whiten=8, ensemble=members)
    refused("ridge.gamma", ridge={"gamma": 0})
    refused("no concept has 999 training images", ridge={"min_support": 999})
    refused("no effect outside task 1", task="caption_prediction", **KNN)
    same = {"learn": {"path": str(data)}, "data": {"path": str(data), "split": "train"}}
    refused("are in the split that is learned from", **same, **KNN)
    refused("unknown key; nearest valid key: 'k'", retrieval={"kk": 3})
    plan = plan_of(load_experiment(write_config(tmp_path / "c.yaml", data, tower, **KNN)))
    with pytest.raises(InputError, match="a system answers in one process"):
        execute(plan, tmp_path / "run", QUIET, Place(1, 2, 1))


def test_other_labels_are_another_run(tmp_path: Path, tower: Path) -> None:
    data = make_data(tmp_path / "data")
    config = write_config(tmp_path / "c.yaml", data, tower, **KNN)
    folder = run(config)
    table = data / "concepts.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("C0000001", "C0000004"), encoding="utf-8")
    with pytest.raises(InputError, match=r"learn: .* -> "):
        run(config, folder=folder)


def test_the_vocabulary_of_the_check_is_what_can_be_answered(tmp_path: Path, tower: Path) -> None:
    data = make_data(tmp_path / "data")
    (data / "cui_mapping.csv").write_text("CUI,Canonical name\nC0000001,red\n", encoding="utf-8")
    config = write_config(tmp_path / "c.yaml", data, tower, **KNN)
    assert record(run(config))["check"]["warnings"].get("cui-vocabulary") is None
    plan = plan_of(load_experiment(config))
    assert isinstance(plan, SystemPlan) and plan.known == frozenset({"C0000001", "C0000002", "C0000003"})


def test_kill_and_resume_give_the_same_bytes(tmp_path: Path, data: Path, tower: Path) -> None:
    config = write_config(tmp_path / "head.yaml", data, tower, classifier={"epochs": 150, "seeds": 2, "hidden": 64})
    whole = run(config, folder=tmp_path / "whole")
    words = [sys.executable, "-m", "imageclef", "run", str(config), "--out", "out", "--run", "killed"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1", "PATH": ""}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    folder = tmp_path / "out" / "concept_detection" / "killed"
    while process.poll() is None and not any(folder.glob("classifier/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "submission.csv").exists()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("submission.csv", "probabilities.test.npz"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
