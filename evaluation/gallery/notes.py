"""What a gallery says of what is not there, and of where concepts and labels are from.

notes_of(material, unread=pictures.unread, unsought=["C0000001"])
# ["concepts are named by the data set; ...", "1 concept of the data set cannot be found in a text by name: ..."]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.gallery.material import Material
from tasks.nouns import Report, Task, Value
from tasks.problems import counted


def notes_of(material: Material, *, unread: Mapping[str, str], unsought: Sequence[str]) -> list[str]:
    """Lines for the page; `unread` are images that cannot be shown and why, `unsought` concepts without a verdict."""
    return [*_of_gold(material, unsought), *_of_images(unread)]


def _of_gold(material: Material, unsought: Sequence[str]) -> list[str]:
    if material.known.unread:
        return ["the data set could not be read: there are neither references nor scores nor images"]
    if not material.references:
        return ["the data set has no references for these images: there are no scores"]
    if material.task is Task.REPORTS:
        stated = [_stated(side) for side in (material.references, *material.answers)]
        said = (f"{n} of {name}" for name, n in zip(("the references", *material.names), stated, strict=True))
        return [f"labels are stated beside {', '.join(said)}; those of other reports are the labeler's"]
    if material.task is Task.CONCEPTS:
        return []
    of = "named by the data set" if material.known.concepts else "found in the references by their names"
    notes = [f"concepts are {of}; those of answers are found in them by the vocabulary"]
    if unsought:
        which = f"{counted(len(unsought), 'concept')} of the data set"
        notes.append(f"{which} cannot be found in a text by name: shown, but neither hit nor missed")
    return notes


def _of_images(unread: Mapping[str, str]) -> list[str]:
    if not unread:
        return []
    image_id, reason = next(iter(unread.items()))
    return [f"{counted(len(unread), 'image')} cannot be shown, the first is of {image_id}: {reason}"]


def _stated(reports: Mapping[str, Value]) -> int:
    """How many reports bring labels."""
    return sum(isinstance(one, Report) and bool(one.labels) for one in reports.values())
