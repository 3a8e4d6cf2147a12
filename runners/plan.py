"""The plan of a run: everything a config names, found, opened and hashed, before a model is loaded.

Making a plan imports neither torch nor transformers: a run with nothing left to do ends in seconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.answers import value_text
from runners.checkpoints import Checkpoint, locate
from runners.config import Experiment, Prompt, RunConfig
from runners.config_files import Loaded, flatten
from runners.models.constrained import read_schema
from runners.models.image_backend import resolve_image_backend
from runners.prompts import prompt_text, prompts_of
from runners.provenance import fingerprint, hash_ids
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet, open_dataset
from tasks.editions import Edition, load_edition
from tasks.files import hash_file
from tasks.nouns import Example, InputError, Task
from tasks.restricted import restriction_of

if TYPE_CHECKING:
    from rich.console import Console

    from runners.sharing import Place

_NO_EFFECT = (
    "data.",
    "model.name",
    "model.revision",
    "model.device",
    "model.served",
    "adapters",
    "prompt.",
    "batch_size",
)
"""Keys that change no prediction by themselves: what they lead to (ids, weights, the prompt) is hashed instead."""
_AFTERWARDS = ("max_failures", "fallback", "metrics")
"""Keys that matter only once the predictions are there."""


@dataclass(frozen=True)
class Plan(ABC):
    """What a run will do, whatever answers the images."""

    config: Experiment
    name: str
    """The config's name; the run's folder is called after it."""
    dataset: DataSet
    examples: Sequence[Example]
    """In the official order."""
    edition: Edition
    vocabulary: Vocabulary | None
    """In task 1, and where a prompt names concepts."""
    inputs: Mapping[str, Any]
    """Everything that changes an output, as dotted key -> value."""

    @property
    def fingerprint(self) -> str:
        """The hash of `inputs`."""
        return fingerprint(self.inputs)

    @property
    def known(self) -> frozenset[str] | None:
        """The CUIs that a submission may hold; None where nobody says."""
        return self.vocabulary.cuis if self.vocabulary else None

    @property
    @abstractmethod
    def made_of(self) -> dict[str, Any]:
        """For run.json: what answers."""

    @property
    @abstractmethod
    def called(self) -> str:
        """What answers, in a few words."""

    @property
    def restricted(self) -> str:
        """Why what the run makes may not be passed on; empty when all it is made of is free."""
        return self.dataset.restricted

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done to each answer before it is read."""
        return ()

    @abstractmethod
    def answer(self, folder: Path, console: Console, place: Place) -> None:
        """Answer what is not answered yet into the journals of the run `folder`."""


@dataclass(frozen=True)
class ModelPlan(Plan):
    """A run in which a model writes the answers."""

    config: RunConfig
    prompt: str
    """As the config has it, variables not filled in."""
    prompts: Mapping[str, str]
    """Image id -> what the model is asked."""
    base: Checkpoint
    adapters: tuple[Checkpoint, ...]

    @property
    def made_of(self) -> dict[str, Any]:
        """Prompt, base model and adapters."""
        return {
            "prompt": self.prompt,
            "base": {"name": self.config.model.name, "identity": self.base.identity},
            "adapters": [
                {"path": asked.path, "weight": asked.weight, "identity": found.identity}
                for asked, found in zip(self.config.adapters, self.adapters, strict=True)
            ],
        }

    @property
    def restricted(self) -> str:
        """As of the images, of those whose answers the prompt shows, and of what model and adapters learned from."""
        near = self.config.prompt.neighbours
        shown = open_dataset(near.data).restricted if near else ""
        weights = (Path(name) for name in (self.config.model.name, *(a.path for a in self.config.adapters)))
        learned = (restriction_of(place) for path in weights for place in (path, path.parent))
        return self.dataset.restricted or shown or next(filter(None, learned), "")

    @property
    def called(self) -> str:
        """The base model and its adapters."""
        return "+".join([self.config.model.name, *(a.path for a in self.config.adapters)])

    @property
    def steps(self) -> tuple[str, ...]:
        """Those of the config."""
        return self.config.steps

    def answer(self, folder: Path, console: Console, place: Place) -> None:
        """Load the model here and answer this process's share."""
        from runners.session import answer_here

        answer_here(self, folder, console, place)


def make_plan(loaded: Loaded[RunConfig]) -> ModelPlan:
    """Find all that the config names; InputError says what is missing and how to mend it."""
    config = loaded.config
    edition = load_edition(config.edition, config.task)
    dataset, examples = examples_of(config)
    examples = with_views(examples, config.data.views, split=config.data.split)
    files = vocabulary_files(
        config.data.path, config.data.vocabulary, task=config.task, prompts=[config.prompt], dataset=dataset
    )
    base = base_of(config)
    adapters = tuple(locate(a.path, a.revision, a.subfolder) for a in config.adapters)
    prompt = prompt_text(config.prompt)
    vocabulary = Vocabulary.load(files) if files else None
    asked = prompts_of(config.prompt, examples, task=config.task, vocabulary=vocabulary)
    inputs = {
        **{key: value for key, value in flatten(config).items() if not key.startswith((*_NO_EFFECT, *_AFTERWARDS))},
        "data.split": config.data.split,
        "model": base.identity,
        **({} if config.model.served else {"image_backend": resolve_image_backend(config.model.image_backend)}),
        "adapters": [
            f"{adapter.identity} * {asked.weight}" for adapter, asked in zip(adapters, config.adapters, strict=True)
        ],
        "prompt": prompt,
        # With variables filled in: hints, context and neighbours come from files that may change.
        **({"prompts": f"sha256:{hash_ids(asked)}"} if set(asked) != {prompt} else {}),
        "images": hash_examples(examples, answers=False),
        **({"data.views": views} if (views := _pinned(examples)) else {}),
        **({"generation.schema": read_schema(schema)} if (schema := config.generation.json_schema) else {}),
        "vocabulary": [hash_file(path) for path in files],
    }
    return ModelPlan(
        config=config,
        name=loaded.name,
        dataset=dataset,
        examples=examples,
        edition=edition,
        vocabulary=vocabulary,
        prompt=prompt,
        prompts={e.image_id: text for e, text in zip(examples, asked, strict=True)},
        base=base,
        adapters=adapters,
        inputs=inputs,
    )


def examples_of(config: Experiment) -> tuple[DataSet, Sequence[Example]]:
    """The data set and the images that are asked about; InputError when there are none."""
    dataset = open_dataset(config.data.path)
    examples = dataset.examples(config.task, config.data.split)[: config.data.limit]
    if not examples:
        raise InputError(f"data.path: {config.data.path} has no images in its split '{config.data.split}'")
    return dataset, examples


def with_views(examples: Sequence[Example], views: int, *, split: str) -> list[Example]:
    """The examples with the images that `views` allows, the first one counted.

    InputError when more than one is asked for and no study has it.
    """
    if views > 1 and not any(example.views for example in examples):
        raise InputError(
            f"data.views: {views} has no effect: none of {len(examples)} images of the split '{split}' has a further "
            "view of the same study: set it to 1"
        )
    return [replace(e, views=e.views[: views - 1]) if len(e.views) >= views else e for e in examples]


def _pinned(examples: Sequence[Example]) -> str:
    """What pins the further views of the examples: their number and, where they are files, their names; or nothing."""
    names = [[getattr(view, "name", "") for view in example.views] for example in examples]
    return f"{sum(map(bool, names))} studies, sha256:{hash_ids(map(repr, names))}" if any(names) else ""


def hash_examples(examples: Sequence[Example], *, answers: bool) -> str:
    """What pins the examples in their order, with their references where `answers`."""
    lines = (f"{e.image_id}\t{value_text(e.reference)}" if answers else e.image_id for e in examples)
    return f"{len(examples)} ids, sha256:{hash_ids(lines)}"


def base_of(config: RunConfig) -> Checkpoint:
    """The base model's weights, or the name a server knows it by."""
    if config.model.served is None:
        return locate(config.model.name, config.model.revision)
    from runners.models.served import identity

    return Checkpoint(Path(config.model.name), identity(config))


def vocabulary_files(
    data: str, named: Sequence[str], *, task: Task, prompts: Sequence[Prompt], dataset: DataSet
) -> list[Path]:
    """The files that name the CUIs, those `named` or those beside the `data`, where the task or a prompt needs them."""
    files = [Path(name) for name in named] or list(dataset.vocabulary_files)
    if task is not Task.CONCEPTS:
        # Names for a prompt's hints and neighbours; what needs them says so when there are none.
        return files if any(prompt.hints or prompt.neighbours for prompt in prompts) else []
    if not files:
        raise InputError(
            f"no CUI vocabulary beside {data}: put cui_mapping.csv (header `CUI,Canonical name`) "
            "there, or name one with --set data.vocabulary=[path/to/cui_mapping.csv]"
        )
    for path in files:
        if not path.is_file():
            raise InputError(f"data.vocabulary: no file {path}")
    return files
