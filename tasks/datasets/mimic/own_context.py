"""A `context.csv` of one's own beside the tables: what is known of the patient of a study, and since when.

    study_id,charttime,smoker,blood_pressure
    50414267,2180-05-06 20:10:00,yes,

A study may have several rows; of each column the latest one before the study counts, of rows after it none, nor of
rows without a time; a date alone is the end of its day. Without the column charttime nothing can be guarded: the fields
are taken as they are, and a note says so.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path

from tasks.datasets.mimic.guard import LATER, UNTIMED, Guard
from tasks.datasets.mimic.tables import ABSENT
from tasks.datasets.table import find, normalised, read_rows
from tasks.nouns import InputError

FILE = "context.csv"
IDS = ("studyid", "study", "id")
TIMES = ("charttime", "time")


def read_own(path: Path, guard: Guard) -> tuple[dict[int, dict[str, str]], list[str]]:
    """Place of a study -> its fields, and notes on what could not be guarded or placed; nothing without the file."""
    import numpy as np

    if not path.is_file():
        return {}, []
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    id_place, time_place = find(header, *IDS), find(header, *TIMES)
    if id_place is None:
        raise InputError(f"{path}:1: no column study_id in the header: name the column of the studies study_id")
    places = {study: n for n, study in enumerate(guard.studies.study.tolist())}
    titles = [(n, title) for n, title in enumerate(header) if n not in {id_place, time_place} and normalised(title)]
    timed: list[tuple[int, int, dict[str, str]]] = []
    strangers = 0
    for line, row in rows:
        where = places.get(_study(row[id_place], f"{path}:{line}"))
        fields = {title: row[n].strip() for n, title in titles if row[n].strip()}
        if where is None:
            strangers += 1
            continue
        seconds = 0 if time_place is None else _seconds(row[time_place], f"{path}:{line}")
        if time_place is None or ABSENT < seconds < guard.studies.seconds[where]:
            timed.append((seconds, where, fields))
        else:
            at = np.array([where])
            guard.refuse(FILE, UNTIMED if seconds == ABSENT else LATER, at, at + 1, len(fields))
    found: dict[int, dict[str, str]] = {}
    for _, where, fields in sorted(timed, key=lambda entry: entry[0]):
        found.setdefault(where, {}).update(fields)
    notes = [f"{FILE}: {strangers:,} rows are of no study here"] if strangers else []
    if time_place is None:
        notes.append(f"{FILE} has no column charttime: whether its fields were known before each study is not checked")
    return found, notes


def _study(field: str, where: str) -> int:
    digits = field.strip().removeprefix("s")
    if not digits.isdecimal():
        raise InputError(f"{where}: {field!r} is no study: give its number, such as 50414267")
    return int(digits)


def _seconds(field: str, where: str) -> int:
    if not field.strip():
        return ABSENT
    try:
        time = datetime.fromisoformat(field.strip())
        with suppress(ValueError):
            time = datetime.combine(date.fromisoformat(field.strip()), clock(23, 59, 59))
        seconds = int((time - datetime(1970, 1, 1)).total_seconds())
    except (ValueError, TypeError) as error:  # TypeError: a time with a zone, which MIMIC has not
        raise InputError(f"{where}: {field!r} is no time: write it as 2180-05-06 21:30:14") from error
    return max(0, seconds)
