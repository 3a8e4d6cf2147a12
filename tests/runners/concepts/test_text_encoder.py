"""Text encoders: their vectors are those of the network alone, whatever stands beside them; broken ones are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from runners.concepts.text_encoder import BATCH, load_text_encoder
from tasks.nouns import InputError
from tests.runners.concepts.making import tiny_bert

TEXTS = ["lung", "large pleural effusion of the heart", "no shadow", "heart"]


def alone(folder: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the first token and the mean, by transformers directly."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
    return states[0], states.mean(axis=0)


@pytest.mark.parametrize(
    ("name", "pooling", "which"),
    [
        ("sapbert", None, 0),
        ("sapbert-mean-token", None, 1),
        ("minilm", "pooling_mode_mean_tokens", 1),
        ("bge-mean", "pooling_mode_cls_token", 0),
    ],
)
def test_the_vectors_are_the_networks(tmp_path: Path, name: str, pooling: str | None, which: int) -> None:
    folder = tiny_bert(tmp_path / name, pooling=pooling)
    vectors = load_text_encoder(str(folder)).embed(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        wanted = alone(folder, text)[which]
        assert vector == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_more_than_a_batch_comes_in_the_order_asked(tmp_path: Path) -> None:
    encoder = load_text_encoder(str(tiny_bert(tmp_path / "bert")))
    texts = [TEXTS[n % len(TEXTS)] for n in range(BATCH + 3)]
    assert encoder.embed(texts) == pytest.approx(encoder.embed(TEXTS)[np.arange(len(texts)) % len(TEXTS)], abs=1e-5)


def test_what_is_no_text_encoder_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    with pytest.raises(InputError, match="there is no folder"):
        load_text_encoder(str(tmp_path / "none"))
    mute = tiny_bert(tmp_path / "mute")
    for file in (*mute.glob("tokenizer*"), mute / "vocab.txt"):
        file.unlink()
    with pytest.raises(InputError, match=r"--encoder .*mute: it makes no vectors of text: its tokenizer is missing"):
        load_text_encoder(str(mute))
    odd = tiny_bert(tmp_path / "odd", pooling="pooling_mode_max_tokens")
    with pytest.raises(InputError, match="neither the mean nor the first token"):
        load_text_encoder(str(odd))
    torn = shutil.copytree(tiny_bert(tmp_path / "bert"), tmp_path / "torn")
    weights = load_file(torn / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, torn / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lacks 1 weights, such as encoder\.layer\.0\.output\.dense\.weight"):
        load_text_encoder(str(torn))
