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
    title: str | None
    """What people call it."""
    sizes: tuple[Mapping[str, Any], ...]
    """Well-known checkpoints: hub id, number of parameters, GiB of weights in NF4 (estimated)."""
    notes: tuple[str, ...]
    """What a user should know before taking it."""
    prompt: Literal["chat", "plain"]
    """chat: asked through the checkpoint's chat template; plain: it has none, `form` is the way to ask."""
    form: str
    """How to ask without a usable chat template; holds {prompt}, and {image} where the processor wants to see it."""
    image_token: str | None
    """What stands for the image in a prompt; None: as the processor says."""
    stops: tuple[str, ...]
    """Tokens that end an answer besides those the checkpoint names, where its vocabulary has them."""
    several_images: bool
    """One prompt may hold several images, such as the views of a study."""
    equal_prompt_lengths: bool
    """Prompts of different length in tokens cannot share a batch."""
    max_pixels: int | None
    """Default limit of an image's area for models with dynamic resolution."""
    unquantized: tuple[str, ...]
    """Modules that keep their precision, by full path: a bare name is silently ignored when quantizing."""
    eras: tuple[Mapping[str, str], ...]
    """How modules were called before: old prefix -> prefix now, one mapping for each earlier era."""
    lora: Mapping[str, str]
    """Part of the model -> pattern (full match) of the modules a LoRA adapter of this part targets."""
    original: str | None
    """It is stored in the layout of LLaVA's own program, over this language model; it is converted before loading."""
    refused: str | None
    """Why it cannot be loaded and what to do."""


@cache
def family_rows() -> Mapping[str, Mapping[str, Any]]:
    """The rows of `families.yaml` as they stand, `default` first."""
    rows: dict[str, dict[str, Any]] = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return rows


def family_of(model_type: str) -> Family:
    """The family of a checkpoint by its config's `model_type`; InputError when it is known not to load."""
    rows = family_rows()
    row = {**rows["default"], **rows.get(model_type, {})}
    lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    family = Family(model_type=model_type, known=model_type in rows, **{**row, **lists})
    if family.refused:
        raise InputError(f"model type '{model_type}': {family.refused}")
    return family


def known_families() -> tuple[str, ...]:
    """Every `model_type` with a row of its own that can be loaded."""
    return tuple(name for name, row in family_rows().items() if name != "default" and not row.get("refused"))
