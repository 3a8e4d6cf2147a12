"""Files that a command will write: tried before the work, which may take hours, and never one of those it reads.

check_outputs({"--per-image": Path("each.csv")}, inputs=[Path("submission.csv"), Path("captions.csv")])
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.inputs.runs import read_record
from tasks.nouns import InputError

OF_RUNS = ("run.json", "predictions.csv", "scores.json", "concept_names.csv")
"""Files of a run beside its submission that no other command may write."""


def check_outputs(outputs: Mapping[str, Path | Sequence[Path] | None], inputs: Iterable[Path]) -> None:
    """InputError naming the option unless each file that is given can be written without loss."""
    taken = {path.resolve(): f"{path} belongs to what is scored" for path in inputs}
    given = {option: [paths] if isinstance(paths, Path) else paths or () for option, paths in outputs.items()}
    for option, path in [(option, path) for option, paths in given.items() for path in paths]:
        if path.is_dir():
            raise InputError(f"{option} {path} is a folder: name a file in it")
        if path.resolve() in taken:
            raise InputError(f"{option}: {taken[path.resolve()]}: name another file")
        taken[path.resolve()] = f"{path} is the file of {option}, too"
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(f"{option} {path} cannot be written: {folder}: {error.strerror}: name another") from error


def files_of_submissions(arguments: Sequence[Path], files: Sequence[Path]) -> list[Path]:
    """The files of submissions and, where those are run folders, of the runs."""
    return [*files, *(path / name for path in arguments for name in OF_RUNS)]


def tables_of_data(arguments: Sequence[Path]) -> list[Path]:
    """The tables, references among them, in the data sets of those arguments that are run folders."""
    folders = {Path(read_record(path)["data"]["path"]) for path in arguments if path.is_dir()}
    return [table for folder in sorted(folders) for table in sorted(folder.glob("*.csv"))]


def files_read(*, groups: str | None = None, **where: Any) -> list[Path]:
    """The files among the arguments of `evaluation.inputs.arguments.read_inputs`."""
    named = [groups, groups.rpartition(":")[0]] if groups else []
    return [*map(Path, filter(None, named)), *(value for value in where.values() if isinstance(value, Path))]
