"""`imageclef doctor`: each finding on a sound machine, and on one where it is broken (simulated at the edge)."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from huggingface_hub import constants
from rich.console import Console

from runners.doctor import Finding, failed, hub, machine, packages, pairs, print_findings, to_json
from runners.doctor.commands import doctor

Patch = pytest.MonkeyPatch


def versions(patch: Patch, **installed: str | None) -> None:
    """Make the metadata say that these versions are installed; None: not at all."""
    real = metadata.version
    names = {name.replace("_", "-"): version for name, version in installed.items()}

    def version(name: str) -> str:
        if name.replace("_", "-") not in names:
            return real(name)
        if (said := names[name.replace("_", "-")]) is None:
            raise metadata.PackageNotFoundError(name)
        return said

    patch.setattr(metadata, "version", version)


def test_the_command_is_fine_here_and_fast(monkeypatch: Patch, tmp_path: Path) -> None:
    importlib.import_module("torch")
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    result = CliRunner().invoke(doctor, ["--json"])
    assert time.monotonic() - start < 10
    told = json.loads(result.stdout)
    assert told["fine"] == (result.exit_code == 0)
    topics = {finding["topic"] for finding in told["findings"]}
    assert topics >= {"Python", "torch", "bitsandbytes", "torchvision", "memory", "runs", "threads", "hub", "cache"}
    assert topics >= {"Java", "MedCAT", "extra dev", "versions"}
    assert all(f["prevents"] and f["mend"] for f in told["findings"] if f["level"] != "ok")
    assert list(tmp_path.iterdir()) == []  # looking leaves nothing behind


def test_the_exit_status_follows_the_problems(monkeypatch: Patch) -> None:
    monkeypatch.setattr("runners.doctor.pairs.bad_pairs", list)
    monkeypatch.setattr("runners.doctor.packages.packages", lambda: [Finding("warning", "w", "t", "p", "m")])
    monkeypatch.setattr("runners.doctor.machine.machine", lambda _: [])
    result = CliRunner().invoke(doctor)
    assert result.exit_code == 0 and "1 warning" in result.output
    monkeypatch.setattr("runners.doctor.machine.machine", lambda _: [Finding("problem", "x", "[t]", "p", "m")] * 2)
    result = CliRunner().invoke(doctor)
    assert result.exit_code == 1 and "2 problems, 1 warning" in result.output
    assert all(word in result.output for word in ("[t]", "prevents: p", "mend: m"))


def test_findings_as_json_and_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Finding("ok", "a", "b", facts={"n": 1})]
    assert not failed(found)
    assert to_json(found)["findings"][0]["facts"] == {"n": 1}
    print_findings(found, Console())
    assert "nothing stands in the way" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"peft": "0.14.0", "transformers": "4.39.3"}, "EncoderDecoderCache"),
        ({"peft": "0.17.1", "transformers": "5.23.0"}, "HybridCache"),
        ({"bitsandbytes": "0.45.0"}, "nf4 and int8"),
        ({"vllm": "0.33.0"}, "vLLM"),
    ],
)
def test_known_bad_pairs(installed: dict[str, str], said: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: [])
    assert [found.level for found in pairs.bad_pairs()] == ["ok"]
    versions(monkeypatch, **installed)
    [found] = pairs.bad_pairs()
    assert found.level == "problem" and said in found.prevents and found.mend and "source: " in found.text


def test_what_packages_ask_for_themselves(monkeypatch: Patch) -> None:
    assert not [finding for finding in pairs.bad_pairs() if "torchvision" in finding.text]
    asked = {"torchvision": ["torch==2.14.0", "numpy", "gdown>=4; extra == 'gdown'", "???"]}
    monkeypatch.setattr(metadata, "requires", lambda name: asked.get(name, []))
    versions(monkeypatch, torchvision="0.29.0", torch="2.13.0+cpu")
    [found] = pairs.bad_pairs()
    assert "torchvision 0.29.0 needs torch==2.14.0, and 2.13.0+cpu is installed" in found.text
    versions(monkeypatch, torch="2.14.0+cu130")
    assert not failed(pairs.bad_pairs())
    versions(monkeypatch, numpy=None)
    assert "and none is installed" in pairs.bad_pairs()[0].text


def test_an_old_python(monkeypatch: Patch) -> None:
    assert packages.python().level == "ok"
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    assert packages.python().level == "problem"


def fake_torch(*, cuda: str | None, cards: int = 0, bf16: bool = True) -> Any:
    card = SimpleNamespace(name="H200", total_memory=140 * 2**30)
    return SimpleNamespace(
        __version__="2.13.0",
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(
            is_available=lambda: cards > 0,
            device_count=lambda: cards,
            get_device_properties=lambda _: card,
            is_bf16_supported=lambda including_emulation: bf16,
        ),
    )


@pytest.mark.parametrize(
    ("torch", "driver", "level", "said"),
    [
        (fake_torch(cuda="13.0", cards=2), True, "ok", "H200 (140 GiB), H200 (140 GiB)"),
        (fake_torch(cuda="13.0", cards=1, bf16=False), True, "ok", "without bfloat16"),
        (fake_torch(cuda=None), True, "warning", "though there is an NVIDIA driver"),
        (fake_torch(cuda="13.0"), True, "warning", "no card answers"),
        (fake_torch(cuda=None), False, "warning", "no GPU"),
    ],
)
def test_torch_and_the_driver(torch: Any, driver: bool, level: str, said: str, monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/nvidia-smi" if driver else None)
    found = packages.torch_and_cuda()
    assert found.level == level and said in found.text


def test_a_torch_that_does_not_load(monkeypatch: Patch) -> None:
    def fail(_: str) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", fail)
    found = packages.torch_and_cuda()
    assert found.level == "problem" and "libcudart" in found.text


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed here")
def test_the_torchvision_of_another_torch(monkeypatch: Patch, tmp_path: Path) -> None:
    assert packages.torchvision().level == "ok"
    (tmp_path / "torchvision").mkdir()
    code = tmp_path / "torchvision" / "__init__.py"
    code.write_text("raise RuntimeError('operator torchvision::nms does not exist')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = packages.torchvision()
    assert found.level == "problem" and "nms" in found.text and "every model" in found.prevents
    code.write_text("", encoding="utf-8")
    importlib.invalidate_caches()
    assert packages.torchvision().level == "ok"
    del sys.modules["torchvision"]


def test_bitsandbytes_has_a_library_for_this_machine(monkeypatch: Patch, tmp_path: Path) -> None:
    import torch

    assert packages.quantizer().level == "ok"
    monkeypatch.setattr(torch.version, "cuda", "99.1")
    assert "no library for CUDA 99.1" in packages.quantizer().text
    monkeypatch.setattr(torch.version, "cuda", None)
    (tmp_path / "libbitsandbytes_cpu.so").write_bytes(b"no library")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert packages.quantizer().level == "problem"
    versions(monkeypatch, bitsandbytes=None)
    found = packages.quantizer()
    assert found.text == "not installed" and found.level == "problem"


def test_extras_name_what_they_lack(monkeypatch: Patch) -> None:
    versions(monkeypatch, pytest=None, pydicom=None)
    found = {finding.topic: finding for finding in packages.extras()}
    assert "pytest" in found["extra dev"].facts["missing"]
    assert found["extra dicom"].facts["missing"] == ["pydicom"] and ".[dicom]" in found["extra dicom"].mend
    assert found["extra serve"].level == found["extra dicom"].level == "ok"  # none is needed for a run


def test_little_memory_and_a_container(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=64 * 10**9, available=60 * 10**9))
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_CGROUP", limit)
    assert machine.memory().level == "ok"
    limit.write_text("max\n")
    assert machine.memory().level == "ok"
    limit.write_text("8000000000\n")
    found = machine.memory()
    assert found.level == "warning" and "limit of the container" in found.text and found.facts["bytes"] == 8 * 10**9


def test_a_folder_that_cannot_be_written(monkeypatch: Patch, tmp_path: Path) -> None:
    assert machine.runs_folder(tmp_path / "not" / "yet").level == "ok"

    def fail(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", fail)
        found = machine.runs_folder(tmp_path)
        assert found.level == "problem" and "Permission denied" in found.text and "--out" in found.mend
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    assert machine.runs_folder(tmp_path).level == "problem"


@pytest.mark.parametrize(
    ("said", "load", "level"),
    [
        ("1", 9.0, "ok"),
        ("2", 0.0, "ok"),
        (None, 0.0, "ok"),
        (None, 9.0, "warning"),
        ("64", 0.0, "warning"),
        ("x", 0.0, "warning"),
    ],
)
def test_threads(said: str | None, load: float, level: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    monkeypatch.delenv("OMP_NUM_THREADS")
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert machine.threads().level == level


def test_the_hub_is_not_asked_when_it_is_switched_off(monkeypatch: Patch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(httpx, "head", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = machine.hub()
    assert found.level == "warning" and "HF_HUB_OFFLINE" in found.text


def test_the_hub_answers_or_not(monkeypatch: Patch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(httpx, "head", lambda *_, **__: None)
    assert machine.hub().level == "ok"

    def refuse(*_: Any, **__: Any) -> None:
        raise httpx.ConnectError("Name or service not known")

    monkeypatch.setattr(httpx, "head", refuse)
    assert "Name or service not known" in str(hub.hub_silence())
    monkeypatch.setattr(httpx, "head", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    assert "does not answer within 0.2 s" in str(hub.hub_silence(0.2))
    assert time.monotonic() - start < 2


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_the_cache_is_measured_once_a_file(cache: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**12))
    assert machine.cache().facts["bytes"] == 0  # it need not exist
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshots").mkdir()
    (cache / "blobs" / "a").write_bytes(bytes(10_000))
    (cache / "snapshots" / "model.safetensors").hardlink_to(cache / "blobs" / "a")
    (cache / "snapshots" / "config.json").symlink_to(cache / "blobs" / "a")
    found = machine.cache()
    assert found.level == "ok" and 10_000 <= found.facts["bytes"] < 10_500
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert machine.cache().level == "warning" and "HF_HOME" in machine.cache().mend
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "not writable" in machine.cache().text


@pytest.mark.parametrize(
    ("script", "level", "said"),
    [
        ("echo 'openjdk version \"1.8.0_402\"' >&2", "ok", "version 8"),
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "ok", "version 11"),
        ("echo 'openjdk version \"17.0.15\" 2025-04-15' >&2", "warning", "version 17"),
        ("echo 'The operation could not be completed' >&2; exit 1", "warning", "does not work: The operation"),
    ],
)
def test_java(script: str, level: str, said: str, tmp_path: Path, monkeypatch: Patch) -> None:
    program = tmp_path / "java"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = machine.java()
    assert (found.level, said in found.text) == (level, True), found
    assert (level == "ok") == (found.prevents == "")


def test_no_java(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "METEOR" in machine.java().prevents


def test_medcat(monkeypatch: Patch) -> None:
    find: Callable[[str], object] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "medcat" else find(name))
    assert "UMLS" in machine.medcat().mend
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert machine.medcat().text.startswith("installed")
