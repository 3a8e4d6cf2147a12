"""Whether a run asks a trained model as it was trained: the mistakes that cost points and raise no error.

    lint_run(run_config)
    # ["prompt.language: the run asks in 'es': set it to en, as in training"]

A training is known by the training.json beside its adapter. Prompts are compared as texts, so a preset and a file with
the same words are the same prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runners.config import Generation, Prompt, RunConfig
from runners.prompts import prompt_text
from runners.training.config import TrainConfig
from tasks.nouns import InputError

ENOUGH = 0.99
"""Share of the training answers that generation must have room for."""
_RECORD = "training.json"
_SHOWN = 60


def lint_run(run: RunConfig) -> list[str]:
    """What differs between a run and the trainings of its adapters, one line each; nothing for adapters of others.

    InputError when a training.json beside an adapter cannot be read, or the run's prompt.
    """
    found = []
    for adapter in run.adapters:
        record = Path(adapter.path).expanduser().parent / _RECORD
        if record.is_file():
            train, enough = _read(record)
            found += [f"{adapter.path}: {finding}" for finding in lint(train, run, enough=enough)]
    return found


def lint(train: TrainConfig, run: RunConfig, *, enough: int = 0) -> list[str]:
    """What differs between a training and a run that uses its adapter, one line each; empty: nothing does.

    `enough`: the tokens that 99 % of the training answers fit in, as `Truncation.reaching` gives them; 0: not known.
    """
    adapter = "adapters: the run uses none, so it is the base model that answers: add {path: .../adapter}"
    return [
        *([] if run.adapters else [adapter]),
        *_same("task", train.task.value, run.task.value, why="another task has other answers"),
        *_same("model.name", train.model.name, run.model.name, why="an adapter fits its own base only"),
        *_same("model.revision", train.model.revision, run.model.revision, why="other weights lie below the adapter"),
        *_same("quantization", train.quantization, run.quantization, why="it was scored with those weights below it"),
        *_same("model.max_pixels", train.model.max_pixels, run.model.max_pixels, why="images are seen at another size"),
        *_same("data.views", train.data.views, run.data.views, why="it learnt from so many images of a study"),
        *_prompt(train, run),
        *too_short(run.generation, enough),
    ]


def too_short(generation: Generation, enough: int) -> list[str]:
    """A line when `generation` ends before the `enough` tokens that 99 % of the training answers take."""
    if generation.max_new_tokens >= enough:
        return []
    return [
        f"generation.max_new_tokens: {generation.max_new_tokens} ends answers before they are complete, as they were "
        f"learnt: {ENOUGH:.0%} of them fit in {enough} tokens: set it to that or more"
    ]


def _same(key: str, trained: object, asked: object, *, why: str) -> list[str]:
    if trained == asked:
        return []
    was, now = ("null" if value is None else str(value) for value in (trained, asked))
    return [f"{key}: the run has {now}, the training had {was}, and {why}: set it to {was}"]


def _prompt(train: TrainConfig, run: RunConfig) -> list[str]:
    """The prompt of the last stage is the one to ask with; those of earlier ones were learnt, too."""
    *earlier, last = (stage.prompt or train.prompt for stage in train.stages)
    asked, wanted = prompt_text(run.prompt), prompt_text(last)
    if asked == wanted:
        return []
    if run.prompt.name == last.name is not None and run.prompt.language != last.language:
        return [f"prompt.language: the run asks in '{run.prompt.language}': set it to {last.language}, as in training"]
    if asked in map(prompt_text, earlier):
        return [
            f"prompt: the run asks as an earlier stage did, {_short(asked)}; the last one asked {_short(wanted)}: set "
            f"it to {_yaml(last)}, unless the images lack what that tells"
        ]
    return [f"prompt: the run asks {_short(asked)}, the training asked {_short(wanted)}: set it to {_yaml(last)}"]


def _yaml(prompt: Prompt) -> str:
    given = prompt.model_dump(exclude_none=True, exclude_defaults=True)
    return "{" + ", ".join(f"{key}: {value}" for key, value in given.items()) + "}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line[:_SHOWN]}...'" if len(line) > _SHOWN else f"'{line}'"


def _read(record: Path) -> tuple[TrainConfig, int]:
    """The config in a training's record, and the tokens that are enough for its answers."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        train = TrainConfig.model_validate(_nested(content["config"]))
        enough = max((stage.get("tokens", {}).get("enough", 0) for stage in content["stages"]), default=0)
        if train.prompt.file is not None:  # which may be gone; its words are kept
            train = train.model_copy(update={"prompt": Prompt(text=content["prompt"], language=train.prompt.language)})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{record}: not a training record of this version ({reason}): restore the file, or move the adapter away "
            "from it to use it unchecked"
        ) from error
    return train, int(enough)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`runners.config_files.flatten`, undone."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree
