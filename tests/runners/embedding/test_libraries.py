"""timm, torchvision and torchxrayvision: stand-ins with their interface; torchvision's wheels want another torch."""

from __future__ import annotations

import sys
from importlib import metadata
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, load_encoder
from tasks.nouns import InputError
from tests.runners.embedding.making import picture


class _Network(torch.nn.Module):
    """A mean over the places, then 3 to 5 features, then as many classes as asked."""

    def __init__(self, classes: int, channels: int = 3) -> None:
        super().__init__()
        self.body = torch.nn.Linear(channels, 5)
        self.head = torch.nn.Linear(5, classes) if classes else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x.mean(dim=(2, 3))))  # type: ignore[no-any-return]


def _to_tensor(side: int) -> Any:
    return lambda image: torch.from_numpy(
        np.asarray(image.resize((side, side)), np.float32).transpose(2, 0, 1).copy() / 255
    )


def _timm() -> Any:
    asked: list[Any] = []

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> _Network:
        if name != "tiny_patch.in21k":
            raise RuntimeError(f"Unknown model ({name})")
        asked.append((name, pretrained, num_classes))
        return _Network(num_classes)

    data = SimpleNamespace(
        resolve_model_data_config=lambda model: {"input_size": (3, 10, 10)},
        create_transform=lambda *, input_size, is_training: _to_tensor(input_size[1] if not is_training else 99),
    )
    return _module("timm", create_model=create_model, data=data, asked=asked)


def _torchvision() -> Any:
    weights = SimpleNamespace(transforms=lambda: _to_tensor(12))
    models = SimpleNamespace(
        get_model_weights=lambda name: SimpleNamespace(DEFAULT=weights),
        get_model=lambda name, *, weights: _Network(1000),
    )
    return _module("torchvision", models=models)


def _xray() -> Any:
    class DenseNet(_Network):
        def features2(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    class ResNet(_Network):
        def features(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x.mean(dim=(2, 3))).flatten(1)  # type: ignore[no-any-return]

    made = {"densenet121-res20-all": DenseNet, "resnet50-res30-all": ResNet}
    return _module("torchxrayvision", models=SimpleNamespace(get_model=lambda weights: made[weights](18, channels=1)))


def _module(name: str, **members: Any) -> Any:
    module: Any = ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    return module


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_timm(), _torchvision(), _xray()):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    known = metadata.version
    monkeypatch.setattr(
        "runners.embedding.libraries.metadata.version",
        lambda name: "1.2.3" if name in {"timm", "torchvision", "torchxrayvision"} else known(name),
    )


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("timm:tiny_patch.in21k", (3, 10, 10)),
        ("torchvision:resnet50", (3, 12, 12)),
        ("torchxrayvision:densenet121-res20-all", (1, 20, 20)),
        ("torchxrayvision:resnet50-res30-all", (1, 30, 30)),
    ],
)
def test_features_come_without_the_classes(name: str, shape: tuple[int, ...]) -> None:
    encoder = load_encoder(Encoder(name=name))
    pixels = np.stack([encoder.prepare(picture(n)) for n in range(2)])
    network: Any = encoder.network
    body = network.body.body if name.startswith("torchx") else network.body
    assert pixels.shape == (2, *shape) and encoder.dimensions == 5
    expected = body(torch.from_numpy(pixels).mean(dim=(2, 3))).detach().numpy()
    np.testing.assert_allclose(encoder.embed(pixels), expected, rtol=1e-5, atol=1e-4)
    assert encoder.identity == identity_of(Encoder(name=name))
    network(torch.from_numpy(pixels)).sum().backward()
    assert body.weight.grad.any()


@pytest.mark.usefixtures("stand_in")
def test_timm_is_asked_for_trained_weights_without_classes() -> None:
    load_encoder(Encoder(name="timm:tiny_patch.in21k"))
    assert sys.modules["timm"].asked == [("tiny_patch.in21k", True, 0)]


@pytest.mark.usefixtures("stand_in")
def test_radiographs_are_the_centre_square_between_minus_and_plus_1024() -> None:
    encoder = load_encoder(Encoder(name="torchxrayvision:densenet121-res20-all"))
    image = picture(0, (80, 40))
    left = image.copy()
    left.paste((255, 255, 255), (0, 0, 20, 40))  # outside the centre
    np.testing.assert_array_equal(encoder.prepare(left), encoder.prepare(image))
    white = encoder.prepare(left.crop((0, 0, 20, 20)))
    assert white.min() == white.max() == 1024
    assert encoder.prepare(image.point(lambda _: 0)).max() == -1024


@pytest.mark.usefixtures("stand_in")
def test_unknown_names_and_idle_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"timm cannot load it: Unknown model \(nothing\)"):
        load_encoder(Encoder(name="timm:nothing"))
    with pytest.raises(InputError, match="says the size"):
        load_encoder(Encoder(name="torchxrayvision:all"))
    with pytest.raises(InputError, match="pool by themselves"):
        identity_of(Encoder(name="timm:tiny_patch.in21k", pooling="mean"))


@pytest.mark.parametrize("name", ["timm", "torchvision", "torchxrayvision"])
def test_a_library_that_is_not_here_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr("runners.embedding.libraries.metadata.version", missing)
    with pytest.raises(InputError, match=f"{name} is not installed: pip install {name} with the torchvision"):
        identity_of(Encoder(name=f"{name}:model-res20-all"))
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=f"{name} cannot be imported"):
        load_encoder(Encoder(name=f"{name}:model-res20-all"))
