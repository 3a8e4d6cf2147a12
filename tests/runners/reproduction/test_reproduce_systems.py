"""Runs of systems, again: neighbours, a ridge, an ensemble with its members, from folders and from archives."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from runners.experiments import load_experiment, plan_of
from runners.run import execute
from tasks.nouns import InputError
from tests.runners.embedding.making import make_tower
from tests.runners.reproduction.runs import again, frozen, told, verdicts
from tests.runners.standin import record
from tests.runners.systems.small import SIZES, make_data, write_config

KNN: dict[str, Any] = {"retrieval": {"k": 5}}
RIDGE: dict[str, Any] = {"ridge": {"gamma": 2.0, "alpha": 1e-05}}


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tower("vit", tmp_path_factory.mktemp("tower"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # embeddings/ is made where one works
    return make_data(tmp_path / "colours")


def run(config: Path) -> Path:
    return execute(plan_of(load_experiment(config)), Path("runs/concept_detection") / config.stem, Console(quiet=True))


def run_ensemble(data: Path, tower: Path) -> Path:
    here = Path("configs")
    here.mkdir()
    for name, method in (("knn", KNN), ("ridge", RIDGE)):
        write_config(here / f"{name}.yaml", data, tower, **method)
    members = [{"config": "knn.yaml"}, {"name": "ours", "config": "ridge.yaml", "weight": 2.0}]
    return run(write_config(here / "both.yaml", data, None, ensemble={"members": members}))


@pytest.mark.parametrize("method", [KNN, RIDGE])
def test_a_system_answers_the_same_bytes(data: Path, tower: Path, method: dict[str, Any]) -> None:
    folder = run(write_config(Path("c.yaml"), data, tower, **method))
    frozen(folder, Path("c.zip"))
    for original in (folder, Path("c.zip")):
        done = again(original, "--out", f"out-{original.suffix}")
        assert done.exception is None
        assert told(done.return_value)["predictions"]["equal"] == SIZES["test"]
        assert (done.return_value / "decision.json").read_bytes() == (folder / "decision.json").read_bytes()
        assert verdicts(done.return_value)["embeddings"] == "unknown"
        assert "not known to be: embeddings" in done.output, "the encoder may not have run at all"


def test_other_answers_learned_from_are_another_run(data: Path, tower: Path) -> None:
    folder = run(write_config(Path("c.yaml"), data, tower, **KNN))
    path = data / "concepts.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("train_0,", "train_0,C0000003;"), encoding="utf-8")
    done = again(folder)
    assert isinstance(done.exception, InputError) and "learned from" in str(done.exception)


def test_an_ensembles_members_are_run_again_too(data: Path, tower: Path) -> None:
    folder = run_ensemble(data, tower)
    before = {str(path): path.read_bytes() for path in folder.parent.rglob("*.jsonl")}
    done = again(folder)
    assert done.exception is None
    made = done.return_value
    assert made == Path.cwd() / "runs/concept_detection/both-reproduced/both"
    assert told(made)["predictions"]["equal"] == SIZES["test"]
    assert {str(path): path.read_bytes() for path in folder.parent.glob("*/*.jsonl")} == before
    members = {path.name for path in made.parent.iterdir() if path != made}
    assert members == {path.name for path in folder.parent.glob("*-*")} - {"both-reproduced"} and len(members) == 2
    assert record(made)["system"]["members"] == record(folder)["system"]["members"]


def test_a_frozen_ensemble_needs_no_run_of_its_members(data: Path, tower: Path) -> None:
    folder = run_ensemble(data, tower)
    assert frozen(folder, Path("e.zip")).exception is None
    shutil.rmtree("runs")
    shutil.rmtree("configs")
    data.rename("theirs")
    done = again(Path("e.zip"), "--data", "theirs")
    assert done.exception is None and told(done.return_value)["predictions"]["equal"] == SIZES["test"]
    assert YAML(typ="safe").load(done.return_value / "members" / "ours.yaml")["ridge"]["alpha"] == 1e-05


def test_the_archive_names_the_encoders_of_members(data: Path, tower: Path) -> None:
    frozen(run_ensemble(data, tower), Path("e.zip"))
    with zipfile.ZipFile("e.zip") as archive:
        text = archive.read("both/README.md").decode("utf-8")
    assert text.count(f"- the encoder `{tower}` of members") == 1


def test_an_ensemble_without_the_runs_of_its_members_is_refused(data: Path, tower: Path) -> None:
    folder = run_ensemble(data, tower)
    for path in folder.parent.glob("ours-*"):
        shutil.rmtree(path)
    for done in (again(folder), frozen(folder, Path("e.zip"))):
        assert isinstance(done.exception, InputError) and "member ours was run in" in str(done.exception)


def test_an_ensemble_of_files_is_reproduced_from_them(data: Path, tower: Path) -> None:
    knn = run(write_config(Path("knn.yaml"), data, tower, **KNN))
    ridge = run(write_config(Path("ridge.yaml"), data, tower, **RIDGE))
    members = [{"tune": str(path), "asked": str(path)} for path in (knn, ridge)]
    folder = run(write_config(Path("both.yaml"), data, None, ensemble={"members": members}))
    done = again(folder)
    assert done.exception is None and told(done.return_value)["predictions"]["equal"] == SIZES["test"]
    assert done.return_value.name == "both-reproduced"
    (knn / "submission.csv").write_text("ID,CUIs\n", encoding="utf-8")
    assert "  members: " in str(again(folder).exception)
