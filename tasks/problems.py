"""Every code of a submission problem: what it means and how to mend it.

Which codes refuse a file is said by the edition; the others are warnings. A code's message names the case at hand,
its meaning and mend stand here once:

    findings = Findings(load_edition(2026, Task.CAPTIONS))
    findings.add("id-order", "expected ..._1 here", line=3, image_id="..._2")
    findings.problems[0].severity       # "error"
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tasks.editions import Edition
from tasks.nouns import Problem

Verdict = Literal["accepted", "rejected"]


class Code(NamedTuple):
    """One kind of problem."""

    meaning: str
    fix: str


CODES = {
    "zip": Code(
        "the zip to upload is not one that holds submission.csv alone",
        "zip the one file submission.csv, without folders or a password",
    ),
    "encoding": Code("the file is not UTF-8 text", "save the file as UTF-8"),
    "bom": Code("a byte order mark stands before the header", "save the file as UTF-8 without BOM"),
    "file-empty": Code("the file holds nothing", "write the header and one row for each image"),
    "blank-line": Code("a line holds nothing but white space", "remove the line"),
    "blank-line-inside": Code("a value holds a blank line", "put a blank in place of the line breaks in the value"),
    "delimiter": Code("the columns are separated by another character", "separate the columns as the edition does"),
    "header-missing": Code("the first line is a row of data", "put the header line on top"),
    "header-form": Code("the header is not written exactly as asked", "write the header exactly as the edition has it"),
    "header-unread": Code(
        "the first line is neither the header nor an image's row",
        "put the header line on top, in place of another header",
    ),
    "header-unwanted": Code(
        "the first line is a header, which an evaluator of a year without one reads as an image", "remove the line"
    ),
    "header-repeated": Code(
        "a header stands among the rows; the concept evaluator skips every id with ID in it", "remove it"
    ),
    "field-too-large": Code("a field is longer than a CSV reader takes", "shorten the field, or close its quotes"),
    "columns-few": Code("a row has too few fields", "put the delimiter after the id even when nothing follows"),
    "columns-many": Code(
        "a row has too many fields",
        "put double quotes round a field that holds a comma; in a year without quoting, take the delimiter out of it",
    ),
    "id-space": Code("white space or a byte order mark stands round an id", "remove it"),
    "id-file-ending": Code("an id carries the ending of its image file", "remove the ending"),
    "id-duplicate": Code("an image has more than one row", "keep one row for each image"),
    "id-unknown": Code("an id is not in the id list", "use the ids of the list, letter for letter"),
    "id-missing": Code("an image of the id list has no row", "add a row for the image"),
    "id-order": Code("the rows do not follow the order of the id list", "sort the rows as the id list"),
    "edition-unknown": Code(
        "no public source says all of this edition's rules", "compare with the organisers' own description"
    ),
    "ids-inferred": Code(
        "the id list came from a folder, so its order is a guess",
        "give the organisers' id file with --ids to be sure of the order",
    ),
    "cui-space": Code("white space stands round the list of CUIs", "remove it"),
    "cui-empty": Code("a list of CUIs has an empty entry", "put one ; between two CUIs and none at the end"),
    "cui-format": Code("an entry is not C and digits", "write CUIs such as C0040405, names are not accepted"),
    "cui-form": Code("a CUI is not C and seven digits 0 to 9, as all of UMLS are", "correct the CUI"),
    "cui-duplicate": Code("a CUI stands twice in one row", "keep it once"),
    "cui-too-many": Code("a row has more CUIs than the evaluator takes", "keep the most certain ones"),
    "cui-vocabulary": Code("a CUI is not in the vocabulary, so it can only cost score", "remove it, or correct it"),
    "comma-unquoted": Code(
        "a line holds a comma in a caption that does not begin and end with double quotes on that line",
        "put double quotes round the caption, and a blank in place of its line breaks",
    ),
    "quote-open": Code("a double quote that is not closed swallows the rows after it", "close or double the quote"),
    "caption-empty": Code(
        "a text is empty: it scores nothing, and the organisers' AlignScore step may abort on it", "write a text"
    ),
    "line-break": Code("a value holds a line break", "put a blank in place of it"),
    "control-character": Code(
        "a value holds a control or line separator character, which other readers may take for a line end",
        "put a blank in place of it",
    ),
    "mojibake": Code(
        "a text was decoded wrongly once, é became Ã©, or has lost a character",
        "read the text as UTF-8 where it comes from, or mend it with imageclef repair",
    ),
    "prompt-echo": Code(
        "a text begins with the prompt, a speaker's name or a chat's courtesy instead of the answer",
        "decode only the tokens after the prompt, and ask for the text alone",
    ),
    "template-remains": Code(
        "a text holds marks of a tokenizer or a chat template, which count as wrong words",
        "decode with skip_special_tokens=True, and cut the answer off where its turn ends",
    ),
    "unfinished": Code(
        "a text seems to be cut off: it ends within a word or with one that leads on",
        "allow more new tokens, or cut the text at its last whole sentence",
    ),
    "repeated": Code(
        "a text says a sentence twice, or some words go round", "set no_repeat_ngram_size or a repetition penalty"
    ),
    "identifying": Code(
        "a text holds what looks like a name, a date, a number or an address that could tell who the patient is",
        "take it out, and ask whether the model learned it by heart from data that was not de-identified",
    ),
    "language": Code(
        "a text reads as another language than English, the language of the task's references; in reports, which may "
        "be in any, than most of the others",
        "ask for English, or translate the text",
    ),
    "collapse": Code(
        "the answers hardly differ from image to image",
        "look whether the images reach the model, and whether it is trained too long or decodes too greedily",
    ),
    "prefix-shared": Code(
        "most texts begin with the same words, which cost precision", "ask for the text alone, or cut the words off"
    ),
    "length": Code(
        "the answers are much longer or shorter than the references",
        "ask for the references' length, or change the limit of new tokens",
    ),
}
"""Code -> meaning and mend, in the order of a file from the outside in."""


def counted(n: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


@dataclass(slots=True)
class Findings:
    """The problems found so far in one file."""

    edition: Edition
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, *, line: int | None = None, image_id: str | None = None) -> None:
        """Note a problem; its severity is the edition's word."""
        refused = code in self.edition.precheck_rejects or code in self.edition.evaluator_rejects
        self.problems.append(Problem("error" if refused else "warning", code, line, image_id, message, CODES[code].fix))

    @property
    def precheck(self) -> Verdict:
        """Whether the organisers' pre-check would take the file."""
        return self._verdict(self.edition.precheck_rejects)

    @property
    def scoring(self) -> Verdict:
        """Whether the organisers' evaluator would run through."""
        return self._verdict(self.edition.evaluator_rejects)

    def sort_by_line(self, start: int) -> None:
        """Sort the problems from the `start`-th on by line, those of the whole file last."""
        self.problems[start:] = sorted(self.problems[start:], key=lambda problem: problem.line or sys.maxsize)

    def _verdict(self, refused: frozenset[str]) -> Verdict:
        return "rejected" if any(problem.code in refused for problem in self.problems) else "accepted"
