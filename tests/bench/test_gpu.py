"""The measurement on a card, run on tiny shapes: same code, and it says so where there is no card."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.bench import gpu
from tests.bench.gpu_models import SHAPES, build
from tests.bench.gpu_sides import EIGHT, LOOP, SINGLY, Measured


def measured(shape: str, weights: str, way: str, **facts: float) -> Measured:
    values = {
        "seconds": 100.0,
        "generating": 98.0,
        "preparing": 9.0,
        "images": 100,
        "peak": 8e9,
        "starting": 60.0,
        **facts,
    }
    return Measured(
        shape,
        weights,
        way,
        8,
        int(values["images"]),
        values["seconds"],
        values["generating"],
        values["preparing"],
        int(values["peak"]),
        values["starting"],
    )


def test_tiny_shapes_go_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.md"
    assert gpu.main(["--tiny", "--keep", str(tmp_path / "kept"), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert text.strip() in capsys.readouterr().out
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith(("| qwen", "| llava"))]
    ways = {(row[0].lstrip("| "), row[1], row[2]) for row in rows}
    assert ways == {
        (shape, weights, way) for shape in SHAPES for weights in ("bf16", "NF4") for way in (LOOP, EIGHT, SINGLY)
    }
    assert all(float(row[4]) > 0 and float(row[7]) > 0 and float(row[8]) > 0 for row in rows)
    assert text.count("| yes |") + text.count("| no |") == 4
    assert "tiny" in text.splitlines()[0] and "torch 2" in text


def test_without_a_card_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    assert "needs a CUDA card" in capsys.readouterr().err


def test_goals_are_judged_by_their_numbers() -> None:
    small = [
        measured(gpu.SMALL, "bf16", LOOP, images=2000),
        measured(gpu.SMALL, "bf16", SINGLY, images=150, generating=90.0),
    ]
    assert list(gpu.goals(small)) == [
        ("2B: at least 10 times one image at a time", "13.3 times", True),
        ("at most 3 % of the time in generate is spent outside, with its own batch size", "2.0% at most", True),
        ("2B: 19,267 images in 30 minutes", "17.1 min", True),
    ]
    missed = [
        measured(gpu.SMALL, "bf16", LOOP, generating=97.0),
        measured(gpu.SMALL, "bf16", SINGLY),
        measured(gpu.LARGE, "NF4", EIGHT, peak=9.1e9),
    ]
    assert [(found, reached) for _, found, reached in gpu.goals(missed)] == [
        ("1.0 times", False),
        ("9.10 GB", False),
        ("3.1% at most", False),
        ("322.1 min", False),
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_every_answer_is_text_of_full_length(name: str, tmp_path: Path) -> None:
    from PIL import Image

    from runners.checkpoints import locate
    from runners.config import RunConfig
    from runners.models import load_model

    base = build(SHAPES[name], tmp_path / name, device="cpu", tiny=True)
    config = RunConfig.model_validate(
        {
            "task": "captions",
            "data": {"path": "nowhere"},
            "model": {"name": str(base)},
            "prompt": {"text": "Describe."},
            "generation": {"max_new_tokens": 30},
        }
    )
    model = load_model(config, locate(str(base)), [])
    texts = model.generate(model.prepare([Image.new("RGB", (60, 60), "grey")] * 3, ["Describe."] * 3))
    tokenizer = model.processor.tokenizer  # type: ignore[attr-defined]
    assert all(isinstance(text, str) and len(text) >= 20 for text in texts)
    assert not any(token in str(text) for text in texts for token in tokenizer.all_special_tokens)


@pytest.mark.parametrize(("name", "parameters"), [("qwen2-vl-2b", 2.209e9), ("llava-llama-3-8b", 8.355e9)])
def test_full_shapes_have_the_size_of_the_real_models(name: str, parameters: float) -> None:
    """On the meta device, where weights take no memory. The sizes: the models' cards."""
    shape = SHAPES[name]
    with torch.device("meta"):
        network, _ = shape.make(shape.text, shape.vision)
    assert network.num_parameters() == pytest.approx(parameters, rel=0.01)
