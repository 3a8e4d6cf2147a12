"""Do two runs differ in what they were told of the patient, and in nothing else?

Comparing a report model with and without patient data (github.com/rahul370139/radiology_report) is fair only when
model, images and seed are the same. The fingerprints of two finished runs say whether they are:

    switch = switch_of(Path("submissions/report_generation/off"), Path("submissions/report_generation/on"))
    switch.also      # ("generation.num_beams",): the context alone does not explain the difference
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.inputs.runs import read_record
from tasks.nouns import InputError

SAME = {"task": "task", "images": "images", "data.split": "split", "seed": "seed"}
"""Inputs of the fingerprint that must be the same -> what they are called."""
ASKED = frozenset({"prompt", "prompts"})
"""Inputs that the context changes."""
_READS = re.compile(r"\{[{%][^{}]*\bcontext\b")
"""A template's expression that reads the context."""


@dataclass(frozen=True, slots=True)
class Switch:
    """How the second run was asked otherwise than the first."""

    off: str
    """The prompt of the first, before it is filled in."""
    on: str
    also: tuple[str, ...]
    """Further inputs in which the runs differ, whose effect cannot be told from that of the context."""
    untold: int = 0
    """Images of the second run of which the data set knows nothing more."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said beside the differences."""
        said = []
        if self.also:
            said.append(f"the runs also differ in {', '.join(self.also)}: what differs is not the context's alone")
        if set(self.also) == {"adapters"}:
            said[0] += "; two adapters compare fairly when both learned from the same images for as many steps"
        if self.untold:
            said.append(f"of {self.untold} images nothing is known of the patient: there the context changed nothing")
        return tuple(said)


def switch_of(off: Path, on: Path) -> Switch:
    """What was switched between two finished runs; InputError where they cannot be compared so.

    They must answer the same images with the same seed, and only the second may be told of the patient.
    """
    (before, prompt_off, _), (after, prompt_on, untold) = (_asked(folder) for folder in (off, on))
    for key, name in SAME.items():
        if before.get(key) != after.get(key):
            raise InputError(
                f"{off} and {on} differ in {name} ({before.get(key)} and {after.get(key)}): "
                "run the same images with the same seed twice, with and without context"
            )
    told = [_READS.search(prompt) is not None for prompt in (prompt_off, prompt_on)]
    if told == [True, False]:
        raise InputError(f"{off} is told of the patient, {on} is not: give the run without context first")
    if told[0] == told[1]:
        what = "both runs are" if told[0] else "neither run is"
        raise InputError(
            f"{what} told of the patient: one prompt must read {{{{ context }}}}, as report_context does, and one not"
        )
    also = sorted(k for k in before.keys() | after.keys() if k not in ASKED and before.get(k) != after.get(k))
    return Switch(prompt_off, prompt_on, tuple(also), untold)


def _asked(folder: Path) -> tuple[Mapping[str, Any], str, int]:
    """The inputs of a run's fingerprint, its prompt, and of how many images nothing is known of the patient."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not the folder of a run: only a run says how it was asked")
    record = read_record(folder)
    try:
        inputs = record["fingerprint"]["inputs"]
        data = record["data"]
        return dict(inputs), str(inputs["prompt"]), data["n"] - data["with_context"]
    except (KeyError, TypeError):
        raise InputError(f"{folder}: no model was asked in this run, or by an older version: run it again") from None
