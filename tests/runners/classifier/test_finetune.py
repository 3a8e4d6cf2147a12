"""Fine-tuning: which weights move, what the pixels go through, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from runners.classifier.augmentation import augmented
from runners.classifier.config import Classifier
from runners.classifier.fit import fit
from runners.classifier.heads import load_heads
from runners.classifier.network import Tuned, identity_of, last_part, state_of
from runners.classifier.rows import Images
from tasks.nouns import InputError
from tests.runners.classifier.small_data import CUIS, backbone, pictures, prepare

CONFIG = Classifier(
    head="mlp", hidden=8, dropout=0, epochs=10, learning_rate=0.005, finetune_learning_rate=0.01, batch_size=8, seeds=2,
    min_support=2, finetune=True,
)  # fmt: skip


def _images(folder: Path) -> tuple[Images, list[tuple[str, ...]]]:
    paths, labels = pictures(folder / "pictures")
    return Images(paths, [path.stem for path in paths], prepare), labels


def test_a_cnn_with_a_head_learns_from_pixels_and_is_opened_again(tmp_path: Path) -> None:
    images, labels = _images(tmp_path)
    net = backbone()
    before = identity_of(net)
    heads = fit(images, labels, CONFIG, seed=1, folder=tmp_path / "heads", backbone=net)
    assert identity_of(net) == before
    p = heads.probabilities(images, images.ids).matrix.toarray()
    assert heads.cuis == CUIS[:2]
    assert all((row[0] > row[1]) == (own == (CUIS[0],)) for row, own in zip(p, labels, strict=True))
    again = load_heads(tmp_path / "heads", backbone=backbone())
    np.testing.assert_array_equal(again.probabilities(images, images.ids).matrix.toarray(), p)


@pytest.mark.parametrize(("how", "moved"), [(True, {"second"}), ("all", {"first", "norm", "second"})])
def test_only_the_asked_part_moves_and_batch_statistics_stay(tmp_path: Path, how: bool | str, moved: set[str]) -> None:
    images, labels = _images(tmp_path)
    config = Classifier.model_validate({**CONFIG.model_dump(), "finetune": how, "epochs": 2})
    (network, _) = fit(images, labels, config, seed=1, backbone=backbone()).networks
    assert isinstance(network, Tuned)
    old, new = backbone().state_dict(), network.backbone.state_dict()
    assert {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])} == moved
    assert torch.equal(old["norm.running_mean"], new["norm.running_mean"])
    assert not any(name.startswith("backbone.unused") for name in state_of(network))


def test_the_last_half_is_whole_modules_from_the_end() -> None:
    blocks = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(4)))
    names = [name for name, _ in blocks.named_parameters()]
    assert last_part(blocks, names) == ["2.weight", "2.bias", "3.weight", "3.bias"]
    assert last_part(blocks, names[:4]) == ["1.weight", "1.bias"]
    heavy = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 90))
    assert last_part(heavy, [name for name, _ in heavy.named_parameters()]) == ["1.weight", "1.bias"]


def test_a_stopped_fine_tuning_ends_with_the_same_bytes(tmp_path: Path) -> None:
    images, labels = _images(tmp_path)
    config = CONFIG.model_copy(update={"epochs": 3, "dropout": 0.3})
    fit(images, labels, config, seed=1, folder=tmp_path / "whole", backbone=backbone())
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(images, labels, config, seed=1, folder=tmp_path / "stopped", backbone=backbone(), tell=stop)
    fit(images, labels, config, seed=1, folder=tmp_path / "stopped", backbone=backbone())
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "stopped" / path.name).read_bytes() == path.read_bytes()


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    images, labels = _images(tmp_path)
    config = CONFIG.model_copy(update={"epochs": 1})
    fit(images, labels, config, seed=1, folder=tmp_path / "heads", backbone=backbone())
    with pytest.raises(InputError, match="an encoder with other weights"):
        load_heads(tmp_path / "heads", backbone=backbone(seed=5))
    with pytest.raises(InputError, match="ONNX file cannot"):
        load_heads(tmp_path / "heads")
    with pytest.raises(InputError, match="ONNX file cannot"):
        fit(images, labels, config, seed=1)
    with pytest.raises(InputError, match=r"trained on something else \(features: "):
        fit(images, labels, config, seed=1, folder=tmp_path / "heads", backbone=backbone(seed=5))


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    images, labels = _images(tmp_path)
    (tmp_path / "pictures/11.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="image 11: "):
        fit(images, labels, CONFIG, seed=1, backbone=backbone())


def test_augmentation_mirrors_crops_and_lights_each_image_by_itself() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(64, 3, 32, 32).clone()
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        seen = augmented(ramp)
    rising = seen[:, 0, 0, -1] > seen[:, 0, 0, 0]
    assert seen.shape == ramp.shape and 16 < rising.sum() < 48
    spread = (seen[:, 0, 0, -1] - seen[:, 0, 0, 0]).abs()
    # A crop keeps 80 to 100 % of a side, contrast changes by up to 20 %.
    assert 2 * 0.8 * 0.75 < spread.min() < spread.max() < 2 * 1.25
    assert seen.mean(dim=(1, 2, 3)).std() > 0.02
    assert not torch.equal(seen[0], seen[1])


def test_a_cnn_with_a_head_is_a_config() -> None:
    config = Classifier.model_validate({"finetune": True, "head": "mlp"})
    assert (config.finetune, config.head) == (True, "mlp")
