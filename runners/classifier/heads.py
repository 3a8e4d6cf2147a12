"""Heads: what a fit leaves, what it answers, and its folder.

heads.json             concepts, config, dimensions, versions, hashes; written last: with it the fit is whole
head-0.safetensors     the weights of the first network; one file a network

heads = load_heads(folder)
p = heads.probabilities(np.load("valid.npy", mmap_mode="r"), ids)    # Probabilities: images x concepts
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from runners.classifier.config import Classifier
from runners.classifier.network import BACKBONE, Head, Tuned, identity_of, load_tensors, put_state, state_of
from runners.classifier.rows import BLOCK, Rows, read_ahead
from runners.classifier.threads import one_thread
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError
from tasks.probabilities import LEAST, Probabilities

FILE = "heads.json"
SCHEMA = 1
UNTRAINABLE = (
    "classifier.finetune needs an encoder whose network can be trained: an ONNX file cannot be. Take another encoder, "
    "or set finetune: false"
)


@dataclass(frozen=True, eq=False)
class Heads:
    """Trained networks that answer together, by the mean of their probabilities."""

    cuis: tuple[str, ...]
    """The concepts they know, in ascending order."""
    config: Classifier
    seed: int
    dimensions: int
    """Length of the features they take; when fine-tuned, of the encoder's."""
    networks: tuple[torch.nn.Module, ...]
    device: torch.device
    backbone: str | None = None
    """What pins the weights the encoder had before it was fine-tuned."""

    def probabilities(self, rows: Rows, ids: Sequence[str]) -> Probabilities:
        """Of features (images x dimensions), or of the pixels of images when fine-tuned; those below 1/1024 are 0.

        InputError when rows and ids differ in number, or the features are another encoder's.
        """
        from scipy.sparse import csr_array, vstack  # type: ignore[import-untyped]

        if len(rows) != len(ids):
            raise InputError(f"{len(rows)} rows of features for {len(ids)} image ids: give each row its id")
        size = self.config.batch_size if self.config.finetune else BLOCK
        blocks = [csr_array((0, len(self.cuis)), dtype=np.float32)]
        with one_thread(self.device), torch.inference_mode():
            for _, values in read_ahead(rows, np.arange(len(rows)), size=size):
                table = self._mean(values)
                blocks.append(csr_array(np.where(table < LEAST, np.float32(0), table)))
        return Probabilities(tuple(ids), self.cuis, vstack(blocks, format="csr"))

    def save(self, folder: Path) -> None:
        """Write the folder; `load_heads` reads it."""
        for number, network in enumerate(self.networks):
            save_network(folder, number, network)
        self.seal(folder)

    def seal(self, folder: Path) -> None:
        """Write heads.json beside the weights: from now on the folder is whole."""
        content = {
            "schema": SCHEMA,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "dimensions": self.dimensions,
            "backbone": self.backbone,
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
            "files": {path_of(folder, n).name: hash_file(path_of(folder, n)) for n in range(len(self.networks))},
            "cuis": self.cuis,
        }
        write_whole(folder / FILE, json.dumps(content, indent=1) + "\n")

    def _mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self.config.finetune and values.shape[1:] != (self.dimensions,):
            raise InputError(
                f"features of shape {values.shape[1:]}, the classifier takes {self.dimensions} dimensions: embed these "
                "images with the encoders it was trained on"
            )
        given = torch.from_numpy(values).to(self.device)
        each = torch.stack([torch.sigmoid(network(given)) for network in self.networks])
        mean: NDArray[np.float32] = each.mean(dim=0).cpu().numpy()
        return mean


def build(
    config: Classifier,
    *,
    dimensions: int,
    concepts: int,
    backbone: torch.nn.Module | None,
    tuned: Collection[str],
    device: torch.device,
) -> torch.nn.Module:
    """A network that has learned nothing; with `finetune`, on a copy of the backbone whose weights `tuned` learn."""
    hidden = config.hidden if config.head == "mlp" else None
    head = Head(dimensions, concepts, hidden=hidden, dropout=config.dropout)
    if not config.finetune:
        return head.to(device)
    if backbone is None:
        raise InputError(UNTRAINABLE)
    own = deepcopy(backbone)
    for name, weight in own.named_parameters():
        weight.requires_grad_(name in tuned)
    return Tuned(own, head).to(device)


def path_of(folder: Path, number: int) -> Path:
    """The file of the `number`-th network, counted from 0."""
    return folder / f"head-{number}.safetensors"


def save_network(folder: Path, number: int, network: torch.nn.Module) -> None:
    """Write a network's file; of a fine-tuned one only what was trained."""
    from safetensors.torch import save

    write_whole(path_of(folder, number), save(state_of(network)))


def load_heads(folder: Path, *, backbone: torch.nn.Module | None = None, device: str = "auto") -> Heads:
    """The heads in a folder; InputError when it is not whole, damaged, or `backbone` has other weights than then."""
    from runners.models.loading import resolve_device

    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        config = Classifier.model_validate(content["config"])
        cuis, files, dimensions = tuple(content["cuis"]), dict(content["files"]), int(content["dimensions"])
        seed, origin = int(content["seed"]), content["backbone"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: the classifier was not trained to its end; train it again") from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{path} is damaged ({error}): train again in another folder") from None
    if backbone is not None and origin is not None and identity_of(backbone) != origin:
        raise InputError(
            f"{folder} was fine-tuned from an encoder with other weights: give it the one it was trained on"
        )
    place = resolve_device(device)
    networks = []
    for number in range(config.seeds):
        file = path_of(folder, number)
        if not file.is_file() or hash_file(file) != files.get(file.name):
            raise InputError(f"{file} is missing or was changed since it was trained: train again in another folder")
        tensors = load_tensors(file)
        tuned = {name.removeprefix(BACKBONE) for name in tensors if name.startswith(BACKBONE)}
        network = build(config, dimensions=dimensions, concepts=len(cuis), backbone=backbone, tuned=tuned, device=place)
        put_state(network, tensors, file)
        networks.append(network.eval())
    return Heads(cuis, config, seed, dimensions, tuple(networks), place, origin)
