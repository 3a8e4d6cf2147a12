"""The concepts that a small model can learn: those that enough training images have, as a vocabulary file.

Most concepts of ROCO have a handful of images; a model that is to name them all learns none. A training and a run
whose `data.vocabulary` is this file know no others.

    python -m runners.small_model.vocabulary data/imageclef-2026 trainings/small-vocabulary.csv --support 50
    # CUI,Canonical name
    # C0376152,
    # C0817096,Chest
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from tasks.concepts import Vocabulary
from tasks.datasets import open_dataset
from tasks.files import as_csv, write_whole
from tasks.nouns import InputError, Task, message_of


def frequent_concepts(data: str, *, split: str, support: int) -> dict[str, str]:
    """CUI -> name, empty where none is known, of the concepts of at least `support` images, the most frequent first.

    InputError when there are none.
    """
    dataset = open_dataset(data)
    examples = dataset.examples(Task.CONCEPTS, split)
    counts = Counter(cui for e in examples if isinstance(e.reference, tuple) for cui in set(e.reference))
    found = [cui for cui, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count >= support]
    if not found:
        raise InputError(f"no concept has {support} images of split '{split}' in {data}: set a lower --support")
    names = Vocabulary.load(dataset.vocabulary_files)
    return {cui: names.name(cui) or "" for cui in found}


@click.command()
@click.argument("data")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--split", default="train", show_default=True)
@click.option(
    "--support", type=click.IntRange(min=1), default=30, show_default=True, help="Images a concept must have."
)
def main(data: str, out: Path, *, split: str, support: int) -> None:
    """Write the frequent concepts of the data set DATA to the vocabulary file OUT."""
    try:
        table = as_csv(("CUI", "Canonical name"), frequent_concepts(data, split=split, support=support).items())
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, table)
    except (InputError, OSError) as error:
        click.echo(f"error: {message_of(error)}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
