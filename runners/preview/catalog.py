"""The families as a table: what works, how large it is, what it takes in memory.

{row.model_type: row for row in catalog()}["qwen2_vl"].sizes[0].id      # "Qwen/Qwen2-VL-2B-Instruct"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners.models.families import family_rows
from runners.preview.memory import GIB


@dataclass(frozen=True)
class Size:
    """A well-known checkpoint of a family."""

    id: str
    parameters: int

    nf4_gib: float | None
    """GiB of its weights in NF4, estimated."""

    @property
    def bf16_gib(self) -> float:
        """GiB of its weights in bfloat16."""
        return 2 * self.parameters / GIB


@dataclass(frozen=True)
class Row:
    """A family."""

    model_type: str
    title: str
    sizes: tuple[Size, ...]
    prompt: str
    notes: tuple[str, ...]
    """What is particular about it."""
    refused: str | None
    """Why it cannot be loaded, and what to do."""


def catalog() -> Sequence[Row]:
    """Every family with a row of its own, in the order of `families.yaml`."""
    rows = family_rows()
    return [_row(name, {**rows["default"], **row}) for name, row in rows.items() if name != "default"]


def known_checkpoint(name: str) -> tuple[Row, Size] | None:
    """The family and the size of a well-known hub id."""
    pairs = ((row, size) for row in catalog() for size in row.sizes)
    return next(((row, size) for row, size in pairs if size.id.lower() == name.lower()), None)


def _row(model_type: str, row: Mapping[str, Any]) -> Row:
    sizes = [Size(str(size["id"]), int(float(size["parameters"])), size.get("nf4")) for size in row.get("sizes") or ()]
    notes = list(row.get("notes") or ())
    if row.get("max_pixels"):
        notes.append(f"an image keeps at most {row['max_pixels']:,} pixels unless model.max_pixels says otherwise")
    if not row.get("several_images", True):
        notes.append("one image a prompt: data.views shows no further view of a study")
    return Row(
        model_type, row.get("title") or model_type, tuple(sizes), row["prompt"], tuple(notes), row.get("refused")
    )
