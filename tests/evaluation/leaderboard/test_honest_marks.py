"""What is not comparable is marked, what cannot be placed is not, and each says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.inputs.run_folders import read_run
from evaluation.leaderboard.board import Board, Place, make_board
from evaluation.leaderboard.tables import board_tables, ordinal
from evaluation.tables.table import Table
from evaluation.uploads.ledger import Upload
from tasks.nouns import InputError, Task
from tests.evaluation.leaderboard.folders import entry, make_run

INCOMPLETE = {"overall": "incomplete: needs bertscore, similarity, bleurt, medcat, alignscore"}


def placed(tmp_path: Path, *, by: str | None = None, task: Task = Task.CONCEPTS, **options: Any) -> Place:
    folder = make_run(tmp_path, "base", **({"task": task.value} | options))
    return make_board(task, 2026, runs=[read_run(folder)], by=by).places[0]


def upload(run: str, submission_id: str = "", **scores: float) -> Upload:
    return Upload(Task.CONCEPTS, 2026, run, "us", "2026-05-02T00:00:00+00:00", submission_id, scores)


def cells(table: Table, column: str) -> list[str]:
    place = [one.title for one in table.columns].index(column)
    return [row[place].text for row in table.rows]


def test_a_run_on_the_official_test_set_is_comparable(tmp_path: Path) -> None:
    place = placed(tmp_path, scores={"f1": entry(0.5777, half=0.0006)})
    assert place.entry.doubts == () and place.entry.not_placed == ""
    assert place.standing is not None and (place.standing.rank, place.standing.of) == (3, 8)
    assert place.ranks == (1, 4)  # .5783 is above all, .5771 as high as the fourth listed
    assert place.true_ranks == {"runs": (5, 5), "teams": (2, 3)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "valid", "n": 19240}, "scored on 19,240 images of valid; the table is on 15,249 of test"),
        ({"split": "fold-2-of-5", "n": 80}, "scored on 80 images of fold-2-of-5; the table is on 15,249 of test"),
        ({"n": 20}, "scored on 20 images of test; the organisers scored 15,249: a part, or other images"),
    ],
)
def test_other_images_of_the_same_kind_are_a_doubt(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    place = placed(tmp_path, image_id="ImageCLEFmedical_Caption_2026_valid_7", **options)
    assert place.entry.doubts == (said,)
    assert place.standing is not None and place.true_ranks == {}


def test_a_test_set_of_unknown_size_is_a_doubt(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "base", edition=2024, n=17237)
    [place] = make_board(Task.CONCEPTS, 2024, runs=[read_run(folder)]).places
    assert place.entry.doubts == ("scored on 17,237 images of test; how many the organisers scored is not known here",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "sample", "n": 120}, "the embedded sample, synthetic"),
        ({"image_id": "ROCOv2_2023_test_000001"}, "other images: 'ROCOv2_2023_test_000001' is no id of concept_dete"),
        ({"image_id": "ImageCLEFmedical_Caption_2026_synth_valid_000000"}, "other images: 'ImageCLEFmedical_Caption"),
        ({"edition": 2025}, "answers of concept_detection 2025, not of this table"),
        ({"value": None}, "no scores: score it first, imageclef score RUN --json > RUN/scores.json"),
        ({"value": None, "with_reference": 0}, "no references for the images here: note the official score when it"),
        ({"profile": "coco"}, "scores of the profile coco: score it by the profile imageclef"),
        ({"scores": {"precision": entry(0.5, "extra")}}, "no f1 (it was not computed)"),
        ({"scores": {"f1": entry(0.5, surrogate=True)}}, "f1 is a stand-in, which is never placed"),
    ],
)
def test_what_has_nothing_to_do_with_the_table_is_not_placed(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    place = placed(tmp_path, **options)
    assert said in place.entry.not_placed
    assert place.standing is None and place.entry.value is None and place.entry.scores == {}


def test_an_id_of_restricted_data_is_not_said(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "base", image_id="p10000032-s50414267")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["data"]["restricted"] = "MIMIC-CXR"
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    [place] = make_board(Task.CONCEPTS, 2026, runs=[read_run(folder)]).places
    assert place.entry.not_placed.startswith("other images: an id of restricted data is no id")


def test_the_sample_is_known_wherever_it_lies(tmp_path: Path) -> None:
    from tasks.sample.release import write_release

    write_release(tmp_path / "copy", {"train": 1, "valid": 1, "test": 1})
    assert "synthetic" in placed(tmp_path / "runs", path=str(tmp_path / "copy")).entry.not_placed


def test_an_incomplete_composite_is_not_placed_and_names_a_part_that_is_there(tmp_path: Path) -> None:
    scores = {
        "rouge1": entry(0.27255, "part"),
        "overall_surrogate": entry(0.99, "extra", surrogate=True),
        "cider": entry(0.1, "extra"),
    }
    options: dict[str, Any] = {"task": Task.CAPTIONS, "scores": scores, "unavailable": INCOMPLETE}
    said = placed(tmp_path / "default", **options).entry.not_placed
    assert said.startswith("no overall (incomplete: needs bertscore, similarity")
    assert "overall_surrogate is a stand-in" in said and "--by rouge1 places it by that score" in said
    part = placed(tmp_path / "part", by="rouge1", **options)
    assert part.standing is not None and (part.standing.rank, part.standing.of) == (4, 9)
    assert part.true_ranks == {}  # the published ranks go by another score


@pytest.mark.parametrize("by", ["cider", "f1", "overall_surrogate", "bleu1"])
def test_placing_by_what_is_no_official_score_is_refused(by: str) -> None:
    with pytest.raises(InputError, match="no such official score: use one of overall, relevance, factuality"):
        make_board(Task.CAPTIONS, 2026, runs=[], by=by)
    with pytest.raises(InputError, match=r"--by bleu1: .* use one of bertscore, rouge1$"):
        make_board(Task.CAPTIONS, 2023, runs=[], by="bleu1")


def test_an_official_score_stands_in_place_of_our_own(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path, "base", split="valid", n=19240, value=0.61))
    board = make_board(Task.CONCEPTS, 2026, runs=[run], uploads=[upload("base", f1=0.5777), upload("gone", f1=0.5)])
    first, second = board.places
    assert (first.entry.name, first.entry.value, first.entry.official, first.entry.ci) == ("base", 0.5777, True, None)
    assert first.true_ranks["runs"] == (5, 5) and first.entry.folder == run.folder
    assert (second.entry.name, second.entry.folder) == ("gone", None)


def test_an_upload_without_the_score_or_of_another_year_says_nothing(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path, "base"))
    other_year = Upload(Task.CONCEPTS, 2025, "base", "us", "2025-05-02T00:00:00+00:00", scores={"f1": 0.5})
    board = make_board(Task.CONCEPTS, 2026, runs=[run], uploads=[upload("base"), other_year])
    assert [place.entry.official for place in board.places] == [False]


def test_overall_follows_from_what_the_platform_shows() -> None:
    """The evaluator of 2026 gives relevance and factuality; the first run's .5786 and .1724 have the mean .3755."""
    shown = Upload(Task.CAPTIONS, 2026, "a", "us", "2026-05-02", scores={"relevance": 0.5786, "factuality": 0.1724})
    half = Upload(Task.CAPTIONS, 2026, "b", "us", "2026-05-02", scores={"relevance": 0.5786})
    [place] = make_board(Task.CAPTIONS, 2026, runs=[], uploads=[shown, half]).places
    assert place.entry.value == pytest.approx(0.3755)
    assert place.standing is not None and (place.standing.rank, place.standing.ties) == (1, 1)


def test_a_run_that_is_published_is_not_its_own_rival(tmp_path: Path) -> None:
    [place] = make_board(Task.CONCEPTS, 2026, runs=[], uploads=[upload("dual5", "983", f1=0.5781)]).places
    assert place.row is not None and place.row.run == "983"
    assert place.standing is not None and (place.standing.rank, place.standing.of, place.standing.ties) == (1, 7, 0)
    assert place.true_ranks["runs"] == (2, 2)
    board = make_board(Task.CONCEPTS, 2026, runs=[], uploads=[upload("dual5", "983", f1=0.5781)])
    leaderboard, standings = board_tables(board, every=False)
    assert len(leaderboard.rows) == 7 and cells(leaderboard, "rank")[0] == "2"
    assert cells(leaderboard, "run")[:2] == ["dual5", "818"]
    assert standings.title == "dual5 is 1st of 7 listed"
    other = make_board(Task.CONCEPTS, 2026, runs=[], uploads=[upload("other", "983", f1=0.5)])
    assert other.places[0].row is None  # the same number with another score is not the same submission


def board_of_many(tmp_path: Path) -> Board:
    folders = [
        make_run(tmp_path, "comparable", scores={"f1": entry(0.5777, half=0.0003), "f1_secondary": entry(0.9, "part")}),
        make_run(tmp_path, "validated", split="valid", n=400, value=0.6),
        make_run(tmp_path, "tied", value=0.5725),
        make_run(tmp_path, "sample", path="sample"),
        make_run(tmp_path, "unscored", value=None),
        make_run(tmp_path, "unscored-too", value=None),
    ]
    return make_board(Task.CONCEPTS, 2026, runs=list(map(read_run, folders)))


def test_ours_stand_among_the_published(tmp_path: Path) -> None:
    leaderboard, _ = board_tables(board_of_many(tmp_path), every=False)
    runs = ["validated", "983", "818", "comparable", "984", "931", "987", "", "", "tied"]
    assert cells(leaderboard, "run") == runs
    assert cells(leaderboard, "rank") == ["(1)", "2", "4", "→ 3", "5", "7", "9", "3", "4", "→ 6"]
    assert cells(leaderboard, "counts")[7:] == ["teams", "teams", ""]
    assert cells(leaderboard, "f1_secondary")[3] == "0.9000"
    assert [row[2].text for row in leaderboard.rows if row[2].best] == ["ours", "ours", "ours"]


def test_the_standings_and_their_reasons(tmp_path: Path) -> None:
    _, standings = board_tables(board_of_many(tmp_path), every=False)
    assert cells(standings, "run") == ["validated", "comparable", "tied"]
    assert cells(standings, "rank") == ["(1 of 8)", "3 of 8", "6= of 8"]
    assert cells(standings, "by interval") == ["1", "2 to 4", "1 to 8"]
    assert cells(standings, "true rank")[:2] == ["", "runs 5, teams 2 to 3"]
    assert cells(standings, "to next")[:2] == ["", "-.0003"] and cells(standings, "to first")[0] == "+.0219"
    assert standings.title == "comparable would have been 3rd of 8 listed, by its interval 2nd to 4th"
    star, *reasons = standings.notes
    assert star == "* scored on 400 images of valid; the table is on 15,249 of test: not comparable"
    assert standings.rows[0][0].marks == "*" and standings.rows[1][0].marks == ""
    assert reasons[0].startswith("not placed: sample: ")
    assert reasons[1].startswith("not placed: unscored, unscored-too: no scores")


def test_a_score_that_is_not_comparable_is_said_so_in_words(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path, "validated", split="valid", n=400, value=0.6))
    _, standings = board_tables(make_board(Task.CONCEPTS, 2026, runs=[run]), every=False)
    assert standings.title == "validated would have been 1st of 8 listed, were its score comparable"


def test_brackets_and_arrows_are_explained_and_two_teams_are_two(tmp_path: Path) -> None:
    uploads = [upload("base", f1=0.51), Upload(Task.CONCEPTS, 2026, "base", "them", "2026-05-02", "", {"f1": 0.52})]
    leaderboard, _ = board_tables(make_board(Task.CONCEPTS, 2026, runs=[], uploads=uploads), every=False)
    assert cells(leaderboard, "team")[-2:] == ["ours: them", "ours: us"]
    assert leaderboard.notes[0].startswith("Ours: → the rank among the rows listed here, in brackets where")
    [alone] = board_tables(make_board(Task.CONCEPTS, 2026, runs=[]), every=False)
    assert alone.notes[-1] == "No finished run of ours is of this task and year."


def test_without_a_placed_run_the_reasons_stand_below_the_table(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path, "sample", path="sample"))
    [only] = board_tables(make_board(Task.CONCEPTS, 2026, runs=[run]), every=False)
    assert only.notes[-1].startswith("not placed: sample:")


def test_what_is_said_of_a_partial_table() -> None:
    partial = board_tables(make_board(Task.CONCEPTS, 2026, runs=[]), every=False)[0].notes[0]
    assert partial == "Partial table: 7 rows are known, of 11 teams; the true rank may be lower than among these."
    [complete] = board_tables(make_board(Task.CONCEPTS, 2020, runs=[]), every=False)
    assert len(complete.rows) == 47 and not any("Partial" in note for note in complete.notes)
    [by_part] = board_tables(make_board(Task.CAPTIONS, 2026, runs=[], by="rouge1"), every=True)
    assert "Placed by rouge1; the organisers rank by overall." in by_part.notes
    assert [column.title for column in by_part.columns][3:5] == ["rouge1", "overall"] and len(by_part.columns) == 12


def test_ordinals() -> None:
    said = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "122nd"]
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 111, 122)] == said
