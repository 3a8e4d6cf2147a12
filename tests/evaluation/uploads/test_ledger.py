"""The ledger of uploads: what is written is read again, hand errors have a place, two processes lose no line."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.uploads.ledger import LEDGER, Upload, ledger_open, one_line, read_ledger, utc
from evaluation.uploads.official import official_scores, primary_of
from tasks.nouns import InputError, Task

ROOT = Path(__file__).parents[3]
HEADER = "task,edition,team,run,uploaded,submission_id,scores,note,sha256\n"
ROW = "concept_detection,2026,us,base,2026-05-04,,,,\n"

anything = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\",;|\t\n\r'=")), max_size=30)
texts = anything.map(one_line)
times = st.datetimes(datetime(2018, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
uploads = st.builds(
    Upload,
    task=st.just(Task.CONCEPTS),
    edition=st.sampled_from([2018, 2023, 2026]),
    run=texts.filter(bool),
    team=texts.filter(bool),
    uploaded=times.map(lambda time: time.isoformat(timespec="seconds")),
    submission_id=texts,
    scores=st.dictionaries(st.sampled_from(["f1", "recall"]), st.floats(0, 1)),
    note=texts,
    sha256=st.sampled_from(["", "0123456789abcdef" * 4]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(uploads, max_size=5, unique_by=lambda upload: upload.identity))
def test_what_is_written_is_read_again(own: list[Upload]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ledger_open(folder) as found:
            found.extend(own)
        assert read_ledger(folder) == own


def test_a_ledger_written_by_hand_needs_little(tmp_path: Path) -> None:
    """A spreadsheet's semicolons, columns in another order, no time of day, a time with a zone, a blank line."""
    text = "\ufefftask;edition;run;team;uploaded;scores\r\n1;2026;base;us;2026-05-04;f1=.5 recall=0.4\r\n\r\n"
    (tmp_path / LEDGER).write_text(text + "captions;2023;b;us;2023-05-04T02:00+02:00;\r\n", encoding="utf-8")
    first, second = read_ledger(tmp_path)
    assert (first.task, first.uploaded, first.scores) == (
        Task.CONCEPTS,
        "2026-05-04T00:00:00+00:00",
        {"f1": 0.5, "recall": 0.4},
    )
    assert (second.task, second.edition, second.uploaded) == (Task.CAPTIONS, 2023, "2023-05-04T00:00:00+00:00")
    assert read_ledger(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HEADER + ROW + ROW, 3, "same upload stands on line 2"),
        (HEADER + ROW.replace("us", ""), 2, "'team' is empty"),
        (HEADER + ROW.replace("2026-05-04", "4 May"), 2, "'4 May' is no time"),
        (HEADER + ROW.replace("2026,", "1999,"), 2, "unknown edition '1999'"),
        (HEADER + ROW.replace("concept_detection", "vqa"), 2, "unknown task 'vqa'"),
        (HEADER + ROW.replace(",,,,", ",,f1:0.5,,"), 2, "'f1:0.5' is no score"),
        (HEADER + ROW.replace(",,,,", ",,f1=50.5,,"), 2, "out of range, 0 to 1: 50.5 % is 0.505"),
        (HEADER + ROW.replace(",,,,", ",,f1=nan,,"), 2, "out of range"),
        (HEADER + ROW.replace(",,,,", ",,bleu=0.5,,"), 2, "no score 'bleu': use one of f1, f1_secondary"),
        (HEADER + ROW.replace(",,,,", ",,f1=0.5 f1=0.6,,"), 2, "said twice"),
        (HEADER + ROW.replace(",,,,", ",,,,123"), 2, "not 64 hexadecimal digits"),
        (HEADER + ROW.replace("\n", ",more\n"), 2, "10 fields where the header has 9"),
        (HEADER.replace("note", "comment") + ROW, 1, "unknown column 'comment'"),
        (HEADER.replace("team,", "") + ROW.replace("us,", ""), 1, "no column 'team'"),
        (HEADER.replace("note", "team") + ROW, 1, "the column 'team' twice"),
    ],
)
def test_a_hand_error_is_told_with_its_line_and_nothing_is_written(
    text: str, line: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / LEDGER
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error, ledger_open(tmp_path) as found:
        found.clear()
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert said in str(error.value)
    assert path.read_text(encoding="utf-8") == text


def test_processes_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.nouns import Task\n"
        "from evaluation.uploads.ledger import Upload, ledger_open, utc\n"
        "for n in range(8):\n"
        "    with ledger_open(Path(sys.argv[1])) as found:\n"
        "        found.append(Upload(Task.CONCEPTS, 2026, f'{sys.argv[2]}-{n}', 'us', utc('2026-05-04')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(number)], env=environment) for number in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert {upload.run for upload in read_ledger(tmp_path)} == {f"{a}-{n}" for a in range(3) for n in range(8)}


def test_a_ledger_is_as_it_was_when_a_change_fails(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(HEADER + ROW, encoding="utf-8")
    with pytest.raises(RuntimeError), ledger_open(tmp_path) as found:
        found.clear()
        raise RuntimeError
    assert len(read_ledger(tmp_path)) == 1
    with pytest.raises(InputError, match="is no time"):
        utc("soon")


def test_official_scores_of_an_edition_have_their_ranges() -> None:
    scores = official_scores(Task.CAPTIONS, 2026)
    assert list(scores)[:3] == ["relevance", "factuality", "overall"]
    assert scores["similarity"] == (0, 2.5)
    assert scores["relevance"] == pytest.approx(((-1 - 2) / 4, (1 + 1 + 2.5 + 2) / 4))
    assert not [name for name in scores if "surrogate" in name]
    assert [primary_of(Task.CAPTIONS, year) for year in (2022, 2023, 2026)] == [
        "bleu_sentence",
        "bertscore",
        "relevance",
    ]
    assert "radcliq_v1_inverse" in official_scores(Task.REPORTS, 2026)
