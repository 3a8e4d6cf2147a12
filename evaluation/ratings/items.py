"""What a rater is asked of every text, as data: `items.yaml`, or a file of one's own in the same form.

- name: errors                      # the column of the sheet
  question: Does it say what is wrong?
  ordered: true                     # the levels are steps: weighted agreement, and a mean
  levels: {none: nothing wrong, minor: without consequence, major: clinically significant}

items = read_items(None)
items[1].name, list(items[1].levels), items[1].scores      # "errors", ["none", "minor", "major"], (0.0, 1.0, 2.0)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.datasets.table import normalised
from tasks.nouns import InputError

DEFAULT = Path(__file__).with_name("items.yaml")
TAKEN = frozenset({"code", "study", "findings", "impression", "caption"})
"""Columns that a sheet has beside the items."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One question."""

    name: str
    question: str
    levels: Mapping[str, str] = field(default_factory=dict)
    """Level -> what it means, in order; empty when the answer is free text."""
    ordered: bool = False

    @property
    def scores(self) -> tuple[float, ...]:
        """What each level counts in a mean: a number as itself, a step its place; unordered, the first 1, others 0."""
        if not self.ordered:
            return tuple(float(place == 0) for place in range(len(self.levels)))
        if all(re.fullmatch(r"-?\d+", level) for level in self.levels):
            return tuple(map(float, self.levels))
        return tuple(map(float, range(len(self.levels))))

    @property
    def title(self) -> str:
        """What the mean of the scores is called."""
        return self.name if self.ordered else f"{self.name} = {next(iter(self.levels))}"

    def to_json(self) -> dict[str, Any]:
        """The item as it stands in a file; JSON is YAML."""
        return {"name": self.name, "question": self.question, "ordered": self.ordered, "levels": dict(self.levels)}


def read_items(path: Path | None) -> tuple[Item, ...]:
    """The items of a YAML file, without one the default set; InputError when they cannot be asked."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    source = path or DEFAULT
    try:
        entries = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read: {error}: give a YAML file with the items to rate") from error
    except YAMLError as error:
        raise InputError(f"{source} is no valid YAML: {error}") from error
    if not isinstance(entries, list):
        raise InputError(f"{source}: a list of items is needed, each with a name, a question and levels")
    items = tuple(_item(entry, f"{source}: item {n}") for n, entry in enumerate(entries, start=1))
    columns = [normalised(item.name) for item in items]
    twice = next((item.name for item, column in zip(items, columns, strict=True) if columns.count(column) > 1), None)
    if twice:
        raise InputError(f"{source}: two items are called '{twice}', but for _: give each its own name")
    if not any(item.levels for item in items):
        raise InputError(f"{source}: no item has levels, so nothing can be counted: give one levels")
    return items


def _item(entry: Any, where: str) -> Item:
    if not isinstance(entry, dict):
        raise InputError(f"{where} is no mapping: write name, question and levels")
    unknown = sorted(map(str, entry.keys() - {"name", "question", "levels", "ordered"}))
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}': there are name, question, levels, ordered")
    name, question = entry.get("name"), entry.get("question")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or normalised(name) in TAKEN:
        raise InputError(
            f"{where}: the name {name!r} cannot be a column: use small letters, digits and _, and none of "
            f"{', '.join(sorted(TAKEN))}"
        )
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"{where} ('{name}') asks nothing: give it a question")
    ordered = entry.get("ordered", False)
    if not isinstance(ordered, bool):
        raise InputError(f"{where} ('{name}'): ordered is {ordered!r}: say true or false")
    return Item(name, question.strip(), _levels(entry.get("levels"), f"{where} ('{name}')"), ordered)


def _levels(given: Any, where: str) -> dict[str, str]:
    """Level -> meaning; a plain list has no meanings."""
    if given is None or given == {}:
        return {}
    pairs: Sequence[tuple[Any, Any]] = [(one, "") for one in given] if isinstance(given, list) else []
    if isinstance(given, dict):
        pairs = list(given.items())
    levels = {str(level).strip(): "" if meaning is None else str(meaning) for level, meaning in pairs}
    if len(levels) < 2 or len({level.casefold() for level in levels}) < len(pairs) or not all(levels):
        raise InputError(f"{where}: two levels or more are needed, none of them empty or alike")
    if any(isinstance(level, bool) or not isinstance(level, str | int | float) for level, _ in pairs):
        raise InputError(f"{where}: YAML reads a level as something else than a text or a number: put it in quotes")
    return levels
