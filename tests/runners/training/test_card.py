"""The model card says what the record says, reads as it stands, and its config runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from runners.checkpoints import Checkpoint
from runners.config_files import load
from runners.training.card import card, write_card
from runners.training.markdown import escape, fenced, table
from runners.training.record import Losses, Record, new_training
from tasks.nouns import InputError
from tests.runners.training.test_record import BASE, CAPTIONS, config_of, material_of

HUB = Checkpoint(Path("cache"), "hub:Qwen/Qwen2-VL-2B-Instruct@abc")
PROMPT = "Describe the ```image``` | in *one* line.\n<b>Now</b>."


def trained(folder: Path, *, name: str = "mine", base: Checkpoint = BASE, **changes: Any) -> Record:
    """The record of a training that has ended, with its adapter's folder."""
    config = config_of(**{"prompt": {"text": PROMPT}, **changes})
    record = Record.open(folder, new_training(config, name, material_of(CAPTIONS), base=base, prompt=PROMPT))
    with record.session():
        losses = Losses(folder, ["rouge1"])
        losses.restart("language", [{"step": 1, "loss": 3.0}, {"step": 40, "loss": 1.25, "learning_rate": 1e-5}])
        record.stage(
            "language",
            train=["projector", "language"],
            how="lora",
            images=2,
            trainable_tensors=60,
            trainable_parameters=1234567,
            steps=40,
            effective_batch=16,
            learning_rate=0.0002,
            seconds=12.5,
        )
        record.evaluated(stage="language", step=0, scores={"rouge1": 0.125}, best=False, images=1, failed=0)
        record.evaluated(stage="language", step=20, scores={"rouge1": 0.25}, best=True, images=1, failed=0)
        record.finish(scores={"rouge1": 0.3127, "bleu1": 0.2}, metric="rouge1", images=1, failed=0)
    (folder / "adapter").mkdir()
    return record


def block(text: str, language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"^(`{{3,}}){language}\n(.*?)\n\1$", text, re.S | re.M)
    assert found is not None
    return found[2]


def test_the_card_tells_what_was_done(tmp_path: Path) -> None:
    trained(tmp_path)
    write_card(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for said in (
        "# mine: caption prediction",
        "| training |  | 2 |",
        "| validation |  | 1 |",
        "| language | projector, language (lora) | 60 | 1,234,567 | 2 | 40 | 16 | 0.0002 | 12.5 | 3 → 1.25 |",
        "| rouge1 | 0.3127 |",
        "All 1 validation images",
        "Chosen by `rouge1` on 1 of them while training: 0.25 at step 20 of stage language; ",
        "; the base model has 0.125 on these.",
        "Of training in validation: 0 ids.",
        "| lora.rank | 16 |",
        "| optimization.learning\\_rate | 0.0002 |",
        "not for clinical use",
        "PhysioNet",
        "![losses and validation score](losses.png)",
    ):
        assert said in text
    assert (tmp_path / "losses.png").exists()
    assert "not finished" not in text


def test_the_adapter_carries_the_card_without_the_picture(tmp_path: Path) -> None:
    trained(tmp_path)
    write_card(tmp_path)
    whole = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "adapter/README.md").read_text(encoding="utf-8") == whole.replace(
        "![losses and validation score](losses.png)\n\n", ""
    )


def test_the_prompt_is_shown_exactly_whatever_it_holds(tmp_path: Path) -> None:
    text = card(trained(tmp_path).content)
    assert f"\n````\n{PROMPT}\n````\n" in text
    assert "<b>" not in text.replace(f"````\n{PROMPT}\n````", "").replace(block(text, "yaml"), "")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prompt": {"name": "caption", "language": "es"}},
        {"model": {"name": "sample", "max_pixels": 4096}, "quantization": "nf4"},
        {"generation": {"num_beams": 3, "max_new_tokens": 64, "stop_strings": ["\n"]}},
    ],
)
def test_the_config_in_the_card_is_the_training_s(tmp_path: Path, changes: dict[str, Any]) -> None:
    record = trained(tmp_path, **changes)
    (tmp_path / "run.yaml").write_text(block(card(record.content), "yaml"), encoding="utf-8")
    ran, was = load(tmp_path / "run.yaml").config, config_of(**{"prompt": {"text": PROMPT}, **changes})
    assert (ran.task, ran.model, ran.quantization, ran.prompt) == (was.task, was.model, was.quantization, was.prompt)
    assert ran.generation == was.generation
    assert [adapter.path for adapter in ran.adapters] == ["trainings/caption_prediction/mine/adapter"]


def test_a_training_in_full_is_run_as_a_model(tmp_path: Path) -> None:
    record = trained(tmp_path, stages=[{"name": "language", "train": ["language"], "how": "full"}])
    (tmp_path / "run.yaml").write_text(block(card(record.content), "yaml"), encoding="utf-8")
    ran = load(tmp_path / "run.yaml").config
    assert ran.model.name == "trainings/caption_prediction/mine/model"
    assert not ran.adapters


def test_no_place_on_this_machine_is_told(tmp_path: Path) -> None:
    text = card(
        trained(
            tmp_path,
            model={"name": "/home/someone/models/qwen"},
            data={"path": "/home/someone/mimic-cxr"},
            prompt={"file": "/home/someone/prompt.txt", "hints": "/home/someone/hints.csv"},
        ).content
    )
    assert "someone" not in text
    assert "path/to/qwen" in text
    assert "path/to/hints.csv" in text


def test_restricted_data_are_named(tmp_path: Path) -> None:
    training = trained(tmp_path)
    assert "restricted" not in card(training.content)
    data = {**training.content["data"], "restricted": "some licence"}
    assert "These data are restricted: some licence" in card({**training.content, "data": data})


def test_the_head_is_yaml_for_the_hub(tmp_path: Path) -> None:
    model = {"name": "Qwen/Qwen2-VL-2B-Instruct"}
    text = card(trained(tmp_path, base=HUB, model=model, name="a: b # c").content)
    head = YAML(typ="safe").load(text.split("---")[1])
    assert head["base_model"] == "Qwen/Qwen2-VL-2B-Instruct"
    assert head["library_name"] == "peft"
    assert "# a: b \\# c: caption prediction" in text


def test_what_is_not_known_yet_is_not_made_up(tmp_path: Path) -> None:
    new = new_training(config_of(), "mine", material_of(CAPTIONS), base=BASE, prompt="Describe.")
    Record.open(tmp_path, new)
    write_card(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "**The training is not finished.**" in text
    assert "Nothing was evaluated." in text
    assert "None" not in text
    assert "losses.png" not in text


def test_without_a_record_there_is_no_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train first"):
        write_card(tmp_path)


def test_markdown_shows_any_text_as_it_stands() -> None:
    assert escape("a|b_c\n <i>*`[x](y)#") == r"a\|b\_c &lt;i&gt;\*\`\[x\](y)\#"
    assert fenced("````") == "`````\n````\n`````"
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"
