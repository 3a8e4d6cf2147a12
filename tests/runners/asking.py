"""Loading a tiny checkpoint as a run does, and asking it about five images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from runners.checkpoints import locate
from runners.config import RunConfig
from runners.models import Failure, load_model
from runners.models.vision_language import VisionLanguageModel

PROMPTS = ["Describe.", "A chest x-ray of", "What is seen here, in one line?", "Describe.", "a"]


def config_for(base: Path, **settings: Any) -> RunConfig:
    """A config of ten tokens an answer."""
    generation = {"max_new_tokens": 10, **settings.pop("generation", {})}
    return RunConfig.model_validate(
        {
            "task": "captions",
            "data": {"path": "nowhere"},
            "model": {"name": str(base), **settings.pop("model", {})},
            "prompt": {"text": "Describe."},
            "generation": generation,
            **settings,
        }
    )


def load(base: Path, **settings: Any) -> VisionLanguageModel:
    """The model in `base` with the config's `settings`."""
    config = config_for(base, **settings)
    model = load_model(config, locate(config.model.name), [locate(a.path) for a in config.adapters])
    assert isinstance(model, VisionLanguageModel)
    return model


def pictures() -> list[Image.Image]:
    """Five images of odd sizes, made from five modes."""
    sizes = {"RGB": (40, 30), "L": (1, 5), "P": (64, 64), "CMYK": (200, 120), "RGBA": (3, 90)}
    images = []
    for number, (mode, size) in enumerate(sizes.items()):
        ramp = Image.linear_gradient("L").rotate(90 * number).resize(size)
        images.append(Image.merge("RGB", (ramp, ramp, ramp.point(lambda v: 255 - v))).convert(mode).convert("RGB"))
    return images


def answer(model: VisionLanguageModel, size: int) -> list[str | Failure]:
    """The answers to `PROMPTS` about `pictures`, in batches of `size`."""
    images = pictures()
    answers: list[str | Failure] = []
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        answers += model.generate(model.prepare(images[part], PROMPTS[part]))
    return answers


def edit(path: Path, **values: Any) -> None:
    """Change values in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")
