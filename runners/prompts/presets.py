"""Prompts that have a name: `prompts.yaml` holds ours, `published.yaml` those of published systems.

preset("caption_concise", "es")      # "Escribe el pie de foto de esta imagen radiológica en una frase corta, ..."
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from tasks.nouns import InputError

_FILES = ("prompts.yaml", "published.yaml")


@cache
def presets() -> dict[str, dict[str, str]]:
    """Name -> language -> text, in the order of the files."""
    found: dict[str, dict[str, str]] = {}
    for name in _FILES:
        found |= YAML(typ="safe").load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return found


def preset(name: str, language: str) -> str:
    """The text of a prompt; InputError for an unknown name or language."""
    prompts = presets()
    if name not in prompts:
        raise InputError(f"prompt.name: no prompt is called '{name}'; there are: {', '.join(prompts)}")
    languages = prompts[name]
    if language not in languages:
        raise InputError(f"prompt.language: '{name}' has no text in '{language}'; there are: {', '.join(languages)}")
    return languages[language]
