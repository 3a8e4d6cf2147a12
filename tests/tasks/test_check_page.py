"""The page of problems is what the code makes, and every example on it is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tasks
from tasks.problem_page import EXAMPLES, check_example, page
from tasks.problems import CODES, counted

PAGE = Path(str(tasks.__file__)).with_name("PROBLEMS.md")


def test_every_code_has_an_example() -> None:
    assert set(EXAMPLES) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_the_example_has_the_problem(code: str) -> None:
    assert code in {problem.code for problem in check_example(EXAMPLES[code]).problems}


def test_the_tasks_are_told_apart_where_their_programs_differ() -> None:
    said = dict(part.split("\n", 1) for part in page().split("\n## ")[1:])
    assert "of 2018-2026, and the evaluator of 2018-2026." in said["id-missing"]
    assert "of 2018 (captions)" not in said["id-missing"]
    assert "rules of 2026 (concepts) and 2025-2026 (captions), and the evaluator of 2025-2026 (captions)" in said["bom"]
    assert "rules of 2018-2024 (concepts), and the evaluator of 2018-2026 (concepts)" in said["cui-too-many"]


def test_counts_of_one_are_singular() -> None:
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert not re.search(r"\b1 (rows|fields|texts|files|terms)\b", page())


def test_the_committed_page_is_the_code_s() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tasks.problem_page > tasks/PROBLEMS.md"
