"""Several real processes on one run: the bytes of one process, whoever is killed, whatever their number on resume."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from rich.console import Console

import runners.launch
from runners.config_files import load
from runners.launch import WATCHING, AllProcessesFailed, launch
from runners.plan import ModelPlan, make_plan
from runners.run import execute
from tasks.nouns import InputError
from tests.runners.standin import IDS, captions, make_standin_plan
from tests.runners.standin import record as record_of

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "caption_prediction" / "sample.yaml"
LIMIT = 30


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The submission of one process."""
    out = tmp_path_factory.mktemp("alone")
    done = subprocess.run(_command(out), env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (_folder(out) / "submission.csv").read_bytes()


def _command(out: Path, *more: str, limit: int = LIMIT) -> list[str]:
    # Batches of one image, in float32: many moments to be killed at, and answers that do not depend on company.
    settings = ["--set", "quantization=none batch_size=1", "--limit", str(limit)]
    return [sys.executable, "-m", "imageclef", "run", str(CONFIG), *settings, "--run", "r", "--out", str(out), *more]


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


def _folder(out: Path) -> Path:
    return out / "caption_prediction" / "r"


def _lines(out: Path, rank: int) -> int:
    path = _folder(out) / f"predictions.{rank}.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _workers(parent: subprocess.Popen[str]) -> dict[int, psutil.Process]:
    return {int(child.environ()["RANK"]): child for child in psutil.Process(parent.pid).children()}


def _wait_for(condition: object, parent: subprocess.Popen[str]) -> None:
    assert callable(condition)
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end and parent.poll() is None, parent.communicate()
        time.sleep(0.02)


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_is_noticed_and_the_others_do_its_images(tmp_path: Path, alone: bytes) -> None:
    parent = _start(_command(tmp_path, "--processes", "3"))
    _wait_for(lambda: _lines(tmp_path, 1) >= 2, parent)
    _workers(parent)[1].kill()
    stdout, stderr = parent.communicate(timeout=300)
    assert parent.returncode == 0, stderr
    assert "process 1 was killed (signal 9); the other 2 do its images" in stderr
    assert "rouge1" in stdout  # the parent scores the whole
    assert (_folder(tmp_path) / "submission.csv").read_bytes() == alone
    record = json.loads((_folder(tmp_path) / "run.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["counts"]["ok"] == LIMIT
    assert {session["process"] for session in record["sessions"]} == {"0 of 3", "1 of 3", "2 of 3"}
    assert _lines(tmp_path, 0) and _lines(tmp_path, 2)


def test_when_all_are_killed_another_number_of_processes_goes_on(tmp_path: Path, alone: bytes) -> None:
    parent = _start(_command(tmp_path, "--processes", "2"))
    _wait_for(lambda: _lines(tmp_path, 0) and _lines(tmp_path, 1), parent)
    for worker in _workers(parent).values():
        worker.kill()
    _, stderr = parent.communicate(timeout=300)
    assert parent.returncode == 1
    assert "all 2 processes ended" in stderr and "to go on: imageclef run" in stderr and "--processes 2" in stderr
    before = _lines(tmp_path, 0) + _lines(tmp_path, 1)
    assert not (_folder(tmp_path) / "submission.csv").exists()

    again = subprocess.run(_command(tmp_path), env=_environment(), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"{before} of {LIMIT} images are done" in again.stderr
    assert (_folder(tmp_path) / "submission.csv").read_bytes() == alone
    assert _lines(tmp_path, 0) + _lines(tmp_path, 1) == LIMIT


def test_sigterm_ends_all_of_them_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    parent = _start(_command(tmp_path, "--processes", "2", limit=120))
    _wait_for(lambda: _lines(tmp_path, 0) and _lines(tmp_path, 1), parent)
    workers = _workers(parent)
    parent.send_signal(signal.SIGTERM)
    _, stderr = parent.communicate(timeout=300)
    assert parent.returncode == 143 and "stopped; to resume" in stderr
    assert not any(worker.is_running() for worker in workers.values())
    record = json.loads((_folder(tmp_path) / "run.json").read_text(encoding="utf-8"))
    assert record["finished"] is None and all("ended" in session for session in record["sessions"])


def test_torchrun_gives_the_same_bytes(tmp_path: Path, alone: bytes) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python", "--"]
    done = subprocess.run(
        [*torchrun, *_command(tmp_path)], env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (_folder(tmp_path) / "submission.csv").read_bytes() == alone
    assert _lines(tmp_path, 0) and _lines(tmp_path, 1)


def test_a_run_that_is_at_work_takes_no_second_set_of_processes(tmp_path: Path) -> None:
    parent = _start(_command(tmp_path, limit=120))
    try:
        _wait_for(lambda: _lines(tmp_path, 0), parent)
        second = subprocess.run(
            _command(tmp_path, "--processes", "2", limit=120),
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2 and "another process is at work here" in second.stderr
    finally:
        parent.kill()
        parent.communicate()


def test_processes_inside_torchrun_are_refused(tmp_path: Path) -> None:
    environment = _environment(RANK="0", WORLD_SIZE="2")
    command = _command(tmp_path, "--processes", "2")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--processes: torchrun, Slurm or --ray starts several already" in done.stderr


WORKER = """
import os, sys, time
from pathlib import Path
from rich.console import Console
import runners.models
from runners.config_files import load
from runners.plan import make_plan
from runners.run import execute
from runners.sharing import place_of
from tests.runners.standin import Standin

def fault(levels):
    if "hang" in sys.argv and os.environ["RANK"] == "1":
        Path(sys.argv[1], "hung").write_text(str(os.getpid()), encoding="utf-8")
        time.sleep(600)

runners.models.load_model = lambda *_: Standin(fault)
execute(make_plan(load(Path(sys.argv[1], "standin.yaml"))), Path(sys.argv[2]), Console(stderr=True), place_of())
"""


def _launched(plan: ModelPlan, tmp_path: Path, *how: str) -> Path:
    """The run's folder after two processes with the stand-in."""
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(tmp_path / "run"), *how]
    session = partial(launch, processes=2, command=command)
    return execute(plan, tmp_path / "run", Console(quiet=True), WATCHING, session=session)


def test_the_launcher_asks_nothing_itself_even_when_images_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("runners.models.load_model")
    plan = make_standin_plan(tmp_path, "max_failures: 0.2", "batch_size: 1")
    (tmp_path / "data" / "images" / f"{IDS[5]}.png").write_bytes(b"not an image")
    folder = _launched(plan, tmp_path)
    assert captions(folder) == {i: "" if n == 5 else f"grey {20 * n}" for n, i in enumerate(IDS)}
    assert {session["process"] for session in record_of(folder)["sessions"]} == {"0 of 2", "1 of 2"}


def test_a_process_that_hangs_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners.launch, "_GRACE", 1.0)
    folder = _launched(make_standin_plan(tmp_path, "batch_size: 1"), tmp_path, "hang")
    assert captions(folder) == {i: f"grey {20 * n}" for n, i in enumerate(IDS)}
    hung = tmp_path / "hung"
    assert not hung.exists() or not psutil.pid_exists(int(hung.read_text(encoding="utf-8")))


def test_other_inputs_are_refused_before_a_process_starts(tmp_path: Path) -> None:
    folder = _launched(make_standin_plan(tmp_path), tmp_path)
    other = make_plan(load(tmp_path / "standin.yaml", ["seed=7"]))
    with pytest.raises(InputError, match="seed: 42 -> 7"):
        execute(other, folder, Console(quiet=True), WATCHING, session=partial(launch, processes=2, command=["none"]))


def test_processes_that_all_fail_are_no_finished_run(tmp_path: Path) -> None:
    plan = make_standin_plan(tmp_path)
    dead = partial(launch, processes=2, command=[sys.executable, "-c", "raise SystemExit('no card')"])
    with pytest.raises(AllProcessesFailed, match="all 2 processes ended, and 12 images had no answer"):
        execute(plan, tmp_path / "run", Console(quiet=True), WATCHING, session=dead)
    assert "no card" in (tmp_path / "run" / "log.1.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("held", ["-1", "0", "2"])
def test_who_comes_alone_waits_for_all_others(tmp_path: Path, held: str) -> None:
    """A launcher whose processes only start, or one of its processes that outlived it."""
    plan = make_standin_plan(tmp_path)
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / f".lock.{held}"):
        with pytest.raises(InputError, match="another process is at work"):
            execute(plan, tmp_path / "run", Console(quiet=True))
        with pytest.raises(InputError, match="another process is at work"):
            _launched(plan, tmp_path)
