"""Encoders in checkpoints: dual encoders, vision towers, and the towers of models that speak."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, load_encoder
from runners.embedding.towers import cut
from tasks.nouns import InputError
from tests.runners.conftest import Build
from tests.runners.embedding.making import TEXT, TOWERS, make_tower, picture
from tests.runners.tiny import FAMILIES

SIZES = ((40, 56), (90, 33), (64, 64))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Build:
    root = tmp_path_factory.mktemp("towers")
    return cache(lambda kind: make_tower(kind, root / kind))


def features(encoder: Any) -> Any:
    """Pixels and vectors of three images of different shapes."""
    pixels = np.stack([encoder.prepare(picture(n, size)) for n, size in enumerate(SIZES)])
    return pixels, encoder.embed(pixels)


def expected(kind: str, folder: Path, pixels: Any) -> Any:
    """The vectors by transformers' own classes, the way its documentation gives."""
    import transformers as t

    given = torch.from_numpy(pixels)
    with torch.inference_mode():
        if kind in {"clip", "siglip", "vision-text-dual-encoder"}:
            model = t.AutoModel.from_pretrained(folder).eval()
            return model.get_image_features(pixel_values=given).pooler_output.numpy()
        if kind == "vit_classifier":
            model = t.ViTForImageClassification.from_pretrained(folder).eval()
            return model.vit(given).last_hidden_state[:, 0].numpy()
        return t.AutoModel.from_pretrained(folder).eval()(given).pooler_output.numpy()


@pytest.mark.parametrize("kind", TOWERS)
def test_a_tower_gives_what_transformers_gives(kind: str, tower: Build) -> None:
    folder = tower(kind)
    encoder = load_encoder(Encoder(name=str(folder)))
    pixels, vectors = features(encoder)
    assert vectors.shape == (3, encoder.dimensions) == (3, TOWERS[kind][1])
    np.testing.assert_allclose(vectors, expected(kind, folder, pixels), atol=1e-5)
    assert abs(vectors[0] - vectors[1]).max() > 1e-3


@pytest.mark.parametrize("kind", ["clip", "vit"])
def test_pixels_are_the_checkpoints_own(kind: str, tower: Build) -> None:
    from transformers import AutoImageProcessor

    encoder = load_encoder(Encoder(name=str(tower(kind))))
    own = AutoImageProcessor.from_pretrained(tower(kind), backend="pil")(images=[picture(0)], return_tensors="np")
    np.testing.assert_array_equal(encoder.prepare(picture(0)), own["pixel_values"][0])


@pytest.mark.parametrize("family", [*FAMILIES, "sample"])
def test_the_vision_tower_of_every_family(family: str, tiny: Build) -> None:
    encoder = load_encoder(Encoder(name="sample" if family == "sample" else str(tiny(family))))
    pixels, vectors = features(encoder)
    alone = np.concatenate([encoder.embed(image[None]) for image in pixels])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
    assert abs(vectors[0] - vectors[1]).max() > 1e-2
    assert encoder.network is not None
    given = torch.tensor(pixels, requires_grad=True)
    made = encoder.network(given)
    np.testing.assert_allclose(made.detach().numpy(), vectors, atol=1e-5)
    made.square().sum().backward()
    assert given.grad is not None and (given.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
    moved = [weight.grad is not None and bool(weight.grad.any()) for weight in encoder.network.parameters()]
    assert sum(moved) > len(moved) / 2


def test_the_depth_is_the_one_the_language_model_reads(tiny: Build) -> None:
    from transformers import LlavaForConditionalGeneration

    folder = tiny("llava")
    encoder = load_encoder(Encoder(name=str(folder)))
    pixels, vectors = features(encoder)
    whole = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    assert whole.config.vision_feature_layer == -2
    with torch.inference_mode():
        seen = whole.model.vision_tower(torch.from_numpy(pixels), output_hidden_states=True).hidden_states[-2]
    np.testing.assert_allclose(vectors, seen.mean(dim=1).numpy(), atol=1e-5)


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl"])
def test_patches_are_those_of_qwens_processor(family: str, tiny: Build) -> None:
    from transformers import AutoImageProcessor

    encoder = load_encoder(Encoder(name=str(tiny(family))))
    own = AutoImageProcessor.from_pretrained(tiny(family), backend="pil")
    pixels = encoder.prepare(picture(1))
    square = picture(1).resize(pixels.shape[:0:-1], own.resample)
    ours = cut(torch.from_numpy(pixels[None]), patch=own.patch_size, merge=own.merge_size, frames=2)
    theirs = own(images=[square], return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


def test_pooling(tower: Build) -> None:
    folder, found = tower("vit"), {}
    for pooling in ("auto", "mean", "first"):
        encoder = load_encoder(Encoder.model_validate({"name": str(folder), "pooling": pooling}))
        pixels, found[pooling] = features(encoder)
    from transformers import ViTModel

    with torch.inference_mode():
        places = ViTModel.from_pretrained(folder).eval()(torch.from_numpy(pixels)).last_hidden_state
    np.testing.assert_allclose(found["mean"], places.mean(dim=1).numpy(), atol=1e-5)
    np.testing.assert_allclose(found["first"], places[:, 0].numpy(), atol=1e-5)
    assert abs(found["auto"] - found["first"]).max() > 1e-3
    with pytest.raises(InputError, match="no class token"):
        load_encoder(Encoder(name=str(tower("convnext")), pooling="first"))
    with pytest.raises(InputError, match="one vector by itself"):
        load_encoder(Encoder(name=str(tower("clip")), pooling="mean"))


def test_the_identity_follows_weights_processor_views_and_pooling(tower: Build, tmp_path: Path) -> None:
    folder = make_tower("vit", tmp_path / "vit")
    config = Encoder(name=str(folder))
    same = identity_of(config.model_copy(update={"batch_size": 3, "device": "cpu"}))
    assert identity_of(config) == same == identity_of(Encoder(name=str(tower("vit"))))
    assert load_encoder(config).identity == same
    assert (
        len({same, *(identity_of(config.model_copy(update=u)) for u in ({"views": "flip"}, {"pooling": "mean"}))}) == 3
    )
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace("32", "24"), encoding="utf-8")
    assert identity_of(config) != same


def test_what_cannot_be_used_is_refused(tower: Build, tmp_path: Path) -> None:
    import shutil

    from transformers import BertConfig, BertModel

    bare = shutil.copytree(tower("vit"), tmp_path / "bare")
    (bare / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match="no image processor"):
        load_encoder(Encoder(name=str(bare)))
    text = shutil.copytree(bare, tmp_path / "text")
    BertModel(BertConfig(**TEXT)).save_pretrained(text)
    shutil.copy(tower("vit") / "preprocessor_config.json", text)
    with pytest.raises(InputError, match="does not take one image alone"):
        load_encoder(Encoder(name=str(text)))
    with pytest.raises(InputError, match="there is no folder"):
        identity_of(Encoder(name=str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match=r"encoder \S+vit: device: 'tpu' is no device"):
        load_encoder(Encoder(name=str(tower("vit")), device="tpu"))
    with pytest.raises(InputError, match="has no revision"):
        identity_of(Encoder(name=str(tower("vit")), revision="main"))


def test_missing_weights_are_refused(tower: Build, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tower("dinov2"), tmp_path / "torn")
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "layernorm.weight" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="would be random"):
        load_encoder(Encoder(name=str(folder)))


def test_the_identity_needs_no_torch() -> None:
    code = (
        "import sys\nfrom runners.embedding.config import Encoder\nfrom runners.embedding.encoders import identity_of\n"
        "from runners.embedding.store import embed_examples\n"
        "assert identity_of(Encoder(name='sample'))\nassert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
