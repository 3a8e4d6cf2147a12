"""Editions are data: what every file must hold, and the differences that matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks import editions
from tasks.editions import known_years, load_edition
from tasks.nouns import InputError, Task
from tasks.problems import CODES


@pytest.mark.parametrize("year", [2025, "2026"])
@pytest.mark.parametrize("task", list(Task))
def test_every_edition_is_whole(year: int | str, task: Task) -> None:
    edition = load_edition(year, task)
    assert (edition.year, edition.task) == (int(year), task)
    assert edition.columns[0] == "ID"
    assert edition.zip_member == "submission.csv"
    assert edition.sources
    assert edition.precheck_rejects | edition.evaluator_rejects <= set(CODES)


def test_what_2026_changed() -> None:
    old, new = load_edition(2025, Task.CONCEPTS), load_edition(2026, Task.CONCEPTS)
    assert new.official_precheck and not old.official_precheck
    assert {"id-order", "header-form", "cui-format"} <= new.precheck_rejects - old.precheck_rejects
    assert new.evaluator_rejects == old.evaluator_rejects
    assert new.max_cuis == 100


def test_an_unknown_year_names_those_known() -> None:
    assert {"2025", "2026"} <= set(known_years())
    with pytest.raises(InputError, match=r"1999.*2025, 2026"):
        load_edition(1999, Task.CONCEPTS)
    with pytest.raises(InputError):
        load_edition("../2026", Task.CONCEPTS)


def test_the_scoring_key_is_handed_on_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(editions.__file__).parent / "2026.yaml").read_text(encoding="utf-8").partition("\nscoring:")[0]
    (tmp_path / "2026.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "2018.yaml").write_text("scoring: {caption_prediction: {a: [1]}}\n", encoding="utf-8")
    monkeypatch.setattr(editions, "FOLDER", tmp_path)
    assert load_edition(2026, Task.CAPTIONS).scoring == {}
    (tmp_path / "2026.yaml").write_text(text + "\nscoring: {caption_prediction: {a: [1]}}\n", encoding="utf-8")
    assert load_edition(2026, Task.CAPTIONS).scoring == {"caption_prediction": {"a": [1]}}
    with pytest.raises(InputError, match="2018 has no caption_prediction"):
        load_edition(2018, Task.CAPTIONS)
