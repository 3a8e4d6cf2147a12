"""The run that is reproduced: a run's folder, or the archive that `imageclef freeze` wrote, opened and found whole.

    with opened(Path("base.zip")) as original:
        original.record["config"], original.journal     # {...}, {"..._test_0": Prediction(...)}

An archive is unpacked into a folder of its own that goes away afterwards. Its manifest has the hash of each file: one
that was changed, taken out or put in is refused. That guards against accidents, not against a forger, who can write a
manifest: the hash of the whole archive, which `freeze` prints, is what to compare with the sender.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runners import record as records
from runners.reproduction.configs import config_files
from runners.reproduction.homes import at_home
from tasks.datasets.unpack import inside, unpack
from tasks.files import hash_file
from tasks.journal import read_journal
from tasks.nouns import InputError, Prediction, Task

MANIFEST = "manifest.json"
SCHEMA = 1
"""Of the manifest."""


@dataclass(frozen=True)
class Original:
    """A finished run."""

    path: Path
    """As it was given: a folder or an archive."""
    foreign: bool
    """It is an archive, and may come from somebody else."""
    folder: Path
    """Where its files lie."""
    record: Mapping[str, Any]
    """`run.json`."""
    configs: Mapping[str, str]
    """Name -> text of `config.yaml` and of an ensemble's members."""

    @property
    def name(self) -> str:
        """That of the run's folder when it was made."""
        return str(self.record["name"])

    @property
    def task(self) -> Task:
        return Task.of(self.record["task"])

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this run from another, and from the same one answered anew."""
        return {
            "name": self.name,
            "fingerprint": self.record["fingerprint"]["sha256"],
            "submission": self.record["submission"]["sha256"],
        }

    @cached_property
    def journal(self) -> dict[str, Prediction]:
        """What was answered, by image id."""
        return read_journal(self.folder)

    @property
    def scores(self) -> dict[str, Any] | None:
        """`scores.json`; None where the run was not scored."""
        path = self.folder / "scores.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except ValueError:
            raise InputError(f"{path} does not hold scores: write it again by scoring the run") from None
        return content if isinstance(content, dict) else None


@contextmanager
def opened(path: Path) -> Iterator[Original]:
    """The run at `path`; InputError when it is none, is not finished, was changed, or is of another version."""
    if path.is_dir():
        record = _record(path, path)
        yield Original(path, False, path, record, config_files(path, record))
    elif path.is_file():
        with tempfile.TemporaryDirectory(prefix="imageclef-") as there:
            folder = _unpacked(path, Path(there))
            configs = {
                str(file.relative_to(folder)): at_home(file.read_text(encoding="utf-8"))
                for file in sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")])
            }
            yield Original(path, True, folder, _record(folder, path), configs)
    else:
        raise InputError(f"there is no {path}: give a run's folder, or an archive that `imageclef freeze` wrote")


def _record(folder: Path, called: Path) -> dict[str, Any]:
    record = records.read_record(folder)
    if record is None:
        raise InputError(f"{called} holds no {records.FILE}: give a run's folder, or an archive of `imageclef freeze`")
    if (schema := record.get("schema", records.SCHEMA)) != records.SCHEMA:
        raise InputError(
            f"{called}: {records.FILE} is of version {schema}, this program reads version {records.SCHEMA}: use the "
            "version that wrote it (sessions, git)"
        )
    if not record["finished"]:
        sessions = record["sessions"] or [{}]
        command = shlex.join(["imageclef", *map(str, sessions[-1].get("command", ["", "run"])[1:])])
        raise InputError(f"{called}: the run is not finished: resume it first: {command}")
    try:
        whole = isinstance(record["data"]["files"], dict) and isinstance(record["submission"]["sha256"], str)
        whole = whole and "edition" in record and isinstance(record["model"], dict)
        whole = whole and {"path", "split", "n"} <= record["data"].keys()
        whole = whole and Task.of(str(record["task"])) is not None
        # It names the folder of the new run, and an archive may come from anywhere.
        whole = whole and inside(folder, str(record["name"])).parent == folder
        whole = whole and inside(folder, str(record["submission"]["file"])).parent == folder
    except (KeyError, TypeError, InputError):
        whole = False
    if not whole:
        raise InputError(f"{called}: {records.FILE} is not what a run writes: restore the file")
    if not any(folder.glob("predictions.*.jsonl")):
        raise InputError(f"{called} has no journal (predictions.*.jsonl), and nothing could be compared: restore it")
    return record


def _unpacked(archive: Path, there: Path) -> Path:
    """The folder in the archive, each file as the manifest says."""
    unpack(archive, there)
    found = sorted(there.glob(f"*/{MANIFEST}"))
    no_archive = f"{archive} is no archive of `imageclef freeze`"
    if len(found) != 1:
        raise InputError(f"{no_archive}: it holds {'no' if not found else 'more than one'} {MANIFEST}")
    folder = found[0].parent
    try:
        manifest = json.loads(found[0].read_text(encoding="utf-8"))
        schema, files = manifest["schema"], {str(name): str(sha256) for name, sha256 in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{no_archive}: {MANIFEST} cannot be read") from None
    if schema != SCHEMA:
        raise InputError(f"{archive} is of version {schema}, this program reads {SCHEMA}: use the one that wrote it")
    present = {str(p.relative_to(there)): p for p in there.rglob("*") if p.is_file() and p != found[0]}
    wanted = {f"{folder.name}/{name}": sha256 for name, sha256 in files.items()}
    wrong = [f"{name} was taken out" for name in sorted(wanted.keys() - present.keys())]
    wrong += [f"{name} was put in" for name in sorted(present.keys() - wanted.keys())]
    both = sorted(wanted.keys() & present.keys())
    wrong += [f"{name} was changed" for name in both if wanted[name] != hash_file(present[name])]
    if wrong:
        raise InputError(f"{archive} is not as it was frozen: {'; '.join(wrong)}: fetch it again from who made it")
    return folder
