"""The examples of a split: a frontal image, its report, and what was known of the patient before.

Patients come in order, their studies by time. The previous report is the latest one of the patient that is strictly
earlier and says something, whichever views it was about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tasks.datasets.mimic.guard import LATER, UNTIMED, Guard
from tasks.datasets.mimic.history import History, read_history
from tasks.datasets.mimic.reports import Reports, Told, folder_of
from tasks.datasets.mimic.studies import Studies, read_labels, read_studies
from tasks.datasets.mimic.tables import ABSENT
from tasks.nouns import Example, Report
from tasks.reports.labels import LABELS
from tasks.reports.text import format_report

SUFFIXES = (".jpg", ".jpeg", ".png", ".dcm")
PROBED = 500
"""Images that are looked for to learn the ending of all."""
PREVIOUS = "previous report"


@dataclass(eq=False)
class Source:
    """The data set; every table is read when it is first needed, once."""

    root: Path
    notes: list[str]
    """Grows with what is read."""

    @cached_property
    def studies(self) -> Studies:
        """The studies here."""
        return read_studies(self.root)

    @cached_property
    def guard(self) -> Guard:
        """Which values may be shown with which study."""
        return Guard(self.studies)

    @cached_property
    def reports(self) -> Reports:
        """The reports of the studies."""
        return Reports(self.root, self.studies)

    @cached_property
    def labels(self) -> dict[int, tuple[int | None, ...]]:
        """Study -> its labels."""
        labeler, labels = read_labels(self.root)
        said = f"labels are those of {labeler}" if labeler else "no table of labels (mimic-cxr-2.0.0-chexpert.csv.gz)"
        self.notes.append(said)
        return labels

    @cached_property
    def history(self) -> History:
        """What was known of the patients."""
        found = read_history(self.root, self.studies, self.guard)
        self.notes += found.notes
        return found

    @cached_property
    def suffix(self) -> str:
        """The ending of the image files."""
        probed = range(min(PROBED, len(self.studies)))
        return next(
            (s for n in probed for s in SUFFIXES if self._image(n, self.studies.images[n][0], s).is_file()), ".jpg"
        )

    def images(self, n: int) -> list[Path]:
        """The images of the study in place `n`, the one that is asked about first."""
        return [self._image(n, name, self.suffix) for name in self.studies.images[n]]

    def _image(self, n: int, name: str, suffix: str) -> Path:
        patient = folder_of(self.root / "files", int(self.studies.subject[n]))
        return patient / f"s{self.studies.study[n]}" / f"{name}{suffix}"


def examples_of(source: Source, split: str) -> list[Example]:
    """The examples of the split; what was dropped, covered and refused goes to the notes."""
    dropped: Counter[str] = Counter()
    found: list[Example] = []
    places: list[int] = []
    headless = 0
    for n, told, previous in _told(source, split):
        if not source.studies.frontal[n]:
            dropped["without a frontal image (PA or AP)"] += 1
        elif told is None:
            dropped["without a report"] += 1
        elif not (told.report.findings or told.report.impression):
            dropped["with neither findings nor impression"] += 1
        else:
            headless += not told.headed
            places.append(n)
            found.append(_example(source, n, split, told, previous))
    source.notes += [f"{split}: {number:,} studies {why} dropped" for why, number in dropped.items()]
    if headless:
        source.notes.append(f"{split}: {headless:,} impressions are the body of a report without headings")
    source.notes.append(f"{split}, of {len(found):,} studies: {source.history.coverage(places)}")
    chosen = set(places)
    refused = source.guard.notes([n in chosen for n in range(len(source.studies))])
    source.notes += [f"{split}, {line}" for line in refused]
    return found


def _example(source: Source, n: int, split: str, told: Told, previous: str) -> Example:
    study = int(source.studies.study[n])
    labels = dict(zip(LABELS, source.labels[study], strict=True)) if study in source.labels else {}
    context = {"subject_id": str(source.studies.subject[n]), **told.request, **source.history.context(n)}
    if previous:
        context["previous_report"] = previous
    image, *views = source.images(n)
    reference = Report(told.report.findings, told.report.impression, labels, source.history.stays.target(n))
    return Example(f"s{study}", image, split, reference, context, tuple(views))


def _told(source: Source, split: str) -> Iterator[tuple[int, Told | None, str]]:
    """The studies of the split, each with its report and the previous one of its patient, in whatever split."""
    import numpy as np

    studies = source.studies
    wanted = set(studies.subject[np.array([s == split for s in studies.split], dtype=bool)].tolist())
    patient = None
    earlier: list[tuple[int, str]] = []
    for n, (subject, seconds) in enumerate(zip(studies.subject.tolist(), studies.seconds.tolist(), strict=True)):
        if subject not in wanted:
            continue
        if subject != patient:
            patient, earlier = subject, []
        told = source.reports.of(n)
        if studies.split[n] == split:
            yield n, told, _previous(source.guard, n, seconds, earlier)
        if told and (text := format_report(told.report)):
            earlier.append((seconds, text))


def _previous(guard: Guard, n: int, seconds: int, earlier: list[tuple[int, str]]) -> str:
    """The latest report strictly before the study; those of the same time are refused, and all where times lack."""
    import numpy as np

    usable = [text for time, text in earlier if ABSENT < time < seconds]
    for reason, number in (
        (UNTIMED, sum(ABSENT in {time, seconds} for time, _ in earlier)),
        (LATER, sum(ABSENT != time == seconds for time, _ in earlier)),
    ):
        if number:
            guard.refuse(PREVIOUS, reason, np.array([n]), np.array([n + 1]), number)
    return usable[-1] if usable else ""
