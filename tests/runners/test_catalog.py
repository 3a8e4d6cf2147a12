"""The table of families, and where a checkpoint is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch

from runners.models.families import family_of, known_families
from runners.preview import catalog as catalogs
from runners.preview import whereabouts
from runners.preview.catalog import catalog, known_checkpoint
from runners.preview.memory import GIB, weight_bytes
from runners.preview.whereabouts import find, is_hub_id
from tasks.nouns import InputError

Build = Callable[[str], Path]


def test_every_family_has_a_row_and_the_refused_say_why() -> None:
    rows = {row.model_type: row for row in catalog()}
    assert set(known_families()) == {name for name, row in rows.items() if row.refused is None}
    assert "default" not in rows
    for row in rows.values():
        assert row.refused is None or "\n" not in row.refused.strip()
        assert all(size.parameters > 10**7 and "/" in size.id for size in row.sizes)


def test_a_row_without_title_or_sizes_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [{"id": "a/b", "parameters": 2e9}]
    rows = {"default": {"prompt": "chat"}, "new": {"sizes": sizes}, "bare": {"prompt": "plain"}}
    monkeypatch.setattr(catalogs, "family_rows", lambda: rows)
    new, bare = catalog()
    assert (new.title, new.prompt, new.sizes[0].parameters, new.sizes[0].nf4_gib) == ("new", "chat", 2 * 10**9, None)
    assert new.sizes[0].bf16_gib == pytest.approx(4e9 / GIB)
    assert bare.sizes == () and bare.prompt == "plain"


def test_the_listed_memory_is_that_of_the_architecture() -> None:
    """transformers' default LlavaConfig is LLaVA-1.5-7B but for 64 rows of its vocabulary."""
    from transformers import AutoModelForImageTextToText, LlavaConfig

    with torch.device("meta"):
        network = AutoModelForImageTextToText.from_config(LlavaConfig(), dtype=torch.bfloat16)
    found = known_checkpoint("llava-hf/LLaVA-1.5-7b-hf")
    assert found is not None
    row, size = found
    assert row.model_type == "llava"
    assert size.parameters == pytest.approx(network.num_parameters(), rel=0.01)
    kept = family_of("llava").unquantized
    assert size.bf16_gib * GIB == pytest.approx(weight_bytes(network, quantization="none", kept=kept), rel=0.02)
    assert size.nf4_gib is not None
    assert size.nf4_gib * GIB == pytest.approx(weight_bytes(network, quantization="nf4", kept=kept), rel=0.05)
    assert known_checkpoint("nobody/nothing") is None


def test_a_folder_and_the_sample_are_no_hub_ids(tiny: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert is_hub_id("owner/name")
    assert not is_hub_id("sample/caption_prediction") and not is_hub_id("sample")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not is_hub_id("owner/name")
    place = find(str(tiny("blip")))
    assert (place.kind, place.folder, place.download) == ("folder", tiny("blip"), 0)
    assert place.identity.startswith("sha256:") and place.checkpoint.identity == place.identity
    with pytest.raises(InputError, match="there is no folder"):
        find("nowhere")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for the hub and its cache: what is in `cached` lies there, what is in `remote` could be fetched."""
    state = SimpleNamespace(cached={}, remote={}, error=None, silence=None, folder=tmp_path / "abc123", asked=0)

    def write(files: dict[str, int]) -> str:
        for name, size in files.items():
            path = state.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}" if size == 2 else bytes(size))
        return str(state.folder)

    def download(name: str, *, allow_patterns: list[str], **options: Any) -> Any:
        if options.get("local_files_only"):
            if not state.cached:
                raise huggingface_hub.errors.LocalEntryNotFoundError("not cached")
            return write(state.cached)
        state.asked += 1
        if state.error is not None:
            raise state.error
        if options.get("dry_run"):
            return [
                SimpleNamespace(filename=file, file_size=size, will_download=file not in state.cached)
                for file, size in state.remote.items()
            ]
        assert not any("safetensors" in pattern and "index" not in pattern for pattern in allow_patterns)
        return write({file: size for file, size in state.remote.items() if not file.endswith((".safetensors", ".bin"))})

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(whereabouts, "hub_silence", lambda: state.silence)
    return state


def test_what_is_in_the_cache_is_not_asked_for(hub: SimpleNamespace) -> None:
    hub.cached = {"config.json": 2, "model.safetensors": 9}
    hub.silence = "no network"
    place = find("owner/name")
    assert (place.kind, place.download, place.identity) == ("cache", 0, "hub:owner/name@abc123")
    assert hub.asked == 0


def test_a_subfolder_is_part_of_the_identity(hub: SimpleNamespace) -> None:
    hub.cached = {"stage2/adapter_config.json": 2, "stage2/adapter_model.safetensors": 9}
    place = find("owner/name", subfolder="stage2/")
    assert place.identity == "hub:owner/name@abc123/stage2"
    assert (place.folder / "adapter_config.json").is_file()


def test_half_a_download_is_told_by_what_is_missing(hub: SimpleNamespace) -> None:
    index = b'{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    hub.cached = {"config.json": 2, "model-1.safetensors": 9}
    hub.remote = {**hub.cached, "model-2.safetensors": 4_000, "model.bin": 7_000_000, "model.safetensors.index.json": 2}
    hub.folder.mkdir()
    (hub.folder / "model.safetensors.index.json").write_bytes(index)
    place = find("owner/name")
    assert place.kind == "hub" and place.download == 4_000 + 2
    assert "to download first" in place.text


def test_weights_are_never_fetched_by_a_look(hub: SimpleNamespace) -> None:
    hub.remote = {"config.json": 2, "model.safetensors": 4_000_000_000}
    place = find("owner/name")
    assert place.download == 4_000_000_002 and "4.00 GB" in place.text
    assert sorted(path.name for path in place.folder.iterdir()) == ["config.json"]


def test_offline_is_said_with_the_way_out(hub: SimpleNamespace) -> None:
    hub.silence = "HF_HUB_OFFLINE is set, so it is not asked"
    with pytest.raises(InputError, match=r"not on this machine.*HF_HUB_OFFLINE(.|\n)*hf download owner/name"):
        find("owner/name")
    assert hub.asked == 0


def test_a_gated_or_unknown_model_is_said(hub: SimpleNamespace) -> None:
    hub.error = OSError("403: access to it is restricted\nand more")
    with pytest.raises(InputError, match=r"owner/name cannot be fetched.*restricted\n.*hf auth login"):
        find("owner/name")


def test_pickles_alone_are_refused_before_the_download(hub: SimpleNamespace) -> None:
    hub.remote = {"config.json": 2, "pytorch_model.bin": 9_000}
    with pytest.raises(InputError, match="pickled weights are not loaded"):
        find("owner/name")


def test_a_download_larger_than_the_disk_is_refused(hub: SimpleNamespace) -> None:
    hub.remote = {"config.json": 2, "model.safetensors": 10**17}
    with pytest.raises(InputError, match="make room, or set HF_HOME"):
        find("owner/name")
