"""Concepts in text: from names to CUIs and back, through the user's own vocabulary files.

Files are tables with a CUI column and a name column, by header: `CUI,Canonical name` (cui_mapping.csv of ROCOv2 and
ImageCLEF 2026), `CUI,Name,Language`, cui_names.csv and cui_to_name*.csv of participants. The first name of a CUI is its
canonical one, further rows (synonyms, Spanish) are understood too; without a name column only CUIs are known:

    vocabulary = Vocabulary.load([Path("cui_mapping.csv")])
    vocabulary.find("CT shows no effusion but bacterial pneumonias")        # ("C0040405", "C0004626")
    vocabulary.answer("Pneumonia, Bacterial; chest, unicorn")   # ConceptAnswer(("C0004626", "C0817096"), ("unicorn",))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tasks.concept_names import fold, spellings
from tasks.negation import CUES, Cue, affirmed, longest
from tasks.nouns import InputError
from tasks.upload import read_records, read_text

COMMON_NAMES = Path(__file__).with_name("common_names.csv")
"""What radiologists call the modalities and body regions that the organisers count in the secondary score."""
MOST = 100
"""CUIs per image that the official evaluators take."""
_CUI = re.compile(r"(?<![A-Z0-9])C\d{5,8}(?!\d)", re.IGNORECASE)
_FRAME = " \t\r\"'`[]{}"
_LEAD = re.compile(r"^(?:[-*•>]+|\(?\d{1,3}[.)](?!\d))\s*")
_LABEL = re.compile(r"^[^:,]*\b(?:cuis?|concepts?|conceptos?)\b[^:,]*:\s*", re.IGNORECASE)
"""What a model writes before its list: `CUIs:`, `Los conceptos médicos clave son:`."""


class ConceptAnswer(NamedTuple):
    """What a model's list of concepts means."""

    cuis: tuple[str, ...]
    """Each once, at most `MOST`, all of them in the vocabulary."""
    unmapped: tuple[str, ...]
    """Entries that are no concept of the vocabulary, as they were written."""


class Collision(NamedTuple):
    """A name that two concepts bear; the first keeps it."""

    name: str
    kept: str
    dropped: str


@dataclass(frozen=True)
class Vocabulary:
    """Names of concepts."""

    names: Mapping[str, tuple[str, ...]]
    """CUI -> its names, the canonical one first."""

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Vocabulary:
        """The names in the files, taken in their order; InputError when one is not such a table.

        The files decide which concepts there are; `common_names.csv` adds everyday names (CT, ecografía)
        to those of them that it knows.
        """
        names: dict[str, dict[str, None]] = {}
        for path in paths:
            for cui, name in _read(path):
                of_cui = names.setdefault(cui, {})
                if name:
                    of_cui[name] = None
        own = {fold(name) for of_cui in names.values() for name in of_cui}
        for cui, name in _read(COMMON_NAMES):
            if cui in names and fold(name) not in own:
                names[cui][name] = None
        return cls({cui: tuple(of_cui) for cui, of_cui in names.items()})

    @property
    def cuis(self) -> frozenset[str]:
        """All CUIs."""
        return frozenset(self.names)

    def name(self, cui: str) -> str | None:
        """The canonical name; None when the vocabulary has none."""
        return next(iter(self.names.get(cui, ())), None)

    @cached_property
    def collisions(self) -> tuple[Collision, ...]:
        """Names that more than one concept bears."""
        first: dict[str, str] = {}
        found: dict[Collision, None] = {}
        for cui, names in self.names.items():
            for name in names:
                kept = first.setdefault(fold(name), cui)
                if kept != cui:
                    found[Collision(name, kept, cui)] = None
        return tuple(found)

    def find(self, text: str) -> tuple[str, ...]:
        """The CUIs of the concepts that a free text mentions and does not deny, in the order of their mention."""
        return tuple(dict.fromkeys(affirmed(self.mentions(text))))

    def mentions(self, text: str) -> list[str | Cue]:
        """The CUIs of all concepts that a text mentions, denied or not, and what bears on denial, in their order."""
        return longest(self._spans(_spread(fold(text))))

    def unread(self, text: str) -> list[str]:
        """The stretches of a text, folded, between names, punctuation and words that deny."""
        spread = _spread(fold(text))
        stretches, at = [], 0
        for start, end, _ in sorted(self._spans(spread), key=lambda span: span[:2]):
            stretches.append(spread[at:start])
            at = max(at, end)
        stretches.append(spread[at:])
        return [" ".join(stretch.split()) for stretch in stretches if stretch.strip()]

    def _spans(self, spread: str) -> list[tuple[int, int, str | Cue]]:
        return [(end - length + 1, end + 1, item) for end, (length, item) in self._automaton.iter(spread)]

    def answer(self, text: str) -> ConceptAnswer:
        """The CUIs of a model's list: CUIs or names, separated by `;`, line breaks or commas.

        An answer in which no entry is a concept is prose, and its mentions are taken as `find` takes them.
        """
        cuis: dict[str, None] = {}
        unmapped: dict[str, None] = {}
        for entry in _entries(text):
            for part, cui in self._entry(entry):
                if cui is None:
                    unmapped[part] = None
                else:
                    cuis[cui] = None
        if not cuis and (mentioned := self.find(text)):
            return ConceptAnswer(mentioned[:MOST], ())
        return ConceptAnswer(tuple(cuis)[:MOST], tuple(unmapped))

    def _entry(self, entry: str) -> Iterator[tuple[str, str | None]]:
        """The parts of an entry with their CUIs: the entry whole, else cut at commas into the longest known names."""
        written = _CUI.findall(entry)
        if written:
            yield from ((cui, cui.upper() if cui.upper() in self.names else None) for cui in written)
            return
        parts = [part for part in (part.strip(_FRAME) for part in entry.split(",")) if part]
        while parts:
            for n in range(min(len(parts), self._most_parts), 0, -1):
                whole = ", ".join(parts[:n])
                cui = self._by_spelling.get(fold(re.sub(r"^(?:and|y|e)\s+", "", whole)).removesuffix(" ."))
                if cui or n == 1:
                    yield whole, cui
                    del parts[:n]
                    break

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        """Folded spelling -> CUI; a name as written goes before other spellings, a first concept before a second."""
        found: dict[str, str] = {}
        for cui, names in self.names.items():
            for name in names:
                found.setdefault(fold(name), cui)
        for cui, names in self.names.items():
            for name in names:
                for spelling in spellings(name):
                    found.setdefault(spelling, cui)
        found.pop("", None)
        return found

    @cached_property
    def _most_parts(self) -> int:
        """Parts between commas that a name has at most."""
        return max((spelling.count(" , ") + 1 for spelling in self._by_spelling), default=1)

    @cached_property
    def _automaton(self) -> Any:
        import ahocorasick

        automaton = ahocorasick.Automaton()
        phrases: dict[str, str | Cue] = {**CUES, **self._by_spelling}
        for phrase, item in phrases.items():
            spread = _spread(phrase)
            automaton.add_word(spread, (len(spread), item))
        automaton.make_automaton()
        return automaton


def _spread(folded: str) -> str:
    """Every word with blanks of its own on both sides, so that neighbours match without sharing one."""
    return " " + folded.replace(" ", "  ") + " "


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """CUI and name of each row."""
    text = read_text(path, member="cui_mapping.csv")
    head = text.partition("\n")[0]
    records = read_records(text, max(",\t|;", key=head.count))
    titles = [title.strip().lower() for title in records[0].fields] if records else []
    name_at = next((n for n, title in enumerate(titles) if re.search(r"name|term|label|descri|^str$", title)), None)
    cui_at = next((n for n, title in enumerate(titles) if re.search(r"cui|^concept$", title) and n != name_at), None)
    if cui_at is None:
        raise InputError(f"{path}:1: no CUI column in {head[:80]!r}: use a header such as CUI,Name")
    if not any(any(record.fields) for record in records[1:]):
        raise InputError(f"{path} holds no concepts: give a table of CUIs and their names")
    for record in records[1:]:
        if not any(record.fields):
            continue
        cells = [cell.strip() for cell in record.fields] + [""] * len(titles)
        if not _CUI.fullmatch(cells[cui_at]):
            raise InputError(f"{path}:{record.line}: {cells[cui_at]!r} is not a CUI: correct or remove the row")
        yield cells[cui_at].upper(), "" if name_at is None else cells[name_at]


def _entries(text: str) -> Iterator[str]:
    """The entries of a list without bullets, numbers, quotes, brackets and a label in front."""
    for line in re.split(r"[;\n]", text):
        entry = _LABEL.sub("", _LEAD.sub("", line.strip(_FRAME)).replace("**", "")).strip(_FRAME + ".")
        if entry:
            yield entry
