"""The nouns every room shares: Task, Example, Prediction, Report, Problem, and the error for bad input.

An example is what is asked, a prediction what is answered, a problem what is wrong with a file:

    Example("ImageCLEFmedical_Caption_2026_test_0", Path("test/images/ImageCLEF..._0.jpg"), split="test")
    Prediction("ImageCLEFmedical_Caption_2026_test_0", ("C0040405", "C0817096"))
    Problem("error", "id-order", 3, "ImageCLEF..._2", "expected ..._1 here", "sort the rows as in ids.csv")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol


class InputError(Exception):
    """Something the user gave cannot be used; the message says what, where and how to mend it.

    The command line prints it without a traceback and exits with status 2.
    """


def message_of(error: InputError | OSError | UnicodeEncodeError) -> str:
    """What the command line says of an error that the user can mend."""
    if isinstance(error, OSError):  # a full disk, a folder that cannot be written
        return f"{error.filename or 'input/output'}: {error.strerror or error}"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[:200]!a} is not valid Unicode: names and texts are UTF-8"
    return str(error)


CUI = re.compile(r"C[0-9]+")
"""What a concept of UMLS is called, in full."""


class Task(StrEnum):
    """The three tasks of ImageCLEFmedical Caption and report generation."""

    CONCEPTS = "concept_detection"
    CAPTIONS = "caption_prediction"
    REPORTS = "report_generation"

    @classmethod
    def of(cls, name: str) -> Task:
        """The task called `name`: its own name, its number (`1`, `task1`) or a short form (`captions`)."""
        wanted = name.strip().lower().replace("-", "_")
        for number, task in enumerate(cls, start=1):
            noun = task.value.split("_")[0]
            if wanted in {task.value, noun, f"{noun}s", str(number), f"task{number}", f"task_{number}"}:
                return task
        raise InputError(f"unknown task '{name}': use one of {', '.join(cls)} (or 1, 2, 3)")


@dataclass(frozen=True, slots=True)
class Report:
    """A radiology report: two sections of text and, where known, labels such as CheXpert's."""

    findings: str
    impression: str
    labels: Mapping[str, int | None] = field(default_factory=dict)
    """Label name -> 1 present, 0 absent, -1 uncertain, None not mentioned."""
    icd: tuple[str, ...] = ()
    """Diagnosis codes of ICD-9 or ICD-10, as they were written."""


Value = tuple[str, ...] | str | Report
"""What is predicted or referred to: CUIs (task 1), a caption (task 2) or a report (task 3)."""


class ImageSource(Protocol):
    """Where an image's bytes come from: a `pathlib.Path`, or a cell of a table."""

    def read_bytes(self) -> bytes:
        """The encoded image; OSError when it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """One image that is asked about."""

    image_id: str
    image: ImageSource
    split: str
    reference: Value | None = None
    """The gold answer, None when it is not published."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Patient context (age, sex, indication, ...), empty when there is none."""
    views: tuple[ImageSource, ...] = ()
    """Further images of the same study, such as the lateral view."""

    @property
    def images(self) -> tuple[ImageSource, ...]:
        """The image and the further views."""
        return (self.image, *self.views)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer. A failure is a status with a reason, never a value."""

    image_id: str
    value: Value | None
    status: Literal["ok", "failed"] = "ok"
    reason: str = ""
    """Why it failed; empty when ok."""
    text: str = ""
    """What the model wrote, before parsing."""
    unmapped: tuple[str, ...] = ()
    """Terms of the text that no CUI has (task 1)."""
    edits: tuple[str, ...] = ()
    """The steps of post-processing that changed the text before it was parsed."""
    seconds: float = 0.0
    """Wall time of the image: its batch's time divided by the batch's size."""
    time: str = ""
    """UTC, ISO 8601."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it back unchanged."""
        value: Any = self.value
        if isinstance(value, Report):
            value = {
                "findings": value.findings,
                "impression": value.impression,
                "labels": dict(value.labels),
                "icd": list(value.icd),
            }
        return {
            "image_id": self.image_id,
            "status": self.status,
            "value": list(value) if isinstance(value, tuple) else value,
            "reason": self.reason,
            "text": self.text,
            "unmapped": list(self.unmapped),
            "edits": list(self.edits),
            "seconds": self.seconds,
            "time": self.time,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Prediction:
        """The prediction that `to_json` wrote; KeyError or TypeError when the row is something else."""
        value = row["value"]
        if isinstance(value, list):
            value = tuple(str(v) for v in value)
        elif isinstance(value, dict):
            value = Report(value["findings"], value["impression"], value.get("labels", {}), tuple(value.get("icd", ())))
        return cls(
            image_id=row["image_id"],
            value=value,
            status=row["status"],
            reason=row["reason"],
            text=row["text"],
            unmapped=tuple(row["unmapped"]),
            edits=tuple(row.get("edits", ())),
            seconds=row["seconds"],
            time=row["time"],
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file, where it is, and how to mend it."""

    severity: Literal["error", "warning"]
    code: str
    """A stable short name, such as `id-order`."""
    line: int | None
    """Physical line of the file, 1-based; None when the whole file is meant."""
    image_id: str | None
    message: str
    fix: str
