"""Commands shown in README.md, the pages of docs/ and the manuals: each can be called as it stands there."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import imageclef
from runners.experiments import load_experiment
from tasks.editions import known_years
from tests.test_docs import MANUALS, PAGES, ROOT

SHOWN = re.compile(r"^ {4,}(?P<line>\S.*)$|`(?P<code>(?:[^`\n]|\n(?=\S))+)`", re.MULTILINE)
CALL = re.compile(r"(?:^|[\s/])(?P<program>imageclef|make) (?P<words>[a-z].*)")
VARIABLE = re.compile(r"([A-Z]+)=(.*)", re.DOTALL)
PLACEHOLDER = re.compile(r"\.\.\.|<|^$")


def commands(text: str, program: str) -> Iterator[list[str]]:
    """The words after `imageclef` or `make` wherever one is called; what follows two blanks or # is description."""
    for shown in SHOWN.finditer(re.sub(r"\s*\\\n\s*", " ", text)):
        for part in re.split(r"&&|;", shown["line"] or shown["code"]):
            found = CALL.search(part.replace("\n", " "))
            if found and found["program"] == program:
                yield shlex.split(re.split(r"\s{2,}(?=[^-\s])|\s#", found["words"])[0])


def wrong_words(words: list[str]) -> list[str]:
    """The verbs and options of a call that do not exist."""
    command: click.Command = imageclef.cli
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        inner = command.get_command(context, words[0])
        if inner is None and command is imageclef.cli:
            return [words[0]]
        if inner is None:  # a group that is spoken of
            break
        command, words = inner, words[1:]
    options = {option for param in command.params for option in param.opts} | {"--help"}
    return [word for word in words if word.startswith("--") and word != "--" and word.partition("=")[0] not in options]


@cache
def recipe(target: str) -> str | None:
    """What `make TARGET` would say to the shell; None where there is no such target."""
    done = subprocess.run(["make", "--dry-run", target], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout if done.returncode == 0 else None


def wrong_in_make(words: list[str]) -> list[str]:
    """Targets that do not exist, and variables that those named do not look at."""
    targets = [word for word in words if not VARIABLE.match(word)]
    wrong = [target for target in targets if recipe(target) is None]
    said = "".join(recipe(target) or "" for target in targets)
    names = [found[1] for word in words if (found := VARIABLE.match(word))]
    return wrong + [
        name for name in names if name not in ("PYTHON", "VENV") and not re.search(rf"\$\{{?{name}\b", said)
    ]


def test_what_is_wrong_is_seen() -> None:
    text = "Say `imageclef scoer RUN` or\n\n    make task1-eval RUN=a LIMIT=2  # first\n"
    text += "    .venv/bin/imageclef score A --seeds 1\n"
    assert [wrong_words(words) for words in commands(text, "imageclef")] == [["scoer"], ["--seeds"]]
    assert list(commands(text, "make")) == [["task1-eval", "RUN=a", "LIMIT=2"]]
    assert not wrong_words(["prompts", "compare", "c.yaml", "--limit", "2"])
    assert wrong_words(["prompts", "compare", "--limits"]) == ["--limits"]


@pytest.mark.parametrize("path", [*PAGES, *MANUALS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_verb_and_option_that_is_shown_exists(path: Path) -> None:
    wrong = [
        (words, found) for words in commands(path.read_text("utf-8"), "imageclef") if (found := wrong_words(words))
    ]
    assert not wrong


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_every_target_and_variable_that_is_shown_exists() -> None:
    assert wrong_in_make(["task1-eval", "RUN=a", "LIMIT=2", "no-such"]) == ["no-such", "LIMIT"]
    for path in (*PAGES, *MANUALS):
        for words in commands(path.read_text("utf-8"), "make"):
            assert not wrong_in_make(words), (path, words)


def test_every_setting_that_is_shown_is_one_of_its_config() -> None:
    seen = 0
    for path in (*PAGES, *MANUALS):
        for words in commands(path.read_text("utf-8"), "make"):
            said = {found[1]: found[2] for word in words if (found := VARIABLE.match(word))}
            if "submit" in words[0] and not any(map(PLACEHOLDER.search, (said.get("CONFIG", ""), said.get("SET", "")))):
                load_experiment(ROOT / said["CONFIG"], [said["SET"]])
                seen += 1
    assert seen >= 5


def test_the_page_of_a_year_shows_its_checks_and_what_is_known_of_uploads() -> None:
    page: Callable[[str], str] = runpy.run_path(str(ROOT / "docs/hooks.py"))["edition_page"]
    for year in known_years():
        calls = list(commands(page(year), "imageclef"))
        assert calls and not [words for words in calls if wrong_words(words) or words[5] != year]
    assert [words[3] for words in commands(page("2026"), "imageclef")] == ["1", "2"]
    assert "At most 10 uploads of a team are graded." in page("2021")
    assert "graded." not in page("2026") and "no public source says it" in page("2026")
