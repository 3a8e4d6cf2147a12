"""Everything that is wrong with a submission file, and what the organisers' programs would say to it.

The rules are those of the 2026 pre-check (`submission_check.py` of both tasks in
github.com/taubsity/clef-caption-evaluation-2026), which stops at its first complaint, and of the evaluators. Problems
come in the pre-check's own order, so the first error is the one a participant would be told:

    check = check_file(Path("submission.zip"), edition=load_edition(2026, Task.CONCEPTS), ids=read_ids(Path("ids.csv")))
    check.precheck, check.scoring, check.problems[0]
    # "rejected", "accepted", Problem("error", "id-order", 4, "..._test_10", "expected ..._test_2 here", ...)
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.check_answers import Answer, check_answers
from tasks.check_rows import check_records
from tasks.editions import Edition
from tasks.nouns import Problem
from tasks.problems import Findings, Verdict
from tasks.upload import Record, read_records, read_upload, text_lines

BOM = "\ufeff"
TITLES = {"id", "image", "image id", "image_id"}
"""What the first field of a header reads in lower case."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found in one file."""

    edition: Edition
    path: Path
    n_rows: int
    """Rows of data, the header and blank lines left out."""
    precheck: Verdict
    """The organisers' pre-check; in a year without one, their written rules."""
    scoring: Verdict
    """Whether the organisers' evaluator would run through."""
    problems: tuple[Problem, ...]

    @property
    def accepted(self) -> bool:
        """Whether pre-check and evaluator both take the file."""
        return self.precheck == self.scoring == "accepted"

    def to_json(self) -> dict[str, Any]:
        """The object that `imageclef check --json` prints."""
        names = [field.name for field in fields(Problem)]
        return {
            "task": self.edition.task.value,
            "edition": self.edition.year,
            "file": str(self.path),
            "n_rows": self.n_rows,
            "precheck": self.precheck,
            "scoring": self.scoring,
            "problems": [{name: getattr(problem, name) for name in names} for problem in self.problems],
        }


def check_file(
    path: Path,
    *,
    edition: Edition,
    ids: Sequence[str],
    vocabulary: frozenset[str] | None = None,
    order_inferred: bool = False,
    doubts: bool = False,
    reference_length: float | None = None,
) -> Check:
    """Check a table or a zip against the images that must be answered.

    `order_inferred` notes that the ids come from a folder. With `doubts`, sound answers that look wrong are told too,
    and whether their mean length is far from `reference_length`. InputError when the file cannot be read at all.
    """
    findings = Findings(edition)
    upload = read_upload(path, member=edition.zip_member)
    for fault in upload.faults:
        findings.add("zip", fault)
    n_rows = 0
    if order_inferred:
        findings.add("ids-inferred", "the order of the ids was inferred from the names of the images")
    if edition.unknown:
        findings.add("edition-unknown", f"not public for {edition.year}: {'; '.join(edition.unknown)}")
    table = None if upload.data is None else _as_utf8(upload.data, findings)
    del upload
    if table is not None:
        n_rows, answers = _check_table(table, findings, ids, vocabulary)
        del table
        if doubts:
            check_answers(answers, findings, reference_length=reference_length)
    return Check(edition, path, n_rows, findings.precheck, findings.scoring, tuple(findings.problems))


def _as_utf8(data: bytes, findings: Findings) -> bytes | None:
    """The table in UTF-8; as best it can be read when it is something else, None when it is no text at all.

    Bytes, because half a million captions take twice the memory as text.
    """
    for width in ("utf-16-le", "utf-16-be"):
        if data.startswith("ID".encode(width)):
            findings.add("encoding", "the file is UTF-16, not UTF-8", line=1)
            return data.decode(width, errors="replace").encode()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add("encoding", f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8", line=line)
    else:
        return data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode()
    return None if b"\0" in data else data.decode("cp1252", errors="replace").encode()


def _check_table(
    table: bytes, findings: Findings, ids: Sequence[str], vocabulary: frozenset[str] | None
) -> tuple[int, list[Answer]]:
    """Check the whole table; the number of its rows and the answers of those that are whole."""
    edition = findings.edition
    head = next((line for _, line in _lines(table)), "")
    blank = {number for number, line in islice(_lines(table), 1, None) if not line.strip()}
    if not table:
        findings.add("file-empty", "the file is empty", line=1)
    known = frozenset(ids)
    delimiter = _delimiter(head, edition, known)
    records = read_records(table.removeprefix(codecs.BOM_UTF8), delimiter, quoted=edition.quoted)
    _check_blank_lines(blank, records, findings)
    if head.startswith(BOM):
        findings.add("bom", "the file starts with a byte order mark", line=1)
    another = delimiter not in {edition.delimiter, edition.other_delimiter}
    if another:
        message = f"the columns are separated by {delimiter!r}, not {edition.delimiter!r}"
        findings.add("delimiter", message, line=1)
        _fold(records, delimiter, len(edition.columns))
    rows = records[_check_header(head, records, findings, known) :]
    by_comma = "comma-unquoted" in edition.precheck_rejects and not another
    quoting = _unquoted(table, rows) if by_comma else {}
    rows = [row for row in rows if not (row.line in blank and len(row.fields) < 2)]
    return len(rows), check_records(rows, findings, ids, vocabulary=vocabulary, unquoted=quoting)


def _lines(table: bytes) -> Iterator[tuple[int, str]]:
    """Each line as the pre-check splits them (also at VT, NEL, U+2028 ...) behind its physical line."""
    return (
        (number, line) for number, physical in enumerate(text_lines(table), start=1) for line in physical.splitlines()
    )


def _delimiter(head: str, edition: Edition, ids: frozenset[str]) -> str:
    """The edition's delimiter, or the tab, bar, semicolon or comma that the first line has instead."""
    own = edition.delimiter_of(head)
    wanted = len(edition.columns) - 1
    there = [mark for mark in "\t|;," if mark in head]
    others = (mark for mark in there if head.count(mark) == wanted or head.partition(mark)[0].strip() in ids)
    return own if own in head else next(others, own)


def _fold(records: Sequence[Record], delimiter: str, n_columns: int) -> None:
    """Put surplus fields back into the last column: with the edition's delimiter they would be no columns."""
    for record in records:
        if len(record.fields) > n_columns:
            record.fields[n_columns - 1 :] = [delimiter.join(record.fields[n_columns - 1 :])]


def _check_blank_lines(blank: set[int], records: Sequence[Record], findings: Findings) -> None:
    own = {record.line for record in records if len(record.fields) < 2}
    for line in sorted(blank):
        if line in own:
            findings.add("blank-line", "the line is blank", line=line)
        else:
            findings.add("blank-line-inside", "a value goes on over a blank line", line=line)


def _check_header(line: str, records: Sequence[Record], findings: Findings, ids: frozenset[str]) -> int:
    """Check the first record; 1 when it is a header, 0 when it is a row of data."""
    edition = findings.edition
    if not records:
        return 0
    found, wanted = records[0].fields, list(edition.columns)
    head = line.removeprefix(BOM)
    said = f"the first line reads {head[:80]!r}, not {edition.delimiter.join(wanted)}"
    first = found[0].strip() if found else ""
    if found == wanted and edition.header != "none":
        return 1
    if first in ids:
        if edition.header == "required":
            findings.add("header-missing", said, line=1, image_id=first)
        if line.startswith(BOM):
            findings.add("id-space", "the byte order mark is read as part of the first id", line=1, image_id=first)
        return 0
    if edition.header == "none":
        unwanted = found == wanted or first.lower() in TITLES
        if unwanted:
            findings.add("header-unwanted", f"the first line reads {head[:80]!r}", line=1)
        return int(unwanted)
    # Most evaluators skip whatever holds "ID"; the caption evaluators since 2025 want "id" in any case.
    known = "ID" in found[0] if edition.id_rule and found else found[:1] and found[0].lower() == "id"
    if edition.header == "optional" and not known and first.lower() not in TITLES:
        return 0
    if edition.header == "required" or not known:
        findings.add("header-form" if known else "header-unread", said, line=1)
    return 1


def _unquoted(table: bytes, rows: Sequence[Record]) -> dict[int, int]:
    """Start line of a row -> the physical line that breaks the pre-check's rule on commas.

    The pre-check sets its n-th line beside the n-th row, also when a value spans lines, so a caption with a line break
    can be refused for its first line only.
    """
    found: dict[int, int] = {}
    starts = [row.line for row in rows]
    for number, line in islice(_lines(table), 1, len(rows) + 1):
        value = line.partition(",")[2]
        if "," in value and not (value[0] == '"' and value[-1] == '"'):
            found.setdefault(starts[max(0, bisect_right(starts, number) - 1)], number)
    return found
