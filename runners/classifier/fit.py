"""Learning a classifier: from features or pixels, with the concepts of each image, to Heads.

    heads = fit(np.load("train.npy", mmap_mode="r"), labels, Classifier(), seed=42, folder=Path("run/classifier"))

With a folder the fit can be stopped at any moment, kill -9 included, and goes on with the last whole epoch to the same
bytes; a finished one is only opened. Features stay on disk: beside the file's own pages some 500 MB of memory are
taken for 2,000 features and 2,500 concepts, whatever the number of images.

The defaults were chosen on 1,600 + 400 real images of ROCO with EfficientNet-Lite0 features (F1 on valid by the rule
expected_f1, fitted on other folds): linear .239, mlp .235, focal .227, asymmetric .224, balance .5 .225, where a
constant reaches .16. Differences below .01 are noise there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runners.classifier.config import Classifier
from runners.classifier.heads import FILE, UNTRAINABLE, Heads, build, load_heads, path_of, save_network
from runners.classifier.network import Head, Tuned, identity_of, last_part, load_tensors, put_state, reached
from runners.classifier.rows import BLOCK, Rows, moments, read_ahead
from runners.classifier.targets import targets_of
from runners.classifier.threads import one_thread
from runners.classifier.training import Lesson, Tell, drawing, train
from tasks.files import write_whole
from tasks.nouns import InputError

STARTED = "fit.json"
"""What the fit in a folder learns from; another one is refused."""
LOOKED_AT = 1024
"""Images whose features give the mean and standard deviation when the encoder is fine-tuned."""


def fit(
    rows: Rows,
    labels: Sequence[tuple[str, ...]],
    config: Classifier,
    *,
    seed: int,
    folder: Path | None = None,
    backbone: torch.nn.Module | None = None,
    tell: Tell = lambda line: None,
) -> Heads:
    """Train `config.seeds` networks on `rows`: features (images x dimensions), or `Images` with `config.finetune`.

    `labels` are the concepts of each row; `backbone` is the encoder's network, of which each network gets a copy.
    InputError when rows and labels do not go together, a number is not finite, no concept has enough images, or the
    folder has a fit of something else.
    """
    if len(rows) != len(labels):
        raise InputError(f"{len(rows)} rows of features for {len(labels)} lists of concepts: give each row its own")
    from runners.models.loading import resolve_device

    device = resolve_device(config.device)
    lesson = Lesson(rows, targets_of(labels, min_support=config.min_support), config, seed, device)
    with one_thread(device):
        mean, spread, content = _measured(lesson, backbone)
        if folder is not None:
            _begin(folder, _facts(lesson, content))
            if (folder / FILE).is_file():
                return load_heads(folder, backbone=backbone, device=config.device)
        tuned = _tuned(lesson, backbone)
        networks = []
        for number in range(config.seeds):
            network = _fresh(lesson, number, mean=mean, spread=spread, backbone=backbone, tuned=tuned)
            _one(network, lesson, number=number, folder=folder, tell=tell)
            networks.append(network)
    origin = identity_of(backbone) if config.finetune and backbone is not None else None
    heads = Heads(lesson.targets.cuis, config, seed, len(mean), tuple(networks), device, origin)
    if folder is not None:
        heads.seal(folder)
    return heads


def _measured(lesson: Lesson, backbone: torch.nn.Module | None) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Mean and standard deviation of each feature over the training images, and a hash of what was looked at."""
    count = len(lesson.rows)
    if not lesson.config.finetune:
        order = np.arange(count)
        return moments(values for _, values in read_ahead(lesson.rows, order, size=BLOCK))
    if backbone is None:
        raise InputError(UNTRAINABLE)
    order = np.unique(np.linspace(0, count - 1, LOOKED_AT).round().astype(np.intp))
    network = deepcopy(backbone).to(lesson.device).eval()
    with torch.inference_mode():
        return moments(
            network(torch.from_numpy(values).to(lesson.device)).float().cpu().numpy()
            for _, values in read_ahead(lesson.rows, order, size=lesson.config.batch_size)
        )


def _tuned(lesson: Lesson, backbone: torch.nn.Module | None) -> set[str]:
    """Names of the backbone's weights that are to learn."""
    if not lesson.config.finetune or backbone is None:
        return set()
    own = deepcopy(backbone).to(lesson.device).eval()
    one = torch.from_numpy(np.asarray(lesson.rows[np.arange(1)], dtype=np.float32)).to(lesson.device)
    names = reached(own, one)
    return set(names if lesson.config.finetune == "all" else last_part(own, names))


def _fresh(
    lesson: Lesson,
    number: int,
    *,
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    backbone: torch.nn.Module | None,
    tuned: Collection[str],
) -> torch.nn.Module:
    """The `number`-th network before its first step; its hidden layer is drawn from the seed."""
    with drawing(lesson.device, int(lesson.random(number).integers(2**62))):
        network = build(
            lesson.config,
            dimensions=len(mean),
            concepts=len(lesson.targets.cuis),
            backbone=backbone,
            tuned=tuned,
            device=lesson.device,
        )
    head = network.head if isinstance(network, Tuned) else network
    assert isinstance(head, Head)
    head.standardise(torch.from_numpy(mean), torch.from_numpy(spread))
    head.start(torch.from_numpy(lesson.targets.frequency))
    return network


def _one(network: torch.nn.Module, lesson: Lesson, *, number: int, folder: Path | None, tell: Tell) -> None:
    """Train a network, or take it from its file where it is finished."""
    if folder is None:
        train(network, lesson, number=number, state=None, tell=tell)
        return
    path, state = path_of(folder, number), folder / f"training-{number}.safetensors"
    if path.is_file():
        put_state(network, load_tensors(path), path)
        network.eval()
    else:
        train(network, lesson, number=number, state=state, tell=tell)
        save_network(folder, number, network)
    state.unlink(missing_ok=True)


def _facts(lesson: Lesson, content: str) -> dict[str, Any]:
    """Everything that changes a byte of the result."""
    targets = lesson.targets
    digest = hashlib.sha256(json.dumps(targets.cuis).encode())
    for part in (targets.matrix.indptr, targets.matrix.indices):
        digest.update(part.astype(np.int64).tobytes())
    return {
        **{f"classifier.{key}": value for key, value in lesson.config.model_dump(mode="json").items()},
        "classifier.device": lesson.device.type,
        "seed": lesson.seed,
        "features": content,
        "concepts": digest.hexdigest(),
        "torch": torch.__version__,
    }


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    """Write what the fit learns from; InputError when the folder has the fit of something else."""
    path = folder / STARTED
    for torn in folder.glob(".*.safetensors.*"):  # being written when a kill came
        torn.unlink()
    if not path.is_file():
        write_whole(path, json.dumps(facts, indent=1) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        differing = sorted(key for key in {*before, *facts} if before.get(key) != facts.get(key))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}): train in another folder") from None
    if differing:
        told = "; ".join(f"{key}: {_short(before.get(key))} then, {_short(facts.get(key))} now" for key in differing)
        raise InputError(f"{folder} has a classifier trained on something else ({told}): train in another folder")


def _short(value: object) -> str:
    return str(value)[:16]
