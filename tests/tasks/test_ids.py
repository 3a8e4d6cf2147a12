"""Id lists in all the forms participants have them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ids import natural_key, order_is_inferred, read_ids
from tasks.nouns import InputError


@pytest.mark.parametrize(
    "text",
    [
        "ID,Caption\nimg_2,\nimg_10,\n",
        "\ufeffID,CUIs\r\nimg_2,C0040405\r\nimg_10,\r\n",
        "ImageCLEFmedical 2025 ID,Cuis\nimg_2,\nimg_10,\n",
        "ID\tcaption\nimg_2\ta, b\nimg_10\tc\n",
        "img_2|C1\nimg_10|C2\n",
        'uid,findings\nimg_2,"two\nlines, here"\nimg_10,x\n',
        "img_2\n\nimg_10",
        "filename\nimg_2.jpg\nimg_10.PNG\n",
    ],
)
def test_tables_and_lists(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(text.encode())
    assert read_ids(path) == ["img_2", "img_10"]
    assert not order_is_inferred(path)


def test_a_folder_of_images_in_natural_order(tmp_path: Path) -> None:
    for name in ("a_10.jpg", "a_2.JPG", "a_1.png", "notes.txt", "b.dcm.jpg"):
        (tmp_path / name).touch()
    assert read_ids(tmp_path) == ["a_1", "a_2", "a_10", "b.dcm"]
    assert order_is_inferred(tmp_path)


def test_what_is_no_id_list(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"give .*images"):
        read_ids(tmp_path)
    with pytest.raises(InputError, match="no images"):
        read_ids(tmp_path / "images")
    path = tmp_path / "ids.csv"
    for content, said in (
        (b"ID\n", "no ids"),
        (b"", "no ids"),
        (b"a\nb\na\n", "'a' more than once"),
        (b"\xff", "UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_ids(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_ids(tmp_path / "absent")


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1), st.randoms(use_true_random=False))
def test_natural_order_is_that_of_the_numbers(numbers: list[int], shuffle: random.Random) -> None:
    names = [f"ImageCLEF_2026_test_{n}" for n in numbers]
    shuffle.shuffle(names)
    assert sorted(names, key=natural_key) == [f"ImageCLEF_2026_test_{n}" for n in sorted(numbers)]
