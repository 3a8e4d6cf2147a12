"""A curriculum of two stages as JSON lines, the form of github.com/rahul370139/radiology_report.

    curriculum_train.jsonl     one object a line: image, prompt, target, mode, stage
    curriculum_valid.jsonl     (or curriculum_val.jsonl)
    curriculum.json            what `imageclef data curriculum` says of both; where it is there, it must be true

    {"image": "files/p10/p1/s5/a.jpg", "prompt": "Image:<image>\\nAnswer Impression & CheXpert.",
     "target": "Impression: No acute disease.\\nCheXpert: {\\"No Finding\\": 1}", "mode": "image_only", "stage": "A"}

Stage A asks about the image alone, stage B tells of the patient too, and uses images of A again on purpose. One example
for each image: its reference is read from the target, its context from the patient data in the prompt of stage B. A
path of an image is absolute, or begins at the folder of the file or where the command is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.datasets.dataset import DataSet, part
from tasks.datasets.table import checked_id
from tasks.files import hash_file
from tasks.nouns import Example, InputError, Report, Task
from tasks.reports.text import parse_report

FILES = {"train": ("curriculum_train.jsonl",), "valid": ("curriculum_valid.jsonl", "curriculum_val.jsonl")}
RECORD = "curriculum.json"
FIELDS = ("image", "prompt", "target", "mode", "stage")
MODES = {"A": "image_only", "B": "image_ehr"}
"""Stage -> its mode."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line, which was found to be whole."""

    image: Path
    stage: str
    report: Report
    context: dict[str, str]
    where: str
    """File and line."""


def read(root: Path) -> DataSet | None:
    """The curriculum in `root`; None when there is none."""
    files = {split: path for split, names in FILES.items() for name in names if (path := root / name).is_file()}
    if not files:
        return None
    record = _record(root)
    return DataSet(
        root,
        "curriculum (JSON lines)",
        tuple(part(Task.REPORTS, partial(_examples, path, split, record), split) for split, path in files.items()),
        label_files=tuple(files.values()),
        restricted=str(record["data"].get("restricted", "")) if record else "",
    )


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file; InputError names the line of the first that is not one."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _row(line, path, f"{path}:{number}")


def _row(line: bytes, path: Path, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}): write one object a line, or make the file again") from error
    if not isinstance(row, dict) or any(not isinstance(row.get(name), str) for name in FIELDS):
        missing = [name for name in FIELDS if not isinstance(row, dict) or not isinstance(row.get(name), str)]
        raise InputError(f"{where}: no text in {', '.join(missing)}: a row has {', '.join(FIELDS)}")
    if MODES.get(row["stage"]) != row["mode"]:
        raise InputError(
            f"{where}: stage {row['stage']!r} with mode {row['mode']!r}: stage A is image_only, stage B image_ehr"
        )
    if "<image>" not in row["prompt"]:
        raise InputError(f"{where}: the prompt has no <image>: the model would not be shown the picture")
    try:
        report = parse_report(row["target"])
    except ValueError as error:
        raise InputError(f"{where}: {error}: a target begins with 'Impression: ...'") from error
    return Row(_image(row["image"], path), row["stage"], report, _context(row["prompt"], where), where)


def _image(name: str, path: Path) -> Path:
    image = path.parent / name
    return image if image.is_file() or not Path(name).is_file() else Path(name)


def _context(prompt: str, where: str) -> dict[str, str]:
    """The patient data in a prompt, each field as text; empty when there is none."""
    start = prompt.find("{")
    if start < 0:
        return {}
    try:
        data: Any = json.JSONDecoder(strict=False).raw_decode(prompt, start)[0]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: the patient data of the prompt is no JSON ({error}): correct it") from error
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in data.items()}


def _examples(path: Path, split: str, record: dict[str, Any]) -> list[Example]:
    """One example for each image, in the order of their first rows."""
    _check_declared(path, record)
    examples: dict[str, Example] = {}
    stages: dict[tuple[str, str], str] = {}
    for row in read_rows(path):
        image_id = checked_id(row.image.stem, row.where)
        first = stages.setdefault((image_id, row.stage), row.where)
        if first != row.where:
            raise InputError(f"{row.where}: image {image_id} stands in stage {row.stage} already ({first}): remove one")
        known = examples.get(image_id)
        context = {**(known.context if known else {}), **row.context}
        # Stage B asks for more than stage A: its target is the whole answer.
        report = row.report if known is None or row.stage == "B" else known.reference
        examples[image_id] = Example(image_id, row.image, split, report, context)
    if not examples:
        raise InputError(f"{path} holds no row: make it again, or remove it")
    return list(examples.values())


def _record(root: Path) -> dict[str, Any]:
    try:
        record = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{root / RECORD} cannot be read ({error}): make the curriculum again") from error
    if not isinstance(record, dict) or not all(isinstance(record.get(part), dict) for part in ("data", "files")):
        raise InputError(f"{root / RECORD} is no record of a curriculum: make the curriculum again")
    return record


def _check_declared(path: Path, record: dict[str, Any]) -> None:
    """InputError when the file is not the one that the record beside it tells of."""
    declared = record["files"].get(path.name) if record else None
    if record and not (isinstance(declared, dict) and declared.get("sha256") == hash_file(path)):
        raise InputError(f"{path} is not the file that {RECORD} beside it tells of: make the curriculum again")
