"""What is drawn for a sheet, under which codes, and the tables a spreadsheet opens."""

from __future__ import annotations

import csv
import io
from itertools import groupby
from pathlib import Path

from evaluation.ratings.items import read_items
from evaluation.ratings.material import Material
from evaluation.ratings.sheet import draw, for_rater, instructions, key_table, plain_cell, safe_cell, sheet_table
from tasks.nouns import Report
from tasks.reports.disclaimer import DISCLAIMER

NAMES = ("knn", "tuned", "reference")
STUDIES = [f"study_{n}" for n in range(60)]
MATERIAL = Material(
    {name: {study: Report(f"{name} sees {study}.", "= 1+1") for study in STUDIES} for name in NAMES},
    {study: (Path(f"{study}.png"),) for study in STUDIES},
)


def test_every_system_is_shown_on_the_same_studies() -> None:
    rows = draw(MATERIAL, n=20, seed=0)
    of = {name: [row.study for row in rows if row.system == name] for name in NAMES}
    assert of["knn"] == of["tuned"] == of["reference"] and len(set(of["knn"])) == 20
    assert all(row.sections["Findings"] == f"{row.system} sees {row.study}." for row in rows)
    assert len(draw(MATERIAL, n=1000, seed=0)) == 180


def test_the_same_seed_draws_the_same_and_another_seed_others() -> None:
    assert draw(MATERIAL, n=20, seed=3) == draw(MATERIAL, n=20, seed=3)
    first, second = ({row.study for row in draw(MATERIAL, n=20, seed=seed)} for seed in (0, 1))
    assert len(first & second) < 20
    assert {row.study for row in draw(MATERIAL, n=10, seed=0)} < first


def test_codes_are_letters_that_no_spreadsheet_changes_and_none_stands_twice() -> None:
    codes = [row.code for row in draw(MATERIAL, n=60, seed=0)]
    assert len(set(codes)) == 180
    assert all(len(code) == 6 and set(code) <= set("BCDFGHJKLMNPQRSTVWXZ") for code in codes)


def test_neither_order_nor_code_tells_the_system() -> None:
    rows = draw(MATERIAL, n=60, seed=0)
    orders = []
    for rater in (1, 2):
        own = for_rater(rows, rater=rater, seed=0)
        assert sorted(row.code for row in own) == sorted(row.code for row in rows)
        together = [(study, [row.system for row in of]) for study, of in groupby(own, key=lambda row: row.study)]
        assert len(together) == 60
        for place in range(3):  # by chance each system stands 20 of 60 times at each place
            assert all(8 <= [of[place] for _, of in together].count(name) <= 32 for name in NAMES)
        orders.append([study for study, _ in together])
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_the_sheet_holds_no_system_and_the_key_all_of_them() -> None:
    items = read_items(None)
    rows = draw(MATERIAL, n=5, seed=0)
    text = sheet_table([row for row in rows if row.system == "knn"], items)
    assert text.startswith("\ufeffcode,study,findings,impression,overall,errors,omissions,would_sign,comment\r\n")
    assert "tuned" not in text and text.count("\r\n") == 6
    [header, *cells] = csv.reader(io.StringIO(key_table(rows).removeprefix("\ufeff")))
    assert header == ["code", "system", "study"]
    assert cells == [[row.code, row.system, row.study] for row in rows]


def test_no_cell_is_a_formula() -> None:
    assert [safe_cell(cell) for cell in ("=1", "+1", "-1", "@a", "\t=1", " =1", "\r1")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\t=1",
        "' =1",
        "'\r1",
    ]
    assert all(plain_cell(safe_cell(cell)) == cell for cell in ("=1", " +1", "'", "'a", "a", "", "''"))
    assert [safe_cell(cell) for cell in ("", "No effusion.", "1-2 cm", "'quoted'")] == [
        "",
        "No effusion.",
        "1-2 cm",
        "'quoted'",
    ]
    table = sheet_table(draw(MATERIAL, n=5, seed=0), read_items(None)).removeprefix("\ufeff")
    assert {row["impression"] for row in csv.DictReader(io.StringIO(table, newline=""))} == {"'= 1+1"}


def test_the_instructions_have_every_level_and_the_disclaimer() -> None:
    text = instructions(read_items(None))
    assert DISCLAIMER in text
    assert all(item.question in text and all(level in text for level in item.levels) for item in read_items(None))
