"""The verb `compare` on files and run folders."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.comparison.commands import compare
from tasks.nouns import InputError
from tests.evaluation.comparing import CUIS, IDS, N, compared, make_data, make_run, run_compare, submission, write


@pytest.fixture
def concepts(tmp_path: Path) -> Path:
    return submission(tmp_path / "concepts.csv", *CUIS)


@pytest.fixture
def chest(tmp_path: Path) -> Path:
    return submission(tmp_path / "chest.csv", "C0817096")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return submission(tmp_path / "scan.csv", "C0040405", "C0817096", "C0817096")


def test_two_files(chest: Path, scan: Path, concepts: Path) -> None:
    found = compared(chest, scan, "--task", 1, "--references", concepts, "--trials", 200)
    assert [system["name"] for system in found["systems"]] == ["chest", "scan"]
    values = [system["scores"]["f1"]["value"] for system in found["systems"]]
    assert values == pytest.approx([(0 + 2 / 3 + 1 / 2) / 3, (1 + 2 / 3 + 1 / 2) / 3])
    (one,) = (c for c in found["comparisons"] if c["metric"] == "f1")
    assert (one["baseline"], one["system"]) == ("chest", "scan")
    assert one["difference"] == pytest.approx(1 / 3)
    assert one["p_bootstrap"] == one["p_randomisation"] == one["p_holm"] == 1 / 201
    assert (one["wins"], one["ties"], one["losses"]) == (40, 80, 0)
    assert "f1_secondary" in found["unavailable"]
    assert compared(chest, scan, "--task", 1, "--references", concepts, "--trials", 200) == found
    other = compared(chest, scan, "--task", 1, "--references", concepts, "--trials", 200, "--seed", 1)
    assert other["comparisons"][0]["ci"] != one["ci"]


def test_the_table_says_what_is_noise(chest: Path, scan: Path, concepts: Path, tmp_path: Path) -> None:
    answers = ["C0817096"] * (N - 1) + ["C0817096;C0000726"]
    nearly = submission(tmp_path / "nearly.csv", *answers)
    result = run_compare(chest, scan, nearly, "--task", 1, "--references", concepts, "--metrics", "f1")
    assert result.exit_code == 0
    assert "+.3333*" in result.stdout and "40/80/0" in result.stdout
    assert "nearly against chest: the gain of .003 in f1 is noise (p = 1.00)" in result.stdout
    assert "scan against chest:" not in result.stdout
    assert "images drawn and swapped one by one" in result.stdout
    table = result.stdout.partition("nearly against chest")[0]
    assert table.count("\n") > 7 and all(len(line) <= 80 for line in table.splitlines())


def test_a_narrow_terminal_loses_no_column(chest: Path, scan: Path, concepts: Path) -> None:
    arguments = (str(chest), str(scan), "--task", "1", "--references", str(concepts), "--metrics", "f1,f1_secondary")
    result = CliRunner().invoke(compare, arguments, env={"COLUMNS": "50"})
    [row] = [line for line in result.stdout.splitlines() if line.startswith("  scan")]
    assert "+.3333*" in row and row.rstrip().endswith("40/80/0")
    assert "f1_secondary" in result.stdout and "--references-secondary" in result.stdout


def test_too_few_trials_to_tell(chest: Path, scan: Path, concepts: Path) -> None:
    arguments = (chest, scan, "--task", 1, "--references", concepts, "--metrics", "f1", "--trials")
    [said] = (one for one in compared(*arguments, 19)["warnings"] if "trials" in one)
    assert said == "with 19 trials no p Holm can fall below 0.05: --trials 1000 can tell"
    assert not any("trials" in one for one in compared(*arguments, 20)["warnings"])


def test_the_trials_that_can_tell_many_pairs_are_a_whole_number(concepts: Path, tmp_path: Path) -> None:
    files = [submission(tmp_path / f"{n}.csv", "C0817096", *["C0040405"] * n) for n in range(12)]
    arguments = (*files, "--task", 1, "--references", concepts, "--metrics", "f1", "--all-pairs", "--trials")
    [said] = (one for one in compared(*arguments, 1000)["warnings"] if "trials" in one)
    assert said == "with 1000 trials no p Holm can fall below 0.066: --trials 3000 can tell"
    assert not any("trials" in one for one in compared(*arguments, 3000)["warnings"])


def test_nothing_to_compare_is_no_success(chest: Path, scan: Path, concepts: Path) -> None:
    arguments = (chest, scan, "--task", 1, "--references", concepts, "--metrics", "f1_secondary")
    for options in ((), ("--json",)):
        result = run_compare(*arguments, *options)
        assert isinstance(result.exception, InputError) and "no score in common" in str(result.exception)
        assert "--references-secondary" in result.stdout


def test_a_zip_beside_its_csv_is_the_same_twice(chest: Path, concepts: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "chest.zip", "w") as archive:
        archive.write(chest, "submission.csv")
    arguments = ("--task", 1, "--references", concepts, "--trials", 50)
    found = compared(chest, tmp_path / "chest.zip", *arguments)
    assert [system["name"] for system in found["systems"]] == ["chest.csv", "chest.zip"]
    assert any("chest.csv and chest.zip answer alike" in warning for warning in found["warnings"])
    again = compared(chest, chest, *arguments)
    assert [system["name"] for system in again["systems"]] == ["chest", "chest (2)"]
    assert again["comparisons"][0]["p_holm"] == 1.0


def test_groups_of_a_file(chest: Path, scan: Path, concepts: Path, tmp_path: Path) -> None:
    groups = write(tmp_path / "groups.csv", ["ID", "patient"], [[i, str(n // 40)] for n, i in enumerate(IDS)])
    arguments = (chest, scan, "--task", 1, "--references", concepts, "--groups", groups, "--metrics", "f1")
    found = compared(*arguments)
    assert found["groups"] == 3
    assert found["comparisons"][0]["p_randomisation"] > 0.2  # of the 8 ways to swap three patients 2 are as far apart
    assert "drawn and swapped together (3 groups)" in run_compare(*arguments).stdout


def test_a_refused_submission_exits_with_1_and_its_problems(chest: Path, concepts: Path, tmp_path: Path) -> None:
    backwards = submission(tmp_path / "backwards.csv", "C0817096", ids=IDS[::-1])
    short = submission(tmp_path / "short.csv", "C0817096", ids=IDS[1:])
    arguments = (chest, backwards, short, "--task", 1, "--references", concepts)
    result = run_compare(*arguments)
    assert result.exit_code == 1
    assert f"not scored: {backwards}" in result.stderr and f"id-order ({N} times, first on line 2)" in result.stderr
    assert f"not scored: {short}" in result.stderr and "id-missing" in result.stderr
    as_json = run_compare(*arguments, "--json")
    assert as_json.exit_code == 1
    assert [one["file"] for one in json.loads(as_json.stdout)["refused"]] == [str(backwards), str(short)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("CHEST", "--task", "1", "--references", "CONCEPTS"), "alone cannot be compared"),
        (("CHEST", "SCAN"), "which task"),
        (("CHEST", "SCAN", "--task", "1"), "add --references"),
        (("CHEST", "absent.csv", "--task", "1", "--references", "CONCEPTS"), "absent.csv does not exist"),
        (("CHEST", "SCAN", "--task", "1", "--references-secondary", "CONCEPTS"), "goes with --references"),
        (("CHEST", "SCAN", "--task", "1", "--references", "CONCEPTS", "--metrics", "cider"), "no metric 'cider'"),
        (("CHEST", "TEST", "--task", "1", "--references", "CONCEPTS"), "images of valid, .*test.csv of test"),
        (("CHEST", "FOLDER"), "holds no run.json"),
    ],
)
def test_unusable_arguments(
    arguments: tuple[str, ...], message: str, chest: Path, concepts: Path, tmp_path: Path
) -> None:
    scan = submission(tmp_path / "scan.csv", "C0040405")
    elsewhere = submission(tmp_path / "test.csv", "C0817096", ids=[i.replace("valid", "test") for i in IDS])
    places = {"CHEST": chest, "SCAN": scan, "CONCEPTS": concepts, "TEST": elsewhere, "FOLDER": tmp_path}
    result = run_compare(*(places.get(argument, argument) for argument in arguments))
    assert isinstance(result.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise result.exception


def test_runs_bring_everything(scan: Path, tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", *CUIS)
    one = make_run(tmp_path / "runs" / "one", data, "C0817096")
    two = make_run(tmp_path / "runs" / "two", data, *CUIS, failures=[{"image_id": IDS[0], "reason": "broken"}])
    found = compared(one, two, scan, "--trials", 100)
    assert (found["task"], found["edition"], found["n"]) == ("concept_detection", 2026, N)
    assert [system["name"] for system in found["systems"]] == ["one", "two", "scan"]
    assert found["systems"][1]["scores"]["f1"]["value"] == 1.0
    assert any(warning.startswith("two: 1 images failed") for warning in found["warnings"])
    assert not any("scan:" in warning or "one:" in warning for warning in found["warnings"])


def test_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    data, other = make_data(tmp_path / "data", *CUIS), make_data(tmp_path / "other", *CUIS, "C0000726")
    whole = make_run(tmp_path / "whole", data, "C0817096")
    part = make_run(tmp_path / "part", data, "C0817096", n=60)
    changed = make_run(tmp_path / "changed", other, "C0817096")
    older = make_run(tmp_path / "older", data, "C0817096", edition=2025)
    cases = {
        part: f"answers 120 images, {part} 60; {IDS[60]}, .* and 57 more in {whole} alone: add --intersection",
        changed: f"{IDS[3]} has another reference in {whole} than in {changed}",
        older: f"{whole} is a run of edition 2026, {older} of 2025",
    }
    for second, message in cases.items():
        result = run_compare(whole, second)
        assert isinstance(result.exception, InputError)
        with pytest.raises(InputError, match=message):
            raise result.exception
    named = compared(whole, changed, "--references", data / "concepts.csv", "--trials", 50)
    assert named["comparisons"][0]["difference"] == 0.0
    assert compared(whole, older, "--edition", 2025, "--trials", 50)["edition"] == 2025


def test_submissions_of_runs_are_told_apart_by_their_folders(concepts: Path, tmp_path: Path) -> None:
    files = [submission(tmp_path / run / "submission.csv", cui) for run, cui in (("a", "C0817096"), ("b", "C0040405"))]
    found = compared(*files, "--task", 1, "--references", concepts, "--trials", 50)
    assert [system["name"] for system in found["systems"]] == ["a/submission", "b/submission"]
