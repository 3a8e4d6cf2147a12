"""Evaluation while training: validation images are answered as a run would answer them, and scored as a run is.

The way is the run's own (`runners.loop.answer_all`: padding on the left, no gradients, out-of-memory halving), on
the network that is being trained, which is left as it was found: which modules train, the padding side and the
states of all random generators. So a training is the same to the last bit with and without evaluation.

    evaluator = Evaluator(model, material, config, score)
    evaluator.scores(images=64)       # {"f1": 0.41, "precision": 0.44, ...}, {"..._valid_0": ("C0040405",), ...}
    evaluator.failed                  # 0: images without an answer, scored as empty ones
    evaluator.scores(images=None)     # all of them, against the references as the data set has them
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from runners.answers import empty_value
from runners.asking import Tally
from runners.batches import image_costs, make_batches
from runners.checkpoints import Checkpoint
from runners.config import Data, Prompt, RunConfig
from runners.loop import answer_all
from runners.models.loading import resolve_dtype
from runners.plan import ModelPlan
from runners.progress import RunProgress
from runners.prompts import prompt_text, prompts_of
from runners.training.config import TrainConfig
from runners.training.inference import gathered, precision, processes, rank, unchanged
from tasks.files import write_whole
from tasks.nouns import Example, InputError, Prediction, Task, Value

if TYPE_CHECKING:
    from runners.models.vision_language import VisionLanguageModel
    from runners.training.data import Material, Sample

Scorer = Callable[[Mapping[str, Value], Mapping[str, Value], Task, int], Mapping[str, float]]
"""Predictions and references by image id, task, edition's year -> score name -> value, the primary score first."""

PREDICTIONS = "predictions.valid.jsonl"
"""The answers of the final evaluation, which `tasks.journal.read_journal` reads."""

Item = TypeVar("Item")


class Evaluator:
    """Answers and scores validation images with a network in training; made once per training."""

    def __init__(
        self,
        model: VisionLanguageModel,
        material: Material,
        config: TrainConfig,
        score: Scorer,
        *,
        console: Console | None = None,
    ) -> None:
        """InputError when there is nothing to evaluate on, a prompt lacks what it reads, or the metric is unknown.

        `console` shows how far an evaluation of all images is.
        """
        self._model = model
        self._material = material
        self._score = score
        self._console = console or Console(quiet=True)
        self._references = {e.image_id: e.reference for e in material.valid if e.reference is not None}
        self._examples = [example for example in material.valid if example.image_id in self._references]
        self.config = config
        if not self._examples:
            raise InputError(
                f"data: {config.data.path} has no validation images with references for {config.task}: name a split "
                "that has (data.valid), or hold some training images out (data.hold_out=0.1)"
            )
        for asked in (config.prompt, *(stage.prompt for stage in config.stages if stage.prompt is not None)):
            self._plan(self._examples, asked)
        self.names = tuple(self._names())
        """The scores, in the scorer's order; one that cannot be computed once is NaN."""
        self.metric = self._chosen()
        """The one that says which checkpoint is best; higher is better."""
        self.predictions: list[Prediction] = []
        """Those of the last evaluation."""

    @property
    def failed(self) -> int:
        """How many images of the last evaluation have no answer; each is scored as an empty one."""
        return sum(prediction.status == "failed" for prediction in self.predictions)

    def scores(self, *, images: int | None, prompt: Prompt | None = None) -> tuple[dict[str, float], dict[str, Value]]:
        """The scores of `images` validation images (None: all) and what was predicted for each.

        `prompt` asks otherwise than the config does, as a stage may. Every process of a training takes a share of
        the images, and all return the same.
        """
        examples = spread(self._examples, images)
        plan = self._plan(examples, prompt or self.config.prompt)
        network = self._model.network
        dtype = resolve_dtype(self.config.model.dtype, network.device)
        empty = empty_value(self.config.task)
        with unchanged(network, self._model.processor.tokenizer), precision(network, dtype):
            found = {p.image_id: p for p in gathered(self._answered(plan, quiet=images is not None))}
            self.predictions = [found[example.image_id] for example in examples]
            values = {p.image_id: empty if p.value is None else p.value for p in self.predictions}
            return self._scored(values), values

    def final(self, folder: Path | None) -> dict[str, float]:
        """The scores of all validation images; their predictions go into `folder` as lines of a run's journal.

        None for the processes that write nothing.
        """
        scores, _ = self.scores(images=None)
        if folder is not None:
            lines = (json.dumps(p.to_json(), ensure_ascii=False) for p in self.predictions)
            write_whole(folder / PREDICTIONS, "".join(f"{line}\n" for line in lines))
        return scores

    def loss(self, samples: Sequence[Sample], collate: Callable[[Sequence[Sample]], Mapping[str, Any]]) -> float:
        """Mean cross-entropy of an answer's token over `samples`; `collate` makes the tensors the network takes."""
        network, size = self._model.network, self.config.optimization.batch_size
        dtype = resolve_dtype(self.config.model.dtype, network.device)
        mine = samples[rank() :: processes()]
        sums = []
        with unchanged(network, self._model.processor.tokenizer), precision(network, dtype):
            for start in range(0, len(mine), size):
                batch = collate(mine[start : start + size])
                tokens = int((batch["labels"] != -100).sum())
                inputs = {
                    key: value.to(network.device, network.dtype if value.is_floating_point() else None)
                    for key, value in batch.items()
                }
                sums.append((float(network(**inputs).loss) * tokens, tokens))
            whole = gathered(sums)
        return sum(total for total, _ in whole) / max(1, sum(tokens for _, tokens in whole))

    def _scored(self, values: Mapping[str, Value]) -> dict[str, float]:
        references = {image_id: self._references[image_id] for image_id in values}
        scores = self._score(values, references, self.config.task, self.config.edition)
        return {name: float(scores.get(name, math.nan)) for name in self.names}

    def _names(self) -> Mapping[str, float]:
        """What the scorer gives for the references themselves: a wrong metric is told before the first step."""
        few = spread(self._examples, self.config.evaluation.images)
        truths = {example.image_id: self._references[example.image_id] for example in few}
        return self._score(truths, truths, self.config.task, self.config.edition)

    def _chosen(self) -> str:
        wanted = self.config.evaluation.metric
        if not self.names:
            raise InputError(f"no score of {self.config.task} in {self.config.edition} can be computed here")
        if wanted is not None and wanted not in self.names:
            raise InputError(
                f"evaluation.metric: no score '{wanted}' can be computed here for {self.config.task}: use one of "
                f"{', '.join(self.names)}, or null for the first of them"
            )
        return wanted or self.names[0]

    def _answered(self, plan: ModelPlan, *, quiet: bool) -> list[Prediction]:
        """This process's share of the predictions."""
        mine = plan.examples[rank() :: processes()]
        if not mine:
            return []
        costs, _ = image_costs(mine, self._model.tokens)
        batches = make_batches(mine, costs, size=self.config.optimization.batch_size)
        answered: list[Prediction] = []
        console = Console(quiet=True) if quiet else self._console
        with RunProgress(console, total=len(mine), done=0) as progress:
            for predictions in answer_all(plan, self._model, batches, Tally()):
                answered += predictions
                progress.advance(len(predictions), failed=sum(p.status == "failed" for p in answered))
        return answered

    def _plan(self, examples: Sequence[Example], prompt: Prompt) -> ModelPlan:
        """What a run over these images would do; the weights, which are changing, have no identity."""
        config, material = self.config, self._material
        asked = prompts_of(prompt, examples, task=config.task, vocabulary=material.vocabulary)
        return ModelPlan(
            config=RunConfig(
                task=config.task,
                edition=config.edition,
                data=Data(
                    path=config.data.path,
                    split=config.data.valid,
                    vocabulary=config.data.vocabulary,
                    views=config.data.views,
                ),
                model=config.model,
                quantization=config.quantization,
                prompt=prompt,
                generation=config.generation,
                seed=config.seed,
            ),
            name="evaluation",
            dataset=material.dataset,
            examples=examples,
            edition=material.edition,
            vocabulary=material.vocabulary,
            prompt=prompt_text(prompt),
            prompts={example.image_id: text for example, text in zip(examples, asked, strict=True)},
            base=Checkpoint(Path(config.model.name), ""),
            adapters=(),
            inputs={},
        )


def spread(items: Sequence[Item], count: int | None) -> list[Item]:
    """`count` of `items` at equal distances, the first among them; all of them for None or when there are fewer."""
    if count is None or count >= len(items):
        return list(items)
    return [items[k * len(items) // count] for k in range(count)]
