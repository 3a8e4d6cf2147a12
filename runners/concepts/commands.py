"""The verb `concepts map`.

imageclef concepts map captions.csv --vocabulary cui_mapping.csv --out concepts.csv
imageclef concepts map submissions/caption_prediction/base --vocabulary cui_mapping.csv --out task1.csv
imageclef concepts map captions.csv --vocabulary cui_mapping.csv --names MRCONSO.RRF --relations MRREL.RRF
imageclef concepts map captions.csv --vocabulary cui_mapping.csv --encoder models/sapbert
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tasks.nouns import InputError
from tasks.problems import counted

if TYPE_CHECKING:
    from runners.concepts.likeness import Phrase
    from tasks.concept_tables import Mapped, Nearest
    from tasks.concepts import Vocabulary

SHOWN = 20
"""Lines of a list that are printed."""
LEAST = 0.7
"""On 1,600 captions of ROCO, MiniLM's phrases raise the F1 per image from .207 to .273, at .65 to .278, at .8 to .259;
of the concepts found .65, .61 and .75 are right, with the dictionary alone .77."""


@click.command("map")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--vocabulary",
    "vocabularies",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A table with CUIs and names, such as cui_mapping.csv; may be given several times.",
)
@click.option(
    "--names",
    "name_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="More names for the vocabulary's concepts: MRCONSO.RRF of the UMLS, or a table; may be given several times.",
)
@click.option(
    "--relations",
    type=click.Path(path_type=Path),
    help="MRREL.RRF of the UMLS: a concept outside the vocabulary becomes its nearest ancestors inside.",
)
@click.option("--encoder", help="A text encoder (folder or hub id): read other phrases by their likeness to names.")
@click.option(
    "--least",
    type=click.FloatRange(0, 1, min_open=True),
    help=f"With --encoder: the cosine a phrase and a name must have.  [default: {LEAST}]",
)
@click.option("--keep-denied", is_flag=True, help="Take what a caption denies too, as labels made without looking do.")
@click.option("--out", type=click.Path(path_type=Path), help="A new file for the table.  [default: the screen]")
def map_concepts(
    *,
    file: Path,
    vocabularies: tuple[Path, ...],
    name_files: tuple[Path, ...],
    relations: Path | None,
    encoder: str | None,
    least: float | None,
    keep_denied: bool,
    out: Path | None,
) -> None:
    """Map the captions, concept names or CUIs in FILE, which may be a run's folder.

    A table ID,Caption or ID,Concepts, or a plain list of names, becomes ID,CUIs; a table ID,CUIs becomes ID,Concepts.
    Names and CUIs never stand in one file. What a caption denies is left out. What was denied, replaced, or could not
    be mapped is counted and listed on the error output.
    """
    from tasks.concept_tables import map_table, read_rows
    from tasks.concepts import Vocabulary
    from tasks.files import write_whole
    from tasks.umls import extended, read_nearest, words_of

    if out is not None and out.exists():
        raise InputError(f"{out} exists: give --out a new name, or remove the file")
    if least is not None and encoder is None:
        raise InputError("--least is the likeness of phrases and names: give --encoder too")
    vocabulary = Vocabulary.load(vocabularies)
    rows = read_rows(file)
    texts = [row[1] for row in rows[1:] if len(row) > 1]
    nearest = read_nearest(relations, vocabulary.cuis) if relations else {}
    if name_files or nearest:
        vocabulary = extended(vocabulary, name_files, nearest=nearest, words=words_of(texts))
    phrases: list[Phrase] = []
    if encoder is not None:
        vocabulary, phrases = _read_phrases(rows, vocabulary, encoder=encoder, least=least or LEAST)
    mapped = map_table(rows, vocabulary, nearest=nearest, keep_denied=keep_denied)
    if out is None:
        click.echo(mapped.table, nl=False)
    else:
        write_whole(out, mapped.table)
    click.echo(f"{counted(mapped.n_rows, 'row')}, {mapped.n_empty} of them without a concept", err=True)
    _say(mapped, vocabulary, nearest=nearest, phrases=phrases)


def _read_phrases(
    rows: Sequence[Sequence[str]], vocabulary: Vocabulary, *, encoder: str, least: float
) -> tuple[Vocabulary, list[Phrase]]:
    """The vocabulary with what else the rows say, by likeness to its names."""
    from runners.concepts.likeness import with_entries, with_phrases
    from runners.concepts.text_encoder import load_text_encoder
    from tasks.concept_tables import kind_of, map_table

    kind = kind_of(rows)
    if kind == "cuis":
        raise InputError("--encoder reads text, and the file holds CUIs: leave it out")
    embed = load_text_encoder(encoder).embed
    if kind == "concepts":
        return with_entries(vocabulary, list(map_table(rows, vocabulary).unmapped), embed, least=least)
    return with_phrases(vocabulary, [row[1] for row in rows[1:] if len(row) > 1], embed, least=least)


def _say(mapped: Mapped, vocabulary: Vocabulary, *, nearest: Nearest, phrases: Sequence[Phrase]) -> None:
    """What was read in another way than by its name, and what was not read at all."""

    def called(cui: str) -> str:
        return f"{vocabulary.name(cui) or ''} {cui}".strip()

    if vocabulary.collisions:
        name, kept, dropped = vocabulary.collisions[0]
        click.echo(
            f"{counted(len(vocabulary.collisions), 'name')} with more than one CUI, read as the first, "
            f"such as {name!r}: {kept}, not {dropped}",
            err=True,
        )
    _list(
        f"{counted(len(phrases), 'phrase')} read as the concept whose name is most like them:",
        [f"{phrase.likeness:6.2f}  {phrase.text} -> {phrase.name} {phrase.cui}" for phrase in phrases],
    )
    _list(
        f"{counted(mapped.denied.total(), 'mention')} ({len(mapped.denied)} different) denied and left out:",
        [f"{n:6d}  {called(cui)}" for cui, n in mapped.denied.most_common()],
    )
    _list(
        f"{counted(mapped.replaced.total(), 'concept')} ({len(mapped.replaced)} different) outside the vocabulary, "
        "replaced by the nearest ancestors in it:",
        [
            f"{n:6d}  {called(cui)} -> {', '.join(map(called, nearest[cui]))}"
            for cui, n in mapped.replaced.most_common()
        ],
    )
    _list(
        f"{counted(mapped.unmapped.total(), 'term')} ({len(mapped.unmapped)} different) could not be mapped:",
        [f"{n:6d}  {term}" for term, n in mapped.unmapped.most_common()],
    )


def _list(head: str, lines: Sequence[str]) -> None:
    """The first of the lines on the error output; nothing when there are none."""
    if lines:
        click.echo("\n".join([head, *(f"  {line}" for line in lines[:SHOWN])]), err=True)
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN} more", err=True)
