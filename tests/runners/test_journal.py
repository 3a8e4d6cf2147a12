"""The journal: what was appended is read back, whatever part of the last line a crash left."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners.journal import Journal
from tasks.journal import read_journal
from tasks.nouns import InputError, Prediction, Report

TEXT = st.text(max_size=30)
VALUES = st.one_of(
    st.none(),
    TEXT,
    st.lists(TEXT, max_size=4).map(tuple),
    st.builds(Report, TEXT, TEXT, st.dictionaries(TEXT, st.sampled_from([1, 0, -1, None]), max_size=3)),
)
PREDICTIONS = st.lists(
    st.builds(
        Prediction,
        st.text(min_size=1, max_size=20),
        VALUES,
        st.sampled_from(["ok", "failed"]),
        TEXT,
        TEXT,
        unmapped=st.lists(TEXT, max_size=3).map(tuple),
        seconds=st.floats(0, 1e6),
        time=TEXT,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda p: p.image_id,
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(predictions=PREDICTIONS, cut=st.integers(0, 10_000))
def test_a_torn_journal_keeps_every_whole_line_and_goes_on(
    tmp_path: Path, predictions: list[Prediction], cut: int
) -> None:
    path = tmp_path / "predictions.0.jsonl"
    path.unlink(missing_ok=True)
    with Journal(tmp_path) as journal:
        journal.append(predictions)
    assert list(read_journal(tmp_path).values()) == predictions

    whole = path.read_bytes()
    torn = whole[: cut % (len(whole) + 1)]
    path.write_bytes(torn)
    kept = predictions[: torn.count(b"\n")]
    assert list(read_journal(tmp_path).values()) == kept

    with Journal(tmp_path) as journal:
        journal.append(predictions[len(kept) :])
    assert path.read_bytes() == whole


def test_a_later_line_replaces_an_earlier_one(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append([Prediction("a", None, "failed", "corrupt")])
        journal.append([Prediction("a", "now it works")])
    assert read_journal(tmp_path)["a"].value == "now it works"


def test_a_failure_in_another_process_hides_no_answer(tmp_path: Path) -> None:
    for rank, prediction in ((0, Prediction("a", "answered")), (1, Prediction("a", None, "failed", "its disk"))):
        with Journal(tmp_path, rank) as journal:
            journal.append([prediction])
    assert read_journal(tmp_path)["a"].value == "answered"


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "predictions.0.jsonl"
    good = json.dumps(Prediction("a", "x").to_json())
    path.write_text(f'{good}\n{{"image_id": "b"\n{good}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"predictions\.0\.jsonl:2: not a prediction"):
        read_journal(tmp_path)
