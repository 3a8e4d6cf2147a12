"""A config's model behind a server: asked as a run asks it, about images that lie in memory.

service = Service.load(load(Path("configs/caption_prediction/sample.yaml")).config)
[outcome] = service.answer([Question(png, service.prompt({}))])
outcome.prediction.value                    # "Chest x-ray showing ..."

The data set of the config is needed for task 1 alone, and there only where `data.vocabulary` names no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runners.asking import Answerer, Tally, prepare
from runners.checkpoints import locate
from runners.config import RunConfig
from runners.models import Model
from runners.plan import base_of
from runners.prompts import prompt_text
from runners.prompts.template import Template
from tasks.concepts import Vocabulary
from tasks.datasets import open_dataset
from tasks.nouns import Example, InputError, Prediction, Report, Task

_LARGEST = (2048, 2048)
"""Size of the images that a batch is made to hold: larger ones are scaled down by most families, and halve the batch
when they do not fit."""
_SENT = frozenset({"context", "image_id", "language"})
"""Variables of a prompt that an upload can fill."""
_DECODERS = 2


@dataclass(frozen=True)
class Question:
    """An image and what is asked about it."""

    image: bytes = field(repr=False)
    prompt: str

    def read_bytes(self) -> bytes:
        """The encoded image."""
        return self.image


@dataclass(frozen=True)
class Outcome:
    """What became of a question."""

    prediction: Prediction
    opened: bool
    """Whether the image could be opened; if not, the prediction's reason says why."""


@dataclass(frozen=True)
class _Asked:
    """What of a run's plan its answerer needs."""

    config: RunConfig
    prompts: Mapping[str, str]
    vocabulary: Vocabulary | None


class Service:
    """A loaded model with its prompt and vocabulary; `load` is the way to make one."""

    def __init__(self, config: RunConfig, model: Model, *, identity: str = "") -> None:
        """InputError when the prompt or the vocabulary is not one that images from outside can be asked with."""
        self.config = config
        self.vocabulary = _vocabulary(config)
        self._template = _template(config)
        self._model = model
        self._tally = Tally()
        self._decoders = ThreadPoolExecutor(_DECODERS, "decode")
        self.workers = int(model.facts.get("concurrency", 1))
        """Batches the model answers at once."""
        self.batch_size = config.batch_size if isinstance(config.batch_size, int) else model.fitting(_LARGEST)
        self.model_facts: Mapping[str, Any] = {
            "name": config.model.name,
            "identity": identity,
            "adapters": [adapter.path for adapter in config.adapters],
            "quantization": config.quantization,
            **{key: model.facts[key] for key in ("dtype", "device") if key in model.facts},
        }

    @classmethod
    def load(cls, config: RunConfig) -> Service:
        """Load what the config names; what can be wrong without the model is told before it is loaded."""
        from runners.models import load_model

        _template(config)
        _vocabulary(config)
        base = base_of(config)
        adapters = [locate(a.path, a.revision, a.subfolder) for a in config.adapters]
        return cls(config, load_model(config, base, adapters), identity=base.identity)

    @property
    def reads_context(self) -> bool:
        """Whether the prompt says anything of the patient."""
        return "context" in self._template.variables

    def prompt(self, context: Mapping[str, str]) -> str:
        """What the model is asked about an image with this context; InputError when the prompt misses something."""
        values = {"context": dict(context), "image_id": "upload", "language": self.config.prompt.language}
        return self._template.render(values, image_id="upload")

    def answer(self, questions: Sequence[Question]) -> list[Outcome]:
        """The outcomes, in the order of the questions; InputError when the model can answer nothing at all."""
        # Ids by place: what is sampled then depends on the seed and the batch, not on what was asked before.
        examples = [Example(f"upload {n}", question, "upload") for n, question in enumerate(questions)]
        prompts = {e.image_id: question.prompt for e, question in zip(examples, questions, strict=True)}
        asked = _Asked(self.config, prompts, self.vocabulary)
        batch = prepare(examples, self._model, asked, self._decoders)
        predictions = Answerer(self._model, asked, self._tally).predictions(batch)
        return [Outcome(p, p.image_id not in batch.unreadable) for p in predictions]

    def value(self, prediction: Prediction) -> Any:
        """A prediction's value as JSON: a caption, CUIs with their names, or the parts of a report."""
        value = prediction.value
        if isinstance(value, tuple):
            names = self.vocabulary.name if self.vocabulary else dict[str, str]().get
            return [{"cui": cui, "name": names(cui)} for cui in value]
        return prediction.to_json()["value"] if isinstance(value, Report) else value

    def close(self) -> None:
        """Ask the model nothing more."""
        self._model.close()


def _template(config: RunConfig) -> Template:
    template = Template(prompt_text(config.prompt), where="prompt")
    if unsent := sorted(template.variables - _SENT):
        raise InputError(
            f"prompt: it reads {{{{ {unsent[0]} }}}}, which an image that is sent to a server does not have: choose a "
            "prompt with no other variable than {{ context }}, as in `prompt: {name: caption}`"
        )
    return template


def _vocabulary(config: RunConfig) -> Vocabulary | None:
    if config.task is not Task.CONCEPTS:
        return None
    files = [Path(name) for name in config.data.vocabulary] or list(open_dataset(config.data.path).vocabulary_files)
    if missing := [path for path in files if not path.is_file()]:
        raise InputError(f"data.vocabulary: no file {missing[0]}: correct the path")
    if not files:
        raise InputError(
            f"no CUI vocabulary beside {config.data.path}: name one with --set "
            "data.vocabulary=[path/to/cui_mapping.csv]"
        )
    return Vocabulary.load(files)
