"""What a system notices in what it is given: leaks, other members, labels and files that are not as they should be."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from evaluation.concepts.material import Material, read_material
from runners.experiments import load_experiment, plan_of
from runners.journal import Journal
from runners.run import execute
from tasks.nouns import InputError, Prediction
from tasks.probabilities import Probabilities, read_probabilities, write_probabilities
from tests.runners.embedding.making import make_tower
from tests.runners.systems.small import CONCEPTS, SIZES, answers, id_of, make_data, truth, write_config

QUIET = Console(quiet=True)
KNN: dict[str, Any] = {"retrieval": {"k": 5}}
RIDGE: dict[str, Any] = {"ridge": {"gamma": 2.0, "alpha": 0.1}}


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tower("vit", tmp_path_factory.mktemp("tower"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "colours")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # embeddings/ is made where one works


def run(config: Path, *settings: str, folder: Path | None = None, console: Console = QUIET) -> Path:
    return execute(plan_of(load_experiment(config, settings)), folder or Path("runs") / config.stem, console)


def write_concepts(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("ID", "CUIs"), *rows])
    return path


def of_files(tmp_path: Path, data: Path, tune: Path, asked: Path, **keys: Any) -> Path:
    """An ensemble of the run `knn` and of someone's files."""
    theirs = {"name": "theirs", "tune": str(tune), "asked": str(asked)}
    members = {"members": [{"config": "knn.yaml"}, theirs], **keys}
    return write_config(tmp_path / "both.yaml", data, None, ensemble=members)


def test_some_of_the_tuning_images_are_answered_as_all_of_them(tmp_path: Path, data: Path, tower: Path) -> None:
    table = data / "concepts.csv"  # labels that cannot be seen: who learned them would know them
    truths = {i: list(cuis) for split in SIZES for i, cuis in truth(data, split).items()}
    marked = [
        (i, ";".join([*cuis, f"C9{n:06d}"] if "_valid_" in i else cuis)) for n, (i, cuis) in enumerate(truths.items())
    ]
    write_concepts(table, marked)
    config = write_config(tmp_path / "c.yaml", data, tower, ridge={**RIDGE["ridge"], "min_support": 1})
    whole = run(config, "data.split=valid", folder=tmp_path / "whole")
    some = run(config, "data.split=valid", "data.limit=7", folder=tmp_path / "some")
    assert len(answers(some)) == 7 and answers(some).items() <= answers(whole).items()
    kept = [(folder / "probabilities.valid.npz").read_bytes() for folder in (whole, some)]
    assert kept[0] == kept[1]
    cuis = read_probabilities(some / "probabilities.valid.npz").cuis
    assert cuis and not any(cui.startswith("C9") for cui in cuis)
    unlabelled = [row for row in marked if row[0] != id_of("valid", 0)]
    write_concepts(table, unlabelled)
    (data / "captions.csv").unlink()
    assert len(answers(run(config, "data.split=valid", folder=tmp_path / "fewer"))) == SIZES["valid"] - 1


def test_images_of_which_some_are_tuned_on_are_refused(tmp_path: Path, data: Path, tower: Path) -> None:
    rows = [(i, ";".join(cuis)) for split in ("train", "valid") for i, cuis in truth(data, split).items()]
    labels = make_data(tmp_path / "labels")
    write_concepts(labels / "concepts.csv", [row for row in rows if row[0] != id_of("valid", 2)])
    config = write_config(tmp_path / "c.yaml", data, tower, learn={"path": str(labels)}, **KNN)
    with pytest.raises(InputError, match=rf"23 of 24 images are tuned on and others, such as {id_of('valid', 2)}"):
        run(config, "data.split=valid")


def test_weights_and_the_place_of_the_labels_make_another_run(tmp_path: Path, data: Path, tower: Path) -> None:
    for name, method in (("knn", KNN), ("ridge", RIDGE)):
        write_config(tmp_path / f"{name}.yaml", data, tower, **method)
    config = write_config(
        tmp_path / "both.yaml", data, None, ensemble={"members": [{"config": "knn.yaml"}, {"config": "ridge.yaml"}]}
    )
    folder = run(config)
    with pytest.raises(InputError, match=r"members: .* times 3"):
        run(config, "ensemble.members=[{config: knn.yaml, weight: 3}, {config: ridge.yaml}]", folder=folder)
    other = make_data(tmp_path / "other")
    with pytest.raises(InputError, match=r"learn\.path: \(none\) -> "):
        run(tmp_path / "knn.yaml", f"learn.path={other}", folder=run(tmp_path / "knn.yaml"))


def test_a_member_is_no_ensemble_and_has_a_name(tmp_path: Path, data: Path, tower: Path) -> None:
    write_config(tmp_path / "knn.yaml", data, tower, **KNN)
    members = [{"config": "knn.yaml"}, {"config": "both.yaml"}]
    config = write_config(tmp_path / "both.yaml", data, None, ensemble={"members": members})
    with pytest.raises(InputError, match=r"both\.yaml is an ensemble, .*: name its members"):
        run(config)
    for name in ("../knn", "..", "a\\b"):
        members = [{"config": "knn.yaml", "name": name}, {"config": "knn.yaml"}]
        with pytest.raises(InputError, match="name is that of one folder"):
            run(write_config(tmp_path / "both.yaml", data, None, ensemble={"members": members}))


def test_a_member_with_few_images_is_told_of(tmp_path: Path, data: Path, tower: Path) -> None:
    write_config(tmp_path / "knn.yaml", data, tower, **KNN)
    tune, asked = ([(i, ";".join(cuis)) for i, cuis in truth(data, split).items()] for split in ("valid", "test"))
    all_asked = write_concepts(tmp_path / "asked.csv", asked)
    console = Console(record=True, width=400)
    config = of_files(tmp_path, data, write_concepts(tmp_path / "tune.csv", [*tune[:9], *asked]), all_asked)
    kept = json.loads((run(config, console=console) / "run.json").read_text(encoding="utf-8"))
    assert "tuned on 9 of 24 images of valid alone: theirs lacks 15" in console.export_text()
    assert kept["decision"]["images"] == 9
    swapped = of_files(tmp_path, data, all_asked, all_asked)
    with pytest.raises(InputError, match=r"none in common \(knn 24, theirs 0\)"):
        run(swapped, folder=tmp_path / "swapped")
    words = write_concepts(tmp_path / "words.csv", [(i, "hello") for i, _ in tune])
    with pytest.raises(InputError, match=r"words\.csv: 'HELLO' is not a CUI"):
        run(of_files(tmp_path, data, words, all_asked), folder=tmp_path / "words")
    (tmp_path / "begun").mkdir()
    with pytest.raises(InputError, match="begun holds no answers yet"):
        run(of_files(tmp_path, data, tmp_path / "begun", all_asked), folder=tmp_path / "begun-too")


def test_a_member_runs_once(tmp_path: Path, data: Path, tower: Path) -> None:
    write_config(tmp_path / "knn.yaml", data, tower, **KNN)
    tune, asked = (
        write_concepts(tmp_path / f"{split}.csv", [(i, ";".join(cuis)) for i, cuis in truth(data, split).items()])
        for split in ("valid", "test")
    )
    console = Console(record=True, width=400)
    run(of_files(tmp_path, data, tune, asked), console=console)
    assert console.export_text().count("member knn: ") == 1


def test_labels_are_read_in_upper_case_and_without_blanks(tmp_path: Path, data: Path, tower: Path) -> None:
    config = write_config(tmp_path / "c.yaml", data, tower, **RIDGE)
    usual = run(config, folder=tmp_path / "usual")
    plain = {i: cuis for split in SIZES for i, cuis in truth(data, split).items()}
    write_concepts(data / "concepts.csv", [(i, " ; ".join(cuis).lower()) for i, cuis in plain.items()])
    assert answers(run(config, folder=tmp_path / "lower")) == answers(usual)
    write_concepts(data / "concepts.csv", [(i, "red") for i in plain])
    with pytest.raises(InputError, match=rf"image {id_of('train', 0)}: 'RED' is not a CUI"):
        run(config, folder=tmp_path / "words")


def test_what_cannot_work_is_refused_before_an_image_is_opened(tmp_path: Path, data: Path, tower: Path) -> None:
    def refused(message: str, **keys: Any) -> None:
        with pytest.raises(InputError, match=message):
            run(write_config(tmp_path / "c.yaml", data, tower, **keys))
        assert not Path("embeddings").exists()

    refused("12 groups of images cannot make 13 folds", decision={"folds": 13}, **KNN)
    tuned = {"classifier": {"finetune": True}}
    refused("one encoder can be trained", encoders=[{"name": str(tower)}, {"name": "sample"}], **tuned)
    refused("an ONNX file cannot be trained", encoders=[{"name": "a.onnx"}], **tuned)
    refused(r"retrieval\.texts has no effect in task 1", retrieval={"texts": "nearest"})


def test_a_split_by_another_name_is_the_same_file(tmp_path: Path, data: Path, tower: Path) -> None:
    folder = run(write_config(tmp_path / "c.yaml", data, tower, **KNN), "data.split=dev", "learn.tune=validation")
    assert [path.name for path in folder.glob("probabilities.*")] == ["probabilities.valid.npz"]
    assert len(read_probabilities(folder / "probabilities.valid.npz")) == SIZES["valid"]
    material = read_material(folder)
    assert isinstance(material, Material) and material.probable == "probabilities.valid.npz"


def test_a_stop_after_the_answers_loses_no_decision(
    tmp_path: Path, data: Path, tower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append

    def stopped(self: Journal, predictions: Iterable[Prediction]) -> None:
        append(self, predictions)
        raise KeyboardInterrupt

    config = write_config(tmp_path / "c.yaml", data, tower, **KNN)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Journal, "append", stopped)
        run(config)
    folder = run(config)
    kept = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert kept["finished"] and kept["decision"] == json.loads((folder / "decision.json").read_text(encoding="utf-8"))


def test_ranks_are_those_among_all_tuning_images(tmp_path: Path, data: Path) -> None:
    random = np.random.default_rng(1)
    members = []
    for name in ("one", "two"):
        for split in ("valid", "test"):
            truths = truth(data, split)
            seen = np.array([[cui in cuis for cui in CONCEPTS] for cuis in truths.values()])
            table = np.clip(0.3 * seen + 0.7 * random.random(seen.shape), 0, 1)
            write_probabilities(tmp_path / f"{name}.{split}.npz", Probabilities(tuple(truths), tuple(CONCEPTS), table))
        members.append({"name": name, "tune": str(tmp_path / f"{name}.valid.npz"), "asked": f"{name}.test.npz"})
    ensemble = {"members": members, "combine": "rank_mean"}
    decision = {"rule": "threshold", "folds": 3}
    folder = run(
        write_config(tmp_path / "both.yaml", data, None, ensemble=ensemble, decision=decision), "data.split=valid"
    )
    found, true = answers(folder), truth(data, "valid")
    pairs = [(set(found[i]) - {""}, set(true[i])) for i in true]
    f1 = sum(2 * len(a & b) / (len(a) + len(b)) for a, b in pairs) / len(pairs)
    decided = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert f1 == pytest.approx(decided["score_held_out"], abs=1e-9) and f1 < 1
