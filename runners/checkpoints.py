"""Where a checkpoint is and which one it is: the embedded sample, a folder, or a hub id.

    locate("sample")                                          -> runners/sample_model/base,    "sha256:..."
    locate("sample/concept_detection")                        -> .../adapters/concept_detection, "sha256:..."
    locate("Qwen/Qwen2-VL-2B-Instruct")                       -> the hub's cache,  "hub:Qwen/...@<commit>"

The identity goes into a run's fingerprint. Neither torch nor transformers is imported: a run that has nothing
left to do must end at once. Only safetensors are accepted, since opening a pickle runs the code inside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.models.families import family_of
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

if TYPE_CHECKING:
    import torch

SAMPLE = Path(__file__).with_name("sample_model")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.py")
"""Everything that shapes an output beside the weights: configs, tokenizers, templates, code."""
SECOND_TOKENIZER = "*_tokenizer/*"
"""InstructBLIP's lies in a folder of its own."""
WEIGHTS = "*.safetensors"

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""What the hub calls a model: owner/name."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Checkpoint:
    """A folder with weights, and the name that pins their content."""

    path: Path
    identity: str


def locate(name: str, revision: str | None = None, subfolder: str | None = None) -> Checkpoint:
    """The checkpoint called `name`, downloaded when it is a hub id that is not in the cache yet.

    InputError when it is missing, incomplete or of a kind that cannot be loaded.
    """
    folder = _sample(name) or Path(name).expanduser()
    if not folder.is_dir() and HUB_ID.fullmatch(name) and not folder.exists():
        return _from_hub(name, revision, subfolder)
    if revision is not None:
        raise InputError(f"{name} is a folder and has no revision '{revision}': set revision to null")
    if subfolder is not None:
        folder /= subfolder
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give a folder, a hub id (owner/name) or `sample`")
    _refuse_unsupported(folder)
    files = _weights(folder)
    for pattern in (*SMALL_FILES, SECOND_TOKENIZER):
        files += folder.glob(pattern)
    return Checkpoint(folder, _content_hash(files))


def cache_folder() -> Path:
    """Where things that can be made again are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imageclef"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; InputError when it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): fetch the checkpoint again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object: fetch the checkpoint again")
    return content


def _sample(name: str) -> Path | None:
    first, _, adapter = name.partition("/")
    if first != "sample":
        return None
    folder = SAMPLE / "adapters" / adapter if adapter else SAMPLE / "base"
    if not folder.is_dir():
        raise InputError(
            f"the embedded model has no part '{name}': `make sample-model` builds it (sample, "
            "sample/concept_detection, sample/caption_prediction, sample/report_generation, "
            "sample/report_generation_context)"
        )
    return folder


def _from_hub(name: str, revision: str | None, subfolder: str | None) -> Checkpoint:
    inside = f"{subfolder.strip('/')}/" if subfolder else ""
    # The small files first: a model that cannot be loaded is refused before gigabytes are fetched.
    folder = _download(name, revision, [inside + pattern for pattern in SMALL_FILES]) / inside
    _refuse_unsupported(folder)
    root = _download(name, revision, [inside + pattern for pattern in (*SMALL_FILES, WEIGHTS)])
    _weights(root / inside)
    return Checkpoint(root / inside, f"hub:{name}@{root.name}" + (f"/{inside.rstrip('/')}" if inside else ""))


def _download(name: str, revision: str | None, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        at = f" --revision {revision}" if revision else ""
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name} is neither a folder here nor in the hub's cache, and its weights and tokenizer could not be "
            f"downloaded: {reason}\n  On a machine with a network run `hf download {name}{at} --local-dir DIR`, "
            "copy DIR here and give it as the name. A gated model needs `hf auth login` first."
        ) from error


def _refuse_unsupported(folder: Path) -> None:
    config = folder / "config.json"
    if config.is_file():
        try:
            family_of(str(read_json(config).get("model_type")))
        except InputError as error:
            raise InputError(f"{folder}: {error}") from None


def _weights(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, all there and whole; InputError otherwise."""
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise InputError(
            f"{folder} holds neither config.json (a model) nor adapter_config.json (an adapter): is it the right "
            "folder? A subfolder is named with `subfolder`"
        )
    files = sorted(folder.glob(WEIGHTS))
    if not files:
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
        raise InputError(
            f"{folder} has no {WEIGHTS}"
            + (f", only {', '.join(pickles[:3])}" if pickles else "")
            + ". Pickled weights are not loaded, since opening a pickle runs the code inside it: if you trust them, "
            "load and save them once with safe_serialization=True, or use a revision with safetensors"
        )
    for file in files:
        _check_whole(file)
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(read_json(index).get("weight_map", {}).values())
        if missing := sorted(shards - {file.name for file in files}):
            raise InputError(f"{folder} lacks {', '.join(missing[:5])}, named in {index.name}: download it again")
    return files


def _check_whole(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    with file.open("rb") as opened:
        if opened.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise InputError(
                f"{file} is a git-lfs pointer, not the weights: run `git lfs install && git lfs pull` in its clone"
            )
    try:
        with safe_open(file, framework="numpy"):
            pass
    except SafetensorError as error:
        raise InputError(f"{file} is damaged or cut short ({error}): fetch it again") from error


def _content_hash(files: list[Path]) -> str:
    """A hash over names and contents, each file hashed once and remembered by path, size and times."""
    store = cache_folder() / "hashes.json"
    try:
        known: dict[str, str] = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    lines, fresh = [], {}
    for file in sorted(files):
        stat = file.stat()
        # The time of change, unlike that of modification, cannot be set: a copy that keeps times is still seen.
        key = f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
        if key not in known:
            fresh[key] = hash_file(file)
        lines.append(f"{file.name} {known.get(key) or fresh[key]}")
    if fresh:
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError):
            write_whole(store, json.dumps({**known, **fresh}, indent=0))
    return "sha256:" + hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def read_tensors(path: Path, *, mend: str) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; InputError, which says how to `mend` it, when it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): {mend}") from error
    return tensors
