"""TrainConfig: what one training is, read from YAML like a run's config.

    task: concept_detection
    data: {path: data/imageclef-2026}
    model: {name: Qwen/Qwen2-VL-2B-Instruct}
    quantization: nf4
    prompt: {name: concepts}
    stages:
      - {name: language, train: [language], epochs: 2}

Precedence and `extends` are those of `runners/config.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from runners.config import Count, Generation, Model, Prompt, Section, task_named, with_length
from tasks.nouns import Task

Share = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[float, Field(gt=0, le=1000)]
Part = Literal["vision", "projector", "language"]
"""A part of a model; families.yaml says which modules it has."""


class TrainData(Section):
    """What is learnt from, and what is held back to choose by."""

    path: str
    """A data set folder in any layout that `imageclef data check` understands, or `sample`."""
    train: str = "train"
    valid: str = "valid"
    limit: Count | None = None
    """Only the first N images of the training split, before anything is held out of it; null for all."""
    vocabulary: tuple[str, ...] = ()
    """Files that name the CUIs; empty: those found beside the data."""
    views: Count = 1
    """Images of a study that the model is shown at most; the same when the adapter is run."""
    groups: str | None = None
    """FILE:COLUMN of a table with an id in its first column: the patient or article of each image, for the audit."""
    hold_out: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the training images to validate on, whole groups together, where the data has no valid split."""
    allow_leaks: bool = False
    """Train although validation images, or their patients, are in the training set too."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """0: each image once an epoch; 1: drawn so that all concepts come equally often, as nearly as images with several
    allow. An epoch keeps its length."""


class Target(Section):
    """What the model learns to write."""

    concepts: Literal["names", "cuis"] = "names"
    order: Literal["given", "frequency", "type"] = "given"
    """Of the concepts: as in the reference, the most frequent first, or grouped by semantic type."""
    report: Literal["headings", "json"] = "headings"
    """`Findings: ... Impression: ...`, or the JSON of `generation.json_schema: report`."""


class Lora(Section):
    """Low-rank adaptation (Hu et al. 2021)."""

    rank: Count = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05


class Stage(Section):
    """One stage: which parts train, how, on what, for how long."""

    name: Annotated[str, Field(pattern=r"^\w[\w .-]*$", max_length=60)]
    """Letters, digits, `_`, `-`, `.` and spaces: folders are called after it."""
    train: tuple[Part, ...] = Field(min_length=1)
    how: Literal["lora", "full"] = "lora"
    data: Literal["all", "with_context", "without_context"] = "all"
    prompt: Prompt | None = None
    """null: the training's prompt."""
    epochs: Epochs | None = None
    share: Share | None = None
    """Of the steps that `optimization.epochs` over all images would take."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """null: that of `optimization`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.epochs is not None and self.share is not None:
            raise ValueError("give epochs or share, not both")
        return self


class Optimization(Section):
    """How the weights move."""

    optimizer: Literal["adamw", "paged_adamw_8bit"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.03
    """Share of the steps in which the learning rate rises to its value."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    beta1: Share = 0.9
    beta2: Share = 0.999
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    batch_size: Count = 4
    """Images a process takes at once; the effective batch is this times accumulation times processes."""
    accumulation: Count = 4
    epochs: Epochs = 1.0
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 where the accelerator has it, float16 on an older one, float32 on the CPU."""
    gradient_checkpointing: bool = False
    max_tokens: Count = 1024
    """Longest prompt with image and answer; what is longer is cut, and counted."""
    max_truncated: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the training images whose answer may be cut; above it training does not start."""


class Evaluation(Section):
    """Generation on validation images while training."""

    every: Count | None = None
    """Steps between two evaluations; null: at the end of each stage."""
    images: Count = 64
    """Validation images each takes, spread evenly over the split; the end scores all of them."""
    metric: str | None = None
    """Score that chooses the best checkpoint; null: the task's primary one that can be computed here."""
    patience: Count | None = None
    """Evaluations without a better score after which a stage ends; null: never."""


class TrainConfig(Section):
    """One training."""

    task: Annotated[Task, BeforeValidator(task_named)]
    edition: int = 2026
    data: TrainData
    model: Model
    quantization: Literal["none", "nf4", "int8"] = "none"
    prompt: Prompt
    """The same when the adapter is run."""
    target: Target = Target()
    lora: Lora = Lora()
    stages: tuple[Stage, ...] = (Stage(name="language", train=("projector", "language")),)
    optimization: Optimization = Optimization()
    evaluation: Evaluation = Evaluation()
    generation: Generation = Generation()
    keep: Count = 2
    """Checkpoints kept beside the best one."""
    report_to: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = ()
    seed: Annotated[int, Field(strict=True)] = 42

    @model_validator(mode="before")
    @classmethod
    def _length(cls, given: Any) -> Any:
        return with_length(given)

    @model_validator(mode="after")
    def _schema(self) -> Self:
        if self.generation.json_schema == "report" and self.task is not Task.REPORTS:
            raise ValueError("generation.json_schema: report is for task 3; name a schema file, or null")
        return self

    @model_validator(mode="after")
    def _stages(self) -> Self:
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise ValueError("stages must be one or more, each with a name of its own")
        if self.quantization != "none" and any(stage.how == "full" for stage in self.stages):
            raise ValueError("quantized weights cannot be trained in full: set how to lora, or quantization to none")
        return self
