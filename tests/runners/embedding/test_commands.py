"""The verb `embed`: the splits of any config with `data` and `encoders`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runners.embedding.commands import embed
from runners.embedding.store import read_embeddings
from tasks.nouns import InputError
from tests.runners.embedding.making import make_examples, make_onnx


def run(tmp_path: Path, *words: str, **config: Any) -> Result:
    graph = make_onnx(tmp_path / "tiny.onnx")
    file = tmp_path / "config.yaml"
    asked = {"task": "caption_prediction", "data": {"path": "sample"}, "encoders": [{"name": str(graph)}], **config}
    file.write_text(json.dumps(asked), encoding="utf-8")
    return CliRunner().invoke(embed, [str(file), "--out", str(tmp_path / "out"), *words])


def stores(tmp_path: Path) -> dict[str, int]:
    """Rows of each store below the output folder, by encoder folder and file."""
    return {
        path.stem: len(read_embeddings(path.parent, path.stem).ids) for path in sorted(tmp_path.glob("out/*/*.npy"))
    }


def test_all_splits_of_a_systems_config(tmp_path: Path) -> None:
    result = run(tmp_path, learn={"refit": False}, retrieval={"k": 40})
    assert result.exit_code == 0, result.output
    assert stores(tmp_path) == {"test": 120, "train": 840, "valid": 120}
    assert "test.npy: 120 images x 6" in result.output


def test_a_limit_is_the_beginning_of_the_same_files(tmp_path: Path) -> None:
    result = run(tmp_path, "--split", "test", data={"path": "sample", "limit": 5})
    assert "test.npy: 5 images x 6" in result.output and stores(tmp_path) == {"test": 5}
    run(tmp_path, "--split", "test")
    assert stores(tmp_path) == {"test": 120}
    result = run(tmp_path, "--split", "test", data={"path": "sample", "limit": 5})
    assert "test.npy: 5 images x 6" in result.output and stores(tmp_path) == {"test": 120}


def test_what_is_learned_from_may_lie_elsewhere(tmp_path: Path) -> None:
    images = tmp_path / "mine"
    make_examples(images, 3)
    result = run(tmp_path, data={"path": str(images)}, learn={"path": "sample"})
    assert result.exit_code == 0, result.output
    assert stores(tmp_path) == {"test": 3, "train": 840, "valid": 120}
    assert len(list(tmp_path.glob("out/*"))) == 2


def test_a_split_that_is_asked_about_and_tuned_on_is_embedded_once(tmp_path: Path) -> None:
    result = run(tmp_path, data={"path": "sample", "split": "valid"})
    assert result.output.count("valid.npy") == 1


def test_splits_and_settings_on_the_command_line(tmp_path: Path) -> None:
    result = run(tmp_path, "--split", "valid", "--data", "sample", "--set", "encoders=[]")
    assert isinstance(result.exception, InputError) and "name one at least" in str(result.exception)
    assert run(tmp_path, "--split", "valid").exit_code == 0
    assert stores(tmp_path) == {"valid": 120}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"encoders": [{"name": "sample", "view": "flip"}]}, "nearest valid key: 'views'"),
        ({"encoders": [{"name": "sample", "views": "six"}]}, "views"),
        ({"encoders": [{"name": "sample", "batch_size": 0}]}, "batch_size"),
        ({"data": {"path": "sample", "split": "night"}}, "night"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    result = run(tmp_path, **config)
    assert isinstance(result.exception, InputError) and said in str(result.exception)
