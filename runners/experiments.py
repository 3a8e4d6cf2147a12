"""Any run's config: a model's (`RunConfig`) or a system's (`SystemConfig`), told apart by what it names.

plan = plan_of(load_experiment(Path("configs/concept_detection/knn.yaml")))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.config import Experiment, RunConfig
from runners.config_files import Loaded, keys_of, load_as
from runners.systems import METHODS
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.plan import Plan


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Loaded[Any]:
    """The config of a run in `path`, a RunConfig or a SystemConfig, see `load_as`; InputError for one of a training."""
    said = keys_of(path, overrides)
    if said & {*METHODS}:
        from runners.systems.config import SystemConfig

        return load_as(SystemConfig, path, overrides)
    from runners.training.config import TrainConfig

    if of := sorted(said & (TrainConfig.model_fields.keys() - RunConfig.model_fields.keys())):
        raise InputError(f"{path}: {of[0]}: a config for `imageclef train`, or an unknown key; a run's has none")
    return load_as(RunConfig, path, overrides)


def plan_of(loaded: Loaded[Any]) -> Plan:
    """The plan of a run of either kind; InputError says what is missing."""
    config: Experiment = loaded.config
    if isinstance(config, RunConfig):
        from runners.plan import make_plan

        return make_plan(loaded)
    from runners.systems.plan import make_system_plan

    return make_system_plan(loaded)
