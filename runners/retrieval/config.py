"""Retrieval: how many neighbours answer, how much each counts, and which images are no neighbours.

    retrieval: {k: 80, weighting: similarity, temperature: 0.2, whiten: 256}     # concepts
    retrieval: {k: 300, weighting: similarity, temperature: 0.1, whiten: 128}    # captions

On 2,000 images of ROCO, each asked of other articles' (EfficientNet-Lite0, depths joined), whitening brought the
F1 of 40 neighbours from .227 to .237, the first line .239; the ROUGE-1 of the consensus rose from .160 (k: 10) to .186
(the second line), with a standard error of .002 for the difference.
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
    """How much each counts. uniform: the same; similarity: exp(cosine / temperature); rank: 1 / rank."""
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Of the weighting similarity: the smaller, the more the nearest count."""
    whiten: Count | None = None
    """Compare so many principal components of the embeddings, the weak ones raised; null: the embeddings."""
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
        return self
