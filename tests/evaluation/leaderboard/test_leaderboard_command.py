"""The verb `leaderboard`, from its arguments to its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluation.leaderboard.commands import leaderboard
from tasks.nouns import InputError
from tests.evaluation.leaderboard.folders import entry, make_run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(leaderboard, list(map(str, words)), env={"COLUMNS": "100"})


def refused(*words: str | Path) -> str:
    result = call(*words)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def test_a_table_without_runs() -> None:
    shown = call("--task", "1")
    assert shown.exit_code == 0, shown.exception
    assert "concept_detection 2026, by f1" in shown.stdout and "0.5781" in shown.stdout
    assert "47" in call("--task", "concepts", "--edition", "2020").stdout


def test_all_runs_of_the_task_and_year_take_part(tmp_path: Path) -> None:
    runs = tmp_path / "submissions"
    make_run(runs, "base", scores={"f1": entry(0.5777, half=0.0003)})
    make_run(runs, "older", edition=2025)
    make_run(runs, "caption", task="caption_prediction")
    make_run(runs, "half-done", finished=None)
    make_run(runs, "half-caption", task="caption_prediction", finished=None)
    make_run(runs, "half-else", task="elsewhere", finished=None, value=None)
    shown = call("--task", "1").stdout
    assert "base would have been 3rd of 8 listed, by its interval 2nd to 4th" in shown
    assert "older" not in shown and "caption" not in shown.replace("caption_", "")
    assert "half-done: the run is not finished: resume it first" in " ".join(shown.split())


def test_a_run_brings_its_task_and_year(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "elsewhere", "base", edition=2025, n=19267)
    assert "concept_detection 2025, by f1" in call(folder).stdout
    caption = make_run(tmp_path / "elsewhere", "caption", task="caption_prediction")
    assert "answers of caption_prediction 2026" in call(folder, caption, "--task", "1").stdout
    assert "which table? add --task 1 or 2" in refused(folder, caption)


def test_json_holds_everything(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "base", scores={"f1": entry(0.5777, half=0.0003)})
    found = json.loads(call(folder, "--json").stdout)
    assert (found["task"], found["edition"], found["metric"]) == ("concept_detection", 2026, "f1")
    assert found["about"]["complete"] is False and "partial table" in found["warnings"][0]
    assert found["published"][0] == {
        "rank": 2,
        "counts": "runs",
        "team": "Archimedes Unit (AUEB NLP Group + NKUA)",
        "run": "983",
        "scores": {"f1": 0.5781, "f1_secondary": 0.9591},
        "source": "dboutzounis/imageclef2026@5a56c3ee36777cb2188a266ea77cdf5381013d70 README.md",
        "note": "the README says 0.0009 below the best run",
    }
    [run] = found["runs"]
    assert (run["rank"], run["of"], run["rank_range"], run["not_comparable"]) == (3, 8, [2, 4], [])
    assert run["true_ranks"] == {"runs": [5, 5], "teams": [2, 3]} and run["to_next"] == pytest.approx(-0.0003)


def test_the_ledger_is_read(tmp_path: Path) -> None:
    runs = tmp_path / "submissions"
    base = make_run(runs, "base", value=None, with_reference=0)
    other = make_run(runs, "other", value=None, with_reference=0)
    noted = "concept_detection,2026,us,base,2026-05-04,f1=0.5781 f1_secondary=0.95"
    (runs / "uploads.csv").write_text(f"task,edition,team,run,uploaded,scores\n{noted}\n", encoding="utf-8")
    shown = call("--task", "1").stdout
    assert "base would have been 1st of 8 listed" in shown and "* the organisers' score" in shown
    assert "not placed: other: no references for the images here" in shown
    named = json.loads(call(other, "--json").stdout)["runs"]
    assert [one["run"] for one in named] == ["other"]
    [official] = json.loads(call(base, "--json").stdout)["runs"]
    assert official["official"] and official["scores"] == {"f1": 0.5781, "f1_secondary": 0.95}
    (runs / "uploads.csv").write_text("task,edition\n", encoding="utf-8")
    assert "uploads.csv:1" in refused("--task", "1")


def test_the_ledger_beside_a_run_counts_and_no_other(tmp_path: Path) -> None:
    """Two folders of submissions hold runs of one name; the one that is given was not uploaded."""
    (tmp_path / "submissions").mkdir()
    for folder, score in (("submissions", "0.51"), ("other", "0.52")):
        make_run(tmp_path / folder, "base", value=0.4)
        noted = f"task,edition,team,run,uploaded,scores\n1,2026,us,base,2026-05-04,f1={score}\n"
        (tmp_path / folder / "uploads.csv").write_text(noted, encoding="utf-8")
    [found] = json.loads(call("other/concept_detection/base", "--json").stdout)["runs"]
    assert (found["official"], found["value"], found["team"]) == (True, 0.52, "us")
    [found] = json.loads(call(make_run(tmp_path / "third", "base"), "--json").stdout)["runs"]
    assert (found["official"], found["value"]) == (False, 0.5)


def test_runs_of_one_name_and_one_that_lost_a_file_are_all_there(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, "base") for name in ("a", "b", "c")]
    (folders[2] / "predictions.csv").unlink()
    found = json.loads(call(*folders, "--json").stdout)["runs"]
    assert [one["folder"] for one in found] == list(map(str, folders))
    assert found[2]["not_placed"].startswith("which images it answered is not known: ")
    (tmp_path / "link").symlink_to(folders[0])
    assert len(json.loads(call(folders[0], "a/concept_detection/base/", "link", "--json").stdout)["runs"]) == 1


def test_json_says_what_was_left_out(tmp_path: Path) -> None:
    make_run(tmp_path / "submissions", "half", finished=None)
    make_run(tmp_path / "submissions", "base", split="valid")
    for words in (["--task", "1"], ["--history"]):
        [left_out] = json.loads(call(*words, "--json").stdout)["left_out"]
        assert "half: the run is not finished" in left_out


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("board.md", "| 1 | AIstatLab | 937 | 0.3755 |"),
        ("board.html", "<td>AIstatLab</td>"),
        ("board.tex", r"\textbf{base}\textsuperscript{*}"),
    ],
)
def test_files(tmp_path: Path, name: str, held: str) -> None:
    scores = {"overall": entry(0.33, "part"), "rouge1": entry(0.25, "part")}
    folder = make_run(tmp_path, "base", task="caption_prediction", split="valid", n=19240, scores=scores)
    assert call(folder, "--out", tmp_path / name).exit_code == 0
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert held in text and "not comparable" in text


def test_a_csv_has_numbers(tmp_path: Path) -> None:
    scores = {"overall": entry(0.334567, "part"), "rouge1": entry(0.25, "part")}
    folder = make_run(tmp_path, "base", task="caption_prediction", scores=scores)
    assert call(folder, "--out", "board.csv").exit_code == 0
    rows = list(csv.DictReader((tmp_path / "board.csv").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()))
    assert rows[5]["run"] == "base"
    assert (rows[5]["rank"], rows[5]["overall"], rows[5]["rouge1"], rows[5]["bleurt"]) == ("6", "0.334567", "0.25", "")
    assert rows[0]["similarity"] == "1.0104"


def test_a_csv_says_what_is_not_comparable(tmp_path: Path) -> None:
    """It has no marks and no notes, and yet must not pass a validation score off as a rank."""
    folder = make_run(tmp_path, "base", split="valid", n=400, value=0.6)
    assert call(folder, "--out", "board.csv").exit_code == 0
    board, _, standings = (tmp_path / "board.csv").read_text(encoding="utf-8").partition("\n\n")
    [ours] = [row for row in csv.DictReader(board.splitlines()) if row["run"] == "base"]
    assert (ours["rank"], ours["team"]) == ("(1)", "ours, not comparable")
    assert next(csv.DictReader(standings.splitlines()))["rank"] == "(1)"


@pytest.mark.parametrize("kept", ["uploads.csv", "concept_detection/base/predictions.csv"])
def test_what_is_kept_is_not_written_over(tmp_path: Path, kept: str) -> None:
    folder = make_run(tmp_path / "submissions", "base")
    (tmp_path / "submissions" / "uploads.csv").write_text("task,edition,team,run,uploaded\n", encoding="utf-8")
    before = (tmp_path / "submissions" / kept).read_bytes()
    for words in (["--task", "1"], [folder], ["--history"]):
        assert "name another file" in refused(*words, "--out", tmp_path / "submissions" / kept)
    assert (tmp_path / "submissions" / kept).read_bytes() == before
    elsewhere = make_run(tmp_path / "elsewhere", "base")
    for name in ("submission.csv", "../../uploads.csv"):
        assert "name another file" in refused(elsewhere, "--out", elsewhere / name)


def test_the_history(tmp_path: Path) -> None:
    runs = tmp_path / "submissions"
    make_run(runs, "first", split="valid", value=0.3, finished="2026-05-01T00:00:00+00:00")
    make_run(runs, "second", split="valid", value=0.4, finished="2026-05-02T00:00:00+00:00")
    make_run(runs, "caption", task="caption_prediction", value=0.4)
    shown = call("--history", "--out", "history.png").stdout
    assert "first*" in shown and "+0.1000" in shown and "caption" in shown
    assert "whether it is more than noise, imageclef compare says" in shown
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    assert call("--history", "--task", "1", "--out", "history.md").exit_code == 0
    text = (tmp_path / "history.md").read_text(encoding="utf-8")
    assert "second" in text and "caption_prediction" not in text.replace("\\", "")
    [series] = json.loads(call("--history", "--task", "1", "--json").stdout)["series"]
    assert [one["best_so_far"] for one in series["runs"]] == [True, True]


def test_bad_input(tmp_path: Path) -> None:
    assert "which table? add --task" in refused()
    assert "unknown task '7'" in refused("--task", "7")
    assert "no published table of caption_prediction in 2019" in refused("--task", "2", "--edition", "2019")
    assert "end the name in .md" in refused("--task", "1", "--out", "board.docx")
    assert "end the name in .md" in refused("--task", "1", "--out", "board.png")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in refused("--history", "--out", "folder.png")
    assert "leave it out with --history" in refused("--history", "--by", "f1")
    assert "none of 0 finished runs has scores" in refused("--history")
    assert "holds no run.json" in refused(tmp_path)
    assert "not finished" in refused(make_run(tmp_path, "half", finished=None))
    spoilt = make_run(tmp_path, "spoilt")
    (spoilt / "scores.json").write_text("{}", encoding="utf-8")
    assert "does not hold scores" in refused(spoilt)
