"""From rows as found to one answer for each image of the id list.

Nothing is invented: a missing answer comes from what the user names, contradicting rows are refused unless the user
says which one to keep, and a row with an unknown id goes only when every image has a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Literal

from tasks.nouns import Report, Task, Value
from tasks.repair.changes import Record
from tasks.repair.names import Names, bare
from tasks.repair.row import Row
from tasks.repair.values import NO_ANSWER, Mender
from tasks.reports.text import format_report

Keep = Literal["first", "last"]
Fill = Callable[[str], Value | None]
"""The answer for an image that has none."""


def place(
    rows: Iterable[Row], names: Names, mender: Mender, *, keep: Keep | None, fill: Fill | None
) -> dict[str, Value]:
    """Image id -> answer, in the order of the list; what could not be mended is in the mender's record."""
    placed: dict[str, tuple[Value, int | None]] = {}
    refused: set[str] = set()
    unknown: list[Row] = []
    silent: dict[str, int | None] = {}
    record = mender.record
    for row in rows:
        image_id = names.of(row.name)
        if image_id is None:
            unknown.append(row)
            continue
        if row.name != image_id:
            names.note(row.name, image_id, record, row.line)
        if _no_answer(row, mender.edition.task):
            silent[image_id] = row.line
            continue
        value = mender.mend(row.value, line=row.line, image_id=image_id)
        if value is None:
            refused.add(image_id)
        elif image_id not in placed:
            placed[image_id] = value, row.line
        else:
            placed[image_id] = _choose(image_id, placed[image_id], (value, row.line), keep, record)
    _note_order(list(placed), names, record)
    missing = [image_id for image_id in names.ids if image_id not in placed and image_id not in refused]
    _drop_unknown(unknown, record, needed=bool(missing or refused), names=names)
    answers = {image_id: value for image_id, (value, _) in placed.items()}
    for image_id in missing:
        filled = fill(image_id) if fill else None
        if filled is not None:
            answers[image_id] = filled
            record.change("id-missing", before="", after=show(filled), line=silent.get(image_id), image_id=image_id)
        else:
            what = "the row holds no answer" if image_id in silent else "no row"
            what += ", and what --fill names has none either" if fill else ""
            fix = "name the answer with --fill: empty, a text, CUIs or another submission"
            record.refuse("id-missing", f"{what} for {image_id}", line=silent.get(image_id), image_id=image_id, fix=fix)
    return {image_id: answers[image_id] for image_id in names.ids if image_id in answers}


def show(value: Value) -> str:
    """An answer as one text."""
    if isinstance(value, Report):
        return format_report(value)
    return value if isinstance(value, str) else ";".join(value)


def same(one: Value, other: Value) -> bool:
    """Whether two answers say the same; the order of CUIs says nothing."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return set(one) == set(other)
    return one == other


def _no_answer(row: Row, task: Task) -> bool:
    if row.value is None:
        return True
    return task is Task.CONCEPTS and isinstance(row.value, str) and row.value.strip().lower() in NO_ANSWER


def _choose(
    image_id: str, had: tuple[Value, int | None], new: tuple[Value, int | None], keep: Keep | None, record: Record
) -> tuple[Value, int | None]:
    if same(had[0], new[0]) or keep == "first":
        record.change("id-duplicate", before=show(new[0]), line=new[1], image_id=image_id)
        return had
    if keep == "last":
        record.change("id-duplicate", before=show(had[0]), line=had[1], image_id=image_id)
        return new
    where = f" (line {had[1]})" if had[1] is not None else ""
    message = f"{image_id} has another answer already{where}: {show(had[0])[:60]!r}, then {show(new[0])[:60]!r}"
    fix = "say which to keep: --keep first or --keep last"
    if isinstance(had[0], tuple):
        fix += "; or write all CUIs of an image in one row, when the file has a row for each"
    record.refuse("id-duplicate", message, line=new[1], image_id=image_id, fix=fix)
    return had


def _drop_unknown(rows: Iterable[Row], record: Record, *, needed: bool, names: Names) -> None:
    """Remove the rows of other images; refuse when one of them could be a missing image under a wrong name."""
    example = names.ids[0]
    for row in rows:
        shown = "" if row.value is None else show(row.value)
        if not needed:
            record.change("id-unknown", before=f"{row.name}: {shown}"[:500], line=row.line, image_id=row.name)
            continue
        what = f"{row.name[:80]!r} is not in the id list" if bare(row.name) else "no id"
        message = f"{what}, where ids look like {example}, and images of the list lack a row: it may be one of them"
        fix = "write the id as in the list, or remove the row"
        record.refuse("id-unknown", message, line=row.line, image_id=row.name[:200], fix=fix)


def _note_order(placed: list[str], names: Names, record: Record) -> None:
    rank = {image_id: n for n, image_id in enumerate(names.ids)}
    first = next(((a, b) for a, b in pairwise(placed) if rank[a] > rank[b]), None)
    if first:
        ordered = sorted(placed, key=rank.__getitem__)
        moved = sum(a != b for a, b in zip(placed, ordered, strict=True))
        record.change("id-order", before=f"{first[1]} after {first[0]}", after=f"{moved} rows moved", image_id=first[1])
