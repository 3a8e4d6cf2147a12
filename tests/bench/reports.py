"""What labelling reports, scoring their labels and reading MIMIC-CXR's tables take, in seconds of CPU.

Reports are those of the sample, 20,000 of them, each unlike the others; the studies are empty files of MIMIC's shape.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from typing import TypeVar

from evaluation.inputs.references import References
from evaluation.score import score_predictions
from tasks.datasets import open_dataset
from tasks.editions import load_edition
from tasks.nouns import Report, Task
from tasks.sample.release import record_of
from tests.bench.sides import Row, within
from tests.tasks.mimic.making import Study, make_cxr

REPORTS = 20_000
SCORED = 3_858
"""As many as R2Gen's test split of MIMIC-CXR has."""
STUDIES = 5_000

Made = TypeVar("Made")


def measure() -> Iterator[Row]:
    """The labeler, the profile of labels, the reader."""
    from tasks.reports.labeler import labels_of

    labels_of([Report("Clear lungs.", "")])  # what it imports is not its speed
    reports = _reports(REPORTS)
    _, seconds = _timed(lambda: labels_of(reports))
    yield within(
        f"labels of {REPORTS:,} reports, {len({(r.findings, r.impression) for r in reports}):,} of them distinct",
        f"{seconds:.1f} s; {1000 * seconds / REPORTS:.2f} ms a report",
        reached=seconds < 60,
        goal="under 60 s",
    )
    truths = {f"s{n}": report for n, report in enumerate(reports[:SCORED])}
    answers = dict(zip(truths, reports[1 : SCORED + 1], strict=True))
    gold, edition = References(dict(truths)), load_edition(2026, Task.REPORTS)
    _, seconds = _timed(
        lambda: score_predictions(answers, gold, task=Task.REPORTS, edition=edition, profile="chexpert")
    )
    yield within(
        f"label F1 of {SCORED:,} labelled reports in 24 conventions, 1,000 resamples",
        f"{seconds:.1f} s",
        reached=seconds < 10,
        goal="under 10 s",
    )
    with tempfile.TemporaryDirectory() as folder:
        times = (f"21{50 + n % 40}-03-01 10:00:00" for n in count())
        studies = [Study(10_000_001 + n // 3, 50_000_001 + n, next(times)) for n in range(STUDIES)]
        root = make_cxr(Path(folder), studies, images=False)
        examples, seconds = _timed(lambda: open_dataset(root).examples(Task.REPORTS, "train"))
    yield within(
        f"MIMIC-CXR's form: {len(examples):,} studies with their reports",
        f"{seconds:.1f} s; {1000 * seconds / STUDIES:.2f} ms a study",
        reached=seconds < 10,
        goal="under 10 s",
    )


def _timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What it made, and the seconds of CPU."""
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def _reports(n: int) -> list[Report]:
    """Reports of the sample's endless supply, each with a number that tells it from others."""
    own = [report for number in range(4000) if (report := record_of("extra", number).report)]
    return [replace(r, impression=f"{r.impression} Series {k}.") for k, r in zip(range(n), cycle(own), strict=False)]
