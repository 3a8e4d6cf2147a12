"""Filled sheets: however a spreadsheet saves them, and every fault with file, line and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.ratings.reading import SHOWN, Ratings, read_key, read_ratings
from tasks.nouns import InputError
from tests.evaluation.ratings.making import COMMENT, ERRORS, SIGN

ITEMS = (ERRORS, SIGN, COMMENT)
CODES = ("KXWTBR", "BCDFGH", "ZZZZZZ", "QQQQQQ")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.csv"
    rows = "".join(f"{code},{'knn' if n % 2 else 'tuned'},s{n // 2}\r\n" for n, code in enumerate(CODES))
    path.write_bytes(f"\ufeffcode,system,study\r\n{rows}".encode())
    return path


def write(key: Path, *rows: str, header: str = "code,study,errors,would_sign,comment", name: str = "rater-1") -> Path:
    path = key.with_name(f"{name}.csv")
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def filled(key: Path, name: str = "rater-1", said: str = "none,yes,") -> Path:
    return write(key, *(f"{code},s,{said}" for code in CODES), name=name)


def read(key: Path, *sheets: Path, missing: bool = False) -> Ratings:
    return read_ratings(sheets, key=key, items=ITEMS, missing=missing)


def faults(key: Path, *sheets: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(key, *sheets)
    return str(caught.value).splitlines()[1:]


def test_two_raters(key: Path) -> None:
    found = read(key, filled(key), filled(key, "Dr A", "MAJOR, No ,not clear"))
    assert found.raters == ("rater-1", "Dr A")
    assert found.systems == ("tuned", "knn") and found.studies == ("s0", "s1")
    assert found.levels["errors"] == {"rater-1": dict.fromkeys(CODES, "none"), "Dr A": dict.fromkeys(CODES, "major")}
    assert found.levels["would_sign"]["Dr A"]["KXWTBR"] == "no"
    assert found.levels["comment"] == {"rater-1": {}, "Dr A": dict.fromkeys(CODES, "not clear")}


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheet_may_save_it_its_own_way(key: Path, mark: str) -> None:
    """Another delimiter, a byte order mark, CRLF, columns moved, blank lines at the end, a small code."""
    lines = [mark.join(("Would sign", "Code", "Comment", "Errors")), mark.join(("yes", "kxwtbr", '"a, b"', "minor"))]
    lines += [mark.join(("no", code, "", "none")) for code in reversed(CODES[1:])]
    path = key.with_name("rater.csv")
    path.write_bytes(("\ufeff" + "\r\n".join([*lines, mark * 3, ""])).encode())
    found = read(key, path)
    assert found.levels["errors"]["rater"] == {"KXWTBR": "minor", **dict.fromkeys(CODES[1:], "none")}


def test_numbers_that_a_spreadsheet_rewrote(key: Path) -> None:
    from evaluation.ratings.items import Item

    item = Item("overall", "How good?", {str(n): "" for n in range(1, 6)}, ordered=True)
    path = write(key, "KXWTBR,4.0", 'BCDFGH,"5,0"', "ZZZZZZ,1", "QQQQQQ, 2 ", header="code,overall")
    found = read_ratings([path], key=key, items=[item])
    assert list(found.levels["overall"]["rater-1"].values()) == ["4", "5", "1", "2"]
    path = write(key, "KXWTBR,4.5", "BCDFGH,50", "ZZZZZZ,1", "QQQQQQ,2", header="code,overall")
    with pytest.raises(InputError, match=r"overall is '4\.5': write one of 1, 2, 3, 4, 5"):
        read_ratings([path], key=key, items=[item])


def test_a_level_that_looks_like_a_formula(key: Path) -> None:
    """The page saves it behind an apostrophe, as it does comments."""
    from evaluation.ratings.items import Item

    item = Item("better", "Better?", {"-1": "worse", "0": "alike", "1": "better"}, ordered=True)
    path = write(key, "KXWTBR,'-1", "BCDFGH,-1", "ZZZZZZ,'1", "QQQQQQ,0", header="code,better")
    with pytest.raises(InputError, match=r"better is \"'1\": write one of -1, 0, 1"):
        read_ratings([path], key=key, items=[item])
    path = write(key, "KXWTBR,'-1", "BCDFGH,-1", "ZZZZZZ,1", "QQQQQQ,0", header="code,better")
    assert list(read_ratings([path], key=key, items=[item]).levels["better"]["rater-1"].values()) == [
        "-1",
        "-1",
        "1",
        "0",
    ]


def test_every_fault_is_told_with_its_line(key: Path) -> None:
    one = write(
        key,
        "KXWTBR,s,slight,yes,",
        "NOSUCH,s,none,yes,",
        "BCDFGH,s,,yes,",
        "BCDFGH,s,none,yes,",
        "QQQQQQ,s,none,maybe,",
    )
    two = filled(key, "rater-2", "none,,")
    said = faults(key, one, two)
    assert [line.removeprefix(str(key.parent) + "/").split(": ")[0] for line in said] == [
        "rater-1.csv:2",
        "rater-1.csv:3",
        "rater-1.csv:4",
        "rater-1.csv:5",
        "rater-1.csv:6",
        "rater-1.csv",
        *(f"rater-2.csv:{line}" for line in (2, 3, 4, 5)),
    ]
    assert said[0].endswith("KXWTBR: errors is 'slight': write one of none, minor, major")
    assert "the code 'NOSUCH' is not in the key: correct it" in said[1]
    assert "errors is empty: fill it in, or allow it with --missing" in said[2]
    assert "BCDFGH stands on line 4 already: keep one row" in said[3]
    assert "1 texts have no row, the first is ZZZZZZ" in said[5]


def test_with_missing_cells_may_be_empty_but_not_wrong(key: Path) -> None:
    found = read(key, write(key, "KXWTBR,s,,yes,", "BCDFGH,s,minor,,"), missing=True)
    assert found.levels["errors"]["rater-1"] == {"BCDFGH": "minor"}
    assert found.levels["would_sign"]["rater-1"] == {"KXWTBR": "yes"}
    with pytest.raises(InputError, match="errors is 'slight'"):
        read(key, write(key, "KXWTBR,s,slight,yes,"), missing=True)


def test_a_sheet_nobody_filled_in_is_no_rater(key: Path) -> None:
    for rows in ((), ("KXWTBR,s,,,", "BCDFGH,s,,,")):
        with pytest.raises(InputError, match=r"rater-2\.csv: no rating of these texts: leave the file out"):
            read(key, filled(key), write(key, *rows, name="rater-2"), missing=True)


def test_many_faults_are_counted(key: Path) -> None:
    said = faults(key, write(key, *(f"NO{n},s,none,yes," for n in range(50))))
    assert len(said) == SHOWN + 1 and said[-1] == f"... and {51 - SHOWN} more"


def test_files_that_are_none(key: Path) -> None:
    assert "no column would_sign, comment" in faults(key, write(key, "KXWTBR,none", header="code,errors"))[0]
    assert "no column code" in faults(key, write(key, "none,yes,", header="errors,would_sign,comment"))[0]
    with pytest.raises(InputError, match="name each file after its rater"):
        read(key, filled(key), filled(key))
    with pytest.raises(InputError, match=r"key\.csv"):
        read_key(filled(key))
    empty = key.with_name("empty.csv")
    empty.write_text("code,system,study\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no rows"):
        read_key(empty)
    broken = key.with_name("latin.csv")
    broken.write_bytes("code,errors,would_sign,comment\nKXWTBR,none,yes,caf\xe9\n".encode("latin-1"))
    with pytest.raises(InputError, match="save the file as UTF-8"):
        read(key, broken)
