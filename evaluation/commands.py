"""The verb `score`, and the scoring at the end of a run.

imageclef score submission.zip --task 1 --references concepts.csv --references-secondary concepts_manual.csv
imageclef score submissions/caption_prediction/base --profile coco --json
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console

from evaluation.concepts.counts import per_concept_csv
from evaluation.concepts.groups import KINDS, Subset, by_group, print_groups, true_kinds
from evaluation.inputs.arguments import print_problems, read_accepted, read_inputs
from evaluation.inputs.options import HOW, WHERE, parted
from evaluation.inputs.outputs import check_outputs, files_read
from evaluation.inputs.references import References
from evaluation.inputs.runs import read_record, references_of_run
from evaluation.labels.per_label import per_label_json
from evaluation.labels.table import print_label_scores
from evaluation.measure.texts import text_of
from evaluation.providers.base import Equipment
from evaluation.reproduction.scores import FILE as REPRODUCTION
from evaluation.reproduction.scores import compare_with_original
from evaluation.score import score_predictions
from evaluation.scores import Scores
from evaluation.tables.scores import print_scores
from tasks.check import Check
from tasks.editions import Edition, load_edition
from tasks.files import write_whole
from tasks.mojibake import mojibake
from tasks.nouns import InputError, Task, Value
from tasks.options import with_options

LABELS = "chexpert"
"""The profile whose scores are a table of their own."""


@click.command()
@click.argument("submission", type=click.Path(path_type=Path))
@with_options(WHERE, HOW)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--signatures", is_flag=True, help="Print what pins each number.")
@click.option("--per-image", type=click.Path(path_type=Path), metavar="OUT.csv", help="Write each image's scores.")
@click.option("--per-concept", type=click.Path(path_type=Path), metavar="OUT.csv", help="Write each concept's scores.")
@click.option("--by", type=click.Choice(list(KINDS)), help="Score groups of images, too.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of each interval."
)
def score(
    *,
    submission: Path,
    as_json: bool,
    signatures: bool,
    per_image: Path | None,
    per_concept: Path | None,
    by: str | None,
    resamples: int,
    seed: int,
    **options: Any,
) -> None:
    """Score SUBMISSION (a CSV, the zip to upload, or a run folder) as the organisers' evaluator does.

    A run folder brings its own task, edition and references. Exit status: 0 scored, 1 the submission is
    not acceptable (its problems are listed), 2 unusable arguments, or none of the scores can be computed.
    """
    where, how = parted(options)
    asked = read_inputs([submission], **where)
    if (per_concept or by) and asked.task is not Task.CONCEPTS:
        raise InputError("--per-concept and --by go by concepts: use them with task 1")
    of_run = [submission / name for name in ("run.json", "predictions.csv", "scores.json")]
    taken = [*asked.files, *of_run, *files_read(**where)]
    check_outputs({"--per-image": per_image, "--per-concept": per_concept}, taken)
    answers = read_accepted(asked.files[0], edition=asked.edition, gold=asked.gold)
    if isinstance(answers, Check):
        print_problems(answers, as_json=as_json)
        raise SystemExit(1)
    scores = _score(answers, asked.gold, edition=asked.edition, resamples=resamples, seed=seed, **how)
    if per_image is not None:
        write_whole(per_image, per_image_csv(scores))
    if per_concept is not None:
        sides = [[cast(tuple[str, ...], side[i]) for i in scores.ids] for side in (asked.gold.values, answers)]
        write_whole(per_concept, per_concept_csv(*sides, vocabulary=asked.gold.vocabulary))
    parts: dict[str, Subset] = {}
    if by is not None:
        groups = true_kinds(scores, asked.gold, KINDS[by])
        parts = by_group(scores, groups, drawn_together=asked.gold.groups, resamples=resamples, seed=seed)
    if as_json:
        more = {"groups": {by: {name: part.to_json() for name, part in parts.items()}}} if by else {}
        if scores.profile == LABELS:
            more = {"per_label": per_label_json(scores.scores)}
        click.echo(json.dumps(scores.to_json() | more, ensure_ascii=False, indent=1, allow_nan=False))
    else:
        show = print_label_scores if scores.profile == LABELS else print_scores
        show(scores, Console(), signatures=signatures)
        if by is not None:
            print_groups(by, parts, scores, Console())
    if not scores.scores:
        raise InputError(f"none of {', '.join(scores.unavailable)} can be computed here: the reasons are listed")


def score_runs(finished: Path | list[Path]) -> None:
    """What follows a verb that has run a model: its run is scored, several are compared."""
    if isinstance(finished, Path):
        score_run(finished)
    else:
        from evaluation.comparison.commands import compare

        compare.main([str(folder) for folder in finished], standalone_mode=False)


def score_run(folder: Path) -> None:
    """Score a finished run; one that was run again is also compared with its original (exit status 1: it differs)."""
    _score_finished(folder)
    if (folder / REPRODUCTION).exists():
        compare_with_original(folder, Console())


def _score_finished(folder: Path) -> None:
    """Print the table and write scores.json; say so where there are no references."""
    console = Console()
    record = read_record(folder)
    gold = references_of_run(folder)
    if gold is None:
        console.print("no references for these images: the submission is checked but not scored")
        return
    edition = load_edition(record["edition"], Task.of(record["task"]))
    answers = read_accepted(folder / edition.zip_member, edition=edition, gold=gold)
    if isinstance(answers, Check):
        print_problems(answers, as_json=False)
        raise SystemExit(1)
    # At the end of a run a model of a metric may take hours on a CPU: it runs only when the config names metrics.
    metrics = record.get("config", {}).get("metrics", [])
    scores = _score(answers, gold, edition=edition, metrics=metrics, equipment=Equipment() if metrics else None)
    write_whole(folder / "scores.json", json.dumps(scores.to_json(), ensure_ascii=False, indent=1) + "\n")
    print_scores(scores, console)


def per_image_csv(scores: Scores) -> str:
    """A row per image, a column per score; empty where the image does not count."""
    import pandas as pd

    columns = {name: one.per_image for name, one in scores.scores.items()}
    return pd.DataFrame({"image_id": scores.ids, **columns}).to_csv(index=False, lineterminator="\n")


def _score(answers: dict[str, Value], gold: References, *, edition: Edition, **options: Any) -> Scores:
    scores = score_predictions(answers, gold, task=edition.task, edition=edition, **options)
    texts = {i: text_of(value) for i, value in answers.items() if not isinstance(value, tuple)}
    spoilt = [f"predictions: {said}"] if (said := mojibake(texts)) else []
    return replace(scores, warnings=(*gold.warnings, *spoilt, *scores.warnings))
