"""Questions as data: the default set, one's own, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.ratings.items import read_items
from tasks.nouns import InputError


def test_the_default_set() -> None:
    items = {item.name: item for item in read_items(None)}
    assert list(items) == ["overall", "errors", "omissions", "would_sign", "comment"]
    assert items["overall"].scores == (1, 2, 3, 4, 5) and items["errors"].scores == (0, 1, 2)
    assert list(items["errors"].levels) == ["none", "minor", "major"]
    assert list(items["would_sign"].levels) == ["yes", "no"] and items["would_sign"].scores == (1, 0)
    assert items["would_sign"].title == "would_sign = yes" and items["overall"].title == "overall"
    assert not items["comment"].levels


def test_items_are_written_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text(json.dumps([item.to_json() for item in read_items(None)]), encoding="utf-8")
    assert read_items(path) == read_items(None)


def test_levels_may_be_a_plain_list(tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text("- {name: grade, question: Which?, ordered: true, levels: [1, 3, 9]}\n", encoding="utf-8")
    [item] = read_items(path)
    assert item.levels == {"1": "", "3": "", "9": ""} and item.scores == (1, 3, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "no valid YAML"),
        ("name: overall", "a list of items"),
        ("- overall", "item 1 is no mapping"),
        ("- {name: a, question: b, levels: [x, y], colour: red}", "unknown key 'colour'"),
        ("- {name: Over all, question: b, levels: [x, y]}", "cannot be a column"),
        ("- {name: findings, question: b, levels: [x, y]}", "cannot be a column"),
        ("- {name: a, levels: [x, y]}", "asks nothing"),
        ("- {name: a, question: b, levels: [x]}", "two levels or more"),
        ("- {name: a, question: b, levels: [x, X]}", "none of them empty or alike"),
        ("- {name: a, question: b, levels: 5}", "two levels or more"),
        ("- {name: a, question: b, levels: [true, false]}", "put it in quotes"),
        ("- {name: a, question: b, levels: [~, [x]]}", "put it in quotes"),
        ("- {name: im_pression, question: b, levels: [x, y]}", "cannot be a column"),
        ("- {name: a_b, question: b, levels: [x, y]}\n- {name: ab, question: c}", "two items are called 'a_b'"),
        ("- {name: a, question: b, levels: [x, y], ordered: 1}", "say true or false"),
        ("- {name: a, question: b, levels: [x, y]}\n- {name: a, question: c}", "two items are called 'a'"),
        ("- {name: a, question: b}", "no item has levels"),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "items.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_items(path)
    assert said in str(caught.value) and str(path) in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_items(tmp_path / "no such file")
