"""What people hand in: `imageclef score` gives a number or says what is wrong and where, and never a traceback."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from evaluation.commands import score
from tasks.editions import load_edition
from tasks.nouns import InputError, Task

IDS = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(8)]
HEADERS = {1: ["ID", "CUIs"], 2: ["ID", "Caption"], 3: ["ID", "Findings", "Impression"]}
CUIS = ["C0040405;C0817096", "C0024485", "C1306645;C0817096;C0000726", "C0041618"]
CAPTIONS = [
    "CT of the chest with an effusion",
    "MRI of the left knee",
    "Chest x-ray of a child",
    "Normal abdomen on CT",
]
WRITTEN = {1: CUIS, 2: CAPTIONS, 3: CAPTIONS}
SHIFTS = ["\r", "\n", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
PROFILES = [(2, "imageclef"), (2, "coco"), (3, "imageclef"), (3, "coco"), (3, "r2gen"), (3, "raw")]
NGRAMS = "rouge1,bleu1,bleu2,bleu3,bleu4,rougeL,cider"


def rows_of(task: int, values: Sequence[str], ids: Sequence[str] = IDS) -> list[list[str]]:
    """One row for each id, with the values in turn; a report's impression is always the same."""
    rest = ["Normal."] if task == 3 else []
    return [[i, values[n % len(values)], *rest] for n, i in enumerate(ids)]


def content(task: int, rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    text.write(",".join(HEADERS[task]) + "\n")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def save(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def status(result: Result) -> int:
    """The exit status that the command line gives; anything but a message fails."""
    if result.exception is None or isinstance(result.exception, SystemExit):
        return result.exit_code
    assert isinstance(result.exception, InputError), result.exc_info
    assert str(result.exception)
    return 2


def run(submission: Path, references: Path, task: int, *options: object) -> Result:
    words = [submission, "--task", task, "--references", references, "--resamples", 10, *options]
    return CliRunner().invoke(score, [str(word) for word in words])


def scored(submission: Path, references: Path, task: int, *options: object) -> dict[str, Any]:
    result = run(submission, references, task, *options, "--json")
    assert status(result) == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    assert all(math.isfinite(one["value"]) for one in found["scores"].values())
    assert all(math.isfinite(end) for one in found["scores"].values() for end in one["ci"])
    return found


def values_of(found: dict[str, Any]) -> dict[str, float]:
    return {name: one["value"] for name, one in found["scores"].items()}


def each_image(submission: Path, references: Path, task: int, *options: object) -> dict[str, list[float]]:
    """Metric -> the value of each image; empty cells are NaN."""
    out = submission.with_name("each.csv")
    scored(submission, references, task, "--per-image", out, *options)
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
    return {name: [float(row[name] or "nan") for row in rows] for name in rows[0] if name != "image_id"}


@pytest.fixture(params=[1, 2, 3])
def task(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def gold(task: int, tmp_path: Path) -> Path:
    return save(tmp_path / "gold.csv", content(task, rows_of(task, WRITTEN[task])))


@pytest.mark.parametrize("mark", ["\t", "|", ";"])
def test_a_wrong_delimiter(task: int, mark: str, gold: Path, tmp_path: Path) -> None:
    wrong = content(task, rows_of(task, [text.replace(";", " ") for text in WRITTEN[task]])).replace(",", mark)
    result = run(save(tmp_path / "s.csv", wrong), gold, task)
    assert status(result) == 1
    assert "delimiter (1 times, first on line 1)" in result.stderr


def test_ids_missing_twice_unknown_and_out_of_order(task: int, gold: Path, tmp_path: Path) -> None:
    good = rows_of(task, WRITTEN[task])
    odd = [good[0][0] + "_", *good[0][1:]]
    for rows, code in (
        (good[1:], "id-missing (1 times, first on line 2)"),
        ([*good, good[3]], "id-duplicate (1 times, first on line 10)"),
        ([*good, odd], "id-unknown (1 times, first on line 10)"),
        ([odd, *good[1:]], "id-missing (1 times, first on line 3)"),
        ([], "id-missing (8 times"),
        (good[::-1], "id-order"),
    ):
        result = run(save(tmp_path / "s.csv", content(task, rows)), gold, task)
        assert status(result) == 1
        assert code in result.stderr


def test_references_of_other_images(task: int, gold: Path, tmp_path: Path) -> None:
    other = rows_of(task, WRITTEN[task], [i.replace("valid", "train") for i in IDS])
    result = run(save(tmp_path / "s.csv", content(task, other)), gold, task)
    assert status(result) == 1
    assert "id-unknown (8 times" in result.stderr and "id-missing (8 times" in result.stderr


def test_a_byte_order_mark(task: int, gold: Path, tmp_path: Path) -> None:
    text = content(task, rows_of(task, WRITTEN[task][1:]))
    plain = save(tmp_path / "s.csv", text)
    expected = values_of(scored(plain, gold, task))
    marked = save(tmp_path / "bom.csv", "\ufeff" + gold.read_text(encoding="utf-8"))
    assert values_of(scored(plain, marked, task)) == expected
    result = run(save(tmp_path / "s2.csv", "\ufeff" + text), gold, task)
    assert status(result) == 1
    assert "bom (1 times, first on line 1)" in result.stderr


@pytest.mark.parametrize(("task", "profile"), PROFILES)
def test_line_and_page_breaks_in_texts_shift_nothing(task: int, profile: str, tmp_path: Path) -> None:
    """Every number is that of the same file with blanks in their place, in predictions as in references."""
    ids = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(2 * len(SHIFTS))]
    texts = [f"CT of the{mark}chest {n} with effusion" for n, mark in enumerate(SHIFTS)]
    blank = [f"CT of the chest {n} with effusion" for n, _ in enumerate(SHIFTS)]
    other = [f"the{mark}chest is{mark}normal on CT" for mark in SHIFTS]
    plain = ["the chest is normal on CT" for _ in SHIFTS]
    options = ("--profile", profile, "--metrics", NGRAMS if profile == "imageclef" else NGRAMS[7:])
    with_marks, without = (
        each_image(
            save(tmp_path / "s.csv", content(task, rows_of(task, [*theirs, *ours], ids))),
            save(tmp_path / "gold.csv", content(task, rows_of(task, [*ours, *theirs], ids))),
            task,
            *options,
        )
        for ours, theirs in ((texts, other), (blank, plain))
    )
    assert with_marks == without
    assert len(set(without["bleu1"])) > 1


def test_broken_rows_after_an_unquoted_line_break(tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.csv", content(2, rows_of(2, CAPTIONS)))
    for mark in ("\n", "\r", "\r\n"):
        broken = gold.read_text(encoding="utf-8").replace('"', "").replace("left knee", f"left{mark}knee", 1)
        refused = run(save(tmp_path / "s.csv", broken), gold, 2)
        assert status(refused) == 1
        assert "columns-few (1 times, first on line 4)" in refused.stderr
        result = run(gold, save(tmp_path / "broken.csv", broken), 2)
        assert status(result) == 2
        assert "broken.csv:4: 1 field where the header has 2: take line breaks out" in str(result.exception)


def test_wrongly_decoded_captions_are_scored_as_they_are(tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.csv", content(2, rows_of(2, ["tÃ³rax 3 Ã— 4", "knee"])))
    found = scored(save(tmp_path / "s.csv", content(2, rows_of(2, ["tórax 3 × 4", "knee"]))), gold, 2)
    assert "references: 4 texts look wrongly decoded ('Ã³' for 'ó'), the first is " + IDS[0] in found["warnings"]
    assert found["scores"]["bleu1"]["value"] < 0.9
    turned = scored(tmp_path / "s.csv", tmp_path / "s.csv", 2)
    assert not any("wrongly decoded" in said for said in turned["warnings"])
    both = scored(gold, gold, 2)
    assert any(said.startswith("predictions: 4 texts look wrongly decoded") for said in both["warnings"])
    assert both["scores"]["rouge1"]["value"] == 1


def test_words_that_look_like_missing_values_are_words_and_ids(tmp_path: Path) -> None:
    words = ["nan", "NaN", "NA", "null", "None", "inf", "-inf", "1e5", "007", "TRUE"]
    same = save(tmp_path / "same.csv", content(2, [[word, word] for word in words]))
    assert each_image(same, same, 2, "--metrics", "rouge1")["rouge1"] == [1.0] * len(words)
    other = save(tmp_path / "other.csv", content(2, [[word, "" if word == "nan" else "nan"] for word in words]))
    assert each_image(other, same, 2, "--metrics", "rouge1")["rouge1"] == [0.0, 1.0] + [0.0] * 8


@pytest.mark.parametrize(("task", "profile"), PROFILES)
def test_empty_texts_count(task: int, profile: str, tmp_path: Path) -> None:
    """One side empty: 0. Both: 1 by ROUGE, as the evaluators and COCO have it, else 0; COCO's BLEU of 0 is 1e-16.

    R2Gen's cleaning makes an empty report a full stop, so two of them agree in one word.
    """
    rest = [""] if task == 3 else []
    pairs = [("", ""), ("", CAPTIONS[0]), (CAPTIONS[0], ""), (CAPTIONS[1], CAPTIONS[1]), (" ", "..."), ("...", "-")]
    ours, theirs = ([[f"x_test_{n}", pair[side], *rest] for n, pair in enumerate(pairs)] for side in (0, 1))
    metrics = NGRAMS if profile == "imageclef" else NGRAMS[7:]
    found = each_image(
        save(tmp_path / "s.csv", content(task, ours)),
        save(tmp_path / "gold.csv", content(task, theirs)),
        task,
        *("--profile", profile, "--metrics", metrics),
    )
    assert all(math.isfinite(value) for values in found.values() for value in values)
    for name, values in found.items():
        matched = name.startswith("rouge") or (profile, name) == ("r2gen", "bleu1")
        assert values[0] == pytest.approx(float(matched), abs=0.002), name
        assert max(values[1], values[2]) < (0.3 if profile == "r2gen" else 1e-6), name
        assert values[3] > 0.3, name


@pytest.mark.parametrize("profile", ["imageclef", "coco"])
def test_empty_predictions_only(profile: str, tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.csv", content(2, rows_of(2, CAPTIONS)))
    empty = save(tmp_path / "s.csv", content(2, rows_of(2, [""])))
    metrics = NGRAMS if profile == "imageclef" else NGRAMS[7:]
    found = scored(empty, gold, 2, "--profile", profile, "--metrics", metrics)
    assert max(values_of(found).values()) < 1e-6
    assert any("8 of 8 predictions are empty" in said for said in found["warnings"])


@pytest.mark.parametrize("year", [2018, 2021, 2022, 2023, 2024, 2025, 2026])
def test_empty_captions_of_every_edition(year: int, tmp_path: Path) -> None:
    mark = load_edition(year, Task.CAPTIONS).delimiter
    head = "" if year < 2023 else f"ID{mark}Caption\n"
    ours, theirs = (
        head + "".join(f"image{n}{mark}{text}\n" for n, text in enumerate(side))
        for side in (["", "", "a knee", "", "the"], ["", "a knee", "", "a chest", "of"])
    )
    submission, gold = save(tmp_path / "s.csv", ours), save(tmp_path / "gold.csv", theirs)
    found = each_image(submission, gold, 2, "--edition", year)
    primary = "bleu_sentence" if year < 2023 else "rouge1"
    if primary in found:  # NLTK's stop words may be missing
        assert found[primary] == [1, 0, 0, 0, 1 if year < 2023 else 0]
    assert all(math.isfinite(value) for values in found.values() for value in values)


@pytest.mark.parametrize("year", range(2018, 2027))
def test_empty_concepts_of_every_edition(year: int, tmp_path: Path) -> None:
    """Before 2022 an image without a true concept is left out; since then two empty cells match."""
    mark = load_edition(year, Task.CONCEPTS).delimiter
    head = "" if year < 2023 else f"ID{mark}CUIs\n"
    submission = save(tmp_path / "s.csv", f"{head}image1{mark}\nimage2{mark}C1\nimage3{mark}\nimage4{mark}C1\n")
    gold = save(tmp_path / "gold.csv", f"{head}image1{mark}\nimage2{mark}\nimage3{mark}C1\nimage4{mark}C1\n")
    expected = {"f1": 2 / 4 if year > 2021 else 1 / 2}
    assert {"f1": scored(submission, gold, 1, "--edition", year)["scores"]["f1"]["value"]} == expected


@pytest.mark.parametrize("year", [2022, 2023, 2024, 2025])
def test_an_id_without_a_cell_matches_nothing(year: int, tmp_path: Path) -> None:
    """The evaluators' own label of an empty cell is missing from a row that is an id and nothing else."""
    mark = load_edition(year, Task.CONCEPTS).delimiter
    gold = save(tmp_path / "gold.csv", f"image1{mark}\nimage2{mark}\nimage3{mark}C1\n" if year < 2025 else "")
    if year == 2025:
        save(gold, "ID,CUIs\nimage1,\nimage2,\nimage3,C1\n")
    head = "ID,CUIs\n" if year == 2025 else ""
    submission = save(tmp_path / "s.csv", f"{head}image1\nimage2{mark}\nimage3{mark}C1\n")
    assert scored(submission, gold, 1, "--edition", year)["scores"]["f1"]["value"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("year", range(2018, 2027))
def test_the_organisers_own_truth_of_every_year(year: int, tmp_path: Path) -> None:
    """Without a header until 2022, as the evaluators read it; with one since."""
    for task, values in ((1, CUIS), (2, [text.replace(",", "") for text in CAPTIONS])):
        if task == 2 and year in {2019, 2020}:
            continue
        edition = load_edition(year, Task.of(str(task)))
        mark = edition.delimiter
        rows = [f"{i}{mark}{value}\n" for i, value, *_ in rows_of(min(task, 2), values)]
        text = "".join(rows) if edition.header == "none" else f"{mark.join(edition.columns)}\n{''.join(rows)}"
        truth = save(tmp_path / "truth.csv", text)
        metrics = ("--metrics", "f1" if task == 1 else "bleu1")
        found = values_of(scored(truth, truth, task, "--edition", year, *metrics))
        assert found == {metrics[1]: pytest.approx(1.0, abs=1e-9)}


def test_null_bytes(task: int, tmp_path: Path) -> None:
    text = content(task, rows_of(task, CUIS if task == 1 else ["CT\0 of\0the chest", "MRI"]))
    gold = save(tmp_path / "gold.csv", text)
    assert status(run(gold, gold, task)) == 0
    for broken in (text.replace("ID", "I\0D", 1), text.replace(IDS[2], IDS[2] + "\0", 1), "\0" * 100):
        save(tmp_path / "broken.csv", broken)
        assert status(run(tmp_path / "broken.csv", gold, task)) in {1, 2}
        assert status(run(gold, tmp_path / "broken.csv", task)) == 2


def test_a_caption_of_100_000_words(tmp_path: Path) -> None:
    long = " ".join(f"word{n % 977}" for n in range(100_000))
    gold = save(tmp_path / "gold.csv", content(2, rows_of(2, [long, *CAPTIONS])))
    short = save(tmp_path / "s.csv", content(2, rows_of(2, CAPTIONS)))
    found = scored(short, gold, 2, "--metrics", NGRAMS)
    assert 0 < found["scores"]["rouge1"]["value"] < 1
    result = run(gold, save(tmp_path / "g.csv", short.read_bytes()), 2)
    assert status(result) == 1
    assert "field-too-large (2 times, first on line 2)" in result.stderr


def test_the_references_passed_twice(task: int, gold: Path) -> None:
    assert any("passed twice" in said for said in scored(gold, gold, task)["warnings"])


def test_the_list_of_ids_is_no_reference(task: int, gold: Path, tmp_path: Path) -> None:
    ids = save(tmp_path / "ids.csv", content(task, [[i] + [""] * (len(HEADERS[task]) - 1) for i in IDS]))
    result = run(gold, ids, task)
    assert status(result) == 2
    assert "none of the 8 references is filled in" in str(result.exception)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_other_encodings(encoding: str, tmp_path: Path) -> None:
    text = content(2, rows_of(2, ["tórax 20 °C", "rodilla"]))
    good, bad = save(tmp_path / "good.csv", text), save(tmp_path / "bad.csv", text.encode(encoding))
    refused = run(bad, good, 2)
    assert status(refused) in {1, 2}
    if encoding in {"latin-1", "cp1252"}:
        assert "encoding (1 times, first on line 2)" in refused.stderr
    result = run(good, bad, 2)
    assert status(result) == 2
    assert "UTF-" in str(result.exception) and "bad.csv" in str(result.exception)


def test_files_of_another_kind(task: int, gold: Path, tmp_path: Path) -> None:
    for name, data in (
        ("a.zip", b"PK\x03\x04" + b"\0" * 30),
        ("picture.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256))),
        ("table.parquet", b"PAR1" + bytes(40)),
        ("empty.csv", b""),
        ("random.bin", bytes(range(256)) * 4),
    ):
        path = save(tmp_path / name, data)
        assert status(run(path, gold, task)) in {1, 2}
        result = run(gold, path, task)
        assert status(result) == 2
        assert name in str(result.exception)
    assert status(run(tmp_path, gold, task)) == 2
    assert status(run(gold, tmp_path, task)) == 2


def test_groups_draw_the_intervals(tmp_path: Path) -> None:
    ids = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(200)]
    answers = [[i, "C0040405" if n % 20 < 10 else "C0024485"] for n, i in enumerate(ids)]
    gold = save(tmp_path / "gold.csv", content(1, rows_of(1, ["C0040405"], ids)))
    submission = save(tmp_path / "s.csv", content(1, answers))
    cases = save(tmp_path / "cases.csv", "ID,patient,x\n" + "".join(f"{i},{n // 10},1\n" for n, i in enumerate(ids)))
    alone = scored(submission, gold, 1, "--resamples", 1000)["scores"]["f1"]
    found = scored(submission, gold, 1, "--resamples", 1000, "--groups", cases)
    grouped = found["scores"]["f1"]
    assert grouped["value"] == alone["value"] == 0.5
    assert grouped["ci"][1] - grouped["ci"][0] > 2 * (alone["ci"][1] - alone["ci"][0])
    assert any("drawn by patient (column 'patient'): 20 groups" in said for said in found["warnings"])
    short = save(tmp_path / "short.csv", f"ID,patient\n{ids[0]},1\n")
    result = run(submission, gold, 1, "--groups", short)
    assert status(result) == 2 and ids[1] in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--groups", "gone.csv", "gone.csv cannot be read"),
        ("--groups", "gold.csv", "no group columns"),
        ("--groups", "gold.csv:patient", "no column 'patient'"),
        ("--images", "gone", "holds no images"),
        ("--images", ".", "holds no image for 7 of the references"),
        ("--vocabulary", "gone.csv", "does not exist"),
        ("--references-secondary", "gold.csv", "concept detection only"),
    ],
)
def test_unusable_files_beside_the_references(option: str, value: str, said: str, tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.csv", "ID,Caption,x,y\n" + "".join(f"{i},CT,1,2\n" for i in IDS))
    submission = save(tmp_path / "s.csv", content(2, rows_of(2, CAPTIONS)))
    (tmp_path / f"{IDS[0]}.jpg").touch()
    result = run(submission, gold, 2, option, tmp_path / value)
    assert status(result) == 2
    assert said in str(result.exception)


MARKS = ['"', '""', ",", "\n", "\r", "\r\n", "\t", "|", ";", "\0", "\ufeff", "\u2028", "\x85", "\v", " ", "\x1a", "é"]
WORDS = [IDS[0], IDS[1], "C0040405", ";;", "ID", "ID,CUIs\n", "ID,Caption\n", "NaN", "\ud83e", "\U0001f9b4", "=1+1"]
PIECES = st.sampled_from([*MARKS, *WORDS])
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=6)


def content_of(year: int, task: int) -> str:
    """A table as the edition wants it."""
    edition = load_edition(year, Task.of(str(task)))
    rows = rows_of(task, WRITTEN[task])
    if edition.quoted:
        return content(task, rows)
    head = [HEADERS[task]] if edition.header != "none" else []
    return "".join(edition.delimiter.join(row) + "\n" for row in [*head, *rows])


def mutated(text: str, changes: Sequence[tuple[float, int, str]]) -> bytes:
    """The text with pieces put in place of some of its characters."""
    for place, length, piece in changes:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + length :]
    return text.encode("utf-8", errors="surrogatepass")


@pytest.mark.parametrize("task", [1, 2, 3])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ours=CHANGES, theirs=st.one_of(st.none(), CHANGES), year=st.sampled_from([2018, 2021, 2022, 2023, 2025, 2026]))
def test_mutated_tables_end_in_a_score_or_a_message(
    task: int,
    ours: list[tuple[float, int, str]],
    theirs: list[tuple[float, int, str]] | None,
    year: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = content_of(year, task)
    submission = save(folder / f"mutated{task}.csv", mutated(text, ours))
    gold = save(folder / f"gold{task}.csv", mutated(text, theirs) if theirs else text)
    metrics = {1: "f1", 2: "bleu4,rougeL,cider", 3: "rouge1,rougeL"}[task]
    result = run(submission, gold, task, "--edition", year, "--metrics", metrics, "--json")
    found = status(result)
    event(f"exit status {found}")
    assert found in {0, 1, 2}
    assert "Traceback" not in result.output
    if found == 0:
        assert all(math.isfinite(one["value"]) for one in json.loads(result.stdout)["scores"].values())


TEXTS = st.lists(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('aC0;,. \n\r\x85\u2028\0"é1')), max_size=30
    ),
    min_size=len(IDS),
    max_size=len(IDS),
)


@pytest.mark.parametrize(("task", "profile"), [(1, "imageclef"), *((t, p) for t, p in PROFILES if p != "coco")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ours=TEXTS, theirs=TEXTS)
def test_any_texts_in_sound_tables(
    task: int, profile: str, ours: list[str], theirs: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands in the cells, the numbers are finite and no image is lost."""
    folder = tmp_path_factory.getbasetemp()
    theirs[0] = WRITTEN[task][0]
    submission = save(folder / f"any{task}.csv", content(task, rows_of(task, ours)))
    gold = save(folder / f"gold{task}.csv", content(task, rows_of(task, theirs)))
    options = () if task == 1 else ("--metrics", NGRAMS if profile == "imageclef" else NGRAMS[7:])
    result = run(submission, gold, task, "--edition", 2025, "--profile", profile, *options, "--json")
    found = status(result)
    event(f"exit status {found}")
    assert found in ({0, 1} if task == 1 else {0})
    if found == 0:
        answer = json.loads(result.stdout)
        assert answer["n"] == len(IDS)
        assert all(0 <= one["value"] <= 10 for one in answer["scores"].values())
