"""`prompts compare`: a run for each prompt, the model loaded once; what cannot be compared is said before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from imageclef import cli
from tasks.nouns import InputError
from tests.runners.standin import Standin, Use, make_config, make_data


class Obedient(Standin):
    """Answers with its prompt, and breaks on the prompt `Break.`."""

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> list[int]:
        if prompts[0] == "Break.":
            raise ValueError("too long")
        return super().prepare(images, prompts)


def _compare(folder: Path, *prompts: str, options: Sequence[str] = ()) -> Result:
    """The outcome over the stand-in's data, for prompts of these texts."""
    data = folder / "data: 1 #x"
    config = folder / "standin.yaml"
    if not config.exists():
        make_config(folder, make_data(data))
        config.write_text(config.read_text(encoding="utf-8").replace(str(data), "nowhere"), encoding="utf-8")
    files = []
    for number, text in enumerate(prompts):
        files.append(folder / f"prompt {number}.txt")
        files[-1].write_text(text, encoding="utf-8")
    command = ["prompts", "compare", str(config), "--prompts", ",".join(map(str, files)), "--data", str(data)]
    return CliRunner().invoke(cli, [*command, "--out", str(folder / "out"), *options], env={"COLUMNS": "200"})


def _runs(folder: Path) -> list[Path]:
    return sorted((folder / "out" / "caption_prediction").glob("*/submission.csv"))


def test_each_prompt_is_a_run_and_they_are_compared(tmp_path: Path, use: Use) -> None:
    use(Obedient())
    done = _compare(tmp_path, "One.", "Two.")
    assert done.exit_code == 0, done.output
    assert len(_runs(tmp_path)) == 2 and "prompt 0" in done.output
    before = [path.stat().st_mtime_ns for path in _runs(tmp_path)]
    assert _compare(tmp_path, "One.", "Two.").exit_code == 0
    assert [path.stat().st_mtime_ns for path in _runs(tmp_path)] == before  # resumed: nothing left to do


def test_a_prompt_that_fails_is_named_and_the_rest_kept(tmp_path: Path, use: Use) -> None:
    use(Obedient())
    done = _compare(tmp_path, "One.", "Break.", "Three.")
    assert done.exit_code == 1
    assert "prompt 1.txt" in done.output and "too long" in done.output and "the same command goes on" in done.output
    assert len(_runs(tmp_path)) == 1


def test_what_cannot_be_compared_is_said_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("runners.models.load_model")
    same = _compare(tmp_path, "One.", "One.")
    assert isinstance(same.exception, InputError) and "ask the same" in str(same.exception)
    (tmp_path / "data: 1 #x" / "captions.csv").unlink()
    blind = _compare(tmp_path, "One.", "Two.")
    assert isinstance(blind.exception, InputError) and "no references" in str(blind.exception)
    assert not (tmp_path / "out").exists()
