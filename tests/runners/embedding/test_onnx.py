"""ONNX files: layout, size and numbers are read from the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, load_encoder
from runners.embedding.onnx_file import IMAGENET
from tasks.nouns import InputError
from tests.runners.embedding.making import make_onnx, picture


def quarters(pixels: Any) -> Any:
    """Means of the four quarters of C x 8 x 8 pixels, as the tiny graph makes them."""
    return pixels.reshape(-1, 3, 2, 4, 2, 4).mean(axis=(3, 5))


def squashed(seed: int) -> Any:
    from PIL.Image import Resampling

    return np.asarray(picture(seed).resize((8, 8), Resampling.BICUBIC), np.float32).transpose(2, 0, 1)


WEIGHTS = np.random.default_rng(3).normal(size=(12, 6)).astype(np.float32)


@pytest.mark.parametrize("batch", [None, 1])
def test_floats_with_channels_first(tmp_path: Path, batch: int | None) -> None:
    encoder = load_encoder(Encoder(name=str(make_onnx(tmp_path / "a.onnx", batch=batch))))
    pixels = np.stack([encoder.prepare(picture(n)) for n in range(3)])
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in IMAGENET)
    np.testing.assert_allclose(pixels[1], (squashed(1) / 255 - mean) / std, atol=1e-6)
    np.testing.assert_allclose(encoder.embed(pixels), quarters(pixels).reshape(3, 12) @ WEIGHTS, atol=1e-4)
    assert encoder.dimensions == 6 and encoder.network is None


def test_bytes_with_channels_last(tmp_path: Path) -> None:
    encoder = load_encoder(Encoder(name=str(make_onnx(tmp_path / "a.onnx", form="nhwc_bytes"))))
    pixels = encoder.prepare(picture(2))
    np.testing.assert_array_equal(pixels, squashed(2))
    np.testing.assert_allclose(
        encoder.embed(pixels[None]), quarters(squashed(2)).reshape(1, 12) @ WEIGHTS, rtol=1e-4, atol=1e-2
    )


def test_tokens_and_maps_are_pooled(tmp_path: Path) -> None:
    tokens = load_encoder(Encoder(name=str(make_onnx(tmp_path / "t.onnx", form="tokens"))))
    first = load_encoder(Encoder(name=str(make_onnx(tmp_path / "t.onnx", form="tokens")), pooling="first"))
    flat = load_encoder(Encoder(name=str(make_onnx(tmp_path / "m.onnx", form="map"))))
    pixels = tokens.prepare(picture(0))[None]
    np.testing.assert_allclose(tokens.embed(pixels), pixels.mean(axis=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(flat.embed(pixels), pixels.mean(axis=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(first.embed(pixels), quarters(pixels)[:, :, 0, 0], atol=1e-5)
    with pytest.raises(InputError, match="not a vector per image"):
        load_encoder(Encoder(name=str(tmp_path / "m.onnx"), pooling="first"))


def test_an_open_size_is_said(tmp_path: Path) -> None:
    path = make_onnx(tmp_path / "a.onnx", side=None)
    with pytest.raises(InputError, match="say it with `size: 224`"):
        load_encoder(Encoder(name=str(path)))
    encoder = load_encoder(Encoder(name=str(path), size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    np.testing.assert_allclose(encoder.prepare(picture(1)), squashed(1) / 127.5 - 1, atol=1e-6)
    with pytest.raises(InputError, match="leave size out"):
        load_encoder(Encoder(name=str(make_onnx(tmp_path / "b.onnx")), size=16))


def test_the_identity_follows_the_file_and_what_lies_beside_it(tmp_path: Path) -> None:
    path = make_onnx(tmp_path / "a.onnx")
    config = Encoder(name=str(path))
    before = identity_of(config)
    assert identity_of(config.model_copy(update={"mean": (0.5, 0.5, 0.5)})) != before
    (tmp_path / "a.onnx.data").write_bytes(b"weights")
    assert identity_of(config) != before


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        identity_of(Encoder(name=str(tmp_path / "a.onnx")))
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="onnxruntime cannot open it"):
        load_encoder(Encoder(name=str(tmp_path / "a.onnx")))
    with pytest.raises(InputError, match="run on the CPU"):
        load_encoder(Encoder(name=str(make_onnx(tmp_path / "b.onnx")), device="cuda"))
    with pytest.raises(InputError, match="size is for an"):
        identity_of(Encoder(name="sample", size=8))


def test_without_onnxruntime_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime"):
        load_encoder(Encoder(name=str(make_onnx(tmp_path / "a.onnx"))))
