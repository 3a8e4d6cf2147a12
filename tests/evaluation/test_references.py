"""References: files of every year with and without a header, what is refused, groups, images and names."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.inputs.references import References, references_of_files
from evaluation.inputs.runs import references_of_run
from tasks.concepts import Vocabulary
from tasks.datasets.groups import groups_of_file
from tasks.editions import load_edition
from tasks.mojibake import mojibake
from tasks.nouns import InputError, Report, Task

ROCO = Path(__file__).parents[2] / ".." / "shared" / "data" / "roco"
IDS = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(60)]
NO_HEADER = (2018, 2019, 2020, 2021, 2022, 2023, 2024)
CAPTION_YEARS = (2018, 2021, 2022, 2023, 2024)


def save(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, task: Task, year: int | None = None, **options: Any) -> References:
    edition = load_edition(year, task) if year else None
    return references_of_files(path, secondary=options.pop("secondary", None), task=task, edition=edition)


@pytest.mark.parametrize("mark", ["\t", "|", ","])
@pytest.mark.parametrize("year", NO_HEADER)
def test_concepts_without_a_header(year: int, mark: str, tmp_path: Path) -> None:
    content = f"ROCO_CLEF_1\nROCO_CLEF_2{mark}C0000726;C0040405 \nROCO_CLEF_3{mark}\nROCO_CLEF_4{mark}c0040405;\n"
    gold = read(save(tmp_path / "truth.txt", content), Task.CONCEPTS, year)
    assert gold.values == {
        "ROCO_CLEF_1": ("",),
        "ROCO_CLEF_2": ("C0000726", "C0040405"),
        "ROCO_CLEF_3": ("",),
        "ROCO_CLEF_4": ("c0040405", ""),
    }
    assert gold.ids == tuple(gold.values)


@pytest.mark.parametrize("year", CAPTION_YEARS)
def test_captions_without_a_header(year: int, tmp_path: Path) -> None:
    """The first mark of the file separates, whatever stands in the captions; quotes are text but for commas."""
    for mark, written, meant in (
        ("\t", '"Chest" x-ray, a | b', '"Chest" x-ray, a | b'),
        ("|", '"Chest x-ray,\tb', '"Chest x-ray,\tb'),
        (",", '"Chest ""x-ray"", a | b"', 'Chest "x-ray", a | b'),
    ):
        path = save(tmp_path / "truth.csv", f"synpic1{mark}{written}\r\nsynpic2{mark}NaN\r\n")
        assert read(path, Task.CAPTIONS, year).values == {"synpic1": meant, "synpic2": "NaN"}


@pytest.mark.parametrize("year", [*NO_HEADER, 2025, 2026])
@pytest.mark.parametrize("header", ["ID,CUIs", "ID\tcuis", "ImageCLEFmedical 2025 ID,Cuis", "\ufeffID|CUIs", "CUIs,ID"])
def test_a_header_is_a_header_in_any_year(year: int, header: str, tmp_path: Path) -> None:
    mark = next(mark for mark in ",\t|" if mark in header)
    row = ["a", "C0040405;C0000726"]
    content = f"{header}\n{mark.join(reversed(row) if header.startswith('CUIs') else row)}\n"
    assert read(save(tmp_path / "t.csv", content), Task.CONCEPTS, year).values == {"a": ("C0040405", "C0000726")}


def test_the_header_of_2023_with_crlf(tmp_path: Path) -> None:
    path = save(tmp_path / "t.csv", "ID\tcaption\r\nImageCLEFmedical_Caption_2023_valid_000001\tCT, axial\r\n")
    assert read(path, Task.CAPTIONS, 2023).values == {"ImageCLEFmedical_Caption_2023_valid_000001": "CT, axial"}


def test_manual_concepts_may_lack_a_header_too(tmp_path: Path) -> None:
    first = save(tmp_path / "a", "ROCO_1\tC0000726\n")
    gold = read(first, Task.CONCEPTS, 2020, secondary=save(tmp_path / "b", "ROCO_1\tC0040405\n"))
    assert gold.secondary == {"ROCO_1": ("C0040405",)}
    with pytest.raises(InputError, match="concept detection only"):
        read(first, Task.CAPTIONS, 2018, secondary=first)


def test_images_without_manual_concepts_are_said(tmp_path: Path) -> None:
    rows = dict.fromkeys(IDS, "C0040405")
    path = table(tmp_path / "a.csv", "ID,CUIs", rows)
    manual = table(tmp_path / "b.csv", "ID,CUIs", {i: rows[i] for i in IDS[2:]})
    [said] = read(path, Task.CONCEPTS, secondary=manual).warnings
    assert said.startswith(f"2 of 60 images have no row of manual concepts, the first is {IDS[0]}")
    assert read(path, Task.CONCEPTS, secondary=path).warnings == ()


@pytest.mark.parametrize(
    ("content", "year", "said"),
    [
        ("a,C0040405\n", 2026, r":1: no id column in the header a, C0040405: begin the file with ID,CUIs; .*--edition"),
        ("a,C0040405\n", None, r":1: no id column"),
        ("image\tC0040405\n", 2020, r":1: no id column in the header 'image\\tC0040405'"),
        ("ID,CUIs\na\tC0040405\n", 2026, r":2: one field, 'a\\tC0040405', where the header has 2: put ','"),
        ("ID,CUIs\na|C0040405\n", 2020, r":2: one field"),
        ("ID;CUIs\na;C0040405;C0000726\n", 2026, ":2: 3 fields where the header has 2: put double quotes"),
        ("a\tC0040405\nb\tC1\tC2\n", 2020, r":2: 3 fields where the header has 2: take the '\\t' out"),
        ("a C0040405\nb C1\n", 2020, ":1: no tab, | or comma after the ids"),
        ("ID,Caption\na,C1\n", 2026, "no column 'cuis' in the header ID, Caption"),
        ("ID,CUIs\na,C1\na,C2\n", 2026, ":3: duplicate id: 'a' stands on line 2 already"),
        ("a\tC1\na\tC2\na\tC3\n", 2020, r":2: duplicate id: 'a' stands on line 1 already \(1 more"),
        ("ID,CUIs\n", 2026, "a header and no rows"),
        ("", 2020, "no header"),
        (" \n\n", 2026, "no header"),
        ("ID,CUIs\na,\nb,\n", 2026, "none of the 2 references is filled in: this is a list of ids"),
        ("a\t\nb\n", 2020, "none of the 2 references is filled in"),
        ("ID,CUIs\na,\nb,pneumonia\n", 2026, "no row has a CUI, b has 'pneumonia'"),
        ("a\tChest x-ray\n", 2020, "no row has a CUI, a has 'Chest x-ray'"),
        ('ID,CUIs\na,"C1\n', 2026, "unexpected end of data"),
        ("\0ID\0,CUIs\n", 2026, ":1: NUL characters"),
        (b"ID,CUIs\na,C1\nb,caf\xe9\n", 2026, r":3: not UTF-8 \(byte 18\): save the file as UTF-8"),
        (b"PK\x03\x04" + b"\0" * 50, 2026, "is not a table but a zip"),
        (b"\xff\xd8\xff\xe0" + bytes(range(200)), 2026, "is not a table but an image"),
        (b"\x89PNG\r\n\x1a\n", 2020, "is not a table but an image"),
        ("\ufeffID,CUIs\na,C1\n".encode("utf-16-le"), 2026, "is not a table but UTF-16 text"),
    ],
)
def test_what_is_no_reference_is_refused(content: str | bytes, year: int | None, said: str, tmp_path: Path) -> None:
    path = save(tmp_path / "gold.csv", content)
    with pytest.raises(InputError, match=said) as caught:
        read(path, Task.CONCEPTS, year)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ID,Caption\na,\nb, \n", "none of the 2 references is filled in"),
        ("ID,Caption\na,C0040405;C0000726\nb,C1;\nc,\n", "every caption is a list of CUIs"),
        ("ID,CUIs\na,C1\n", "no column 'caption'"),
        ("ID,Caption\na,CT of the\nchest\n", r":3: 1 field where the header has 2: take line breaks out"),
        ("ID,Caption\na,CT of the\rchest\n", r":3: 1 field "),
    ],
)
def test_what_is_no_caption_is_refused(content: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read(save(tmp_path / "gold.csv", content), Task.CAPTIONS, 2026)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder: give the table in it"):
        read(tmp_path, Task.CONCEPTS, 2026)
    with pytest.raises(InputError, match=r"gone\.csv cannot be read: No such file"):
        read(tmp_path / "gone.csv", Task.CONCEPTS, 2026)


def test_reports_need_their_header(tmp_path: Path) -> None:
    path = save(tmp_path / "r.csv", "ID,Findings,Impression\na,Clear.,\nb,,\n")
    gold = read(path, Task.REPORTS, 2026)
    assert gold.values == {"a": Report("Clear.", ""), "b": Report("", "")}
    assert gold.warnings == ("1 of 2 references are empty, the first is b: none is left out",)
    with pytest.raises(InputError, match="begin the file with ID,Findings,Impression"):
        read(save(path, "a,Clear.,Normal.\n"), Task.REPORTS, 2020)


def test_words_that_look_like_missing_values_are_words(tmp_path: Path) -> None:
    words = ["nan", "NaN", "NA", "null", "None", "inf", "-inf", "#N/A", "1e999", ""]
    rows = [f"{n},{word}\n" for n, word in enumerate(words)]
    gold = read(save(tmp_path / "c.csv", "ID,Caption\n" + "".join(rows)), Task.CAPTIONS, 2026)
    assert list(gold.values.values()) == words
    assert gold.warnings == ("1 of 10 references are empty, the first is 9: none is left out",)


def table(path: Path, header: str, rows: dict[str, str]) -> Path:
    return save(path, f"{header}\n" + "".join(f"{i},{rest}\n" for i, rest in rows.items()))


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        *[(title, "patient") for title in ("patient", "Patient ID", "subject_id")],
        *[(title, "article") for title in ("PMCID", "article", "pmc_id", "DOI")],
        ("group", "group"),
    ],
)
def test_a_group_column_of_the_references(title: str, kind: str, tmp_path: Path) -> None:
    rows = {i: f"C0040405,{'' if n == 0 else f'P{n // 2}'}" for n, i in enumerate(IDS)}
    gold = read(table(tmp_path / "c.csv", f"ID,CUIs,{title}", rows), Task.CONCEPTS)
    assert gold.groups == {i: f"P{n // 2}" for n, i in enumerate(IDS) if n}
    [said] = gold.warnings
    assert said.startswith(f"the intervals are drawn by {kind} (column '{title}'): 30 groups, and 1 images without one")
    assert "few" in said  # 31 groups


@pytest.mark.parametrize("title", ["study_id", "source", "licence", "patients", "image"])
def test_a_study_is_no_group(title: str, tmp_path: Path) -> None:
    gold = read(table(tmp_path / "c.csv", f"ID,CUIs,{title}", dict.fromkeys(IDS, "C1,x")), Task.CONCEPTS)
    assert gold.groups == {}
    assert gold.warnings == ()


def test_the_article_goes_before_the_patient(tmp_path: Path) -> None:
    rows = {i: f"C1,p{n},a{n // 2}" for n, i in enumerate(IDS)}
    assert read(table(tmp_path / "c.csv", "ID,CUIs,patient,pmcid", rows), Task.CONCEPTS).grouped_by == "pmcid"


def test_groups_are_counted_among_the_split_that_is_scored(tmp_path: Path) -> None:
    train = {i.replace("valid", "train"): f"C1,t{n}" for n, i in enumerate(IDS)}
    valid = {i: f"C1,v{n // 2}" for n, i in enumerate(IDS)}
    gold = read(table(tmp_path / "c.csv", "ID,CUIs,patient", {**train, **valid}), Task.CONCEPTS)
    assert gold.warnings == ("the intervals are drawn by patient (column 'patient'): 90 groups",)
    first, second = gold.of_splits(IDS).warnings
    assert first == "scored against the 60 references of valid; the file holds 120"
    assert second.startswith("the intervals are drawn by patient (column 'patient'): 30 groups; fewer than 50")


def test_a_split_without_references_is_refused(tmp_path: Path) -> None:
    rows = {**{i.replace("valid", "train"): "C1" for i in IDS}, **dict.fromkeys(IDS, "")}
    gold = read(table(tmp_path / "c.csv", "ID,CUIs", rows), Task.CONCEPTS)
    with pytest.raises(InputError, match="none of the 60 references of valid is filled in"):
        gold.of_splits(IDS)


def gold_of(values: list[str]) -> References:
    return References(dict.fromkeys(values, ("C1",)), tuple(values))


def test_groups_of_a_file(tmp_path: Path) -> None:
    path = table(
        tmp_path / "attribution.csv", "ID,source,pmcid,licence", {i: f"s,PMC{n // 3},x" for n, i in enumerate(IDS)}
    )
    gold = gold_of(IDS).equipped(groups=str(path))
    assert [gold.groups[i] for i in IDS[:4]] == ["PMC0", "PMC0", "PMC0", "PMC1"]
    assert "drawn by article (column 'pmcid'): 20 groups" in gold.warnings[0]
    named = gold.equipped(groups=f"{path}:Source")
    assert set(named.groups.values()) == {"s"}
    assert len(named.warnings) == 1 and "drawn by source (column 'source'): 1 groups" in named.warnings[0]
    two = table(tmp_path / "two:columns.csv", "ID,reader", dict.fromkeys(IDS, "r"))
    assert groups_of_file(str(two)).title == "reader"
    assert groups_of_file(f"{two}:reader").title == "reader"


@pytest.mark.parametrize(
    ("header", "column", "said"),
    [
        ("ID,source,licence", "", ":1: no group columns among source, licence: name the right one, --groups .*:COLUMN"),
        ("ID,patient,pmcid", "", ":1: several group columns among patient, pmcid"),
        ("ID,source,pmcid", ":reader", ":1: no column 'reader' among source, pmcid"),
        ("ID,source,pmcid", ":ID", ":1: no column 'ID'"),
        ("name,patient,x", "", ":1: no id column"),
        ("ID,patient,x", ":x", "the column 'x' is empty"),
    ],
)
def test_unusable_groups(header: str, column: str, said: str, tmp_path: Path) -> None:
    path = table(tmp_path / "g.csv", header, dict.fromkeys(IDS, "p,"))
    with pytest.raises(InputError, match=said):
        gold_of(IDS).equipped(groups=f"{path}{column}")


def test_an_image_without_a_group_in_the_file_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "g.csv", "ID,patient", {i: "" if i == IDS[7] else "p" for i in IDS[:9]})
    with pytest.raises(InputError, match=f"names no group for 52 of the references, the first is {IDS[7]}"):
        gold_of(IDS).equipped(groups=str(path))


def test_images_of_a_folder(tmp_path: Path) -> None:
    for i in IDS[:3]:
        (tmp_path / f"{i}.png").touch()
    gold = gold_of(IDS[:3]).equipped(images=tmp_path)
    assert gold.images == {i: tmp_path / f"{i}.png" for i in IDS[:3]}
    with pytest.raises(InputError, match=f"holds no image for 57 of the references, the first is {IDS[3]}"):
        gold_of(IDS).equipped(images=tmp_path)
    with pytest.raises(InputError, match="holds no images"):
        gold_of(IDS).equipped(images=tmp_path / "gone")


def test_names_are_read_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "names.csv", "CUI,Name\nC0032285,Pneumonia\n")
    gold = gold_of(IDS).equipped(vocabulary=path)
    assert gold.vocabulary.find("CT of a pneumonia") == ("C0040405", "C0032285")
    assert gold.vocabulary is gold.vocabulary
    assert gold_of(IDS).vocabulary.find("CT of a pneumonia") == ("C0040405",)
    with pytest.raises(InputError, match="does not exist"):
        gold_of(IDS).equipped(vocabulary=tmp_path / "gone.csv")

    def never(*_: object) -> Vocabulary:
        raise AssertionError("read too early")

    monkeypatch.setattr(Vocabulary, "load", never)
    gold_of(IDS).equipped(vocabulary=path).of_splits(IDS)


def make_run(folder: Path, data: Path, task: Task, answered: list[str]) -> Path:
    folder.mkdir()
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["image_id", "prediction"], *([i, "x"] for i in answered)])
    record = {"task": task.value, "edition": 2026, "data": {"path": str(data), "split": "valid"}, "finished": "yes"}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    for i in IDS:
        (root / "images" / f"{i}.jpg").touch()
    table(root / "concepts.csv", "ID,CUIs", {i: "C0040405" if n else "" for n, i in enumerate(IDS)})
    table(root / "cui_mapping.csv", "CUI,Canonical name", {"C0032285": "Pneumonia"})
    return root


def test_a_run_brings_images_names_and_groups(data: Path, tmp_path: Path) -> None:
    table(data / "attribution.csv", "ID,source,pmcid", {i: f"s,PMC{n // 2}" for n, i in enumerate(IDS) if n})
    gold = references_of_run(make_run(tmp_path / "run", data, Task.CONCEPTS, IDS))
    assert gold is not None
    assert gold.values[IDS[0]] == ("",)  # an empty cell, as the evaluator has it
    assert gold.images[IDS[5]] == data / "images" / f"{IDS[5]}.jpg"
    assert gold.vocabulary.cuis >= {"C0032285", "C0040405"}
    assert (gold.grouped_by, gold.groups[IDS[3]]) == ("pmcid", "PMC1")
    assert any("drawn by article (column 'pmcid'): 30 groups, and 1 images" in said for said in gold.warnings)
    other = gold.equipped(groups=str(table(tmp_path / "g.csv", "ID,patient", {i: i[-1] for i in IDS})))
    [said] = other.warnings
    assert said.startswith("the intervals are drawn by patient")


def test_a_faulty_file_of_articles_does_not_stop_a_run(data: Path, tmp_path: Path) -> None:
    save(data / "license_information.csv", "ID,PMCID\na,P\na,P\n")
    gold = references_of_run(make_run(tmp_path / "run", data, Task.CONCEPTS, IDS))
    assert gold is not None and gold.groups == {}
    assert any("taken as independent" in said and "duplicate id" in said for said in gold.warnings)


def test_the_context_of_reports_names_the_patient(tmp_path: Path) -> None:
    root = tmp_path / "reports"
    root.mkdir()
    table(root / "reports.csv", "ID,Findings,Impression", dict.fromkeys(IDS, "Clear.,Normal."))
    table(root / "context.csv", "ID,age,subject_id", {i: f"50,S{n // 2}" for n, i in enumerate(IDS)})
    gold = references_of_run(make_run(tmp_path / "run", root, Task.REPORTS, IDS))
    assert gold is not None
    assert (gold.grouped_by, gold.groups[IDS[3]]) == ("subject_id", "S1")


def test_wrongly_decoded_texts_are_found() -> None:
    clean = ["lobe", "3 × 4 cm ± 1", "“quoted” – dash", "tórax, señal ¿cómo?", "20 °C, ½, µm", "Ångström ÉÑ»", "ê, ü°"]
    assert [mojibake({"a": text}) for text in clean] == [""] * len(clean)
    for text in ("3 × 4", "tórax", "a – b", "“q”", "≥ 2", "µm", "日本"):
        for encoding in ("latin-1", "cp1252"):
            try:
                spoilt = text.encode().decode(encoding)
            except UnicodeDecodeError:
                continue
            assert mojibake({"a": "x", "b": spoilt}).startswith("1 text looks wrongly decoded"), (text, encoding)
    assert mojibake({"a": "Ã©", "b": "é", "c": "Ã—"}) == "2 texts look wrongly decoded ('Ã©' for 'é'), the first is a"


def test_wrongly_decoded_references_are_said(tmp_path: Path) -> None:
    gold = read(save(tmp_path / "c.csv", "ID,Caption\na,b\nc,tÃ³rax\n"), Task.CAPTIONS)
    assert gold.values["c"] == "tÃ³rax"
    assert gold.warnings == ("references: 1 text looks wrongly decoded ('Ã³' for 'ó'), the first is c",)


def test_roco_by_article() -> None:
    if not ROCO.is_dir():
        pytest.skip(f"{ROCO} is not here")
    gold = read(ROCO / "concepts.csv", Task.CONCEPTS, 2026)
    valid = gold.of_splits(["ImageCLEFmedical_Caption_2026_valid_0"]).equipped(groups=str(ROCO / "attribution.csv"))
    assert len(valid.ids) == 400
    assert set(valid.groups) >= set(valid.ids)
    assert any("drawn by article" in said for said in valid.warnings)
