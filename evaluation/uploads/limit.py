"""How many uploads of a team are graded.

limit_of(Task.CONCEPTS, 2021)    # (10, "")
limit_of(Task.CONCEPTS, 2026)    # (10, "Ten uploads were graded in 2020 and 2021; ...")
limit_of(Task.REPORTS, 2026)     # (None, ""): nobody takes them
"""

from __future__ import annotations

from tasks.editions import load_edition
from tasks.nouns import Task

USUAL = 10
"""That of 2020 and 2021 (their overview papers), taken for the years of which no public source says it."""


def limit_of(task: Task, year: int) -> tuple[int | None, str]:
    """The limit, None where there are no uploads, and what has to be said of it."""
    if task is Task.REPORTS:
        return None, ""
    known = load_edition(year, task).max_runs
    if known is not None:
        return known, ""
    return USUAL, (
        f"Ten uploads of a team were graded in 2020 and 2021; of {year} no public source says it, and ten are taken: "
        "see the task's page."
    )
