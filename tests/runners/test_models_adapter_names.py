"""Adapters whose tensors are named as an earlier version, or another program, named them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runners.adapting import close, rewrite, use
from tests.runners.asking import load

Build = Callable[[str], Path]
LLAVA_NAMES = [
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
]
OLD_NAMES = {
    "qwen2_vl": [("model.language_model.layers.", "model.layers."), ("model.visual.", "visual.")],
    "qwen2_5_vl": [("model.language_model.layers.", "model.layers."), ("model.visual.", "visual.")],
    "llava": LLAVA_NAMES,
    "llava_next": LLAVA_NAMES,
    "paligemma": LLAVA_NAMES,
    "gemma3": LLAVA_NAMES,
}
NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
VISION_NAMES = ["qkv", "attn.proj", "out_proj", "fc1", "fc2"]


@pytest.mark.parametrize("family", OLD_NAMES)
@pytest.mark.parametrize(
    "lora",
    [
        # As a training framework wrote them then; over today's names it would take in the vision tower as well.
        {"parts": ("language",), "target_modules": r"^(model|language_model)(?!.*lm_head).*proj"},
        {"parts": ("vision", "language"), "target_modules": [*NAMES, *VISION_NAMES]},
    ],
    ids=["pattern", "names"],
)
def test_names_from_before_are_translated(
    family: str, lora: dict[str, Any], tiny: Build, adapter: Callable[..., Path], tmp_path: Path
) -> None:
    today = adapter(family, parts=lora["parts"])

    def old(key: str) -> str:
        for new, before in OLD_NAMES[family]:
            key = key.replace(f"base_model.model.{new}", f"base_model.model.{before}")
        return key

    before = rewrite(today, tmp_path / "old", old, target_modules=lora["target_modules"])
    model = load(tiny(family), adapters=use(before))
    [report] = model.facts["adapters"]
    assert report["tensors_renamed"] == report["tensors_applied"] > 0
    assert close(model._probe(), load(tiny(family), adapters=use(today))._probe())


def test_an_adapter_of_llavas_own_program_fits_the_converted_model(
    tiny: Build, adapter: Callable[..., Path], tmp_path: Path
) -> None:
    today = adapter("llava_med", parts=("projector", "language"))
    names = {
        "model.language_model.layers.": "model.layers.",
        "model.multi_modal_projector.linear_1": "model.mm_projector.0",
        "model.multi_modal_projector.linear_2": "model.mm_projector.2",
    }

    def old(key: str) -> str:
        for new, before in names.items():
            key = key.replace(f"base_model.model.{new}", f"base_model.model.{before}")
        return key

    targets = r"model\.layers\..*_proj|model\.mm_projector\.[02]"
    before = rewrite(today, tmp_path / "old", old, target_modules=targets)
    model = load(tiny("llava_med"), adapters=use(before))
    [report] = model.facts["adapters"]
    assert report["tensors_renamed"] == report["tensors_applied"] > 0
    assert close(model._probe(), load(tiny("llava_med"), adapters=use(today))._probe())
