"""A session of a system: embed, learn, tune, answer, in one process.

What takes long is kept as it comes (embeddings in `embeddings/`, a classifier's epochs and members' runs in folders of
their own), so a session that was stopped goes on there; the answers themselves take seconds and are journalled at once.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from runners import record as records
from runners.answers import value_text
from runners.journal import Journal
from runners.session import recorded, stoppable
from runners.sharing import Ledger, Place
from runners.systems.answers import Answers
from runners.systems.plan import SystemPlan
from tasks.files import write_whole
from tasks.nouns import InputError, Prediction

DECISION = "decision.json"
"""What was tuned, and what it is worth."""


def answer_here(plan: SystemPlan, folder: Path, console: Console, place: Place) -> None:
    """Answer all images; InputError when several processes were to share them."""
    if place.processes > 1:
        raise InputError("a system answers in one process: leave out --processes, torchrun and srun")
    ledger = Ledger(folder)
    start = time.monotonic()
    with (
        stoppable(),
        recorded(plan, folder, place, model=plan.made_of["system"], done=len(ledger.done), start=start),
        Journal(folder, place.rank) as journal,
    ):
        found = _answers(plan, folder, console)
        seconds = (time.monotonic() - start) / len(plan.examples)
        predictions = [_prediction(e.image_id, found, seconds) for e in plan.examples]
        if found.tuned is not None:
            low, high = found.tuned.interval(images=len(plan.examples))
            content = {"rule": plan.config.decision.rule, "tuned_on": plan.tune.split, **found.tuned.to_json()}
            content["expected"] = None if plan.validates else [low, high]
            write_whole(folder / DECISION, json.dumps(content, indent=1) + "\n")
            with records.editing(folder) as record:
                record["decision"] = content
            console.print(f"tuned on {plan.tune.split}: {found.tuned.summary()}", highlight=False, soft_wrap=True)
            if not plan.validates:
                line = f"of {len(plan.examples)} other images expect F1 {low:.4f} – {high:.4f} (95 %)"
                console.print(line, highlight=False, soft_wrap=True)
            if shared := len(plan.shared_groups):
                line = f"{shared} articles or patients are in {plan.learn.split} too: expect less of images of others"
                console.print(line, highlight=False, soft_wrap=True)
        # Last, since a run whose images are all answered asks the system no more.
        journal.append(p for p in predictions if p.image_id not in ledger.done)


def _answers(plan: SystemPlan, folder: Path, console: Console) -> Answers:
    if plan.members:
        from runners.systems.together import answers_together

        return answers_together(plan, folder, console)
    from runners.systems.alone import answers_alone

    return answers_alone(plan, folder, console)


def _prediction(image_id: str, found: Answers, seconds: float) -> Prediction:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    if image_id not in found.values:
        reason = found.failures.get(image_id, "the system gave no answer")
        return Prediction(image_id, None, "failed", reason, seconds=seconds, time=now)
    value = found.values[image_id]
    return Prediction(image_id, value, text=value_text(value), seconds=seconds, time=now)
