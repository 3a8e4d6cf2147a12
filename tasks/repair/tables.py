"""The rows of a table of any delimiter, quoting, header and order of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.editions import Edition
from tasks.nouns import InputError, Report, Task
from tasks.repair.changes import Record as Log
from tasks.repair.columns import is_title, pick_values
from tasks.repair.names import Names, bare
from tasks.repair.readings import LINE_END, MARKS, Frame, Reading, best_reading
from tasks.repair.row import Cell, Row
from tasks.repair.unbroken import unbroken
from tasks.upload import FIELD_LIMIT, Record

_LONGEST = 8 * FIELD_LIMIT
"""Characters of a line that no mend makes short enough."""


def read_table(text: str, edition: Edition, names: Names, log: Log, where: str) -> list[Row]:
    """The rows of data, in the order of the file; changes of the frame go into `log`."""
    lines = LINE_END.split(text)
    longest = max(range(len(lines)), key=lambda n: len(lines[n]))
    if len(lines[longest]) > _LONGEST:
        raise InputError(
            f"{where}:{longest + 1}: a line of {len(lines[longest])} characters, the organisers' reader takes "
            f"{FIELD_LIMIT}: shorten or remove it"
        )
    frame = Frame(lines, edition, names, log, where)
    reading = best_reading(text, frame)
    if reading.delimiter != edition.delimiter_of(lines[0]) and len(reading.records) > 0:
        log.change("delimiter", before=repr(reading.delimiter), after=repr(edition.delimiter))
    for line, before in reading.opened.items():
        log.change("quote-open", before=before, line=line)
    return list(_rows(reading, frame))


def _rows(reading: Reading, frame: Frame) -> Iterator[Row]:
    log, columns = frame.log, list(frame.edition.columns)
    last = len(frame.lines) - (frame.lines[-1] == "")
    records: list[Record] = []
    for record in reading.records:
        if any(cell[:1].isalnum() or bare(cell) for cell in record.fields):
            records.append(record)
        elif record.line <= last:
            log.change("blank-line", before=delimited(record, reading), line=record.line)
    if not records:
        return
    header = _header(records, reading, frame)
    data = records[1:] if header else records
    width = len(columns)
    if header and len(header) > width and _share(data, len(header)) > 0.5:
        width = len(header)
    if len(header) == 2:
        width = 2  # reports in one column
    data = list(unbroken(data, header, reading, frame))
    value_at = _value_columns(header, width, reading.id_at, data, frame)
    padded = not header and _padded(data, len(columns))
    for n, record in enumerate(data):
        if header and not reading.knows(record, frame.names) and [bare(cell) for cell in record.fields] == header:
            log.change("header-repeated", before=delimited(record, reading), line=record.line)
            continue
        until = data[n + 1].line if n + 1 < len(data) else record.line + 1
        yield _row(record, reading, frame, value_at, width=width, single=until == record.line + 1, padded=padded)


def _share(records: Sequence[Record], width: int) -> float:
    return sum(len(record.fields) == width for record in records) / max(1, len(records))


def _padded(records: Sequence[Record], width: int) -> bool:
    """Whether each row has further fields and none of them holds anything, as spreadsheets save tables."""
    return all(len(record.fields) > width and not any(record.fields[width:]) for record in records)


def _header(records: Sequence[Record], reading: Reading, frame: Frame) -> list[str]:
    """The titles, empty without a header; what has to be done to it is noted."""
    edition, names = frame.edition, frame.names
    first, columns = records[0].fields, list(edition.columns)
    if len(first) == 1 and (mark := next((mark for mark in MARKS if mark in first[0]), "")):
        first = first[0].split(mark)  # only the header has another delimiter
    titles = [bare(cell) for cell in first]
    known = any(names.of(cell) is not None for cell in first)
    follows = len(records) > 1 and reading.knows(records[1], frame.names)
    numbered = [any(c.isdigit() for c in name) for name in (titles[0], names.ids[0])]
    plain = numbered == [False, True] and follows and len(first) > 1 and all(len(title) < 40 for title in titles)
    if known or not (first == columns or is_title(first, edition.task) or plain):
        if edition.header != "none":
            frame.log.change("header-missing", before="", after=edition.delimiter.join(columns), line=1)
        return []
    said = reading.delimiter.join(first)
    if edition.header == "none":
        frame.log.change("header-unwanted", before=said, line=records[0].line)
    elif records[0].fields != columns:
        frame.log.change("header-form", before=said, after=edition.delimiter.join(columns), line=records[0].line)
    return titles


def _value_columns(
    header: Sequence[str], width: int, id_at: int, data: Sequence[Record], frame: Frame
) -> tuple[int, ...]:
    """The columns of the values when their titles say so; empty when all fields but the id are the value."""
    wanted = len(frame.edition.columns)
    if not header or (width == wanted and frame.edition.task is not Task.REPORTS and id_at in {0, wanted - 1}):
        return ()
    if frame.edition.task is Task.REPORTS and len(header) < wanted:
        return ()
    value_at = pick_values(header[:width], id_at, frame.edition.task, frame.where)
    left = [header[n] or f"column {n + 1}" for n in range(width) if n not in {id_at, *value_at}]
    if left:
        frame.log.change("columns-extra", before=", ".join(left))
    if id_at or list(value_at) != sorted(value_at):
        frame.log.change("layout", before=", ".join(header), after=", ".join(frame.edition.columns))
    return value_at


def _row(
    record: Record,
    reading: Reading,
    frame: Frame,
    value_at: tuple[int, ...],
    *,
    width: int,
    single: bool,
    padded: bool,
) -> Row:
    fields, at, log = record.fields, reading.id_at, frame.log
    name = fields[at] if at < len(fields) else ""
    image_id = frame.names.of(name)
    if padded:
        log.change("columns-extra", before=delimited(record, reading), line=record.line, image_id=image_id)
        fields = fields[: len(frame.edition.columns)]
    if value_at:
        if len(fields) > width:
            message = f"{len(fields)} fields under {width} titles: which of them is the answer cannot be told"
            log.refuse("columns-many", message, line=record.line, image_id=image_id or name)
        values = [fields[n] for n in value_at if n < len(fields)]
    else:
        values = fields[at + 1 :] if at + 1 < len(fields) or at == 0 else fields[:at]
    wanted = min(width, len(frame.edition.columns)) - 1
    if len(values) > wanted and wanted == 1:
        values = [_together(values, record, reading, frame, single)]
        log.change("columns-many", before=" / ".join(fields[1:]), after=values[0], line=record.line, image_id=image_id)
    elif len(values) > wanted and not value_at:
        message = f"{len(fields)} fields, not {wanted + 1}: where the findings end cannot be told"
        log.refuse("columns-many", message, line=record.line, image_id=image_id or name)
    elif not values and frame.edition.task is Task.CONCEPTS:
        log.change(
            "columns-few", before=name, after=name + frame.edition.delimiter, line=record.line, image_id=image_id
        )
        values = [""]
    return Row(record.line, name, _cell(values, frame.edition, reading, log, record.line))


def _together(values: Sequence[str], record: Record, reading: Reading, frame: Frame, single: bool) -> str:
    """A value that was cut at its own delimiters, as the line has it."""
    if reading.id_at or not single:
        return reading.delimiter.join(values)
    raw = frame.lines[record.line - 1].partition(reading.delimiter)[2].strip()
    return _unquoted(raw) if reading.mode != "plain" else raw


def _unquoted(text: str) -> str:
    """The text without the quotes that are round all of it."""
    inner = text[1:-1]
    quoted = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else text


def _cell(values: Sequence[str], edition: Edition, reading: Reading, log: Log, line: int) -> Cell:
    if edition.task is Task.REPORTS:
        if len(values) == 1:
            return values[0]
        return Report(values[0], values[1]) if values else None
    if not values:
        return None
    value = values[0]
    if reading.mode != "plain" and value[:1].isspace() and (bared := _unquoted(value.strip())) != value.strip():
        log.change("layout", before=value, after=bared, line=line)
        return bared
    return value


def delimited(record: Record, reading: Reading) -> str:
    """A record on one line, to show it."""
    return reading.delimiter.join(record.fields)
