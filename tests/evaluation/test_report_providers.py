"""Metrics of reports by models: RadEval in an environment, ReXrank's published rows, its BLEU-2 and its BERTScore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.commands import score
from evaluation.profiles import CHEXBERT, profile_of
from evaluation.providers import chosen_models, measure, reason
from evaluation.providers.base import Equipment, Pairs
from evaluation.providers.package_metric import WORKER
from evaluation.providers.reports import KINDS, LEAST, CheXbertCodes, RadCliq, radcliq_v1, report_providers
from evaluation.providers.rexrank import LAYER, SHAPE, RexrankBertScore, baseline, rexrank_bleu2
from tasks.editions import load_edition
from tasks.nouns import InputError, Task
from tests.evaluation.official_packages import make_environment, number
from tests.evaluation.test_bertscore import PREDICTIONS, REFERENCES, byte_pairs

REPORTS = load_edition(2026, Task.REPORTS)
OURS = ["Cardiomegaly. Possible edema.", "Lungs are  clear.", "", "Pleural effusion and edema."]
THEIRS = ["Cardiomegaly.", "Edema.", "Fracture.", "Pleural effusion. Possible pneumonia."]

PUBLISHED = """
CheXagent .116 .353 .488 .139 .827          CheXpertPlus-MIMIC .178 .386 .593 .169 .988
CheXpertPlus-CheX .157 .413 .495 .153 .92   CheXpertPlus-CheX-MIMIC .198 .453 .593 .211 1.179
Cvt2distilgpt2-MIMIC .199 .422 .609 .209 1.126   Cvt2distilgpt2-IU .244 .482 .548 .265 1.283
MedVersa .206 .527 .606 .235 1.46           RadFM .2 .459 .566 .23 1.187
RaDialog .201 .444 .544 .205 1.086          RGRG .216 .437 .602 .223 1.174
LLM-CXR .033 .186 .057 .023 .486            GPT4V .076 .274 .405 .146 .708
MAIRA-2 .219 .477 .604 .233 1.298           MoERad-IU .277 .525 .641 .341 1.922
UniRG-CXR .376 .636 .701 .398 4.804         CARE-X .272 .537 .653 .302 1.859
"""
"""System, BLEU, BertScore, SembScore, RadGraph, 1/RadCliQ-v1: rows of results/findings_result_iu_xray.csv in
github.com/rajpurkarlab/ReXrank, commit 1602a4c."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("reports"))


def pairs(predictions: Sequence[str] = OURS, references: Sequence[str] = THEIRS) -> Pairs:
    return Pairs([f"study_{n}" for n in range(len(references))], predictions, references)


def cosine(ours: str, theirs: str) -> float:
    """Of the stand-in's embeddings."""
    one, other = (np.array([len(text), 2, 3]) for text in (ours, theirs))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_radcliq_is_that_of_rexranks_published_rows() -> None:
    """Its means are linear in the means of its parts, and the published value is one over the mean of RadCliQ-v1."""
    rows = np.array(PUBLISHED.split()).reshape(-1, 6)
    assert len(rows) == 16
    for name, *numbers in rows.tolist():
        _, bertscore, semb, radgraph, published = map(float, numbers)
        mean = radcliq_v1(radgraph, bertscore, semb)
        assert 1 / mean == pytest.approx(published, rel=0.015 if published > 4 else 0.006), name


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        ("radgraph_f1", "radgraph_radcliq"),
        ("radgraph_er", "radgraph_partial"),
        ("ratescore", "ratescore"),
        ("green", "green"),
    ],
)
def test_radevals_own_metrics(metric: str, key: str, environment: Path) -> None:
    found = measure([metric], pairs(), edition=REPORTS, equipment=Equipment({}, environment))[metric]
    expected = [number([key, r, p]) if p else 0.0 for p, r in zip(OURS, THEIRS, strict=True)]
    assert found.statistics.per_image.tolist() == expected
    assert found.statistics.value == pytest.approx(np.mean(expected))
    assert not found.surrogate
    assert "|avg:image|env:reports|python:3." in found.formula and "|radeval:2.2.1|" in found.formula
    assert found.warnings == ("1 of 4 pairs have an empty text and a value by rule",)


def test_a_report_without_a_sentence_shifts_no_other(environment: Path) -> None:
    """RaTEScore leaves out sentences below three letters, so a report is asked about alone, or not at all."""
    found = report_providers(environment)["ratescore"].measure(pairs(["ok", "clear", "a raise", "."], ["a b"] * 4))
    assert found.unavailable == "ratescore failed on image study_2: ValueError: no such word"
    found = report_providers(environment)["ratescore"].measure(pairs(["ok", "clear"], ["a b"] * 2))
    assert found.statistics.per_image.tolist() == [0.0, number(["ratescore", "a b", "clear"])]


def test_semb(environment: Path) -> None:
    found = report_providers(environment)["semb"].measure(pairs())
    assert found.statistics.per_image == pytest.approx([cosine(*texts) for texts in zip(OURS, THEIRS, strict=True)])
    assert found.warnings == ()


def test_radcliq_from_its_parts(environment: Path) -> None:
    found = RadCliq(environment=environment).measure(pairs())
    given_ = ["distilroberta-base", 5, True, False]
    each = [
        radcliq_v1(
            number(["radgraph_radcliq", r, p]), number([given_, r, " ".join(p.split())]) if p else 0, cosine(p, r)
        )
        for p, r in zip(OURS, THEIRS, strict=True)
        if p
    ]
    rows = np.asarray(found.statistics.rows)
    assert rows[[0, 1, 3], 0] == pytest.approx(each)
    assert found.statistics.value == pytest.approx(1 / max(rows[:, 0].mean(), LEAST))
    assert "higher is better" in found.warnings[0]
    low = RadCliq().statistics(np.array([[-1.4], [0.5], [2.0]]))
    assert low.per_image.tolist() == [100.0, 2.0, 0.5]
    assert low.value == pytest.approx(3 / 1.1)


def test_chexbert_f1_is_that_of_scikit_learn(environment: Path) -> None:
    """The six conventions of f1chexbert: uncertain labels present, the fourteen labels or five."""
    from sklearn.metrics import f1_score

    providers = report_providers(environment)
    wide = {"Cardiomegaly": [1, 0, 0, 0, 1, 0, 0, 0], "Edema": [1, 0, 0, 1, 0, 1, 0, 0]}
    wide |= {"Pleural Effusion": [0, 0, 0, 1, 0, 0, 0, 1], "Pneumonia": [0, 0, 0, 0, 0, 0, 0, 1]}
    wide |= {"Fracture": [0, 0, 0, 0, 0, 0, 1, 0], "No Finding": [0, 1, 1, 0, 0, 0, 0, 0]}
    both = np.array([*wide.values(), *[[0] * 8] * 8]).T
    five = [0, 1, 2, 6, 7]  # Consolidation and Atelectasis are in no text
    for name in CHEXBERT:
        found = providers[name].measure(pairs())
        average = name.split("_")[1].rstrip("0123456789")
        columns = five if "5_" in name else list(range(14))
        expected = f1_score(both[4:, columns], both[:4, columns], average=average, zero_division=0)
        assert found.statistics.value == pytest.approx(expected), name
        assert f"|labels:{len(columns)}|uncertain:1|avg:{average}" in found.formula and "avg:image" not in found.formula
        assert found.formula.endswith("|ci:recentred") == (average == "macro")


def test_a_package_that_fails_costs_its_metric_only(environment: Path) -> None:
    asked = ["radgraph_f1", "green", "semb"]
    found = measure(asked, pairs(["a kill", "b"], ["c", "d"]), edition=REPORTS, equipment=Equipment({}, environment))
    for name in asked[:2]:
        assert found[name].unavailable.startswith("the program was killed by SIGKILL")
    assert found["semb"].unavailable == ""


def test_an_environment_without_the_package(tmp_path: Path) -> None:
    bare = make_environment(tmp_path / "bare")
    for module in bare.glob("lib/*/site-packages/radeval/__init__.py"):
        module.write_text("raise ImportError('no torch')", encoding="utf-8")
    for name, provider in report_providers(bare).items():
        found = provider.measure(pairs(["a"], [f"b {name}"]))
        assert found.unavailable.startswith("ImportError: no torch; needs the package radeval and "), name


@pytest.mark.parametrize("values", ["[[[1], [0]]]", "[[[1, 0], [0]], [1]]", "[null]", "7", '["x"]'])
def test_what_is_not_as_many_numbers_is_no_value(values: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    said = [json.dumps({"ready": True}), f'{{"index": 0, "values": {values}}}']
    python.write_text("#!/bin/sh\nread x\n" + "".join(f"echo '{line}'\n" for line in said), encoding="utf-8")
    python.chmod(0o755)
    found = CheXbertCodes(environment=tmp_path, limit=20.0).measure(pairs(["a"], ["b"]))
    assert found.unavailable.startswith("chexbert gave no number for image study_0: ")


def reports(path: Path, texts: Sequence[str]) -> str:
    rows = (f'study_{n},"{text}",' for n, text in enumerate(texts))
    path.write_text("\n".join(["ID,Findings,Impression", *rows]), encoding="utf-8")
    return str(path)


def scored(folder: Path, *more: str) -> dict[str, Any]:
    ours, theirs = reports(folder / "ours.csv", OURS), reports(folder / "theirs.csv", THEIRS)
    done = CliRunner().invoke(
        score, [ours, "--task", "3", "--references", theirs, "--json", *more], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_profile_names_every_metric_with_the_way_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    found = scored(tmp_path, "--profile", "rexrank")
    roles = profile_of("rexrank", task=Task.REPORTS, edition=REPORTS).roles
    assert list(found["scores"]) == ["bleu2_rexrank"]
    assert found["scores"].keys() | found["unavailable"].keys() == roles.keys()
    assert roles["radcliq_v1_inverse"] == "primary"
    for kind in KINDS:
        assert found["unavailable"][kind.metric] == reason(kind.metric)
        assert kind.weights in reason(kind.metric) and "--official-env PATH" in reason(kind.metric)
    assert "hf download distilbert/distilroberta-base" in found["unavailable"]["bertscore_rexrank"]


def test_the_profile_in_an_environment(tmp_path: Path, environment: Path) -> None:
    found = scored(tmp_path, "--profile", "rexrank", "--official-env", str(environment))
    assert next(iter(found["scores"])) == "radcliq_v1_inverse"
    assert found["scores"].keys() >= {kind.metric for kind in KINDS}
    assert all(not one["surrogate"] for one in found["scores"].values())
    labels = scored(tmp_path, "--profile", "chexpert", "--official-env", str(environment))
    assert not set(CHEXBERT) & labels["unavailable"].keys(), labels["unavailable"]
    assert labels["scores"].keys() >= set(CHEXBERT)
    assert labels["scores"]["chexbert_micro14_u1"]["role"] == "extra"


def test_the_requirements_pin_the_package() -> None:
    text = WORKER.with_name("report-requirements.txt").read_text(encoding="utf-8")
    assert "\nradeval==2.2.1\n" in text
    assert all(name in text for name in ("bert-base-uncased", "distilroberta-base", "GREEN-radllama2-7b", "BioLORD"))


REPORT = st.lists(st.sampled_from(["no", "lung", "clear.", "Clear", "", "effusion,", ".", "a.b", "\n"]), max_size=9)


@settings(deadline=None)
@given(st.lists(st.tuples(REPORT, REPORT), min_size=1, max_size=5))
def test_bleu2_is_nltks_with_the_smoothing_of_fast_bleu(drawn: list[tuple[list[str], list[str]]]) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu  # type: ignore[import-untyped]

    texts = [(" ".join(ours), " ".join(theirs)) for ours, theirs in drawn]
    cut = [[[w for w in text.lower().replace(".", " .").split(" ") if w] for text in pair] for pair in texts]
    smoothing = SmoothingFunction().method1
    expected = [sentence_bleu([theirs], ours, (0.5, 0.5), smoothing) if ours else 0.0 for ours, theirs in cut]
    found = rexrank_bleu2([ours for ours, _ in texts], [theirs for _, theirs in texts])
    np.testing.assert_allclose(found.per_image, expected, rtol=0, atol=1e-12)


def test_bleu2_by_hand() -> None:
    """The values that fast_bleu 0.0.90 gives, in single precision."""
    texts = [("The lungs are clear.", "lungs are clear."), ("clear", "effusion"), ("no mass", "mass no"), ("", "a")]
    found = rexrank_bleu2([ours for ours, _ in texts], [theirs for _, theirs in texts])
    assert found.per_image == pytest.approx([0.7745967, 0.0, 0.3162278, 0.0], abs=1e-6)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RoBERTa with distilroberta's number of layers and random weights."""
    import torch
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "distilroberta-base"
    vocabulary = byte_pairs("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    RobertaTokenizer(**vocabulary, model_max_length=24, add_prefix_space=True).save_pretrained(folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 48}
    config = RobertaConfig(vocab_size=len(vocabulary["vocab"]), pad_token_id=1, initializer_range=0.3, **sizes)
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_bertscore_is_the_librarys_with_its_baseline(tiny: Path) -> None:
    import bert_score

    path = Path(bert_score.__file__).with_name("rescale_baseline") / "en" / "distilroberta-base.tsv"
    scorer = bert_score.BERTScorer(
        str(tiny), num_layers=LAYER, lang="en", rescale_with_baseline=True, baseline_path=str(path)
    )
    texts = pairs([*PREDICTIONS, "lung  mass"], [*REFERENCES, "lung mass"])
    expected = scorer.score([" ".join(p.split()) for p in texts.predictions], list(texts.references))[2].numpy()
    found = measure(
        ["bertscore_rexrank"],
        texts,
        edition=REPORTS,
        equipment=Equipment(chosen_models([f"bertscore_rexrank={tiny}"])),
    )["bertscore_rexrank_surrogate"]
    np.testing.assert_allclose(found.statistics.per_image, expected, rtol=0, atol=1e-4)
    assert found.statistics.per_image[-1] == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(expected) > 0.1
    assert "|model:distilroberta-base|weights:" in found.formula and "|layer:5|idf:no|rescale:0.8473|" in found.formula
    assert baseline() == pytest.approx(float(scorer.baseline_vals[2]), abs=1e-6)


def test_what_is_called_rexranks_bertscore(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads((tiny / "config.json").read_text(encoding="utf-8")).items() >= {"num_hidden_layers": 6}.items()
    shape = {**SHAPE, "hidden_size": 32}
    monkeypatch.setattr("evaluation.providers.rexrank.SHAPE", shape)
    assert not RexrankBertScore(str(tiny)).measure(pairs(["ct"], ["mri"])).surrogate
    with pytest.raises(InputError, match=r"tokenizer of .*gone; it needs distilroberta-base as a folder"):
        RexrankBertScore(str(tmp_path / "gone")).measure(pairs(["ct"], ["mri"]))
    with pytest.raises(InputError, match="write bertscore=FOLDER"):
        chosen_models(["semb=folder"])
