"""--dry-run tells the truth about the training, loads no weights, and refuses what the training would refuse."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from runners.training.collate import Collator
from runners.training.dry_run import dry_run, painted, unloaded
from runners.training.masks import Token, explain
from tasks.nouns import InputError
from tests.runners.asking import load
from tests.runners.tiny import FAMILIES
from tests.runners.training.plans import train_config
from tests.runners.training.samples import two

Build = Callable[[str], Path]


def shown(*, terminal: bool = False, **changed: Any) -> str:
    printed = io.StringIO()
    dry_run(train_config(**changed), Console(file=printed, force_terminal=terminal, width=200))
    return printed.getvalue()


def test_counts_plan_and_tokens_are_printed() -> None:
    text = shown(optimization={"batch_size": 4, "accumulation": 2})
    assert text.startswith("40 images to learn from, 120 to choose by\n")
    assert "stage 1 of 1, language: projector and language by LoRA" in text
    assert "40 samples, 5 steps of 8 images on one process, learning rate 0.0002" in text
    assert "0 of 40 answers (0.0%) are cut at 512 tokens" in text, "the model has 512 positions"
    examples = [line for line in text.splitlines() if "⟦" in line]
    assert len(examples) == 3
    for line in examples:
        prompt, _, answer = line.partition("⟦")
        assert prompt.strip().startswith("<s><user>[64 × <image>]List the medical concepts")
        assert prompt.endswith("<assistant>") and answer.endswith("|</s>⟧")
    assert re.search(r"memory: weights 1\d\.\d MiB, gradients and optimizer up to 2\.8 MiB", text), "4.3 million floats"


def test_what_would_train_is_what_trains() -> None:
    from runners.training.network import open_for_training
    from runners.training.parts import count, planned

    stages = [{"name": "v", "train": ["vision"]}, {"name": "p", "train": ["projector"], "how": "full"}]
    text = shown(stages=stages, lora={"rank": 4})
    config = train_config(stages=stages, lora={"rank": 4})
    trainee = open_for_training(config)
    for number, stage in enumerate(config.stages, start=1):
        there = count(trainee.network, planned(trainee.network, trainee.model.family, stage))
        assert f"stage {number} of 2, {stage.name}: " in text
        assert f"{there.parameters:,} parameters in {there.tensors:,} tensors" in text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_without_weights_makes_the_same_batches(family: str, tiny: Build) -> None:
    config = train_config(task="captions", model={"name": str(tiny(family))})
    model = unloaded(config)
    assert all(weight.device.type == "meta" for weight in model.network.parameters())
    assert explain(Collator(model, max_tokens=512), two()[0]) == explain(
        Collator(load(tiny(family)), max_tokens=512), two()[0]
    )


def test_the_precision_is_that_of_the_training() -> None:
    """What trains in full, or beside quantized layers, is held in float32."""
    half = {"name": "sample", "dtype": "bfloat16"}
    full = [{"name": "p", "train": ["projector"], "how": "full"}]
    assert unloaded(train_config(model=half)).network.dtype == torch.bfloat16
    assert unloaded(train_config(model=half, stages=full)).network.dtype == torch.float32
    assert unloaded(train_config(model=half, quantization="nf4")).network.dtype == torch.float32


def test_stages_with_the_same_samples_are_shown_once() -> None:
    stages: list[dict[str, Any]] = [{"name": name, "train": ["language"]} for name in ("a", "b")]
    assert shown(stages=stages).count("⟦") == 3
    stages[1]["prompt"] = {"text": "What is seen?"}
    text = shown(stages=stages)
    assert text.count("⟦") == 6 and text.count("What is seen?") == 3


def test_a_terminal_sees_colours() -> None:
    coloured = shown(terminal=True)
    assert "⟦" not in coloured and "\x1b[30;42m" in coloured


def test_tokens_without_colours_can_be_told_apart() -> None:
    tokens = [
        Token("<s>", learnt=False),
        Token("Ask\n", learnt=False),
        Token("a", learnt=True),
        Token("b", learnt=True),
    ]
    assert painted(tokens, plain=True).plain == "    <s>Ask⏎⟦a|b⟧"
    assert painted(tokens[:3], plain=True).plain == "    <s>Ask⏎⟦a⟧"


def test_answers_that_do_not_fit_are_shown_and_refused() -> None:
    printed = io.StringIO()
    config = train_config(optimization={"max_tokens": 82})
    with pytest.raises(InputError, match=r"of 40 answers .* are cut at 82 tokens.*max_truncated allows 1\.0%"):
        dry_run(config, Console(file=printed, width=200))
    assert printed.getvalue().count("⟦") == 3
    with pytest.raises(InputError, match="no room for an answer"):
        shown(optimization={"max_tokens": 50})


def test_a_generation_that_is_too_short_is_told() -> None:
    assert "generation.max_new_tokens: 3 ends" in shown(generation={"max_new_tokens": 3})
    assert "generation.max_new_tokens" not in shown(generation={"max_new_tokens": 200})


def test_a_served_model_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be trained"):
        shown(model={"name": "x", "served": {"url": "http://localhost:1/v1"}})
