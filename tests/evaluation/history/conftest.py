"""The browser of the gallery's tests."""

from __future__ import annotations

from tests.evaluation.gallery.conftest import browser, open_page

__all__ = ["browser", "open_page"]
