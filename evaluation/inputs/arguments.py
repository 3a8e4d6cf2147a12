"""Submissions and their gold answers, from the arguments of a command line.

A submission is a table, the zip to upload, or a run folder, which brings its own task, edition and references. What
is compared must be answers to the same images, with the same gold answers:

    asked = read_inputs([Path("a.csv"), Path("b.zip")], task_name="1", references=Path("concepts.csv"))
    asked.names, asked.files[0], asked.gold.ids[0]     # ("a", "b"), Path("a.csv"), "..._valid_0"
    read_accepted(asked.files[0], edition=asked.edition, gold=asked.gold)    # the answers, or why it is refused
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import click

from evaluation.inputs.common import of_common_ids, require_same_images
from evaluation.inputs.names import names_of
from evaluation.inputs.references import References, references_of_files
from evaluation.inputs.runs import read_record, read_split, references_of_run
from evaluation.inputs.sections import Section
from evaluation.inputs.stated import with_stated
from tasks.check import Check, check_file
from tasks.datasets.dataset import split_of
from tasks.editions import Edition, load_edition
from tasks.nouns import InputError, Problem, Task, Value
from tasks.options import DEFAULT_YEAR
from tasks.submission import read_submission


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a command was asked to score."""

    task: Task
    edition: Edition
    names: tuple[str, ...]
    """What each submission is called in tables: as much of its path as tells it from the others."""
    files: tuple[Path, ...]
    """The table or zip of each submission."""
    gold: References
    warnings: tuple[tuple[str, ...], ...]
    """Of each submission, what has to be said of its run and its references."""
    expected: tuple[tuple[str, ...], ...]
    """Of each submission, the images it must answer; those of `gold`, or more where only common images are scored."""
    answers: Mapping[Path, Mapping[str, Value]]
    """Of the files that had to be read to know this and could be, the answers."""
    common: bool = False
    """Whether some submission answers more images than those that all of them answer, which alone are scored."""


def read_inputs(
    arguments: Sequence[Path],
    *,
    task_name: str | None = None,
    year: str | None = None,
    references: Path | None = None,
    references_secondary: Path | None = None,
    section: Section = "both",
    intersection: bool = False,
    **at_hand: Any,
) -> Inputs:
    """The submissions named by `arguments` and what they are scored against; what is not said a run folder brings.

    With `intersection` they may answer different images, and are scored on those that all of them answer. `at_hand`
    are the arguments of `References.equipped`: groups, images, vocabulary.
    """
    for path in arguments:
        if not path.exists():
            raise InputError(f"{path} does not exist: give a CSV, a zip or a run folder")
    runs = {path: read_record(path) for path in arguments if path.is_dir()}
    task_name = task_name or _said_by(runs, "task")
    if task_name is None:
        raise InputError("which task? add --task 1, 2 or 3")
    task = Task.of(task_name)
    edition = load_edition(year or _said_by(runs, "edition") or DEFAULT_YEAR, task)
    files = tuple(path / edition.zip_member if path in runs else path for path in arguments)
    answers: dict[Path, dict[str, Value]] = {}
    if references is not None:
        gold = references_of_files(references, secondary=references_secondary, task=task, edition=edition)
        if len(files) > 1 or len(set(map(split_of, gold.ids))) > 1:
            answers = _readable(files, edition)
            gold = gold.of_splits(_ids_of_one_split(answers))
        golds = [gold] * len(files)
    elif references_secondary is not None:
        raise InputError("--references-secondary goes with --references: add the primary gold answers too")
    else:
        golds = _golds_of_runs(arguments, runs, intersection=intersection)
    expected = [gold.ids for gold in golds]
    common = False
    if intersection:
        answers = answers or _readable(files, edition)
        known = dict.fromkeys(i for gold in golds for i in gold.ids)
        expected = [tuple(i for i in answers.get(path, known) if i in known) for path in files]  # a check tells why not
        golds = of_common_ids(golds, arguments, expected)
        common = any(set(ids) != set(golds[0].ids) for ids in expected)
    if section != "both" and task is not Task.REPORTS:
        raise InputError(f"--section {section}: only reports have sections: use it with task 3")
    golds = _changed(golds, lambda gold: gold.equipped(**at_hand).of_section(section))
    warnings = tuple(gold.warnings for gold in golds)
    return Inputs(task, edition, names_of(arguments), files, golds[0], warnings, tuple(expected), answers, common)


def read_accepted(
    path: Path,
    *,
    edition: Edition,
    gold: References,
    ids: Sequence[str] | None = None,
    answers: Mapping[str, Value] | None = None,
) -> dict[str, Value] | Check:
    """The answers to the images that have a reference, or the check that the submission did not pass.

    `ids` are the images it must answer, those of the references when None; `answers` what it holds, where it was read
    already. Reports come with the labels and codes that the journal beside the file has for them.
    """
    check = check_file(path, edition=edition, ids=gold.ids if ids is None else ids)
    if not check.accepted:
        return check
    answers = read_submission(path, edition=edition) if answers is None else answers
    if edition.task is Task.REPORTS:
        answers = with_stated(answers, path.parent)
    return {i: answers[i] for i in gold.values}


def print_problems(check: Check, *, as_json: bool) -> None:
    """Say why a submission was refused: the first of each kind of error, or everything as one JSON object."""
    if as_json:
        click.echo(json.dumps(check.to_json(), ensure_ascii=False, indent=1))
        return
    errors: dict[str, list[Problem]] = {}
    for problem in check.problems:
        if problem.severity == "error":
            errors.setdefault(problem.code, []).append(problem)
    click.echo(f"not scored: {check.path} would not be accepted", err=True)
    for code, found in errors.items():
        first = found[0]
        where = f", first on line {first.line}" if first.line is not None else ""
        click.echo(f"  {code} ({len(found)} times{where}): {first.message}: {first.fix}", err=True)
    click.echo("all problems: --json, or imageclef check", err=True)


def _said_by(runs: Mapping[Path, Mapping[str, Any]], what: str) -> str | None:
    """What the records of all runs say; None without a run."""
    said = {str(record[what]): path for path, record in runs.items()}
    if len(said) > 1:
        (one, here), (other, there), *_ = said.items()
        raise InputError(f"{here} is a run of {what} {one}, {there} of {other}: name the one to use with --{what}")
    return next(iter(said), None)


def _readable(files: Sequence[Path], edition: Edition) -> dict[Path, dict[str, Value]]:
    """The answers in each file that can be read; the check explains the others."""
    found = {}
    for path in files:
        with suppress(InputError):
            found[path] = read_submission(path, edition=edition)
    return found


def _ids_of_one_split(answers: Mapping[Path, Mapping[str, Value]]) -> list[str]:
    """The ids of the submissions, each once; InputError unless all are of the same splits."""
    split = {i: split_of(i) for i in dict.fromkeys(i for own in answers.values() for i in own)}
    splits: dict[frozenset[str], Path] = {}
    for path, own in answers.items():
        if own:
            splits.setdefault(frozenset(map(split.__getitem__, own)), path)
    if len(splits) > 1:
        (one, here), (other, there), *_ = splits.items()
        named = [" and ".join(sorted(of)) for of in (one, other)]
        raise InputError(
            f"{here} answers images of {named[0]}, {there} of {named[1]}: give submissions for the same images"
        )
    return list(split)


def _golds_of_runs(arguments: Sequence[Path], runs: Mapping[Path, object], *, intersection: bool) -> list[References]:
    """The references for each argument, those of the first run for a file; InputError unless they are all the same.

    With `intersection` they must be the same for the images that several runs have.
    """
    if not runs:
        raise InputError("score against what? add --references FILE with the gold answers")
    reading = cache(read_split)  # the runs of a comparison are mostly over one data set
    golds = {}
    for path in runs:
        try:
            gold = references_of_run(path, reading)
        except InputError as error:
            raise InputError(f"{path}: {error}; or add --references FILE with the gold answers") from error
        if gold is None:
            raise InputError(f"{path}: the run's data set has no references for its images: add --references FILE")
        golds[path] = gold
    (here, first), *others = golds.items()
    for there, other in others:
        if not intersection:
            require_same_images(here, first.ids, there, other.ids)
        shared = set(first.ids) & set(other.ids)
        for ours, theirs in ((first.values, other.values), (first.secondary, other.secondary)):
            changed = next((i for i in first.ids if i in shared and ours.get(i) != theirs.get(i)), None)
            if changed is not None:
                raise InputError(
                    f"{changed} has another reference in {here} than in {there}: say which with --references FILE"
                )
    return [golds.get(path, replace(first, notes=())) for path in arguments]


def _changed(golds: Sequence[References], change: Callable[[References], References]) -> list[References]:
    """The references after a change; those that several submissions share are changed once and stay shared."""
    changed = {id(gold): change(gold) for gold in {id(gold): gold for gold in golds}.values()}
    return [changed[id(gold)] for gold in golds]
