"""The check against the organisers' own verdicts, and against files that nobody should upload."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import upload
from tasks.check import Check, check_file
from tasks.editions import load_edition
from tasks.nouns import InputError, Task
from tasks.problems import CODES

GOLDEN = Path(__file__).parents[1] / "golden" / "check-2026.jsonl"
IDS = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(12)]
OFFICIAL = {
    "File encoding error": {"encoding"},
    "CSV parsing error": {"field-too-large"},
    "Empty line detected": {"blank-line", "blank-line-inside"},
    "Missing header row": {"file-empty"},
    "Invalid header": {"bom", "delimiter", "header-form", "header-missing", "header-unread"},
    "Expected exactly 2 columns": {"columns-few", "columns-many"},
    "ID has leading/trailing": {"id-space"},
    "CUIs field has leading/trailing": {"cui-space"},
    "Duplicate ID": {"id-duplicate"},
    "ID order mismatch": {"id-order", "id-missing", "id-unknown", "id-file-ending"},
    "Extra ID": {"id-unknown"},
    "Submission incomplete": {"id-missing"},
    "Empty CUI": {"cui-empty"},
    "Invalid CUI format": {"cui-format"},
    "Duplicate CUIs": {"cui-duplicate"},
    "contains a comma but": {"comma-unquoted"},
}
"""What a message of the organisers' pre-check says -> our codes for it."""


def golden() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def checked(tmp_path: Path, content: str | bytes, task: Task = Task.CAPTIONS, **options: Any) -> Check:
    path = tmp_path / "submission.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    edition = load_edition(options.pop("edition", 2026), task)
    return check_file(path, edition=edition, ids=options.pop("ids", IDS[:3]), **options)


def codes(check: Check) -> list[str]:
    return [problem.code for problem in check.problems]


def captions(*rows: str) -> str:
    return "ID,Caption\n" + "".join(f"{row}\n" for row in rows)


def three(*values: str) -> list[str]:
    return [f"{image_id},{value}" for image_id, value in zip(IDS[:3], values, strict=True)]


def zipped(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def test_every_verdict_of_the_organisers_pre_check(tmp_path: Path) -> None:
    rows = golden()
    assert len(rows) == 300
    for row in rows:
        data = base64.b64decode(row["submission_base64"])
        found = checked(tmp_path, data, Task(row["task"]), ids=row["ids"], doubts=True)
        assert (found.precheck == "accepted") == row["accepted"], row["kind"]
        if not row["accepted"]:
            said = next(codes for text, codes in OFFICIAL.items() if text in row["message"])
            first = next(problem for problem in found.problems if problem.severity == "error")
            assert first.code in said, (row["kind"], row["message"], first)


def test_the_whole_file_is_told_not_the_first_mistake_only(tmp_path: Path) -> None:
    rows = [f"{IDS[0]},a, b", f" {IDS[1]},x", f"{IDS[1]},y", f"{IDS[2]}.jpg,z", "", "other,w"]
    found = checked(tmp_path, captions(*rows), ids=IDS[:4])
    assert [(p.code, p.line) for p in found.problems if p.severity == "error"] == [
        ("blank-line", 6),
        ("columns-many", 2),
        ("comma-unquoted", 2),
        ("id-space", 3),
        ("id-duplicate", 4),
        ("id-file-ending", 5),
        ("id-unknown", 7),
        ("id-missing", None),
    ]


def test_line_numbers_count_the_lines_of_quoted_values(tmp_path: Path) -> None:
    rows = [f'{IDS[0]},"one\ntwo\u2028three"', f"{IDS[2]},x", f"{IDS[1]},y"]
    found = checked(tmp_path, captions(*rows))
    assert [(p.code, p.line) for p in found.problems] == [
        ("line-break", 2),
        ("control-character", 2),
        ("id-order", 4),
        ("id-order", 5),
    ]


def test_a_missing_image_does_not_put_all_later_rows_out_of_order(tmp_path: Path) -> None:
    found = checked(tmp_path, captions(f"{IDS[0]},x", f"{IDS[2]},z"))
    assert [(p.code, p.line, p.image_id) for p in found.problems] == [("id-missing", 3, IDS[1])]


def test_a_quote_that_swallows_rows_is_pointed_at(tmp_path: Path) -> None:
    found = checked(tmp_path, captions(f'{IDS[0]},"open', f"{IDS[1]},x", f"{IDS[2]},y"))
    assert ("quote-open", 2) in [(p.code, p.line) for p in found.problems]
    assert found.precheck == found.scoring == "rejected"


@pytest.mark.parametrize(
    ("value", "code", "precheck", "scoring"),
    [
        (";".join(f"C{n:07}" for n in range(101)), "cui-too-many", "accepted", "rejected"),
        ("C0040405;", "cui-empty", "rejected", "accepted"),
        ("C0040405;;", "cui-duplicate", "rejected", "rejected"),
        ("c0040405", "cui-format", "rejected", "accepted"),
        ("C0040405;C0040405", "cui-duplicate", "rejected", "rejected"),
        ("C004", "cui-form", "accepted", "accepted"),
        ("C0000001", "cui-vocabulary", "accepted", "accepted"),
    ],
)
def test_pre_check_and_evaluator_differ_on_concepts(
    tmp_path: Path, value: str, code: str, precheck: str, scoring: str
) -> None:
    content = f"ID,CUIs\n{IDS[0]},{value}\n"
    found = checked(tmp_path, content, Task.CONCEPTS, ids=IDS[:1], vocabulary=frozenset({"C0040405"}))
    assert code in codes(found)
    assert (found.precheck, found.scoring) == (precheck, scoring)
    assert found.accepted == (precheck == scoring == "accepted")


def test_what_only_the_pre_check_minds(tmp_path: Path) -> None:
    shuffled = captions(f"{IDS[1]},x", f"{IDS[0]},y", f"{IDS[2]},z")
    assert (checked(tmp_path, shuffled).precheck, checked(tmp_path, shuffled).scoring) == ("rejected", "accepted")
    truncated = checked(tmp_path, captions(*three("a, b", "x", "y")))
    assert (truncated.precheck, truncated.scoring) == ("rejected", "accepted")
    with_bom = checked(tmp_path, "\ufeff" + captions(*three("x", "y", "z")))
    assert (with_bom.precheck, with_bom.scoring) == ("rejected", "rejected")
    concepts = "\ufeffID,CUIs\n" + "".join(f"{i},\n" for i in IDS[:3])
    assert checked(tmp_path, concepts, Task.CONCEPTS).scoring == "accepted"


def test_2025_has_no_order_and_no_exact_header(tmp_path: Path) -> None:
    content = f"Image ID,cuis\n{IDS[1]},c0040405;\n{IDS[0]},\n{IDS[2]},\n"
    found = checked(tmp_path, content, Task.CONCEPTS, edition=2025)
    assert found.accepted
    assert {problem.severity for problem in found.problems} == {"warning"}


def test_empty_captions_are_accepted_and_warned_of(tmp_path: Path) -> None:
    found = checked(tmp_path, captions(*three("", "x", "y")))
    assert found.accepted
    assert codes(found) == ["caption-empty"]


def test_reports(tmp_path: Path) -> None:
    good = f'ID,Findings,Impression\n{IDS[0]},"Clear, lungs.",\n{IDS[1]},,Normal.\n{IDS[2]},,\n'
    found = checked(tmp_path, good, Task.REPORTS)
    assert found.accepted
    assert codes(found) == ["caption-empty"]
    assert not checked(tmp_path, good.replace(",Normal.", ""), Task.REPORTS).accepted


@pytest.mark.parametrize(
    "members",
    [
        {"submission_dot_csv": "x", "notes_dot_txt": "y"},
        {"folder__submission_dot_csv": "x"},
        {"_dot__dot___submission_dot_csv": "x"},
        {"__etc__passwd": "x", "submission_dot_csv": "x"},
        {"inner_dot_zip": "x", "submission_dot_csv": "x"},
        {},
    ],
)
def test_a_zip_holds_the_submission_alone(tmp_path: Path, members: dict[str, str]) -> None:
    path = zipped(tmp_path / "any name.zip", **members)
    found = check_file(path, edition=load_edition(2026, Task.CAPTIONS), ids=IDS[:3])
    assert found.precheck == found.scoring == "rejected"
    assert "zip" in codes(found)


def test_a_good_zip_is_checked_inside(tmp_path: Path) -> None:
    edition = load_edition(2026, Task.CAPTIONS)
    path = zipped(tmp_path / "a.zip", submission_dot_csv=captions(*three("x", "y", "z")))
    assert check_file(path, edition=edition, ids=IDS[:3]).accepted
    assert check_file(path, edition=edition, ids=IDS[:4]).problems[0].code == "id-missing"


def test_encrypted_and_damaged_zips(tmp_path: Path) -> None:
    edition = load_edition(2026, Task.CAPTIONS)
    path = zipped(tmp_path / "a.zip", submission_dot_csv=captions(*three("x", "y", "z")))
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert any("encrypted" in problem.message for problem in check_file(path, edition=edition, ids=IDS[:3]).problems)
    path.write_bytes(b"PK\x03\x04 and nothing more")
    assert codes(check_file(path, edition=edition, ids=IDS[:3])) == ["zip"]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "LARGEST", 1 << 20)
    path = zipped(tmp_path / "a.zip", submission_dot_csv="0" * (8 << 20))
    assert path.stat().st_size < 1 << 14
    found = check_file(path, edition=load_edition(2026, Task.CAPTIONS), ids=IDS[:3])
    assert [problem.message for problem in found.problems if "bomb" in problem.message]


@pytest.mark.parametrize(
    ("content", "task", "year"),
    [
        ("ID;CUIs\n{0};C0040405;C0817096\n{1};C0040405\n{2};\n", Task.CONCEPTS, 2026),
        ("ID\tCaption\n{0}\tCT, axial, chest\n{1}\tx\n{2}\ty\n", Task.CAPTIONS, 2026),
        ("ID|Caption\n{0}|CT|axial\n{1}|x\n{2}|y\n", Task.CAPTIONS, 2026),
        ("{0};C0040405;C0817096\n{1};C0040405\n{2};\n", Task.CONCEPTS, 2018),
        ("{0},CT, axial, chest\n{1},x\n{2},y\n", Task.CAPTIONS, 2018),
    ],
)
def test_another_delimiter_is_one_problem(tmp_path: Path, content: str, task: Task, year: int) -> None:
    found = checked(tmp_path, content.format(*IDS), task, edition=year)
    assert [(p.code, p.line) for p in found.problems if p.code != "edition-unknown"] == [("delimiter", 1)]
    assert found.precheck == found.scoring == "rejected"
    short = checked(tmp_path, content.format(*IDS) + IDS[3], task, edition=year, ids=IDS[:4])
    assert "columns-few" in codes(short)


def test_files_that_are_no_submission_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edition = load_edition(2026, Task.CAPTIONS)
    with pytest.raises(InputError, match="is a folder"):
        check_file(tmp_path, edition=edition, ids=IDS)
    with pytest.raises(InputError, match="cannot be read"):
        check_file(tmp_path / "absent.csv", edition=edition, ids=IDS)
    assert codes(checked(tmp_path, bytes(range(256)) * 40)) == ["encoding"]
    assert "field-too-large" in codes(checked(tmp_path, captions(f"{IDS[0]},{'x' * 5_000_000}")))
    monkeypatch.setattr(upload, "MOST_LINES", 10)
    with pytest.raises(InputError, match="more than 10 lines"):
        checked(tmp_path, "\n" * 11)
    monkeypatch.setattr(upload, "LARGEST", 10)
    with pytest.raises(InputError, match="larger than"):
        checked(tmp_path, "x" * 11)


def test_zips_round_other_things_than_a_table(tmp_path: Path) -> None:
    edition = load_edition(2026, Task.CAPTIONS)
    inner = zipped(tmp_path / "inner.zip", submission_dot_csv="ID,Caption\n").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("submission.csv", inner)
    workbook = zipped(tmp_path / "book.csv", **{"[Content_Types]_dot_xml": "x", "xl__workbook_dot_xml": "y"})
    with zipfile.ZipFile(tmp_path / "empty.csv", "w"):
        pass
    for path, said in (
        (tmp_path / "a.zip", "submission.csv is another zip"),
        (workbook, "an Office document"),
        (tmp_path / "empty.csv", "holds submission.csv 0 times"),
    ):
        found = check_file(path, edition=edition, ids=IDS[:3])
        assert codes(found) == ["zip"], path
        assert said in found.problems[0].message


def test_a_zip_that_says_it_is_a_bomb_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", submission_dot_csv="0" * 1000)
    monkeypatch.setattr(upload, "LARGEST", 500)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked"))
    found = check_file(path, edition=load_edition(2026, Task.CAPTIONS), ids=IDS[:3])
    assert "zip bomb" in found.problems[0].message


def test_a_file_of_two_gigabytes_is_not_read(tmp_path: Path) -> None:
    for name in ("s.csv", "s.zip"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 << 30)  # sparse, of one line
        before = time.perf_counter()
        with pytest.raises(InputError, match="larger than 256 MiB"):
            check_file(tmp_path / name, edition=load_edition(2026, Task.CAPTIONS), ids=IDS)
        assert time.perf_counter() - before < 5


def test_a_field_of_fifty_megabytes(tmp_path: Path) -> None:
    found = checked(tmp_path, captions(f"{IDS[0]},{'x y ' * 12_500_000}"), ids=IDS[:1], doubts=True)
    assert codes(found) == ["field-too-large"]
    assert "50000000 characters" in found.problems[0].message


def test_bytes_that_are_told_with_their_line(tmp_path: Path) -> None:
    latin = captions(*three("a", "T\xf3rax", "c")).encode("latin-1")
    assert [(p.code, p.line) for p in checked(tmp_path, latin).problems] == [("encoding", 3)]
    wide = captions(*three("≥ 2", "—\r\r\x0b", " \x85")).encode()
    assert [(p.code, p.line) for p in checked(tmp_path, wide).problems if p.severity == "error"] == [
        ("blank-line", 4),
        ("blank-line", 5),
        ("blank-line-inside", 6),
    ]


def test_nul_bytes_and_utf_16(tmp_path: Path) -> None:
    found = checked(tmp_path, captions(*three("a\0b", "\0\0", "c")))
    assert [(p.code, p.line) for p in found.problems] == [("control-character", 2), ("control-character", 3)]
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        found = checked(tmp_path, captions(*three("x", "y", "z")).encode(encoding))
        assert codes(found)[0] == "encoding"
        assert "id-unknown" not in codes(found)


def test_the_synthetic_track_of_2026(tmp_path: Path) -> None:
    ids = [f"ImageCLEFmedical_Caption_2026_synth_test_{n:06}" for n in range(12)]
    content = captions(*(f"{image_id},x" for image_id in ids))
    assert checked(tmp_path, content, ids=ids).problems == ()
    natural = checked(tmp_path, content, ids=IDS)
    assert set(codes(natural)) == {"id-unknown", "id-missing"}
    assert "Caption_2026_synth_" in natural.problems[0].message


PIECES = [b"", b'"', b"\n", b"\r", b",", b"\0", b"\xff", b"\xe2\x80\xa8", b"ID,CUIs\n", b";", b"PK\x03\x04", b"I\0D\0"]
PIECES += ["Ã©".encode(), b"\xef\xbb\xbf", b"USER: <image>", b"</s>", b"\xf4\x8f\xbf\xbf", b" a a a a a", b"\x85\x1c"]


@given(data=st.data(), concepts=st.booleans(), as_zip=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_files_never_break_the_check(tmp_path: Path, data: st.DataObject, concepts: bool, as_zip: bool) -> None:
    task = Task.CONCEPTS if concepts else Task.CAPTIONS
    value = "C0040405;C0032285" if concepts else '"a ""quoted"", word"'
    head = "ID,CUIs" if concepts else "ID,Caption"
    content = "\n".join([head, *(f"{image_id},{value}" for image_id in IDS[:3])]).encode()
    if as_zip:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("submission.csv", content)
        content = buffer.getvalue()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 3))
        content = (
            content[:at] + data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))) + content[at + cut :]
        )
    found = checked(tmp_path, content, task, doubts=True, reference_length=9.0)
    assert found.precheck in {"accepted", "rejected"}
    for problem in found.problems:
        assert problem.fix == CODES[problem.code].fix
        assert problem.line is None or 1 <= problem.line <= content.count(b"\n") + content.count(b"\r") + 1 or as_zip
    json.dumps(found.to_json())
