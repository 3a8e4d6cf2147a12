"""A year of a task: how its submission file looks, and which mistakes its official programs refuse.

All of it is data in `<year>.yaml` beside this file, each with its public sources; the format of report generation,
which has no organiser, is ours and the same every year (`report_generation.yaml`). Mistakes are named by the codes of
`tasks.problems`, so that an edition is little more than two lists of them:

    edition = load_edition(2026, Task.CONCEPTS)
    edition.columns             # ("ID", "CUIs")
    edition.max_cuis            # 100
    "cui-too-many" in edition.precheck_rejects, "cui-too-many" in edition.evaluator_rejects     # False, True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.nouns import InputError, Task

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Edition:
    """The rules for the submission file of one task in one year."""

    year: int
    task: Task
    columns: tuple[str, ...]
    """The header, id first."""
    delimiter: str
    cui_separator: str
    max_cuis: int
    """CUIs per image that the evaluator takes."""
    id_example: str
    zip_member: str
    """The one file inside the zip to upload."""
    official_precheck: bool
    """Whether the organisers publish a pre-check; without one, `precheck_rejects` holds their written rules."""
    precheck_rejects: frozenset[str]
    """Codes of the problems that the pre-check refuses."""
    evaluator_rejects: frozenset[str]
    """Codes of the problems that stop the evaluator."""
    sources: tuple[str, ...]
    scoring: Mapping[str, Any]
    """The key `scoring` of the year's file as it stands: task name -> how it is scored."""


def load_edition(year: int | str, task: Task) -> Edition:
    """The edition of `task` in `year`; InputError naming the years that are known."""
    known = known_years()
    if str(year) not in known:
        raise InputError(f"unknown edition '{year}': use one of {', '.join(known)}")
    of_year = _read(FOLDER / f"{year}.yaml")
    spec = of_year.get(task.value)
    if task is Task.REPORTS:
        spec = _read(FOLDER / "report_generation.yaml")
    if spec is None:
        raise InputError(f"edition {year} has no {task}: choose another edition or task")
    return Edition(
        year=int(year),
        task=task,
        columns=tuple(spec["columns"]),
        delimiter=spec["delimiter"],
        cui_separator=spec.get("cui_separator", ";"),
        max_cuis=spec.get("max_cuis", 100),
        id_example=spec["id_example"],
        zip_member=spec["zip_member"],
        official_precheck=spec["official_precheck"],
        precheck_rejects=frozenset(spec["precheck_rejects"]),
        evaluator_rejects=frozenset(spec["evaluator_rejects"]),
        sources=tuple(spec["sources"]),
        scoring=of_year.get("scoring", {}),
    )


def known_years() -> list[str]:
    """The years with a data file, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("[0-9]*.yaml"))


def _read(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML

    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document
