"""MIMIC-CXR-JPG as it is unpacked: which image, split, report, labels and previous report a study has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tasks.datasets import DataSet, open_dataset
from tasks.datasets.commands import check
from tasks.datasets.groups import groups_of_examples
from tasks.datasets.mimic import refusals
from tasks.nouns import Example, InputError, Report, Task
from tasks.reports.labels import LABELS
from tests.tasks.mimic.making import Study, make_cxr, text_of, write_labels, write_table, write_text

FIRST = Study(10000001, 50000009, "2150-03-01 00:05:10", labels={"Edema": 1.0, "Fracture": -1.0, "No Finding": 0.0})
SECOND = Study(10000001, 50000002, "2150-03-01 18:00:00", views=("AP", "LL", "PA"))
OTHER = Study(11000002, 50000003, "2149-01-01 12:00:00", split="validate", views=("AP",))
LAST = Study(12000003, 50000004, "2160-12-31 23:50:59", split="test")


def examples(data: DataSet, split: str = "train") -> dict[str, Example]:
    return {example.image_id: example for example in data.examples(Task.REPORTS, split)}


def reference(example: Example) -> Report:
    assert isinstance(example.reference, Report)
    return example.reference


@pytest.mark.parametrize("packed", [True, False])
def test_a_study_is_an_example(tmp_path: Path, packed: bool) -> None:
    data = open_dataset(make_cxr(tmp_path, [SECOND, LAST, OTHER, FIRST], packed=packed))
    assert (data.layout, data.restricted) == (
        "MIMIC-CXR-JPG",
        "MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0",
    )
    assert data.splits(Task.REPORTS) == ("train", "valid", "test")
    assert data.splits(Task.CAPTIONS) == ()
    train = examples(data)
    assert list(train) == ["s50000009", "s50000002"]  # by time, not by number
    assert [list(examples(data, split)) for split in ("valid", "test")] == [["s50000003"], ["s50000004"]]
    first = train["s50000009"]
    folder = tmp_path / "files/p10/p10000001/s50000009"
    assert (first.image, first.views) == (folder / f"{FIRST.dicom(1)}.jpg", (folder / f"{FIRST.dicom(0)}.jpg",))
    assert first.image.read_bytes()
    made = reference(first)
    assert made.findings == "Invented finding number 50000009, over two lines."
    assert made.impression == "Invented impression number 50000009."
    assert dict(made.labels) == {**dict.fromkeys(LABELS), "Edema": 1, "Fracture": -1, "No Finding": 0}
    assert made.icd == ()
    assert first.context == {
        "subject_id": "10000001",
        "indication": "Invented cough number 50000009.",
        "comparison": "None.",
    }
    assert "labels are those of CheXpert's labeler" in data.notes


def test_the_first_frontal_image_is_the_one_pa_before_ap_and_no_lateral_passes(tmp_path: Path) -> None:
    axial = replace(LAST, study=50000005, split="train", views=("AP AXIAL", "PA LLD", "LATERAL", ""))
    data = open_dataset(make_cxr(tmp_path, [SECOND, axial]))
    (example,) = examples(data).values()
    assert [Path(str(image)).stem for image in example.images] == [SECOND.dicom(n) for n in (2, 0, 1)]
    assert "train: 1 studies without a frontal image (PA or AP) dropped" in data.notes


def test_reports_without_an_answer_or_without_headings(tmp_path: Path) -> None:
    empty = replace(FIRST, report="FINAL REPORT\n INDICATION: Nothing.\n")
    plain = replace(SECOND, report="FINAL REPORT\n CHEST\n\n An invented body.\n")
    data = open_dataset(make_cxr(tmp_path, [empty, plain, replace(LAST, split="train")]))
    (tmp_path / "files" / LAST.folder / f"s{LAST.study}.txt").unlink()
    (example,) = examples(data).values()
    assert reference(example) == Report("", "An invented body.", dict.fromkeys(LABELS))
    for note in (
        "train: 1 studies with neither findings nor impression dropped",
        "train: 1 studies without a report dropped",
        "train: 1 impressions are the body of a report without headings",
    ):
        assert note in data.notes


@pytest.mark.parametrize("folder", ["mimic-cxr-reports/files", "mimic-cxr-reports"])
def test_reports_in_a_folder_of_their_own(tmp_path: Path, folder: str) -> None:
    make_cxr(tmp_path, [FIRST])
    (tmp_path / "files" / FIRST.folder / f"s{FIRST.study}.txt").unlink()
    write_text(tmp_path / folder / FIRST.folder / f"s{FIRST.study}.txt", text_of(FIRST))
    assert list(examples(open_dataset(tmp_path))) == ["s50000009"]


def test_sectioned_reports(tmp_path: Path) -> None:
    make_cxr(tmp_path, [FIRST, SECOND, replace(LAST, split="train")])
    for text in tmp_path.rglob("s*.txt"):
        text.unlink()
    rows = [("s50000009", "Told.", "Seen,\n twice.", "", "None."), ("s50000002", "", "", "A last one.", "")]
    write_table(
        tmp_path / "mimic_cxr_sectioned", "study,impression,findings,last_paragraph,comparison", rows, packed=False
    )
    data = open_dataset(tmp_path)
    first, second = examples(data).values()
    assert (reference(first).findings, reference(first).impression) == ("Seen, twice.", "Told.")
    assert first.context == {"subject_id": "10000001", "comparison": "None."}
    assert (reference(second).findings, reference(second).impression) == ("", "A last one.")
    assert "train: 1 studies without a report dropped" in data.notes
    write_text(tmp_path / "files" / FIRST.folder / f"s{FIRST.study}.txt", text_of(FIRST))
    assert reference(examples(open_dataset(tmp_path))["s50000009"]).impression.startswith(
        "Invented"
    )  # text comes first


def test_the_previous_report_is_strictly_earlier(tmp_path: Path) -> None:
    lateral = replace(FIRST, study=50000001, time="2150-02-01 10:00:00", views=("LATERAL",))
    silent = replace(FIRST, study=50000005, time="2150-03-01 17:00:00", report="FINAL REPORT\n HISTORY: None.\n")
    twin = replace(SECOND, study=50000006)
    stranger = replace(OTHER, split="train", time="2100-01-01 01:01:01")
    data = open_dataset(make_cxr(tmp_path, [SECOND, twin, silent, FIRST, lateral, stranger]))
    told = {name: example.context.get("previous_report", "") for name, example in examples(data).items()}
    assert told["s50000003"] == ""
    # A lateral view alone is no example, yet its report was known.
    assert told["s50000009"].endswith("Impression: Invented impression number 50000001.")
    assert told["s50000009"].startswith("Findings: Invented finding number 50000001,")
    # The latest that says something; the twin of the same minute does not count, and is reported.
    assert "50000009" in told["s50000002"]
    assert told["s50000006"] == told["s50000002"]
    assert "train, refused as context, previous report: 1 not before the study (1 studies)" in data.notes


def test_a_study_without_a_time_knows_nothing_and_is_nobodys_past(tmp_path: Path) -> None:
    timeless = replace(FIRST, study=50000001, time="2150-02-01")
    data = open_dataset(make_cxr(tmp_path, [FIRST, timeless, SECOND]))
    told = {name: example.context.get("previous_report", "") for name, example in examples(data).items()}
    assert told["s50000001"] == told["s50000009"] == ""
    assert "50000009" in told["s50000002"]


def test_a_patient_in_two_splits_is_told_and_refusals_are_counted_once(tmp_path: Path) -> None:
    twin = replace(FIRST, study=50000011, split="validate")
    data = open_dataset(make_cxr(tmp_path, [FIRST, twin, OTHER]))
    assert any(note.startswith("1 patients have studies in several splits") for note in data.notes)
    examples(data)
    found = {(r.study, r.kind): r.values for r in refusals(tmp_path)}
    assert found == {(50000011, "previous report"): 1}
    alone = open_dataset(make_cxr(tmp_path / "alone", [FIRST, SECOND]))
    assert not any("several splits" in note for note in alone.notes)


@pytest.mark.parametrize(
    ("date", "clock", "images", "message"),
    [
        ("21501301", "100000", ("a",), r"StudyDate 21501301 with StudyTime 100000 is no time"),
        ("21500230", "100000", ("a",), "is no time"),
        ("99990101", "100000", ("a",), "is no time"),
        ("1e300", "100000", ("a",), "is no time"),
        ("21500101", "246000", ("a",), "is no time"),
        ("21500101", "-1e300", ("a",), "is no time"),
        ("21500101", "100000", ("a", "a"), "image a stands twice"),
        ("21500101", "100000", ("../a",), "could lead out of the image folder"),
    ],
)
def test_a_row_of_the_metadata_that_cannot_be_is_named(
    tmp_path: Path, date: str, clock: str, images: tuple[str, ...], message: str
) -> None:
    make_cxr(tmp_path, [FIRST])
    header = "dicom_id,subject_id,study_id,ViewPosition,StudyDate,StudyTime"
    rows = [(image, FIRST.subject, FIRST.study, "PA", date, clock) for image in images]
    write_table(tmp_path / "mimic-cxr-2.0.0-metadata", header, rows)
    bad(tmp_path, message)


def test_labels_of_negbio_where_there_are_no_others(tmp_path: Path) -> None:
    make_cxr(tmp_path, [FIRST])
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    data = open_dataset(tmp_path)
    assert dict(reference(examples(data)["s50000009"]).labels) == {}
    assert any(note.startswith("no table of labels") for note in data.notes)
    write_labels(tmp_path, [replace(FIRST, labels={"Pneumonia": 1.0})], "negbio")
    data = open_dataset(tmp_path)
    assert reference(examples(data)["s50000009"]).labels["Pneumonia"] == 1
    assert "labels are those of NegBio" in data.notes
    assert [path.name for path in data.label_files] == [
        "mimic-cxr-2.0.0-metadata.csv.gz",
        "mimic-cxr-2.0.0-split.csv.gz",
        "mimic-cxr-2.0.0-negbio.csv.gz",
    ]


def test_patients_who_are_not_here_and_splits_of_ones_own(tmp_path: Path) -> None:
    make_cxr(tmp_path, [FIRST, SECOND])
    rows = [(LAST, 1, "PA"), (FIRST, 1, "PA"), (SECOND, 0, "AP")]
    write_table(
        tmp_path / "mimic-cxr-2.1.0-metadata",  # the newest release is read
        "dicom_id,subject_id,study_id,ViewPosition,StudyDate,StudyTime",
        [(s.dicom(n), s.subject, s.study, view, s.time[:10].replace("-", ""), "120000.5") for s, n, view in rows],
    )
    (tmp_path / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    data = open_dataset(tmp_path)
    assert "1 studies of patients without a folder in files/ are left out" in data.notes
    assert "no official split: train, valid, test are 80:10:10 by the SHA-256 of the patient" in data.notes
    (split,) = data.splits(Task.REPORTS)  # all studies of a patient in one split
    assert set(examples(data, split)) == {"s50000002", "s50000009"}


def test_images_with_another_ending_and_missing_ones(tmp_path: Path) -> None:
    make_cxr(tmp_path, [FIRST, SECOND])
    for image in tmp_path.rglob("*.jpg"):
        image.rename(image.with_suffix(".png"))
    first = tmp_path / "files" / FIRST.folder / "s50000009" / f"{FIRST.dicom(1)}.png"
    first.unlink()
    data = open_dataset(tmp_path)
    assert {Path(str(e.image)).suffix for e in examples(data).values()} == {".png"}
    outcome = CliRunner().invoke(check, [str(tmp_path)])
    assert outcome.exit_code == 1
    shown = "".join(outcome.output.split())
    assert "missing-image" in shown
    assert first.name in shown
    assert "note:train,of2studies:age0(0.0%)" in shown


def test_intervals_know_the_patient(tmp_path: Path) -> None:
    data = open_dataset(make_cxr(tmp_path, [FIRST, SECOND]))
    groups = groups_of_examples(data.examples(Task.REPORTS, "train"))
    assert (groups.title, set(groups.of.values())) == ("subject_id", {"10000001"})


def test_reports_are_read_when_their_split_is_asked_for(tmp_path: Path) -> None:
    data = open_dataset(make_cxr(tmp_path, [FIRST, OTHER]))
    (tmp_path / "files" / FIRST.folder / f"s{FIRST.study}.txt").write_bytes(b"FINDINGS: \xff")
    assert list(examples(data, "validate")) == ["s50000003"]
    with pytest.raises(InputError, match=r"s50000009\.txt: not UTF-8 text \(byte 10\)"):
        data.examples(Task.REPORTS, "train")


def bad(tmp_path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_dataset(tmp_path).examples(Task.REPORTS, "train")


def test_bad_input_is_named(tmp_path: Path) -> None:
    make_cxr(tmp_path, [FIRST])
    labels = write_labels(tmp_path, [replace(FIRST, labels={"Edema": 2.0})], "chexpert")
    bad(tmp_path, r"chexpert\.csv\.gz holds a label other than 1, 0, -1 and empty")
    labels.write_bytes(labels.read_bytes()[:-20])
    bad(tmp_path, r"chexpert\.csv\.gz cannot be read: .*fetch the file again")
    write_table(tmp_path / "mimic-cxr-2.0.0-chexpert", "subject_id,study_id,Edema", [(1, 2, 0)])
    bad(tmp_path, r"chexpert\.csv\.gz cannot be read: .*No Finding")
    text = next(tmp_path.rglob("s*.txt"))
    text.unlink()
    bad(tmp_path, r"holds no reports: unpack mimic-cxr-reports\.zip")
    write_text(text, text_of(FIRST))
    write_table(tmp_path / "mimic-cxr-2.0.0-split", "dicom_id,study_id,subject_id,split", [("x", 1, 2, "train")])
    bad(tmp_path, "the table of the split has none of the studies here")
    header = "dicom_id,subject_id,study_id,ViewPosition,StudyDate,StudyTime"
    write_table(tmp_path / "mimic-cxr-2.0.0-metadata", header, [("x", "patient", 1, "PA", "", "")])
    bad(tmp_path, r"metadata\.csv\.gz cannot be read: .*'patient'")
    write_table(tmp_path / "mimic-cxr-2.0.0-metadata", header, [("x", 1, "", "PA", "", "")])
    bad(tmp_path, "1 rows lack a number")
    write_table(tmp_path / "mimic-cxr-2.0.0-metadata", header, [("x", 19999999, 1, "PA", "", "")])
    bad(tmp_path, "files holds no patient of the metadata")
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz").unlink()
    bad(tmp_path, r"lacks mimic-cxr-2\.0\.0-metadata\.csv\.gz, which tells frontal images")
