"""One caption for each image out of several files, by a stated rule.

longest and shortest count words between blanks. consensus takes the caption with the highest mean official ROUGE-1 to
the other files' captions, which is minimum-Bayes-risk decoding over the files (Kumar and Byrne, 2004, for machine
translation). Ties go to the file named first. An empty caption is taken only where every file has one, as the
organisers' AlignScore step may end in an error on it:

    choose([["A scan."], ["A chest CT scan."], ["Chest CT."]], by="consensus", profile=profile)     # [1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from evaluation.measure.words import Texts
from evaluation.metrics import ngrams
from evaluation.profiles import Profile, profile_of
from evaluation.statistics import Array
from tasks.convert.commands import write_out
from tasks.convert.reading import read_alike
from tasks.editions import Edition, load_edition
from tasks.nouns import InputError, Task, Value
from tasks.options import DEFAULT_YEAR, EDITION, FILE


def choose(systems: Sequence[Sequence[str]], *, by: str, profile: Profile) -> list[int]:
    """Which system's text each image gets, as a number from 0."""
    if by == "consensus":
        worth = agreement(systems, profile=profile)
    else:
        lengths = np.array([[len(text.split()) for text in texts] for texts in systems], dtype=float)
        worth = lengths if by == "longest" else -lengths
    empty = np.array([[not text.strip() for text in texts] for texts in systems])
    # the sums of the same numbers in another order differ in their last digits, which must not break a tie
    ranked = np.where(empty, -np.inf, np.round(worth, 9))
    return [int(n) for n in ranked.argmax(axis=0)]


def agreement(systems: Sequence[Sequence[str]], *, profile: Profile) -> Array:
    """The mean ROUGE-1 of each system's texts to those of the others: a row a system, a column an image."""
    # The words are made once for each text, not once for each pair; beside nothing, an empty text makes an empty pair.
    texts = Texts(systems, [""] * len(systems[0]), profile, None)
    words, empty = texts.rouge_words.systems, np.array(texts.both_empty)
    total = np.zeros(empty.shape)
    for i, ours in enumerate(words[:-1]):  # ROUGE-1 is an F-measure, the same in both directions
        references = ngrams.References(ours)
        for j in range(i + 1, len(words)):
            found = ngrams.rouge(references.count(words[j], orders=1, cosine=False), 1).per_image
            values = np.where(empty[i] & empty[j], 1.0, found)
            total[i] += values
            total[j] += values
    return total / max(len(systems) - 1, 1)


def rouge1_profile(edition: Edition) -> Profile:
    """The edition's official words and its ROUGE-1; those of 2026 for a year that had no ROUGE-1."""
    profile = profile_of("imageclef", task=Task.CAPTIONS, edition=edition)
    if "rouge1" not in profile.roles:
        profile = profile_of("imageclef", task=Task.CAPTIONS, edition=load_edition(DEFAULT_YEAR, Task.CAPTIONS))
    return replace(profile.only(["rouge1"]), composites={})


@click.group()
def captions() -> None:
    """Make one caption file out of several."""


@captions.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B [C ...]")
@click.option("--by", required=True, type=click.Choice(["longest", "shortest", "consensus"]), help="The rule.")
@click.option("--out", required=True, type=FILE, help="The new table; the zip is written beside it.")
@EDITION
@click.option("--force", is_flag=True, help="Replace files that exist, but none that is read.")
def select(*, files: tuple[Path, ...], by: str, out: Path, year: str, force: bool) -> None:
    """Take each image's caption from one of the files A, B, ... (tables, zips, JSON or run folders).

    longest and shortest count words; consensus takes the caption with the highest mean official ROUGE-1 to the others
    (minimum-Bayes-risk). Ties go to the file named first, and an empty caption is taken only where all are empty.
    """
    if len(files) < (least := 3 if by == "consensus" else 2):
        why = "of two captions each is as near to the other" if by == "consensus" else "there is nothing to select from"
        raise InputError(f"{len(files)} files are too few for --by {by}, {why}: give at least {least}")
    edition = load_edition(year, Task.CAPTIONS)
    systems = read_alike(files, edition=edition)
    texts = [[str(value) for value in answers.values()] for answers in systems]
    chosen = choose(texts, by=by, profile=rouge1_profile(edition))
    taken: dict[str, Value] = {i: texts[n][k] for k, (i, n) in enumerate(zip(systems[0], chosen, strict=True))}
    write_out(out, taken, edition=edition, force=force, sources=files)
    for n, file in enumerate(files):
        click.echo(f"{chosen.count(n):7d} captions of {file}", err=True)
