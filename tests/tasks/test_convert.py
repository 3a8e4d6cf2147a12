"""Other forms and other years hold the same answers, and what they cannot hold is refused."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.check import check_file
from tasks.convert.commands import convert
from tasks.convert.reading import read_alike, read_answers
from tasks.convert.renaming import read_map, renamed
from tasks.convert.writing import FORMS, write_answers
from tasks.editions import known_years, load_edition
from tasks.nouns import InputError, Report, Task, Value
from tasks.submission import one_line, read_submission, write_submission

ROOT = Path(__file__).parents[2]
CAPTIONS = load_edition(2026, Task.CAPTIONS)
CONCEPTS = load_edition(2026, Task.CONCEPTS)
REPORTS = load_edition(2026, Task.REPORTS)
YEARS = {
    task: [year for year in known_years() if task is not Task.CAPTIONS or year not in {"2019", "2020"}] for task in Task
}
# nothing that one_line changes, nor a delimiter of a year without quoting: those are told, not kept
words = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="|"), st.sampled_from('",;')
    ),
    min_size=1,
    max_size=12,
).map(one_line)
texts = st.lists(words, max_size=6).map(" ".join).map(one_line)
cuis = st.lists(st.integers(0, 9_999_999).map("C{:07}".format), max_size=20, unique=True).map(tuple)
reports = st.builds(
    Report,
    texts,
    texts,
    st.dictionaries(st.sampled_from(["Edema", "No Finding"]), st.sampled_from([1, 0, -1, None])),
    st.lists(st.sampled_from(["I10", "428.0", "V58.61", "unknown"]), unique=True).map(tuple),
)
OF_TASK = {Task.CONCEPTS: cuis, Task.CAPTIONS: texts, Task.REPORTS: reports}
ids = st.one_of(
    st.lists(st.integers(0, 10**12).map(str), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(0, 10**6).map("synth_{:06}".format), min_size=1, max_size=6, unique=True),
)


def run_convert(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = run_convert(*arguments)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def bare(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers as any form gives them back: an empty cell is an empty list."""
    return {i: () if value == ("",) else value for i, value in answers.items()}


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_every_chain_of_forms_and_years_keeps_the_answers(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(list(Task)))
    image_ids = data.draw(ids)
    answers = {image_id: data.draw(OF_TASK[task]) for image_id in image_ids}
    only = {"coco-results": Task.CAPTIONS, "coco-annotations": Task.CAPTIONS, "rexrank": Task.REPORTS}
    forms = [form for form in FORMS if only.get(form, task) is task]
    found: dict[str, Any] = dict(answers)
    labels = True
    with tempfile.TemporaryDirectory() as folder:
        for n in range(data.draw(st.integers(1, 4))):
            form, edition = (
                data.draw(st.sampled_from(forms)),
                load_edition(data.draw(st.sampled_from(YEARS[task])), task),
            )
            out = Path(folder, f"{n}.csv" if form == "csv" else f"{n}.json")
            try:
                written = write_answers(out, found, edition=edition, form=form)
            except InputError as error:  # a heading within a section, which ReXrank's one text cannot tell from its own
                assert form == "rexrank" and "heading" in str(error)
                assert not out.exists()
                continue
            bare_form = form in {"csv", "rexrank"}
            stated = [i for i, v in found.items() if isinstance(v, Report) and (v.labels or v.icd)]
            assert list(written.unlabelled) == (stated if bare_form else [])
            labels = labels and not bare_form
            assert written.respaced == written.undelimited == ()
            found = read_answers(out, edition=edition)
            if form == "csv":
                assert check_file(out, edition=edition, ids=list(answers)).accepted
                assert read_submission(out.with_suffix(".zip"), edition=edition) == found
    assert list(found) == image_ids
    if not labels:
        answers = {i: Report(v.findings, v.impression) if isinstance(v, Report) else v for i, v in answers.items()}
    assert bare(found) == answers


@pytest.mark.parametrize("year", ["2018", "2020", "2022", "2023", "2025"])
def test_concepts_of_every_year_become_those_of_2026(year: str, tmp_path: Path) -> None:
    edition = load_edition(year, Task.CONCEPTS)
    mark = edition.delimiter
    old = tmp_path / "old.txt"
    rows = f"a{mark}C0000001;C0000002\nb{mark}\nc\n"
    old.write_text(rows if edition.header == "none" else f"ID{mark}CUIs\n{rows}", encoding="utf-8")
    out = tmp_path / "new" / "answers.csv"
    result = run_convert(old, "--task", 1, "--from-edition", year, "--to-edition", 2026, "--to", "csv", "--out", out)
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"ID,CUIs\na,C0000001;C0000002\nb,\nc,\n"
    with zipfile.ZipFile(tmp_path / "new" / "answers.zip") as archive:
        assert archive.namelist() == ["submission.csv"]
        assert archive.read("submission.csv") == out.read_bytes()


def test_what_the_writer_of_the_year_changes_is_said(tmp_path: Path) -> None:
    table = write_submission(tmp_path, edition=CAPTIONS, rows=[("a", "left | right"), ("b", "plain")])
    table.write_text(table.read_text(encoding="utf-8") + '"c","two\nlines"\n', encoding="utf-8")
    result = run_convert(table, "--task", 2, "--to", "csv", "--to-edition", 2022, "--out", tmp_path / "old.csv")
    assert (tmp_path / "old.csv").read_text(encoding="utf-8") == "a|left right\nb|plain\nc|two lines\n"
    assert "1 captions held the delimiter" in result.stderr and "the first is a\n" in result.stderr
    assert "1 texts held line breaks" in result.stderr and "the first is c\n" in result.stderr
    quiet = run_convert(table, "--task", 2, "--to", "jsonl", "--out", tmp_path / "x.jsonl")
    assert quiet.stderr == f"3 rows: {tmp_path / 'x.jsonl'}\n"
    assert read_answers(tmp_path / "x.jsonl", edition=CAPTIONS)["c"] == "two\nlines"


def test_ids_by_a_mapping_file_and_back(tmp_path: Path) -> None:
    table = write_submission(tmp_path, edition=CAPTIONS, rows=[("ROCO_1", "one"), ("ROCO_2", "two")])
    there = tmp_path / "map.csv"
    there.write_text("old,new\nROCO_2,17\nROCO_1,9\nROCO_3,4\n\n", encoding="utf-8")
    back = tmp_path / "back.tsv"
    back.write_text("9\tROCO_1\n17\tROCO_2\n", encoding="utf-8")
    results = tmp_path / "results.json"
    assert run_convert(table, "--task", 2, "--to", "coco-results", "--ids-map", there, "--out", results).exit_code == 0
    assert json.loads(results.read_text(encoding="utf-8")) == [
        {"image_id": 9, "caption": "one"},
        {"image_id": 17, "caption": "two"},
    ]
    out = tmp_path / "out.csv"
    assert run_convert(results, "--task", 2, "--to", "csv", "--ids-map", back, "--out", out).exit_code == 0
    assert out.read_bytes() == table.read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,x\nb,x\n", "a and b both become x"),
        ("a,x\n", "no row for 1 of the images, the first is b"),
        ("x,a\ny,b\n", "swap its columns"),
        ("a,x\na,y\nb,z\n", ":2: a has two new ids"),
        ("a,x,1\nb,y,2\n", ":1: 3 fields"),
        ("a,\nb,y\n", ":1: 2 fields, not an old id and its new one"),
    ],
)
def test_mappings_that_would_lose_an_image(rows: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        renamed({"a": "one", "b": "two"}, read_map(path), path)
    table = write_submission(tmp_path, edition=CAPTIONS, rows=[("a", "one"), ("b", "two")])
    refusal(table, "--task", 2, "--to", "csv", "--ids-map", path, "--out", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists() and not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("image_ids", "written"),
    [
        (["1", "20"], [1, 20]),
        (["1", "02"], ["1", "02"]),
        (["1", "x"], ["1", "x"]),
        (["-1"], ["-1"]),
        (["1٣"], ["1٣"]),
    ],
)
def test_coco_ids_are_numbers_when_all_are_plain_ones(image_ids: list[str], written: list[Any], tmp_path: Path) -> None:
    for form in ("coco-results", "coco-annotations"):
        out = tmp_path / f"{form}.json"
        write_answers(out, dict.fromkeys(image_ids, "A scan."), edition=CAPTIONS, form=form)
        document = json.loads(out.read_text(encoding="utf-8"))
        rows = document if form == "coco-results" else document["annotations"]
        assert [row["image_id"] for row in rows] == written
        assert read_answers(out, edition=CAPTIONS) == dict.fromkeys(image_ids, "A scan.")


@pytest.mark.parametrize("image_ids", [["7", "3"], ["synth_000001", "synth_000000"]])
def test_cocos_own_reader_takes_both_files(image_ids: list[str], tmp_path: Path) -> None:
    answers: dict[str, Value] = {i: f'Caption "{i}", é' for i in image_ids}
    for form in ("coco-results", "coco-annotations"):
        write_answers(tmp_path / f"{form}.json", answers, edition=CAPTIONS, form=form)
    code = (
        "import json; from pycocotools.coco import COCO\n"
        "truth = COCO('coco-annotations.json'); found = truth.loadRes('coco-results.json')\n"
        "print(json.dumps([[str(i), found.imgToAnns[i][0]['caption'], truth.imgToAnns[i][0]['caption']]"
        " for i in truth.getImgIds()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout.splitlines()[-1]) == [[i, answers[i], answers[i]] for i in image_ids]


def test_rexranks_own_form_of_a_prediction(tmp_path: Path) -> None:
    """As example_files/prediction.json of its repository: glued headings, and the gold report beside the prediction."""
    path = tmp_path / "prediction.json"
    study = {
        "findings": "Gold.",
        "impression": "Gold.",
        "model_prediction": "Findings:Clear lungs.  Stable.Impression:Normal.",
    }
    path.write_text(json.dumps({"50051329": study, "2": {"model_prediction": "Findings: A. Impression: B."}}, indent=4))
    found = read_answers(path, edition=REPORTS)
    assert found == {"50051329": Report("Clear lungs. Stable.", "Normal."), "2": Report("A.", "B.")}
    out = tmp_path / "out.csv"
    result = run_convert(path, "--task", 3, "--to", "csv", "--out", out)
    assert result.exit_code == 0
    assert out.read_text(encoding="utf-8") == (
        "ID,Findings,Impression\n50051329,Clear lungs. Stable.,Normal.\n2,A.,B.\n"
    )
    assert read_answers(out.with_suffix(".json"), edition=REPORTS) == found


def test_list_numbers_and_bold_print_stay_in_a_report(tmp_path: Path) -> None:
    answers: dict[str, Value] = {"s": Report("1. Clear **lungs**. 2. No effusion.", "- Normal"), "t": Report("", "")}
    write_answers(tmp_path / "r.json", answers, edition=REPORTS, form="rexrank")
    assert read_answers(tmp_path / "r.json", edition=REPORTS) == answers
    with pytest.raises(InputError, match="u: a section holds a heading"):
        write_answers(tmp_path / "x.json", {"u": Report("Impression: no", "Yes")}, edition=REPORTS, form="rexrank")


def studies_of(*names: str) -> dict[str, Any]:
    """As a data file of ReXrank, which has NaN for a section that is missing."""
    return {
        name: {
            "key_image_path": f"{name}/1.png",
            "image_path": [f"{name}/0.png", f"{name}/1.png"],
            "section_findings": "Gold.",
            "section_impression": float("nan"),
            "frontal_lateral": ["Lateral", "Frontal"],
            "age": 77.0,
            "context": {"age": 77.0, "indication": "Cough – fever"},
        }
        for name in names
    }


def evaluated(path: Path) -> list[tuple[str, str, str]]:
    """What example_files/evaluation_script.md of ReXrank's repository takes from a file of predictions."""
    import pandas as pd

    rows = []
    for study, entry in json.loads(path.read_text(encoding="utf-8")).items():
        prediction, findings, impression = (
            entry[key] for key in ("model_prediction", "section_findings", "section_impression")
        )
        gold = " ".join(
            f"{title}: {text if pd.notna(text) else None}"
            for title, text in (("Findings", findings), ("Impression", impression))
        )
        rows.append((study, prediction, gold))
    return rows


ANSWERED: dict[str, Value] = {
    "s1": Report("Clear lungs.", "Normal.", {"Edema": 0}, ("I10",)),
    "s2": Report("", "Normal\nchest."),
    "s3": Report("", ""),
}


def test_the_entries_of_rexranks_data_with_the_predictions(tmp_path: Path) -> None:
    write_answers(tmp_path / "run.jsonl", ANSWERED, edition=REPORTS, form="jsonl")
    data, out = tmp_path / "data.json", tmp_path / "out.json"
    entries = studies_of("s2", "s3", "s1")
    data.write_text(json.dumps(entries), encoding="utf-8")
    result = run_convert(tmp_path / "run.jsonl", "--task", 3, "--to", "rexrank", "--rexrank-data", data, "--out", out)
    assert result.exit_code == 0, result.output
    assert "1 reports have labels or codes, which are left out" in result.stderr and "first is s1\n" in result.stderr
    assert "1 texts held line breaks" in result.stderr and "first is s2\n" in result.stderr
    assert evaluated(out) == [
        ("s2", "Impression: Normal chest.", "Findings: Gold. Impression: None"),
        ("s3", "", "Findings: Gold. Impression: None"),
        ("s1", "Findings: Clear lungs.\nImpression: Normal.", "Findings: Gold. Impression: None"),
    ]
    added = {
        study: {**entry, "model_prediction": text}
        for (study, text, _), entry in zip(evaluated(out), entries.values(), strict=True)
    }
    assert out.read_text(encoding="utf-8") == json.dumps(added, ensure_ascii=False, indent=1) + "\n"
    assert read_answers(out, edition=REPORTS) == {
        "s2": Report("", "Normal chest."),
        "s3": Report("", ""),
        "s1": Report("Clear lungs.", "Normal."),
    }
    again = tmp_path / "again.json"  # what another model wrote is replaced
    asked = (tmp_path / "run.jsonl", "--task", 3, "--to", "rexrank", "--rexrank-data", out, "--out", again)
    assert run_convert(*asked).exit_code == 0 and again.read_bytes() == out.read_bytes()
    assert "out.json is what was read" in refusal(*asked[:-1], out, "--force")


MIMIC = {"s1": {"key_image_path": "/p10/p10000032/s50414267/02aa804e.jpg"}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (json.dumps(studies_of("s1", "s4")), "lacks 2 of the 3 studies that were answered, the first is s2: give"),
        (json.dumps(studies_of("s1", "s4", "s3", "s2")), "has 1 of 4 studies that were not answered, the first is s4"),
        ("[]", "data.json is no data file of ReXrank"),
        ("{}", "data.json is no data file of ReXrank"),
        ('{"s1": {}}\n{"s2": {}}', "data.json is no data file of ReXrank"),
        ('{"s1": {"key_image_path": "a.png"}', "data.json:1 is not JSON"),
        ('{"s1": {"key_image_path": "a"}, "s1": {}}', "data.json: the key 's1' stands twice"),
        ('{"s1": []}', "data.json: s1 is list: an entry is an object"),
        ('{"s1": {"study_id": "s1", "model_prediction": ""}}', "s1 lacks key_image_path and image_path"),
        ('{"s1": {"key_image_path": NaN, "image_path": ""}}', "s1 lacks key_image_path and image_path"),
        ('{"s1": {"key_image_path": ["a.png"]}}', "s1: key_image_path is list"),
        ('{"s1": {"image_path": "a.png"}}', "s1: image_path is no list"),
        ('{"s1": {"image_path": [1]}}', "s1: image_path is no list"),
        ('{"s1": {"image_path": ["a/../../b.png"]}}', "s1: the image path 'a/../../b.png' leads out"),
        (json.dumps(MIMIC), "data.json holds reports of MIMIC-CXR"),
    ],
)
def test_data_that_is_not_rexranks_or_not_of_these_studies(data: str, message: str, tmp_path: Path) -> None:
    write_answers(tmp_path / "run.jsonl", ANSWERED, edition=REPORTS, form="jsonl")
    path = tmp_path / "data.json"
    path.write_text(data, encoding="utf-8")
    asked = (tmp_path / "run.jsonl", "--task", 3, "--rexrank-data", path, "--out", tmp_path / "out.json")
    assert message in refusal(*asked, "--to", "rexrank")
    assert "--rexrank-data goes with --to rexrank, not with --to jsonl" in refusal(*asked, "--to", "jsonl")
    assert not (tmp_path / "out.json").exists()


def test_whoever_has_the_right_may_pass_mimics_reports_on(tmp_path: Path) -> None:
    write_answers(tmp_path / "run.jsonl", {"s1": Report("Clear.", "")}, edition=REPORTS, form="jsonl")
    path, out = tmp_path / "data.json", tmp_path / "out.json"
    path.write_text(json.dumps(MIMIC), encoding="utf-8")
    asked = (tmp_path / "run.jsonl", "--task", 3, "--to", "rexrank", "--rexrank-data", path, "--out", out)
    assert run_convert(*asked, "--i-have-the-right").exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8")) == {
        "s1": {**MIMIC["s1"], "model_prediction": "Findings: Clear."}
    }


def test_a_missing_data_file(tmp_path: Path) -> None:
    write_answers(tmp_path / "run.jsonl", ANSWERED, edition=REPORTS, form="jsonl")
    asked = (tmp_path / "run.jsonl", "--task", 3, "--to", "rexrank", "--out", tmp_path / "out.json")
    assert "no.json cannot be read" in refusal(*asked, "--rexrank-data", tmp_path / "no.json")
    assert "cannot be read" in refusal(*asked, "--rexrank-data", tmp_path)


def test_labels_and_codes_of_a_rexrank_file_are_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "older.json"
    text = 'Findings: Clear.\nImpression: Normal.\nCheXpert: {"Edema": 0}\nICD: ["I10"]'
    path.write_text(json.dumps({"s1": {"study_id": "s1", "model_prediction": text}}), encoding="utf-8")
    found = read_answers(path, edition=REPORTS)
    assert found == {"s1": Report("Clear.", "Normal.", {"Edema": 0}, ("I10",))}
    for form in ("rexrank", "csv"):
        out = tmp_path / f"new.{form}"
        assert write_answers(out, found, edition=REPORTS, form=form).unlabelled == ("s1",)
        document = json.loads((out if form == "rexrank" else out.with_suffix(".json")).read_text(encoding="utf-8"))
        assert document == {"s1": {"study_id": "s1", "model_prediction": "Findings: Clear.\nImpression: Normal."}}


def test_a_journal_with_a_failure_made_good(tmp_path: Path) -> None:
    path = tmp_path / "predictions.0.jsonl"
    bad = {"image_id": "a", "status": "failed", "value": None, "reason": "out of memory"}
    good = {"image_id": "a", "status": "ok", "value": ["C0000001"]}
    path.write_text("".join(json.dumps(row) + "\n" for row in (bad, good)), encoding="utf-8")
    assert read_answers(path, edition=CONCEPTS) == {"a": ("C0000001",)}
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, {**bad, "image_id": "b"})), encoding="utf-8")
    with pytest.raises(InputError, match=":2: b failed and has no answer"):
        read_answers(path, edition=CONCEPTS)


@pytest.mark.parametrize(
    ("task", "content", "message"),
    [
        (2, '[{"image_id": 1, "caption": "x"}, {"image_id": "1", "caption": "y"}]', "entry 2: 1 stands twice"),
        (2, '[{"image_id": 1.5, "caption": "x"}]', "entry 1: no image id"),
        (2, '[{"image_id": true, "caption": "x"}]', "entry 1: no image id"),
        (2, '[{"image_id": 1}]', "has no 'caption'"),
        (2, '[{"image_id": 1, "caption": null}]', "has 'None', not a text"),
        (2, '[{"image_id": 1, "caption": "\\ud800"}]', "surrogate"),
        (2, '["x"]', "entry 1: no image id"),
        (2, "[]", "holds no answer"),
        (2, '[{"image_id": 1, "caption": "x"}', "not JSON"),
        (2, '{"images": [{"id": 1}], "annotations": []}', "1 images have no annotation, the first is 1"),
        (2, '{"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}', "no entry under 'images'"),
        (2, '{"images": 1, "annotations": []}', "not both lists"),
        (2, '{"images":[{"id":1},{"id":1}],"annotations":[{"image_id":1,"caption":"x"}]}', "1 stands twice under"),
        (1, '[{"image_id": 1, "caption": "x"}]', "answers to caption_prediction: give another file, or --task"),
        (
            3,
            '{"s": {"model_prediction": "Findings: a"}, "s": {"model_prediction": "Findings: b"}}',
            "key 's' stands twice",
        ),
        (3, '{"s": {"section_findings": "a"}}', "not its data"),
        (3, '{"s": {"study_id": "t", "model_prediction": "Findings: a"}}', "is called 't'"),
        (3, '{"s": {"model_prediction": "All is well."}}', "no findings and no impression"),
        (1, '{"image_id": "a", "cuis": "C1"}', "has no 'cuis'"),
        (2, '{"image_id": "a", "caption": "x"}\n{"image_id": "a", "caption": "x"}', ":2: a stands twice"),
        (2, '{"image_id": "a", "caption": "x"}\n{"image_id": "b", "cap', ":2 is not JSON"),
        (3, '{"image_id": "a", "findings": "x", "impression": "", "labels": {"Edema": 2}}', "'labels' is not"),
        (3, '{"image_id": "a", "findings": "x", "impression": "", "icd": ["I10", 4280]}', "'icd' is not a list"),
        (3, '{"image_id": "a", "findings": "x", "impression": "", "icd": "I10"}', "'icd' is not a list"),
        (2, "ID,Caption\na\tone, two\n", "holds a delimiter: separate the columns"),
        (2, "ID,Caption\n", "holds no answer"),
        (2, "ID,Caption\na,one, two\n", "3 fields"),
        (1, "ID,CUIs\na,C1;\n", "'' is not a CUI"),
        (1, "ID,CUIs\na,A chest scan.\n", "'A chest scan.' is not a CUI"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_input_that_would_lose_content(task: int, content: str, message: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text(content, encoding="utf-8")
    out = tmp_path / "out.txt"
    assert message in refusal(path, "--task", task, "--to", form, "--out", out)
    assert [file.name for file in tmp_path.iterdir()] == ["in.txt"]


VALID = (
    b'ID,Caption\na,"one, two"\nb,three\n',
    b"a\tC0000001;C0000002\nb\t\n",
    b'[{"image_id": 1, "caption": "x"}, {"image_id": 2, "caption": ""}]',
    b'{"images": [{"id": 1}], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}',
    b'{"s": {"study_id": "s", "model_prediction": "Findings: a\\nImpression: b\\nCheXpert: {\\"Edema\\": 1}"}}',
    b'{"image_id": "a", "findings": "x", "impression": "y", "labels": {"Edema": 1}}\n{"image_id": "b", "cuis": []}\n',
)
PIECES = (
    b"",
    b"null",
    b"1",
    b"[]",
    b"{}",
    b'"',
    b"\n",
    b",",
    b"\xff",
    b"\0",
    b"\\ud800",
    b"\xe2\x80\xa8",
    b"C1;",
    b"[[[",
)


@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4),
    st.sampled_from(list(Task)),
    st.sampled_from(FORMS),
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_converted_or_refused(
    content: bytes, cuts: list[tuple[float, int, bytes]], task: Task, form: str
) -> None:
    for place, length, piece in cuts:
        at = round(place * len(content))
        content = content[:at] + piece + content[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "in.txt"), Path(folder, "out.txt")
        path.write_bytes(content)
        result = run_convert(path, "--task", task, "--to", form, "--out", out)
        assert result.exit_code == 0 or isinstance(result.exception, InputError), result.exc_info
        assert out.exists() == (result.exit_code == 0)


def test_too_many_concepts_for_the_year(tmp_path: Path) -> None:
    value = tuple(f"C{n:07}" for n in range(120))
    out = tmp_path / "out.csv"
    write_answers(out, {"a": value}, edition=load_edition(2020, Task.CONCEPTS))
    assert "120 CUIs" in refusal(
        out, "--task", 1, "--from-edition", 2020, "--to-edition", 2022, "--to", "csv", "--out", tmp_path / "x.csv"
    )


def test_what_the_check_refuses_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"edition 2026 would refuse the file: x+: a field of 131073 characters"):
        write_answers(tmp_path / "x.csv", {"x" * 131_073: "A scan."}, edition=CAPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    table = write_submission(tmp_path, edition=CAPTIONS, rows=[("a", "new")])
    out = tmp_path / "out.csv"
    out.with_suffix(".zip").write_bytes(b"mine")
    arguments = (table, "--task", 2, "--to", "csv", "--out", out)
    assert "out.zip exists" in refusal(*arguments)
    assert not out.exists() and out.with_suffix(".zip").read_bytes() == b"mine"
    assert run_convert(*arguments, "--force").exit_code == 0
    assert out.read_text(encoding="utf-8") == "ID,Caption\na,new\n"
    assert "exists" in refusal(table, "--task", 2, "--to", "jsonl", "--out", out)
    assert "is a folder" in refusal(table, "--task", 2, "--to", "jsonl", "--out", tmp_path)
    assert "out.csv is a file, not a folder" in refusal(table, "--task", 2, "--to", "jsonl", "--out", out / "x")
    assert "name the table" in refusal(table, "--task", 2, "--to", "csv", "--out", tmp_path / "x.zip")
    assert "hold captions" in refusal(
        write_submission(tmp_path / "c", edition=CONCEPTS, rows=[("a", ())]),
        "--task",
        1,
        "--to",
        "coco-results",
        "--out",
        tmp_path / "x.json",
    )


def test_a_replacement_that_stops_half_way_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "new.csv"
    for text in ("old", "new"):
        table = write_submission(tmp_path / text, edition=CAPTIONS, rows=[("a", text)])
        if text == "old":
            assert run_convert(table, "--task", 2, "--to", "csv", "--out", out).exit_code == 0
    before = {file.name: file.read_bytes() for file in out.parent.iterdir()}
    replace = Path.replace

    def moving(source: Path, target: Path) -> Path:
        if target == out and source.parent.name != "old":
            raise PermissionError(13, "Permission denied", str(target))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", moving)
        said = refusal(table, "--task", 2, "--to", "csv", "--out", out, "--force")
    assert "nothing was replaced" in said
    assert {file.name: file.read_bytes() for file in out.parent.iterdir()} == before
    assert run_convert(table, "--task", 2, "--to", "csv", "--out", out, "--force").exit_code == 0
    assert out.read_text(encoding="utf-8") == "ID,Caption\na,new\n"
    assert sorted(file.name for file in out.parent.iterdir()) == ["new.csv", "new.zip"]


def test_force_never_replaces_what_is_read(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_submission(run, edition=REPORTS, rows=[("a", Report("Clear.", ""))])
    before = {file: file.read_bytes() for file in sorted(run.iterdir())}
    names = tmp_path / "names.csv"
    names.write_text("a,b\n", encoding="utf-8")
    for source, form, out in (
        (run / "submission.json", "csv", run / "submission.csv"),
        (run / "submission.zip", "csv", run / "submission.csv"),
        (run / "submission.csv", "rexrank", run / "submission.csv"),
        (run, "csv", run / "submission.csv"),
        (run, "jsonl", run / "submission.json"),
        (run, "jsonl", names),
    ):
        said = refusal(source, "--task", 3, "--to", form, "--ids-map", names, "--out", out, "--force")
        assert "is what was read" in said
        assert {file: file.read_bytes() for file in sorted(run.iterdir())} == before
    assert names.read_text(encoding="utf-8") == "a,b\n"


@pytest.mark.parametrize(
    ("content", "task", "other"),
    [
        ("ID,CUIs\na,C0000001;C0000002\n", 2, "concept_detection"),
        ("ID,Caption\na,A scan.\n", 1, "caption_prediction"),
        ("ID,Findings,Impression\na,Clear.,Normal.\n", 1, "report_generation"),
        ("ID,Caption\na,A scan.\n", 3, "caption_prediction"),
    ],
)
def test_the_table_of_another_task_is_refused(content: str, task: int, other: str, tmp_path: Path) -> None:
    table = tmp_path / "x.csv"
    table.write_text(content, encoding="utf-8")
    said = refusal(table, "--task", task, "--to", "jsonl", "--out", tmp_path / "x.jsonl")
    assert f"are answers to {other}: give another file, or --task {other}" in said


def test_tables_that_are_not_quite_the_editions(tmp_path: Path) -> None:
    expected = {"a": "one, two", "b": "three"}
    for n, content in enumerate(
        (
            "ID\tCaption\na\tone, two\nb\tthree\n",
            '\ufeff"image_id";"caption"\r\n"a";"one, two"\r\n"b";three\n',
            "ID|Caption\na|one, two\nb|three",
            "a\tone, two\nb\tthree\n",
        )
    ):
        path = tmp_path / f"{n}.txt"
        path.write_text(content, encoding="utf-8", newline="")
        assert read_answers(path, edition=CAPTIONS) == expected
    folder = tmp_path / "run"
    write_submission(folder, edition=CAPTIONS, rows=list(expected.items()))
    assert read_answers(folder, edition=CAPTIONS) == expected


def test_quotes_go_with_commas_and_not_with_tabs(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text('ID,Caption\na,"one, ""two"""\n', encoding="utf-8")
    assert read_answers(path, edition=load_edition(2022, Task.CAPTIONS)) == {"a": 'one, "two"'}
    path.write_text('a\t"one", "two"\n', encoding="utf-8")
    assert read_answers(path, edition=CAPTIONS) == {"a": '"one", "two"'}


def test_a_line_of_blanks_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("ID,CUIs\na,C0000001\n  \nb,\n\n", encoding="utf-8")
    assert read_answers(path, edition=CONCEPTS) == {"a": ("C0000001",), "b": ("",)}


def test_files_of_other_images_are_told_apart(tmp_path: Path) -> None:
    a = write_submission(tmp_path / "a", edition=CAPTIONS, rows=[("x", "1"), ("y", "2")])
    b = write_submission(tmp_path / "b", edition=CAPTIONS, rows=[("y", "3"), ("x", "4")])
    c = write_submission(tmp_path / "c", edition=CAPTIONS, rows=[("x", "1"), ("z", "2")])
    assert [list(one.items()) for one in read_alike([a, b], edition=CAPTIONS)] == [
        [("x", "1"), ("y", "2")],
        [("x", "4"), ("y", "3")],
    ]
    with pytest.raises(InputError, match=f"y stands in {a} alone"):
        read_alike([a, b, c], edition=CAPTIONS)


def test_real_captions_through_every_form(tmp_path: Path) -> None:
    source = ROOT.parent / "shared" / "data" / "roco" / "captions.csv"
    if not source.is_file():
        pytest.skip("needs shared/data/roco/captions.csv beside the repository")
    with source.open(encoding="utf-8", newline="") as file:
        rows = [(i, caption) for i, caption in csv.reader(file) if "_valid_" in i]
    path = write_submission(tmp_path, edition=CAPTIONS, rows=rows)
    for n, (form, year) in enumerate((("coco-annotations", 2026), ("jsonl", 2026), ("csv", 2018), ("csv", 2026))):
        before = "2018" if n == 3 else "2026"
        out = tmp_path / f"{n}.{'csv' if form == 'csv' else 'json'}"
        done = run_convert(
            path, "--task", 2, "--from-edition", before, "--to", form, "--to-edition", year, "--out", out
        )
        assert done.exit_code == 0, done.output
        path = out
    assert path.read_bytes() == (tmp_path / "submission.csv").read_bytes()
    assert len(rows) == 400
