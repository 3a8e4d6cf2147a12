"""Parquet shards and `save_to_disk` folders: columns, splits, the ['nan'] trap, images read when asked."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.datasets import open_dataset
from tasks.images import ImageError, open_image
from tasks.nouns import InputError, Task

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4), shade).save(file, "PNG")
    return file.getvalue()


def rocov2_rows(split: str, first: int, last: int) -> dict[str, list[Any]]:
    numbers = range(first, last)
    return {
        "image": [{"bytes": png(n), "path": f"{n}.png"} for n in numbers],
        "image_id": [f"ROCOv2_2023_{split}_{n:06d}" for n in numbers],
        "caption": [f"caption {n}" for n in numbers],
        "cui": [["nan"] if n % 2 else ["C0040405", "nan", "C0817096"] for n in numbers],
    }


def parquet(path: Path, columns: dict[str, list[Any]], group: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=group)


def test_parquet_shards(tmp_path: Path) -> None:
    parquet(tmp_path / "data/train-00000-of-00002.parquet", rocov2_rows("train", 0, 7))
    parquet(tmp_path / "data/train-00001-of-00002.parquet", rocov2_rows("train", 7, 9))
    parquet(tmp_path / "data/validation-00000-of-00001.parquet", rocov2_rows("valid", 0, 2))
    data = open_dataset(tmp_path)
    assert data.splits(Task.CAPTIONS) == data.splits(Task.CONCEPTS) == ("train", "valid")
    train = data.examples(Task.CAPTIONS, "train")
    assert [e.image_id for e in train] == [f"ROCOv2_2023_train_{n:06d}" for n in range(9)]
    assert [e.reference for e in train] == [f"caption {n}" for n in range(9)]
    for n in (8, 0, 5, 3, 7, 6):
        assert open_image(train[n].image).getpixel((0, 0)) == (n, n, n)
    concepts = data.examples(Task.CONCEPTS, "train")
    assert [e.reference for e in concepts[:2]] == [("C0040405", "C0817096"), ()]
    assert data.secondary("val") == {
        "ROCOv2_2023_valid_000000": ("C0040405", "C0817096"),
        "ROCOv2_2023_valid_000001": (),
    }
    (note,) = data.notes
    assert "manual concepts only" in note


def test_full_concepts_are_not_secondary_and_missing_shards_are_noted(tmp_path: Path) -> None:
    columns = rocov2_rows("test", 0, 2)
    columns["cuis"] = columns.pop("cui")
    parquet(tmp_path / "test-00000-of-00006.parquet", columns)
    data = open_dataset(tmp_path)
    assert data.secondary("test") == {}
    assert data.notes == ("split 'test' has 1 of 6 shards: fetch the others for the whole split",)


def test_images_are_read_by_row_group(tmp_path: Path) -> None:
    noise = [{"bytes": bytes([n]) * 1_000_000, "path": None} for n in range(40)]
    table = pa.table({"image": noise, "image_id": [str(n) for n in range(40)], "caption": ["x"] * 40})
    pq.write_table(table, tmp_path / "test.parquet", row_group_size=2, compression="none", use_dictionary=False)
    del table, noise
    tracemalloc.start()
    arrow_before = pa.total_allocated_bytes()
    examples = open_dataset(tmp_path).examples(Task.CAPTIONS, "test")
    assert all(e.image.read_bytes() == bytes([n]) * 1_000_000 for n, e in enumerate(examples))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert pa.total_allocated_bytes() - arrow_before < 12_000_000


def test_base64_text(tmp_path: Path) -> None:
    text = base64.b64encode(png(9)).decode()
    columns = {"uid": ["a", "b", "c"], "image": [text, f"data:image/png;base64,{text}", "no!"], "findings": ["x"] * 3}
    parquet(tmp_path / "test.parquet", columns)
    plain, uri, wrong = open_dataset(tmp_path).examples(Task.REPORTS, "test")
    assert plain.image.read_bytes() == uri.image.read_bytes() == png(9)
    with pytest.raises(OSError, match="base64"):
        wrong.image.read_bytes()


def test_images_alone_are_enough(tmp_path: Path) -> None:
    parquet(tmp_path / "test.parquet", {"image": [png(1), png(2)]})
    data = open_dataset(tmp_path)
    assert [e.image_id for e in data.examples(Task.CAPTIONS, "test")] == ["000000", "000001"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"image": [b"", b""], "image_id": ["a", "a"], "caption": ["x", "y"]}, "duplicate id: 'a'"),
        ({"image": [b""], "image_id": ["../a"], "caption": ["x"]}, "row 0: image id '../a' could lead out"),
        ({"image_id": ["a"], "caption": ["x"]}, "no image column among image_id, caption"),
    ],
)
def test_faulty_parquet(tmp_path: Path, columns: dict[str, list[Any]], expected: str) -> None:
    parquet(tmp_path / "test.parquet", columns)
    with pytest.raises(InputError, match=expected):
        open_dataset(tmp_path).examples(Task.CAPTIONS, "test")


def test_truncated_parquet(tmp_path: Path) -> None:
    parquet(tmp_path / "test.parquet", rocov2_rows("test", 0, 3))
    whole = (tmp_path / "test.parquet").read_bytes()
    (tmp_path / "test.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"test\.parquet cannot be read"):
        open_dataset(tmp_path)


def arrow(folder: Path, columns: dict[str, list[Any]]) -> None:
    """A Dataset as `save_to_disk` writes it, two record batches in one of two files."""
    folder.mkdir(parents=True)
    table = pa.table(columns)
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    for name, rows in zip(names, (table.slice(0, 2), table.slice(2)), strict=True):
        with pa.ipc.new_stream(folder / name, table.schema) as file:
            file.write_table(rows, max_chunksize=1)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "1", "_split": None}
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "dataset_info.json").write_text("{}", encoding="utf-8")


def test_save_to_disk_dataset(tmp_path: Path) -> None:
    arrow(tmp_path / "d", rocov2_rows("train", 0, 5))
    data = open_dataset(tmp_path / "d")
    train = data.examples(Task.CAPTIONS, "train")
    assert [open_image(e.image).getpixel((0, 0)) for e in train] == [(n, n, n) for n in range(5)]
    assert data.label_files == (tmp_path / "d/state.json",)


def test_save_to_disk_dataset_dict(tmp_path: Path) -> None:
    arrow(tmp_path / "train", rocov2_rows("train", 0, 5))
    arrow(tmp_path / "validation", rocov2_rows("valid", 0, 3))
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}', encoding="utf-8")
    data = open_dataset(tmp_path)
    assert data.splits(Task.CONCEPTS) == ("train", "valid")
    assert len(data.secondary("valid")) == 3


def test_faulty_save_to_disk(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"state\.json is not as save_to_disk writes it"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("as_dict", [False, True])
def test_what_the_library_itself_writes(tmp_path: Path, as_dict: bool) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "image_id": datasets.Value("string"),
            "caption": datasets.Value("string"),
            "cui": datasets.Sequence(datasets.Value("string")),
        }
    )
    made = datasets.Dataset.from_dict(rocov2_rows("train", 0, 4), features=features)
    (datasets.DatasetDict(train=made, test=made) if as_dict else made).save_to_disk(str(tmp_path / "d"))
    made.to_parquet(str(tmp_path / "p/data/train-00000-of-00001.parquet")) if not as_dict else None
    for folder in tmp_path.iterdir():
        train = open_dataset(folder).examples(Task.CONCEPTS, "train")
        assert [open_image(e.image).getpixel((0, 0)) for e in train] == [(n, n, n) for n in range(4)]
        assert train[1].reference == ()


@pytest.mark.parametrize("as_struct", [True, False])
def test_images_named_by_a_path_in_the_data_set(tmp_path: Path, *, as_struct: bool) -> None:
    paths = ["images/a.png", "images/missing.png", "../a.png", "/a.png"]
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(png(7))
    column = [{"bytes": None, "path": path} for path in paths] if as_struct else paths
    rows = {"image": column, "image_id": list("abcd"), "caption": list("wxyz")}
    parquet(tmp_path / "data/train.parquet", rows)
    found, missing, *outside = open_dataset(tmp_path).examples(Task.CAPTIONS, "train")
    assert open_image(found.image).getpixel((0, 0)) == (7, 7, 7)
    with pytest.raises(ImageError, match=r"missing: .*missing\.png"):
        open_image(missing.image)
    for example in outside:
        with pytest.raises(ImageError, match="leads out of the data set"):
            open_image(example.image)


def test_base64_text_in_lines(tmp_path: Path) -> None:
    rows = {"image": [base64.encodebytes(png(7) + bytes(100)).decode()], "image_id": ["a"], "caption": ["x"]}
    parquet(tmp_path / "train.parquet", rows)
    assert open_image(open_dataset(tmp_path).examples(Task.CAPTIONS, "train")[0].image).size == (4, 4)


@pytest.mark.parametrize("text", ['{"splits": []}', '{"splits": 1}', '{"splits": ["train"]}', '{"splits": ["../x"]}'])
@pytest.mark.parametrize("state", ['{"_data_files": []}', '{"_data_files": [1]}', '{"_data_files": [{}]}', "[]"])
def test_faulty_save_to_disk_folders(tmp_path: Path, text: str, state: str) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "dataset_dict.json").write_text(text, encoding="utf-8")
    (tmp_path / "train/state.json").write_text(state, encoding="utf-8")
    with pytest.raises(InputError, match=str(tmp_path)):
        open_dataset(tmp_path)
