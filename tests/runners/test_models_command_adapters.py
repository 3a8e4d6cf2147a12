"""`imageclef models check` with adapters: which tensors find their place, told without the base model's weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from runners.checkpoints import locate
from runners.config import Adapter
from runners.models.families import family_of
from runners.preview.hollow import empty_network, fit_adapters
from tests.runners.looking import of, problems, run
from tests.runners.tiny import build_adapter

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def adapter(tiny: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_adapter(tiny("qwen2_vl"), tmp_path_factory.mktemp("adapter") / "a", r=4)


def test_an_adapter_is_compared_tensor_by_tensor(tiny: Build, adapter: Path, tmp_path: Path) -> None:
    status, findings = run(tmp_path, tiny("qwen2_vl"), adapters=[{"path": str(adapter), "weight": 0.5}])
    assert status == 0
    count = len(load_file(adapter / "adapter_model.safetensors"))
    assert of(findings, "adapter")["text"] == (
        f"{adapter}: rank 4, weight 0.5, {count} of {count} tensors find their place"
    )
    size = sum(t.numel() * 4 for t in load_file(adapter / "adapter_model.safetensors").values())
    assert of(findings, "memory")["facts"]["adapters"] == size
    _, merged = run(tmp_path, tiny("qwen2_vl"), adapters=[{"path": str(adapter)}], merge_adapters=True)
    assert of(merged, "memory")["facts"]["adapters"] == 0


def test_an_adapter_with_the_names_of_old_is_told(tiny: Build, tmp_path: Path) -> None:
    old = build_adapter(tiny("qwen2_vl"), tmp_path / "old", parts=["language"])
    tensors = load_file(old / "adapter_model.safetensors")
    renamed = {key.replace("model.language_model.layers.", "model.layers."): t for key, t in tensors.items()}
    save_file(renamed, old / "adapter_model.safetensors")
    file = old / "adapter_config.json"
    names = sorted({key.split(".lora_")[0].rpartition(".")[2] for key in tensors})
    told = {**json.loads(file.read_text("utf-8")), "target_modules": names, "exclude_modules": ["visual"]}
    file.write_text(json.dumps(told), encoding="utf-8")
    status, findings = run(tmp_path, tiny("qwen2_vl"), adapters=[{"path": str(old)}])
    assert status == 0, problems(findings)
    assert of(findings, "adapter")["facts"]["tensors_renamed"] == len(tensors)
    assert "under a new name" in of(findings, "adapter")["text"]


def test_an_adapter_of_another_model_would_fail(tiny: Build, adapter: Path, tmp_path: Path) -> None:
    status, findings = run(tmp_path, tiny("llava"), adapters=[{"path": str(adapter)}])
    [told] = problems(findings)
    assert status == 1 and "does not fit" in told
    assert of(findings, "memory")["facts"]["adapters"] == 0  # the rest is told all the same


def test_an_adapter_that_was_never_trained_would_change_nothing(tiny: Build, adapter: Path, tmp_path: Path) -> None:
    fresh = Path(shutil.copytree(adapter, tmp_path / "fresh"))
    tensors = load_file(adapter / "adapter_model.safetensors")
    zeros = {key: torch.zeros_like(t) if "lora_B" in key else t for key, t in tensors.items()}
    save_file(zeros, fresh / "adapter_model.safetensors")
    status, findings = run(tmp_path, tiny("qwen2_vl"), adapters=[{"path": str(fresh)}])
    assert status == 1 and "changes nothing" in problems(findings)[0]


def test_a_saved_module_alone_counts_as_a_change(tiny: Build, tmp_path: Path) -> None:
    path = build_adapter(tiny("llava"), tmp_path / "saved", parts=["vision"], modules_to_save=["multi_modal_projector"])
    network = empty_network(tiny("llava"))
    [report] = fit_adapters(network, family_of("llava"), [(Adapter(path=str(path)), locate(str(path)))], base="b")
    assert report["tensors_applied"] == report["tensors_expected"] == len(load_file(path / "adapter_model.safetensors"))


def test_a_merge_before_quantization_says_what_it_takes(
    tiny: Build, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"adapters": [{"path": str(adapter)}], "merge_adapters": True, "quantization": "nf4"}
    _, findings = run(tmp_path, tiny("qwen2_vl"), **asked)
    merging = of(findings, "merging")
    assert merging["level"] == "ok"
    assert merging["facts"]["bytes"] == of(findings, "family")["facts"]["parameters"] * 4
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("M", (), {"available": 10, "total": 10**10}))
    _, findings = run(tmp_path, tiny("qwen2_vl"), **asked)
    assert of(findings, "merging")["level"] == "warning"


def test_an_adapter_asked_otherwise_than_it_was_trained_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "here/adapter: prompt: the run asks 'A', the training asked 'B': set it to {name: b}"
    monkeypatch.setattr("runners.training.linter.lint_run", lambda config: [said])
    status, findings = run(tmp_path, "sample")
    told = of(findings, "training")
    assert status == 0 and told["level"] == "warning" and told["mend"] == "set it to {name: b}"
    assert told["text"] == "here/adapter: prompt: the run asks 'A', the training asked 'B'"
