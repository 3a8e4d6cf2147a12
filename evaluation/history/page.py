"""The page of all runs: a table to sort and filter, pictures of the progress, what differs between two runs.

html = history_page(Path("submissions"), out=Path("submissions/index.html"))

The rows stand in the page as they are; its script sorts, filters and compares. Links are relative to where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from evaluation.history.plot import described, progress_svg
from evaluation.history.rows import Row, rows_of
from evaluation.history.series import best_so_far
from evaluation.inputs.run_folders import runs_under
from evaluation.pages.page import html_page, json_within
from evaluation.uploads.ledger import read_ledger
from evaluation.uploads.runs import run_of

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent
SCRIPTS = ("table", "differences", "main")
"""In the order in which they are run, as one."""
NUMERIC = frozenset({"Edition", "Score", "Official", "Failed", "Took"})


def history_page(submissions: Path, *, out: Path) -> str:
    """The page about the runs of `submissions`, to lie at `out`; InputError when the ledger was spoilt."""
    runs, unreadable = runs_under(submissions)
    uploads = read_ledger(submissions)
    rows, strange = rows_of(runs, uploads)
    keys = {str(row.folder): f"run{number}" for number, row in enumerate(rows)}
    body = _template().render(
        rows=rows,
        keys=keys,
        titles=list(rows[0].cells) if rows else [],
        numeric=NUMERIC,
        tasks=sorted({row.task for row in rows}),
        link=lambda path: _link(path, out),
        pictures=[
            {"title": series.title, "described": described(series), "svg": progress_svg(series)}
            for series in best_so_far(runs)
            if len(series.moments) > 1
        ],
        unreadable={str(folder): why for folder, why in {**unreadable, **strange}.items()},
        gone=[one for one in uploads if run_of(one, runs) is None],
        restricted=any(row.restricted for row in rows),
    )
    held = f'<script type="application/json" id="data">{json_within(_data(rows, keys))}</script>'
    scripts = "\n".join((FOLDER / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return html_page(
        "All runs",
        f"{body}\n{held}",
        style=(FOLDER / "history.css").read_text(encoding="utf-8"),
        script=f'(() => {{\n"use strict";\n{scripts}}})();',
    )


def _data(rows: Sequence[Row], keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the script compares, run by run in the order of the table."""
    return [
        {
            "key": keys[str(row.folder)],
            "name": row.name,
            "task": row.task,
            "before": keys.get(row.before, ""),
            "settings": {key: _plain(value) for key, value in row.settings.items()},
        }
        for row in rows
    ]


def _plain(value: object) -> object:
    """The value without what JSON cannot say, such as an infinite number."""
    if isinstance(value, float) and not -1e308 < value < 1e308:
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _link(path: Path, out: Path) -> str:
    """From the page to the file, as an address."""
    return quote(Path(os.path.relpath(path.resolve(), out.resolve().parent)).as_posix())


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((FOLDER / "history.html").read_text(encoding="utf-8"))
