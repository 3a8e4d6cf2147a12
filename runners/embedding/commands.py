"""The verb `embed`: the images of a config's splits to vectors on disk."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import click
from pydantic import BeforeValidator, ConfigDict
from rich.console import Console

from runners.config import Data, Section, task_named
from runners.config_files import load_as
from runners.embedding.config import Encoder
from runners.options import CONFIG, DATA, SETTINGS, kept_in
from runners.systems.config import Learn
from tasks.nouns import InputError, Task


class EmbedConfig(Section):
    """What of a config is embedded; what else a system's config says is passed over."""

    model_config = ConfigDict(extra="ignore")

    task: Annotated[Task, BeforeValidator(task_named)]
    data: Data
    encoders: tuple[Encoder, ...] = ()
    learn: Learn = Learn()


@click.command()
@CONFIG
@SETTINGS
@DATA
@click.option("--split", "splits", multiple=True, help="A split of data.path; default: all the config needs.")
@kept_in("embeddings", "embeddings")
def embed(config: Path, *, settings: tuple[str, ...], data: str | None, splits: tuple[str, ...], out: Path) -> None:
    """Turn images into vectors, for neighbours and classifiers.

    CONFIG is the YAML file of a system, such as configs/concept_detection/knn.yaml; its `task`, `data`, `encoders` and
    `learn` are enough. `run` does the same when it needs to. The vectors lie in OUT/<data>-<encoder>-<hash>/<split>.npy
    for every config that needs them; what was stopped goes on where it was. Exit status: 0 done, 2 unusable arguments
    or no place to write, 130 stopped by Ctrl-C and resumable.
    """
    from runners.embedding.store import embed_examples, store_folder
    from tasks.datasets import open_dataset

    given = [f"data.path={json.dumps(data, ensure_ascii=False)}"] if data is not None else []
    asked = load_as(EmbedConfig, config, [*settings, *given]).config
    if not asked.encoders:
        raise InputError(
            f"{config}: encoders: name one at least, as in `encoders: [{{name: efficientnet-lite0}}]`; an ensemble's "
            "members name theirs"
        )
    console = Console(stderr=True)
    try:
        for path, split, limit in _wanted(asked, splits):
            examples = open_dataset(path).examples(asked.task, split)[:limit]
            for encoder in asked.encoders:
                stored = embed_examples(
                    examples, encoder, store_folder(path, encoder, out), split=split, console=console
                )
                rows, width = stored.embeddings.vectors.shape
                click.echo(f"{stored.embeddings.path}: {rows} images x {width}")
    except KeyboardInterrupt:
        click.echo(f"stopped; to go on: {shlex.join(['imageclef', *sys.argv[1:]])}", err=True)
        sys.exit(130)


def _wanted(config: EmbedConfig, splits: Sequence[str]) -> Iterator[tuple[str, str, int | None]]:
    """Data set, split and limit of the images that a system needs, or of `splits`."""
    data, learn = config.data, config.learn
    if splits:
        yield from ((data.path, split, data.limit) for split in splits)
        return
    yield data.path, data.split, data.limit
    for split in (learn.split, learn.tune):
        if (learn.path or data.path, split) != (data.path, data.split):
            yield learn.path or data.path, split, None
