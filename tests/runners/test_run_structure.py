"""What a run's record says of the structure of the texts that a model wrote as reports."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runners.config_files import load
from runners.plan import ModelPlan, Plan, make_plan
from runners.record import summary
from runners.run import execute
from tasks.nouns import Prediction, Report
from tests.runners.standin import IDS, Standin, Use, make_config, make_data, record

WHOLE = "Findings: Clear lungs.\nImpression: Normal."
TEXTS = [
    "Impression: Normal.\nFindings: Clear.",
    "Impression: Normal.",
    "Findings: Clear.",
    "All is well.",
    '{"findings": "Clear.", "impression": "Nor',
    'Findings: Clear.\nImpression: Normal.\nCheXpert: {"Edema": 0\nICD: ["I10", "428.0"',
]


class Writer(Standin):
    """Writes the text of an image's level, a whole report behind the last."""

    def generate(self, prepared: list[int], *, seed: int) -> list[str]:
        super().generate(prepared, seed=seed)
        return [(TEXTS + [WHOLE] * len(IDS))[level // 20] for level in prepared]


class Faultless(Standin):
    def generate(self, prepared: list[int], *, seed: int) -> list[str]:
        super().generate(prepared, seed=seed)
        return [WHOLE] * len(prepared)


def _plan(folder: Path) -> ModelPlan:
    data = make_data(folder / "data")
    config = make_config(folder, data, "max_failures: 1")
    config.write_text(config.read_text(encoding="utf-8").replace("caption_prediction", "report_generation"))
    (data / "captions.csv").unlink()
    rows = "".join(f"{image_id},Clear lungs.,Normal.\n" for image_id in IDS)
    (data / "reports.csv").write_text(f"ID,Findings,Impression\n{rows}", encoding="utf-8")
    return make_plan(load(config))


def _run(plan: ModelPlan, folder: Path) -> str:
    said = io.StringIO()
    execute(plan, folder, Console(file=said, width=200))
    return said.getvalue()


def test_the_record_counts_the_structure_and_the_console_tells(tmp_path: Path, use: Use) -> None:
    use(Writer())
    plan, folder = _plan(tmp_path), tmp_path / "run"
    said = _run(plan, folder)
    wanted = {"both": 8, "in_order": 7, "findings_only": 1, "impression_only": 1, "none": 2}
    assert record(folder)["structure"] == {**wanted, "score": pytest.approx((7 + 0.75 + 2 * 0.25) / 12)}
    assert "8 of 12 texts had findings and impression, 7 in this order; structure score 0.688 (run.json" in said
    table = (folder / "predictions.csv").read_text(encoding="utf-8")
    assert '"Findings: Clear.\nImpression: Normal.\nCheXpert: {""Edema"": 0}\nICD: [""I10"", ""428.0""]"' in table
    assert "CheXpert" not in (folder / "submission.json").read_text(encoding="utf-8")
    use(Writer())
    before = record(folder)["finished"], record(folder)["structure"]
    _run(plan, folder)
    assert record(folder)["structure"] == before[1] and record(folder)["counts"]["failed"] == 2


def test_a_faultless_structure_is_not_talked_of(tmp_path: Path, use: Use) -> None:
    use(Faultless())
    assert "structure score" not in _run(_plan(tmp_path), tmp_path / "run")
    assert record(tmp_path / "run")["structure"]["score"] == 1


def test_a_record_from_before_is_completed_without_asking_again(tmp_path: Path, use: Use) -> None:
    use(Writer())
    plan, folder = _plan(tmp_path), tmp_path / "run"
    _run(plan, folder)
    told = record(folder)["structure"]
    text = (folder / "run.json").read_text(encoding="utf-8")
    written = json.loads(text)
    del written["structure"]
    (folder / "run.json").write_text(json.dumps(written), encoding="utf-8")
    _run(plan, folder)
    assert record(folder)["structure"] == told


class Vote(Plan):
    """A plan whose answers nobody wrote."""

    @property
    def made_of(self) -> dict[str, Any]:
        return {}

    @property
    def called(self) -> str:
        return "vote"

    def answer(self, *_: object) -> None:
        raise AssertionError


def test_a_system_writes_no_text_that_could_have_a_structure(tmp_path: Path) -> None:
    asked = _plan(tmp_path)
    voted = Vote(**{field.name: getattr(asked, field.name) for field in fields(Plan)})
    results = {IDS[0]: Prediction(IDS[0], Report("Clear.", "Normal."), text=WHOLE)}
    assert "structure" in summary(asked, results) and "structure" not in summary(voted, results)
    assert "structure" not in summary(asked, {})
