"""A page around some HTML: its policy forbids every request to elsewhere, its style has a dark form and prints well.

write_whole(Path("runs.html"), html_page("Runs", "<main><h1>Runs</h1></main>"))
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("style.css")
POLICY = (
    "default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
"""What a page may load: its own style and scripts, images beside or within it."""


def html_page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole page. `body` (with `<main>` and `<h1>`), `style`, `script` are taken as they are; `title` is escaped."""
    scripts = f"<script>\n{script}\n</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}{style}</style>\n</head>\n"
        f"<body>\n{body}\n{scripts}</body>\n</html>\n"
    )


def json_within(data: Any) -> str:
    """The data as JSON that may stand in a `<script>` element: no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
