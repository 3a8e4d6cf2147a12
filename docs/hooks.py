"""What the pages get from the program itself, so that they cannot say something else.

* a page per edition, from `tasks/editions/<year>.yaml` and the published results;
* a line `[[verb]]` of a page becomes the help of that verb and of those under it (by mkdocs-click);
* the manuals that stand beside the code are pages, too.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the rooms of this repository, whatever is installed

from evaluation.leaderboard.published import published_table  # noqa: E402
from evaluation.leaderboard.rows import known_tables, read_published  # noqa: E402
from evaluation.profiles import profile_of  # noqa: E402
from evaluation.tables.markdown import as_markdown, escaped  # noqa: E402
from evaluation.uploads.limit import limit_of  # noqa: E402
from imageclef import VERBS  # noqa: E402
from tasks.editions import NO_LIMIT, Edition, known_years, load_edition  # noqa: E402
from tasks.nouns import InputError, Task  # noqa: E402

MANUALS = {
    "manuals/data-sets.md": "tasks/datasets/README.md",
    "manuals/runs.md": "runners/README.md",
    "manuals/scores.md": "evaluation/README.md",
    "manuals/problems.md": "tasks/PROBLEMS.md",
    "manuals/contributing.md": "CONTRIBUTING.md",
}
OFFICIAL = (Task.CONCEPTS, Task.CAPTIONS)
"""The tasks that have organisers."""
TITLES = {
    Task.CONCEPTS: "Concept detection",
    Task.CAPTIONS: "Caption prediction",
    Task.REPORTS: "Report generation",
}
DELIMITERS = {"\t": "tab", ",": "comma", "|": "bar", ";": "semicolon"}
ROLES = ("primary", "secondary", "part", "extra")
VERB = re.compile(r"^\[\[(?P<verb>[a-z-]+)\]\]$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {place: (ROOT / source).read_text(encoding="utf-8") for place, source in MANUALS.items()}
    made |= {f"editions/{year}.md": edition_page(year) for year in known_years()}
    made["editions/index.md"] = editions_page()
    for place, content in made.items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the help of verbs where a page asks for it."""
    return VERB.sub(lambda found: "\n".join(help_of(found["verb"])), markdown)


def help_of(verb: str, place: str | None = None, called: str | None = None) -> Iterator[str]:
    """The block that mkdocs-click replaces, one for each verb of a group."""
    found = VERBS[verb][0] if place is None else place
    if not isinstance(found, str):
        for name, (below, _) in found.items():
            assert isinstance(below, str)
            yield from help_of(name, below, f"{verb} {name}")
        return
    module, _, command = found.partition(":")
    yield "::: mkdocs-click"
    yield f"    :module: {module}"
    yield f"    :command: {command}"
    yield f"    :prog_name: imageclef {called or verb}"
    yield "    :depth: 1"
    yield "    :style: plain"
    yield "    :list_subcommands: false"
    yield ""


def editions_page() -> str:
    """The years, and which tasks each has."""
    lines = ["# Editions", "", f"| edition | {' | '.join(TITLES[task] for task in OFFICIAL)} |", "|---|---|---|"]
    for year in known_years():
        scores = [_chief(edition) if (edition := _edition(year, task)) else "no such task" for task in OFFICIAL]
        lines.append(f"| [{year}]({year}.md) | {' | '.join(scores)} |")
    lines += ["", "The score named is the primary one. Report generation has no organisers: its format is ours and the"]
    lines += ["same every year ([task 3](../tasks/report-generation.md))."]
    lines += ["", "Where our runs stand among these results: [`imageclef leaderboard`](../commands/scores.md)."]
    return "\n".join(lines) + "\n"


def edition_page(year: str) -> str:
    """One year: the files, what refuses them, the scores, what is not known, the published results."""
    parts = [f"# Edition {year}", ""]
    for task in OFFICIAL:
        edition = _edition(year, task)
        parts += [f"## {TITLES[task]}", ""]
        parts += [*_format(edition), *_scores(edition), *_results(edition)] if edition else ["Not in this year.", ""]
    return "\n".join(parts) + "\n"


def _edition(year: str, task: Task) -> Edition | None:
    try:
        return load_edition(year, task)
    except InputError:
        return None


def _chief(edition: Edition) -> str:
    roles = profile_of("imageclef", task=edition.task, edition=edition).roles
    primary = next(name for name, role in roles.items() if role == "primary")
    ranked_by = primary
    if (edition.year, edition.task) in known_tables():
        ranked_by = read_published(edition.task, edition.year).about.ranked_by
    return f"`{primary}`" if ranked_by == primary else f"`{primary}`, ranked by `{ranked_by}`"


def _format(edition: Edition) -> Iterator[str]:
    delimiter = DELIMITERS.get(edition.delimiter, edition.delimiter)
    columns = ", ".join(f"`{title}`" for title in edition.columns)
    yield f"Columns {columns}; header {edition.header}; delimiter: {delimiter}."
    yield f"To upload: a zip of `{edition.zip_member}`."
    if edition.max_cuis != NO_LIMIT:
        yield f"At most {edition.max_cuis} CUIs an image."
    graded, said = limit_of(edition.task, edition.year)
    yield said or f"At most {graded} uploads of a team are graded."
    yield ""
    number = OFFICIAL.index(edition.task) + 1
    yield f"    imageclef check submission.csv --task {number} --edition {edition.year} --ids ids.csv"
    yield ""
    if edition.id_example:
        yield f"Ids look like `{edition.id_example}`."
        yield ""
    refuses = "The organisers' pre-check refuses" if edition.official_precheck else "The written rules forbid"
    for who, codes in ((refuses, edition.precheck_rejects), ("The evaluator stops at", edition.evaluator_rejects)):
        yield f"{who}: {', '.join(f'[{code}](../manuals/problems.md#{code})' for code in sorted(codes))}."
        yield ""
    for said in edition.unknown:
        yield f"Not known: {escaped(said)}."
        yield ""
    yield from ("Sources:", "", *(f"* {escaped(source)}" for source in edition.sources), "")


def _scores(edition: Edition) -> Iterator[str]:
    profile = profile_of("imageclef", task=edition.task, edition=edition)
    yield from ("| score | role | is the mean of |", "|---|---|---|")
    for name, role in sorted(profile.roles.items(), key=lambda item: ROLES.index(item[1])):
        yield f"| `{name}` | {role} | {', '.join(f'`{part}`' for part in profile.composites.get(name, ()))} |"
    yield ""
    yield "What each of them means: [scores](../manuals/scores.md)."
    yield ""


def _results(edition: Edition) -> Iterator[str]:
    table = published_table(edition.task, edition.year)
    if table is not None:
        yield as_markdown(table)
