"""MIMIC-IV beside the images: only what was known strictly before a study becomes its context; the rest is counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from imageclef import cli
from tasks.datasets import open_dataset
from tasks.datasets.mimic import refusals
from tasks.datasets.mimic.guard import LATER, TOO_OLD, UNDER_WAY, UNTIMED, Guard, Refused
from tasks.datasets.mimic.studies import Studies
from tasks.nouns import Example, InputError, Report, Task
from tests.tasks.mimic.making import Study, make_cxr, write_emergency, write_hospital, write_labs, write_table

PATIENT, STUDY = 10000001, 50000001
TIME = "2150-03-02 10:00:00"
CREATININE, WHITE = 50912, 51301


def one(root: Path, *others: Study) -> Example:
    """The example of STUDY, of a patient with these other studies."""
    make_cxr(root / "cxr", [Study(PATIENT, STUDY, TIME), *others])
    found = open_dataset(root / "cxr").examples(Task.REPORTS, "train")
    return next(example for example in found if example.image_id == f"s{STUDY}")


def refused(root: Path) -> dict[tuple[int, str, str], int]:
    return {(r.study, r.kind, r.reason): r.values for r in refusals(root / "cxr")}


def test_what_was_refused_is_written_by_study(tmp_path: Path) -> None:
    write_labs(tmp_path / "mimic-iv/hosp", [(PATIENT, CREATININE, "2150-03-02 11:00:00", "2150-03-02 11:30:00", 1.5)])
    write_hospital(tmp_path / "mimic-iv/hosp", people=[(PATIENT, "F", 50, 2148)])
    make_cxr(tmp_path / "cxr", [Study(PATIENT, STUDY, TIME)])
    asked = ["data", "check", str(tmp_path / "cxr"), "--refused", str(tmp_path / "refused.csv")]
    CliRunner().invoke(cli, asked)
    lines = (tmp_path / "refused.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["study,kind,reason,values", f"{STUDY},labs,{LATER},1"]
    again = CliRunner().invoke(cli, asked).exception
    assert isinstance(again, InputError) and "exists" in str(again)


def test_other_data_refuses_nothing_for_its_time(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    failed = CliRunner().invoke(cli, ["data", "check", str(tmp_path), "--refused", str(tmp_path / "x.csv")]).exception
    assert isinstance(failed, InputError) and "not MIMIC-CXR" in str(failed)


@pytest.mark.parametrize("place", ["mimic-iv/hosp", "mimiciv/hosp", "cxr/mimic-iv/hosp", "mimic-iv/3.1/hosp"])
def test_age_and_sex_from_wherever_it_was_unpacked(tmp_path: Path, place: str) -> None:
    write_hospital(tmp_path / place, people=[(PATIENT, "F", 50, 2148), (10000002, "M", 20, 2148)])
    context = one(tmp_path, Study(10000009, 50000009, TIME)).context
    assert (context["age"], context["sex"]) == ("52", "female")


def test_without_mimic_iv_a_note_says_so(tmp_path: Path) -> None:
    assert "age" not in one(tmp_path).context
    data = open_dataset(tmp_path / "cxr")
    data.examples(Task.REPORTS, "train")
    assert f"MIMIC-IV: no folder mimic-iv/hosp nor mimic-iv/ed in or beside {tmp_path / 'cxr'}" in data.notes


def test_the_last_labs_before_the_study(tmp_path: Path) -> None:
    rows: list[tuple[int, int, str, str, float | str]] = [
        (PATIENT, CREATININE, "2150-03-01 08:00:00", "2150-03-01 09:00:00", 1.5),
        (PATIENT, CREATININE, "2150-03-01 06:00:00", "2150-03-01 07:00:00", 1.4),  # earlier, though further down
        (PATIENT, CREATININE, "2150-03-02 09:00:00", "2150-03-02 10:30:00", 9.1),  # drawn before, told after
        (PATIENT, CREATININE, "2150-03-02 10:00:00", "", 9.2),  # at the second of the first image
        (PATIENT, CREATININE, "2150-02-20 10:00:00", "2150-02-20 11:00:00", 9.3),  # long ago
        (PATIENT, CREATININE, "", "", 9.4),
        (PATIENT, CREATININE, "2150-03-02 09:00:00", "2150-03-02 09:30:00", "___"),
        (PATIENT, CREATININE, "2150-03-02 09:00:00", "2150-03-02 09:30:00", 5000),  # a slip
        (PATIENT, 99999, "2150-03-02 09:00:00", "2150-03-02 09:30:00", 7),
        (PATIENT, WHITE, "2150-03-02 09:00:00", "", 12.25),
        (10000002, WHITE, "2150-03-02 09:59:00", "", 99),
    ]
    hosp = tmp_path / "mimic-iv/hosp"
    numbers = [(*row[:4], "" if row[4] == "___" else row[4]) for row in rows]
    write_labs(hosp, numbers)
    context = one(tmp_path).context
    assert {name: context.get(name) for name in ("creatinine", "white_blood_cells", "sodium")} == {
        "creatinine": "1.5 mg/dL",
        "white_blood_cells": "12.25 K/uL",
        "sodium": None,
    }
    assert refused(tmp_path) == {
        (STUDY, "labs", LATER): 2,
        (STUDY, "labs", UNTIMED): 1,
        (STUDY, "labs", TOO_OLD): 1,
    }
    data = open_dataset(tmp_path / "cxr")
    data.examples(Task.REPORTS, "train")
    assert (
        f"train, refused as context, labs: 1 {TOO_OLD} (1 studies); 1 {UNTIMED} (1 studies); 2 {LATER} (1 studies)"
        in data.notes
    )
    assert [path.name for path in data.label_files if "lab" in path.name] == []


def test_vitals_of_triage_and_of_the_stay(tmp_path: Path) -> None:
    write_emergency(
        tmp_path / "mimic-iv-ed/ed",
        stays=[(PATIENT, 1, "2150-03-02 08:00:00"), (PATIENT, 2, "2150-03-02 11:00:00")],
        triage=[
            (PATIENT, 1, 98.6, 80, 16, 97, 120, 70),
            (PATIENT, 2, 104, 140, 30, 80, 80, 40),
            (PATIENT, 3, 104, 141, 30, 80, 80, 40),  # a stay that nothing is known of
        ],
        vitals=[
            (PATIENT, 0, "2150-03-02 06:00:00", 97, 60, 12, 99, 110, 60),  # before the triage
            (PATIENT, 1, "2150-03-02 09:00:00", 38.5, 95, "", 500, "", ""),
            (PATIENT, 1, "2150-03-02 10:00:00", 103, 150, 40, 70, 70, 30),
        ],
    )
    context = one(tmp_path).context
    assert {
        name: value for name, value in context.items() if name not in {"subject_id", "indication", "comparison"}
    } == {
        "temperature": "101.3 F",  # 38.5 Celsius
        "heart_rate": "95 /min",
        "respiratory_rate": "16 /min",  # not measured again: that of triage
        "oxygen_saturation": "97 %",  # 500 was a slip
        "systolic_blood_pressure": "120 mmHg",
        "diastolic_blood_pressure": "70 mmHg",
    }
    assert refused(tmp_path) == {(STUDY, "vitals", LATER): 12, (STUDY, "vitals", UNTIMED): 6}


def test_codes_of_earlier_admissions_are_context_and_of_this_one_the_target(tmp_path: Path) -> None:
    write_hospital(
        tmp_path / "mimic-iv/hosp",
        stays=[
            (PATIENT, 1, "2149-01-01 00:00:00", "2149-01-05 00:00:00", ""),
            (PATIENT, 2, "2150-01-01 00:00:00", "2150-01-05 00:00:00", ""),
            (PATIENT, 3, "2150-03-02 14:00:00", "2150-03-09 00:00:00", "2150-03-02 09:00:00"),  # by the ED, at 9
            (PATIENT, 4, "2150-05-01 00:00:00", "2150-05-02 00:00:00", ""),
            (PATIENT, 5, "2148-05-01 00:00:00", "", ""),
            (10000002, 6, "2149-01-01 00:00:00", "2149-01-05 00:00:00", ""),
        ],
        codes=[
            (PATIENT, 1, 1, "4280", 9),
            (PATIENT, 2, 2, "J189", 10),
            (PATIENT, 2, 1, "I509", 10),
            (PATIENT, 3, 1, "J90", 10),
            (PATIENT, 3, 2, "I509", 10),
            (PATIENT, 4, 1, "C3490", 10),
            (PATIENT, 5, 1, "E119", 10),
            (10000002, 6, 1, "Z001", 10),
        ],
    )
    example = one(tmp_path, Study(PATIENT, 50000007, "2150-06-01 00:00:00"))
    assert isinstance(example.reference, Report)
    assert (example.context["icd9"], example.context["icd10"]) == ("428.0", "I50.9, J18.9")
    assert example.reference.icd == ("J90", "I50.9")
    found = refused(tmp_path)
    assert {reason: found[STUDY, "codes", reason] for reason in (UNDER_WAY, LATER, UNTIMED)} == {
        UNDER_WAY: 2,
        LATER: 1,
        UNTIMED: 1,
    }
    later = {e.image_id: e for e in open_dataset(tmp_path / "cxr").examples(Task.REPORTS, "train")}["s50000007"]
    assert later.context["icd10"] == "C34.90, J90, I50.9, J18.9"
    assert isinstance(later.reference, Report)
    assert later.reference.icd == ()


@pytest.mark.parametrize(
    ("start", "end", "target", "past"),
    [
        (TIME, "2150-03-09 00:00:00", ("J90",), None),
        ("2150-03-01 00:00:00", TIME, ("J90",), None),  # not yet coded at this second
        ("2150-03-01 00:00:00", "2150-03-02 09:59:59", (), "J90"),
        ("2150-03-02 10:00:01", "2150-03-09 00:00:00", (), None),
    ],
)
def test_the_second_of_an_admission_counts(
    tmp_path: Path, start: str, end: str, target: tuple[str, ...], past: str | None
) -> None:
    hospital = tmp_path / "cxr/mimic-iv/hosp"
    write_hospital(hospital, stays=[(PATIENT, 1, start, end, "")], codes=[(PATIENT, 1, 1, "J90", 10)])
    example = one(tmp_path)
    assert isinstance(example.reference, Report)
    assert (example.reference.icd, example.context.get("icd10")) == (target, past)


def test_codes_of_both_versions_stay_two(tmp_path: Path) -> None:
    """E8490 of ICD-9 is a place of occurrence, E848 of ICD-10 cystic fibrosis, E848 of ICD-9 a vehicle."""
    write_hospital(
        tmp_path / "cxr/mimic-iv/hosp",
        stays=[(PATIENT, 1, "2150-03-01 00:00:00", "2150-03-09 00:00:00", "")],
        codes=[(PATIENT, 1, 1, "E848", 9), (PATIENT, 1, 2, "E848", 10), (PATIENT, 1, 3, "E8490", 9)],
    )
    reference = one(tmp_path).reference
    assert isinstance(reference, Report)
    assert reference.icd == ("E848", "E84.8", "E849.0")


def test_a_table_of_ones_own_is_guarded_too(tmp_path: Path) -> None:
    rows = [
        (f"s{STUDY}", "2150-03-02 09:00:00", "never", "12"),
        (STUDY, "2150-03-01 09:00:00", "once", ""),
        (STUDY, TIME, "now", "13"),
        (STUDY, "", "sometimes", ""),
        (59999999, TIME, "else", ""),
    ]
    write_table(tmp_path / "cxr/context", "study_id,charttime,smoker,pack_years", rows, packed=False)
    context = one(tmp_path).context
    assert (context["smoker"], context["pack_years"]) == ("never", "12")
    assert refused(tmp_path) == {(STUDY, "context.csv", LATER): 2, (STUDY, "context.csv", UNTIMED): 1}
    data = open_dataset(tmp_path / "cxr")
    data.examples(Task.REPORTS, "train")
    assert "context.csv: 1 rows are of no study here" in data.notes


def test_a_date_alone_is_the_end_of_its_day(tmp_path: Path) -> None:
    rows = [(STUDY, "2150-03-01", "yesterday", ""), (STUDY, "2150-03-02", "", "today")]
    write_table(tmp_path / "cxr/context", "study_id,charttime,a,b", rows, packed=False)
    context = one(tmp_path).context
    assert (context["a"], context.get("b")) == ("yesterday", None)
    assert refused(tmp_path) == {(STUDY, "context.csv", LATER): 1}


@pytest.mark.parametrize("time", ["soon", "2150-03-02 09:00:00+02:00", "2150-03-02T09:00:00Z"])
def test_what_is_no_time_of_mimic_is_named(tmp_path: Path, time: str) -> None:
    write_table(tmp_path / "cxr/context", "study_id,charttime,a", [(STUDY, time, "x")], packed=False)
    with pytest.raises(InputError, match=r"context\.csv:2: .* is no time"):
        one(tmp_path)


def test_a_table_without_times_is_taken_and_told(tmp_path: Path) -> None:
    write_table(tmp_path / "cxr/context", "ID,smoker", [(f"s{STUDY}", "never")], packed=False)
    assert one(tmp_path).context["smoker"] == "never"
    data = open_dataset(tmp_path / "cxr")
    data.examples(Task.REPORTS, "train")
    assert any("has no column charttime" in note for note in data.notes)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("patient,smoker", (1, "x"), "context.csv:1: no column study_id"),
        ("study_id,smoker", ("p1", "x"), "context.csv:2: 'p1' is no study"),
        ("study_id,charttime,smoker", (STUDY, "yesterday", "x"), "context.csv:2: 'yesterday' is no time"),
    ],
)
def test_a_faulty_table_of_ones_own(tmp_path: Path, header: str, row: tuple[object, ...], message: str) -> None:
    write_table(tmp_path / "cxr/context", header, [row], packed=False)
    with pytest.raises(InputError, match=message):
        one(tmp_path)


def test_a_faulty_table_of_mimic_iv_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "mimic-iv/hosp/patients", "subject_id,gender,anchor_age", [(PATIENT, "F", 50)])
    with pytest.raises(InputError, match=r"patients\.csv\.gz cannot be read: .*anchor_year"):
        one(tmp_path)


TIMES = st.integers(0, 60)
EVENTS = st.lists(st.tuples(st.integers(1, 4), st.one_of(st.just(-1), TIMES)), max_size=12)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 3), st.one_of(st.just(-1), TIMES)), min_size=1, max_size=8), EVENTS)
def test_the_guard_admits_what_a_plain_loop_admits(
    made: Iterable[tuple[int, int]], events: list[tuple[int, int]]
) -> None:
    import numpy as np

    window = 10
    studies = sorted(made)
    who, when = (np.array(column, dtype=np.int64) for column in zip(*studies, strict=True))
    numbers = np.arange(len(studies))
    guard = Guard(Studies(who, numbers, when, [], [], numbers >= 0, 0))
    first, stop = guard.admit(
        "labs", *(np.array([e[n] for e in events], dtype=np.int64) for n in (0, 1)), window=window
    )
    expected: dict[tuple[int, str], int] = {}
    for (patient, time), begin, end in zip(events, first.tolist(), stop.tolist(), strict=True):
        for n, (subject, seconds) in enumerate(studies):
            reason = UNTIMED if time < 0 else LATER if seconds <= time else TOO_OLD if seconds > time + window else None
            if patient == subject and reason:
                expected[n, reason] = expected.get((n, reason), 0) + 1
            assert (begin <= n < end) == (patient == subject and reason is None)
    assert list(guard.refused()) == [
        Refused(n, "labs", reason, values) for (n, reason), values in sorted(expected.items(), key=lambda x: x[0][::-1])
    ]
