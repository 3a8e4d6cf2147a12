"""A real browser for the tests of pages; they skip themselves, saying so, where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_api.sync_playwright() as driver:
        own = driver.chromium.launch(executable_path=chromium, args=quiet)
        yield own
        own.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """`open_page(html, place="#q=ct", color_scheme="dark")`: the page, or a file's, in a window of its own.

    At the end of the test: nothing was written to the console as an error, and nothing asked of the network.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_one(html: str | Path, *, place: str = "", broken_images: bool = False, **options: Any) -> Page:
        file = html if isinstance(html, Path) else tmp_path / f"page{len(contexts)}.html"
        if isinstance(html, str):
            file.write_text(html, encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None)
        if not broken_images:
            page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
        page.goto(file.as_uri() + place)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not faults
