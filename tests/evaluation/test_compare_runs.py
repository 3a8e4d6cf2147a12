"""Runs to compare: of other images, unfinished, of another version, without references; what their data set knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.comparison.runs import compare_runs
from evaluation.comparison.tables import scores_table
from tasks.datasets import open_dataset
from tasks.datasets.dataset import DataSet
from tasks.nouns import InputError
from tests.evaluation.comparing import CUIS, IDS, N, compared, make_data, make_run, run_compare, submission, write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data", *CUIS)


def refused(*arguments: object) -> str:
    result = run_compare(*arguments)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def test_runs_over_different_ids_are_refused_with_the_numbers(data: Path, tmp_path: Path) -> None:
    whole, part = make_run(tmp_path / "whole", data, "C0817096"), make_run(tmp_path / "part", data, "C0817096", n=60)
    said = refused(part, whole)
    assert f"{part} answers 60 images, {whole} {N}" in said
    assert f"{IDS[60]}, {IDS[61]}, {IDS[62]} and 57 more in {whole} alone" in said
    assert "--intersection to compare on the 60 that both answer" in said


def test_on_request_the_common_images_are_compared_and_counted(data: Path, tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", data, "C0817096")
    part = make_run(tmp_path / "part", data, "C0040405", "C0817096", "C0817096", n=60)
    found = compared(whole, part, "--intersection", "--trials", 100)
    assert (found["n"], found["common"]) == (60, True)
    [said] = (one for one in found["warnings"] if one.startswith("compared on the 60"))
    assert said == f"compared on the 60 images that all answer: {whole} {N}, {part} 60"
    (one, other) = (system["scores"]["f1"]["value"] for system in found["systems"])
    assert one == pytest.approx((0 + 2 / 3 + 1 / 2) / 3) and other == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    shown = run_compare(whole, part, "--intersection", "--trials", 100).stdout
    assert "n = 60 images that all answer" in shown
    runs = compare_runs([whole, part], trials=100, intersection=True)
    assert "n = 60 images that all answer" in scores_table(runs).title
    alike = compared(whole, whole, "--intersection", "--trials", 20)
    assert (alike["n"], alike["common"]) == (N, False)
    assert not any("compared on" in warning for warning in alike["warnings"])


def test_files_over_different_ids(data: Path, tmp_path: Path) -> None:
    gold = data / "concepts.csv"
    first, last = (
        submission(tmp_path / f"{name}.csv", "C0817096", ids=ids)
        for name, ids in (("first", IDS[:80]), ("last", IDS[40:]))
    )
    options = ("--task", 1, "--references", gold, "--trials", 20)
    result = run_compare(first, last, *options)
    assert result.exit_code == 1 and "id-missing" in result.stderr and "--intersection" in result.stderr
    nothing = run_compare(first, submission(tmp_path / "nothing.csv", "", ids=[]), *options)
    assert nothing.exit_code == 1 and "id-missing" in nothing.stderr and "--intersection" not in nothing.stderr
    found = compared(first, last, *options, "--intersection")
    assert (found["n"], found["common"]) == (40, True)
    apart = submission(tmp_path / "apart.csv", "C0817096", ids=IDS[80:])
    assert "no image is answered by all" in refused(first, apart, *options, "--intersection")
    unknown = submission(tmp_path / "unknown.csv", "C0817096", ids=[*IDS[:5], "ImageCLEFmedical_Caption_2026_valid_x"])
    wrong = run_compare(first, unknown, *options, "--intersection")
    assert wrong.exit_code == 1 and "id-unknown" in wrong.stderr  # an image of no reference is still an error


def test_a_file_beside_a_run_of_fewer_images(data: Path, tmp_path: Path) -> None:
    part = make_run(tmp_path / "part", data, "C0817096", n=60)
    whole = submission(tmp_path / "whole.csv", "C0040405", "C0817096")
    found = compared(part, submission(tmp_path / "own.csv", "C0040405", ids=IDS[:50]), "--intersection", "--trials", 20)
    assert found["n"] == 50
    assert run_compare(part, whole, "--trials", 20).exit_code == 1


def test_a_half_finished_run_is_refused_with_the_command_that_resumes_it(data: Path, tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", data, "C0817096")
    command = ["imageclef", "run", "configs/x.yaml", "--set", "data.path=my data"]
    half = make_run(tmp_path / "half", data, "C0817096", finished=None, sessions=[{"command": command}])
    for options in ((), ("--intersection",)):
        said = refused(whole, half, *options)
        assert f"{half}: the run is not finished" in said
        assert "imageclef run configs/x.yaml --set 'data.path=my data'" in said
    with pytest.raises(InputError, match="resume it first"):
        compare_runs([whole, half])


def test_a_record_of_another_version_is_refused(data: Path, tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", data, "C0817096")
    newer = make_run(tmp_path / "newer", data, "C0817096", schema=7)
    assert f"{newer / 'run.json'} is of version 7, this program reads version 1" in refused(whole, newer)
    broken = make_run(tmp_path / "broken", data, "C0817096")
    (broken / "run.json").write_text("{", encoding="utf-8")
    assert "is not the record of a run" in refused(whole, broken)


def test_runs_without_references(data: Path, tmp_path: Path) -> None:
    blind = make_run(tmp_path / "blind", data, "C0817096", with_reference=0)
    other = make_run(tmp_path / "other", data, "C0040405", with_reference=0)
    assert "has no references for its images: add --references FILE" in refused(blind, other)
    found = compared(blind, other, "--references", data / "concepts.csv", "--trials", 20)
    assert found["n"] == N
    gone = make_run(tmp_path / "gone", tmp_path / "nowhere", "C0040405")
    said = refused(gone, other)
    assert said.startswith(f"{gone}: ") and "nowhere" in said and "--references FILE" in said


def test_tables_are_never_written_over_a_run_or_its_data(data: Path, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, data, "C0817096") for name in ("one", "two")]
    names = write(runs[1] / "concept_names.csv", ["CUI", "Name"], [["C0817096", "Chest"]])
    for path in (data / "concepts.csv", data / "images" / ".." / "concepts.csv", names, runs[0] / "predictions.csv"):
        before = path.resolve().read_bytes()
        assert "belongs to what is scored" in refused(*runs, "--trials", 20, "--out", path)
        assert path.resolve().read_bytes() == before
    for _ in range(2):
        assert run_compare(*runs, "--trials", 20, "--out", runs[1] / "table.csv").exit_code == 0


def test_what_a_run_answers_is_counted(data: Path, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, data, "C0817096", n=1) for name in ("one", "two")]
    found = compare_runs(runs, trials=20)
    assert any(said.startswith(f"the run answers only 1 of the {N} images") for said in found.warnings)
    assert "n = 1 image:" in scores_table(found).title


def test_compare_runs_is_the_verb_without_its_words(data: Path, tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, data, *cuis) for name, cuis in (("a", ["C0817096"]), ("b", ["C0040405"]))]
    found = compare_runs(folders, trials=50, seed=3)
    verb = compared(*folders, "--trials", 50, "--seed", 3)
    assert found.to_json() == verb
    with pytest.raises(InputError, match="one run cannot be compared"):
        compare_runs(folders[:1])
    (folders[1] / "submission.csv").write_text("ID,CUIs\nx,y\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"submission.csv would not be accepted: imageclef check"):
        compare_runs(folders)


def captions_run(folder: Path, data: Path, texts: list[str]) -> Path:
    rows = [[i, text] for i, text in zip(IDS, texts, strict=True)]
    write(folder / "submission.csv", ["ID", "Caption"], rows)
    write(folder / "predictions.csv", ["image_id", "prediction"], rows)
    record: dict[str, Any] = {
        "task": "caption_prediction",
        "edition": 2026,
        "data": {"path": str(data), "split": "valid", "n": N},
        "failures": [],
        "finished": "2026-05-01T00:00:00Z",
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_texts_are_grouped_by_the_concepts_of_their_data_set(data: Path, tmp_path: Path) -> None:
    texts = [f"image {n} of the chest" for n in range(N)]
    write(data / "captions.csv", ["ID", "Caption"], [[i, text] for i, text in zip(IDS, texts, strict=True)])
    runs = [captions_run(tmp_path / "a", data, texts), captions_run(tmp_path / "b", data, texts[::-1])]
    options = ("--metrics", "rouge1", "--trials", 50)
    found = compared(*runs, *options, "--by", "modality", "--by", "concepts")
    modality, concepts = found["breakdowns"]
    assert {group["name"]: group["n"] for group in modality["groups"]} == {"CT": 40, "MRI": 40, "X-ray": 40}
    assert [group["name"] for group in concepts["groups"]] == ["1", "2", "3"]
    (data / "concepts.csv").unlink()
    assert "add --vocabulary FILE" in refused(*runs, *options, "--by", "concepts")


def test_nothing_of_a_run_is_overwritten(data: Path, tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, data, "C0817096") for name in ("a", "b")]
    for name in ("submission.csv", "predictions.csv"):
        before = (folders[1] / name).read_bytes()
        assert "belongs to what is scored" in refused(*folders, "--out", folders[1] / name)
        assert (folders[1] / name).read_bytes() == before
    assert run_compare(*folders, "--trials", 20, "--out", folders[1] / "table.csv").exit_code == 0


def test_the_data_set_of_several_runs_is_read_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counting(path: str) -> DataSet:
        asked.append(path)
        return open_dataset(path)

    monkeypatch.setattr("evaluation.inputs.runs.open_dataset", counting)
    compare_runs([make_run(tmp_path / name, data, "C0817096") for name in "abc"], trials=20)
    assert asked == [str(data)]
