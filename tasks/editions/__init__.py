"""A year of a task: how its submission file looks, and which mistakes its official programs refuse.

All of it is data in `<year>.yaml` beside this file, each with its public sources; the format of report generation,
which has no organiser, is ours and the same every year (`report_generation.yaml`). Mistakes are named by the codes of
`tasks.problems`, so that an edition is little more than two lists of them. A fact that no public source gives is left
out of the file and named under `unknown`:

    edition = load_edition(2026, Task.CONCEPTS)
    edition.columns             # ("ID", "CUIs")
    edition.max_cuis            # 100
    "cui-too-many" in edition.precheck_rejects, "cui-too-many" in edition.evaluator_rejects     # False, True
    load_edition(2020, Task.CONCEPTS).delimiter, load_edition(2020, Task.CONCEPTS).header       # "\\t", "none"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.nouns import InputError, Task

FOLDER = Path(__file__).parent
NO_LIMIT = sys.maxsize
"""The number of CUIs that is never too many."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The rules for the submission file of one task in one year."""

    year: int
    task: Task
    columns: tuple[str, ...]
    """The columns, id first: the header, where the year has one."""
    header: Literal["required", "optional", "none"]
    delimiter: str
    other_delimiter: str
    """A delimiter that the evaluator takes instead when the first line holds it; empty without one."""
    quoted: bool
    """Whether double quotes round a field protect its delimiters, as in CSV; else they are characters like others."""
    id_rule: bool
    """The evaluator drops every row whose id holds `ID` as a header, in its own truth too."""
    cui_separator: str
    max_cuis: int
    """CUIs per image that the evaluator takes; NO_LIMIT where none is known."""
    max_runs: int | None
    """Runs of one team that are graded; None where no public source says."""
    id_example: str
    """Empty where no source shows one."""
    zip_member: str
    """The one file inside the zip to upload."""
    official_precheck: bool
    """Whether the organisers publish a pre-check; without one, `precheck_rejects` holds their written rules."""
    precheck_rejects: frozenset[str]
    """Codes of the problems that the pre-check refuses."""
    evaluator_rejects: frozenset[str]
    """Codes of the problems that stop the evaluator."""
    unknown: tuple[str, ...]
    """What no public source says, with what is assumed in its place."""
    sources: tuple[str, ...]
    scoring: Mapping[str, Any]
    """The key `scoring` of the year's file as it stands: task name -> how it is scored."""

    def delimiter_of(self, first_line: str) -> str:
        """The delimiter by which the evaluator reads a file that begins with `first_line`."""
        return self.other_delimiter if self.other_delimiter and self.other_delimiter in first_line else self.delimiter


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
        header=spec.get("header", "required"),
        delimiter=spec["delimiter"],
        other_delimiter=spec.get("other_delimiter", ""),
        quoted=spec.get("quoted", True),
        id_rule=spec.get("id_rule", False),
        cui_separator=spec.get("cui_separator", ";"),
        max_cuis=spec.get("max_cuis", NO_LIMIT),
        max_runs=spec.get("max_runs"),
        id_example=spec.get("id_example", ""),
        zip_member=spec["zip_member"],
        official_precheck=spec["official_precheck"],
        precheck_rejects=frozenset(spec["precheck_rejects"]),
        evaluator_rejects=frozenset(spec["evaluator_rejects"]),
        unknown=tuple(spec.get("unknown", ())),
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
