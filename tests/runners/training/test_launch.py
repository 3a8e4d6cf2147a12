"""Trainings on many processes: weights and optimizer shared out or not, stopped, and gone on with on fewer or more."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from runners.training.launch import for_processes, refuse_launch
from runners.training.survival import mark_whole, require_readable
from tasks.nouns import InputError
from tests.runners.training.launching import ROOT, assert_alike, launch
from tests.runners.training.plans import train_config
from tests.runners.training.tiny_training import optimization, run, score, settings

Build = Callable[[str], Path]
STAGES = [{"name": "see", "train": ["vision"]}, {"name": "speak", "train": ["projector", "language"]}]
CONFIGS = ROOT / "runners" / "training"


def config_of(model: Path, *, accumulation: int, epochs: int, **others: Any) -> dict[str, Any]:
    """Batches of two, without dropout, whose noise each process draws for itself.

    Five validation images: two batches for one process, and one for the other.
    """
    return settings(
        model,
        data={"path": "sample", "limit": 16, "valid": "held_out", "hold_out": 0.4},
        lora={"rank": 4, "alpha": 8, "dropout": 0.0},
        optimization=optimization(batch_size=2, accumulation=accumulation, epochs=epochs),
        evaluation={"every": 2, "images": 5},
        **others,
    )


def written(path: Path, config: dict[str, Any]) -> Path:
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(tiny: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, five steps of four images."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed") / "t"
    return run(folder, config_of(tiny("llava"), accumulation=2, epochs=2), score=score)


@pytest.mark.parametrize(("began", "processes"), [(2, 1), (1, 2)])
def test_a_killed_training_goes_on_with_another_number_of_processes(
    began: int, processes: int, undisturbed: Path, tiny: Build, tmp_path: Path
) -> None:
    """The same effective batches: losses within 1e-5 of an unbroken training's, the adapter within 1e-3."""
    config = written(tmp_path / "c.json", config_of(tiny("llava"), accumulation=2 // began, epochs=2))
    folder = tmp_path / "t"
    # Asked for the names of the scores, then at step 0, 2 and 4.
    assert launch("several", config, folder, "4", processes=began)
    assert (folder / "checkpoints" / "1-language" / "checkpoint-3" / "whole.json").exists()
    assert not (folder / "adapter").exists()
    if processes == 1:
        run(folder, json.loads(config.read_text(encoding="utf-8")), score=score)
    else:
        assert launch("several", config, folder, processes=processes) == ""
    assert_alike(folder, undisturbed, losses=1e-5)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["stages"][0]["effective_batch"] == 4 and len(record["sessions"]) == 2


@pytest.mark.parametrize("way", ["fsdp", "deepspeed"])
def test_what_processes_share_out_is_trained_evaluated_killed_and_gone_on_with(
    way: str, tiny: Build, tmp_path: Path
) -> None:
    """As one process learns it, killed in the second stage; evaluation has more images for one process than another."""
    if way == "deepspeed" and find_spec("deepspeed") is None:
        pytest.skip("deepspeed is not installed")
    one = config_of(tiny("llava"), accumulation=2, epochs=1, stages=STAGES)
    run(tmp_path / "one", one, score=score)
    half = config_of(tiny("llava"), accumulation=1, epochs=1, stages=STAGES)
    config, folder = written(tmp_path / "c.json", half), tmp_path / "two"
    # Names, steps 0, 2, 3; names again, step 2, and at step 3.
    assert launch("launched", config, folder, "7", config=CONFIGS / f"{way}.yaml")
    assert (folder / "checkpoints" / "2-speak" / "checkpoint-2" / "whole.json").exists()
    assert launch("launched", config, folder, config=CONFIGS / f"{way}.yaml") == ""
    assert_alike(folder, tmp_path / "one", losses=1e-4)
    record, plain = (json.loads((path / "training.json").read_text("utf-8")) for path in (folder, tmp_path / "one"))
    for stage, same in zip(record["stages"], plain["stages"], strict=True):
        for key in ("trainable_tensors", "trainable_parameters", "changed_tensors", "without_effect", "steps"):
            assert stage[key] == same[key], key
    assert record["final"]["scores"] == plain["final"]["scores"]


def test_the_effective_batch_stays_the_same_or_the_numbers_that_can_be_had_are_told() -> None:
    config = train_config(optimization={"batch_size": 2, "accumulation": 3})
    assert for_processes(config, 2, began=2) == config
    assert for_processes(config, 1, began=2).optimization.accumulation == 6
    assert for_processes(config, 6, began=2).optimization.accumulation == 1
    with pytest.raises(InputError, match=r"6 batches of 2 images cannot be .* between 4: go on with 1, 2, 3, 6 proc"):
        for_processes(config, 4, began=2)


def test_a_checkpoint_says_who_can_read_it(tmp_path: Path) -> None:
    mark_whole(tmp_path, 3, way="ddp", processes=2)
    require_readable(tmp_path, way="ddp", processes=1)
    with pytest.raises(InputError, match=r"of a training started without .* started with runners/training/fsdp\.yaml"):
        require_readable(tmp_path, way="fsdp", processes=2)
    mark_whole(tmp_path, 3, way="deepspeed", processes=2)
    require_readable(tmp_path, way="deepspeed", processes=2)
    with pytest.raises(InputError, match=r"as many processes as before alone, 2"):
        require_readable(tmp_path, way="deepspeed", processes=4)


def test_deepspeed_may_share_out_all_but_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setattr("runners.training.launch.find_spec", lambda name: True)
    for stage in ("1", "2"):
        monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", stage)
        refuse_launch()
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "3")
    with pytest.raises(InputError, match=r"zero_stage 3 is not supported.*fsdp\.yaml"):
        refuse_launch()


def test_a_way_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_launch()
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(InputError, match="version 2"):
        refuse_launch()
    monkeypatch.setenv("FSDP_VERSION", "2")
    refuse_launch()
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setattr("runners.training.launch.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install deepspeed"):
        refuse_launch()


@pytest.mark.parametrize("way", ["fsdp", "deepspeed"])
def test_the_configs_are_accelerates(way: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    path = CONFIGS / f"{way}.yaml"
    known = load_config_from_file(str(path))
    assert known.distributed_type == way.upper() and known.num_processes == 2
    given = YAML(typ="safe").load(path)[f"{way}_config"]
    assert given == getattr(known, f"{way}_config")
