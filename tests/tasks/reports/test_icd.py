"""Codes of ICD-9-CM and ICD-10-CM as they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reports.icd import dotted, normalised, prefix, read_codes, version


@pytest.mark.parametrize(
    ("code", "bare", "of", "category"),
    [
        ("I10", "I10", 10, "I10"),
        ("i10", "I10", 10, "I10"),
        (" J18.9 ", "J189", 10, "J18"),
        ("S52.131A", "S52131A", 10, "S52"),
        ("C4A.0", "C4A0", 10, "C4A"),
        ("U07.1", "U071", 10, "U07"),
        ("E11.9", "E119", 10, "E11"),
        ("E119", "E119", 10, "E11"),
        ("E87.6", "E876", 10, "E87"),
        ("E876", "E876", 10, "E87"),
        ("V43.52XA", "V4352XA", 10, "V43"),
        ("428.0", "4280", 9, "428"),
        ("4280", "4280", 9, "428"),
        ("428", "428", 9, "428"),
        ("401.", "401", 9, "401"),
        ("038.9", "0389", 9, "038"),
        ("250.00", "25000", 9, "250"),
        ("V58.61", "V5861", 9, "V58"),
        ("V5861", "V5861", 9, "V58"),
        ("E849.0", "E8490", 9, "E849"),
        ("E8490", "E8490", 9, "E849"),
        ("E000.0", "E0000", 9, "E000"),
        ("E928", "E928", 9, "E928"),
        ("E887", "E887", 9, "E887"),
        ("E84.8", "E848", 10, "E84"),
    ],
)
def test_a_code(code: str, bare: str, of: int, category: str) -> None:
    assert (normalised(code), version(code), prefix(code)) == (bare, of, category)


@pytest.mark.parametrize(
    ("code", "of", "printed"),
    [
        ("E849", 9, "E849"),
        ("E849", 10, "E84.9"),
        ("E8490", 9, "E849.0"),
        ("4280", 9, "428.0"),
        ("486", 9, "486"),
        ("v5861", 9, "V58.61"),
        (" S52131A ", 10, "S52.131A"),
        ("J18.9", 10, "J18.9"),
        ("", 10, ""),
    ],
)
def test_the_dot_where_the_version_is_known(code: str, of: int, printed: str) -> None:
    assert dotted(code, of) == printed
    assert normalised(printed) == normalised(code)


@pytest.mark.parametrize(
    "text",
    ["", ".", "fever", "12", "3.5", "4.280", "000", "A1C", "2019x", "428.000", "42.80", "I1", "IO5", "I10..1", "²50"],
)
def test_what_is_no_code(text: str) -> None:
    assert (normalised(text), version(text), prefix(text)) == ("", None, "")


@given(st.from_regex(r"[A-Z]?[0-9]{2}[0-9AB]?[.]?[0-9A-Z]{0,4}", fullmatch=True))
def test_dots_capitals_and_blanks_change_nothing(code: str) -> None:
    for written in (code.lower(), f" {code}\n", code[:1] + " " + code[1:]):
        assert (normalised(written), version(written)) == (normalised(code), version(code))
    if version(code):
        assert normalised(normalised(code)) == normalised(code)
        assert normalised(code).startswith(prefix(code))


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ("I10, J18.9; 428.0 V58.61", ("I10", "J18.9", "428.0", "V58.61")),
        ("- I10: Essential hypertension\n- J18.9 (pneumonia, type 2)", ("I10", "J18.9")),
        ("none", ()),
        ("['I10', \"428.0\", I10, 'i10', 'I1O.9', 'none', 'acute disease'", ("I10", "428.0", "I1O.9")),
        ("{'I10': 1, 'J18.9': 0, 'R05': 'cough', 'R07': 'negative'}", ("I10", "R05")),
        ("{I10, 'J18.9'}", ("I10", "J18.9")),
        ({"ICD-9": ["428.0"], "ICD-10": "I10, J18.9"}, ("428.0", "I10", "J18.9")),
        ([{"code": "I10", "description": "Hypertension"}, 4280, None, ["J18.9"]], ("I10", "4280", "J18.9")),
        (4280, ("4280",)),
        (None, ()),
    ],
)
def test_codes_however_they_are_listed(written: Any, codes: tuple[str, ...]) -> None:
    assert read_codes(written) == codes
