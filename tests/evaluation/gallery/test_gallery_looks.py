"""The gallery for every reader: accessible in light and dark, on a phone, on paper, shared, and with 20,000 images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evaluation.gallery.page import gallery_page
from evaluation.pages.page import html_page
from evaluation.tables.html import as_html
from evaluation.tables.table import Cell, Column, Table
from tests.evaluation.gallery.conftest import OpenPage
from tests.evaluation.gallery.sample_pages import data_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

TASKS = ("concept_detection", "caption_prediction", "report_generation")
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAPER = "getComputedStyle(document.body).backgroundColor"


def expect_accessible(page: Page) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("task", TASKS)
def test_axe_finds_nothing(task: str, scheme: str, open_page: OpenPage) -> None:
    page = open_page(gallery_page(data_of(task, 12, runs=2)), color_scheme=scheme)
    page.click("#filters")
    page.click("summary >> nth=0")
    expect_accessible(page)
    page.locator(".card").first.focus()
    page.keyboard.press("?")
    expect_accessible(page)
    page.click("#help .close")
    page.locator("button.image").first.click()
    assert page.locator("#zoom img").evaluate("image => image.naturalWidth") == 160
    expect_accessible(page)


def test_dark_follows_the_system_until_it_is_chosen(open_page: OpenPage) -> None:
    page = open_page(gallery_page(data_of("caption_prediction", 3)), color_scheme="dark")
    dark = page.evaluate(PAPER)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(PAPER)
    assert dark != light
    assert page.get_attribute("#theme", "aria-pressed") == "false"
    page.click("#theme")
    assert page.evaluate(PAPER) == dark
    page.reload()
    assert page.evaluate(PAPER) == dark
    page.click("#theme")
    assert page.evaluate(PAPER) == light


@pytest.mark.parametrize("task", TASKS)
def test_a_phone_scrolls_in_one_direction(task: str, open_page: OpenPage) -> None:
    data = data_of(task, 12, runs=2)
    data["cards"][1]["id"] = "x" * 90
    data["cards"][2]["answers"][0]["failed"] = "y" * 300
    page = open_page(gallery_page(data), viewport={"width": 360, "height": 740})
    assert page.evaluate(WIDER) <= 0
    page.click("#filters")
    assert page.evaluate(WIDER) <= 0
    assert page.locator("[name=direction]").is_visible()
    page.click("summary >> nth=0")
    expect_accessible(page)
    page.click("#filters")
    for _ in range(3):
        page.keyboard.press("j")
        page.wait_for_timeout(50)
    assert "y" * 300 in page.locator(".card:focus").inner_text()
    assert page.evaluate(WIDER) <= 0


def test_paper_holds_the_chosen_cards_up_to_200(open_page: OpenPage) -> None:
    page = open_page(gallery_page(data_of("caption_prediction", 450)), place="#q=ct", color_scheme="dark")
    few = page.locator(".card").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(".card").count() == min(200, int(page.locator("#count").inner_text().split()[0]))
    assert page.locator("#printed").is_visible() and "of 450 in all" in page.locator("#printed").inner_text()
    assert page.locator("#controls").is_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).color") == "rgb(26, 26, 26)"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".card").count() == few
    assert page.pdf().count(b"/Type /Page\n") > 20


def test_sharing_says_what_was_left_out(open_page: OpenPage) -> None:
    data = data_of("caption_prediction", 3, images=False) | {"shared": True}
    for card in data["cards"]:
        card["reference"] = None
    page = open_page(gallery_page(data))
    assert "Made for sharing: images and references were left out." in page.inner_text("header.about")
    assert page.locator(".card img").count() == 0
    assert page.locator(".card").first.locator("h4").all_inner_texts() == ["base"]


def test_without_scripts_the_page_says_why_it_is_empty(open_page: OpenPage) -> None:
    page = open_page(gallery_page(data_of("caption_prediction", 3)), java_script_enabled=False)
    assert "allow scripts" in page.locator("body").inner_text()
    assert "0.2131" in page.locator("body").inner_text()


def test_nothing_to_show_is_no_fault(open_page: OpenPage) -> None:
    data = data_of("caption_prediction", 0) | {"scores": [], "overall": [{}], "notes": []}
    page = open_page(gallery_page(data))
    assert page.locator("#nothing").is_visible()
    page.keyboard.press("j")
    expect_accessible(page)


def test_20_000_images_come_at_once_and_scroll_to_the_end(open_page: OpenPage) -> None:
    html = gallery_page(data_of("report_generation", 20_000, runs=2, images=False))
    assert len(html.encode()) < 60e6
    page = open_page(html)
    painted = page.evaluate(
        "new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))"
        ".observe({type: 'mark', buffered: true}))"
    )
    assert painted < 10_000, "milliseconds from the start to the first cards; a few hundred on an idle machine"
    assert page.locator(".card").count() < 30
    page.keyboard.press("End")
    page.locator(".card", has_text="20000 of 20000").wait_for()
    assert page.locator(".card").count() < 30
    spent = page.evaluate(
        "() => { const start = performance.now(); const search = document.querySelector('[name=q]');"
        "search.value = 'cystic image_1999'; search.dispatchEvent(new Event('input', {bubbles: true}));"
        "return new Promise(done => setInterval(() => { if (document.getElementById('count').textContent[0] !== '2')"
        "done(performance.now() - start) }, 5)) }"
    )
    assert spent < 5_000, "milliseconds from the last key to the cards found"
    page.fill("[name=q]", "")
    page.goto(page.url.partition("#")[0] + "#id=image_12345")
    page.locator(".card:focus", has_text="12346 of 20000").wait_for()
    top = page.locator(".card:focus").evaluate("card => card.getBoundingClientRect().top")
    assert 0 < top < 200


def test_scrolling_up_through_cards_never_seen_does_not_jump(open_page: OpenPage) -> None:
    page = open_page(gallery_page(data_of("report_generation", 300, runs=2)), place="#id=image_250")
    jumps = page.evaluate(
        """async () => {
          let worst = 0;
          for (let round = 0; round < 80; round++) {
            const seen = [...document.querySelectorAll('.card')].find((card) => card.getBoundingClientRect().top > 0);
            const before = seen.getBoundingClientRect().top;
            scrollBy(0, -400);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            if (seen.isConnected) worst = Math.max(worst, Math.abs(seen.getBoundingClientRect().top - before - 400));
          }
          return worst;
        }"""
    )
    assert jumps < 2, "pixels"
    page.keyboard.press("Home")
    page.locator(".card", has_text="1 of 300").first.wait_for()
    assert page.locator("h1").is_visible()


def test_a_turned_phone_keeps_the_place(open_page: OpenPage) -> None:
    page = open_page(
        gallery_page(data_of("caption_prediction", 300)), place="#id=image_150", viewport={"width": 360, "height": 740}
    )
    page.set_viewport_size({"width": 740, "height": 360})
    page.wait_for_timeout(100)
    top = page.locator(".card[data-place='150']").evaluate("card => card.getBoundingClientRect().top")
    assert 0 < top < 150


def test_a_page_of_tables_is_accessible(open_page: OpenPage) -> None:
    table = Table(
        title="Scores on 400 images <b>",
        columns=(Column("run", numeric=False), Column("F1")),
        rows=(
            (Cell("base", link="base.html"), Cell(0.51234, "0.512")),
            (Cell("tuned"), Cell(0.6, best=True, marks="*")),
        ),
        notes=("* differs from base, p < .05",),
    )
    html = html_page(table.title, f"<main><h1>Tables</h1>\n{as_html(table)}</main>")
    for scheme in ("light", "dark"):
        page = open_page(html, color_scheme=scheme, viewport={"width": 360, "height": 740})
        expect_accessible(page)
        assert page.evaluate(WIDER) <= 0
