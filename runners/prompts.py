"""Prompts by name and language: `prompts.yaml` holds the texts, a config names one or brings its own."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from runners.config import Prompt
from tasks.nouns import InputError

_FILE = Path(__file__).with_name("prompts.yaml")


def prompt_text(prompt: Prompt) -> str:
    """The text the model is asked with; InputError for an unknown name or language."""
    if prompt.text is not None:
        return prompt.text
    prompts: dict[str, dict[str, str]] = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    if prompt.name not in prompts:
        raise InputError(f"prompt.name: no prompt is called '{prompt.name}'; there are: {', '.join(prompts)}")
    languages = prompts[prompt.name]
    if prompt.language not in languages:
        raise InputError(
            f"prompt.language: '{prompt.name}' has no text in '{prompt.language}'; there are: {', '.join(languages)}"
        )
    return languages[prompt.language]
