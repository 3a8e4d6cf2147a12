"""A metric computed by its own package, in a Python that has it: an environment made for it, or the one that runs us.

What the packages' versions clash over stays apart, and what a package does (print, crash, hang) costs its own metric
only, which is then unavailable. Rules that need no model, above all those of empty texts, are applied here, by the
numbers in the edition's data:

    metric = MedCat("packs/umls_3760d588371755d0.zip", environment=Path("official"), rules={"both_empty": 1.0})
    metric.measure(pairs).formula    # "tok:raw|medcat|pack:3760d588371755d0|...|env:official|medcat:1.11.1|..."
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console
from rich.progress import track

from evaluation.metrics.tokens import preprocessed
from evaluation.providers.base import Pairs, Provider
from evaluation.providers.conversation import Answer, Broken, Unready, converse
from evaluation.providers.files import digest, weight_files
from evaluation.statistics import Array, Measured, Statistics
from tasks.nouns import InputError

WORKER = Path(__file__).with_name("official_worker.py")
LIMIT = 1800.0
"""Seconds without an answer after which a metric is given up: large models take minutes to load."""
PINS = {"medcat": "1.", "torch": "2.1.2", "torchvision": "0.16.2", "transformers": "4.49."}
"""How the versions begin that the organisers' requirements.txt of 2026 asks for."""


@dataclass(frozen=True, slots=True)
class PackageMetric(Provider):
    """What the metrics have in common; each says what is asked about a pair and what the answer is worth."""

    model: str = ""
    """A file, a folder or a name on the hub; empty when the user has named none."""
    environment: Path | None = None
    """The virtual environment whose packages are used; None: our own Python's."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """The edition's parameters. `both_empty`, `empty_prediction` and `failed` are the values of a pair whose texts are
    both empty, whose prediction is empty, and for which the package raises; without one, such a pair is like any other
    and a failure costs the metric."""
    limit: float = LIMIT
    instead: Provider | None = None
    """What computes the metric where the environment cannot load its package or model."""

    metric: ClassVar[str]
    package: ClassVar[str]
    """The module that must be importable."""
    install: ClassVar[str]
    """What the metric needs and how to get it."""
    usual: ClassVar[str] = ""
    """The organisers' model where the hub has it."""
    preprocesses: ClassVar[bool] = False
    """Whether the texts are asked about as the evaluators preprocess them, or as they stand."""
    both_empty: ClassVar[float | None] = None
    """The value of two empty texts where the edition has no rule."""
    batch: ClassVar[int] = 1
    """Items that are scored together."""
    width: ClassVar[int] = 1
    """Numbers that the package gives for a pair."""
    pins: ClassVar[Mapping[str, str]] = PINS
    """How the versions begin that the metric's own authors use."""
    place: ClassVar[str] = "official"
    """What a signature calls the environment."""

    @property
    def needs(self) -> str:
        """What it needs, and how to get it."""
        return self.install

    @property
    def name(self) -> str:
        """The model: the user's, or else the organisers'."""
        return self.model or self.usual

    @property
    def located(self) -> str:
        """What the package is to load, a folder as its absolute path; `Broken` when there is no model."""
        return str(Path(self.name).resolve()) if Path(self.name).is_dir() else self.name

    def available(self) -> bool:
        """Whether to try: an environment is there, or the package and the model are."""
        return self.environment is not None or bool(self.model and importlib.util.find_spec(self.package))

    @abstractmethod
    def parameters(self, pairs: Pairs) -> dict[str, Any]:
        """What the package must know besides the model."""

    def item(self, pairs: Pairs, i: int) -> list[str]:
        """What is asked about the pair `i`: of most metrics both texts."""
        texts = [pairs.predictions[i], pairs.references[i]]
        return [preprocessed(text) for text in texts] if self.preprocesses else texts

    def value(self, answer: Any) -> float | list[float]:
        """The pair's score, or the `width` numbers that are known of it."""
        return float(answer)

    def statistics(self, values: Array) -> Statistics:
        """The score of n x `width` numbers."""
        return Statistics.mean(values[:, 0])

    @abstractmethod
    def formula(self, ready: Answer) -> str:
        """What the signature says, the environment apart."""

    @abstractmethod
    def official(self, ready: Answer) -> bool:
        """Whether this is the organisers' model."""

    def doubts(self, pairs: Pairs, ready: Answer) -> list[str]:
        """What must be said of the way the values come about."""
        return []

    def measure_systems(self, systems: Sequence[Pairs]) -> list[Measured]:
        """Each system in a conversation of its own, so that one that fails costs no other its value."""
        return [self.measure(pairs) for pairs in systems]

    def measure(self, pairs: Pairs) -> Measured:
        """The metric on these texts; unavailable, with the reason, when the package does not answer for every pair."""
        try:
            return self._measure(pairs)
        except Unready as error:
            if self.instead is not None and self.instead.available():
                one = self.instead.measure(pairs)
                said = f"computed by this program, for the environment is not ready to: {error}"
                return replace(one, warnings=(*one.warnings, said))
            return Measured.nothing(len(pairs.ids), f"{error}; needs {self.needs}")
        except Broken as error:
            return Measured.nothing(len(pairs.ids), str(error))

    def _measure(self, pairs: Pairs) -> Measured:
        fixed = [self.fixed(*texts) for texts in zip(pairs.predictions, pairs.references, strict=True)]
        values = np.repeat(np.array(fixed)[:, np.newaxis], self.width, axis=1)
        asked = [int(i) for i in np.flatnonzero(np.isnan(fixed))]
        starts = range(0, len(asked), self.batch)
        questions = (self._question(pairs, asked[start : start + self.batch]) for start in starts)
        opening = {"metric": self.metric, "model": self.located, "parameters": self.parameters(pairs)}
        failures: dict[str, str] = {}
        # Isolated: the folder of the worker holds modules of ours with the packages' names.
        worker = [_python(self.environment), "-I", str(WORKER)]
        with closing(converse(worker, opening, questions, limit=self.limit)) as told:
            ready = {"versions": {}, **next(told)}
            for answer, start in zip(told, _shown(starts, self.metric), strict=False):
                batch = asked[start : start + self.batch]
                if answer.get("index") != batch[0]:
                    raise Broken(f"{self.metric} answered out of turn at image {pairs.ids[batch[0]]}")
                if "error" in answer and self.rules.get("failed") is not None:
                    failures |= {pairs.ids[i]: answer["error"] for i in batch}
                    values[batch] = self.rules["failed"]
                else:
                    values[batch] = self._values(answer, [pairs.ids[i] for i in batch])
        if np.isnan(values).any():
            raise Broken(f"{self.metric} stopped before image {pairs.ids[int(np.argmax(np.isnan(values[:, 0])))]}")
        if asked and len(failures) == len(asked):
            raise Broken(f"{self.metric} failed on every image: {next(iter(failures.values()))}")
        odd = _of_pins(ready["versions"], self.pins)
        said = [*_of_failures(failures, len(values)), *odd, *self.doubts(pairs, ready)]
        if len(asked) < len(values):
            said.insert(0, f"{len(values) - len(asked)} of {len(values)} pairs have an empty text and a value by rule")
        where = "own" if self.environment is None else self.place
        pins = [f"{package}:{version}" for package, version in ready["versions"].items()]
        formula = "|".join([self.formula(ready), "avg:image", f"env:{where}", *pins])
        return Measured(self.statistics(values), formula, surrogate=not self.official(ready), warnings=tuple(said))

    def fixed(self, prediction: str, reference: str) -> float:
        """The value of a pair that needs no model; NaN for the others."""
        value = None if prediction or reference else self.rules.get("both_empty", self.both_empty)
        if value is None and not prediction:
            value = self.rules.get("empty_prediction")
        return math.nan if value is None else float(value)

    def _question(self, pairs: Pairs, batch: Sequence[int]) -> dict[str, Any]:
        return {"index": batch[0], "items": [self.item(pairs, i) for i in batch]}

    def _values(self, answer: Answer, ids: Sequence[str]) -> Array:
        if "error" in answer:
            raise Broken(f"{self.metric} failed on image {ids[0]}: {answer['error']}")
        try:
            found = np.array([self.value(value) for value in answer.get("values") or ()], dtype=float)
        except (TypeError, ValueError):  # something else than numbers, or not as many for each
            found = np.empty(0)
        if found.size != len(ids) * self.width or not np.isfinite(found).all():
            raise Broken(f"{self.metric} gave no number for image {ids[0]}: {str(answer.get('values'))[:100]}")
        return found.reshape(len(ids), self.width)


def environment_of(path: Path | None) -> Path | None:
    """The virtual environment that the user names; InputError when it is none."""
    if path is not None and not os.access(path / "bin" / "python", os.X_OK):
        raise InputError(
            f"{path} is no virtual environment, it has no bin/python: make it with python3.11 -m venv {path} and "
            f"install {WORKER.with_name('official-requirements.txt')} for captions or, for reports, "
            "report-requirements.txt beside it, which say how"
        )
    return path


def weights_of(path: Path) -> str:
    """What a signature says of the weights in a file or a folder; empty for a name on the hub, which pins them."""
    files = [path] if path.is_file() else weight_files(path) if path.is_dir() else []
    return f"|weights:{digest(files)}" if files else ""


def _python(environment: Path | None) -> str:
    # Not resolved: a virtual environment's Python is a link that knows its place by its path.
    return sys.executable if environment is None else str((environment / "bin" / "python").absolute())


def _shown(starts: Sequence[int], metric: str) -> Iterator[int]:
    console = Console(stderr=True)
    return iter(track(starts, metric, console=console, transient=True, disable=not console.is_terminal))


def _of_failures(failures: Mapping[str, str], n: int) -> list[str]:
    said = f"{len(failures)} of {n} images failed and have a value by the evaluator's rule"
    return [f"{said}, the first is {image_id}: {why}" for image_id, why in failures.items()][:1]


def _of_pins(versions: Mapping[str, str], pins: Mapping[str, str]) -> list[str]:
    odd = [f"{name} {found}" for name, found in versions.items() if not found.startswith(pins.get(name, ""))]
    pinned = ", ".join(f"{name} {pin.rstrip('.')}" for name, pin in pins.items() if name in versions)
    return [f"computed with {', '.join(odd)}; the organisers pin {pinned}"] if odd else []
