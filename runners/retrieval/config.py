"""Retrieval: how many neighbours answer, how much each counts, and which images are no neighbours.

    retrieval: {k: 60, weighting: rank}                                  # concepts
    retrieval: {k: 60, weighting: rank, space: labels}                   # concepts, on all labelled images
    retrieval: {k: 300, weighting: similarity, temperature: 0.1}         # captions

On 2,000 images of ROCO, each asked of other articles' images (five encoders, the system's `whiten: 256`, two rounds of
5 folds), the first line came to an F1 of .239, the second to .244 and its mean with `ridge` to .247; k: 40, uniform,
without whitening to .230. The ROUGE-1 of the consensus rose from .160 (k: 10) to .186 (the third line, whiten: 128),
with a standard error of .002 for the difference.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runners.config import Count, Section

Weighting = Literal["uniform", "similarity", "rank"]


class Retrieval(Section):
    """Answers from the training images that look most alike."""

    k: Count = 40
    """Neighbours of each image."""
    weighting: Weighting = "uniform"
    """How much each counts. uniform: the same; similarity: exp(cosine / temperature); rank: 1 / (rank + 10), from 0."""
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Of the weighting similarity: the smaller, the more the nearest count."""
    space: Literal["images", "labels"] = "images"
    """labels: of task 1: compare, beside the embeddings, the concepts that kernel ridge expects of each image."""
    texts: Literal["nearest", "consensus"] = "consensus"
    """Tasks 2 and 3. nearest: the nearest image's text; consensus: of the neighbours' texts the one with the highest
    weighted mean ROUGE-1 to the others."""
    search: Literal["exact", "faiss", "usearch"] = "exact"
    """exact: every pair of images is compared; faiss, usearch: an HNSW graph, for millions of images; the package is
    an extra."""
    apart: Literal["image", "group"] = "image"
    """image: an image is not its own neighbour; group: nor is one of the same article or patient."""
    duplicates: Annotated[float, Field(gt=0, le=1)] | None = None
    """An image whose cosine is at least this is taken for the same image, and is no neighbour; null: all may be."""

    @model_validator(mode="after")
    def _idle(self) -> Self:
        if "temperature" in self.model_fields_set and self.weighting != "similarity":
            raise ValueError("temperature has no effect without weighting: similarity")
        if self.duplicates is not None and self.space == "labels":
            raise ValueError("duplicates compares images: with space: labels it would find no copy; set it to null")
        return self
