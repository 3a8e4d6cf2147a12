"""`imageclef data check` finds what is wrong with a data set, and exits accordingly."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tasks.datasets import open_dataset
from tasks.datasets.audit import audit, look, recognised
from tasks.datasets.commands import check as check_command
from tasks.nouns import InputError

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
SPLITS = ("train", "valid", "test")


def picture(seed: int, size: tuple[int, int] = (96, 96), *, texture: int | None = None) -> Image.Image:
    """Random shades with coarse and fine structure; `texture` is the seed of the finest."""
    width, height = size
    x, y = (np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(15)) / n) for n in (width, height))
    weights = np.random.default_rng(seed).normal(0, 5, (15, 15))
    if texture is not None:
        weights[9:, 9:] = np.random.default_rng(texture).normal(0, 2, (6, 6))
    return Image.fromarray((128 + y @ weights @ x.T).clip(0, 255).astype(np.uint8))


def rocov2(root: Path, *, each: int = 3) -> Path:
    """A small clean data set in the layout of the ROCOv2 record."""
    for place, split in enumerate(SPLITS):
        rows = [f"ROCOv2_2023_{split}_{n:06d}" for n in range(each)]
        (root / split).mkdir(parents=True)
        for n, row in enumerate(rows):
            picture(place * each + n).save(root / split / f"{row}.png")
        for table, column, value in (("captions", "Caption", "x"), ("concepts", "CUIs", "C1")):
            lines = [f"ID,{column}", *(f"{row},{value}" for row in rows)]
            (root / f"{split}_{table}.csv").write_text("\n".join(lines), encoding="utf-8")
    return root


def check(root: Path, *options: str) -> Result:
    return CliRunner().invoke(check_command, [str(root), *options])


def found(root: Path) -> dict[str, Any]:
    result = check(root, "--json")
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if report["clean"] else 1)
    return report


def codes(report: dict[str, Any]) -> dict[str, int]:
    return dict(Counter(problem["code"] for problem in report["problems"] if problem["severity"] == "error"))


def test_a_clean_part_of_a_release(tmp_path: Path) -> None:
    report = found(rocov2(tmp_path))
    assert report["clean"]
    assert report["published"].startswith("ROCOv2 (")
    assert (report["images"], report["modes"]) == (9, {"L": 9})
    assert report["sides"] == {"least": 96, "median": 96, "greatest": 96}
    assert [(c["task"], c["split"], c["examples"], c["published"]) for c in report["counts"][:3]] == [
        ("concept_detection", "train", 3, 59_958),
        ("concept_detection", "valid", 3, 9_904),
        ("concept_detection", "test", 3, 9_927),
    ]
    assert Counter(p["code"] for p in report["problems"]) == {"counts": 6}  # warnings


def test_missing_corrupt_empty_and_unlabelled(tmp_path: Path) -> None:
    root = rocov2(tmp_path)
    (root / "train/ROCOv2_2023_train_000000.png").unlink()
    (root / "train/ROCOv2_2023_train_000001.png").write_bytes(b"")
    whole = (root / "valid/ROCOv2_2023_valid_000000.png").read_bytes()
    (root / "valid/ROCOv2_2023_valid_000000.png").write_bytes(whole[: len(whole) // 2])
    picture(99).save(root / "test/stranger.png")
    picture(5, (96, 97)).save(root / "valid/ROCOv2_2023_valid_000002.jpg")
    report = found(root)
    assert codes(report) == {"missing-image": 1, "corrupt-image": 2, "unlabelled-image": 1, "several-files": 1}
    by_code = {problem["code"]: problem for problem in report["problems"]}
    assert by_code["missing-image"]["image_id"] == "ROCOv2_2023_train_000000"
    assert by_code["unlabelled-image"]["image_id"] == "stranger"
    assert "ROCOv2_2023_valid_000002.jpg is read" in by_code["several-files"]["message"]


def test_duplicates_across_splits_whatever_their_size_and_ending(tmp_path: Path) -> None:
    root = rocov2(tmp_path)
    picture(0, (192, 192)).save(root / "test/ROCOv2_2023_test_000001.png")  # as train 0, larger
    picture(1).save(root / "train/ROCOv2_2023_train_000002.png")  # as train 1: the same split
    report = found(root)
    assert report["duplicates"] == [["test/ROCOv2_2023_test_000001", "train/ROCOv2_2023_train_000000"]]
    assert codes(report) == {"duplicate-across-splits": 1}


def test_alike_is_not_the_same(tmp_path: Path) -> None:
    root = rocov2(tmp_path)
    one, two = root / "train/ROCOv2_2023_train_000000.png", root / "test/ROCOv2_2023_test_000001.png"
    picture(0, texture=1).save(one)
    picture(0, texture=2).save(two)
    assert look(one).hash == look(two).hash
    assert found(root)["duplicates"] == []


def test_an_id_in_two_splits_with_one_image(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / f"{split}_captions.csv").write_text("ID,Caption\nsame,x\n", encoding="utf-8")
    (tmp_path / "images").mkdir()
    picture(0).save(tmp_path / "images/same.png")
    assert found(tmp_path)["duplicates"] == [["train/same", "valid/same"]]


def test_a_faulty_table_is_a_problem_and_the_others_are_checked(tmp_path: Path) -> None:
    root = rocov2(tmp_path)
    rows = "ID,Caption\nROCOv2_2023_valid_000000,x\nROCOv2_2023_valid_000000,y\n"
    (root / "valid_captions.csv").write_text(rows, encoding="utf-8")
    (root / "train/ROCOv2_2023_train_000000.png").unlink()
    report = found(root)
    assert codes(report) == {"labels": 1, "missing-image": 1}
    assert "valid_captions.csv:3: duplicate id" in report["problems"][0]["message"]
    captions = [count["split"] for count in report["counts"] if count["task"] == "caption_prediction"]
    assert captions == ["train", "test"]


def test_odd_sizes_are_warnings(tmp_path: Path) -> None:
    for name, size in (("a", (20, 20)), ("b", (600, 100)), ("c", (100, 100))):
        picture(1, size).save(tmp_path / f"{name}.png")
    report = found(tmp_path)
    assert report["clean"]
    assert [p["image_id"] for p in report["problems"] if p["code"] == "odd-size"] == ["a", "b"]


def test_screen_names_counts_problems_and_the_rest(tmp_path: Path) -> None:
    root = rocov2(tmp_path, each=8)
    for n in range(7):
        (root / f"train/ROCOv2_2023_train_{n:06d}.png").unlink()
    result = check(root)
    assert result.exit_code == 1
    for part in ("caption_prediction", "59,958", "error missing-image", "... 4 more", "7 errors"):
        assert part in result.stdout, part


def test_no_data_set_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        CliRunner().invoke(check_command, [str(tmp_path)], catch_exceptions=False, standalone_mode=False)


def test_releases_are_recognised_by_their_ids() -> None:
    assert recognised(["x", "ImageCLEFmedical_Caption_2025_test_0"])["counts"]["test"] == 19_267
    assert recognised(["x_1"]) == {}


def test_roco_is_clean_and_quick() -> None:
    root = SHARED / "roco"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    start = time.process_time()
    report = audit(open_dataset(root))
    assert time.process_time() - start < 15  # about 3 s
    assert report.clean
    assert report.images == 2626
    assert Counter(problem.code for problem in report.problems) == {"counts": 6, "odd-size": 2}


def test_two_files_of_one_id_in_a_plain_folder(tmp_path: Path) -> None:
    for ending in ("jpg", "png"):
        picture(1).save(tmp_path / f"a.{ending}")
    assert [problem.code for problem in audit(open_dataset(tmp_path)).problems] == ["several-files"]


def test_a_release_without_examples_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / "dev_caption/images").mkdir(parents=True)
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "no-examples" in result.stdout
