"""Ended as by kill -9 at random moments, a fit loses at most an epoch each time and ends with the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

from tests.runners.classifier.kill_worker import CONFIG

ROOT = Path(__file__).parents[3]
KILLS = 7


def test_killed_fits_end_with_the_bytes_of_an_unbroken_one(tmp_path: Path) -> None:
    worker = [sys.executable, "-m", "tests.runners.classifier.kill_worker", str(tmp_path), "5", str(KILLS)]
    done = subprocess.run(worker, check=True, cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout)

    assert report["status"] == 0, done.stderr
    # Each must have hit the training itself, at different epochs.
    assert len(report["lines"]) == KILLS and len(set(report["lines"])) > KILLS // 2, report
    epochs = CONFIG.epochs * CONFIG.seeds
    # A line is told before its epoch is saved: each end costs the epoch under way, which may have been told of.
    assert epochs <= report["all"] <= epochs + KILLS, report
    whole, killed = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("whole", "killed"))
    assert killed == whole
