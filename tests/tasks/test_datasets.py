"""Every layout of tables and folders is read: the right splits, order, references; bad input is named."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.datasets import open_dataset
from tasks.datasets.commands import sample as sample_command
from tasks.datasets.folder import ImageFolder
from tasks.datasets.table import read_table
from tasks.images import ImageError, open_image
from tasks.nouns import Example, InputError, Report, Task

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def images(folder: Path, *names: str) -> None:
    for name in names:
        write(folder / name, "x")


def ids(examples: list[Example]) -> list[str]:
    return [example.image_id for example in examples]


def name(split: str, number: int, *, year: int = 2026) -> str:
    return f"ImageCLEFmedical_Caption_{year}_{split}_{number}"


def release_2026(root: Path) -> Path:
    """Train 0, 1 and valid 0 for concepts and captions; test 0, 1, 2, 10."""
    train, second, valid = name("train", 0), name("train", 1), name("valid", 0)
    write(root / "dev_concept/concepts.csv", f"ID,CUIs\n{train},C1;C2\n{second},\n{valid},C3;nan;C3\n")
    write(root / "dev_concept/cui_mapping.csv", 'CUI,Canonical name\nC1,"Pneumonia, Bacterial"\n')
    write(root / "dev_caption/captions.csv", f'ID,Caption\n{train},"A, b"\n{second}, c\n{valid},d\n')
    for folder in ("dev_concept", "dev_caption"):
        images(root / folder / "images", f"{train}.jpg", f"{second}.JPG", f"{valid}.png")
    images(root / "test/images", *(f"{name('test', n)}.jpg" for n in (0, 1, 2, 10)))
    return root


def test_2026_release(tmp_path: Path) -> None:
    data = open_dataset(release_2026(tmp_path))
    assert data.layout == "ImageCLEF 2026"
    for task in (Task.CONCEPTS, Task.CAPTIONS):
        assert data.splits(task) == ("train", "valid", "test")
    assert data.splits(Task.REPORTS) == ()
    train = data.examples(Task.CONCEPTS, "train")
    assert [(e.split, e.reference) for e in train] == [("train", ("C1", "C2")), ("train", ())]
    assert [e.image for e in train] == [
        tmp_path / "dev_concept/images" / f"{name('train', 0)}.jpg",
        tmp_path / "dev_concept/images" / f"{name('train', 1)}.JPG",
    ]
    assert data.examples(Task.CONCEPTS, "valid")[0].reference == ("C3",)
    assert [e.reference for e in data.examples(Task.CAPTIONS, "train")] == ["A, b", " c"]
    test = data.examples(Task.CAPTIONS, "test")
    assert ids(test) == [name("test", n) for n in (0, 1, 2, 10)]
    assert {e.reference for e in test} == {None}
    assert data.vocabulary_files == (tmp_path / "dev_concept/cui_mapping.csv",)
    assert data.secondary("valid") == {}
    assert [p.name for p in data.label_files] == ["concepts.csv", "captions.csv"]


def test_2026_test_labels_reports_and_context(tmp_path: Path) -> None:
    root = release_2026(tmp_path)
    one, two = name("test", 1), name("test", 10)
    write(root / "test/ids.csv", f"ID,X\n{two},\n{one},\n{name('test', 0)},\n")
    write(root / "test/concepts.csv", f"ID,CUIs\n{two},C9\n{one},C8;C9\n")
    write(root / "test/concepts_manual.csv", f"ID,CUIs\n{two},C9\n{one},\n")
    write(root / "test/reports.csv", f'ID,Findings,Impression\n{one},"Clear, lungs.",Normal.\n')
    write(root / "test/labels.csv", f"ID,Edema,Fracture,Mass\n{one},1.0,-1,\n")
    write(root / "test/context.csv", f"ID,age,sex\n{one},71,\n")
    write(root / "dev_report/reports.csv", f"ID,Findings,Impression\n{name('train', 0)},a,b\n")
    data = open_dataset(root)
    assert [e.reference for e in data.examples(Task.CONCEPTS, "test")] == [("C9",), ("C8", "C9")]
    assert ids(data.examples(Task.CAPTIONS, "test")) == [two, one, name("test", 0)]  # as ids.csv has them
    assert data.secondary("test") == {two: ("C9",), one: ()}
    assert data.splits(Task.REPORTS) == ("train", "test")
    (example,) = data.examples(Task.REPORTS, "test")
    assert example.reference == Report("Clear, lungs.", "Normal.", {"Edema": 1, "Fracture": -1, "Mass": None})
    assert example.context == {"age": "71"}


def test_2026_synthetic_track_has_its_own_splits(tmp_path: Path) -> None:
    root = release_2026(tmp_path)
    synthetic = name("synth_valid", 0)
    write(root / "dev_caption_synth/captions.csv", f"ID,Caption\n{synthetic},s\n")
    images(root / "dev_caption_synth/images", f"{synthetic}.png")
    images(root / "test_synth/images", f"{name('synth_test', 3)}.png")
    data = open_dataset(root)
    assert data.splits(Task.CAPTIONS) == ("train", "valid", "test", "synth_valid", "synth_test")
    assert ids(data.examples(Task.CAPTIONS, "valid")) == [name("valid", 0)]
    assert ids(data.examples(Task.CAPTIONS, "synth_valid")) == [synthetic]
    alone = open_dataset(root / "dev_caption_synth")
    assert alone.splits(Task.CAPTIONS) == ("synth_valid",)


def test_a_release_of_which_only_the_test_images_are_there(tmp_path: Path) -> None:
    images(tmp_path / "test/images", f"{name('test', 2)}.jpg", f"{name('test', 10)}.jpg")
    assert ids(open_dataset(tmp_path).examples(Task.CAPTIONS, "test")) == [name("test", 2), name("test", 10)]


def test_a_folder_of_the_release_alone(tmp_path: Path) -> None:
    root = release_2026(tmp_path)
    concepts = open_dataset(root / "dev_concept")
    assert concepts.splits(Task.CONCEPTS) == ("train", "valid")
    assert concepts.splits(Task.CAPTIONS) == ()
    assert ids(open_dataset(root / "test").examples(Task.CAPTIONS, "test"))[-1] == name("test", 10)


def test_flat_folder_with_test_ids(tmp_path: Path) -> None:
    write(tmp_path / "captions.csv", f"ID,Caption\n{name('train', 0)},a\n{name('valid', 0)},b\n")
    write(tmp_path / "test_ids.csv", f"ID,Caption\n{name('test', 1)},\n{name('test', 0)},\n")
    images(tmp_path / "images", f"{name('test', 0)}.jpg")
    data = open_dataset(tmp_path)
    assert data.splits(Task.CAPTIONS) == ("train", "valid", "test")
    assert ids(data.examples(Task.CONCEPTS, "test")) == [name("test", 1), name("test", 0)]
    missing, there = data.examples(Task.CAPTIONS, "test")
    assert there.image.read_bytes() == b"x"
    with pytest.raises(FileNotFoundError, match=name("test", 1)):
        missing.image.read_bytes()
    with pytest.raises(ImageError, match="missing"):
        open_image(missing.image)


@pytest.mark.parametrize("header", ["ImageCLEFmedical 2025 ID,Cuis", "ID,CUIs", "\ufeffid,cuis", '"ID","CUIs"'])
def test_2025_layout_and_header_variants(tmp_path: Path, header: str) -> None:
    for split in ("train", "valid"):
        row = name(split, 5, year=2025)
        write(tmp_path / f"development_concept_detection/{split}_concepts.csv", f"{header}\r\n{row},C1\r\n")
        write(tmp_path / f"development_caption_prediction/{split}_captions.csv", f"ID,Caption\n{row},x\n")
        images(tmp_path / "images" / split, f"{row}.jpg")
    write(tmp_path / "cui_names.csv", "CUI,Name\nC1,a\n")
    images(tmp_path / "test", f"{name('test', 1, year=2025)}.jpg")
    data = open_dataset(tmp_path)
    assert data.splits(Task.CONCEPTS) == data.splits(Task.CAPTIONS) == ("train", "valid", "test")
    (example,) = data.examples(Task.CONCEPTS, "train")
    assert (example.reference, example.image.read_bytes()) == (("C1",), b"x")
    assert data.vocabulary_files == (tmp_path / "cui_names.csv",)


@pytest.mark.parametrize(("delimiter", "end"), [("\t", "\r\n"), (",", "\n")])
def test_2023_and_2024_label_files(tmp_path: Path, delimiter: str, end: str) -> None:
    start = "ImageCLEFmedical_Caption_2023"
    for split in ("train", "valid"):
        row = f"{start}_{split}_000001"
        for what, column, value in (
            ("caption_prediction", "caption", 'a "quoted' if delimiter == "\t" else '"a ""quoted"'),
            ("concept_detection", "cuis", "C1;C2"),
        ):
            text = f"ID{delimiter}{column}{end}{row}{delimiter}{value}{end}"
            write(tmp_path / f"{start}_{what}_{split}_labels.csv", text)
        images(tmp_path / split, f"{row}.jpg")
    data = open_dataset(tmp_path)
    assert data.splits(Task.CAPTIONS) == ("train", "valid")
    assert data.examples(Task.CAPTIONS, "valid")[0].reference == 'a "quoted'
    assert data.examples(Task.CONCEPTS, "train")[0].reference == ("C1", "C2")
    assert data.examples(Task.CONCEPTS, "train")[0].image.read_bytes() == b"x"


@pytest.mark.parametrize("folder", ["{0}", "{0}_images", "{0}_images/{0}", "images/{0}", "images"])
def test_rocov2_record(tmp_path: Path, folder: str) -> None:
    for split in ("train", "valid", "test"):
        row = f"ROCOv2_2023_{split}_000001"
        write(tmp_path / f"{split}_captions.csv", f"ID,Caption\n{row}, blank first\n")
        write(tmp_path / f"{split}_concepts.csv", f"ID,CUIs\n{row},C1;C2\n")
        write(tmp_path / f"{split}_concepts_manual.csv", f"ID,CUIs\n{row},\n")
        images(tmp_path / folder.format(split), f"{row}.jpg")
    write(tmp_path / "cui_mapping.csv", "CUI,Canonical name\n")
    data = open_dataset(tmp_path)
    assert data.splits(Task.CONCEPTS) == data.splits(Task.CAPTIONS) == ("train", "valid", "test")
    assert data.examples(Task.CONCEPTS, "test")[0].reference == ("C1", "C2")
    assert data.examples(Task.CAPTIONS, "val")[0].image.read_bytes() == b"x"
    assert data.secondary("validation") == {"ROCOv2_2023_valid_000001": ()}
    assert len(data.label_files) == 9


def test_2022_label_files_beside_their_table_of_names(tmp_path: Path) -> None:
    write(tmp_path / "concept_detection_train.csv", "ID\tcuis\nImageCLEF_1\tC0040405\n")
    names = write(tmp_path / "concepts.csv", "concept\tconcept_name\nC0040405\tX-Ray Computed Tomography\n")
    images(tmp_path / "train", "ImageCLEF_1.jpg")
    data = open_dataset(tmp_path)
    assert data.examples(Task.CONCEPTS, "train")[0].reference == ("C0040405",)
    assert data.vocabulary_files == (names,)


def test_an_archive_unpacked_into_a_folder_of_its_own_name(tmp_path: Path) -> None:
    write(tmp_path / "dev_concept/dev_concept/concepts.csv", f"ID,CUIs\n{name('train', 0)},C1\n")
    images(tmp_path / "dev_concept/dev_concept/images", f"{name('train', 0)}.jpg")
    assert open_dataset(tmp_path).examples(Task.CONCEPTS, "train")[0].image.read_bytes() == b"x"


def test_a_release_folder_without_data_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "dev_concept").mkdir()
    with pytest.raises(InputError, match="no data set that is known"):
        open_dataset(tmp_path)


def test_a_list_of_cuis_printed_as_text(tmp_path: Path) -> None:
    write(tmp_path / "concepts.csv", "ID,CUIs\na,\"['C0040405', 'C0817096']\"\nb,['nan']\n")
    found = [example.reference for example in open_dataset(tmp_path).examples(Task.CONCEPTS, "test")]
    assert found == [("C0040405", "C0817096"), ()]


def test_semicolons_between_columns(tmp_path: Path) -> None:
    write(tmp_path / "captions.csv", 'ID;Caption\na;"one; two"\nb;x, y\n')
    found = [example.reference for example in open_dataset(tmp_path).examples(Task.CAPTIONS, "test")]
    assert found == ["one; two", "x, y"]


def test_a_label_table_without_rows(tmp_path: Path) -> None:
    write(tmp_path / "captions.csv", "ID,Caption\n")
    images(tmp_path / "images", "a.jpg")
    with pytest.raises(InputError, match="a header and no rows"):
        open_dataset(tmp_path).examples(Task.CAPTIONS, "test")


def test_plain_folder_in_natural_order_for_every_task(tmp_path: Path) -> None:
    images(tmp_path, "a_10.png", "a_2.JPEG", "a_1.dcm", ".hidden.png", "notes.txt")
    data = open_dataset(tmp_path)
    for task in Task:
        assert data.splits(task) == ("test",)
        assert ids(data.examples(task, "test")) == ["a_1", "a_2", "a_10"]


def test_sample_is_made_in_data_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure_sample(root: Path) -> Path:
        images(root, "a.png")
        return root

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tasks.sample.ensure_sample", ensure_sample)
    assert ids(open_dataset("sample").examples(Task.CAPTIONS, "test")) == ["a"]
    assert (tmp_path / "data/sample/a.png").is_file()
    result = CliRunner().invoke(sample_command, ["--out", str(tmp_path / "other")])
    assert (result.exit_code, (tmp_path / "other/a.png").is_file()) == (0, True)


def test_one_id_with_several_files_takes_the_preferred_ending(tmp_path: Path) -> None:
    images(tmp_path, "a.tif", "a.png", "a.JPG")
    assert ImageFolder(tmp_path).image("a").name == "a.JPG"


def test_unknown_splits_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_dataset(tmp_path / "gone")
    with pytest.raises(InputError, match="is a file"):
        open_dataset(write(tmp_path / "file.csv", "x"))
    with pytest.raises(InputError, match="no data set"):
        open_dataset(tmp_path)
    data = open_dataset(release_2026(tmp_path / "r"))
    with pytest.raises(InputError, match=r"split 'dave' .* choose one of: train, valid, test"):
        data.examples(Task.CAPTIONS, "dave")
    with pytest.raises(InputError, match="no data for report_generation"):
        data.examples(Task.REPORTS, "test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID,CUIs\na,C1\nb,C1\n\na,C2\n", r"concepts\.csv:5: duplicate id: 'a' stands on line 2"),
        ("ID,CUIs\n../x,C1\n", r":2: image id '\.\./x' could lead out"),
        ("ID,CUIs\nb,C1\n/etc/passwd,C1\n", ":3: .*could lead out"),
        ("ID,CUIs\na\\b,C1\n", ":2: .*could lead out"),
        ("ID,CUIs\na\0b,C1\n", ":2: .*could lead out"),
        ("ID,CUIs\n..,C1\n", ":2: .*could lead out"),
        ("ID,CUIs\n ,C1\n", ":2: an empty image id"),
        ('ID,CUIs\n"a\nb",C1\n', ":2: .*control characters"),
        ("ID,CUIs\na,C1,C2\n", ":2: 3 fields where the header has 2"),
        ('ID,CUIs\na,C1\nb,"C1\n', ":3: unexpected end"),
        ('ID,CUIs\na,"C1" x\n', ":2: .*double quotes"),
        ("name,CUIs\na,C1\n", ":1: no id column in the header name, CUIs"),
        ("ID,Value\na,C1\n", ":1: no column 'cuis' in the header ID, Value"),
        ("", ":1: no header"),
    ],
)
def test_faulty_tables_are_named_by_file_and_line(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path / "concepts.csv", text)
    with pytest.raises(InputError, match=expected):
        open_dataset(tmp_path).examples(Task.CONCEPTS, "test")


def test_bytes_that_are_not_utf8_and_faulty_labels(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_bytes(b"ID,Caption\na,ok\nb,caf\xe9\n")
    with pytest.raises(InputError, match=r"captions\.csv:3: not UTF-8"):
        open_dataset(tmp_path).examples(Task.CAPTIONS, "test")
    write(tmp_path / "reports.csv", "ID,Findings,Impression\na,b,c\n")
    write(tmp_path / "labels.csv", "ID,Edema\na,maybe\n")
    with pytest.raises(InputError, match=r"labels\.csv: image 'a', label 'Edema': 'maybe'"):
        open_dataset(tmp_path).examples(Task.REPORTS, "test")


@pytest.mark.parametrize("field", ["2", "0.5", "-1.5", "1e400", "inf", "nan", "--1", "\u0661"])
def test_a_label_is_one_of_three(tmp_path: Path, field: str) -> None:
    write(tmp_path / "reports.csv", "ID,Findings,Impression\na,b,c\nd,e,f\n")
    write(tmp_path / "labels.csv", f"ID,Edema,Mass\na,-1.0,0\nd, ,{field}\n")
    with pytest.raises(InputError, match=r"image 'd', label 'Mass': .* is no label: use 1, 0, -1"):
        open_dataset(tmp_path).examples(Task.REPORTS, "test")
    write(tmp_path / "labels.csv", "ID,Edema,Mass\na,-1.0,0\nd, ,1.\n")
    known = [e.reference for e in open_dataset(tmp_path).examples(Task.REPORTS, "test")]
    assert known == [Report("b", "c", {"Edema": -1, "Mass": 0}), Report("e", "f", {"Edema": None, "Mass": 1})]


@pytest.mark.parametrize("name", ["labels", "context"])
def test_a_table_of_other_images_is_not_dropped_in_silence(tmp_path: Path, name: str) -> None:
    write(tmp_path / "reports.csv", "ID,Findings,Impression\na,b,c\nd,e,f\n")
    write(tmp_path / f"{name}.csv", "ID,Edema\na.jpg,1\nd.jpg,1\n")
    with pytest.raises(InputError, match=rf"{name}\.csv: none of its ids, such as 'a\.jpg', has a report"):
        open_dataset(tmp_path).examples(Task.REPORTS, "test")
    write(tmp_path / f"{name}.csv", "ID,Edema\na,1\nd.jpg,1\n")
    assert len(open_dataset(tmp_path).examples(Task.REPORTS, "test")) == 2


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_table_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text("ID,Caption\n" + text, encoding="utf-8", errors="replace", newline="")
    try:
        assert all(len(row) == 2 for row in read_table(path).rows.values())
    except InputError as error:
        assert "any.csv" in str(error)


def test_80_000_rows_open_quickly(tmp_path: Path) -> None:
    rows = [f"{name('train', n)},A caption of the usual length of some twenty words or so" for n in range(80_000)]
    write(tmp_path / "captions.csv", "ID,Caption\n" + "\n".join(rows))
    (tmp_path / "images").mkdir()
    for n in range(0, 80_000, 40):
        (tmp_path / "images" / f"{name('train', n)}.jpg").touch()
    start = time.process_time()
    examples = open_dataset(tmp_path).examples(Task.CAPTIONS, "train")
    assert len(examples) == 80_000
    assert time.process_time() - start < 3  # about 0.6 s on one core


def test_roco() -> None:
    root = SHARED / "roco"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    data = open_dataset(root)
    for task in (Task.CONCEPTS, Task.CAPTIONS):
        assert [len(data.examples(task, split)) for split in data.splits(task)] == [1600, 400, 626]
    assert all(open_image(e.image).mode == "RGB" for e in data.examples(Task.CAPTIONS, "valid")[:20])
    assert [path.name for path in data.vocabulary_files] == ["cui_mapping.csv"]


def test_iu_xray() -> None:
    root = SHARED / "iu_xray"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    data = open_dataset(root)
    assert [len(data.examples(Task.REPORTS, split)) for split in data.splits(Task.REPORTS)] == [161, 29, 20]
    assert all(open_image(e.image).size for e in data.examples(Task.REPORTS, "test"))
