"""A free-text chest X-ray report -> its sections.

    sections_of("FINAL REPORT\\n INDICATION:  Cough.\\n \\n FINDINGS:\\n Clear lungs.  IMPRESSION: Normal.")
    # {"indication": "Cough.", "findings": "Clear lungs.", "impression": "Normal."}

What opens a section (headings.py has the names):

* a known name and a colon at the start of a line, in any case, one letter mistaken at most
* a known name alone on its line, in capitals or after a blank line
* findings, impression or conclusion in capitals before a sentence, without a colon
* within a line a known name and a colon, in capitals or after the end of a sentence
* a title in capitals that names the views and ends with a colon: findings, unless there are headed ones
* any other title in capitals with a colon ends a section of the request, and is text within findings and impression

The last section of a name that is not empty counts, as in MIT-LCP's txt/create_section_files.py: a wet read stands
before the final report. "Findings and impression" together are an impression, as there. Of indication, history,
comparison, technique and examination only the first paragraph is taken: what follows is the body of a report whose
author gave it no heading, and would tell the answer as context. Without headed findings it may follow at once: then of
these sections only what stands before the first sentence that begins a line is taken, of the comparison one sentence;
a paragraph that a blank line parts from its heading is body, too. Where there are neither findings nor an impression,
this body (MIT-LCP's "last paragraph") is kept under `body`. White space is reduced to single spaces; the masks `___`
stay. No text raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tasks.datasets.mimic.headings import LONGEST, NAMES, names_views, section_of

REQUEST = ("indication", "history", "comparison", "technique", "examination")
"""Sections of which only the first paragraph is taken."""
ANSWER = ("findings", "impression")
OPEN = (*ANSWER, "views")
"""Sections in which a title in capitals is text."""
_LINE = re.compile(r"^[ \t]*+(?P<title>[^\W\d_][^\n]{0,90}?)[ \t]*(?::(?=\s|$)|$)", re.MULTILINE)
_BARE = re.compile(r"^[ \t]*(?P<title>FINDINGS|IMPRESSION|CONCLUSION)[ \t]+(?=[^\n:]*[a-z])", re.MULTILINE)
_COLON = re.compile(r":(?=\s|$)")
_RULE = re.compile(r"^[ \t]*_{5,}[ \t]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_BLANK_BEFORE = re.compile(r"\n[ \t]*\n$")
_NEW_LINE, _NEW_SENTENCE = re.compile(r"(?<=[.?!])[ \t]*\n"), re.compile(r"(?<=[.?!])\s")
_SENTENCE_ENDS = frozenset(".?!);_")


class _Mark(NamedTuple):
    """A heading and where it stands in the text."""

    section: str
    start: int
    end: int


def sections_of(text: str) -> dict[str, str]:
    """Section -> its text, without empty sections; `body` where there are neither findings nor an impression."""
    text = _RULE.sub("", "\n".join(text.splitlines()))
    found: dict[str, str] = {}
    bodies: list[str] = []
    loose: dict[str, str] = {}
    sure: dict[str, str] = {}
    marks = [_Mark("final report", 0, 0), *_divided(text)]
    ends = [*(mark.start for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        told = text[mark.end : end]
        first, *rest = [p for p in _PARAGRAPH.split(told) if p.strip()] or [""]
        if mark.section in REQUEST:
            _keep(found, mark.section, [first])
            end_of_it = _NEW_SENTENCE if mark.section == "comparison" else _NEW_LINE
            _keep(sure, mark.section, [end_of_it.split(first.strip(), 1)[0]])
            if _PARAGRAPH.match(told.lstrip(" \t")):
                loose[mark.section] = first
        elif mark.section == "final report":
            rest = [first, *rest]
        else:
            _keep(found, mark.section, [first, *rest])
            continue
        if body := _plain(p for p in rest if p != p.upper()):  # without titles, which have no small letters
            bodies.append(body)
    if views := found.pop("views", ""):
        found.setdefault("findings", views)
    if "findings" not in found:
        bodies = bodies or [_plain([told]) for told in loose.values()]
        found = {name: told for name, told in (found | sure).items() if name not in loose}
    if bodies and not any(name in found for name in ANSWER):
        found["body"] = bodies[-1]
    return {name: told for name, told in found.items() if name != "other"}


def _keep(found: dict[str, str], section: str, paragraphs: list[str]) -> None:
    if told := _plain(paragraphs):
        found[section] = told


def _plain(paragraphs: Iterable[str]) -> str:
    return " ".join(" ".join(paragraphs).split())


def _divided(text: str) -> Iterator[_Mark]:
    """The headings that open a section, in their order."""
    inside, reached = "final report", 0
    for mark in sorted(_headings(text), key=lambda mark: (mark.start, -mark.end)):
        weak = mark.section in {"views", "title"}
        if mark.start < reached or (weak and inside in OPEN):
            continue
        yield _Mark("other", mark.start, mark.end) if mark.section == "title" else mark
        inside, reached = mark.section, mark.end


def _headings(text: str) -> Iterator[_Mark]:
    for match in _LINE.finditer(text):
        title = match["title"].rstrip()
        colon = match[0].endswith(":")
        before = text[: match.start()]
        wrapped = not colon and title != title.upper() and before.strip() and not _BLANK_BEFORE.search(before[-80:])
        if not wrapped and (section := _at_line_start(title, colon=colon)):
            yield _Mark(section, match.start("title"), match.end())
    for match in _BARE.finditer(text):
        yield _Mark(NAMES[match["title"].lower()], match.start("title"), match.end())
    for match in _COLON.finditer(text):
        line = text.rfind("\n", 0, match.start()) + 1
        if mark := _within(text, max(line, match.start() - LONGEST - 1), match.start()):
            yield mark


def _within(text: str, start: int, colon: int) -> _Mark | None:
    """The longest known heading that ends before a colon and does not start the line."""
    for word in re.finditer(r"(?<=[ \t])\S", text[start:colon]):
        title = text[start + word.start() : colon]
        capitals = title == title.upper()
        section = section_of(title, misspelt=capitals) if title.strip().lower() != "study" else None
        if section and (capitals or text[: start + word.start()].rstrip()[-1:] in _SENTENCE_ENDS):
            return _Mark(section, start + word.start(), colon + 1)
    return None


def _at_line_start(title: str, *, colon: bool) -> str | None:
    """The section that the start of a line, up to a colon or the line's end, opens; None when it is plain text."""
    capitals = title == title.upper()
    section = section_of(title, misspelt=colon or capitals)
    if section or not colon or not capitals:
        return section
    return "views" if names_views(title) else "title"
