"""The verb `prompts`: which prompts have a name, and what a config asks the model.

imageclef prompts list --language es
imageclef prompts show configs/caption_prediction/qwen2-vl-2b.yaml --set prompt.name=caption_hints ... --limit 3
"""

from __future__ import annotations

from pathlib import Path

import click

from runners.options import CONFIG, SETTINGS
from runners.prompts.compare import compare


@click.group()
def prompts() -> None:
    """Look at prompts: those with a name, and what a config asks."""


prompts.add_command(compare)


@prompts.command("list")
@click.option("--language", help="Only the prompts of this language, such as en or es.")
def list_prompts(language: str | None) -> None:
    """Print every named prompt, its languages and the variables it reads.

    A config takes one with `prompt: {name: NAME, language: es}`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from runners.prompts.presets import presets
    from runners.prompts.template import Template
    from tasks.nouns import InputError

    table = Table("name", "language", "reads", "text", title="prompts", title_justify="left", show_lines=True)
    for name, texts in presets().items():
        for code, text in texts.items():
            if language in {None, code}:
                reads = sorted(Template(text, where=name).variables)
                table.add_row(name, code, ", ".join(reads), escape(text))
    if not table.row_count:
        known = sorted({code for texts in presets().values() for code in texts})
        raise InputError(f"--language {language}: no prompt is in it; there are: {', '.join(known)}")
    Console().print(table)


@prompts.command()
@CONFIG
@SETTINGS
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True, help="The first N images.")
def show(config: Path, settings: tuple[str, ...], limit: int) -> None:
    """Print what CONFIG asks about its first images, variables filled in, before the model's chat template."""
    from runners.config_files import load
    from runners.prompts import prompts_of
    from tasks.concepts import Vocabulary
    from tasks.datasets import open_dataset

    asked = load(config, settings).config
    dataset = open_dataset(asked.data.path)
    examples = dataset.examples(asked.task, asked.data.split)[: asked.data.limit][:limit]
    files = [Path(name) for name in asked.data.vocabulary] or list(dataset.vocabulary_files)
    vocabulary = Vocabulary.load(files) if files else None
    texts = prompts_of(asked.prompt, examples, task=asked.task, vocabulary=vocabulary)
    for example, text in zip(examples, texts, strict=True):
        click.echo(f"--- {example.image_id}\n{text}")
