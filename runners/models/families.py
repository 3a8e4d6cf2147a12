"""What must be known about a family of models, read from `families.yaml`: a new family is a new row there.

family_of("blip").equal_prompt_lengths      # True
family_of("never_heard_of").prompt          # "chat": the default row, most later models need no more
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from tasks.nouns import InputError

_FILE = Path(__file__).with_name("families.yaml")


@dataclass(frozen=True)
class Family:
    """One row of `families.yaml` over the row `default`."""

    model_type: str
    known: bool
    """False when there is no row: the model is treated as `default` says."""
    prompt: Literal["chat", "plain"]
    """chat: asked through the checkpoint's chat template; plain: the answer continues the prompt."""
    fallback: str
    """How to ask when a checkpoint has no usable chat template; holds {image} and {prompt}."""
    image_token: str | None
    """What stands for the image in a prompt; None: as the processor says."""
    stops: tuple[str, ...]
    """Tokens that end an answer besides those the checkpoint names, where its vocabulary has them."""
    equal_prompt_lengths: bool
    """Prompts of different length in tokens cannot share a batch."""
    answer_offset: int | None
    """Where the answer starts in the output, counted from the prompt's end; None: the prompt is not repeated."""
    max_pixels: int | None
    """Default limit of an image's area for models with dynamic resolution."""
    unquantized: tuple[str, ...]
    """Modules that keep their precision, by full path: a bare name is silently ignored when quantizing."""
    eras: tuple[Mapping[str, str], ...]
    """How modules were called before: old prefix -> prefix now, one mapping for each earlier era."""
    lora: Mapping[str, str]
    """Part of the model -> pattern (full match) of the modules a LoRA adapter of this part targets."""
    refused: str | None
    """Why it cannot be loaded and what to do."""


@cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    rows: dict[str, dict[str, Any]] = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return rows


def family_of(model_type: str) -> Family:
    """The family of a checkpoint by its config's `model_type`; InputError when it is known not to load."""
    rows = _rows()
    row = {**rows["default"], **rows.get(model_type, {})}
    lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    family = Family(model_type=model_type, known=model_type in rows, **{**row, **lists})
    if family.refused:
        raise InputError(f"model type '{model_type}': {family.refused}")
    return family
