"""A repair says all it does, invents nothing, and what it writes is accepted and stays as it is."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.check import check_file
from tasks.concepts import Vocabulary
from tasks.convert.reading import read_answers
from tasks.editions import load_edition
from tasks.nouns import InputError, Prediction, Report, Task, Value
from tasks.repair.mend import Options, Repaired, repair_file
from tasks.repair.redecode import redecoded
from tasks.submission import read_submission

GOLDEN = Path(__file__).parents[1] / "golden" / "check-2026.jsonl"
IDS = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(12)]


def repaired(
    folder: Path,
    content: str | bytes,
    task: Task = Task.CAPTIONS,
    *,
    year: int = 2026,
    ids: list[str] = IDS[:3],
    name: str = "in.csv",
    **options: Any,
) -> Repaired:
    """Repair the content; what comes out must be accepted and need no further repair."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    edition, out = load_edition(year, task), folder / "out"
    found = repair_file(path, edition=edition, ids=ids, out=out, options=Options(**options))
    if not found.done:
        assert not out.exists()
        assert all(problem.message and problem.fix for problem in found.record.problems)
        return found
    assert check_file(out / "submission.csv", edition=edition, ids=ids).accepted
    assert check_file(out / "submission.zip", edition=edition, ids=ids).accepted
    for file in ("submission.csv", "submission.zip"):
        again = repair_file(out / file, edition=edition, ids=ids, out=folder / f"again {file}")
        assert again.done
        assert again.record.changes == []
        for written in ("submission.csv", "submission.zip"):
            assert (folder / f"again {file}" / written).read_bytes() == (out / written).read_bytes()
    return found


def values(found: Repaired) -> list[Value]:
    assert found.done, found.record.problems
    return list(read_submission(found.out / "submission.csv", edition=found.edition).values())


def captions(*rows: str) -> str:
    return "ID,Caption\n" + "".join(f"{row}\n" for row in rows)


def three(*answers: str, mark: str = ",") -> list[str]:
    return [f"{image_id}{mark}{answer}" for image_id, answer in zip(IDS, answers, strict=False)]


GOOD = captions(*three("x", "y", "z"))
MESSY: dict[str, tuple[str | bytes, set[str]]] = {
    "nothing to do": (GOOD, set()),
    "order": (captions(*reversed(three("x", "y", "z"))), {"id-order"}),
    "header missing": (GOOD.partition("\n")[2], {"header-missing"}),
    "header form": (GOOD.replace("ID,Caption", "image_id,text"), {"header-form"}),
    "header quoted for nothing": (GOOD.replace("ID", '"ID"'), {"layout"}),
    "header of another year": (GOOD.replace("ID,", "ID\t"), {"header-form"}),
    "header twice": (
        GOOD.replace("\nImageCLEFmedical_Caption_2026_test_1", "\nID,Caption\n" + IDS[1]),
        {"header-repeated"},
    ),
    "tabs": (GOOD.replace(",", "\t"), {"delimiter"}),
    "bars": (GOOD.replace(",", "|"), {"delimiter"}),
    "semicolons": (GOOD.replace(",", ";"), {"delimiter"}),
    "2022": (GOOD.replace(",", "|").partition("\n")[2], {"delimiter", "header-missing"}),
    "utf-16": (GOOD.encode("utf-16"), {"encoding"}),
    "utf-16 without a mark": (GOOD.encode("utf-16-be"), {"encoding"}),
    "utf-32": (GOOD.encode("utf-32"), {"encoding"}),
    "bom": (b"\xef\xbb\xbf" + GOOD.encode(), {"bom"}),
    "two boms": (b"\xef\xbb\xbf" * 2 + GOOD.encode(), {"bom"}),
    "crlf": (GOOD.replace("\n", "\r\n"), {"layout"}),
    "cr": (GOOD.replace("\n", "\r"), {"layout"}),
    "no last line end": (GOOD.rstrip("\n"), {"layout"}),
    "all quoted": (captions(*three('"x"', '"y"', '"z"')), {"layout"}),
    "blank lines": (GOOD.replace("\n", "\n\n", 2) + "\n \n,\n", {"blank-line"}),
    "id space": (GOOD.replace("_1,", "_1 ,").replace("_2,", "_2\u200b,"), {"id-space"}),
    "id ending": (GOOD.replace("_1,", "_1.jpg,"), {"id-file-ending"}),
    "id path": (GOOD.replace("ImageCLEF", "/data/test/ImageCLEF").replace(",x", ".PNG,x"), {"id-file-ending"}),
    "id case": (GOOD.replace("ImageCLEF", "imageclef"), {"id-case"}),
    "same row twice": (GOOD + f"{IDS[0]},x\n", {"id-duplicate"}),
    "another image": (GOOD + "ImageCLEFmedical_Caption_2026_valid_7,x\n", {"id-unknown"}),
    "index column": (
        ",ID,Caption\n" + "".join(f"{n},{r}\n" for n, r in enumerate(three("x", "y", "z"))),
        {"columns-extra", "header-form", "layout"},
    ),
    "columns turned round": (
        "Caption,ID\n" + "".join(f"{v},{i}\n" for v, i in zip("xyz", IDS, strict=False)),
        {"header-form", "layout"},
    ),
    "spreadsheet's empty columns": (
        "".join(f"{r},,\n" for r in three("x", "y", "z")),
        {"columns-extra", "header-missing"},
    ),
    "a run's table": (
        "image_id,original_caption,generated_caption,seconds\n"
        + "".join(f"{r},{v},1\n" for r, v in zip(three("a", "b", "c"), "xyz", strict=True)),
        {"columns-extra", "header-form"},
    ),
    "json": (json.dumps(dict(zip(IDS, "xyz", strict=False))), {"form"}),
    "json list": (json.dumps([{"image_id": i, "caption": v} for i, v in zip(IDS, "xyz", strict=False)]), {"form"}),
    "json pairs": (json.dumps([[i, v] for i, v in zip(IDS, "xyz", strict=False)]), {"form"}),
    "json within": (
        json.dumps(
            {"model": "m", "predictions": [{"id": i, "prediction": v} for i, v in zip(IDS, "xyz", strict=False)]}
        ),
        {"form"},
    ),
    "json columns": (json.dumps({"ID": IDS[:3], "Caption": list("xyz")}), {"form"}),
    "json lines": (
        "".join(json.dumps({"id": i, "caption": v, "seconds": 1}) + "\n" for i, v in zip(IDS, "xyz", strict=False)),
        {"form", "columns-extra"},
    ),
}


@pytest.mark.parametrize("case", MESSY)
def test_dress_is_mended_and_said(case: str, tmp_path: Path) -> None:
    content, kinds = MESSY[case]
    found = repaired(tmp_path, content)
    assert values(found) == ["x", "y", "z"]
    assert set(found.record.counts) == kinds
    assert (found.out / "submission.csv").read_text(encoding="utf-8") == GOOD


TEXTS = {
    "unquoted comma": ("a mass, left lung", "a mass, left lung", {"columns-many"}),
    "quotes within": ('the "arrow", left', 'the "arrow", left', {"columns-many"}),
    "blank before the quote": (' "a mass, left"', "a mass, left", {"columns-many"}),
    "open quote": ('"a mass', "a mass", {"quote-open"}),
    "line break": ('"a\n\nmass"', "a mass", {"line-break"}),
    "separators": ("a\u2028mass\x0bleft\x85", "a mass left", {"control-character"}),
    "blanks": ('"a  mass "', "a mass", {"text-space"}),
    "mojibake": (
        "2 cm Ã— 3 cm, lesiÃ³n â€“",
        "2 cm × 3 cm, lesión –",
        {"columns-many", "mojibake"},
    ),
    "mojibake of another machine": ("Radiograf√≠a", "Radiografía", {"mojibake"}),
    "twice mojibake": ("lesiÃƒÂ³n", "lesión", {"mojibake"}),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(case: str, tmp_path: Path) -> None:
    written, meant, kinds = TEXTS[case]
    found = repaired(tmp_path, captions(*three("x", written, "z")))
    assert values(found) == ["x", meant, "z"]
    assert set(found.record.counts) - {"layout"} == kinds
    lines = [change.line for change in found.record.changes if change.kind != "layout"]
    assert set(lines) == {3}


def test_windows_1252_among_utf_8(tmp_path: Path) -> None:
    content = captions(*three("lesão", "ápice", "z")).encode().replace("lesão".encode(), "lesão".encode("cp1252"))
    found = repaired(tmp_path, content)
    assert values(found) == ["lesão", "ápice", "z"]
    assert [(c.kind, c.line, c.before, c.after) for c in found.record.changes] == [
        ("encoding", 2, f"{IDS[0]},les\\xe3o", f"{IDS[0]},lesão")
    ]
    with pytest.raises(InputError, match=r"in.csv:2: byte 0x81 is neither"):
        repaired(tmp_path, content.replace(b"\xe3", b"\x81"))
    with pytest.raises(InputError, match="is no text"):
        repaired(tmp_path, bytes(range(256)) * 20)


LISTS = {
    "C0040405;C0817096": {"layout"} - {"layout"},
    "c0040405;C0817096": {"cui-case"},
    "C0040405; C0817096 ": {"cui-space"},
    '"C0040405,C0817096"': {"cui-separator"},
    "C0040405,C0817096": {"columns-many", "cui-separator"},
    "C0040405 C0817096": {"cui-separator", "cui-space"},
    "C0040405|C0817096": {"cui-separator"},
    ";C0040405;;C0817096;": {"cui-empty"},
    "C0040405;C0817096;C0040405": {"cui-duplicate"},
    "C0040405;C0817096;c0040405": {"cui-case", "cui-duplicate"},
    "\"['C0040405', 'C0817096']\"": {"cui-separator", "cui-space"},
    '"[""C0040405"",""C0817096""]"': {"cui-separator"},
    "C00٤0405;C0817096": {"cui-form"},
}


@pytest.mark.parametrize("written", LISTS)
def test_lists_of_cuis(written: str, tmp_path: Path) -> None:
    content = f"ID,CUIs\n{IDS[0]},{written}\n{IDS[1]}\n{IDS[2]},[]\n"
    found = repaired(tmp_path, content, Task.CONCEPTS)
    assert values(found) == [("C0040405", "C0817096"), ("",), ("",)]
    kinds = {change.kind for change in found.record.changes if change.image_id == IDS[0]}
    assert kinds == LISTS[written]
    assert {c.kind for c in found.record.changes if c.image_id == IDS[1]} == {"columns-few"}


def test_names_need_the_vocabulary(tmp_path: Path) -> None:
    vocabulary = Vocabulary({"C0032285": ("Pneumonia", "Pneumonia, Bacterial"), "C0817096": ("Chest",)})
    content = f'ID,CUIs\n{IDS[0]},"Pneumonia, Bacterial; chest; C0040405"\n'
    refused = repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1])
    assert [(p.code, p.line) for p in refused.record.problems] == [("cui-format", 2)]
    assert "--vocabulary" in refused.record.problems[0].fix
    found = repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1], vocabulary=vocabulary)
    assert values(found) == [("C0032285", "C0817096", "C0040405")]
    assert found.record.counts["cui-name"] == 1
    unknown = repaired(tmp_path, content.replace("chest", "unicorn"), Task.CONCEPTS, ids=IDS[:1], vocabulary=vocabulary)
    assert "unicorn" in unknown.record.problems[0].message


def test_too_many_cuis_are_cut_on_demand_only(tmp_path: Path) -> None:
    cuis = [f"C{n:07}" for n in range(101)]
    content = f"ID,CUIs\n{IDS[0]},{';'.join(cuis)}\n"
    assert [p.code for p in repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1]).record.problems] == ["cui-too-many"]
    found = repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1], keep_concepts=True)
    assert values(found) == [tuple(cuis[:100])]
    assert found.record.changes[-1].before.endswith("C0000100")


def test_contradicting_rows_are_refused_unless_one_is_chosen(tmp_path: Path) -> None:
    content = captions(*three("x", "y", "z"), f"{IDS[1]},other")
    refused = repaired(tmp_path, content)
    assert [(p.code, p.line, p.image_id) for p in refused.record.problems] == [("id-duplicate", 5, IDS[1])]
    for keep, value in (("first", "y"), ("last", "other")):
        found = repaired(tmp_path, content, keep=keep)
        assert values(found) == ["x", value, "z"]
        dropped = next(change for change in found.record.changes if change.kind == "id-duplicate")
        assert dropped.before == ({"y", "other"} - {value}).pop()


def test_a_row_for_each_cui_is_told_that_keeping_one_loses_the_others(tmp_path: Path) -> None:
    content = f"ID,CUIs\n{IDS[0]},C0000001\n{IDS[0]},C0000002\n"
    refused = repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1])
    assert "all CUIs of an image in one row" in refused.record.problems[0].fix


def test_the_order_of_cuis_is_no_contradiction(tmp_path: Path) -> None:
    content = f"ID,CUIs\n{IDS[0]},C0000001;C0000002\n{IDS[0]},C0000002;C0000001\n"
    assert values(repaired(tmp_path, content, Task.CONCEPTS, ids=IDS[:1])) == [("C0000001", "C0000002")]


def test_an_unknown_id_is_refused_while_an_image_lacks_a_row(tmp_path: Path) -> None:
    content = captions(*three("x", "y"), "ImageCLEFmedical_Caption_2026_tset_2,z")
    for fill in (None, "empty"):
        refused = repaired(tmp_path, content, fill=fill)
        assert ("id-unknown", 4) in [(p.code, p.line) for p in refused.record.problems]
    with pytest.raises(InputError, match="none of its 3 ids is in the id list"):
        repaired(tmp_path, GOOD, ids=["other_1"])


@pytest.mark.parametrize(
    ("task", "fill", "value"),
    [
        (Task.CAPTIONS, "empty", ""),
        (Task.CAPTIONS, "Chest  radiograph.", "Chest radiograph."),
        (Task.CONCEPTS, "empty", ("",)),
        (Task.CONCEPTS, "c0040405; C0817096", ("C0040405", "C0817096")),
        (Task.REPORTS, "Clear lungs.", Report("Clear lungs.", "")),
    ],
)
def test_missing_rows_are_filled_from_what_is_named(tmp_path: Path, task: Task, fill: str, value: Value) -> None:
    answers = {Task.CAPTIONS: "x", Task.CONCEPTS: "C0000001", Task.REPORTS: "x,y"}
    columns = ",".join(load_edition(2026, task).columns)
    content = f"{columns}\n{IDS[0]},{answers[task]}\n{IDS[2]},{answers[task]}\n"
    refused = repaired(tmp_path, content, task)
    assert [(p.code, p.image_id) for p in refused.record.problems] == [("id-missing", IDS[1])]
    found = repaired(tmp_path, content, task, fill=fill)
    assert values(found)[1] == value
    assert [(c.kind, c.image_id) for c in found.record.changes] == [("id-missing", IDS[1])]


def test_filling_from_another_submission(tmp_path: Path) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("\n".join(three("a", "b", mark="\t")), encoding="utf-8")
    found = repaired(tmp_path, captions(f"{IDS[0]},x"), ids=IDS[:2], fill=str(other))
    assert values(found) == ["x", "b"]
    short = repaired(tmp_path, captions(f"{IDS[0]},x"), fill=str(other), ids=IDS[:1] + IDS[2:3])
    assert not short.done
    for fill, said in (("gone.csv", "no such file"), (" ", "names nothing")):
        with pytest.raises(InputError, match=said):
            repaired(tmp_path, captions(f"{IDS[0]},x"), fill=fill)
    with pytest.raises(InputError, match="no CUI: pneumonia"):
        repaired(tmp_path, f"ID,CUIs\n{IDS[0]},\n", Task.CONCEPTS, fill="pneumonia")


def test_our_journal(tmp_path: Path) -> None:
    answers = [
        Prediction(IDS[0], None, status="failed", reason="no memory"),
        Prediction(IDS[1], ("C0000001",)),
        Prediction(IDS[0], ("C0000002",)),
        Prediction(IDS[2], None, status="failed", reason="broken image"),
    ]
    text = "".join(json.dumps(answer.to_json()) + "\n" for answer in answers) + '{"image_id": "torn'
    refused = repaired(tmp_path, text, Task.CONCEPTS, name="predictions.0.jsonl")
    assert [(p.code, p.image_id, p.line) for p in refused.record.problems] == [("id-missing", IDS[2], 4)]
    found = repaired(tmp_path, text, Task.CONCEPTS, name="predictions.0.jsonl", fill="C0000003")
    assert values(found) == [("C0000002",), ("C0000001",), ("C0000003",)]


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"image": [b"\x89PNG"] * 3, "image_id": IDS[2::-1], "cui": [["c0000003"], [], ["C0000001"]]})
    pq.write_table(table, tmp_path / "p.parquet")
    found = repaired(tmp_path, (tmp_path / "p.parquet").read_bytes(), Task.CONCEPTS, name="in.bin")
    assert values(found) == [("C0000001",), ("",), ("C0000003",)]
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        repaired(tmp_path, b"PAR1 and nothing more")


def test_a_zip_that_is_not_as_asked(tmp_path: Path) -> None:
    for members in (["run/submission.csv", "__MACOSX/._submission.csv"], ["mine.csv"], ["submission.csv", "notes.md"]):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member in members:
                archive.writestr(member, GOOD)
        found = repaired(tmp_path, buffer.getvalue(), name="in.zip")
        assert values(found) == ["x", "y", "z"]
        assert set(found.record.counts) == {"zip"}
    with pytest.raises(InputError, match="cannot be read"):
        repaired(tmp_path, b"PK\x03\x04 and nothing more", name="in.zip")


def test_years_without_quotes(tmp_path: Path) -> None:
    content = captions(*three('"a | b"', '"the ""arrow"""', "z, left"))
    found = repaired(tmp_path, content, year=2022)
    assert (found.out / "submission.csv").read_text(encoding="utf-8") == "".join(
        f"{row}\n" for row in three("a b", 'the "arrow"', "z, left", mark="|")
    )
    assert {"delimiter", "delimiter-inside", "header-unwanted"} <= set(found.record.counts)


def test_reports_in_other_forms(tmp_path: Path) -> None:
    document = {i: {"study_id": i, "model_prediction": "Findings: Clear.\nImpression: Normal."} for i in IDS[:2]}
    found = repaired(tmp_path, json.dumps(document), Task.REPORTS, ids=IDS[:2])
    assert values(found) == [Report("Clear.", "Normal.")] * 2
    swapped = f"ID,Impression,Findings\n{IDS[0]},Normal.,Clear.\n"
    assert values(repaired(tmp_path, swapped, Task.REPORTS, ids=IDS[:1])) == [Report("Clear.", "Normal.")]
    cut = repaired(tmp_path, f"ID,Findings,Impression\n{IDS[0]},a,b,c\n", Task.REPORTS, ids=IDS[:1], fill="empty")
    assert [p.code for p in cut.record.problems] == ["columns-many"]


def test_the_labels_and_codes_of_a_report_are_left_out_and_said(tmp_path: Path) -> None:
    """Neither the table has a place for them, nor the JSON beside it: ReXrank would count them as words."""
    wanted = Report("Clear.", "Normal.", {"Edema": 0}, ("I10", "428.0"))
    broken = "FINDINGS: Clear.\n IMPRESSION: Normal. CheXpert: {'edema': 0 ICD: I10; 428.0"
    rows = [
        {**Prediction(image_id, wanted).to_json(), "value": value}
        for image_id, value in zip(IDS, (Prediction("x", wanted).to_json()["value"], broken), strict=False)
    ]
    journal = "".join(json.dumps(row) + "\n" for row in rows)
    found = repaired(tmp_path, journal, Task.REPORTS, ids=IDS[:2], name="predictions.0.jsonl")
    assert values(found) == [Report("Clear.", "Normal.")] * 2
    written = read_answers(found.out / "submission.json", edition=found.edition)
    assert list(written.values()) == [Report("Clear.", "Normal.")] * 2
    said = 'CheXpert: {"Edema": 0}\nICD: ["I10", "428.0"]'
    assert [(c.image_id, c.before) for c in found.record.changes if c.kind == "labels"] == [
        (IDS[0], said),
        (IDS[1], said),
    ]


@pytest.mark.parametrize("mark", [",", "\t"])
def test_a_text_broken_over_lines_without_quotes_loses_no_word(tmp_path: Path, mark: str) -> None:
    rows = three("A mass, left.", "b", "c", mark=mark)
    broken = [rows[0], "The arrow shows it.", "However, it is small", *rows[1:]]
    found = repaired(tmp_path, "\n".join(broken))
    assert values(found) == ["A mass, left. The arrow shows it. However, it is small", "b", "c"]
    assert ("line-break", IDS[0]) in [(c.kind, c.image_id) for c in found.record.changes]
    for last in ("The arrow shows it.", "(3 rows)"):  # nobody can tell the two apart
        refused = repaired(tmp_path, "\n".join([*rows, last]))
        assert [(p.code, p.line, p.image_id) for p in refused.record.problems] == [("id-unknown", 4, IDS[2])]
    other = repaired(tmp_path, "\n".join([*rows[:2], f"other_7{mark}x", rows[2]]))
    assert values(other) == ["A mass, left.", "b", "c"]
    assert other.record.counts["id-unknown"] == 1
    begins_like_ids = repaired(tmp_path, "\n".join([rows[0], "Image of the arm.", *rows[1:]]))
    assert values(begins_like_ids)[0] == "A mass, left. Image of the arm."
    for unsure in ("# part two", "T2-weighted.", "other"):
        refused = repaired(tmp_path, "\n".join([rows[0], unsure + mark * (unsure == "other") + "x", *rows[1:]]))
        assert [(p.code, p.line) for p in refused.record.problems] == [("id-unknown", 2)]


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_report_in_one_column_is_not_cut_at_its_commas(tmp_path: Path, quote: str) -> None:
    texts = ["Clear, no effusion.", "Clear, dry, no effusion.", "Clear."]
    content = "id,report\n" + "".join(f"{i},{quote}{t}{quote}\n" for i, t in zip(IDS, texts, strict=False))
    assert values(repaired(tmp_path, content, Task.REPORTS)) == [Report(text, "") for text in texts]


def test_a_refusal_after_the_check_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, edition = tmp_path / "in.csv", load_edition(2026, Task.CAPTIONS)
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(InputError, match=r"in\.csv is a file: give --out a folder"):
        repair_file(path, edition=edition, ids=IDS[:3], out=path / "out")

    def refusing(*_: Any, **__: Any) -> Any:
        return check_file(path, edition=edition, ids=IDS[:2])

    monkeypatch.setattr("tasks.repair.mend.check_file", refusing)
    assert not repair_file(path, edition=edition, ids=IDS[:3], out=tmp_path / "new" / "out").done
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ('{"a": ', "in.json", "in.json:1 is not JSON"),
        ('{"id": "a", "caption": "x"}\n[1]\n', "in.jsonl", "entry 2 is neither"),
        (f"ID,caption_a,caption_b\n{IDS[0]},x,y\n", "in.csv", "could each be the answer"),
        (f"ID,seconds,model\n{IDS[0]},x,y\n", "in.csv", "says that it is the answer"),
        (captions(f"{IDS[0]},{'x, ' * 500_000}"), "in.csv", "in.csv:2: a line of 1500"),
        ("[" * 100_000, "in.json", "in.json"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: str, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        repaired(tmp_path, content, name=name)


def test_an_answer_that_is_no_text_is_refused(tmp_path: Path) -> None:
    refused = repaired(tmp_path, json.dumps(dict(zip(IDS, ["x", 5, {"a": 1}], strict=False))), name="in.json")
    assert [p.image_id for p in refused.record.problems] == IDS[1:3]
    null = repaired(tmp_path, json.dumps(dict(zip(IDS, ["x", "y", None], strict=False))), name="in.json")
    assert [(p.code, p.image_id) for p in null.record.problems] == [("id-missing", IDS[2])]
    twice = repaired(tmp_path, f'{{"{IDS[0]}": "x", "{IDS[1]}": "y", "{IDS[0]}": "z"}}', name="in.json", ids=IDS[:2])
    assert [p.code for p in twice.record.problems] == ["id-duplicate"]


NEEDS_A_DECISION = {
    "empty-file",
    "header-only",
    "missing",
    "unknown",
    "huge-field",
    "name",
    "latin1",
    "third",
    "id-only",
    "two",
    "101",
}
"""Kinds of golden files whose repair would be an invention in some of them."""


def test_every_golden_file(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    mended = 0
    for n, row in enumerate(rows):
        folder = tmp_path / str(n)
        folder.mkdir()
        found = repaired(folder, base64.b64decode(row["submission_base64"]), Task(row["task"]), ids=row["ids"])
        assert found.done or row["kind"] in NEEDS_A_DECISION, (row["kind"], found.record.problems[:3])
        if row["kind"] in {"ok", "all-empty"}:
            assert set(found.record.counts) <= {"layout"}
        mended += found.done and not row["accepted"]
    assert mended == 176


def test_nothing_is_overwritten_or_left_half_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "submission.csv").write_text("mine", encoding="utf-8")
    path = tmp_path / "in.csv"
    path.write_text(captions(f"{IDS[0]},x"), encoding="utf-8")
    edition = load_edition(2026, Task.CAPTIONS)
    with pytest.raises(InputError, match="--force"):
        repair_file(path, edition=edition, ids=IDS[:1], out=out)
    assert [path.name for path in out.iterdir()] == ["submission.csv"]
    assert not repair_file(path, edition=edition, ids=IDS, out=out, options=Options(force=True)).done
    assert (out / "submission.csv").read_text(encoding="utf-8") == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", "out"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file: give --out a folder"):
        repair_file(path, edition=edition, ids=IDS, out=tmp_path / "file")


def test_force_never_replaces_what_is_read(tmp_path: Path) -> None:
    out, edition = tmp_path / "out", load_edition(2026, Task.CAPTIONS)
    out.mkdir()
    (out / "submission.csv").write_text(captions(f"{IDS[0]},  x"), encoding="utf-8")
    for path in (out, out / "submission.csv"):
        with pytest.raises(InputError, match="would be replaced by what is made of it"):
            repair_file(path, edition=edition, ids=IDS[:1], out=out, options=Options(force=True))
    assert (out / "submission.csv").read_text(encoding="utf-8") == captions(f"{IDS[0]},  x")
    assert [file.name for file in out.iterdir()] == ["submission.csv"]


def test_a_replacement_that_stops_half_way_leaves_the_old_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out, edition = tmp_path / "in.csv", tmp_path / "out", load_edition(2026, Task.CAPTIONS)
    path.write_text(captions(f"{IDS[0]},old"), encoding="utf-8")
    repair_file(path, edition=edition, ids=IDS[:1], out=out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    path.write_text(captions(f"{IDS[0]},new"), encoding="utf-8")
    replace = Path.replace

    def moving(source: Path, target: Path) -> Path:
        if target == out / "submission.zip" and source.parent.name != "old":
            raise PermissionError(13, "Permission denied", str(target))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", moving)
        with pytest.raises(InputError, match=r"submission\.zip: Permission denied: nothing was replaced"):
            repair_file(path, edition=edition, ids=IDS[:1], out=out, options=Options(force=True))
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    repair_file(path, edition=edition, ids=IDS[:1], out=out, options=Options(force=True))
    assert (out / "submission.csv").read_text(encoding="utf-8") == captions(f"{IDS[0]},new")
    assert sorted(file.name for file in out.iterdir()) == sorted(before)


@pytest.mark.parametrize("ids", [IDS[:3], ["7", "8", "9"]])
def test_cocos_annotations(ids: list[str], tmp_path: Path) -> None:
    """Whose images are numbers with file names, or bear the ids of the list themselves."""
    document = {
        "images": [{"id": 7 + n, "file_name": f"test/{image_id}.jpg"} for n, image_id in enumerate(ids)],
        "annotations": [{"id": 2 - n, "image_id": 7 + n, "caption": text} for n, text in enumerate("xyz")],
    }
    found = repaired(tmp_path, json.dumps(document), ids=ids, name="coco.json")
    assert values(found) == ["x", "y", "z"]
    assert "form" in found.record.counts
    document["annotations"].append({"id": 9, "image_id": 7, "caption": "another"})
    twice = repaired(tmp_path, json.dumps(document), ids=ids, name="coco.json")
    assert [problem.code for problem in twice.record.problems] == ["id-duplicate"]
    del document["annotations"][:1]
    del document["annotations"][-1:]
    less = repaired(tmp_path, json.dumps(document), ids=ids, name="coco.json")
    assert [(problem.code, problem.image_id) for problem in less.record.problems] == [("id-missing", ids[0])]


def test_the_gold_report_of_a_rexrank_file_is_never_the_answer(tmp_path: Path) -> None:
    study = {"findings": "Gold.", "impression": "Gold.", "model_prediction": "Findings:Ours.Impression:Ours too."}
    found = repaired(tmp_path, json.dumps(dict.fromkeys(IDS[:3], study)), Task.REPORTS, name="prediction.json")
    assert values(found) == [Report("Ours.", "Ours too.")] * 3


def test_spoilt_characters_are_mended_as_ftfy_alone_would(tmp_path: Path) -> None:
    import ftfy

    config = ftfy.TextFixerConfig(replace_lossy_sequences=False, fix_c1_controls=False)
    sound = ["a lesion of the left kidney, 3 × 4 cm – “arrow”, patient’s µ", "lesão à direita, 38 °C", "naïve (Ñ) ²"]
    filling = " which is shown by the arrow in the lower lobe of the right lung "
    for text in [*sound, *(filling.join(sound[:n]) for n in (2, 3))]:
        for bad in (text, text.encode().decode("cp1252", "replace"), text.encode().decode("latin-1"), f"{text} Ã©."):
            for whole in (bad, filling + bad + filling, f"{filling}\0{bad}"):
                assert redecoded(whole) == ftfy.fix_encoding(whole, config)
    assert redecoded("x" * 50 + "Ã—" + "y" * 50) == "x" * 50 + "×" + "y" * 50


PIECES = [
    "",
    '"',
    "\n",
    "\r\n",
    ",",
    ";",
    "|",
    "\t",
    "\0",
    " ",
    "\u2028",
    "Ã©",
    "é",
    "ID,CUIs\n",
    IDS[1],
    ".jpg",
    "[",
    "{",
    "c1",
    "\ufeff",
]


@given(data=st.data(), task=st.sampled_from(Task), year=st.sampled_from([2022, 2023, 2025, 2026]))
@settings(max_examples=250, deadline=None)
def test_any_file_is_mended_for_good_or_refused_in_words(data: st.DataObject, task: Task, year: int) -> None:
    edition = load_edition(year, task)
    answer = {Task.CONCEPTS: "C0040405;C0032285", Task.CAPTIONS: '"a ""quoted"", word"', Task.REPORTS: '"a, b",c'}[task]
    rows = [",".join(edition.columns), *(f"{image_id},{answer}" for image_id in IDS[:3])]
    content = "\n".join(rows).encode()
    for _ in range(data.draw(st.integers(0, 5))):
        at, cut = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 6))
        piece = data.draw(st.one_of(st.sampled_from(PIECES).map(str.encode), st.binary(max_size=3)))
        content = content[:at] + piece + content[at + cut :]
    options: dict[str, Any] = {
        "fill": data.draw(st.sampled_from([None, "empty"])),
        "keep": data.draw(st.sampled_from([None, "last"])),
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = repaired(Path(folder), content, task, year=year, **options)
        except InputError as error:
            assert str(error)
            return
        json.dumps(found.to_json())
        if found.done and content.decode("utf-8", "replace") != (found.out / "submission.csv").read_text(
            encoding="utf-8"
        ):
            assert found.record.changes


texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\"',|;\t\n\x85Ã©â€“ ")), max_size=30
)


@given(answers=st.lists(texts, min_size=3, max_size=3), year=st.sampled_from([2018, 2022, 2023, 2026]))
@settings(max_examples=200, deadline=None)
def test_json_texts_are_mended_for_good_in_every_year(answers: list[str], year: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = json.dumps(dict(zip(IDS, answers, strict=False)))
        found = repaired(Path(folder), content, year=year, name="in.json")
        told = {change.image_id for change in found.record.changes}
        for image_id, before, after in zip(IDS, answers, values(found), strict=False):
            assert before == after or image_id in told


leaves = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=4), st.sampled_from([*IDS[:2], "C0000001", "ok", "\ud800"])
)
keys = st.sampled_from(
    [*IDS[:2], "id", "image_id", "caption", "cuis", "value", "status", "findings", "impression", "x"]
)
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=14,
)


@given(document=documents, task=st.sampled_from(Task), name=st.sampled_from(["in.json", "in.jsonl", "in.csv"]))
@settings(max_examples=200, deadline=None)
def test_any_json_is_mended_for_good_or_refused_in_words(document: Any, task: Task, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(InputError):
        repaired(Path(folder), json.dumps(document), task, ids=IDS[:2], name=name, fill="empty", keep="first")
