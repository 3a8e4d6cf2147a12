"""Files in the shape of MIMIC-CXR-JPG and MIMIC-IV; every patient, date, number and sentence is invented.

make_cxr(tmp_path, [Study(10000001, 50000001, "2150-03-01 10:00:00", "FINDINGS: A made-up lung.")])
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tasks.reports.labels import LABELS

REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  Invented cough number {n}.

 COMPARISON:  None.

 FINDINGS:

 Invented finding number {n}, over
 two lines.

 IMPRESSION:

 Invented impression number {n}.
""".replace("\n\n", "\n \n")  # as the reports have their blank lines
METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)


@dataclass(frozen=True)
class Study:
    """A study to invent."""

    subject: int
    study: int
    time: str
    """As in MIMIC-IV, `2150-03-01 10:00:00`; empty for none."""
    report: str | None = None
    """Its text; None for REPORT with the study's number."""
    views: tuple[str, ...] = ("LATERAL", "PA")
    split: str = "train"
    labels: Mapping[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files lie, below `files`."""
        return Path(f"p{str(self.subject)[:2]}") / f"p{self.subject}"

    def dicom(self, n: int) -> str:
        """The id of its n-th image."""
        return f"{self.study}-{n:08d}"


def write_table(path: Path, header: str, rows: Iterable[Sequence[object]], *, packed: bool = True) -> Path:
    """Write a table as .csv.gz, or as .csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header.split(","), *rows])
    path = path.with_name(path.name + (".csv.gz" if packed else ".csv"))
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    return path


def make_cxr(root: Path, studies: Sequence[Study], *, packed: bool = True, images: bool = True) -> Path:
    """The tables, reports and, unless told otherwise, images of the studies."""
    views = [(study, n, view) for study in studies for n, view in enumerate(study.views)]
    named = root / "mimic-cxr-2.0.0-"

    def write(name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
        write_table(named.with_name(named.name + name), header, rows, packed=packed)

    write("metadata", METADATA, [_metadata(*row) for row in views])
    write(
        "split", "dicom_id,study_id,subject_id,split", [(s.dicom(n), s.study, s.subject, s.split) for s, n, _ in views]
    )
    write_labels(root, studies, "chexpert", packed=packed)
    for study in studies:
        write_text(root / "files" / study.folder / f"s{study.study}.txt", text_of(study))
    for study, n, _ in views if images else ():
        path = root / "files" / study.folder / f"s{study.study}" / f"{study.dicom(n)}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 64), (study.study * 7 + n * 50) % 256).save(path)
    return root


def write_labels(root: Path, studies: Iterable[Study], name: str, *, packed: bool = True) -> Path:
    """A table of labels, in alphabetic order of the labels as published."""
    titles = sorted(LABELS)
    rows = [(s.subject, s.study, *(s.labels.get(label, "") for label in titles)) for s in studies]
    return write_table(
        root / f"mimic-cxr-2.0.0-{name}", ",".join(["subject_id", "study_id", *titles]), rows, packed=packed
    )


def text_of(study: Study) -> str:
    """The text of its report."""
    return REPORT.format(n=study.study) if study.report is None else study.report


def write_text(path: Path, text: str) -> None:
    """Write a text, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _metadata(study: Study, n: int, view: str) -> tuple[object, ...]:
    date, _, clock = study.time.partition(" ")
    hour, minute, second = clock.split(":") if clock else ("", "", "")
    # Each image a minute after the one before; numbers as published, so that the zeros of early hours are lost.
    number = f"{int(f'{hour}{int(minute) + n:02d}{second}')}.{n}25" if clock else ""
    return (
        study.dicom(n),
        study.subject,
        study.study,
        "CHEST",
        view,
        64,
        64,
        date.replace("-", ""),
        number,
        "",
        "",
        "",
    )


LABS = (
    "labevent_id,subject_id,hadm_id,specimen_id,itemid,order_provider_id,charttime,storetime,value,valuenum,valueuom,"
    "ref_range_lower,ref_range_upper,flag,priority,comments"
)


def write_labs(hosp: Path, rows: Iterable[tuple[int, int, str, str, float | str]], *, packed: bool = True) -> Path:
    """labevents of (subject, item, charttime, storetime, value)."""
    lines = [
        (n, who, "", n, item, "", drawn, stored, value, value, "u", "", "", "", "STAT", 'note, "___"\nsecond line')
        for n, (who, item, drawn, stored, value) in enumerate(rows)
    ]
    return write_table(hosp / "labevents", LABS, lines, packed=packed)


def write_hospital(
    hosp: Path,
    *,
    people: Iterable[tuple[int, str, int, int]] = (),
    stays: Iterable[tuple[int, int, str, str, str]] = (),
    codes: Iterable[tuple[int, int, int, str, int]] = (),
) -> None:
    """Patients (subject, sex, age, year), admissions (subject, hadm, in, out, ED), diagnoses (..., code, version)."""
    rows = [(who, sex, age, year, "2011 - 2013", "") for who, sex, age, year in people]
    write_table(hosp / "patients", "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod", rows)
    write_table(hosp / "admissions", "subject_id,hadm_id,admittime,dischtime,edregtime", stays)
    write_table(hosp / "diagnoses_icd", "subject_id,hadm_id,seq_num,icd_code,icd_version", codes)


VITALS = "temperature,heartrate,resprate,o2sat,sbp,dbp"


def write_emergency(
    ed: Path,
    *,
    stays: Iterable[tuple[int, int, str]] = (),
    triage: Iterable[tuple[object, ...]] = (),
    vitals: Iterable[tuple[object, ...]] = (),
) -> None:
    """edstays (subject, stay, arrival), triage (subject, stay, *VITALS), vitalsign (subject, stay, time, *VITALS)."""
    write_table(ed / "edstays", "subject_id,stay_id,intime", stays)
    write_table(
        ed / "triage", f"subject_id,stay_id,{VITALS},pain,acuity,chiefcomplaint", [(*r, "", 2, "x") for r in triage]
    )
    write_table(ed / "vitalsign", f"subject_id,stay_id,charttime,{VITALS},rhythm,pain", [(*r, "", "") for r in vitals])
