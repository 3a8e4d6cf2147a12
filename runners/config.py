"""RunConfig: what one runnable experiment is, read from YAML, validated, with the origin of every value.

A config file names what differs from its parent, and nothing else:

    extends: sample.yaml
    quantization: none
    generation: {num_beams: 3}

Precedence, lowest first: the defaults below, the files along `extends` (parent before child), overrides on the
command line (left to right). Lists are replaced whole, mappings are merged key by key.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tasks.nouns import InputError, Task

Count = Annotated[int, Field(gt=0, strict=True)]
"""A whole number from 1 on; `true` is none."""


def _task(value: object) -> object:
    try:
        return Task.of(str(value))
    except InputError as error:
        raise ValueError(str(error)) from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Data(_Section):
    """Which images are asked about."""

    path: str
    """A data set folder in any layout that `imageclef data check` understands, or `sample`."""
    split: str = "test"
    limit: Count | None = None
    """Only the first N images of the split; null for all."""
    vocabulary: tuple[str, ...] = ()
    """Files that name the CUIs; empty: those found beside the data."""


class Model(_Section):
    """The base model and how it is loaded."""

    name: str
    """Hub id, folder, or `sample` for the embedded model."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on an accelerator that has it, float16 on an older one, float32 on the CPU."""
    device: str = "auto"
    trust_remote_code: bool = False
    max_pixels: Count | None = None
    """Upper limit of an image's area for models with dynamic resolution; null: the family's limit."""


class Adapter(_Section):
    """A LoRA adapter; several are added up, each times its weight."""

    path: str
    """Hub id, folder, or `sample/<task>`."""
    revision: str | None = None
    subfolder: str | None = None
    weight: float = 1.0


class Prompt(_Section):
    """What the model is asked: a prompt by name and language, or the text itself."""

    name: str | None = None
    """A name in runners/prompts.yaml."""
    language: str = "en"
    text: str | None = None
    """Taken as it is where it holds the model's image token, else put into the model's chat template."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.name is None) == (self.text is None):
            raise ValueError("give either name or text, and null for the other")
        return self


class Generation(_Section):
    """Arguments of `generate`, as transformers names them."""

    max_new_tokens: Count = 100
    do_sample: bool = False
    num_beams: Count = 1
    temperature: Annotated[float, Field(gt=0)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Count | None = None
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] = 0
    repetition_penalty: Annotated[float, Field(gt=0)] = 1.0
    length_penalty: float = 1.0

    @model_validator(mode="after")
    def _sampling(self) -> Self:
        # transformers ignores these without do_sample; a run that looks sampled but is greedy misleads its paper.
        idle = [k for k in ("temperature", "top_p", "top_k") if getattr(self, k) is not None]
        if idle and not self.do_sample:
            raise ValueError(f"{', '.join(idle)} has no effect without do_sample: true")
        return self


class RunConfig(_Section):
    """One runnable experiment."""

    task: Annotated[Task, BeforeValidator(_task)]
    edition: int = 2026
    data: Data
    model: Model
    adapters: tuple[Adapter, ...] = ()
    merge_adapters: bool = False
    """Merge the adapters into the base in full precision before it is quantized."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    prompt: Prompt
    generation: Generation = Generation()
    batch_size: Literal["auto"] | Count = "auto"
    seed: Annotated[int, Field(strict=True)] = 42
    max_failures: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the images that may fail before the run stops with exit status 1."""
    fallback: str | None = None
    """Text submitted for a failed image (names or CUIs for task 1); null: an empty row, listed in run.json."""
    metrics: tuple[str, ...] = ()
    """Scores wanted at the end; empty: all of the edition's profile that can be computed."""
