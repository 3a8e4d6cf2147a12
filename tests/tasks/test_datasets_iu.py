"""IU X-ray as Kaggle and the Hugging Face hub have it: views, what is dropped, what is counted, faulty rows."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from tasks.datasets import DataSet, open_dataset
from tasks.datasets.audit import audit
from tasks.datasets.commands import check
from tasks.images import ImageError, open_image
from tasks.nouns import Example, InputError, Report, Task

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
HEADER = "uid,MeSH,Problems,image,indication,comparison,findings,impression"


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (80, 80), shade).save(file, "PNG")
    return file.getvalue()


def kaggle(root: Path, reports: list[str], projections: list[str], *, images: list[str] | None = None) -> Path:
    """The two tables, and the images that the second names, or those given."""
    (root / "indiana_reports.csv").write_text("\n".join([HEADER, *reports]), encoding="utf-8")
    (root / "indiana_projections.csv").write_text("\n".join(["uid,filename,projection", *projections]), "utf-8")
    folder = root / "images/images_normalized"
    folder.mkdir(parents=True)
    for n, name in enumerate(images if images is not None else [row.split(",")[1] for row in projections]):
        (folder / name).write_bytes(png(n))
    return root


def studies(data: DataSet) -> dict[str, Example]:
    return {e.image_id: e for split in data.splits(Task.REPORTS) for e in data.examples(Task.REPORTS, split)}


def names(example: Example) -> list[str]:
    return [Path(str(image)).name for image in example.images]


REPORTS = [
    '1,normal,normal,PA,"Cough, fever",None.,Clear XXXX.,No XXXX XXXX.',
    "2,x,x,PA,,,,Only this.",
    "3,x,x,PA,,,,",
    "4,x,x,Lateral,,,a,b",
    "5,x,x,PA,,,Findings only.,",
    "6,x,x,PA,,,XXXX,",
]
PROJECTIONS = [
    "1,1_a.dcm.png,Frontal",
    "1,1_b.dcm.png,Frontal",
    "1,1_c.dcm.png,Lateral",
    "2,2_a.dcm.png,Lateral",
    "2,2_b.dcm.png,Frontal",
    "3,3_a.dcm.png,Frontal",
    "4,4_a.dcm.png,Lateral",
    "5,5_a.dcm.png,frontal",
    "6,6_a.dcm.png,Frontal",
    "9,9_a.dcm.png,Frontal",
]


def test_kaggle_studies_views_and_context(tmp_path: Path) -> None:
    data = open_dataset(kaggle(tmp_path, REPORTS, PROJECTIONS))
    found = studies(data)
    assert sorted(found) == ["1", "2", "5", "6"]
    assert names(found["1"]) == ["1_a.dcm.png", "1_c.dcm.png", "1_b.dcm.png"]  # the lateral view before the second PA
    assert names(found["2"]) == ["2_b.dcm.png", "2_a.dcm.png"]
    assert names(found["5"]) == ["5_a.dcm.png"]
    assert found["1"].image == tmp_path / "images/images_normalized/1_a.dcm.png"
    assert found["1"].context == {"indication": "Cough, fever", "comparison": "None."}
    assert found["2"].reference == Report("", "Only this.")
    assert data.restricted == ""


def test_kaggle_notes_count_everything(tmp_path: Path) -> None:
    assert open_dataset(kaggle(tmp_path, REPORTS, PROJECTIONS)).notes == (
        "6 of the 3,851 reports and 10 of the 7,466 images that Kaggle has",
        "4 studies kept: 1 with findings and impression, 2 with findings only, 1 with impression only",
        "1 studies dropped: neither findings nor impression",
        "1 studies dropped: no frontal image",
        "2 studies have further views, 3 images",
        "masks of de-identification (XXXX): 4 in 2 of 4 reports, 40.0% of the words; a split called "
        "without-masks-train has none, and not the 1 reports that are nothing else",
        "1 studies of indiana_projections.csv, such as 9, have no report",
        "no official split: train, valid, test are 80:10:10 by the SHA-256 of the id",
    )


def test_kaggle_split_is_about_80_10_10_and_never_moves(tmp_path: Path) -> None:
    reports, views = [f"{n},,,,,,a,b" for n in range(3000)], [f"{n},{n}.png,Frontal" for n in range(3000)]
    data = open_dataset(kaggle(tmp_path, reports, views, images=[]))
    sizes = {split: len(data.examples(Task.REPORTS, split)) for split in data.splits(Task.REPORTS)}
    assert sizes == {"train": 2388, "valid": 297, "test": 315}


def test_missing_images_of_a_study_are_reported_and_stop_nothing(tmp_path: Path) -> None:
    """Its first image as well as a view, by `data check`; the others are read."""
    there = [row.split(",")[1] for row in PROJECTIONS if "1_c" not in row and "2_b" not in row]
    root = kaggle(tmp_path, REPORTS, PROJECTIONS, images=there)
    found = studies(open_dataset(root))
    assert sorted(found) == ["1", "2", "5", "6"]
    with pytest.raises(ImageError, match="missing"):
        open_image(found["1"].views[0])
    report = audit(open_dataset(root))
    assert report.images == 7
    missing = [problem for problem in report.problems if problem.code == "missing-image"]
    assert [problem.image_id for problem in missing] == ["1", "2"]
    assert "1_c.dcm" in missing[0].message
    result = CliRunner().invoke(check, [str(root)])
    assert result.exit_code == 1
    assert "4 studies kept" in result.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("7,7_a.png,Oblique", r"projections\.csv:12: projection 'Oblique' is neither Frontal nor Lateral"),
        ("7,,Frontal", r"projections\.csv:12: uid, filename and projection are needed"),
        ("7,2_b.dcm.png,Frontal", r"projections\.csv:12: '2_b\.dcm\.png' stands on line 6 already"),
        ("7,../7.png,Frontal", r"projections\.csv:12: image id '\.\./7\.png' could lead out"),
    ],
)
def test_faulty_projections(tmp_path: Path, row: str, expected: str) -> None:
    kaggle(tmp_path, REPORTS, [*PROJECTIONS, row], images=[])
    with pytest.raises(InputError, match=expected):
        open_dataset(tmp_path)


def test_columns_are_known_in_any_case_and_none_is_lost_in_silence(tmp_path: Path) -> None:
    kaggle(tmp_path, REPORTS, PROJECTIONS)
    before = studies(open_dataset(tmp_path))
    reports, projections = tmp_path / "indiana_reports.csv", tmp_path / "indiana_projections.csv"
    rows = reports.read_text(encoding="utf-8").partition("\n")[2]
    reports.write_text(f"{HEADER.upper()}\n{rows}", encoding="utf-8")
    assert studies(open_dataset(tmp_path)) == before
    for gone in ("findings", "impression"):
        reports.write_text(f"{HEADER.replace(gone, 'text')}\n{rows}", encoding="utf-8")
        with pytest.raises(InputError, match=rf"indiana_reports\.csv:1: no column '{gone}'"):
            open_dataset(tmp_path)
    projections.write_text("uid,filename,view\n1,a.png,Frontal\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"indiana_projections\.csv:1: no column 'projection'"):
        open_dataset(tmp_path)


def as_bytes(data: bytes | None) -> Any:
    return data


def as_struct(data: bytes | None) -> Any:
    return {"bytes": data, "path": None}


def as_text(data: bytes | None) -> Any:
    return base64.b64encode(data).decode() if data else ""


def open_i(form: Any, count: int = 30) -> dict[str, list[Any]]:
    """Rows as `ykumards/open-i` has them: every third without a lateral image, every tenth without a frontal one."""
    return {
        "uid": list(range(count)),
        "MeSH": ["secret"] * count,
        "Problems": ["secret"] * count,
        "image": ["Xray Chest PA and Lateral"] * count,
        "indication": ["pain", None] * (count // 2),
        "comparison": ["None."] * count,
        "findings": ["clear"] * (count - 1) + [None],
        "impression": ["normal XXXX"] * (count - 1) + [""],
        "img_frontal": [form(None if n % 10 == 0 else png(n)) for n in range(count)],
        "img_lateral": [form(None if n % 3 == 0 else png(100 + n)) for n in range(count)],
    }


def parquet(path: Path, columns: dict[str, list[Any]]) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=7)


def shade(source: Any) -> Any:
    return open_image(source).getpixel((0, 0))[0]  # type: ignore[index]


def test_open_i_with_missing_cells_as_pandas_writes_them(tmp_path: Path) -> None:
    columns = open_i(as_bytes, 2) | {"img_frontal": [png(1), png(2)], "findings": [float("nan")] * 2}
    parquet(tmp_path / "a.parquet", columns | {"indication": [float("nan")] * 2, "impression": ["x", "y"]})
    found = studies(open_dataset(tmp_path))
    assert [e.reference for e in found.values()] == [Report("", "x"), Report("", "y")]
    assert found["0"].context == {"comparison": "None."}
    parquet(tmp_path / "a.parquet", columns | {"uid": ["0", None]})
    with pytest.raises(InputError, match=r"a\.parquet, row 1: an empty image id"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("form", [as_bytes, as_struct, as_text])
def test_open_i(tmp_path: Path, form: Any) -> None:
    columns = open_i(form)
    for n in range(2):
        half = {name: cells[n * 15 : n * 15 + 15] for name, cells in columns.items()}
        parquet(tmp_path / f"data/train-0000{n}-of-00002-c80629f6.parquet", half)
    data = open_dataset(tmp_path)
    assert data.splits(Task.REPORTS) == ("train", "valid", "test")
    assert data.splits(Task.CAPTIONS) == ()
    found = studies(data)
    assert sorted(map(int, found)) == [n for n in range(29) if n % 10]  # 29 has no report
    for n in (1, 3, 14, 16, 28):
        assert shade(found[str(n)].image) == n
        assert [shade(view) for view in found[str(n)].views] == ([] if n % 3 == 0 else [100 + n])
    assert found["2"].reference == Report("clear", "normal XXXX")
    assert (found["2"].context, found["1"].context) == (
        {"indication": "pain", "comparison": "None."},
        {"comparison": "None."},
    )
    assert data.notes[:4] == (
        "26 studies kept: 26 with findings and impression, 0 with findings only, 0 with impression only",
        "1 studies dropped: neither findings nor impression",
        "3 studies dropped: no frontal image",
        "17 studies have further views, 17 images",
    )
    assert "26 in 26 of 26 reports" in data.notes[4]
    assert audit(data).images == 43


@pytest.mark.parametrize("form", [as_bytes, as_struct])
def test_open_i_saved_by_the_library(tmp_path: Path, form: Any) -> None:
    """As `save_to_disk` writes it: an arrow file."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table(open_i(form))
    with pa.ipc.new_stream(tmp_path / "data.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=4)
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}), encoding="utf-8")
    found = studies(open_dataset(tmp_path))
    assert len(found) == 26
    assert (shade(found["5"].image), shade(found["5"].views[0])) == (5, 105)


@pytest.mark.parametrize("gone", ["img_lateral", "indication", "comparison", "findings", "impression", "image", "uid"])
def test_open_i_with_a_column_missing(tmp_path: Path, gone: str) -> None:
    columns = open_i(as_bytes)
    del columns[gone]
    parquet(tmp_path / "data/train.parquet", columns)
    found = studies(open_dataset(tmp_path))
    assert len(found) == 26
    second = found["2" if gone != "uid" else "000002"]
    assert shade(second.image) == 2
    assert len(second.views) == (gone != "img_lateral")
    assert ("indication" in second.context) == (gone != "indication")
    assert isinstance(second.reference, Report)
    assert (bool(second.reference.findings), bool(second.reference.impression)) == (
        gone != "findings",
        gone != "impression",
    )


def test_open_i_without_any_frontal_image(tmp_path: Path) -> None:
    columns = open_i(as_bytes)
    columns["img_frontal"] = [None] * 30
    parquet(tmp_path / "data/train.parquet", columns)
    data = open_dataset(tmp_path)
    assert "29 studies dropped: no frontal image" in data.notes
    assert [problem.code for problem in audit(data).problems] == ["no-examples"]
    del columns["img_frontal"]
    columns["image"] = [None] * 30
    parquet(tmp_path / "data/train.parquet", columns)
    assert "29 studies dropped: no frontal image" in open_dataset(tmp_path).notes


def test_the_published_part_is_clean() -> None:
    root = SHARED / "iu_xray"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    report = audit(open_dataset(root))
    assert {count.split: count.examples for count in report.counts} == {"train": 161, "valid": 29, "test": 20}
    assert report.images == 413
    assert report.notes[:5] == (
        "218 of the 3,851 reports and 421 of the 7,466 images that Kaggle has",
        "210 studies kept: 182 with findings and impression, 0 with findings only, 28 with impression only",
        "0 studies dropped: neither findings nor impression",
        "8 studies dropped: no frontal image",
        "188 studies have further views, 203 images",
    )
    assert not Counter(problem.code for problem in report.problems if problem.severity == "error")
