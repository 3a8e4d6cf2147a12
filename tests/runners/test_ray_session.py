"""Ray answers a run: the bytes of one process, an actor killed on the way; and what Ray cannot do is said."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from runners.ray_session import Actor, answer_with_ray
from runners.sharing import Place
from tasks.nouns import InputError
from tests.runners.standin import make_standin_plan

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "caption_prediction" / "sample.yaml"


def _command(out: Path, *more: str) -> list[str]:
    settings = ["--set", "quantization=none batch_size=1", "--limit", "24"]
    return [sys.executable, "-m", "imageclef", "run", str(CONFIG), *settings, "--run", "r", "--out", str(out), *more]


def test_a_killed_actor_is_replaced_and_the_bytes_are_those_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'imageclef-harness[ray]'")
    subprocess.run(_command(tmp_path / "alone"), check=True, capture_output=True)
    parent = subprocess.Popen(
        _command(tmp_path / "ray", "--ray", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    folder = tmp_path / "ray" / "caption_prediction" / "r"
    journal = folder / "predictions.0.jsonl"
    end = time.monotonic() + 300
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < end and parent.poll() is None, parent.communicate()
        time.sleep(0.02)
    actors = [
        p
        for p in psutil.Process(parent.pid).children(recursive=True)
        if "ray::MapWorker" in p.name() + str(p.cmdline())
    ]
    assert actors
    actors[0].kill()
    _, stderr = parent.communicate(timeout=300)
    assert parent.returncode == 0, stderr
    for name in ("submission.csv", "submission.zip"):
        alone = tmp_path / "alone" / "caption_prediction" / "r" / name
        assert (folder / name).read_bytes() == alone.read_bytes()
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["counts"] == {"ok": 24, "failed": 0, "empty": 0, "unmapped_terms": 0}
    assert record["model"]["driver"].startswith("ray ") and len(record["sessions"]) == 1


def test_ray_needs_a_batch_size_and_the_whole_run(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'imageclef-harness[ray]'")
    plan = make_standin_plan(tmp_path)
    with pytest.raises(InputError, match="batch_size: with --ray give a number"):
        answer_with_ray(plan, tmp_path, Console(quiet=True), Place(), actors=2)
    with pytest.raises(InputError, match="not under torchrun"):
        answer_with_ray(plan, tmp_path, Console(quiet=True), Place(1, 2), actors=2)


def test_without_ray_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'imageclef-harness\[ray\]'"):
        answer_with_ray(make_standin_plan(tmp_path), tmp_path, Console(quiet=True), Place(), actors=2)


def test_a_machine_with_other_weights_refuses_to_work(tmp_path: Path) -> None:
    plan = make_standin_plan(tmp_path, "batch_size: 2")
    (tmp_path / "base" / "config.json").write_text('{"model_type": "llava", "other": 1}', encoding="utf-8")
    with pytest.raises(InputError, match="other weights or data under the same names"):
        Actor(plan.config.model_dump(mode="json"), plan.name, plan.fingerprint)
