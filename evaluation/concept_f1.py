"""Concept F1 as the organisers' evaluator computes it since 2022.

Per image, with T the labels of the truth and P those of the prediction, upper-cased:
F1 = 2|T & P| / (|T| + |P|), averaged over all images. That equals scikit-learn's binary F1 over the union of
the labels, which the evaluator calls once per image (github.com/taubsity/clef-caption-evaluation-2026,
concept_detection). An empty cell is the label "" there: an empty answer to an empty truth scores 1, and no
image is ever skipped. The secondary score first keeps a fixed set of modality and body-region CUIs (in the
edition's data file), takes its truth from the manual concepts, and skips the images whose truth holds none:

    image_f1(labels(("C0040405", "c0817096")), labels(("C0817096",)))    # 0.666...
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from evaluation.statistics import Statistics

Cuis = Sequence[str]


def labels(cuis: Iterable[str]) -> frozenset[str]:
    """The labels of a cell: upper-cased; an empty cell is the label ""."""
    return frozenset(cui.strip().upper() for cui in cuis) or frozenset({""})


def image_f1(truth: frozenset[str], predicted: frozenset[str]) -> float:
    """The F1 of one image; 0 when one side is empty."""
    return 2 * len(truth & predicted) / (len(truth) + len(predicted)) if truth or predicted else 0.0


def concept_f1(truths: Sequence[Cuis], predictions: Sequence[Cuis]) -> Statistics:
    """The primary score."""
    pairs = zip(truths, predictions, strict=True)
    return Statistics.mean(np.array([image_f1(labels(truth), labels(answer)) for truth, answer in pairs]))


def secondary_f1(truths: Sequence[Cuis], predictions: Sequence[Cuis], *, allowed: frozenset[str]) -> Statistics:
    """The secondary score against manual concepts; NaN, where the evaluator divides by zero, without any."""
    values = []
    for truth, predicted in zip(truths, predictions, strict=True):
        kept = labels(truth) & allowed
        values.append(image_f1(kept, labels(predicted) & allowed) if kept else np.nan)
    return Statistics.mean(np.array(values))
