"""Age, sex and diagnosis codes from MIMIC-IV's hospital tables.

    hosp/patients.csv.gz         subject_id, gender, anchor_age, anchor_year
    hosp/admissions.csv.gz       subject_id, hadm_id, admittime, dischtime, edregtime
    hosp/diagnoses_icd.csv.gz    subject_id, hadm_id, seq_num, icd_code, icd_version

Codes are given when an admission ends: those of admissions that ended before a study are context, those of the
admission that holds the study (from the arrival in the emergency department on) are its target, never its context.

    stays = read_stays(Path("mimic-iv/hosp"), guard)
    stays.past(0), stays.target(0)      # {"icd9": "486, 428.0", "icd10": "J18.9"}, ("I50.9", "J18.9")

MIMIC has the codes without their dots; they are set, as E849 would else be a code of both versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.datasets.mimic.guard import LATER, UNDER_WAY, UNTIMED, Guard
from tasks.datasets.mimic.studies import Studies
from tasks.datasets.mimic.tables import ABSENT, columns, find_table, has_column
from tasks.reports.icd import dotted

SEXES = {"F": "female", "M": "male"}
Code = tuple[int, str]
"""Version of ICD (9 or 10) and code with its dot."""


@dataclass(frozen=True, slots=True)
class Stay:
    """An admission with codes, and which of its patient's studies fall where."""

    start: int
    """Place of the first study within or after it."""
    end: int
    """Place of the first study after it."""
    ended: int
    """Seconds since 1970."""
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Stays:
    """The admissions of each patient, the last to end first."""

    studies: Studies
    of: dict[int, list[Stay]]

    def past(self, n: int) -> dict[str, str]:
        """`icd9` and `icd10` of the admissions that ended before the study in place `n`, the latest first."""
        known = dict.fromkeys(code for stay in self._of(n) if stay.end <= n for code in stay.codes)
        found = {f"icd{version}": ", ".join(code for v, code in known if v == version) for version in (9, 10)}
        return {name: codes for name, codes in found.items() if codes}

    def target(self, n: int) -> tuple[str, ...]:
        """The codes of the admission that holds the study in place `n`."""
        return tuple(dict.fromkeys(c for stay in self._of(n) if stay.start <= n < stay.end for _, c in stay.codes))

    def _of(self, n: int) -> list[Stay]:
        return self.of.get(int(self.studies.subject[n]), [])


def read_people(folder: Path, studies: Studies) -> list[dict[str, str]]:
    """Age in years and sex of the patient at each study, as far as known."""
    path = find_table(folder, "patients")
    if path is None:
        return [{} for _ in studies.study]
    rows = columns(path, {"subject_id": "int64", "gender": "string", "anchor_age": "int64", "anchor_year": "int64"})
    born = dict(zip(rows["subject_id"].tolist(), (rows["anchor_year"] - rows["anchor_age"]).tolist(), strict=True))
    sexes = dict(zip(rows["subject_id"].tolist(), rows["gender"], strict=True))
    years = studies.seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(int) + 1970
    people = zip(studies.subject.tolist(), studies.seconds.tolist(), years.tolist(), strict=True)
    return [
        ({"age": str(year - born[who])} if who in born and seconds != ABSENT else {})
        | ({"sex": SEXES[sexes[who]]} if sexes.get(who) in SEXES else {})
        for who, seconds, year in people
    ]


def read_stays(folder: Path, guard: Guard) -> Stays:
    """The admissions that have codes; none where one of the two tables is missing."""
    import numpy as np

    paths = find_table(folder, "admissions"), find_table(folder, "diagnoses_icd")
    if paths[0] is None or paths[1] is None:
        return Stays(guard.studies, {})
    codes = _codes(paths[1], guard)
    rows = _admissions(paths[0])
    kept = np.isin(rows["hadm_id"], np.fromiter(codes, dtype=np.int64, count=len(codes)))
    subject, hadm, start, end = (rows[name][kept] for name in ("subject_id", "hadm_id", "start", "dischtime"))
    many = np.array([len(codes[h]) for h in hadm.tolist()], dtype=np.int64)
    first, stop = guard.of_patient(subject)
    timed = (start != ABSENT) & (end != ABSENT)
    within = np.where(timed, guard.after(subject, start - 1), first)
    after = np.where(timed, np.maximum(guard.after(subject, end), within), stop)
    guard.refuse("codes", UNTIMED, np.where(timed, stop, first), stop, many)
    guard.refuse("codes", LATER, first, within, many)
    guard.refuse("codes", UNDER_WAY, np.where(timed, within, stop), after, many)
    found: dict[int, list[Stay]] = {}
    for n in np.flatnonzero(timed).tolist():
        stay = Stay(int(within[n]), int(after[n]), int(end[n]), codes[int(hadm[n])])
        found.setdefault(int(subject[n]), []).append(stay)
    for stays in found.values():
        stays.sort(key=lambda stay: -stay.ended)
    return Stays(guard.studies, found)


def _admissions(path: Path) -> dict[str, Any]:
    """Admissions with `start`: the arrival in the emergency department where there was one, else the admission."""
    import numpy as np

    types = {"subject_id": "int64", "hadm_id": "int64", "admittime": "time", "dischtime": "time"}
    arrival = {"edregtime": "time"} if has_column(path, "edregtime") else {}
    rows = columns(path, types | arrival)
    came = rows.get("edregtime", rows["admittime"])
    rows["start"] = np.where(came == ABSENT, rows["admittime"], np.minimum(came, rows["admittime"]))
    return rows


def _codes(path: Path, guard: Guard) -> dict[int, tuple[Code, ...]]:
    """Admission -> its codes in their order, for the patients of the studies."""
    import numpy as np

    numbers = dict.fromkeys(("subject_id", "hadm_id", "seq_num", "icd_version"), "int64")
    rows = columns(path, {**numbers, "icd_code": "string"})
    kept = np.flatnonzero(np.isin(rows["subject_id"], guard.studies.subject))
    order = kept[np.lexsort((rows["seq_num"][kept], rows["hadm_id"][kept]))]
    known: dict[Code, Code] = {}
    found: dict[int, list[Code]] = {}
    versions, hadm, names = rows["icd_version"].tolist(), rows["hadm_id"].tolist(), rows["icd_code"]
    for n in order.tolist():
        code = (versions[n], dotted(names[n], versions[n]))
        found.setdefault(hadm[n], []).append(known.setdefault(code, code))
    return {admission: tuple(codes) for admission, codes in found.items()}
