"""The phrases of the labeler: `phrases.yaml`, with its regular expressions compiled.

phrases().mentions[0]       # Pattern("Cardiomegaly", re.compile("\\\\b(?:cardiomegaly|...)"), most=1)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("phrases.yaml")
OTHER = "Other Finding"
"""Stands beside the labels for what is found and is none of them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a text names a label."""

    label: str
    words: re.Pattern[str]
    most: int = 1
    """What an affirmed mention is: 1, or -1 where it is never more than a sign."""
    heart: bool = False
    """Whether it throws doubt on the size of the heart too."""


@dataclass(frozen=True, slots=True)
class Organ:
    """Something that every report names, and the words that find it normal, abnormal, or as it was."""

    label: str
    names: re.Pattern[str]
    judgements: re.Pattern[str]
    """Its groups are `abnormal`, `normal` and `doubtful`."""


@dataclass(frozen=True, slots=True)
class Cues:
    """The words that deny, or throw doubt on, what a sentence mentions."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    neither: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """All that `phrases.yaml` holds."""

    mentions: tuple[Pattern, ...]
    organs: tuple[Organ, ...]
    spellings: tuple[str, ...]
    no_misspellings: frozenset[str]
    denied: Cues
    doubted: Cues


@cache
def phrases() -> Phrases:
    """The phrases, read once."""
    from ruamel.yaml import YAML

    data = YAML(typ="safe", pure=True).load(FILE)
    return Phrases(
        mentions=(
            *(Pattern(label, _any(words)) for label, words in data["mentions"].items()),
            *(Pattern(label, _any(words), most=-1) for label, words in data["at_most_uncertain"].items()),
            *(Pattern(label, _any(words), heart=True) for label, words in data["failing_heart"].items()),
            Pattern(OTHER, _any(data["other_findings"])),
        ),
        organs=tuple(_organ(label, data) for label in data["organs"]),
        spellings=tuple(data["spellings"]),
        no_misspellings=frozenset(data["no_misspellings"]),
        denied=_cues(data, "denied"),
        doubted=_cues(data, "doubted"),
    )


def _any(words: list[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})")


def _organ(label: str, data: Mapping[str, Any]) -> Organ:
    organ = data["organs"][label]
    judgements = (
        rf"\b(?:(?P<abnormal>{organ['abnormal']})|(?P<normal>{data['normal']})|(?P<doubtful>{data['doubtful']}))"
    )
    return Organ(label, _any([organ["names"]]), re.compile(judgements))


def _cues(data: Mapping[str, Any], kind: str) -> Cues:
    cues = data[kind]
    return Cues(tuple(cues["before"]), tuple(cues["after"]), tuple(cues["neither"]), tuple(data["ends"]))
