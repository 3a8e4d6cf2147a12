"""Experiment and RunConfig: what one runnable experiment is, read from YAML, validated, with the origin of every value.

A config file names what differs from its parent, and nothing else:

    extends: sample.yaml
    quantization: none
    generation: {num_beams: 3}

Precedence, lowest first: the defaults below, the files along `extends` (parent before child), overrides on the
command line (left to right). Lists are replaced whole, mappings are merged key by key.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tasks.nouns import InputError, Task

Count = Annotated[int, Field(gt=0, strict=True)]
"""A whole number from 1 on; `true` is none."""


def task_named(value: object) -> object:
    """The task by name or number, its error as pydantic wants it."""
    try:
        return Task.of(str(value))
    except InputError as error:
        raise ValueError(str(error)) from None


Step = Literal["strip_echo", "dedupe_sentences", "finish_sentence", "language_guard"]
"""A step of post-processing; `runners/answers/steps.py` says what each does."""


class Section(BaseModel):
    """A part of a config: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Data(Section):
    """Which images are asked about."""

    path: str
    """A data set folder in any layout that `imageclef data check` understands, or `sample`."""
    split: str = "test"
    limit: Count | None = None
    """Only the first N images of the split; null for all."""
    vocabulary: tuple[str, ...] = ()
    """Files that name the CUIs; empty: those found beside the data."""
    views: Count = 1
    """Images of a study that the model is shown at most, the first and then its further ones (frontal, lateral)."""


class Served(Section):
    """A server with OpenAI's chat interface (vLLM, Ollama, SGLang, TGI, transformers serve) that has the model."""

    url: str
    """Up to and with /v1, as in http://localhost:11434/v1."""
    key: str | None = None
    """Name of the environment variable that holds the API key; the key itself is never written anywhere."""
    concurrency: Count = 8
    """Requests under way at once."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds until a request is given up."""
    retries: Annotated[int, Field(ge=0, strict=True)] = 5
    """How often a request is tried again, each time after a longer pause."""
    requests_per_minute: Count | None = None
    price_input: Annotated[float, Field(ge=0)] | None = None
    """Price of a million input tokens, in any currency; null: the cost is not computed."""
    price_output: Annotated[float, Field(ge=0)] | None = None


class Model(Section):
    """The base model and how it is loaded."""

    name: str
    """Hub id, folder, `sample` for the embedded model, or the name a server knows it by."""
    served: Served | None = None
    """Ask a server instead of loading the model here."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on an accelerator that has it, float16 on an older one, float32 on the CPU."""
    device: str = "auto"
    image_backend: Literal["auto", "pil", "torchvision"] = "auto"
    """Who makes the pixels; auto: torchvision where it is installed. Pin one for a run that several machines share."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2"] = "auto"
    """auto: the fastest that is installed and that the architecture has."""
    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What quantized layers compute in; auto: model.dtype."""
    double_quantization: bool = True
    """NF4: quantize the quantization constants too, 0.4 bits less a weight (QLoRA, Dettmers et al. 2023)."""
    trust_remote_code: bool = False
    max_pixels: Count | None = None
    """Upper limit of an image's area for models with dynamic resolution; null: the family's limit."""


class Adapter(Section):
    """A LoRA adapter; several are added up, each times its weight."""

    path: str
    """Hub id, folder, or `sample/<task>`."""
    revision: str | None = None
    subfolder: str | None = None
    weight: float = 1.0


class Neighbours(Section):
    """The training images that look most like the one asked about, for a prompt with examples."""

    data: str
    """Data set folder with their answers."""
    split: str = "train"
    embeddings: str
    """Folder with the embeddings of those images: <split>.npy (images x dimensions) and <split>.ids.txt."""
    asked: str
    """Folder with the embeddings of the images asked about, in the same form."""
    count: Count = 3


class Prompt(Section):
    """What the model is asked: a prompt by name and language, a file, or the text itself."""

    name: str | None = None
    """A name that `imageclef prompts list` shows."""
    language: str = "en"
    text: str | None = None
    """Taken as it is where it holds the model's image token, else put into the model's chat template."""
    file: str | None = None
    """A text file; like any prompt it may hold variables: {{ hints }}, {{ context }}, {{ neighbours }}."""
    hints: str | None = None
    """Concept file or run folder: its concepts of each image, by name, are {{ hints }}."""
    neighbours: Neighbours | None = None
    """Their answers are {{ neighbours }}."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.name, self.text, self.file)) != 1:
            raise ValueError("give one of name, text and file, and null for the others")
        return self


LENGTHS = {Task.CONCEPTS: 150, Task.CAPTIONS: 100, Task.REPORTS: 512}
"""Tokens an answer may take where the config does not say: of concepts and captions what JJ-VMed took (CEUR Vol-4038,
paper 179), of a report what github.com/rahul370139/radiology_report took."""


def with_length(given: Any) -> Any:
    """A config as it was written, `generation.max_new_tokens` filled in by its task."""
    if not isinstance(given, dict) or not isinstance(given.get("generation", {}), dict):
        return given
    try:
        length = LENGTHS[Task.of(str(given.get("task")))]
    except InputError:
        return given  # what is wrong is said of the task itself
    return {**given, "generation": {"max_new_tokens": length, **given.get("generation", {})}}


class Generation(Section):
    """Arguments of `generate`, as transformers names them."""

    max_new_tokens: Count = LENGTHS[Task.CAPTIONS]
    """Where it is not given: 150 for concepts, 100 for a caption, 512 for a report."""
    do_sample: bool = False
    num_beams: Count = 1
    temperature: Annotated[float, Field(gt=0)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Count | None = None
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] = 0
    repetition_penalty: Annotated[float, Field(gt=0)] = 1.0
    length_penalty: float = 1.0
    early_stopping: bool = False
    """Beam search: stop as soon as num_beams candidates are complete."""
    stop_strings: tuple[str, ...] = ()
    """Texts that end an answer; they are cut off."""
    json_schema: str | None = None
    """A JSON schema file, or `report` for the schema of task 3: the answer is held to it, token by token."""

    @model_validator(mode="after")
    def _sampling(self) -> Self:
        # transformers ignores these without do_sample; a run that looks sampled but is greedy misleads its paper.
        idle = [k for k in ("temperature", "top_p", "top_k") if getattr(self, k) is not None]
        if idle and not self.do_sample:
            raise ValueError(f"{', '.join(idle)} has no effect without do_sample: true")
        if self.num_beams == 1 and (self.length_penalty != 1.0 or self.early_stopping):
            raise ValueError("length_penalty and early_stopping have no effect without num_beams above 1")
        return self


class Experiment(Section):
    """What every run's config says, whatever answers the images."""

    task: Annotated[Task, BeforeValidator(task_named)]
    edition: int = 2026
    data: Data
    seed: Annotated[int, Field(strict=True)] = 42
    max_failures: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the images that may fail before the run stops with exit status 1."""
    fallback: str | None = None
    """Text submitted for a failed image (names or CUIs for task 1); null: an empty row, listed in run.json."""
    metrics: tuple[str, ...] = ()
    """Scores wanted at the end; empty: all of the edition's profile that can be computed."""


class RunConfig(Experiment):
    """One runnable experiment with a model that writes the answers."""

    model: Model
    adapters: tuple[Adapter, ...] = ()
    merge_adapters: bool = False
    """Merge the adapters into the base in full precision before it is quantized."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    prompt: Prompt
    generation: Generation = Generation()
    steps: tuple[Step, ...] = ()
    """What is done to each answer before it is read, in this order; run.json counts the answers each changed."""
    batch_size: Literal["auto"] | Count = "auto"

    @model_validator(mode="before")
    @classmethod
    def _length(cls, given: Any) -> Any:
        return with_length(given)

    @model_validator(mode="after")
    def _idle(self) -> Self:
        # What silently did nothing would be reported in a paper as if it had.
        if self.merge_adapters and not self.adapters:
            raise ValueError("merge_adapters has no effect without adapters")
        if self.model.compute_dtype != "auto" and self.quantization == "none":
            raise ValueError("model.compute_dtype has no effect without quantization: set model.dtype")
        if self.generation.json_schema == "report" and self.task is not Task.REPORTS:
            raise ValueError("generation.json_schema: report is for task 3; name a schema file, or null")
        return self
