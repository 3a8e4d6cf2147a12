"""The rows of a submission one by one: ids against the id list, then CUIs or texts.

The order of the questions within a row is that of the 2026 pre-check: number of fields, white space, duplicate, place
in the id list, then the value. `tasks.check` does the file round them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from tasks.check_answers import Answer
from tasks.editions import Edition
from tasks.ids import IMAGE_ENDING
from tasks.nouns import Task
from tasks.problems import Findings, counted
from tasks.upload import FIELD_LIMIT, Record

# Everything that str.splitlines breaks at, and the other control characters.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
CUI = re.compile(r"C\d+")
UMLS_CUI = re.compile(r"C[0-9]{7}")


def check_records(
    rows: Sequence[Record],
    findings: Findings,
    ids: Sequence[str],
    *,
    vocabulary: frozenset[str] | None,
    unquoted: Mapping[int, int],
) -> list[Answer]:
    """Check all rows of data, of which `unquoted` names those that break the rule on commas.

    Returned are the answers of the rows that are whole.
    """
    rank = {image_id: n for n, image_id in enumerate(ids)}
    placed: dict[str, int] = {}
    already = len(findings.problems)
    names = [_name(row, rank) for row in rows]
    present = set(names)
    expected = iter([image_id for image_id in ids if image_id in present])
    answers = []
    for row, image_id in zip(rows, names, strict=True):
        if image_id not in rank and _is_header(row, findings.edition):
            findings.add("header-repeated", f"{row.fields[0]!r} is read as a header", line=row.line)
            continue
        _check_fields(row, findings, image_id)
        if image_id in placed:
            message = f"{image_id} stands on line {placed[image_id]} already"
            findings.add("id-duplicate", message, line=row.line, image_id=image_id)
        elif image_id not in rank:
            findings.add("id-unknown", _unknown(image_id, findings), line=row.line, image_id=image_id)
        elif image_id != (wanted := next(expected)):
            findings.add("id-order", f"expected {wanted} here", line=row.line, image_id=image_id)
        placed.setdefault(image_id, row.line)
        _check_value(row, findings, image_id, vocabulary)
        swallows = _check_quotes(row, findings, rank, unquoted)
        if len(row.fields) == len(findings.edition.columns) and not swallows:
            answers.append(Answer(row.line, image_id, row.fields[1:]))
    _find_missing(placed, findings, ids)
    findings.sort_by_line(already)
    return answers


def _is_header(row: Record, edition: Edition) -> bool:
    """Whether the row is a header again; most evaluators skip every row with `ID` in its first field."""
    if edition.id_rule:
        return bool(row.fields) and "ID" in row.fields[0]
    return edition.header != "none" and row.fields == list(edition.columns)


def _name(row: Record, rank: Mapping[str, int]) -> str:
    """The image a row means: its id without white space and, where that makes it known, without a file ending."""
    image_id = row.fields[0].strip() if row.fields else ""
    if image_id in rank:
        return image_id
    stem = IMAGE_ENDING.sub("", image_id)
    return stem if stem in rank else image_id


def _unknown(image_id: str, findings: Findings) -> str:
    example = findings.edition.id_example
    looks = f", where ids look like {example}" if example else ""
    return f"{image_id[:80]!r} is not in the id list{looks}" if image_id else "no id"


def _check_fields(row: Record, findings: Findings, image_id: str) -> None:
    wanted, found = len(findings.edition.columns), len(row.fields)
    if found != wanted:
        code = "columns-few" if found < wanted else "columns-many"
        findings.add(code, f"{counted(found, 'field')}, not {wanted}", line=row.line, image_id=image_id)
    longest = max(map(len, row.fields), default=0)
    if longest > FIELD_LIMIT:
        message = f"a field of {longest} characters, the limit is {FIELD_LIMIT}"
        findings.add("field-too-large", message, line=row.line, image_id=image_id)
    first = row.fields[0] if row.fields else ""
    if first == image_id:
        return
    if first != first.strip():
        findings.add("id-space", f"white space round the id {first[:80]!r}", line=row.line, image_id=image_id)
    if first.strip() != image_id:
        findings.add("id-file-ending", f"{first.strip()} for {image_id}", line=row.line, image_id=image_id)


def _check_value(row: Record, findings: Findings, image_id: str, vocabulary: frozenset[str] | None) -> None:
    values = row.fields[1 : len(findings.edition.columns)]
    if values and findings.edition.task is Task.CONCEPTS:
        _check_cuis(values[0], row.line, findings, image_id, vocabulary)
    elif values:
        _check_texts(values, row.line, findings, image_id)


def _check_cuis(value: str, line: int, findings: Findings, image_id: str, vocabulary: frozenset[str] | None) -> None:
    def add(code: str, message: str) -> None:
        findings.add(code, message, line=line, image_id=image_id)

    if value != value.strip():
        add("cui-space", "white space round the list of CUIs")
    if not value.strip():
        return
    cuis = [cui.strip() for cui in value.split(findings.edition.cui_separator)]
    if "" in cuis:
        add("cui-empty", f"an empty entry in {_short(value)}")
    odd = [cui for cui in cuis if cui and not UMLS_CUI.fullmatch(cui)]
    wrong = [cui for cui in odd if not CUI.fullmatch(cui)]
    if wrong:
        add("cui-format", f"no CUI: {_short(', '.join(wrong))}")
    if len(set(cuis)) < len(cuis):
        twice = [cui or "the empty entry" for cui, n in Counter(cuis).items() if n > 1]
        add("cui-duplicate", f"more than once: {_short(', '.join(twice))}")
    if len(cuis) > findings.edition.max_cuis:
        add("cui-too-many", f"{len(cuis)} CUIs, the evaluator takes {findings.edition.max_cuis}")
    if len(odd) > len(wrong):
        form = [cui for cui in odd if cui not in wrong]
        add("cui-form", f"not C and seven digits: {_short(', '.join(form))}")
    strange = [cui for cui in cuis if cui not in vocabulary and CUI.fullmatch(cui)] if vocabulary is not None else ()
    if strange:
        add("cui-vocabulary", f"not in the vocabulary: {_short(', '.join(strange))}")


def _check_texts(values: Sequence[str], line: int, findings: Findings, image_id: str) -> None:
    text = "".join(values)
    if not text.strip():
        findings.add("caption-empty", "no text", line=line, image_id=image_id)
    if text.isprintable():
        return
    if "\n" in text or "\r" in text:
        findings.add("line-break", "the text goes over more than one line", line=line, image_id=image_id)
    marks = sorted(set(CONTROL.findall(text)))
    if marks:
        message = "the text holds " + ", ".join(f"U+{ord(mark):04X}" for mark in marks)
        findings.add("control-character", message, line=line, image_id=image_id)


def _check_quotes(row: Record, findings: Findings, rank: Mapping[str, int], unquoted: Mapping[int, int]) -> bool:
    """Check the quotes round a row's values; whether one that is left open swallows other rows."""
    image_id = row.fields[0] if row.fields else ""
    if row.line in unquoted:
        line = unquoted[row.line]
        findings.add("comma-unquoted", f"a comma without quotes on line {line}", line=row.line, image_id=image_id)
    if "\n" not in "".join(row.fields):
        return False
    inside = [line.partition(",")[0] for field in row.fields for line in field.splitlines()[1:]]
    swallowed = [name for name in inside if name in rank]
    if swallowed:
        message = (
            f"a quote opened here is not closed and swallows {counted(len(swallowed), 'row')}, from {swallowed[0]}"
        )
        findings.add("quote-open", message, line=row.line, image_id=image_id)
    return bool(swallowed)


def _find_missing(placed: Mapping[str, int], findings: Findings, ids: Sequence[str]) -> None:
    """Every image without a row, at the line where it should stand when the other rows are in order."""
    present = [n for n, image_id in enumerate(ids) if image_id in placed]
    lines = [placed[ids[n]] for n in present]
    sorted_rows = all(a < b for a, b in pairwise(lines))
    for n, image_id in enumerate(ids):
        if image_id not in placed:
            after = bisect_right(present, n)
            line = lines[after] if sorted_rows and after < len(lines) else None
            findings.add("id-missing", f"no row for {image_id}", line=line, image_id=image_id)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
