"""`imageclef submissions upload` and `list`: what is noted, what is said of it, how far to trust estimates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.uploads.commands import upload as upload_command
from evaluation.uploads.ledger import LEDGER, read_ledger
from tasks.nouns import InputError
from tests.evaluation.uploads.uploading import listed, make_run, upload, zipped

Verb = Callable[..., str]


def test_an_upload_is_noted_and_later_its_score(submissions: Path) -> None:
    run = make_run(submissions, "base")
    said = upload(run, "--date", "2026-05-04T21:10", "--note", "our\n first")
    assert "noted in" in said
    assert "no official score yet (1 of 10 used)" in said
    assert "warning" not in said
    [first] = read_ledger(submissions)
    assert (first.run, first.uploaded, first.note, first.scores) == (
        "base",
        "2026-05-04T21:10:00+00:00",
        "our first",
        {},
    )
    assert first.sha256
    said = upload(run, "--id", "983", "--score", "f1=0.5781", "--score", "f1_secondary=0.9591")
    assert "noted again" in said
    [second] = read_ledger(submissions)
    assert (second.submission_id, second.uploaded, second.note) == ("983", first.uploaded, "our first")
    assert second.scores == {"f1": 0.5781, "f1_secondary": 0.9591}
    assert "instead of f1 0.5781, which stood in the ledger" in upload(run, "--score", "f1=0.58")
    assert read_ledger(submissions)[0].scores == {"f1": 0.58, "f1_secondary": 0.9591}


def test_a_second_id_is_a_second_upload_and_then_must_be_said(submissions: Path) -> None:
    run = make_run(submissions, "base")
    upload(run, "--id", "1")
    assert "the same file was uploaded on" in upload(run, "--id", "2", "--score", "f1=0.5")
    assert [one.submission_id for one in read_ledger(submissions)] == ["1", "2"]
    with pytest.raises(InputError, match=r"base was uploaded 2 times \(1, 2\): say which with --id"):
        upload(run, "--score", "f1=0.5")
    upload(run, "--id", "1", "--score", "f1=0.4")
    assert [one.scores for one in read_ledger(submissions)] == [{"f1": 0.4}, {"f1": 0.5}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--score", "bleu=0.5"], "edition 2026 of concept_detection has no score 'bleu': use one of f1, f1_secondary"),
        (["--score", "f1=1.5"], "f1=1.5 is out of range, 0 to 1: 1.5 % is 0.015"),
        (["--score", "f1=-0.1"], "out of range"),
        (["--score", "f1"], "write it like f1=0.5781"),
        (["--date", "yesterday"], "is no time"),
        (["--team", "  "], "an upload is a team's"),
    ],
)
def test_what_cannot_be_is_refused_and_not_noted(options: list[str], said: str, submissions: Path) -> None:
    run = make_run(submissions, "base")
    with pytest.raises(InputError) as error:
        upload(run, *options)
    assert said in str(error.value)
    assert not (submissions / LEDGER).exists()


def test_runs_that_are_not_whole_or_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not finished: resume it first: imageclef run base\.yaml"):
        upload(make_run(tmp_path, "base", finished=None))
    elsewhere = make_run(tmp_path, "good").rename(tmp_path / "good")
    with pytest.raises(InputError, match="does not lie in submissions/concept_detection/"):
        upload(elsewhere)


def test_a_refused_or_changed_submission_is_noted_with_loud_warnings(submissions: Path) -> None:
    run = make_run(submissions, "bad", accepted=False, split="valid")
    said = upload(run)
    assert "warning: NOT ACCEPTED" in said
    assert "answers the images of valid, not of test" in said
    (run / "submission.csv").write_text("ID,CUIs\nimage_0,C1\n", encoding="utf-8")
    said = upload(run, "--score", "f1=0.4")
    assert "was changed since the run wrote it" in said
    assert "holds another table than" in said
    assert "is not the one that was uploaded" not in said  # that one is in the zip still
    (run / "submission.zip").write_bytes(zipped("ID,CUIs\nimage_0,C1\n"))
    assert "is not the one that was uploaded" in upload(run)
    assert len(read_ledger(submissions)) == 1


def test_the_same_file_under_another_name_is_told_with_its_score(submissions: Path) -> None:
    upload(make_run(submissions, "base"), "--score", "f1=0.5", "--date", "2026-05-04")
    assert "the same file was uploaded on 2026-05-04 as base of us, which got f1 0.5" in upload(
        make_run(submissions, "twin")
    )
    upload(make_run(submissions, "other", table="ID,CUIs\nimage_0,C0817096\n"))
    assert listed(submissions).count("The same file was uploaded twice: as base on 2026-05-04 and as twin") == 1


def test_the_limit_of_an_edition_is_counted_by_team(submissions: Path) -> None:
    runs = [make_run(submissions, f"run{n}", edition=2021, table=f"image_0|C{n}\n") for n in range(11)]
    said = [upload(run) for run in runs]
    assert "(10 of 10 used)" in said[9]
    assert "warning" not in said[9]
    assert "warning: 11 uploads of us: edition 2021 grades 10 of each team" in said[10]
    CliRunner().invoke(upload_command, [str(runs[0]), "--team", "them"], catch_exceptions=False)
    table = listed(submissions, "--edition", "2021")
    assert "us, concept_detection 2021: 11 of 10 uploads used, 0 left" in table
    assert "WARNING: 11 uploads are more than the 10 that are graded." in table
    assert "them, concept_detection 2021: 1 of 10 uploads used, 9 left" in table
    assert "them" not in listed(submissions, "--team", "us")


def test_where_no_source_says_the_limit_ten_are_taken_and_that_is_said(submissions: Path) -> None:
    upload(make_run(submissions, "base"))
    table = listed(submissions)
    assert "us, concept_detection 2026: 1 of 10 uploads used, 9 left" in table
    assert "of 2026 no public source says it, and ten are taken" in table


def test_a_team_under_two_names_is_told(submissions: Path) -> None:
    run = make_run(submissions, "base")
    upload(run)
    assert "warning: 'us' is in the ledger, too: a team under two names is counted as two" in upload(
        make_run(submissions, "other", table="ID,CUIs\nimage_0,C0817096\n"), "--team", "U-s"
    )
    assert "is in the ledger, too" not in upload(run, "--team", "them")


def test_a_damaged_zip_is_told(submissions: Path) -> None:
    run = make_run(submissions, "base")
    (run / "submission.zip").write_bytes(b"junk")
    assert "submission.zip: the zip cannot be read" in upload(run)


def test_a_run_is_found_from_within_another_and_by_a_link(submissions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = make_run(submissions, "base"), make_run(submissions, "other", table="ID,CUIs\nimage_0,C0817096\n")
    monkeypatch.chdir(run)
    upload(Path())
    upload(Path("../other"))
    (submissions / "concept_detection" / "final").symlink_to(other)
    assert "noted again" in upload(Path("../final"))
    assert [one.run for one in read_ledger(submissions)] == ["base", "other"]


@pytest.mark.parametrize("kept", [LEDGER, "concept_detection/base/submission.csv"])
def test_a_list_never_takes_the_place_of_the_ledger_or_a_submission(submissions: Path, kept: str) -> None:
    upload(make_run(submissions, "base"))
    before = (submissions / kept).read_bytes()
    with pytest.raises(InputError, match="name another file"):
        listed(submissions, "--out", str(submissions / kept))
    assert (submissions / kept).read_bytes() == before


def test_nothing_to_list_says_how_to_begin(submissions: Path) -> None:
    submissions.mkdir()
    (submissions / LEDGER).touch()  # as an editor makes it
    with pytest.raises(InputError, match="holds none: note one with imageclef submissions upload"):
        listed(submissions)
    with pytest.raises(InputError, match="end the name in"):
        listed(submissions, "--out", "uploads.docx")
