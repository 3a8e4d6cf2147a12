"""One reader of JSON: lines with their numbers, and what a strict caller is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.documents import Entry, Torn, is_journal, read_documents
from tasks.nouns import InputError

LINE = '{"image_id": "a", "status": "ok", "value": "x"}'
ROW: dict[str, Any] = {"image_id": "a", "status": "ok", "value": "x"}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ('[{"id": "a"}]', [Entry(None, [{"id": "a"}])]),
        ('\ufeff{\n "id": "a"\n}\n', [Entry(None, {"id": "a"})]),
        ('{"id": 1}\n\n{"id": 2}\r\n', [Entry(1, {"id": 1}), Entry(3, {"id": 2})]),
        ('\n["a", "x"]\n["b", "y"]', [Entry(2, ["a", "x"]), Entry(3, ["b", "y"])]),
    ],
)
def test_documents_and_lines(text: str, entries: list[Entry], strict: bool) -> None:
    assert read_documents(text, "x", strict=strict) == entries


@pytest.mark.parametrize(
    ("text", "tolerated", "refusal"),
    [
        ('{"a": 1, "a": 2}', [Entry(None, [["a", 1], ["a", 2]])], "x: the key 'a' stands twice"),
        ('{"b": 1}\n{"a": 1, "a": 2}', [Entry(1, {"b": 1}), Entry(2, [["a", 1], ["a", 2]])], "x:2: the key 'a'"),
        (f'{LINE}\n{{"image_i', [Entry(1, ROW), Entry(2, Torn('{"image_i'))], "x:2 is not JSON"),
    ],
)
def test_strictness_is_the_callers(text: str, tolerated: list[Entry], refusal: str) -> None:
    found = read_documents(text, "x", strict=False)
    assert found == tolerated
    assert [type(entry.content) for entry in found] == [type(entry.content) for entry in tolerated]
    with pytest.raises(InputError, match=refusal):
        read_documents(text, "x", strict=True)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "x:1 is not JSON"),
        ('{"a": 1}\n{"a"\n{"a": 1}', "x:2 is not JSON"),
        ('{"a": 1}\n{"a"', "x:2 is not JSON"),  # only a journal is written line by line
        (f'{LINE}\n{{"image_i\n', "x:2 is not JSON"),  # the line is whole, so the run was not killed in it
        ('{\n "a": 1,\n}', "x:3 is not JSON"),
        ("[" * 100_000, "x is not JSON .it is nested too deeply"),
        ("1" * 5000, "too long a number"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, refusal: str, strict: bool) -> None:
    with pytest.raises(InputError, match=refusal):
        read_documents(text, "x", strict=strict)


def test_a_journal_is_told_by_its_keys() -> None:
    assert is_journal({**ROW, "seconds": 1})
    assert not is_journal({"image_id": "a", "value": "x"})
    assert not is_journal(["image_id", "status", "value"])
