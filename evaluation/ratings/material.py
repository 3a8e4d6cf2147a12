"""What is to be rated: the texts that several systems wrote about the same images, and the images.

The first argument is a run folder, which says the task, the edition and where the images lie; beside it stand further
run folders, or a CSV or zip that anybody's program wrote:

    material = read_material([Path("submissions/report_generation/knn"), Path("theirs.csv")], with_reference=True)
    list(material.systems)                          # ["knn", "theirs", "reference"]
    material.systems["knn"]["CXR1"].impression      # "No acute disease."
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.inputs.runs import read_record
from tasks.datasets import open_dataset
from tasks.editions import Edition, load_edition
from tasks.ids import require_same
from tasks.nouns import Example, ImageSource, InputError, Report, Task, Value
from tasks.submission import one_line, read_submission

REFERENCE = "reference"
"""What the gold texts are called among the systems."""


@dataclass(frozen=True, slots=True)
class Material:
    """Texts by system and image, and the images."""

    systems: Mapping[str, Mapping[str, Value]]
    """System -> image id -> text, the same ids for all."""
    images: Mapping[str, tuple[ImageSource, ...]]
    """Image id -> the views of its study."""
    unreferenced: int = 0
    """Studies left out because they have no gold text."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The studies that every system wrote about."""
        return tuple(next(iter(self.systems.values())))


def read_material(arguments: Sequence[Path], *, with_reference: bool) -> Material:
    """The texts of the systems named by `arguments`, with the gold ones as another system if wanted."""
    for path in arguments:
        if not path.exists():
            raise InputError(f"{path} does not exist: give a run folder, or a CSV or zip beside one")
    if not arguments[0].is_dir():
        raise InputError(f"{arguments[0]} is a file: name a run folder first, which says where the images are")
    record = read_record(arguments[0])
    task = Task.of(record["task"])
    if task is Task.CONCEPTS:
        raise InputError(f"{arguments[0]} is a run of {task}: texts are rated, captions or reports")
    edition = load_edition(record["edition"], task)
    systems: dict[str, Mapping[str, Value]] = {}
    for path in arguments:
        name = path.resolve().name if path.is_dir() else path.stem
        if name in systems or name == REFERENCE:
            raise InputError(f"{path}: another system is called '{name}' already: rename the file or folder")
        systems[name] = _answers(path, task, edition)
        require_same(arguments[0], list(next(iter(systems.values()))), path, list(systems[name]))
    examples = {e.image_id: e for e in open_dataset(record["data"]["path"]).examples(task, record["data"]["split"])}
    absent = next((i for i in next(iter(systems.values())) if i not in examples), None)
    if absent is not None:
        raise InputError(f"{absent} is not in the run's data {record['data']['path']}: give the data it was made from")
    answered = len(next(iter(systems.values())))
    if with_reference:
        systems = _with_reference(systems, examples, arguments[0])
    ids = next(iter(systems.values()))
    return Material(systems, {i: examples[i].images for i in ids}, answered - len(ids))


def sections(value: Value) -> dict[str, str]:
    """Title -> text of what is shown to a rater, on one line: line breaks and blanks would tell whose it is."""
    if isinstance(value, Report):
        return {"Findings": one_line(value.findings), "Impression": one_line(value.impression)}
    return {"Caption": one_line(value)} if isinstance(value, str) else {}


def _answers(path: Path, task: Task, edition: Edition) -> dict[str, Value]:
    if not path.is_dir():
        return read_submission(path, edition=edition)
    record = read_record(path)
    if Task.of(record["task"]) is not task:
        raise InputError(f"{path} is a run of {record['task']}, the first one of {task}: give runs of one task")
    own = load_edition(record["edition"], task)
    return read_submission(path / own.zip_member, edition=own)


def _with_reference(
    systems: Mapping[str, Mapping[str, Value]], examples: Mapping[str, Example], run: Path
) -> dict[str, Mapping[str, Value]]:
    """The systems and the gold texts, on the studies that have one."""
    ids = next(iter(systems.values()))
    gold = {i: reference for i in ids if any(sections(reference := examples[i].reference or ()).values())}
    if not gold:
        raise InputError(f"--with-reference: no image that {run} answered has a reference: leave it out")
    return {**{name: {i: texts[i] for i in gold} for name, texts in systems.items()}, REFERENCE: gold}
