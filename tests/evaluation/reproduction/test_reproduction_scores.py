"""The verdict on a reproduction: scores beside scores, within what tolerance, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluation.reproduction.scores import compare_with_original, compared_scores
from tasks.nouns import InputError


def score(value: float, *, ci: tuple[float, float] = (0.4, 0.6), signature: str = "f1|refs:1") -> dict[str, Any]:
    return {"value": value, "ci": list(ci), "signature": signature, "role": "primary"}


def reproduction(folder: Path, *, equal: int, then: dict[str, Any] | None, now: dict[str, Any] | None) -> Path:
    """A folder as `imageclef reproduce` leaves it, scored where `now` is given."""
    predictions = {"images": 10, "equal": equal, "identical_submission": equal == 10}
    content = {"schema": 1, "original": {"scores": then and {"scores": then}}, "predictions": predictions}
    (folder / "reproduction.json").write_text(json.dumps(content), encoding="utf-8")
    if now is not None:
        (folder / "scores.json").write_text(json.dumps({"scores": now}), encoding="utf-8")
    return folder


def judged(folder: Path) -> tuple[int, str, dict[str, Any]]:
    """Exit status, what was printed, reproduction.json."""
    console = Console(record=True, width=200, quiet=False, file=(folder / "said.txt").open("w", encoding="utf-8"))
    status = 0
    try:
        compare_with_original(folder, console)
    except SystemExit as stop:
        status = int(str(stop.code))
    return status, console.export_text(), json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))


def test_the_same_predictions_and_scores_are_a_reproduction(tmp_path: Path) -> None:
    scores = {"f1": score(0.5)}
    status, said, content = judged(reproduction(tmp_path, equal=10, then=scores, now=scores))
    assert status == 0 and content["same"] is True
    assert "reproduced: the same 10 predictions, byte for byte, and the same scores" in said
    assert content["scores"]["f1"]["difference"] == 0 and content["scores"]["f1"]["within"]


def test_the_same_predictions_tolerate_rounding_alone(tmp_path: Path) -> None:
    then = {"f1": score(0.5)}
    assert judged(reproduction(tmp_path, equal=10, then=then, now={"f1": score(0.5 + 1e-12)}))[0] == 0
    status, said, content = judged(reproduction(tmp_path, equal=10, then=then, now={"f1": score(0.5001)}))
    assert status == 1 and content["same"] is False and "scores outside of the tolerance: f1" in said


def test_other_predictions_have_half_of_the_half_width(tmp_path: Path) -> None:
    then = {"f1": score(0.5), "precision": score(0.5)}
    status, said, content = judged(
        reproduction(tmp_path, equal=9, then=then, now={"f1": score(0.549), "precision": score(0.46)})
    )
    assert status == 0 and "reproduced within tolerance: 9 of 10 predictions are the same, and 2 scores" in said
    assert content["scores"]["f1"]["tolerance"] == pytest.approx(0.05)
    status, said, _ = judged(reproduction(tmp_path, equal=9, then=then, now={"f1": score(0.551)}))
    assert status == 1 and "outside of the tolerance: f1" in said


def test_another_signature_is_not_comparable(tmp_path: Path) -> None:
    then, now = {"f1": score(0.5)}, {"f1": score(0.5, signature="f1|refs:2")}
    status, said, _ = judged(reproduction(tmp_path, equal=10, then=then, now=now))
    assert status == 1 and "not comparable" in said
    assert "by other references or another version of the metric: f1" in said.replace("\n", " ")


def test_scores_that_cannot_be_computed_here_are_named(tmp_path: Path) -> None:
    then, now = {"f1": score(0.5), "bertscore": score(0.6)}, {"f1": score(0.5)}
    status, said, _ = judged(reproduction(tmp_path, equal=10, then=then, now=now))
    assert status == 0 and "and the same scores; not computed here: bertscore" in said
    status, said, content = judged(reproduction(tmp_path, equal=9, then=then, now=now))
    assert status == 1 and content["same"] is False, "of a score that nobody computed nothing is shown"
    assert "not reproduced: 9 of 10 predictions are the same; not computed here: bertscore" in said


@pytest.mark.parametrize("then", [{"f1": {"value": 0.5}}, {"f1": score(0.5) | {"ci": None}}, [1], {"f1": 0.5}])
def test_scores_of_the_original_that_no_run_writes_are_refused(tmp_path: Path, then: Any) -> None:
    with pytest.raises(InputError, match=r"original's scores\.json"):
        judged(reproduction(tmp_path, equal=10, then=then, now={"f1": score(0.5)}))


def test_without_scores_predictions_decide(tmp_path: Path) -> None:
    for then, now in ((None, None), (None, {"f1": score(0.5)}), ({"f1": score(0.5)}, None)):
        (tmp_path / "scores.json").unlink(missing_ok=True)
        assert judged(reproduction(tmp_path, equal=10, then=then, now=now))[0] == 0
        assert judged(reproduction(tmp_path, equal=9, then=then, now=now))[0] == 1


def test_scores_that_only_one_side_has_are_left_out() -> None:
    rows = compared_scores({"f1": score(0.5), "a": score(1)}, {"f1": score(0.5), "b": score(1)}, same_predictions=True)
    assert list(rows) == ["f1"]


def test_an_interval_without_width_tolerates_rounding(tmp_path: Path) -> None:
    rows = compared_scores({"f1": score(1, ci=(1, 1))}, {"f1": score(0.999)}, same_predictions=False)
    assert not rows["f1"]["within"]


def test_a_run_that_another_command_finished_says_what_to_do(tmp_path: Path) -> None:
    content = {"predictions": None, "original": {"path": "my run", "scores": None}}
    (tmp_path / "reproduction.json").write_text(json.dumps(content), encoding="utf-8")
    status, said, _ = judged(tmp_path)
    assert status == 0 and "imageclef reproduce 'my run'" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"predictions": null, "original": null}'])
def test_a_record_that_tells_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "reproduction.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"reproduction\.json"):
        compare_with_original(tmp_path, Console(quiet=True))


def test_scores_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    reproduction(tmp_path, equal=10, then={"f1": score(0.5)}, now=None)
    (tmp_path / "scores.json").write_text("no", encoding="utf-8")
    with pytest.raises(InputError, match=r"scores\.json does not hold scores"):
        compare_with_original(tmp_path, Console(quiet=True))
