"""A session whose images are answered by the actors of a Ray cluster: `imageclef run CONFIG --ray 8`.

Ray Data hands out the batches, starts actors again that die and gives their work to others; this process loads no
model and journals what comes back. Each actor makes the plan anew from the config and refuses to work when its
fingerprint is another: then its machine has other weights or other data under the same names.

When to prefer it over `--processes` or Slurm: when there is a Ray cluster, or when the machines do not see one file
system for the run's folder; data and model must lie at the same absolute paths on each, the run's folder on this
machine only. Without either, `--processes` starts faster and needs no package.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from runners.batches import make_batches
from runners.config import RunConfig
from runners.config_files import Loaded
from runners.journal import Journal
from runners.plan import ModelPlan, make_plan
from runners.session import recorded, stoppable
from runners.sharing import Ledger, Place
from tasks.nouns import InputError, Prediction

_ATTEMPTS = 3
"""How often Ray starts an actor, or tries a batch, again."""


class Actor:
    """One process of the cluster with the model loaded."""

    def __init__(self, config: dict[str, Any], name: str, fingerprint: str) -> None:
        from runners.asking import Answerer, Tally
        from runners.models import load_model

        self._plan = make_plan(Loaded(RunConfig.model_validate(config), {}, name))
        if self._plan.fingerprint != fingerprint:
            raise InputError("this machine has other weights or data under the same names: copy those of the first")
        self._batches = _batches(self._plan)
        self._model = load_model(self._plan.config, self._plan.base, self._plan.adapters)
        self._answerer = Answerer(self._model, self._plan, Tally())

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """From the number of a batch to its predictions and the facts of the model."""
        from runners.asking import prepare

        with ThreadPoolExecutor(4) as decoders:
            batch = prepare(self._batches[row["batch"]], self._model, self._plan, decoders)
        predictions = self._answerer.predictions(batch)
        return {"predictions": [p.to_json() for p in predictions], "model": dict(self._model.facts)}


def answer_with_ray(plan: ModelPlan, folder: Path, console: Console, place: Place, *, actors: int) -> None:
    """Let `actors` actors answer what is left; InputError without Ray or without a batch size."""
    from runners.loop import journal_all
    from runners.progress import RunProgress

    try:
        import ray
    except ImportError:
        raise InputError("--ray needs Ray; to install: pip install 'imageclef-harness[ray]'") from None
    if place.processes > 1:
        raise InputError("--ray starts processes itself: run it once, not under torchrun or Slurm's srun")
    if plan.config.batch_size == "auto":
        raise InputError("batch_size: with --ray give a number: no process has the model when the work is handed out")
    ledger = Ledger(folder)
    done = len(ledger.done)
    left = [n for n, batch in enumerate(_batches(plan)) if not ledger.has(batch)]
    start = time.monotonic()
    with stoppable():
        _connect(actors)
        try:
            with (
                recorded(plan, folder, place, model={"driver": f"ray {ray.__version__}"}, done=done, start=start),
                Journal(folder) as journal,
                RunProgress(console, total=len(plan.examples), done=done) as progress,
            ):
                journal_all(_answered(plan, left, actors), plan, ledger=ledger, journal=journal, progress=progress)
        finally:
            ray.shutdown()


def _connect(actors: int) -> None:
    """To the cluster that runs here or that RAY_ADDRESS names; without one, to a new one on this machine."""
    import ray

    try:
        ray.init(address="auto", log_to_driver=False)
    except ConnectionError:
        # Logical processors: one for each actor, and some for the tasks that feed them, else all wait for ever.
        ray.init(address="local", log_to_driver=False, include_dashboard=False, num_cpus=actors + 2)


def _answered(plan: ModelPlan, left: Sequence[int], actors: int) -> Iterator[list[Prediction]]:
    import ray
    from ray.data import ActorPoolStrategy

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    batches = ray.data.from_items([{"batch": number} for number in left], override_num_blocks=len(left))
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    answered = batches.map(
        Actor,  # type: ignore[arg-type]
        fn_constructor_args=(plan.config.model_dump(mode="json"), plan.name, plan.fingerprint),
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=1 if resources.get("GPU") else 0,
        max_restarts=_ATTEMPTS,
        max_task_retries=_ATTEMPTS,
    )
    for row in answered.iter_rows():
        yield [Prediction.from_json(prediction) for prediction in row["predictions"]]


def _batches(plan: ModelPlan) -> list[Any]:
    assert isinstance(plan.config.batch_size, int)
    return make_batches(plan.examples, [1] * len(plan.examples), size=plan.config.batch_size)
