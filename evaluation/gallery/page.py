"""The page of a gallery: one file with its data, style and scripts, for one image or tens of thousands.

write_whole(Path("gallery.html"), gallery_page({"title": "Captions", "runs": ["base"], "cards": [...], ...}))

The scripts read the data as JSON and make elements of texts, never HTML; the list draws only the cards near the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.pages.page import html_page, json_within

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent
SCRIPTS = ("data", "filters", "elements", "cards", "labels", "list", "controls", "keys", "main")
"""In the order in which they are run, as one."""
TASKS = {
    "concept_detection": "concept detection",
    "caption_prediction": "caption prediction",
    "report_generation": "report generation",
}


def gallery_page(data: Mapping[str, Any]) -> str:
    """The page as text.

    `data` holds `title`, `task`, `edition`, `split`, `runs` (names, one or two), `disclaimer`, `notes`, `shared`;
    `scores` of single images (`name`, `primary`, `surrogate`); `overall`, for each run, score -> `value` and `ci`;
    `names`, CUI -> name; `unsought`, the CUIs of references that no answer can name; and `cards`: `id`, `image`
    (address or None), `views`, `modality`, `length`, `reference`, `concepts`, and for each run in `answers` `value`,
    `failed`, `scores` (0 to 1 or None, in the order of `scores`), `concepts`. A value is a text, a list of CUIs, a
    report (`findings`, `impression`, `labels`, `icd`) or None.
    """
    overall = _overall(data)
    body = _template().render(
        title=data["title"],
        about=_about(data),
        disclaimer=data["disclaimer"],
        shared=data["shared"],
        notes=data["notes"],
        runs=data["runs"],
        two=len(data["runs"]) > 1,
        overall=overall,
        headline=[row for row in overall if row["primary"]] or overall[:1],
        legend=_legend(data),
    )
    held = f'<script type="application/json" id="data">{json_within(data)}</script>'
    scripts = "\n".join((FOLDER / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return html_page(
        str(data["title"]),
        f"{body}\n{held}",
        style=(FOLDER / "gallery.css").read_text(encoding="utf-8"),
        script=f'(() => {{\n"use strict";\n{scripts}}})();',
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    source = (FOLDER / "gallery.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(source)


def _about(data: Mapping[str, Any]) -> str:
    """One line, such as "caption prediction · edition 2026 · valid · 400 images · base against lora"."""
    parts = [TASKS.get(data["task"], data["task"]), f"edition {data['edition']}", data["split"]]
    return " · ".join([*map(str, parts), f"{len(data['cards'])} images", " against ".join(data["runs"])])


def _legend(data: Mapping[str, Any]) -> str:
    """What the signs of the cards mean, those that occur."""
    known = any(card["reference"] is not None for card in data["cards"])
    labels = data["task"] == "report_generation"
    lines = {
        "✓ hit, − missed, + extra: a concept of both, of the reference only, of the answer only.": known and not labels,
        "✓ a label as in the reference, ≠ another.": known and labels,
        "Underlined: words that the other side lacks.": known and data["task"] != "concept_detection",
        "Not looked for: a concept of the reference without a name that a text could hold.": bool(data["unsought"]),
        "▲ the better run.": len(data["runs"]) > 1,
        "≈ a surrogate, which stands in for an official score.": any(score["surrogate"] for score in data["scores"]),
    }
    return " ".join(line for line, occurs in lines.items() if occurs)


def _overall(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each overall score, the primary ones first, with each run's value and interval as texts."""
    known = {score["name"]: score for score in data["scores"]}
    found = dict.fromkeys(name for run in data["overall"] for name in run)
    rows = [
        {
            "name": name,
            "primary": known.get(name, {}).get("primary", False),
            "surrogate": known.get(name, {}).get("surrogate", False),
            "runs": [_shown(run.get(name)) for run in data["overall"]],
        }
        for name in found
    ]
    return sorted(rows, key=lambda row: not row["primary"])


def _shown(score: Mapping[str, Any] | None) -> dict[str, str]:
    if score is None or score["value"] is None:
        return {"value": "–", "interval": ""}
    interval = score.get("ci")
    return {"value": f"{score['value']:.4f}", "interval": f"{interval[0]:.4f} – {interval[1]:.4f}" if interval else ""}
