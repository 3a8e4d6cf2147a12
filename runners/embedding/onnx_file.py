"""Encoders in ONNX files, computed by onnxruntime on the CPU; a third the time of torch for small networks.

What the graph says is not asked: layout (channels before or after the places), size, numbers (bytes, float32, float16),
one image at a time or many. The image is squashed to the graph's size. Bytes go in as they are, floats normalised by
`mean` and `std`. The first output counts: B x D as it is, tokens and maps pooled.

    load(Encoder(name="sscd.onnx")).dimensions        # 512
    Encoder(name="lite0.onnx", mean=[0.498, 0.498, 0.498], std=[0.502, 0.502, 0.502])
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Resampling

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of, library
from tasks.files import hash_file
from tasks.nouns import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from runners.embedding.encoders import ImageEncoder

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of RGB in [0, 1], as most networks were trained."""
_NUMBERS = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}
_INSTALL = "pip install onnxruntime"


def weights_of(config: Encoder) -> dict[str, str]:
    """What pins weights and preprocessing; weights beside the file (model.onnx.data) count."""
    path = Path(config.name).expanduser()
    if not path.is_file():
        raise InputError(f"encoder {config.name}: there is no such file: give the path of an .onnx file")
    files = sorted(path.parent.glob(f"{path.name}*"))
    mean, std = (given or default for given, default in zip((config.mean, config.std), IMAGENET, strict=True))
    return {
        "weights": " ".join(f"sha256:{hash_file(file)}" for file in files),
        "preprocessing": f"squashed to {config.size or 'the graph'}, bicubic, (RGB - {list(mean)}) / {list(std)}",
    }


def load(config: Encoder) -> ImageEncoder:
    """The encoder; InputError when the file is damaged, or takes something else than one image."""
    runtime = library("onnxruntime", _INSTALL)
    if config.device not in {"auto", "cpu"}:
        raise InputError(f"encoder {config.name}: device {config.device}: ONNX files run on the CPU: use auto")
    options = runtime.SessionOptions()
    # onnxruntime does not read OMP_NUM_THREADS; 0 stands for all cores.
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    try:
        session = runtime.InferenceSession(
            str(Path(config.name).expanduser()), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors share no class of their own
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(f"encoder {config.name}: onnxruntime cannot open it ({reason}): fetch it again") from error
    return OnnxEncoder(config, session, _input(config, session))


@dataclass(frozen=True)
class _Input:
    """What a graph takes."""

    name: str
    numbers: Any
    """Type of its numbers, for numpy."""
    last: bool
    """Channels come last."""
    channels: int
    height: int
    width: int
    single: bool
    """One image at a time."""


@dataclass
class OnnxEncoder:
    """An ONNX session that takes pixels and gives vectors; it cannot be trained."""

    config: Encoder
    session: Any
    input: _Input
    name: str = field(init=False)
    identity: str = field(init=False)
    dimensions: int = field(init=False)
    network: None = None

    def __post_init__(self) -> None:
        self.name, self.identity = self.config.name, identity_of(self.config)
        shape = (1, self.input.channels, self.input.height, self.input.width)
        self.dimensions = self.embed(np.zeros(shape, np.float32)).shape[1]

    def prepare(self, image: Image, /) -> NDArray[np.float32]:
        """C x H x W: bytes as floats in [0, 255] where the graph takes bytes, else normalised."""
        into = self.input
        small = image.convert("RGB" if into.channels == 3 else "L").resize(
            (into.width, into.height), Resampling.BICUBIC
        )
        pixels = np.asarray(small, np.float32).reshape(into.height, into.width, into.channels).transpose(2, 0, 1)
        if into.numbers == np.uint8:
            return np.ascontiguousarray(pixels)
        mean, std = (
            np.array(given or default, np.float32)[: into.channels, None, None]
            for given, default in zip((self.config.mean, self.config.std), IMAGENET, strict=True)
        )
        normalised: NDArray[np.float32] = (pixels / np.float32(255) - mean) / std
        return np.ascontiguousarray(normalised)

    def embed(self, pixels: NDArray[np.float32], /) -> NDArray[np.float32]:
        """B x C x H x W to B x D; InputError when the graph fails or its first output is no vector."""
        given = (pixels.transpose(0, 2, 3, 1) if self.input.last else pixels).astype(self.input.numbers)
        parts = [given[n : n + 1] for n in range(len(given))] if self.input.single else [given]
        try:
            made = [self.session.run(None, {self.input.name: part})[0] for part in parts]
        except Exception as error:  # its errors share no class of their own
            reason = (str(error).strip().splitlines() or [""])[0]
            raise InputError(f"encoder {self.name}: onnxruntime: {reason}") from error
        vectors = _pooled(np.concatenate(made).astype(np.float32), self.config.pooling)
        if vectors is None or len(vectors) != len(pixels):
            raise InputError(
                f"encoder {self.name}: its first output is {made[0].shape}, not a vector per image: export the features"
            )
        return vectors


def _pooled(made: NDArray[np.float32], pooling: str) -> NDArray[np.float32] | None:
    """B x D out of B x D, B x N x D (tokens) or B x D x H x W (a map); None out of anything else."""
    if made.ndim == 3:
        return made[:, 0] if pooling == "first" else made.mean(axis=1)
    if made.ndim == 4:
        return None if pooling == "first" else made.mean(axis=(2, 3))
    return made if made.ndim == 2 else None


def _input(config: Encoder, session: Any) -> _Input:
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    numbers = _NUMBERS.get(inputs[0].type)
    if len(inputs) != 1 or len(shape) != 4 or numbers is None:
        told = ", ".join(f"{i.name} {i.type}{i.shape}" for i in inputs)
        raise InputError(
            f"encoder {config.name}: it takes {told}, not one image of bytes or floats: export the vision part alone"
        )
    last = shape[3] in {1, 3} and shape[1] not in {1, 3}
    batch, channels, height, width = (shape[n] for n in ((0, 3, 1, 2) if last else (0, 1, 2, 3)))
    sides = [side if isinstance(side, int) else config.size for side in (height, width)]
    if None in sides:
        raise InputError(f"encoder {config.name}: the graph leaves the image's size open: say it with `size: 224`")
    if config.size not in {None, *sides}:
        raise InputError(f"encoder {config.name}: size: the graph takes {height} x {width}: leave size out")
    count = channels if isinstance(channels, int) else 3
    if count not in {1, 3}:
        raise InputError(f"encoder {config.name}: it takes {count} channels, an image has 1 or 3")
    return _Input(inputs[0].name, numbers, last, count, int(sides[0] or 0), int(sides[1] or 0), batch == 1)
