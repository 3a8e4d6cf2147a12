"""A training whose validation is not held back does not start."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from runners.training import audit
from runners.training.audit import Side, find_duplicates, find_leaks, hash_images, read_groups, refuse_leaks
from runners.training.data import read_material
from tasks.datasets import open_dataset
from tasks.datasets.cells import Cell
from tasks.files import hash_file
from tasks.nouns import Example, InputError, Task
from tests.runners.training.small_data import config_of, copy_image, id_of, make_captions, write_table

ROCO = Path(__file__).parents[3] / ".." / "shared" / "data" / "roco"


def side(ids: str, hashes: str, groups: str) -> Side:
    """One letter an image; a blank group is unknown."""
    return Side(list(ids), list(hashes), [None if group == " " else group for group in groups])


def test_what_stands_on_both_sides() -> None:
    train, valid = side("abcd", "1234", "PQ  "), side("dxyz", "9456", " Q R")
    assert find_leaks(train, valid) == {
        "ids": {"count": 1, "first": ["d"]},
        "images": {"count": 1, "first": ["x"]},
        "groups": {"count": 1, "first": ["Q"]},
    }
    with pytest.raises(InputError, match=r"1 .*id.* \(d\); 1 .*byte.* \(x\); 1 .*patients.* \(Q\).*allow_leaks"):
        refuse_leaks(find_leaks(train, valid))
    apart = find_leaks(side("ab", "12", "P "), side("cd", "34", "Q "))
    assert not any(found["count"] for found in apart.values())
    refuse_leaks(apart)
    assert set(find_leaks(side("a", "1", " "), side("b", "2", " "))) == {"ids", "images"}  # nobody knows the patients


def test_duplicates_are_counted_without_the_first() -> None:
    assert find_duplicates(side("abcde", "11213", "     ")) == {"count": 2, "first": ["b", "d"]}


def test_the_same_bytes_in_train_and_valid_are_refused(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=8, valid=8)
    config = config_of(Task.CAPTIONS, folder)
    assert read_material(config).audit["leaks"]["images"]["count"] == 0
    for n in range(7):
        copy_image(folder, id_of("train", n), id_of("valid", n))
    with pytest.raises(InputError, match=rf"7 of its image files .*\({id_of('valid', 0)}, .*, \.\.\.\)"):
        read_material(config)
    allowed = read_material(config_of(Task.CAPTIONS, folder, allow_leaks=True))
    assert allowed.audit["leaks"]["allowed"] is True
    assert allowed.audit["leaks"]["images"] == {"count": 7, "first": [id_of("valid", n) for n in range(5)]}
    assert len(allowed.train) == len(allowed.valid) == 8


def test_train_as_validation_is_refused(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=3)
    with pytest.raises(InputError, match=r"3 of its images have the id of a training image"):
        read_material(config_of(Task.CAPTIONS, folder, valid="train"))


def test_a_patient_on_both_sides_is_refused(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=3, valid=2)
    rows = [("image", "source", "Patient ID")]
    rows += [(id_of("train", 0), "x", "p1"), (id_of("train", 1), "x", "p2"), (id_of("valid", 1), "x", "p2")]
    table = write_table(tmp_path / "who.csv", rows)
    with pytest.raises(InputError, match=r"1 of its patients or articles .*\(p2\)"):
        read_material(config_of(Task.CAPTIONS, folder, groups=f"{table}:patient id"))
    found = read_material(config_of(Task.CAPTIONS, folder, groups=f"{table}:source", allow_leaks=True)).audit
    assert found["leaks"]["groups"] == {"count": 1, "first": ["x"]}
    assert (found["train"]["groups"], found["train"]["without_group"]) == (1, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("who.csv", "is not FILE:COLUMN"),
        (":pmcid", "is not FILE:COLUMN"),
        ("who.csv:age", "no column 'age': use one of pmcid"),
        ("gone.csv:pmcid", "cannot be read"),
    ],
)
def test_groups_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(Path("who.csv"), [("ID", "pmcid"), ("a", "PMC1"), ("b", " "), ("c", "PMC1")])
    some = [Example(image_id, Path(image_id), "train") for image_id in "abd"]
    assert read_groups("who.csv:PMCID", some) == {"a": "PMC1"}
    assert read_groups(None, some) == {}
    with pytest.raises(InputError, match=message):
        read_groups(source, some)


def test_a_table_of_other_images_is_no_table_of_groups(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=2, valid=1)
    table = write_table(tmp_path / "who.csv", [("file", "p"), (f"{id_of('train', 0)}.png", "p1")])
    with pytest.raises(InputError, match=rf"none of 3 images, such as {id_of('train', 0)}"):
        read_material(config_of(Task.CAPTIONS, folder, groups=f"{table}:p"))


def test_a_missing_image_is_told_before_training(tmp_path: Path) -> None:
    folder = make_captions(tmp_path / "data", train=3, valid=1)
    (folder / "images" / f"{id_of('train', 1)}.png").unlink()
    with pytest.raises(InputError, match=rf"1 of 4 images .*{id_of('train', 1)}.*imageclef data check"):
        read_material(config_of(Task.CAPTIONS, folder))


def test_hashes_are_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_captions(tmp_path / "data", train=3)
    examples = open_dataset(folder).examples(Task.CAPTIONS, "train")
    first = hash_images(examples, folder)
    assert len(set(first.values())) == 3
    read: list[Path] = []

    def watched(path: Path) -> str:
        read.append(path)
        return hash_file(path)

    monkeypatch.setattr(audit, "hash_file", watched)
    assert hash_images(examples, folder) == first and not read
    changed = examples[1].image
    assert isinstance(changed, Path)
    times = changed.stat()
    changed.write_bytes(changed.read_bytes().replace(b"train", b"niart"))
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = hash_images(examples, folder)
    assert read == [changed] and again[changed] != first[changed]


def test_a_cache_that_cannot_be_used_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_captions(tmp_path / "data", train=2)
    examples = open_dataset(folder).examples(Task.CAPTIONS, "train")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    expected = hash_images(examples, folder)
    (store,) = (tmp_path / "cache" / "imageclef" / "images").iterdir()
    store.write_text("{torn", encoding="utf-8")
    assert hash_images(examples, folder) == expected
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert hash_images(examples, folder) == expected


def test_images_in_parquet_are_compared_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(pa.table({"image": [{"bytes": b"one"}, {"bytes": b"two"}, {"bytes": b"one"}]}), path)
    examples = [Example(f"i{n}", Cell(path, n, "image"), "train") for n in range(3)]
    hashes = hash_images(examples, tmp_path)
    assert find_duplicates(Side.of(examples, hashes, {})) == {"count": 1, "first": ["i2"]}
    assert hash_images(examples, tmp_path) == hashes
    with pytest.raises(InputError, match="i3"):
        hash_images([Example("i3", Cell(tmp_path / "gone.parquet", 0, "image"), "train")], tmp_path)


def test_the_sample_is_clean() -> None:
    found = read_material(config_of(Task.CAPTIONS, "sample")).audit
    none = {"count": 0, "first": []}
    assert found["leaks"] == {"allowed": False, "ids": none, "images": none}
    assert found["train"]["duplicates"]["count"] == 0


def test_articles_of_rocov2(tmp_path: Path) -> None:
    if not ROCO.is_dir():
        pytest.skip("no ../shared/data/roco here")
    groups = f"{ROCO / 'attribution.csv'}:pmcid"
    found = read_material(config_of(Task.CAPTIONS, ROCO, groups=groups)).audit
    with (ROCO / "attribution.csv").open(encoding="utf-8", newline="") as file:
        articles = {row["pmcid"] for row in csv.DictReader(file) if "_train_" in row["ID"]}
    assert found["train"]["groups"] == len(articles) and found["train"]["without_group"] == 0
    assert found["leaks"]["groups"]["count"] == 0
    mixed = write_table(tmp_path / "mixed.csv", [("ID", "pmcid"), (id_of("train", 5), "P"), (id_of("valid", 5), "P")])
    first = {e.image_id for split in ("train", "valid") for e in open_dataset(ROCO).examples(Task.CAPTIONS, split)}
    assert {id_of("train", 5), id_of("valid", 5)} <= first
    with pytest.raises(InputError, match=r"\(P\)"):
        read_material(config_of(Task.CAPTIONS, ROCO, groups=f"{mixed}:pmcid"))
