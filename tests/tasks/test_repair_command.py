"""The verb `repair`: its exit status, its table, its JSON and its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tasks.nouns import InputError
from tasks.repair.changes import KINDS, Record
from tasks.repair.commands import repair

IDS = ["image_1", "image_2", "image_10"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ids.csv").write_text("ID,CUIs\n" + "".join(f"{i},\n" for i in IDS), encoding="utf-8")
    rows = "image_1,c0040405\nimage_10,C0817096;\nimage_2.jpg,C0000001;C0000001\n"
    (tmp_path / "s.csv").write_text("ID,CUIs\n" + rows, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: object, file: str = "s.csv", task: str = "1") -> Result:
    options = ["--task", task, "--ids", folder / "ids.csv", "--out", folder / "out"]
    return CliRunner().invoke(repair, [str(a) for a in (folder / file, *options, *arguments)])


def test_the_table_and_the_files(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 0, result.output
    for kind in ("cui-case", "cui-empty", "cui-duplicate", "id-order", "id-file-ending"):
        assert kind in result.stdout
    assert "line 2: c0040405 ->" in result.stdout
    out = folder / "out"
    assert (out / "submission.csv").read_text(encoding="utf-8") == (
        "ID,CUIs\nimage_1,C0040405\nimage_2,C0000001\nimage_10,C0817096\n"
    )
    assert sorted(path.name for path in out.iterdir()) == ["changes.json", "submission.csv", "submission.zip"]
    changes = json.loads((out / "changes.json").read_text(encoding="utf-8"))
    assert changes["n_changes"] == len(changes["changes"]) == 5
    assert {"kind": "cui-case", "line": 2, "image_id": "image_1", "before": "c0040405", "after": "C0040405"} in changes[
        "changes"
    ]
    assert "nothing to mend" in run(folder, "--out", folder / "again", file="out/submission.csv").stdout


def test_json_is_what_changes_json_holds(folder: Path) -> None:
    result = run(folder, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((folder / "out" / "changes.json").read_text(encoding="utf-8"))


def test_what_cannot_be_mended_exits_1_and_writes_nothing(folder: Path) -> None:
    (folder / "s.csv").write_text("ID,CUIs\nimage_1,[b]pneumonia\nimage_2,\n", encoding="utf-8")
    result = run(folder)
    assert result.exit_code == 1
    assert "line 2 image_1: no CUI: [b]pneumonia" in result.stdout
    assert "no row for image_10" in result.stdout
    assert not (folder / "out").exists()
    found = json.loads(run(folder, "--json").stdout)
    assert found["repaired"] is False
    assert found["out"] is None
    assert [problem["code"] for problem in found["problems"]] == ["cui-format", "id-missing"]


def test_twenty_on_the_screen(folder: Path) -> None:
    (folder / "ids.csv").write_text("\n".join(f"image_{n}" for n in range(50)), encoding="utf-8")
    (folder / "s.csv").write_text("ID,CUIs\nimage_1,\n", encoding="utf-8")
    assert run(folder).stdout.count("no row for") == 20
    assert run(folder, "--fill", "empty").exit_code == 0


def test_options_reach_the_repair(folder: Path) -> None:
    (folder / "cui_mapping.csv").write_text("CUI,Name\nC0032285,Pneumonia\n", encoding="utf-8")
    many = ";".join(f"C{n:07}" for n in range(101))
    rows = f"image_1,pneumonia\nimage_2,{many}\nimage_1,C0000009\n"
    (folder / "s.csv").write_text("ID,CUIs\n" + rows, encoding="utf-8")
    options = ["--vocabulary", folder / "cui_mapping.csv", "--keep", "first", "--keep-concepts", "first"]
    result = run(folder, *options, "--fill", "C0000007")
    assert result.exit_code == 0, result.output
    first, second, third = (folder / "out" / "submission.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert (first, third) == ("image_1,C0032285", "image_10,C0000007")
    assert second.count("C") == 100
    with pytest.raises(InputError, match="--force"):
        CliRunner().invoke(
            repair,
            [str(folder / "s.csv"), "--task=1", f"--ids={folder / 'ids.csv'}", f"--out={folder / 'out'}"],
            catch_exceptions=False,
        )
    assert run(folder, *options, "--fill", "C0000008", "--force").exit_code == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["--edition", "1999"],
        ["--task", "9"],
        ["--ids", "absent.csv"],
        ["--fill", "no.csv"],
        ["--fill", "."],
        ["--vocabulary", "absent.csv"],
    ],
)
def test_unusable_arguments(folder: Path, wrong: list[str]) -> None:
    assert isinstance(run(folder, *wrong).exception, InputError)
    assert run(folder, "--keep", "both").exit_code == 2
    assert not (folder / "out").exists()


def test_what_cannot_be_filled_from_is_said_of_fill(folder: Path) -> None:
    said = str(run(folder, "--fill", folder).exception)
    assert said == f"--fill {folder} is a folder with no submission.csv and no journal: give the file itself"
    (folder / "torn.json").write_text("{", encoding="utf-8")
    assert str(run(folder, "--fill", folder / "torn.json").exception).startswith(f"--fill {folder / 'torn.json'}:1 is")
    (folder / "run").mkdir()
    (folder / "run" / "submission.csv").write_text("image_2,C0000042\n", encoding="utf-8")
    (folder / "s.csv").write_text("ID,CUIs\nimage_1,\nimage_10,\n", encoding="utf-8")
    assert run(folder, "--fill", folder / "run").exit_code == 0
    assert "image_2,C0000042" in (folder / "out" / "submission.csv").read_text(encoding="utf-8")


def test_a_runs_folder(folder: Path) -> None:
    (folder / "run").mkdir()
    assert isinstance(run(folder, file="run").exception, InputError)
    (folder / "s.csv").rename(folder / "run" / "submission.csv")
    assert run(folder, file="run").exit_code == 0


def test_an_image_folder_names_the_ids_with_a_warning(folder: Path) -> None:
    images = folder / "images"
    images.mkdir()
    for image_id in IDS:
        (images / f"{image_id}.jpg").touch()
    result = run(folder, "--ids", images)
    assert result.exit_code == 0
    assert "1 ids-inferred" in result.stdout


def test_only_known_kinds() -> None:
    with pytest.raises(AssertionError):
        Record().change("no such kind", before="")
    assert all(meaning and not meaning.endswith(".") for meaning in KINDS.values())


def test_the_repair_loads_no_heavy_library(folder: Path) -> None:
    arguments = [str(folder / "s.csv"), "--task", "1", "--ids", str(folder / "ids.csv"), "--out", str(folder / "out")]
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom tasks.repair.commands import repair\n"
        f"r = CliRunner().invoke(repair, {arguments!r})\nassert r.exit_code == 0, r.output\n"
        "print([m for m in ('torch', 'transformers', 'pandas', 'numpy', 'pyarrow', 'ftfy') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
