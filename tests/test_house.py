"""The shape of the house: imports go one way, the light verbs stay light, the front door tells the truth."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import evaluation
import imageclef
import runners
import tasks

ROOT = Path(__file__).parents[1]
ROOMS = ("tasks", "runners", "evaluation")
ALLOWED = {"tasks": {"tasks"}, "runners": {"runners", "tasks"}, "evaluation": {"evaluation", "tasks"}}


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports, at its top or anywhere inside."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found & {*ROOMS, "imageclef", "tests"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    wrong = {str(path): extra for path in files if (extra := imported_rooms(path) - ALLOWED[room])}
    assert not wrong


def test_the_rooms_are_this_repositorys() -> None:
    for room in (tasks, runners, evaluation):
        assert Path(str(room.__file__)).is_relative_to(ROOT)


def test_the_front_door_is_small_and_lists_every_verb() -> None:
    assert len((ROOT / "imageclef.py").read_text(encoding="utf-8").splitlines()) <= 80
    out = run_cli("--help").stdout
    assert all(f"  {verb} " in out for verb in imageclef.VERBS)


@pytest.mark.parametrize("verb", imageclef.VERBS)
def test_every_verb_has_a_help(verb: str) -> None:
    done = run_cli(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("arguments", ["['--help']", "['check', '--help']", "['score', '--help']", "['run', '--help']"])
def test_help_imports_nothing_heavy(arguments: str) -> None:
    code = (
        "import sys, imageclef\n"
        f"sys.argv = ['imageclef', *{arguments}]\n"
        "try: imageclef.main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'transformers', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_bad_input_is_a_message_and_status_2(tmp_path: Path) -> None:
    done = run_cli("run", str(tmp_path / "gone.yaml"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "gone.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert run_cli("fly").returncode == 2


def test_a_place_that_cannot_be_written_is_a_message(tmp_path: Path) -> None:
    from tests.runners.standin import make_config, make_data

    config = make_config(tmp_path, make_data(tmp_path / "data"))
    (tmp_path / "file").touch()
    done = run_cli("run", str(config), "--out", str(tmp_path / "file"))
    assert done.returncode == 2
    assert str(tmp_path / "file") in done.stderr and "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_a_message(tmp_path: Path) -> None:
    from tests.runners.standin import make_config, make_data

    config = make_config(tmp_path, make_data(tmp_path / "data"))
    done = run_cli("run", str(config), "--out", str(tmp_path / "out"), "--run", "\udcff")
    assert done.returncode == 2
    assert "not valid Unicode" in done.stderr and "Traceback" not in done.stderr


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make WORDS` with an `imageclef` that prints its arguments, one a line."""
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "imageclef"
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    (folder / ".ready").touch()
    return subprocess.run(
        ["make", "-s", f"VENV={folder}", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_make_hands_on_what_the_user_wrote(tmp_path: Path) -> None:
    text = """prompt.text="What's `id` seen?; echo" seed=3"""
    said = [f"SET={text}", 'DATA=a "b" c', "RUN=x'y z", "LIMIT=5; echo", "CONFIG=c d.yaml"]
    done = make(tmp_path, "task2-submit", *said)
    words = ["run", "c d.yaml", "--data", 'a "b" c', "--limit", "5; echo", "--run", "x'y z", "--set", text]
    assert done.stdout.splitlines() == words, done.stderr
    assert make(tmp_path, "task3-submit").stdout.splitlines() == ["run", "configs/report_generation/sample.yaml"]
    gone = make(tmp_path, "task1-eval", "RUN=no such run")
    assert gone.returncode == 2 and "no such run" in gone.stderr


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT)
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = makefile.partition(".PHONY:")[2].replace("\\\n", " ").splitlines()[0].split()
    assert listed == set(phony)


def run_cli(*words: str) -> subprocess.CompletedProcess[str]:
    """`imageclef WORDS` as its own process."""
    return subprocess.run(
        [sys.executable, str(ROOT / "imageclef.py"), *words], capture_output=True, text=True, check=False, cwd=ROOT
    )
