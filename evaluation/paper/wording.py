"""Answers and references as an example of a paper shows them: concepts by name, marked, and no more than there is room.

words = Wording(vocabulary, letters=600)
words.shown(("C0040405",))                                # "X-Ray Computed Tomography."
words.said(("C0040405", "C0817096"), ("C0817096",))       # "\\textit{X-Ray Computed Tomography}; \\textbf{Chest}."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.paper.text import as_tex
from tasks.concepts import Vocabulary
from tasks.nouns import Report, Value

LONGEST = 60
"""Letters of a concept's name."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How the values of one example are worded."""

    vocabulary: Vocabulary
    letters: int
    """Of a text, and of a list of concepts, that are shown at most."""

    def shown(self, value: Value) -> str:
        """A value without marks."""
        if isinstance(value, tuple):
            return (self._listed(_cuis(value)) or "no concept") + "."
        text = _text(value).strip()
        if not text:
            return r"\textit{empty}"
        cut = f" [{len(text) - self.letters} further letters]" if len(text) > self.letters else ""
        return as_tex(text[: self.letters] + cut)

    def said(self, answer: Value, truth: Value | None) -> str:
        """An answer with its concepts marked; below a text those that its words name."""
        if truth is None:
            return self.shown(answer)
        if isinstance(answer, tuple):
            return self._marked(_cuis(answer), _cuis(truth))
        ours, theirs = (self.vocabulary.find(_text(value)) for value in (answer, truth))
        found = f"\n\n{{\\scriptsize Concepts named: {self._marked(ours, theirs)}}}" if ours or theirs else ""
        return self.shown(answer) + found

    def _marked(self, ours: Sequence[str], theirs: Sequence[str]) -> str:
        """Hits in bold, additions in italics, then what is missed."""
        true, given = ({cui.upper() for cui in side} for side in (theirs, ours))
        missed = [cui for cui in theirs if cui.upper() not in given]
        rest = f" Missed: {self._listed(missed)}." if missed else ""
        return f"{self._listed(ours, true) or 'no concept'}.{rest}"

    def _listed(self, cuis: Sequence[str], true: set[str] | None = None) -> str:
        """Names, marked where `true` is known, as many as there is room for."""
        shown: list[str] = []
        room = self.letters
        for cui in cuis:
            name = self.vocabulary.name(cui.upper()) or cui
            name = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
            if (room := room - len(name)) < 0 and shown:
                return "; ".join([*shown, f"and {len(cuis) - len(shown)} more"])
            mark = "" if true is None else r"\textbf" if cui.upper() in true else r"\textit"
            shown.append(f"{mark}{{{as_tex(name)}}}" if mark else as_tex(name))
        return "; ".join(shown)


def _text(value: Value) -> str:
    if isinstance(value, Report):
        parts = (("Findings", value.findings), ("Impression", value.impression))
        return " ".join(f"{title}: {text}" for title, text in parts if text.strip())
    return value if isinstance(value, str) else ""


def _cuis(value: Value) -> list[str]:
    return [cui.strip() for cui in value if cui.strip()] if isinstance(value, tuple) else []
