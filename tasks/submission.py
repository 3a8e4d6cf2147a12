"""The submission's files: written so that the pre-check of 2026 accepts them, and read back.

`submission.csv` has the edition's header, if any, and one row for each image in the order given, UTF-8 without BOM,
lines ended by LF, double quotes where a value needs them; in a year without quoting a delimiter in a text becomes a
blank. White space of any kind and control characters inside a text become one blank, those at its ends go: line breaks
confuse the organisers' checker and other readers. `submission.zip` holds that file alone and has the same bytes
whenever it is written. Reports also get `submission.json`, ReXrank's form.

    write_submission(Path("run"), edition=edition, rows=[("..._test_0", ("C0040405",)), ("..._test_1", ())])
    read_submission(Path("run/submission.zip"), edition=edition)    # {"..._test_0": ("C0040405",), "..._test_1": ("",)}
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tasks.editions import Edition
from tasks.files import write_whole
from tasks.nouns import CUI, InputError, Report, Task, Value
from tasks.problems import counted
from tasks.reports.text import format_report
from tasks.upload import FIELD_LIMIT, Record, read_records, read_text

NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control and line separator characters, and halves of surrogate pairs, which UTF-8 cannot hold."""

_COMPRESSION = 4
"""Of captions a quarter of the default level's time for 9% more bytes."""


def one_line(text: str) -> str:
    """The text with each run of white space and control characters as one blank, none at its ends."""
    return " ".join((text if text.isprintable() else NO_TEXT.sub(" ", text)).split())


def write_submission(folder: Path, *, edition: Edition, rows: Sequence[tuple[str, Value]]) -> Path:
    """Write the submission's files into `folder`, each whole or not at all; the path of submission.csv."""
    placed: set[str] = set()
    table = io.StringIO(newline="")
    if edition.quoted:
        writer = csv.writer(table, delimiter=edition.delimiter, lineterminator="\n")
    else:
        writer = csv.writer(
            table, delimiter=edition.delimiter, lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        )
    if edition.header != "none":
        writer.writerow(edition.columns)
    for image_id, value in rows:
        if not image_id or image_id != one_line(image_id) or image_id in placed:
            fault = "stands twice" if image_id in placed else "is empty or has white space at an end or a line break"
            raise InputError(f"the image id {image_id!r} {fault}: give each image one row under its own id")
        if not edition.quoted and edition.delimiter in image_id:
            raise InputError(f"the image id {image_id!r} holds the delimiter: {edition.year} has no way to write it")
        placed.add(image_id)
        writer.writerow([image_id, *_fields(image_id, value, edition)])
    path = folder / edition.zip_member
    content = table.getvalue().encode("utf-8")
    write_whole(path, content)
    write_whole(path.with_suffix(".zip"), _zipped(edition.zip_member, content))
    if edition.task is Task.REPORTS:
        reports = {image_id: {"study_id": image_id, "model_prediction": _report(value)} for image_id, value in rows}
        write_whole(path.with_suffix(".json"), json.dumps(reports, ensure_ascii=False, indent=1) + "\n")
    return path


def read_submission(path: Path, *, edition: Edition) -> dict[str, Value]:
    """The values by image id, in the order of the file; InputError when it is not this edition's table.

    Rows are taken as the evaluators take them: blanks round a CUI go, a trailing `;` leaves an empty entry, an empty
    cell is one empty entry, `("",)`, and only an id without a cell has none, `()`: the evaluators since 2022 give the
    former 1 and the latter 0 where the truth is empty too. Run `tasks.check` first to hear all that is wrong.
    """
    text = read_text(path, member=edition.zip_member)
    delimiter = edition.delimiter_of(text.partition("\n")[0])
    records = [record for record in read_records(text, delimiter, quoted=edition.quoted) if record.fields]
    named = bool(records) and records[0].fields[0].strip().lower() == edition.columns[0].lower()
    if named and edition.header != "none":
        records = records[1:]
    values: dict[str, Value] = {}
    for record in records:
        image_id = record.fields[0].strip()
        if image_id in values:
            raise InputError(f"{path}:{record.line}: {image_id} stands twice: keep one row for each image")
        values[image_id] = _value(record, edition, path)
    return values


def _fields(image_id: str, value: Value, edition: Edition) -> list[str]:
    """The cells after the id."""
    if edition.task is Task.REPORTS and isinstance(value, Report):
        cells = [one_line(value.findings), one_line(value.impression)]
    elif edition.task is Task.CAPTIONS and isinstance(value, str):
        cells = [one_line(value if edition.quoted else value.replace(edition.delimiter, " "))]
    elif edition.task is Task.CONCEPTS and isinstance(value, tuple):
        cells = [_cui_field(image_id, value, edition)]
    else:
        raise InputError(f"{image_id}: {type(value).__name__} is no answer to {edition.task}")
    longest = max(map(len, cells))
    if longest > FIELD_LIMIT:
        raise InputError(
            f"{image_id}: a text of {longest} characters, the organisers' reader takes {FIELD_LIMIT}: shorten it"
        )
    return cells


def _cui_field(image_id: str, cuis: tuple[str, ...], edition: Edition) -> str:
    if cuis == ("",):  # an empty cell as it is read
        return ""
    wrong = [cui for cui in cuis if not CUI.fullmatch(cui)]
    if wrong:
        raise InputError(f"{image_id}: {wrong[0]!r} is not a CUI: give CUIs such as C0040405")
    if len(set(cuis)) < len(cuis):
        raise InputError(f"{image_id}: a CUI stands twice in {';'.join(cuis)[:120]}: keep it once")
    if len(cuis) > edition.max_cuis:
        raise InputError(f"{image_id}: {len(cuis)} CUIs, the evaluator takes {edition.max_cuis}: keep the best ones")
    return edition.cui_separator.join(cuis)


def _zipped(member: str, content: bytes) -> bytes:
    """A zip of one file whose bytes depend on nothing but the content."""
    buffer = io.BytesIO()
    info = zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr, info.compress_type = 3, 0o644 << 16, zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content, compresslevel=_COMPRESSION)
    return buffer.getvalue()


def _report(value: Value) -> str:
    """The two sections alone: ReXrank's metrics would count labels and codes as words."""
    return format_report(Report(value.findings, value.impression)) if isinstance(value, Report) else ""


def _value(record: Record, edition: Edition, path: Path) -> Value:
    cells = record.fields[1:]
    wanted = len(edition.columns) - 1
    if len(cells) > wanted or (len(cells) < wanted and edition.task is not Task.CONCEPTS):
        raise InputError(
            f"{path}:{record.line}: {counted(len(record.fields), 'field')}, not {wanted + 1}: a field with a comma "
            "needs double quotes, an empty one still its comma"
        )
    if edition.task is Task.REPORTS:
        return Report(cells[0], cells[1])
    if edition.task is Task.CAPTIONS:
        return cells[0]
    return tuple(cui.strip() for cui in cells[0].split(edition.cui_separator)) if cells else ()
