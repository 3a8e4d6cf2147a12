"""The page of all runs in a real browser: order, filters, differences, hostile texts, and that all can use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evaluation.history.page import history_page
from tests.evaluation.gallery.conftest import OpenPage
from tests.evaluation.uploads.uploading import make_run

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def html(tmp_path: Path) -> str:
    """Four runs: three of concepts, whose best is in the middle, and one of captions."""
    days = (f"2026-05-0{day}T10:00:00+00:00" for day in range(1, 5))
    inputs = {"generation.num_beams": 3, "model": HOSTILE, "off": False}
    make_run(tmp_path, "base", split="valid", scores=0.5, finished=next(days))
    make_run(tmp_path, "beams", split="valid", scores=0.6, finished=next(days), inputs=inputs)
    make_run(tmp_path, "captions", task="caption_prediction", finished=next(days), split="valid", scores=0.2)
    make_run(tmp_path, "blind", finished=next(days), inputs={"generation.num_beams": 3, "model": HOSTILE})
    return history_page(tmp_path, out=tmp_path / "index.html")


def names(page: Page) -> list[str]:
    """The runs that are seen, from above."""
    return page.locator("#runs tbody tr:visible .name").all_inner_texts()


def test_columns_sort_in_both_directions_and_what_has_no_score_is_last(html: str, open_page: OpenPage) -> None:
    page = open_page(html)
    assert names(page) == ["blind", "captions", "beams", "base"]
    page.get_by_role("button", name="Score", exact=True).click()
    assert names(page) == ["beams", "base", "captions", "blind"]
    page.get_by_role("button", name="Score", exact=True).click()
    assert names(page) == ["captions", "base", "beams", "blind"]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Score")
    page.get_by_role("button", name="Run", exact=True).press("Enter")
    assert names(page) == ["base", "beams", "blind", "captions"]
    assert page.locator("th[aria-sort]").count() == 1


def test_task_and_words_filter(html: str, open_page: OpenPage) -> None:
    page = open_page(html)
    assert page.locator("#count").inner_text() == "4 runs"
    page.select_option("[name=task]", "concept_detection")
    assert names(page) == ["blind", "beams", "base"]
    page.fill("[name=words]", "VALID 0.6")
    assert names(page) == ["beams"]
    assert page.locator("#count").inner_text() == "1 of 4 runs"


def test_two_runs_and_a_run_and_the_one_before_it_are_compared(html: str, open_page: OpenPage) -> None:
    page = open_page(html)
    page.get_by_role("button", name="changes of beams").click()
    assert page.locator("#said").inner_text() == "2 settings differ."
    assert page.locator("#settings thead th").all_inner_texts() == ["setting", "base", "beams"]
    cells = [row.locator("th, td").all_inner_texts() for row in page.locator("#settings tbody tr").all()]
    assert cells == [["generation.num_beams", "1", "3"], ["model", "–", HOSTILE]]
    page.get_by_role("button", name="Exchange the two runs").click()
    assert page.locator("#settings thead th").all_inner_texts() == ["setting", "beams", "base"]
    page.locator("[name=to]").select_option(label="captions (caption prediction)")
    assert page.locator("#said").inner_text() == "2 settings differ. They are runs of different tasks."
    page.locator("[name=to]").select_option(label="beams (concept detection)")
    assert page.locator("#said").inner_text() == "Choose two different runs."
    assert page.locator("#settings").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_use_it(scheme: str, html: str, open_page: OpenPage) -> None:
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = open_page(html, color_scheme=scheme, viewport={"width": 390, "height": 844})
    found = sync.Axe().run(page).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_runs_are_there_and_nothing_that_does_not_work(html: str, open_page: OpenPage) -> None:
    page = open_page(html, java_script_enabled=False)
    assert names(page) == ["blind", "captions", "beams", "base"]
    assert page.locator("button:visible, select:visible, input:visible").count() == 0
    assert page.get_by_text("Without scripts").is_visible()
