"""kill -9 at random moments: the run goes on each time and ends with the bytes of an unbroken one."""

import json
import subprocess
import sys
from pathlib import Path

from tasks.journal import read_journal

ROOT = Path(__file__).parents[2]
KILLS = 20


def test_twenty_kills_leave_the_bytes_of_an_unbroken_run(tmp_path: Path) -> None:
    config = str(ROOT / "configs" / "concept_detection" / "sample.yaml")
    settings = ["batch_size=1 generation.max_new_tokens=24"]
    whole = [sys.executable, str(ROOT / "imageclef.py"), "run", config, "--run", "whole", "--out", str(tmp_path)]
    for setting in settings:
        whole += ["--set", setting]
    subprocess.run(whole, check=True, cwd=ROOT, capture_output=True)
    worker = [sys.executable, "-m", "tests.runners.kill_worker", str(tmp_path), "7", str(KILLS), config, *settings]
    done = subprocess.run(worker, check=True, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout.splitlines()[-1])

    assert report["status"] == 0, done.stderr
    assert report["kills"] == KILLS
    # The kills must have hit the work itself, not only the loading before it.
    assert len(set(report["lines"])) > KILLS // 4, report
    runs = tmp_path / "concept_detection"
    for name in ("submission.csv", "submission.zip"):
        assert (runs / "killed" / name).read_bytes() == (runs / "whole" / name).read_bytes()
    killed, unbroken = read_journal(runs / "killed"), read_journal(runs / "whole")
    assert {i: (p.text, p.value) for i, p in killed.items()} == {i: (p.text, p.value) for i, p in unbroken.items()}
    record = json.loads((runs / "killed" / "run.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["counts"]["ok"] == 120
