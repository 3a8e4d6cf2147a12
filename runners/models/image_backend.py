"""Who makes pixels out of an image: torchvision where it is installed, else PIL.

Their results have the same shape and differ by one of 256 levels in some pixels, up to three for Qwen's (measured
with transformers 5.23 and torchvision 0.28), so answers may differ: the backend is part of a run's fingerprint, and a
run begun with one is not continued with the other. `model.image_backend` pins one of them, for a run that several
machines share or repeat.

    resolve_image_backend("auto")      # "pil" on a machine without torchvision
"""

from __future__ import annotations

import importlib.util
from typing import Literal

from tasks.nouns import InputError

ImageBackend = Literal["pil", "torchvision"]


def resolve_image_backend(asked: str) -> ImageBackend:
    """The backend that `auto`, `pil` or `torchvision` stands for here; neither of the libraries is imported."""
    installed = importlib.util.find_spec("torchvision") is not None
    if asked == "torchvision" and not installed:
        raise InputError(
            "model.image_backend: torchvision is not installed: install the version that matches torch, or use pil, "
            "whose pixels are all but the same"
        )
    return "torchvision" if installed and asked != "pil" else "pil"
