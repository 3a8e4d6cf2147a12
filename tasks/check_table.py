"""A check on the screen: the verdicts, the problems by code with counts and mend, under each the first of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from tasks.check import Check
from tasks.nouns import Problem
from tasks.problems import CODES, counted

_COLOUR = {"accepted": "green", "rejected": "red", "error": "red", "warning": "yellow"}


def print_check(check: Check, *, shown: int) -> None:
    """Print the check; every code, errors first, and at most `shown` problems."""
    console = Console(highlight=False, soft_wrap=True)

    def say(text: str) -> None:
        # A terminal without UTF-8 gets escapes.
        console.print(text.encode(console.encoding, "backslashreplace").decode(console.encoding))

    edition = check.edition
    say(f"{_plain(str(check.path))}: {edition.task} {edition.year}, {counted(check.n_rows, 'row')}")
    rules = "pre-check" if edition.official_precheck else "written rules"
    say(f"{rules}: {_coloured(check.precheck)}, evaluator: {_coloured(check.scoring)}")
    by_code: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in check.problems:
        by_code[problem.severity, problem.code].append(problem)
    kinds = sorted(by_code.items(), key=lambda kind: kind[0][0])
    for ((severity, code), found), n in zip(kinds, _shares([found for _, found in kinds], shown), strict=True):
        meaning, fix = CODES[code]
        say(f"{_coloured(severity)} [bold]{code}[/] ({len(found):,}): {meaning} [dim]->[/] {fix}")
        for problem in found[:n]:
            place = "file" if problem.line is None else f"line {problem.line}"
            named = problem.image_id or ""
            said = problem.message if named in problem.message else f"{named}: {problem.message}"
            say(f"    {place} {_plain(said)}")
    if len(check.problems) > shown:
        say(f"... and {len(check.problems) - shown} more: see them all with --json")


def _shares(kinds: Sequence[Sequence[Problem]], shown: int) -> list[int]:
    """How many problems of every kind are shown, `shown` in all: a kind with thousands leaves others their place."""
    shares = [0] * len(kinds)
    while shown and any(n < len(kind) for n, kind in zip(shares, kinds, strict=True)):
        for at, kind in enumerate(kinds):
            if shown and shares[at] < len(kind):
                shares[at] += 1
                shown -= 1
    return shares


def _plain(text: str) -> str:
    """The text without markup, and without characters that a terminal obeys."""
    return escape("".join(character if character.isprintable() else "\ufffd" for character in text))


def _coloured(word: str) -> str:
    return f"[{_COLOUR[word]}]{word}[/]"
