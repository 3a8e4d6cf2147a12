"""The last vitals and labs of MIMIC-IV before each study.

    ed/vitalsign.csv.gz, ed/triage.csv.gz    vitals; triage has no time of its own: it is that of the arrival, `intime`
                                             of ed/edstays.csv.gz (mimic.mit.edu/docs/iv/modules/ed/triage)
    hosp/labevents.csv.gz                    labs, known when they were stored (`storetime`); when blood was drawn only
                                             where that is not given

measurements.csv says which: columns of the ED's tables, and item ids of labevents as in mimic-iv/concepts/measurement
of github.com/MIT-LCP/mimic-code, with limits outside which a number is taken for a slip. A temperature between 20 and
46 was written in Celsius, and is turned into Fahrenheit. labevents is read once, in pieces, and nothing of it is kept
but the last value for each study: 1 million rows take about a second, its 158 million some minutes.

    latest = read_labs(Path("mimic-iv/hosp"), guard)
    latest.of(0)    # {"white_blood_cells": "12.3 K/uL"}
"""

from __future__ import annotations

import csv
from functools import cache
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.datasets.mimic.guard import Guard
from tasks.datasets.mimic.tables import ABSENT, columns, find_table, has_column, pieces

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tasks.datasets.mimic.tables import Numbers

HOUR = 3600
WINDOWS = {"vitals": 24 * HOUR, "labs": 72 * HOUR}
"""Seconds before a study in which a value counts."""


class Measurement(NamedTuple):
    """A row of measurements.csv."""

    key: str
    name: str
    unit: str
    least: float
    most: float


@cache
def measurements(table: str) -> tuple[Measurement, ...]:
    """What is read of `vitals` or `labs`."""
    with Path(__file__).with_name("measurements.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["table"] == table]
    return tuple(Measurement(r["key"], r["name"], r["unit"], float(r["least"]), float(r["most"])) for r in rows)


class Latest:
    """For each study and measurement the last value before it."""

    def __init__(self, kind: str, guard: Guard) -> None:
        import numpy as np

        self.kind, self.guard, self.what = kind, guard, measurements(kind)
        shape = (len(guard.studies), len(self.what))
        self._seconds, self._values = np.full(shape, ABSENT, dtype=np.int64), np.full(shape, np.nan)

    def offer(self, subject: Numbers, seconds: Numbers, which: Numbers, value: npt.NDArray[np.float64]) -> None:
        """Values of patients at these times, `which` being the place in `what`; rows of strangers are passed over."""
        import numpy as np

        least, most = np.array([m.least for m in self.what]), np.array([m.most for m in self.what])
        good = np.flatnonzero((value >= least[which]) & (value <= most[which]))
        good = good[np.argsort(seconds[good], kind="stable")]
        subject, seconds, which, value = subject[good], seconds[good], which[good], value[good]
        first, stop = self.guard.admit(self.kind, subject, seconds, window=WINDOWS[self.kind])
        many = stop - first
        event = np.repeat(np.arange(len(many)), many)
        study = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + first[event]
        newer = seconds[event] >= self._seconds[study, which[event]]
        event, study = event[newer], study[newer]
        self._seconds[study, which[event]] = seconds[event]  # of repeated places numpy keeps the last: the latest
        self._values[study, which[event]] = value[event]

    def of(self, n: int) -> dict[str, str]:
        """Name -> value and unit, for the study in place `n`."""
        values = self._values[n].tolist()
        return {m.name: f"{v:g} {m.unit}" for m, v in zip(self.what, values, strict=True) if not isnan(v)}


def read_labs(folder: Path, guard: Guard) -> Latest:
    """The last labs before each study; none where the folder has no labevents."""
    import numpy as np

    latest = Latest("labs", guard)
    path = find_table(folder, "labevents")
    if path is None:
        return latest
    items = np.array([int(m.key) for m in latest.what])
    order = np.argsort(items)
    types = {"subject_id": "int64", "itemid": "int64", "charttime": "time", "valuenum": "float64"}
    stored = {"storetime": "time"} if has_column(path, "storetime") else {}
    for piece in pieces(path, types | stored):
        place = np.minimum(np.searchsorted(items[order], piece["itemid"]), len(items) - 1)
        which = order[place]
        kept = np.flatnonzero((items[which] == piece["itemid"]) & np.isin(piece["subject_id"], guard.studies.subject))
        known = np.maximum(piece["charttime"], piece.get("storetime", piece["charttime"]))
        latest.offer(piece["subject_id"][kept], known[kept], which[kept], piece["valuenum"][kept])
    return latest


def read_vitals(folder: Path, guard: Guard) -> Latest:
    """The last vitals before each study; none where the folder has no such tables."""
    latest = Latest("vitals", guard)
    types = {"subject_id": "int64", **{m.key: "float64" for m in latest.what}}
    if path := find_table(folder, "triage"):
        rows = columns(path, types | {"stay_id": "int64"})
        _offer_vitals(latest, rows, _arrivals(folder, rows["stay_id"]))
    if path := find_table(folder, "vitalsign"):
        for piece in pieces(path, types | {"charttime": "time"}):
            _offer_vitals(latest, piece, piece["charttime"])
    return latest


def _offer_vitals(latest: Latest, rows: dict[str, Any], seconds: Numbers) -> None:
    import numpy as np

    kept = np.isin(rows["subject_id"], latest.guard.studies.subject)
    for n, measurement in enumerate(latest.what):
        value = rows[measurement.key][kept]
        if measurement.key == "temperature":
            value = np.where((value > 20) & (value < 46), np.round(value * 1.8 + 32, 1), value)
        latest.offer(rows["subject_id"][kept], seconds[kept], np.full(kept.sum(), n), value)


def _arrivals(folder: Path, stays: Numbers) -> Numbers:
    """The time of arrival of each stay; ABSENT where it is not known."""
    import numpy as np

    path = find_table(folder, "edstays")
    found = columns(path, {"stay_id": "int64", "intime": "time"}) if path else {}
    arrived = dict(zip(found["stay_id"].tolist(), found["intime"].tolist(), strict=True)) if found else {}
    return np.array([arrived.get(stay, ABSENT) for stay in stays.tolist()], dtype=np.int64)
