"""The archive of a finished run: all that somebody else needs to run it again and to compare, except data and weights.

    base/README.md            how to reproduce it, in three commands
    base/config.yaml          for `imageclef run`; an ensemble's members in base/members/
    base/constraints.txt      the exact version of every package, for pip
    base/run.json             as recorded; the home folder is told as ~
    base/predictions.0.jsonl  the journal; predictions.csv has references, which are data, and stays here
    base/submission.csv ...   as uploaded
    base/scores.json
    base/manifest.json        the hash of each file

Names are sorted and times fixed, so that the same run gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from runners.reproduction.constraints import constraints_of
from runners.reproduction.homes import absolute_paths, without_home
from runners.reproduction.original import MANIFEST, SCHEMA, Original
from runners.reproduction.readme import readme_of
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

_AS_THEY_ARE = ("submission.csv", "submission.zip", "submission.json", "scores.json")
_TOLD = ("run.json", "decision.json", "predictions.*.jsonl")
"""What may hold paths of this machine."""
_THEN = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip knows."""


def write_archive(original: Original, path: Path, console: Console) -> None:
    """Write the archive and say what is in it; InputError when the run is not as it was, or `path` holds another."""
    files = frozen(original)
    content = zipped(files, folder=original.name)
    if path.exists() and path.read_bytes() != content:
        raise InputError(f"{path} is there already and holds something else: delete it, or name another with --out")
    write_whole(path, content)
    lines = [
        f"{path}: {len(content) / 1e6:.2f} MB, sha256 {hashlib.sha256(content).hexdigest()}",
        f"  {', '.join(sorted(files))}",
        "not in it: images, references, weights, embeddings, probabilities",
    ]
    if paths := absolute_paths(files["run.json"].decode("utf-8")):
        lines.append(f"paths of this machine that run.json tells: {', '.join(paths)}")
    console.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def frozen(original: Original) -> dict[str, bytes]:
    """Name -> content of all files of the archive; InputError when a file of the run is gone or was changed."""
    folder, submission = original.folder, original.record["submission"]
    given = folder / str(submission["file"])
    if not given.is_file() or hash_file(given) != submission["sha256"]:
        raise InputError(
            f"{given} is {'not what the run wrote' if given.is_file() else 'gone'}: delete it and start the run's "
            "command again, which writes it anew from the journal"
        )
    names = sorted({file.name for pattern in (*_TOLD, *_AS_THEY_ARE) for file in folder.glob(pattern)})
    files = {name: (folder / name).read_bytes() for name in names}
    told = {
        name: content if name in _AS_THEY_ARE else without_home(content.decode("utf-8")).encode("utf-8")
        for name, content in files.items()
    }
    told |= {name: without_home(text).encode("utf-8") for name, text in original.configs.items()}
    told["constraints.txt"] = constraints_of(original.record).encode("utf-8")
    told["README.md"] = without_home(readme_of(original)).encode("utf-8")
    return told | {MANIFEST: _manifest(told)}


def zipped(files: Mapping[str, bytes], *, folder: str) -> bytes:
    """A zip with the files in a folder, the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(f"{folder}/{name}", _THEN)
            member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(member, content)
    return buffer.getvalue()


def _manifest(files: Mapping[str, bytes]) -> bytes:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    return (json.dumps({"schema": SCHEMA, "files": hashes}, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
