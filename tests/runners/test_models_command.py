"""`imageclef models`: what a config will do, told without its weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runners.preview import catalog as catalogs
from runners.preview import room
from runners.preview.commands import models
from tests.runners.asking import load
from tests.runners.looking import BASE, invoke, of, problems, run
from tests.runners.tiny import FAMILIES

Build = Callable[[str], Path]


@pytest.fixture
def model(tiny: Build, tmp_path: Path) -> Path:
    """A copy of a tiny checkpoint to spoil."""
    return Path(shutil.copytree(tiny("llava"), tmp_path / "model"))


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"llava_med"}))
def test_every_family_is_told_without_its_weights(family: str, tiny: Build, tmp_path: Path) -> None:
    status, findings = run(tmp_path, tiny(family), quantization="nf4", generation={"num_beams": 3})
    assert status == 0, problems(findings)
    tokens = of(findings, "image tokens")["facts"]
    assert tokens["network"] in (None, tokens["prompt"])
    assert of(findings, "prompt length")["facts"]["tokens"] > tokens["prompt"]
    assert of(findings, "memory")["facts"]["total"] > 0
    assert "beam search with 3 beams" in of(findings, "generation")["text"]


@pytest.mark.parametrize("family", ["blip", "llava_bare", "qwen2_vl", "vision-encoder-decoder"])
def test_it_tells_what_loading_finds(family: str, tiny: Build, tmp_path: Path) -> None:
    _, findings = run(tmp_path, tiny(family))
    facts = load(tiny(family)).facts
    assert of(findings, "family")["facts"]["parameters"] == facts["parameters"]
    assert of(findings, "family")["facts"]["architecture"] == facts["architecture"]
    assert of(findings, "prompt form")["facts"]["form"] == facts["prompt_form"]
    assert of(findings, "processor")["facts"]["changed"] == facts["processor_changes"]
    assert of(findings, "generation")["facts"]["arguments"]["eos_token_id"] == facts["generation"]["eos_token_id"]


def test_the_prompt_is_shown_as_the_model_sees_it(tiny: Build, tmp_path: Path) -> None:
    _, findings = run(tmp_path, tiny("qwen2_vl"))
    assert of(findings, "prompt")["text"] == (
        "<|im_start|>user\n<|vision_start|><|image_pad|> x 9<|vision_end|>Describe this image.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert of(findings, "pixels")["facts"]["max_pixels"] == 16 * 28 * 28
    assert of(findings, "image tokens")["text"].startswith("9 in the prompt, 9 from the vision tower")
    length = of(findings, "prompt length")["facts"]["tokens"]
    _, smaller = run(tmp_path, tiny("qwen2_vl"), "model.max_pixels=3136")
    assert of(smaller, "prompt length")["facts"]["tokens"] == length - 16 + 4


def test_no_weights_are_read(tiny: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", fail)
    status, _ = run(tmp_path, tiny("llava"))
    assert status == 0


def test_a_processor_of_another_model_would_fail(model: Path, tmp_path: Path) -> None:
    file = model / "processor_config.json"
    told = json.loads(file.read_text("utf-8"))
    told["image_processor"]["crop_size"] = {"height": 56, "width": 56}
    told["image_processor"]["size"] = {"shortest_edge": 56}
    file.write_text(json.dumps(told), encoding="utf-8")
    status, findings = run(tmp_path, model)
    assert status == 1 and "image tokens" in problems(findings)[0] and "patch_size" in problems(findings)[0]


@pytest.mark.parametrize(
    ("spoil", "topic", "said"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "processor", "tokenizer"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "unheard_of"}'), "family", "unheard_of"),
        (lambda folder: (folder / "config.json").write_text("{torn"), "base model", "fetch the checkpoint again"),
        (lambda folder: (folder / "model.safetensors").unlink(), "base model", "has no *.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut"), "base model", "damaged or cut short"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "internvl_chat"}'),
            "base model",
            "-hf at its end",
        ),
    ],
)
def test_a_broken_checkpoint_is_a_problem_with_its_mend(
    spoil: Callable[[Path], object], topic: str, said: str, model: Path, tmp_path: Path
) -> None:
    spoil(model)
    status, findings = run(tmp_path, model)
    [told] = problems(findings)
    assert status == 1 and told.startswith(f"{topic}: ") and said in told
    assert of(findings, "versions")["level"] == "ok"


@pytest.mark.parametrize(
    ("settings", "topic", "said"),
    [
        (["model.device=cuda:7"], "device", "cuda:7"),
        (["model.dtype=float16"], "device", "float16 is for accelerators"),
        (["model.attention=flash_attention_2"], "device", "flash_attention_2"),
        (["model.max_pixels=1000"], "processor", "model.max_pixels"),
        (["prompt.text={{ hints }}"], "prompt", "prompt.hints"),
        (["prompt.text={{ nobody"], "prompt", "prompt.text"),
        (["generation.num_beams=2", "generation.do_sample=true", "generation.top_p=0.5"], "", ""),
    ],
)
def test_what_would_stop_a_run_stops_the_check(
    settings: list[str], topic: str, said: str, tiny: Build, tmp_path: Path
) -> None:
    status, findings = run(tmp_path, tiny("llava"), *settings)
    told = problems(findings)
    assert status == (1 if topic else 0), told
    assert not topic or (told[0].startswith(f"{topic}: ") and said in told[0])


def test_a_checkpoint_without_a_chat_template_is_warned_of(model: Path, tmp_path: Path) -> None:
    (model / "chat_template.jinja").unlink()
    status, findings = run(tmp_path, model)
    told = of(findings, "prompt form")
    assert status == 0 and told["level"] == "warning" and "no chat template" in told["text"]
    assert "chat_template*" in told["mend"] and of(findings, "prompt")["text"].endswith("ASSISTANT:")


def test_a_model_of_text_alone_is_told_in_few_words(model: Path, tmp_path: Path) -> None:
    (model / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    _, findings = run(tmp_path, model)
    assert "text alone" in problems(findings)[0] and len(problems(findings)[0]) < 600


def test_a_missing_device_does_not_hide_the_rest(tiny: Build, tmp_path: Path) -> None:
    _, findings = run(tmp_path, tiny("llava"), "model.device=cuda:7")
    assert of(findings, "image tokens")["level"] == "ok"
    assert not [finding for finding in findings if finding["topic"] == "memory"]


@pytest.mark.parametrize(
    ("free", "whole", "level"), [(10**9, 10**9, "ok"), (10**6, 10**9, "warning"), (10**6, 10**6, "problem")]
)
def test_memory_against_the_device(
    free: int, whole: int, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_memory", lambda _: (free, whole))
    status, findings = run(tmp_path, "sample", batch_size=4)
    found = of(findings, "memory")
    assert found["level"] == level and status == int(level == "problem")
    facts = found["facts"]
    assert facts["images"] == 4
    assert facts["total"] == facts["weights"] + facts["cache"] + facts["activations"]
    assert (level == "ok") == ("nf4" not in found["mend"])
    assert (facts["largest_batch"] > 4) == (level == "ok")


@pytest.mark.parametrize("family", ["llava", "qwen2_vl", "idefics3"])
def test_the_told_weights_are_those_of_the_asked_precision(family: str, tiny: Build, tmp_path: Path) -> None:
    _, findings = run(tmp_path, tiny(family), "model.dtype=bfloat16")
    loaded = load(tiny(family), model={"name": str(tiny(family)), "dtype": "bfloat16"})
    assert of(findings, "device")["text"] == "cpu, computing in bfloat16"
    assert of(findings, "memory")["facts"]["weights"] == loaded.network.get_memory_footprint()


def test_a_model_that_is_not_here_is_told_kindly_and_by_what_is_known(tmp_path: Path) -> None:
    status, findings = run(tmp_path, "Qwen/Qwen2-VL-2B-Instruct")
    assert status == 1
    assert "2.2 billion parameters" in of(findings, "known")["text"]
    assert "HF_HUB_OFFLINE" in of(findings, "base model")["text"]


def test_a_refused_family_is_told_before_any_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = catalogs.Row("internvl_chat", "InternVL", (catalogs.Size("o/n", 10**9, None),), "chat", (), "why")
    monkeypatch.setattr(catalogs, "catalog", lambda: [row])
    status, findings = run(tmp_path, "o/n")
    assert status == 1 and "-hf" in of(findings, "family")["text"]
    assert not [finding for finding in findings if finding["topic"] == "base model"]


def test_a_checkpoint_that_is_converted_first_says_so(tiny: Build, tmp_path: Path) -> None:
    status, findings = run(tmp_path, tiny("llava_med"))
    assert status == 0
    assert of(findings, "family")["level"] == "warning" and "converted" in of(findings, "family")["text"]


def test_a_server_is_asked_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    served: Any = {"name": "med", "served": {"url": "http://localhost:1/v1", "key": "SOME_KEY"}}
    status, findings = run(tmp_path, "", model=served)
    assert status == 1 and "the environment variable SOME_KEY is not set" in problems(findings)[0]
    assert "http://localhost:1/v1" in of(findings, "server")["text"]
    monkeypatch.setenv("SOME_KEY", "secret")
    result = invoke(tmp_path, "", model=served)
    assert result.exit_code == 0 and "secret" not in result.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"served": {"url": "localhost:8000"}}}, "not a web address"),
        ({"adapters": [{"path": "a/b"}]}, "adapters: has no effect on a served model"),
        ({"quantization": "nf4"}, "quantization: has no effect on a served model"),
        ({"generation": {"num_beams": 3}}, "generation.num_beams: this server does not do that"),
        ({"prompt": {"text": "<image> What is seen?"}}, "it holds the image token <image>"),
    ],
)
def test_what_no_server_can_do_is_told_without_asking_one(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    served = {"name": "med", "served": {"url": "http://localhost:1/v1"}}
    status, findings = run(tmp_path, "", **{**change, "model": {**served, **change.get("model", {})}})
    assert status == 1 and said in problems(findings)[0]


def test_a_vocabulary_that_is_gone_matters_where_it_is_read(tmp_path: Path) -> None:
    here = tmp_path / "cuis.csv"
    here.touch()
    data = {"path": "nowhere", "vocabulary": [str(here), "gone.csv"]}
    assert run(tmp_path, "sample", data=data)[0] == 0
    status, findings = run(tmp_path, "sample", data=data, task="concept_detection")
    assert status == 1 and problems(findings) == ["vocabulary: data.vocabulary: no file gone.csv correct the path"]


def test_bad_arguments_are_bad_input(tmp_path: Path) -> None:
    from tasks.nouns import InputError

    result = CliRunner().invoke(models, ["check", str(tmp_path / "gone.yaml")])
    assert isinstance(result.exception, InputError)
    result = invoke(tmp_path, "sample", "seed=many")
    assert isinstance(result.exception, InputError)
    assert CliRunner().invoke(models, ["fly"]).exit_code == 2


def test_people_read_it_too(tiny: Build, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({**BASE, "model": {"name": str(tiny("blip"))}}), encoding="utf-8")
    result = CliRunner().invoke(models, ["check", str(file)])
    assert result.exit_code == 0, result.output
    assert "nothing stands in the way" in result.output and "looked at by cross-attention" in result.output
    failing = CliRunner().invoke(models, ["check", str(file), "--set", "model.device=cuda:7"])
    assert failing.exit_code == 1 and "1 problem" in failing.output


def test_the_list_of_families(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(CliRunner().invoke(models, ["list", "--json"]).stdout)
    by_name = {row["model_type"]: row for row in listed}
    assert by_name["internvl_chat"]["refused"] and not by_name["blip"]["refused"]
    assert by_name["qwen2_vl"]["sizes"][0]["bf16_gib"] == pytest.approx(4.1, abs=0.1)
    monkeypatch.setenv("COLUMNS", "160")
    text = CliRunner().invoke(models, ["list"]).output
    assert all(name in text for name in by_name)
    assert "Qwen/Qwen2-VL-2B-Instruct" in text and by_name["internvl_chat"]["refused"].split()[0] in text
