"""ReXrank's two metrics of words that this program computes itself: BLEU-2 and its BERTScore.

ReXrank scores with github.com/rajpurkarlab/CXR-Report-Metric (CXRMetric/run_eval.py):

* BLEU-2 of each report alone, the mean over reports: lower case, a blank before each full stop, words are what stands
  between blanks, so "clear," is a word of its own; fast_bleu's smoothing, as NLTK's `method1`: where no pair of words
  matches, a tenth of a match; no word in common is 0.
* BERTScore F1 with distilroberta-base, layer 5, each token alike (no idf), runs of blanks made one, rescaled by the
  baseline that bert_score ships: (F1 - 0.8473) / (1 - 0.8473), so that unlike texts are near 0 and may be negative.

    rexrank_bleu2(["the lungs are clear."], ["lungs are clear."]).value     # 0.774...: 4 of 5 words, 3 of 4 pairs
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.metrics import ngrams
from evaluation.metrics.bertscore import Encoder, f1_scores
from evaluation.providers.base import Pairs, Provider
from evaluation.providers.bertscore import TOKENIZERS
from evaluation.providers.files import WEIGHTS, digest, label, model_folder, weight_files
from evaluation.statistics import Measured, Statistics
from tasks.nouns import InputError

ROBERTA = "distilroberta-base"
NAMES = (ROBERTA, "distilbert/distilroberta-base")
"""What it is called on the hub, before and since models have owners."""
LAYER = 5
"""As in bert_score's table `model2layers`."""
SHAPE = {"model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 6}
"""What the configuration of a copy must say."""


@dataclass(frozen=True, slots=True)
class RexrankBleu(Provider):
    """Mean BLEU-2 of single reports."""

    @property
    def needs(self) -> str:
        """Nothing that is not installed with this program."""
        return "nothing but texts"

    def available(self) -> bool:
        """Always."""
        return True

    def measure_systems(self, systems: Sequence[Pairs]) -> list[Measured]:
        """BLEU-2 of each system."""
        formula = "tok:rexrank|smooth:method1|avg:image"
        return [Measured(rexrank_bleu2(pairs.predictions, pairs.references), formula) for pairs in systems]


def rexrank_bleu2(predictions: Sequence[str], references: Sequence[str]) -> Statistics:
    """The mean of each pair's BLEU-2 as fast_bleu computes it; 0 for a pair without a common word."""
    ours, theirs = ([" ".join(_words(text)) for text in texts] for texts in (predictions, references))
    words, pairs = ngrams.References(theirs).count(ours, orders=2, cosine=False)
    precisions = [np.maximum(order.correct, 0.1) / np.maximum(order.candidate, 1) for order in (words, pairs)]
    penalty = np.exp(np.minimum(0.0, 1 - words.reference / np.maximum(words.candidate, 1)))
    return Statistics.mean(np.where(words.correct > 0, penalty * np.sqrt(np.prod(precisions, axis=0)), 0.0))


def _words(text: str) -> list[str]:
    """What stands between blanks; a line break there is part of a word, for which a sign no text has stands here."""
    parts = text.lower().replace(".", " .").split(" ")
    return [re.sub(r"\s", "\x00", part) for part in parts if part]


@dataclass(frozen=True, slots=True)
class RexrankBertScore(Provider):
    """Mean rescaled BERTScore F1 of distilroberta-base."""

    model: str = ""
    """A folder or a name on the hub; empty for the official one in the hub's cache."""

    @property
    def needs(self) -> str:
        """What it needs, and how to get it."""
        return (
            f"{ROBERTA} as a folder or in the hub's cache: run hf download {NAMES[1]}; "
            "or --model bertscore_rexrank=FOLDER"
        )

    def available(self) -> bool:
        """Whether the files of the model are on this machine."""
        return self._folder() is not None

    def measure_systems(self, systems: Sequence[Pairs]) -> list[Measured]:
        """The F1 of each pair; a raw F1 of 0 for one with an empty text, as in bert_score, rescaled like the others."""
        folder = self._folder()
        if folder is None:
            raise InputError(
                f"bertscore_rexrank does not find config.json, weights and tokenizer of {self.model or ROBERTA}; "
                f"it needs {self.needs}"
            )
        encoder = Encoder.load(folder, layer=LAYER)
        referred = encoder.tokens([_spaced(text) for text in systems[0].references])
        predicted = [encoder.tokens([_spaced(text) for text in pairs.predictions]) for pairs in systems]
        matched = [pair for ours in predicted for pair in zip(ours, referred, strict=True)]
        low = baseline()
        f1 = (f1_scores(matched, encoder=encoder, weights=encoder.uniform) - low) / (1 - low)
        official = _is_distilroberta(folder)
        name = ROBERTA if official or not self.model else label(self.model)
        formula = (
            f"tok:raw|model:{name}|weights:{digest(weight_files(folder))}"
            f"|layer:{LAYER}|idf:no|rescale:{low:.4f}|cap:{encoder.cap}|f1|avg:image"
        )
        values = np.split(f1, len(systems))
        return [Measured(Statistics.mean(own), formula, surrogate=not official) for own in values]

    def _folder(self) -> Path | None:
        """Where the model's files are; None without all of them."""
        for name in [self.model] if self.model else NAMES:
            if folder := model_folder(name, ("config.json",), WEIGHTS, TOKENIZERS):
                return folder
        return None


def baseline() -> float:
    """The F1 of unlike texts at the layer, in the file that bert_score has for the model; the package is not loaded."""
    spec = importlib.util.find_spec("bert_score")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("bertscore_rexrank needs the baseline that the package bert-score ships: pip install it")
    path = Path(spec.submodule_search_locations[0]) / "rescale_baseline" / "en" / f"{ROBERTA}.tsv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return next(float(row[3]) for row in rows if int(row[0]) == LAYER)


def _spaced(text: str) -> str:
    return re.sub(" +", " ", text)


def _is_distilroberta(folder: Path) -> bool:
    """Whether the model has the shape of the official one; its bytes are in the signature."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return bool(config.items() >= SHAPE.items())
