"""The verb `check`: what it prints, how it ends, and files and arguments that end it with 2."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import imageclef
from tasks.commands import check as command
from tasks.nouns import InputError

IDS = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(12)]


def captions(*rows: str) -> str:
    return "ID,Caption\n" + "".join(f"{row}\n" for row in rows)


def three(*values: str) -> list[str]:
    return [f"{image_id},{value}" for image_id, value in zip(IDS[:3], values, strict=True)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("ID,Caption\n" + "".join(f"{i},\n" for i in IDS[:3]), encoding="utf-8")
    (tmp_path / "submission.csv").write_text(captions(*three("x", "y", "")), encoding="utf-8")
    good = run(tmp_path, "--task", "2", "--ids", tmp_path / "ids.csv", "--json")
    assert good.exit_code == 0
    assert json.loads(good.stdout) == {
        "task": "caption_prediction",
        "edition": 2026,
        "file": str(tmp_path / "submission.csv"),
        "n_rows": 3,
        "precheck": "accepted",
        "scoring": "accepted",
        "problems": [
            {
                "severity": "warning",
                "code": "caption-empty",
                "line": 4,
                "image_id": IDS[2],
                "message": "no text",
                "fix": "write a text",
            }
        ],
    }
    images = tmp_path / "images"
    images.mkdir()
    for image_id in IDS[:4]:
        (images / f"{image_id}.jpg").touch()
    bad = run(tmp_path / "submission.csv", "--task", "2", "--ids", images)
    assert bad.exit_code == 1
    assert "ids-inferred" in bad.stdout
    assert f"no row for {IDS[3]}" in bad.stdout


def test_the_command_shows_twenty_problems_and_json_all(tmp_path: Path) -> None:
    ids = [f"image_{n}" for n in range(50)]
    (tmp_path / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    (tmp_path / "s.csv").write_text("ID,Caption\n", encoding="utf-8")
    arguments = (tmp_path / "s.csv", "--task", "captions", "--ids", tmp_path / "ids.txt")
    assert run(*arguments).stdout.count("no row for") == 20
    assert len(json.loads(run(*arguments, "--json").stdout)["problems"]) == 50


def test_every_code_has_its_place_on_the_screen(tmp_path: Path) -> None:
    ids = [f"image_{n}" for n in range(50)]
    (tmp_path / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    (tmp_path / "s.csv").write_text("ID,Caption\nimage_0,\nimage_1,a\x1b[2Jb\n", encoding="utf-8")
    shown = run(tmp_path / "s.csv", "--task", "captions", "--ids", tmp_path / "ids.txt").stdout
    assert shown.count("no row for") == 18
    assert "id-missing (48)" in shown
    assert "line 2 image_0: no text" in shown
    assert "line 3 image_1: the text holds U+001B" in shown
    assert "\x1b" not in shown
    assert "... and 30 more" in shown


def test_a_terminal_without_utf_8(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("é [red]", encoding="utf-8")
    (tmp_path / "s.csv").write_text("ID,Caption\né [red],Ã©\n", encoding="utf-8")
    arguments = [str(tmp_path / "s.csv"), "--task", "2", "--ids", str(tmp_path / "ids.txt")]
    done = CliRunner(charset="ascii").invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "line 2 \\xe9 [red]: the text holds" in done.stdout


def test_the_command_tells_doubts_and_compares_with_references(tmp_path: Path) -> None:
    ids = [f"image_{n}" for n in range(20)]
    (tmp_path / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
    (tmp_path / "s.csv").write_text(captions(*(f"{i},CT {i} is shown." for i in ids)), encoding="utf-8")
    (tmp_path / "long.csv").write_text(captions(*(f"{i},{'word ' * 20}" for i in ids)), encoding="utf-8")
    arguments = (tmp_path / "s.csv", "--task", "captions", "--ids", tmp_path / "ids.txt", "--json")
    assert json.loads(run(*arguments).stdout)["problems"] == []
    found = run(*arguments, "--references", tmp_path / "long.csv")
    assert found.exit_code == 0
    assert [problem["code"] for problem in json.loads(found.stdout)["problems"]] == ["length"]
    (tmp_path / "none.csv").write_text("ID,Caption\n", encoding="utf-8")
    assert isinstance(run(*arguments, "--references", tmp_path / "none.csv").exception, InputError)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a", encoding="utf-8")
    result = run(tmp_path, "--task", "2", "--ids", tmp_path / "ids.txt")
    assert isinstance(result.exception, InputError)
    assert "holds no submission.csv" in str(result.exception)


@pytest.mark.parametrize("wrong", [["--edition", "1999"], ["--task", "9"], ["--ids", "absent.csv"]])
def test_unusable_arguments(tmp_path: Path, wrong: list[str]) -> None:
    (tmp_path / "ids.txt").write_text("a", encoding="utf-8")
    (tmp_path / "s.csv").write_text("ID,Caption\na,b\n", encoding="utf-8")
    result = run(tmp_path / "s.csv", "--task", "2", "--ids", tmp_path / "ids.txt", *wrong)
    assert isinstance(result.exception, InputError)


def test_the_check_loads_no_heavy_library(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a", encoding="utf-8")
    (tmp_path / "s.csv").write_text("ID,Caption\na,b\n", encoding="utf-8")
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom tasks.commands import check\n"
        f"r = CliRunner().invoke(check, [{str(tmp_path / 's.csv')!r}, '--task', '2', '--ids', "
        f"{str(tmp_path / 'ids.txt')!r}])\nassert r.exit_code == 0, r.output\n"
        "print([m for m in ('torch', 'transformers', 'pandas', 'numpy', 'PIL', 'ahocorasick') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def message_and_status(monkeypatch: pytest.MonkeyPatch, file: Path, ids: Path) -> tuple[str, int | str | None]:
    """What the whole program says on its error output, and how it ends."""
    error = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["imageclef", "check", str(file), "--task", "2", "--ids", str(ids)])
    with redirect_stderr(error), pytest.raises(SystemExit) as ended:
        imageclef.main()
    return error.getvalue().strip(), ended.value.code


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".csv":
            raise PermissionError(13, "Permission denied")
        return own(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    path = tmp_path / "s.csv"
    path.touch()
    said = f"error: {path} cannot be read: Permission denied: check the path and the permission"
    assert message_and_status(monkeypatch, path, path) == (said, 2)


def test_what_ends_the_program_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ids.txt").write_text("a", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "line.csv").open("wb") as file:
        file.truncate(300 << 20)  # sparse, of one line
    for name, said in (
        ("folder", "holds no submission.csv: give a run's folder, or the file or zip to upload"),
        ("line.csv", "is larger than 256 MiB: no submission is that large; give another file"),
        ("absent.csv", "cannot be read: No such file or directory: check the path and the permission"),
    ):
        found = message_and_status(monkeypatch, tmp_path / name, tmp_path / "ids.txt")
        assert found == (f"error: {tmp_path / name} {said}", 2)


@pytest.mark.parametrize(
    ("content", "code"), [(f"ID,Caption\na,{'x ' * 25_000_000}\n", 1), ("ID,Caption\na,C\0T\n", 0)]
)
def test_what_the_program_says_of_a_huge_field_and_of_nul(tmp_path: Path, content: str, code: int) -> None:
    (tmp_path / "ids.txt").write_text("a", encoding="utf-8")
    (tmp_path / "s.csv").write_text(content, encoding="utf-8")
    done = run(tmp_path / "s.csv", "--task", "2", "--ids", tmp_path / "ids.txt")
    assert done.exit_code == code
    assert ("a field of 50000000 characters" if code else "line 2 a: the text holds U+0000") in done.stdout
    assert ", 1 row\n" in done.stdout


def test_a_file_that_is_no_table_is_pointed_to_repair(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(json.dumps([{"image_id": IDS[0], "caption": "a chest"}]), encoding="utf-8")
    (tmp_path / "ids.txt").write_text("\n".join(IDS[:1]), encoding="utf-8")
    told = run(tmp_path / "answers.json", "--task", "2", "--ids", tmp_path / "ids.txt")
    assert told.exit_code == 1 and "`imageclef repair` makes one of its answers" in told.stdout
