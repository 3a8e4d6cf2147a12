"""The time-leakage guard: what a study may know, and a list of all that was refused.

A value may be shown with a study when it was known strictly before the study's time, and not longer ago than its
window. All other values of the patient are refused, for each study, and counted by kind and reason:

    guard = Guard(studies)
    first, stop = guard.admit("labs", subject, seconds, window=72 * 3600)    # studies first..stop-1 may know each value
    next(guard.refused())    # Refused(study=50414267, kind="labs", reason="not before the study", values=4)

Since studies stand by patient and time, those that may know a value are neighbours: their range is found by bisection
for many values at once, and refusals are counted by the ends of ranges. Memory grows with the studies, not the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.datasets.mimic.studies import Studies
from tasks.datasets.mimic.tables import ABSENT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tasks.datasets.mimic.tables import Numbers

LATER = "not before the study"
UNTIMED = "no time given"
TOO_OLD = "longer before the study than the window"
UNDER_WAY = "of the admission under way, coded at its end"
_BITS = 34
"""A patient's seconds take fewer: 2**34 of them are reached in 2514."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Values that are not shown with a study."""

    study: int
    kind: str
    """previous report, vitals, labs, codes or context.csv."""
    reason: str
    values: int


class Guard:
    """Admits values to studies by their times, and counts what it refuses."""

    def __init__(self, studies: Studies) -> None:
        import numpy as np

        self.studies = studies
        self._subjects, rank = np.unique(studies.subject, return_inverse=True)
        self._keys = (rank << _BITS) + np.maximum(studies.seconds, 0)
        self._ends: dict[tuple[str, str], Numbers] = {}

    def of_patient(self, subject: Numbers) -> tuple[Numbers, Numbers]:
        """The range of each patient's studies; an empty one for a patient without any."""
        import numpy as np

        return tuple(np.searchsorted(self.studies.subject, subject, side) for side in ("left", "right"))  # type: ignore[return-value]

    def after(self, subject: Numbers, seconds: Numbers) -> Numbers:
        """For each patient and time the first of the patient's studies that is strictly later."""
        import numpy as np

        known = np.minimum(np.searchsorted(self._subjects, subject), len(self._subjects) - 1)
        first, stop = self.of_patient(subject)
        found = np.searchsorted(self._keys, (known << _BITS) + np.clip(seconds, 0, (1 << _BITS) - 1), side="right")
        return np.clip(found, first, stop)

    def admit(self, kind: str, subject: Numbers, seconds: Numbers, *, window: int) -> tuple[Numbers, Numbers]:
        """The range of studies that may know each value: after it, by at most `window` seconds."""
        import numpy as np

        first, stop = self.of_patient(subject)
        timed = seconds != ABSENT
        known = np.where(timed, self.after(subject, seconds), stop)
        old = np.where(timed, self.after(subject, seconds + window), stop)
        self.refuse(kind, UNTIMED, np.where(timed, stop, first), stop)
        self.refuse(kind, LATER, np.where(timed, first, stop), known)
        self.refuse(kind, TOO_OLD, old, stop)
        return known, old

    def refuse(self, kind: str, reason: str, first: Numbers, stop: Numbers, values: Numbers | int = 1) -> None:
        """Count values that studies first..stop-1 must not know."""
        import numpy as np

        ends = self._ends.setdefault((kind, reason), np.zeros(len(self.studies) + 1, dtype=np.int64))
        weights = np.broadcast_to(values, np.shape(first))
        np.add.at(ends, first, weights)
        np.subtract.at(ends, stop, weights)

    def refused(self) -> Iterator[Refused]:
        """All refusals, by kind, reason and study."""
        import numpy as np

        for (kind, reason), ends in sorted(self._ends.items()):
            values = np.cumsum(ends[:-1])
            for n in np.flatnonzero(values).tolist():
                yield Refused(int(self.studies.study[n]), kind, reason, int(values[n]))

    def notes(self, chosen: Sequence[bool] | npt.NDArray[np.bool_]) -> list[str]:
        """For the chosen studies a line for each kind: values refused, the reason, and of how many studies."""
        import numpy as np

        lines: dict[str, list[str]] = {}
        for (kind, reason), ends in sorted(self._ends.items()):
            values = np.cumsum(ends[:-1])[np.asarray(chosen, dtype=bool)]
            if total := int(values.sum()):
                lines.setdefault(kind, []).append(f"{total:,} {reason} ({np.count_nonzero(values):,} studies)")
        return [f"refused as context, {kind}: {'; '.join(reasons)}" for kind, reasons in lines.items()]
