"""What `imageclef train` refuses, and says: data without references, data that changed meanwhile, a run's config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from runners.training.commands import train
from tasks.nouns import InputError
from tests.runners.training.small_data import id_of, write_table
from tests.runners.training.tiny_training import score

Build = Callable[[str], Path]
CONFIGS = Path(__file__).parents[3] / "configs"
CAPTIONS = CONFIGS / "caption_prediction" / "train-sample.yaml"
SMALL = (
    "optimization.batch_size=2 optimization.epochs=1 optimization.max_truncated=1 evaluation.images=2 "
    "generation.max_new_tokens=4"
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def call(config: Path, out: Path, *words: str) -> Result:
    result = CliRunner().invoke(train, [str(config), "--out", str(out), *words], obj=score)
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def pictures(folder: Path, ids: list[str]) -> Path:
    """A data set of images, and nothing said of them."""
    (folder / "images").mkdir(parents=True)
    for number, image_id in enumerate(ids):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(folder / "images" / f"{image_id}.png")
    return folder


def caption(folder: Path, captions: dict[str, str]) -> None:
    write_table(folder / "captions.csv", [("ID", "Caption"), *captions.items()])


def test_images_alone_cannot_be_learnt_from(tmp_path: Path) -> None:
    data = str(pictures(tmp_path / "data", ["a", "b", "c"]))
    with pytest.raises(InputError, match=r"no examples of split 'train'.*choose one of: test"):
        call(CAPTIONS, tmp_path, "--data", data)
    held_out = "data.train=test data.hold_out=0.3"
    with pytest.raises(InputError, match="split 'test' has 3 images and no reference: choose another, or add a table"):
        call(CAPTIONS, tmp_path, "--data", data, "--set", held_out)
    assert not (tmp_path / "caption_prediction").exists()


def test_data_that_changed_is_refused_and_the_change_named(tiny: Build, tmp_path: Path) -> None:
    captions = {id_of(split, n): f"A chest, number {n}." for split in ("train", "valid") for n in range(3)}
    data = pictures(tmp_path / "data", list(captions))
    caption(data, captions)
    words = ["--data", str(data), "--set", f"{SMALL} model.name={tiny('llava')}"]
    call(CAPTIONS, tmp_path, *words)
    folder = tmp_path / "caption_prediction" / "train-sample"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    stamp = (folder / "training.json").stat().st_mtime_ns

    caption(data, {**captions, id_of("train", 1): "A hip."})
    with pytest.raises(InputError, match=r"\n  references: sha256:\w+ -> sha256:\w+\nname another training \(--name;"):
        call(CAPTIONS, tmp_path, *words)
    caption(data, {name: text for name, text in captions.items() if name != id_of("train", 1)})
    with pytest.raises(InputError, match=r"\n  train: 3 ids, sha256:\w+ -> 2 ids, sha256:\w+\n"):
        call(CAPTIONS, tmp_path, *words)

    caption(data, captions)
    again = call(CAPTIONS, tmp_path, *words)
    assert again.exit_code == 0 and "finished" in again.output
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert (folder / "training.json").stat().st_mtime_ns == stamp


def test_a_mistake_before_the_first_step_does_not_take_the_name(tiny: Build, tmp_path: Path) -> None:
    captions = {id_of(split, n): f"A chest, number {n}." for split in ("train", "valid") for n in range(3)}
    data = pictures(tmp_path / "data", list(captions))
    caption(data, captions)
    words = ["--data", str(data), "--set", f"{SMALL} model.name={tiny('llava')}"]
    with pytest.raises(InputError, match=r"evaluation\.metric: no score 'letter'"):
        call(CAPTIONS, tmp_path, *words, "--set", "evaluation.metric=letter")
    assert call(CAPTIONS, tmp_path, *words, "--set", "evaluation.metric=letters").exit_code == 0


@pytest.mark.parametrize("task", ["concept_detection", "caption_prediction", "report_generation"])
def test_a_run_s_config_is_called_one(task: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sample\.yaml: a config for `imageclef run`; one for `imageclef train` says"):
        call(CONFIGS / task / "sample.yaml", tmp_path)


def test_a_wrong_setting_is_named_although_the_file_would_do_for_a_run_too(tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(
        "task: caption_prediction\ndata: {path: sample}\nmodel: {name: sample}\nprompt: {name: caption}\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=r"--set: optimization\.epoch: unknown key"):
        call(path, tmp_path, "--set", "optimization.epoch=3")
