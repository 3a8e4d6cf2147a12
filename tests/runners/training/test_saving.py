"""What a training leaves is what was trained, bit for bit, and a run takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from runners.training import loop
from runners.training.config import TrainConfig
from runners.training.network import Trainee, open_for_training
from runners.training.saving import restore
from tasks.nouns import InputError
from tests.runners.asking import load
from tests.runners.training.tiny_training import optimization, run, settings

Build = Callable[[str], Path]
LORA = [{"name": name, "train": [name]} for name in ("vision", "projector", "language")]
MIXED = [LORA[0], {**LORA[1], "how": "full"}, LORA[2]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Path, Trainee]]:
    """Trains, and gives the folder and the network as training left it."""
    kept: list[Trainee] = []

    def remember(config: TrainConfig) -> Trainee:
        kept.append(open_for_training(config))
        return kept[-1]

    monkeypatch.setattr(loop, "open_for_training", remember)

    def train(folder: Path, config: dict[str, Any]) -> tuple[Path, Trainee]:
        return run(folder, config), kept[-1]

    return train


def opened(config: dict[str, Any]) -> tuple[TrainConfig, Trainee]:
    validated = TrainConfig.model_validate(config)
    return validated, open_for_training(validated)


def weights(trainee: Trainee) -> dict[str, torch.Tensor]:
    return dict(trainee.network.named_parameters())


@pytest.mark.parametrize(("stages", "quantization"), [(LORA, "none"), (LORA, "nf4"), (MIXED, "none")])
def test_the_base_and_the_parts_are_the_trained_model(
    stages: list[dict[str, Any]],
    quantization: str,
    trained: Callable[..., tuple[Path, Trainee]],
    tiny: Build,
    tmp_path: Path,
) -> None:
    config = settings(tiny("llava"), stages=stages, quantization=quantization)
    folder, _ = trained(tmp_path / "t", config)
    validated, again = opened(config)
    before = {name: weight.clone() for name, weight in weights(again).items()}
    restore(folder, validated.stages, again)
    # The parts, read without the code under test, and what is in none of them as the base has it.
    saved: dict[str, torch.Tensor] = {}
    for number, stage in enumerate(stages, start=1):
        saved |= load_file(folder / "stages" / f"{number}-{stage['name']}" / "parts.safetensors")
    changed = 0
    for name, weight in weights(again).items():
        key = name.replace(".default.", ".").replace(".base_layer.", ".")
        assert torch.equal(weight, saved.get(key, before[name])), name
        changed += not torch.equal(weight, before[name])
    assert changed >= len(saved) > 30
    probe = again.model._probe()
    if stages is MIXED:
        merged = load(folder / "model")
        assert (merged._probe() - probe).abs().max() < 1e-4 * probe.abs().max()
    else:
        adapted = load(tiny("llava"), adapters=[{"path": str(folder / "adapter")}], quantization=quantization)
        assert torch.equal(adapted._probe(), probe)
        [report] = adapted.facts["adapters"]
        assert report["tensors_applied"] == report["tensors_expected"] and report["tensors_renamed"] == 0


def test_what_stays_in_memory_is_what_was_saved(
    trained: Callable[..., tuple[Path, Trainee]], tiny: Build, tmp_path: Path
) -> None:
    config = settings(tiny("llava"), stages=LORA)
    folder, trainee = trained(tmp_path / "t", config)
    validated, again = opened(config)
    restore(folder, validated.stages, again)
    now = weights(again)
    assert all(torch.equal(weight, now[name]) for name, weight in weights(trainee).items())


def test_manifests_tell_order_parts_and_hashes(tiny: Build, tmp_path: Path) -> None:
    folder = run(tmp_path / "t", settings(tiny("llava"), stages=LORA))
    manifests = [
        json.loads((folder / "stages" / f"{n}-{name}" / "manifest.json").read_text(encoding="utf-8"))
        for n, name in enumerate(("vision", "projector", "language"), start=1)
    ]
    assert [manifest["stage"] for manifest in manifests] == [1, 2, 3]
    assert manifests[0]["after"] is None and manifests[1]["after"] != manifests[2]["after"]
    assert len({manifest["sha256"] for manifest in manifests}) == 3
    for manifest in manifests:
        parts = load_file(folder / "stages" / f"{manifest['stage']}-{manifest['name']}" / "parts.safetensors")
        assert sorted(parts) == manifest["tensors"]
        assert manifest["parameters"] == sum(tensor.numel() for tensor in parts.values())


def test_a_changed_part_and_another_base_are_refused(tiny: Build, tmp_path: Path) -> None:
    config = settings(tiny("llava"), stages=LORA)
    folder = run(tmp_path / "t", config)
    validated, other = opened(settings(tiny("llava_15"), stages=LORA))
    with pytest.raises(InputError, match="another base model"):
        restore(folder, validated.stages, other)
    path = folder / "stages" / "2-projector" / "parts.safetensors"
    save_file({key: tensor + 1 for key, tensor in load_file(path).items()}, path)
    validated, again = opened(config)
    with pytest.raises(InputError, match=r"2-projector: its manifest speaks of other weights"):
        restore(folder, validated.stages, again)


@pytest.mark.parametrize("family", ["blip", "qwen2_vl"])
def test_a_model_trained_in_full_is_a_checkpoint_that_loads(family: str, tiny: Build, tmp_path: Path) -> None:
    stages = [{"name": "all", "train": ["vision", "language"], "how": "full"}]
    small = optimization(learning_rate=1e-3)
    folder = run(tmp_path / "t", settings(tiny(family), prompt={"text": "a"}, stages=stages, optimization=small))
    assert not (folder / "adapter").exists()
    parts = load_file(folder / "stages" / "1-all" / "parts.safetensors")
    model = load(folder / "model")
    now = dict(model.network.named_parameters())
    assert all(torch.equal(now[name], tensor) for name, tensor in parts.items())
    assert not torch.equal(model._probe(), load(tiny(family))._probe())
