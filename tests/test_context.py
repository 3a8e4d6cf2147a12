"""What the sample's patient context is worth, by the verbs a user gives: two runs, one comparison."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from imageclef import cli


def given(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, obj=lambda *_: {})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_model_that_is_told_of_the_patient_writes_better_impressions(tmp_path: Path) -> None:
    for name, config in (("off", "sample"), ("on", "sample-context")):
        given("run", f"configs/report_generation/{config}.yaml", "--out", str(tmp_path), "--run", name)
    off, on = (str(tmp_path / "report_generation" / name) for name in ("off", "on"))
    impressions = json.loads(given("compare-context", off, on, "--section", "impression", "--json"))
    assert impressions["also"] == ["adapters"]
    [rouge] = [one for one in impressions["scores"]["comparisons"] if one["metric"] == "rougeL"]
    assert rouge["ci"][0] > 0.05 and rouge["p_holm"] < 0.01
    # The image tells the findings: there, being told of the patient is worth nothing.
    findings = json.loads(given("compare-context", off, on, "--section", "findings", "--json"))
    [rouge] = [one for one in findings["scores"]["comparisons"] if one["metric"] == "rougeL"]
    assert abs(rouge["difference"]) < 0.05
