"""How far `submissions list` trusts our own estimates of official scores, and which run they are of."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from evaluation.uploads.estimates import agreement
from tests.evaluation.uploads.uploading import listed, make_run, score, upload, zipped


def test_estimates_come_from_the_sibling_over_valid_and_say_how_far_to_trust_it(
    submissions: Path, tmp_path: Path
) -> None:
    ours, official = [0.50, 0.55, 0.60, 0.65], [0.49, 0.56, 0.55, 0.64]
    for beams, (own, got) in enumerate(zip(ours, official, strict=True), start=1):
        inputs = {"generation.num_beams": beams}
        run = make_run(submissions, f"test{beams}", inputs=inputs, table=f"ID,CUIs\nimage_0,C{beams}\n")
        # An older version, which did not know a key that is off.
        make_run(
            submissions, f"valid{beams}", inputs={**inputs, "decision.exclusive": False}, split="valid", scores=own
        )
        upload(run, "--score", f"f1={got}", "--date", f"2026-05-0{beams}")
    alone = make_run(submissions, "alone", inputs={"seed": 7})
    upload(alone, "--date", "2026-05-09")
    out = tmp_path / "uploads.csv"
    said = listed(submissions, "--out", str(out))
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["test1", "test2", "test3", "test4", "alone"]
    assert [float(row["estimate"]) for row in rows[:4]] == ours
    differences = [float(row["difference"]) for row in rows[:4]]
    assert differences == pytest.approx([0.01, -0.01, 0.05, 0.01])
    assert rows[4]["estimate"] == rows[4]["official"] == rows[4]["difference"] == ""
    # Ranks of the official scores: 1, 3, 2, 4; so 1 - 6 * 2 / (4 * 15) by Spearman's formula.
    assert (
        "f1, 4 uploads: we were off by 0.0200 on average, 0.0150 too high; 3 of 4 official scores in our interval; "
        "rank correlation 0.80, of few uploads: a hint, no proof." in said
    )
    assert "valid3 (valid)" in said
    assert "+0.0500*" in said
    assert "No estimate: no run of the same config has the score" in said


def test_a_run_with_references_of_its_own_is_its_own_estimate(submissions: Path) -> None:
    run = make_run(submissions, "test", scores=0.52)
    make_run(submissions, "valid", split="valid", scores=0.6)
    upload(run, "--score", "f1=0.52")
    said = listed(submissions)
    assert "The estimates are from test (test)" in said
    assert "+0.0000" in said


@pytest.mark.parametrize("path", ["data.path", "model", "members"])
def test_another_model_data_set_or_ensemble_is_no_sibling(path: str, submissions: Path) -> None:
    more: dict[str, Any] = {"inputs": {path: {"a": "1"}, "seed": 42}}
    if path == "data.path":
        more = {"data": {"path": "data/other", "split": "valid", "n": 9}}
    make_run(submissions, "valid", split="valid", scores=0.6, **more)
    upload(make_run(submissions, "test"), "--score", "f1=0.5")
    assert "none" in listed(submissions)


def test_a_surrogate_is_compared_in_order_only(submissions: Path) -> None:
    for number in (1, 2, 3):
        inputs, task = {"seed": number}, "caption_prediction"
        table = f"ID,Caption\nimage_0,{number}\n"
        run = make_run(submissions, f"test{number}", task=task, inputs=inputs, table=table)
        surrogate = {"relevance_surrogate": score(0.1 * number, role="extra", surrogate=True)}
        make_run(submissions, f"valid{number}", task=task, inputs=inputs, split="valid", scores=surrogate)
        upload(run, "--score", f"relevance={0.5 + 0.01 * number}")
    said = listed(submissions, "--task", "2")
    assert "0.2000s" in said
    assert "relevance_surrogate, 3 uploads: rank correlation 1.00, of few uploads: a hint, no proof." in said
    assert "off by" not in said
    assert "outside" not in said


def test_agreement_of_few_or_equal_scores_has_no_correlation() -> None:
    assert agreement([(0.5, 0.4), (0.6, 0.7)]).rank is None
    assert agreement([(0.5, 0.4), (0.5, 0.7), (0.5, 0.6)]).rank is None
    found = agreement([(0.5, 0.4), (0.6, 0.7)])
    assert found.n == 2
    assert [found.error, found.bias] == pytest.approx([0.1, 0.0])


def test_an_upload_whose_run_is_gone_made_again_or_renamed(submissions: Path) -> None:
    for number, name in enumerate(["gone", "again", "renamed"]):
        table = f"ID,CUIs\nimage_0,C000000{number}\n"
        upload(make_run(submissions, name, scores=0.5, table=table), "--score", f"f1=0.5{number}")
    folder = submissions / "concept_detection"
    shutil.rmtree(folder / "gone")
    shutil.rmtree(folder / "again")
    make_run(submissions, "again", scores=0.9)
    (folder / "renamed").rename(folder / "new-name")
    said = listed(submissions)
    assert "No estimate without the run: gone, or made again since, gone, again." in said
    assert "The estimates are from new-name (test)" in said
    assert "0.9000" not in said
    assert "No estimate: no run" not in said


def test_a_repaired_table_is_still_the_run(submissions: Path) -> None:
    run = make_run(submissions, "base", scores=0.5)
    repaired = "ID,CUIs\nimage_0,C0000001\n"
    (run / "submission.csv").write_text(repaired, encoding="utf-8")
    (run / "submission.zip").write_bytes(zipped(repaired))
    assert "was changed since the run wrote it" in upload(run)
    assert "The estimates are from base (test)" in listed(submissions)
