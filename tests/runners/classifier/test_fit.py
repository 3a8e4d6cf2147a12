"""A fit: what it learns, the same bytes twice and after a stop, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from runners.classifier.config import Classifier
from runners.classifier.fit import fit
from runners.classifier.heads import load_heads
from tasks.nouns import InputError
from tests.runners.classifier.small_data import CUIS, Labels, features, truth

LINEAR = Classifier(head="linear", epochs=12, learning_rate=0.002, dropout=0, batch_size=32, seeds=2, min_support=3)
MLP = LINEAR.model_copy(update={"head": "mlp", "hidden": 16, "dropout": 0.2})


def _answers(
    config: Classifier, train: tuple[NDArray[np.float16], Labels], asked: NDArray[np.float16]
) -> NDArray[np.float32]:
    p = fit(*train, config, seed=1).probabilities(asked, [f"i{n}" for n in range(len(asked))])
    table: NDArray[np.float32] = p.matrix.toarray()
    return table


def _cross_entropy(p: NDArray[Any], y: NDArray[np.float64]) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("config", [LINEAR, MLP], ids=["linear", "mlp"])
def test_a_head_learns_what_the_features_tell(config: Classifier) -> None:
    train, (asked, labels) = features(800), features(400, seed=1)
    y = truth(labels)
    constant = np.repeat(truth(train[1]).mean(axis=0, keepdims=True), 400, axis=0).astype(np.float32)
    best = 1 / (1 + np.exp(-(2 * asked[:, :3].astype(np.float32) - np.array([0, 1, 2], dtype=np.float32))))
    reached = _cross_entropy(_answers(config, train, asked), y)
    # Four fifths of the way from the best constant to the truth that made the data.
    assert reached < _cross_entropy(best, y) + 0.2 * (_cross_entropy(constant, y) - _cross_entropy(best, y))


def test_one_rate_suits_any_number_of_features() -> None:
    (table, labels), asked = features(dimensions=110), features(100, dimensions=110, seed=1)[0]
    once = _answers(LINEAR, (table, labels), asked)
    nine = _answers(LINEAR, (np.tile(table, 9), labels), np.tile(asked, 9))
    # Nine times the weights, moved a ninth as far each: the same function but for rounding and weight decay.
    assert np.abs(once - nine).max() < 0.01 < np.abs(once - once.mean(axis=0)).max()


def test_bce_is_calibrated_and_the_others_are_not() -> None:
    train, (asked, labels) = features(800), features(400, seed=1)
    wanted = truth(labels).mean()
    apart = {
        loss: abs(float(_answers(LINEAR.model_copy(update={"loss": loss}), train, asked).mean()) - wanted)
        for loss in ("bce", "focal", "asymmetric")
    }
    assert apart["bce"] < 0.03
    assert apart["asymmetric"] > 3 * apart["bce"] and apart["asymmetric"] > 0.05


def test_balance_raises_the_probability_of_rare_concepts() -> None:
    train, (asked, _) = features(400), features(200, seed=1)
    plain = _answers(LINEAR, train, asked).mean(axis=0)
    balanced = _answers(LINEAR.model_copy(update={"balance": 1.0}), train, asked).mean(axis=0)
    assert balanced[2] > plain[2] + 0.1


def test_the_same_seed_gives_the_same_bytes_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(*features(), MLP, seed=seed, folder=tmp_path / name)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert (tmp_path / "a/head-0.safetensors").read_bytes() != (tmp_path / "c/head-0.safetensors").read_bytes()
    assert (tmp_path / "a/head-0.safetensors").read_bytes() != (tmp_path / "a/head-1.safetensors").read_bytes()


def test_a_fit_without_a_folder_is_the_same_fit(tmp_path: Path) -> None:
    fit(*features(), MLP, seed=1, folder=tmp_path / "within")
    fit(*features(), MLP, seed=1).save(tmp_path / "saved")
    within = _bytes(tmp_path / "within")
    del within["fit.json"]
    assert within == _bytes(tmp_path / "saved")


class _Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 5, 12, 13])
def test_a_stopped_fit_goes_on_with_the_next_epoch(tmp_path: Path, after: int) -> None:
    fit(*features(), MLP, seed=1, folder=tmp_path / "whole")
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) == after + 1:
            raise _Stop

    with pytest.raises(_Stop):
        fit(*features(), MLP, seed=1, folder=tmp_path / "stopped", tell=stop)
    with pytest.raises(InputError, match="not trained to its end"):
        load_heads(tmp_path / "stopped")
    again: list[str] = []
    fit(*features(), MLP, seed=1, folder=tmp_path / "stopped", tell=again.append)
    # The epoch under way is lost, none before it.
    assert again == [*lines[after:], *again[1:]] and len(again) == 24 - after
    assert _bytes(tmp_path / "stopped") == _bytes(tmp_path / "whole")


def test_a_finished_fit_is_only_opened(tmp_path: Path) -> None:
    first = fit(*features(), LINEAR, seed=1, folder=tmp_path)
    lines: list[str] = []
    second = fit(*features(), LINEAR, seed=1, folder=tmp_path, tell=lines.append)
    asked, ids = features(5, seed=1)[0], list("abcde")
    assert not lines
    assert (first.probabilities(asked, ids).matrix != second.probabilities(asked, ids).matrix).nnz == 0


@pytest.mark.parametrize(
    ("what", "said"),
    [("seed", "seed: 1 then, 2 now"), ("config", "classifier.epochs: 12 then, 3 now"), ("features", "features: "),
     ("labels", "concepts: ")],
)  # fmt: skip
def test_a_folder_with_another_fit_is_refused_and_kept(tmp_path: Path, what: str, said: str) -> None:
    table, labels = features()
    fit(table, labels, LINEAR, seed=1, folder=tmp_path)
    before = _bytes(tmp_path)
    changed = table.copy()
    changed[7, 3] += 1
    with pytest.raises(InputError, match=said):
        fit(
            changed if what == "features" else table,
            [*labels[1:], labels[0]] if what == "labels" else labels,
            LINEAR.model_copy(update={"epochs": 3}) if what == "config" else LINEAR,
            seed=2 if what == "seed" else 1,
            folder=tmp_path,
        )
    assert _bytes(tmp_path) == before


def test_rare_concepts_are_not_learned_and_labels_may_repeat() -> None:
    table, labels = features(60)
    labels = [(*row, *row) for row in labels]
    labels[0] = (*labels[0], "C0000009", "C0000009", "C0000009")
    assert fit(table, labels, LINEAR, seed=1).cuis == CUIS


def test_a_feature_that_never_varied_does_no_harm() -> None:
    table, labels = features()
    table[:, 5] = 3
    asked = table.copy()
    asked[:, 5] = 4
    p = _answers(LINEAR, (table, labels), asked)
    assert np.isfinite(p).all() and np.abs(p - _answers(LINEAR, (table, labels), table)).max() < 0.05


def test_bad_input_is_named(tmp_path: Path) -> None:
    table, labels = features()
    with pytest.raises(InputError, match="240 rows of features for 239 lists"):
        fit(table, labels[:-1], LINEAR, seed=1)
    table[17, 2] = np.nan
    with pytest.raises(InputError, match="row 17 of the features holds NaN"):
        fit(table, labels, LINEAR, seed=1)
    table[17, 2] = 0
    with pytest.raises(InputError, match=r"no concept has 999 training images.*lower min_support"):
        fit(table, labels, LINEAR.model_copy(update={"min_support": 999}), seed=1)
    with pytest.raises(InputError, match=r"no concept has 3 training images.*no image has any"):
        fit(table[:0], [], LINEAR, seed=1)
    with pytest.raises(InputError, match=r"the classifier's loss is .* lower classifier.learning_rate"):
        fit(table, labels, MLP.model_copy(update={"learning_rate": 1e30}), seed=1)


@pytest.mark.parametrize("bad", [{"dropout": 1.0}, {"loss": "mse"}, {"epochs": 0}, {"balance": -1}, {"finetune": "some"}, {"learning_rate": 0}])  # fmt: skip  # noqa: E501
def test_a_config_that_cannot_be_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Classifier.model_validate(bad)
