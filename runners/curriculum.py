"""`imageclef data curriculum`: a data set of reports as a curriculum of two stages, image alone, then patient data too.

    imageclef data curriculum data/mimic-cxr --out data/curriculum --image-share 0.35

Rows are those of github.com/rahul370139/radiology_report (tasks/datasets/curriculum.py). There the same patient, and
the same image, stood in both files, and the shares were not those that were told; here a patient with a row in valid
has none in train, and what was written is counted. `curriculum.json` says what the files hold; it is written last and
means that they are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from runners.config import Prompt
from runners.prompts import prompts_of
from tasks.datasets import DataSet, open_dataset
from tasks.datasets.curriculum import MODES, RECORD
from tasks.datasets.groups import groups_of_data
from tasks.files import write_whole
from tasks.nouns import Example, InputError, Report, Task
from tasks.reports.text import format_report

PROMPTS = {"A": "mimic_curriculum_image", "B": "mimic_curriculum_ehr"}


@dataclass(frozen=True)
class Chosen:
    """The examples of a split that a curriculum can use."""

    examples: Sequence[Example]
    dropped: Mapping[str, int]
    """Why -> how many studies were left out."""


@click.command()
@click.argument("data", metavar="DATA")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to fill.")
@click.option("--train", default="train", show_default=True, help="Split that is learned from.")
@click.option("--valid", default="valid", show_default=True, help="Split that is held back.")
@click.option(
    "--image-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the rows that ask about the image alone; rows are left out to reach it.  [default: all rows]",
)
@click.option("--force", is_flag=True, help="Replace a curriculum that is there.")
def curriculum(*, data: str, out: Path, train: str, valid: str, image_share: float | None, force: bool) -> None:
    """Write curriculum_train.jsonl and curriculum_valid.jsonl: image alone (stage A), then patient data too (B).

    DATA is the folder of a data set of reports. Every study with an impression is asked about in stage A, those with
    patient data again in stage B. Counts, shares and hashes are printed and kept in curriculum.json.
    """
    from rich.console import Console

    if (out / RECORD).exists() and not force:
        raise InputError(f"{out / RECORD} exists: give --out another folder, or --force to replace the curriculum")
    dataset = open_dataset(data)
    record = write_curriculum(dataset, out, splits={"train": train, "valid": valid}, image_share=image_share)
    print_record(record, Console())
    click.echo(f"curriculum in {out}; next: imageclef data check {out}")


def write_curriculum(
    dataset: DataSet, out: Path, *, splits: Mapping[str, str], image_share: float | None = None
) -> dict[str, Any]:
    """Write both files, then the record of them, which is returned; `splits` says where train and valid come from.

    InputError when a split has no study that can be used, or an image that is no file of its own: then nothing is
    replaced.
    """
    if out.resolve() == dataset.root.resolve():
        raise InputError(f"{out} is the data itself, and would be taken for a curriculum: give --out another folder")
    chosen, patient, title = _chosen(dataset, splits)
    texts, told = {}, {}
    for name, of_split in chosen.items():
        where = f"{dataset.root}: split '{splits[name]}'"
        if not of_split.examples:
            raise InputError(f"{where} has no study that can be used ({_left_out(of_split.dropped)}): name another")
        rows = _balanced(_rows(of_split.examples, out), image_share, where)
        texts[name] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        told[f"curriculum_{name}.jsonl"] = _told(rows, texts[name], _left_by(rows, of_split, out), patient)
    record = {
        "data": {
            "path": str(dataset.root),
            "layout": dataset.layout,
            "splits": splits,
            "restricted": dataset.restricted,
        },
        "grouped_by": title,
        "files": told,
    }
    (out / RECORD).unlink(missing_ok=True)
    for name, text in texts.items():
        write_whole(out / f"curriculum_{name}.jsonl", text)
    write_whole(out / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return record


def _chosen(dataset: DataSet, splits: Mapping[str, str]) -> tuple[dict[str, Chosen], dict[str, str], str]:
    """The studies of train and valid, with no patient in both; the patient of each; the column that names patients."""
    examples = {name: dataset.examples(Task.REPORTS, split) for name, split in splits.items()}
    every = [e for of_split in examples.values() for e in of_split]
    notes: list[str] = []
    groups = groups_of_data(dataset, every, notes)
    if notes:  # without its groups, a patient would be on both sides
        raise InputError(f"{dataset.root}: train and valid cannot be parted by patient: {'; '.join(notes)}")
    patient = {e.image_id: groups.of.get(e.image_id, e.image_id) for e in every}
    held = {patient[e.image_id] for e in examples["valid"]}
    chosen = {name: _usable(of_split) for name, of_split in examples.items()}
    train = [e for e in chosen["train"].examples if patient[e.image_id] not in held]
    shared = len(chosen["train"].examples) - len(train)
    chosen["train"] = Chosen(train, {**chosen["train"].dropped, "their patient is in valid": shared})
    return chosen, patient, groups.title


def print_record(record: Mapping[str, Any], console: Any) -> None:
    """Print a row for each file, then what was left out."""
    from rich.table import Table

    table = Table("", *record["files"])
    shown = [_shown(told) for told in record["files"].values()]
    for title in shown[0]:
        table.add_row(title, *(column[title] for column in shown))
    console.print(table)
    for name, told in record["files"].items():
        for why, n in told["dropped"].items():
            if n:
                console.print(f"{name}: studies left out, {why}: {n}", highlight=False)
    by = f"the column '{record['grouped_by']}'" if record["grouped_by"] else "their ids: nothing names the patients"
    console.print(f"studies are told apart by {by}; none of valid is in train", highlight=False)
    if record["data"]["restricted"]:
        console.print(f"made from {record['data']['restricted']}: do not pass it on", style="yellow", highlight=False)


def _shown(told: Mapping[str, Any]) -> dict[str, str]:
    """What is printed of one file."""
    rows = told["rows"]
    stages = {f"stage {stage}, {MODES[stage]}": f"{n:,} ({n / rows:.1%})" for stage, n in told["stages"].items()}
    counts = {name: f"{told[name]:,}" for name in ("images", "patients", "bytes")}
    return {"rows": f"{rows:,}", **stages, **counts, "sha256": told["sha256"][:16]}


def _usable(examples: Sequence[Example]) -> Chosen:
    """Those with an impression, in their order."""
    usable = [e for e in examples if isinstance(e.reference, Report) and e.reference.impression]
    return Chosen(usable, {"no impression": len(examples) - len(usable)})


def _rows(examples: Sequence[Example], out: Path) -> list[dict[str, str]]:
    """The rows of stage A, then those of stage B, of the studies whose prompt then tells something of the patient."""
    rows = []
    for stage, asked in (("A", examples), ("B", [e for e in examples if e.context])):
        prompts = prompts_of(Prompt(name=PROMPTS[stage]), asked, task=Task.REPORTS, vocabulary=None) if asked else []
        rows += [
            {
                "image": _path(example, out),
                "prompt": prompt,
                "target": _target(example.reference, stage),
                "mode": MODES[stage],
                "stage": stage,
            }
            for example, prompt in zip(asked, prompts, strict=True)
            if stage == "A" or '": "' in prompt
        ]
    return rows


def _target(report: object, stage: str) -> str:
    """Impression and labels; in stage B, which asks for them, the codes too."""
    assert isinstance(report, Report)
    return format_report(replace(report, findings="", icd=report.icd if stage == "B" else ()))


def _path(example: Example, out: Path) -> str:
    if not isinstance(example.image, Path):
        raise InputError(f"image {example.image_id} is a cell of a table: a curriculum names files; unpack the images")
    return os.path.relpath(example.image, out)


def _left_by(rows: Sequence[Mapping[str, str]], chosen: Chosen, out: Path) -> Chosen:
    """The examples that still have a row, and the number of the others."""
    images = {row["image"] for row in rows}
    kept = [e for e in chosen.examples if _path(e, out) in images]
    return Chosen(kept, {**chosen.dropped, "for the image share": len(chosen.examples) - len(kept)})


def _left_out(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"studies left out, {why}: {n}" for why, n in dropped.items() if n) or "it is empty"


def _balanced(rows: list[dict[str, str]], share: float | None, where: str) -> list[dict[str, str]]:
    """Rows left out, by the hash of their image, so that stage A has its share; all of them where no share is asked."""
    of_stage = {stage: [row for row in rows if row["stage"] == stage] for stage in MODES}
    if share is None:
        return rows
    if not of_stage["B"]:
        raise InputError(f"{where} tells nothing of its patients, so all rows are of stage A: leave out --image-share")
    ratio = share / (1 - share)
    wanted = {
        "A": min(len(of_stage["A"]), round(len(of_stage["B"]) * ratio)),
        "B": min(len(of_stage["B"]), round(len(of_stage["A"]) / ratio)),
    }
    kept: set[tuple[str, str]] = set()
    for stage, own in of_stage.items():
        by_chance = sorted(own, key=lambda row: hashlib.sha256(row["image"].encode()).hexdigest())
        kept |= {(stage, row["image"]) for row in by_chance[: max(1, wanted[stage])]}
    return [row for row in rows if (row["stage"], row["image"]) in kept]


def _told(rows: Sequence[Mapping[str, str]], text: str, chosen: Chosen, patient: Mapping[str, str]) -> dict[str, Any]:
    """What the record says of a file."""
    stages = Counter(row["stage"] for row in rows)
    data = text.encode()
    return {
        "rows": len(rows),
        "stages": {stage: stages[stage] for stage in MODES},
        "images": len(chosen.examples),
        "patients": len({patient[e.image_id] for e in chosen.examples}),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "dropped": dict(chosen.dropped),
    }
