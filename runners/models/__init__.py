"""Models: what a run needs of one, and how one is loaded. One kind per file; today `vision_language.py`.

    model = load_model(config, locate("sample"), [locate("sample/concept_detection")])
    prepared = model.prepare([image], ["Which concepts does the image show?"])
    model.generate(prepared, seed=7)          # ["chest x-ray; pleural effusion"]

    prepared = model.prepare([frontal], ["Write the findings and impression."], [[lateral]])      # two views of a study

Importing this package imports neither torch nor transformers; `load_model` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from PIL.Image import Image

    from runners.checkpoints import Checkpoint
    from runners.config import RunConfig

Item = TypeVar("Item")
Size = tuple[int, int]
"""Width and height of an image, in pixels."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image has no answer."""

    reason: str


@dataclass(frozen=True)
class Prepared:
    """A batch as the model takes it: one part, or several where a family cannot mix its prompts."""

    parts: Sequence[tuple[Sequence[int], Any]]
    """The positions in the batch, and their tensors."""

    @property
    def size(self) -> int:
        """Number of images."""
        return sum(len(rows) for rows, _ in self.parts)


class Model(Protocol):
    """A loaded model."""

    facts: Mapping[str, Any]
    """For run.json: what was loaded and how. `concurrency`, where given, is the number of batches answered at once."""

    def prepare(
        self, images: Sequence[Image], prompts: Sequence[str], views: Sequence[Sequence[Image]] = ()
    ) -> Prepared:
        """Images and prompts as tensors, on the CPU; may be called from a background thread.

        `views`: of each row its further images, for a model that was loaded for several (`data.views`).
        """
        ...

    def generate(self, prepared: Prepared, *, seed: int = 0) -> list[str | Failure]:
        """The answers, without prompt and special tokens; `seed` matters only to sampling.

        InputError when the model can answer nothing at all as it is set up; any other error concerns this batch.
        """
        ...

    def tokens(self, sizes: Sequence[Size], views: Sequence[Sequence[Size]] = ()) -> list[int]:
        """What images of these sizes, each with its further `views`, take of a batch: tokens of all, prompt, answer."""
        ...

    def fitting(self, longest: Size) -> int:
        """How many examples a batch can hold whose images, as many as `data.views`, are each of this size."""
        ...

    def spent(self) -> Mapping[str, Any]:
        """What was used since loading, for run.json: tokens, requests, cost; empty where nothing is counted."""
        ...

    def close(self) -> None:
        """Ask nothing more: threads that are still at work end soon."""
        ...


def load_model(config: RunConfig, base: Checkpoint, adapters: Sequence[Checkpoint]) -> Model:
    """The model of a run with its adapters applied; InputError when it cannot do what the config asks."""
    if config.model.served is not None:
        from runners.models.served import ServedModel

        return ServedModel.load(config)
    from runners.models.vision_language import VisionLanguageModel

    return VisionLanguageModel.load(config, base, adapters)


def rows_of(first: Sequence[Item], views: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """Of each row all its images (or their sizes): the first, and the further ones where there are `views`."""
    return [[one, *more] for one, more in zip(first, views or [()] * len(first), strict=True)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may cure `error`."""
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "alloc_failed")
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(sign in text for sign in signs))
