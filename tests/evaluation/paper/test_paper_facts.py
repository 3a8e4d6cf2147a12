"""What records say: systems of every kind, trainings, time and energy, literature."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evaluation.paper.bibliography import _entries
from evaluation.paper.energy import power_of, spent_of
from evaluation.paper.facts import described, facts_of, took
from evaluation.paper.trainings import stages_of, training_facts
from evaluation.paper.wording import Wording
from tasks.concepts import Vocabulary
from tasks.nouns import Report
from tests.evaluation.paper.small_runs import RETRIEVAL, SESSION, record_of

TRAINING: dict[str, Any] = {
    "name": "a_b",
    "config": {"lora.rank": 32, "lora.alpha": 64.0, "lora.dropout": 0.0, "optimization.optimizer": "adamw", "seed": 7},
    "data": {"train": 1600, "valid": 400},
    "base": {"name": "/home/me/models/base", "identity": "sha256:" + "cd" * 32},
    "fingerprint": {"sha256": "ef" * 32, "inputs": {}},
    "stages": [{"name": "first", "train": ["language"], "how": "lora", "steps": 40, "learning_rate": 0.001}],
    "losses": {"first": {"first": 4.0, "last": 3.5, "lowest": 3.2}},
    "best": {"stage": "first", "step": 40, "images": 10, "scores": {"rouge1": 0.2}},
    "final": {"metric": "rouge1", "scores": {}},
    "sessions": [SESSION, {**SESSION, "processes": 4, "seconds": 3600.0}],
    "evaluations": [],
    "finished": "2026-05-01T22:00:00+00:00",
}


def test_a_model_with_an_adapter(tmp_path: Path) -> None:
    facts = facts_of(record_of(tmp_path, "a", "caption_prediction"))
    assert facts["base model"] == "vendor/Model_7B"
    assert facts["adapter"] == "LoRA a_b/adapter, rank 16"
    assert facts["quantization"] == "nf4 (28 modules)"
    assert facts["generation"] == "beam search (3), max_new_tokens 60"
    assert facts["parameters"] == "7,000,000,000"
    assert facts["failed images"] == "1 of 12 (8.3%)"
    assert facts["time per image"] == "0.50 s on average, 95 % within 0.90 s"
    assert facts["hardware"] == "NVIDIA A100-SXM4-80GB (80 GiB), AMD EPYC, 16 cores, 128 GiB"


def test_a_system_without_a_generating_model(tmp_path: Path) -> None:
    record = record_of(tmp_path, "a", "concept_detection") | RETRIEVAL
    del record["base"], record["adapters"], record["prompt"]
    record["config"]["decision.rule"] = "expected_f1"
    facts = facts_of(record)
    assert (facts["method"], facts["learned from"], facts["retrieval.k"]) == (
        "retrieval",
        "1,600 images of train",
        "60",
    )
    assert facts["score when tuned"] == "0.2500 on valid, 0.2400 where it was held out in folds"
    assert facts["time per image"] == "0.50 s on average over the whole run"
    assert "base model" not in facts
    assert facts["decision.rule"] == "expected_f1"
    assert "decision.rule" not in facts_of({**record, "decision": None})


def test_what_all_runs_have_comes_last(tmp_path: Path) -> None:
    record = record_of(tmp_path, "a", "caption_prediction")
    assert [*described(record), *took(record)] == list(facts_of(record))
    assert next(iter(took(record))) == "hardware"


def test_a_record_that_says_little(tmp_path: Path) -> None:
    record = record_of(tmp_path, "a", "caption_prediction") | {"model": {}, "sessions": [], "timing": {}, "counts": {}}
    facts = facts_of(record)
    assert facts["base model"] == "vendor/Model_7B"
    assert not {"architecture", "parameters", "hardware", "failed images", "time per image"} & facts.keys()


def test_words_of_an_example_have_room_for_so_many_letters() -> None:
    words = Wording(Vocabulary({"C1": ("alpha_1",), "C2": ("beta",), "C3": ("gamma",)}), letters=12)
    assert words.shown(("C1", "C2", "C3")) == r"alpha{\_}1; beta; and 1 more."
    assert words.said(("c1", "C3"), ("C1", "C2")) == r"\textbf{alpha{\_}1}; \textit{gamma}. Missed: beta."
    assert words.said((), ("C2",)) == "no concept. Missed: beta."
    assert words.said(("C2",), None) == "beta."
    assert words.shown("0123456789abcdef") == "0123456789ab [4 further letters]"
    assert words.shown(Report("clear", "")) == "Findings: cl [3 further letters]"
    assert words.shown(" ") == r"\textit{empty}"
    assert words.said("a gamma", "beta") == ("a gamma\n\n{\\scriptsize Concepts named: \\textit{gamma}. Missed: beta.}")


def test_a_training() -> None:
    facts = training_facts(TRAINING)
    assert facts["LoRA"] == "rank 32, alpha 64.0, dropout 0.0"
    assert facts["base model"].startswith("models/base, sha256:")
    assert facts["chosen by"] == "rouge1 = 0.2000 on 10 validation images, step 40 of stage first"
    assert stages_of(TRAINING)[0] == ("first", "language (lora)", "", "", "40", "", "0.001", "4.000 to 3.500")


def test_energy_is_hours_times_published_power() -> None:
    spent = spent_of([SESSION])
    assert spent.hours == 2
    assert spent.kwh == pytest.approx(0.8)  # 2 h x 400 W
    assert spent.words() == "2.00 h in 1 session; at most 0.80 kWh: 1 x NVIDIA A100-SXM4-80GB at 400 W"
    together = spent_of([{**SESSION, "processes": 4, "seconds": 3600.0}])
    assert together.kwh == pytest.approx(1.6)  # four boards, one for each process


def test_energy_is_not_guessed() -> None:
    other = {**SESSION, "hardware": {"accelerators": [{"name": "Abacus 1", "memory_bytes": 1}]}}
    assert spent_of([other]).words().endswith("energy not estimated: no published power of Abacus 1 is listed")
    assert "processors alone" in spent_of([{"seconds": 30.0}]).words()
    killed = {key: value for key, value in SESSION.items() if key != "seconds"}
    assert "2 sessions (1 of them broken off" in spent_of([SESSION, killed]).words()
    assert spent_of([]).kwh is None


def test_every_power_has_its_source() -> None:
    assert power_of("NVIDIA H200") == power_of("NVIDIA H100 80GB HBM3") == 700
    assert power_of("Tesla T4") == 70
    assert power_of("NVIDIA GeForce RTX 3080") is None  # two boards of 320 and 350 W have this name
    text = (Path(__file__).parents[3] / "evaluation/paper/power.yaml").read_text(encoding="utf-8")
    assert all("source: " in line for line in text.splitlines() if line.startswith("-"))


def test_every_entry_of_the_literature_is_whole() -> None:
    for key, entry in _entries().items():
        assert entry["used"], key
        assert entry.get("for") or set(entry["used"]) <= {"bootstrap", "paired", "randomisation", "holm"}, key
        bib = entry["bib"]
        assert re.match(r"@(inproceedings|article|book|misc)\{KEY,\n", bib), key
        assert bib.count("{") == bib.count("}"), key
        assert all(f"  {name} = {{" in bib for name in ("author", "title", "year")), key
        assert bib.isascii(), key
