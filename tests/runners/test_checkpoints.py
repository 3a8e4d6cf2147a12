"""Where a checkpoint is, which one it is, and why it is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from runners import checkpoints
from runners.checkpoints import locate
from tasks.nouns import InputError

Build = Callable[[str], Path]


@pytest.fixture
def model(tiny: Build, tmp_path: Path) -> Path:
    """A copy of a tiny checkpoint to spoil."""
    return Path(shutil.copytree(tiny("llava"), tmp_path / "model"))


def test_the_identity_follows_the_content(model: Path, tmp_path: Path) -> None:
    found = locate(str(model))
    assert found.path == model and found.identity.startswith("sha256:")
    elsewhere = Path(shutil.copytree(model, tmp_path / "elsewhere"))
    (elsewhere / "README.md").write_text("not part of it", encoding="utf-8")
    assert locate(str(elsewhere)).identity == found.identity
    (elsewhere / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert locate(str(elsewhere)).identity != found.identity


def test_a_file_is_hashed_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = locate(str(model))

    def fail(*_: Any) -> None:
        raise AssertionError("hashed again")

    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", fail)
        assert locate(str(model)) == first
    (model / "config.json").write_text((model / "config.json").read_text("utf-8") + "\n", encoding="utf-8")
    assert locate(str(model)).identity != first.identity


def test_a_cache_that_cannot_be_written_or_read_is_no_obstacle(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = locate(str(model))
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert locate(str(model)) == expected
    (tmp_path / "imageclef").mkdir()
    (tmp_path / "imageclef" / "hashes.json").write_text("{torn", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert locate(str(model)) == expected


def test_pickles_are_refused_with_the_reason(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only pytorch_model\.bin.*runs the code"):
        locate(str(model))


def test_lfs_pointers_torn_files_and_lost_shards_are_seen(model: Path) -> None:
    weights = model / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", encoding="utf-8")
    with pytest.raises(InputError, match="git lfs pull"):
        locate(str(model))
    weights.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="cut short"):
        locate(str(model))
    weights.write_bytes(whole)
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(InputError, match="lacks model-00002-of-00002"):
        locate(str(model))


def test_wrong_folders_get_a_message(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        locate(str(tmp_path / "gone"))
    with pytest.raises(InputError, match="neither config"):
        locate(str(tmp_path))
    with pytest.raises(InputError, match="no folder"):
        locate(str(model), subfolder="gone")
    with pytest.raises(InputError, match="no revision"):
        locate(str(model), "v1")
    assert locate(str(tmp_path), subfolder="model") == locate(str(model))
    with pytest.raises(InputError, match="make sample-model"):
        locate("sample/weather_forecast")
    (model / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        locate(str(model))


def test_a_layout_that_cannot_be_loaded_is_refused_with_a_way_out(model: Path) -> None:
    (model / "config.json").write_text('{"model_type": "internvl_chat"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"internvl_chat.*-hf"):
        locate(str(model))


def test_offline_says_how_to_fetch() -> None:
    with pytest.raises(InputError, match=r"hf download nobody/nothing --revision v1 --local-dir"):
        locate("nobody/nothing", "v1")


def test_a_hub_checkpoint_is_named_by_its_commit(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "snapshots" / "0123abcd"
    shutil.copytree(model, snapshot / "inner")
    asked: list[list[str]] = []

    def download(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert (name, revision) == ("owner/name", "main")
        asked.append(allow_patterns)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    found = locate("owner/name", "main", "inner")
    assert found.identity == "hub:owner/name@0123abcd/inner"
    assert found.path == snapshot / "inner"
    assert all(pattern.startswith("inner/") for patterns in asked for pattern in patterns)
    assert not any(pattern.endswith(checkpoints.PICKLES) for patterns in asked for pattern in patterns)

    (snapshot / "inner" / "config.json").write_text('{"model_type": "internvl_chat"}', encoding="utf-8")
    asked.clear()
    with pytest.raises(InputError, match="internvl_chat"):
        locate("owner/name", "main", "inner")
    assert not any("safetensors" in p for patterns in asked for p in patterns), "refused after the download"


def test_locating_imports_nothing_heavy(tiny: Build) -> None:
    code = (
        "import sys; from runners.checkpoints import locate; import runners.models; locate(sys.argv[1]);"
        "print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tiny("blip"))], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
