"""Heads on disk and what they answer."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.classifier.config import Classifier
from runners.classifier.fit import fit
from runners.classifier.heads import Heads, load_heads
from runners.classifier.network import Head
from runners.classifier.rows import BLOCK, read_ahead
from tasks.nouns import InputError
from tasks.probabilities import LEAST
from tests.runners.classifier.small_data import CUIS, features

CONFIG = Classifier(head="mlp", hidden=8, epochs=3, batch_size=32, learning_rate=0.001)


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    return fit(*features(), CONFIG, seed=1, folder=tmp_path / "heads")


def test_the_answer_is_the_mean_of_the_networks_probabilities(heads: Heads) -> None:
    asked = features(30, seed=1)[0]
    with torch.inference_mode():
        each = [torch.sigmoid(n(torch.tensor(asked, dtype=torch.float32))).numpy() for n in heads.networks]
    p = heads.probabilities(asked, [f"i{n}" for n in range(30)])
    assert len(each) == 3 and p.cuis == CUIS and p.ids[3] == "i3"
    np.testing.assert_allclose(p.matrix.toarray(), np.mean(each, axis=0), atol=1e-6)


def test_what_is_small_is_not_stored(heads: Heads) -> None:
    for network in heads.networks:
        assert isinstance(network, Head)
        with torch.no_grad():
            network.out.bias[1] = -20
    p = heads.probabilities(features(30, seed=1)[0], [f"i{n}" for n in range(30)])
    assert p.matrix.nnz <= 60 and p.matrix.data.min() >= LEAST and p.matrix[:, [1]].nnz == 0


def test_saved_heads_answer_the_same(heads: Heads, tmp_path: Path) -> None:
    asked, ids = features(30, seed=1)[0], [f"i{n}" for n in range(30)]
    again = load_heads(tmp_path / "heads")
    assert (again.config, again.cuis, again.seed, again.dimensions) == (CONFIG, CUIS, 1, 12)
    assert (again.probabilities(asked, ids).matrix != heads.probabilities(asked, ids).matrix).nnz == 0


def test_blocks_change_nothing(heads: Heads) -> None:
    asked = np.concatenate([features(BLOCK, seed=1)[0], features(40, seed=2)[0]])
    whole = heads.probabilities(asked, [str(n) for n in range(len(asked))])
    part = heads.probabilities(asked[BLOCK - 3 :], [str(n) for n in range(43)])
    np.testing.assert_allclose(whole.matrix.toarray()[BLOCK - 3 :], part.matrix.toarray(), atol=1e-6)


def test_no_image_is_an_answer_of_no_rows(heads: Heads) -> None:
    assert heads.probabilities(features(4)[0][:0], []).matrix.shape == (0, 3)


def test_bad_features_are_named(heads: Heads) -> None:
    asked = features(5, seed=1)[0]
    with pytest.raises(InputError, match="5 rows of features for 4 image ids"):
        heads.probabilities(asked, list("abcd"))
    with pytest.raises(InputError, match="the classifier takes 12 dimensions: embed these images with the encoders"):
        heads.probabilities(asked[:, :7], list("abcde"))
    asked[2, 0] = np.inf
    with pytest.raises(InputError, match="row 2 "):
        heads.probabilities(asked, list("abcde"))


def test_damage_is_seen(heads: Heads, tmp_path: Path) -> None:
    folder = tmp_path / "heads"
    weights = folder / "head-1.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(InputError, match=r"head-1.safetensors is missing or was changed"):
        load_heads(folder)
    weights.unlink()
    with pytest.raises(InputError, match=r"head-1.safetensors is missing or was changed"):
        load_heads(folder)
    weights.write_bytes(good)
    content = json.loads((folder / "heads.json").read_text(encoding="utf-8"))
    (folder / "heads.json").write_text(json.dumps({**content, "cuis": content["cuis"][:2]}), encoding="utf-8")
    with pytest.raises(InputError, match="belongs to another network"):
        load_heads(folder)
    (folder / "heads.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"heads.json is damaged"):
        load_heads(folder)


def test_rows_are_read_in_order_and_each_once() -> None:
    table = np.arange(20, dtype=np.float16).reshape(10, 2)
    order = np.array([3, 1, 9, 0, 2])
    blocks = list(read_ahead(table, order, size=2))
    assert [rows.tolist() for rows, _ in blocks] == [[3, 1], [9, 0], [2]]
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), table[order])
    assert blocks[0][1].dtype == np.float32
