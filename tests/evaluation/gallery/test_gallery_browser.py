"""The gallery in a real browser: search, filters, order, keys, two runs, reports, addresses, hostile texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evaluation.gallery.page import gallery_page
from tests.evaluation.gallery.building import XSS, gallery, ids_of, make_data, make_run
from tests.evaluation.gallery.conftest import OpenPage
from tests.evaluation.gallery.sample_pages import HOSTILE, data_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

CAPTIONS = data_of("caption_prediction", 90)
TWO = data_of("caption_prediction", 90, runs=2)
REPORTS = data_of("report_generation", 30, runs=2)
CONCEPTS = data_of("concept_detection", 60)


def expect_count(page: Page, number: int, data: dict[str, Any]) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#count")).to_have_text(f"{number} of {len(data['cards'])} images")
    expect(page.locator("#nothing")).to_be_visible(visible=number == 0)


def expect_first(page: Page, ids: list[str]) -> None:
    """The first cards are these, in this order."""
    from playwright.sync_api import expect

    for place, name in enumerate(ids):
        expect(page.locator(f".card[data-place='{place}'] h3")).to_have_text(name)


def expect_focus(page: Page, name: str) -> None:
    """The card of this image has the focus."""
    from playwright.sync_api import expect

    expect(page.locator(".card:focus h3")).to_have_text(name)


def cards_with(data: dict[str, Any], part: str) -> int:
    """How many cards have a part in the reference or an answer, without regard to case."""
    texts = [[card["reference"], *(answer["value"] for answer in card["answers"])] for card in data["cards"]]
    return sum(any(part in (text or "").lower() for text in card) for card in texts)


def test_search_finds_cards_with_all_words_in_texts_ids_concepts_and_cuis(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CAPTIONS))
    expect_count(page, 90, CAPTIONS)
    number = cards_with(CAPTIONS, "cystic")
    assert 0 < number < 90
    page.fill("input[name=q]", "CYSTIC lesion")
    expect_count(page, number, CAPTIONS)
    page.fill("input[name=q]", "image_77")
    expect_count(page, 1, CAPTIONS)
    expect_first(page, ["image_77"])
    holding = sum("C0018800" in card["concepts"] + card["answers"][0]["concepts"] for card in CAPTIONS["cards"])
    for words in ("cardiomegaly", "c0018800"):
        page.fill("input[name=q]", words)
        expect_count(page, holding, CAPTIONS)
    page.fill("input[name=q]", "nowhere such a word")
    expect_count(page, 0, CAPTIONS)


def test_filters_by_modality_concept_range_and_failure(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CONCEPTS))
    cards = CONCEPTS["cards"]
    page.click("#filters")
    page.select_option("[name=modality]", "MRI")
    expect_count(page, sum(card["modality"] == "MRI" for card in cards), CONCEPTS)
    page.click("#clear")
    page.fill("[name=concept]", "pelvis")
    gold = [("C0030797" in card["concepts"], "C0030797" in card["answers"][0]["concepts"]) for card in cards]
    expect_count(page, sum(a or b for a, b in gold), CONCEPTS)
    for kind, wanted in {"hit": (True, True), "missed": (True, False), "extra": (False, True)}.items():
        page.select_option("[name=relation]", f"{kind}@1")
        expect_count(page, sum(pair == wanted for pair in gold), CONCEPTS)
    page.click("#clear")
    page.select_option("[name=measure]", "similarity")
    page.fill("[name=min]", "0.25")
    page.fill("[name=max]", "0.5")
    values = [card["answers"][0]["scores"][1] for card in cards]
    expect_count(page, sum(value is not None and 0.25 <= value <= 0.5 for value in values), CONCEPTS)
    page.click("#clear")
    page.check("[name=failed]")
    expect_count(page, sum(bool(card["answers"][0]["failed"]) for card in cards), CONCEPTS)
    assert "✕ failed out of memory" in page.locator(".card").first.inner_text()


def test_a_concept_pressed_becomes_the_filter(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CONCEPTS))
    chip = page.locator(".chip.hit").first
    cui = chip.locator("small").inner_text().strip()
    chip.click()
    all_of = [card["concepts"] + card["answers"][0]["concepts"] for card in CONCEPTS["cards"]]
    expect_count(page, sum(cui in concepts for concepts in all_of), CONCEPTS)
    assert page.locator("#active").inner_text() == " (1)"
    assert cui in page.locator(".card:focus").inner_text()


def test_order_by_any_score_length_and_id(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CAPTIONS))
    scored = {card["id"]: card["answers"][0]["scores"][0] for card in CAPTIONS["cards"]}
    known = [name for name, value in scored.items() if value is not None]
    page.click("#filters")
    page.select_option("[name=sort]", "rouge1")
    expect_first(page, sorted(known, key=lambda name: scored[name])[:3])
    page.select_option("[name=direction]", "down")
    expect_first(page, sorted(known, key=lambda name: -scored[name])[:3])
    page.select_option("[name=sort]", "length")
    assert "35 words" in page.locator(".card").first.inner_text()
    page.select_option("[name=sort]", "id")
    expect_first(page, ["image_89", "image_88", "image_87"])


def test_keys_lead_through_the_cards(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CAPTIONS))
    for key, name in [("j", "image_0"), ("j", "image_1"), ("ArrowRight", "image_2"), ("k", "image_1")]:
        page.keyboard.press(key)
        expect_focus(page, name)
    top = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert 0 < top - page.evaluate("document.getElementById('controls').offsetHeight") < 20
    page.keyboard.press("/")
    page.keyboard.type("cystic j")
    assert page.input_value("[name=q]") == "cystic j"
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect_focus(page, "image_0")
    expect_count(page, 90, CAPTIONS)
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.uncheck("#letters")
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()
    page.keyboard.press("?")
    assert page.locator("#help").is_hidden()


def test_two_runs_stand_side_by_side(open_page: OpenPage) -> None:
    page = open_page(gallery_page(TWO), viewport={"width": 1400, "height": 900})
    card = page.locator(".card").first
    assert card.locator("h4").all_inner_texts() == ["Reference", "base", "lora"]
    tops = card.locator(".side").evaluate_all("sides => sides.map(side => side.getBoundingClientRect().top)")
    assert len(set(tops)) == 1
    pairs = [[answer["scores"][0] for answer in card["answers"]] for card in TWO["cards"]]
    page.click("#filters")
    page.select_option("[name=runs]", "2")
    expect_count(page, sum(b is not None and b > a for a, b in pairs), TWO)
    assert "better" in page.locator(".card .side").nth(2).locator(".better").first.inner_text()
    page.select_option("[name=runs]", "differ")
    values = [[answer["value"] for answer in card["answers"]] for card in TWO["cards"]]
    expect_count(page, sum(a != b for a, b in values), TWO)
    page.click("#clear")
    page.select_option("[name=sort]", "rouge1@2-1")
    losses = {card["id"]: b - a for card, (a, b) in zip(TWO["cards"], pairs, strict=True) if b is not None}
    expect_first(page, sorted(losses, key=lambda name: losses[name])[:3])


def test_words_of_one_side_only_are_marked(open_page: OpenPage) -> None:
    data = data_of("caption_prediction", 1)
    data["cards"][0] |= {"reference": "CT of the left kidney (arrow)."}
    data["cards"][0]["answers"][0]["value"] = "CT of the right upper kidney, with contrast"
    page = open_page(gallery_page(data))
    assert page.locator("mark.missed").all_inner_texts() == ["left", "arrow"]
    assert page.locator("mark.extra").all_inner_texts() == ["right upper", "with contrast"]
    assert page.locator(".side .text").all_inner_texts()[0] == "CT of the left kidney (arrow)."


def test_reports_show_sections_and_labels(open_page: OpenPage) -> None:
    data = data_of("report_generation", 1, runs=2)
    card = data["cards"][0]
    card["reference"]["labels"] = {"Edema": 1, "Fracture": None, "Nodule": 0, "Mass": None}
    card["answers"][0]["value"]["labels"] = {"Edema": 1, "Fracture": -1, "Nodule": None, "Mass": None}
    card["answers"][1] = {"value": None, "failed": "no answer", "scores": [None, None], "concepts": []}
    page = open_page(gallery_page(data))
    assert page.locator(".side").first.locator("h5").all_inner_texts() == ["Findings", "Impression"]
    rows = [" ".join(row.split()) for row in page.locator(".labels tr").all_inner_texts()]
    assert rows == [
        "Label Reference base lora",
        "Edema ● present ● present ✓ , agrees no labels",
        "Fracture · not mentioned ? uncertain ≠ , differs no labels",
        "Nodule ○ absent · not mentioned ≠ , differs no labels",
    ]
    assert "1 further label" in page.locator(".labels").inner_text()


def test_the_address_holds_the_view_and_brings_it_back(open_page: OpenPage) -> None:
    page = open_page(gallery_page(TWO))
    page.fill("[name=q]", "ct")
    page.click("#filters")
    page.select_option("[name=modality]", "CT")
    page.select_option("[name=sort]", "rouge1@1")
    page.select_option("[name=direction]", "down")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_url(lambda url: "id=" in url)
    found = page.locator(".card:focus h3").inner_text()
    again = open_page(gallery_page(TWO), place=page.evaluate("location.hash"))
    expect_focus(again, found)
    assert again.input_value("[name=modality]") == "CT" and again.input_value("[name=direction]") == "down"
    assert again.locator("#count").inner_text() == page.locator("#count").inner_text()


def test_an_id_is_a_link_and_an_unknown_one_is_said(open_page: OpenPage) -> None:
    page = open_page(gallery_page(CAPTIONS), place="#id=image_70&sort=weight&modality=none")
    expect_focus(page, "image_70")
    expect_count(page, 90, CAPTIONS)
    page.locator(".card", has_text="image_71").locator("h3 a").click()
    expect_focus(page, "image_71")
    gone = open_page(gallery_page(CAPTIONS), place="#id=image_900")
    assert "image_900 is not among them" in gone.locator("#count").inner_text()


@pytest.mark.parametrize("how", ["embed", "link"])
def test_a_page_made_of_runs_shows_their_images(how: str, open_page: OpenPage, tmp_path: Path) -> None:
    first, second = ids = ids_of(2)
    data = make_data(tmp_path / "data #1 %", captions={first: "A chest CT.", second: XSS})
    runs = [make_run(tmp_path / name, dict.fromkeys(ids, XSS), data) for name in ("one", "two")]
    done = gallery(*runs, "--images", how, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    page = open_page(tmp_path / "page.html", place=f"#id={second}")
    expect_focus(page, second)
    assert page.locator(".card:focus .text").all_inner_texts() == [XSS] * 3
    image = page.locator(".card:focus img")
    image.evaluate("image => image.decode()")
    assert image.evaluate("image => image.naturalWidth / image.naturalHeight") == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("task", ["caption_prediction", "report_generation", "concept_detection"])
def test_hostile_texts_are_shown_and_do_nothing(task: str, open_page: OpenPage) -> None:
    data = data_of(task, 3, runs=2, images=False)
    data |= {"title": HOSTILE, "disclaimer": HOSTILE, "notes": [HOSTILE], "runs": [HOSTILE, "__proto__"]}
    data["names"] = {"C9999999": HOSTILE, "__proto__": HOSTILE}
    data["scores"][0]["name"] = HOSTILE
    data["overall"] = [{HOSTILE: {"value": 0.5, "ci": None}}, {}]
    card = data["cards"][0]
    card |= {"id": HOSTILE, "modality": HOSTILE, "image": 'x" onerror="window.struck = 3', "views": ["javascript:0"]}
    card["concepts"] = ["C9999999", "constructor", "__proto__"]
    card["answers"][0] = {"value": None, "failed": HOSTILE, "scores": [None, None], "concepts": [HOSTILE]}
    if task == "caption_prediction":
        card["reference"] = HOSTILE
    if task == "report_generation":
        card["reference"] = {"findings": HOSTILE, "impression": HOSTILE, "labels": {HOSTILE: 1}, "icd": [HOSTILE]}
    page = open_page(gallery_page(data), broken_images=True)
    assert page.title().startswith("</script><script>window.struck")
    for selector in ("h1", ".card h3", ".card h4:text('script')", ".failed", ".chip.missed", ".scores dt"):
        assert HOSTILE in page.locator(selector).first.inner_text(), selector
    page.fill("[name=q]", HOSTILE)
    expect_count(page, 1, data)
    page.wait_for_timeout(100)
    assert page.evaluate("window.struck") is None
    assert page.locator("main img[src=x], .card script").count() == 0


def test_concepts_that_no_answer_can_name_stand_apart(open_page: OpenPage) -> None:
    data = data_of("caption_prediction", 1)
    [card] = data["cards"]
    card["concepts"], card["answers"][0]["concepts"] = ["C0040405", "C0817096", "C9999999"], ["C0040405"]
    page = open_page(gallery_page({**data, "unsought": ["C9999999"]}))
    groups = {kind: page.locator(f".group.{kind}").all_inner_texts() for kind in ("hit", "missed", "named")}
    assert "C0817096" in groups["missed"][0] and "C9999999" not in groups["missed"][0]
    assert len(groups["named"]) == 1 and "C9999999" in groups["named"][0], "with the reference, once"
    page.click("#filters")
    page.fill("[name=concept]", "C9999999")
    expect_count(page, 1, data)
    page.select_option("[name=relation]", label="missed")
    expect_count(page, 0, data)


def test_controls_and_signs_that_say_nothing_of_a_page_are_not_on_it(open_page: OpenPage) -> None:
    legend = "a concept of both"
    for data, concept, relation in ((CAPTIONS, True, True), (REPORTS, False, False)):
        page = open_page(gallery_page(data))
        page.click("#filters")
        assert page.locator("[name=concept]").is_visible() is concept
        assert page.locator("[name=relation]").is_visible() is relation
        assert (legend in page.inner_text(".legend")) is relation
    bare = [{**card, "reference": None, "concepts": []} for card in CAPTIONS["cards"]]
    page = open_page(gallery_page({**CAPTIONS, "shared": True, "cards": bare}))
    page.click("#filters")
    assert page.locator("[name=concept]").is_visible() and not page.locator("[name=relation]").is_visible()
