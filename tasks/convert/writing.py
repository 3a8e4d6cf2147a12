"""Answers as a file: whole or not at all, never over another file unless told to, and accepted by the check.

The table has the name asked for, the zip to upload (and for reports ReXrank's JSON) the same name with its own ending;
they are put in place together, the table last:

    write_answers(Path("new.csv"), {"..._test_0": "A scan."}, edition=edition, form="csv")
    # Written((new.csv, new.zip))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tasks.check import check_file
from tasks.convert import coco, jsonl, rexrank
from tasks.editions import Edition
from tasks.files import write_whole
from tasks.nouns import CUI, InputError, Report, Task, Value
from tasks.submission import one_line, read_submission, write_submission
from tasks.together import beside, move_together, nearest

FORMS = ("csv", "jsonl", "coco-results", "coco-annotations", "rexrank")
"""The edition's table, and the JSON forms."""


class Written(NamedTuple):
    """What was written."""

    files: tuple[Path, ...]
    respaced: tuple[str, ...] = ()
    """The images whose text had line breaks, runs of blanks or control characters: each run is one blank now."""
    undelimited: tuple[str, ...] = ()
    """The images whose caption held the delimiter of a year without quoting: it is a blank now."""
    unlabelled: tuple[str, ...] = ()
    """The reports whose labels or codes were left out: neither the table nor ReXrank's file has a place for them."""


def write_answers(
    out: Path,
    answers: Mapping[str, Value],
    *,
    edition: Edition,
    form: str = "csv",
    force: bool = False,
    sources: Sequence[Path] = (),
    data: Mapping[str, Mapping[str, Any]] | None = None,
) -> Written:
    """Write the answers in `form`; InputError when it cannot hold them, or a file of that name exists.

    `sources`, files or folders of runs, are what the answers came from: these are not replaced even by `force`. `data`
    are ReXrank's entries of the same studies, to which its form adds the answers.
    """
    if out.is_dir():
        raise InputError(f"{out} is a folder: name the file to write in it")
    parent = nearest(out.absolute().parent)
    if not parent.is_dir():
        raise InputError(f"{out}: {parent} is a file, not a folder: name a file in a folder")
    if not answers:
        raise InputError("there is no answer to write: give a file with at least one row")
    bare = {image_id: () if value == ("",) else value for image_id, value in answers.items()}
    if form == "csv":
        return _write_table(out, bare, edition, force=force, sources=sources)
    if form == "rexrank":
        document, respaced = _rexrank(bare, edition.task, data)
    else:
        document, respaced = _FORMS[form](bare, edition.task)
    _refuse_existing([out], sources, force=force)
    write_whole(out, document)
    return Written((out,), respaced, unlabelled=_labelled(answers) if form == "rexrank" else ())


def _write_table(
    out: Path, answers: Mapping[str, Value], edition: Edition, *, force: bool, sources: Sequence[Path]
) -> Written:
    if out.suffix.lower() in {".zip", ".json"}:
        raise InputError(f"{out}: name the table, such as {out.with_suffix('.csv')}; the zip is written beside it")
    with beside(out.parent) as folder:
        table = write_submission(folder, edition=edition, rows=list(answers.items()))
        check = check_file(table, edition=edition, ids=list(answers))
        if not check.accepted:
            problem = next(problem for problem in check.problems if problem.severity == "error")
            raise InputError(
                f"edition {edition.year} would refuse the file: {(problem.image_id or 'the first line')[:80]}: "
                f"{problem.message}: {problem.fix}"
            )
        found = read_submission(table, edition=edition)
        places = {file: out if file == table else out.with_suffix(file.suffix) for file in _written(table)}
        _refuse_existing(list(places.values()), sources, force=force)
        move_together(dict(reversed(places.items())))
    unlike = [i for i, value in answers.items() if found[i] != _bare(value)]
    undelimited = {i for i in unlike if not edition.quoted and edition.delimiter in str(answers[i])}
    return Written(
        tuple(places.values()),
        respaced=tuple(i for i in unlike if i not in undelimited),
        undelimited=tuple(i for i in unlike if i in undelimited),
        unlabelled=_labelled(answers),
    )


def _written(table: Path) -> list[Path]:
    """The table first, then the files beside it."""
    return sorted(table.parent.iterdir(), key=lambda file: (file != table, file.name))


def _bare(value: Value) -> Value:
    """The value as a table is read back: no labels nor codes, and an empty list as an empty cell."""
    if isinstance(value, Report):
        return replace(value, labels={}, icd=())
    return value or ("",) if isinstance(value, tuple) else value


def _labelled(answers: Mapping[str, Value]) -> tuple[str, ...]:
    """The images whose reports have labels or codes."""
    return tuple(i for i, value in answers.items() if isinstance(value, Report) and (value.labels or value.icd))


def _refuse_existing(places: list[Path], sources: Sequence[Path], *, force: bool) -> None:
    existing = [place for place in places if place.exists()]
    for place in existing:
        if any(source.exists() and source.samefile(place.parent if source.is_dir() else place) for source in sources):
            raise InputError(f"{place} is what was read, and would be replaced: give --out another name or folder")
    if existing and not force:
        raise InputError(f"{existing[0]} exists: give --out a new name, or --force to replace it")


def _jsonl(answers: Mapping[str, Value], task: Task) -> tuple[str, tuple[str, ...]]:
    for image_id, value in answers.items():
        wrong = [cui for cui in value if not CUI.fullmatch(cui)] if isinstance(value, tuple) else []
        if wrong:
            raise InputError(f"{image_id}: {wrong[0][:80]!r} is not a CUI: give a file of {task}, repaired if need be")
    return jsonl.lines(answers), ()


def _coco(
    answers: Mapping[str, Value], task: Task, *, form: Callable[[Mapping[str, str]], Any]
) -> tuple[str, tuple[str, ...]]:
    captions = {image_id: value for image_id, value in answers.items() if isinstance(value, str)}
    if task is not Task.CAPTIONS or len(captions) < len(answers):
        raise InputError(f"COCO's files hold captions, not {task}: use jsonl")
    return _dumped(form(captions)), ()


def _rexrank(
    answers: Mapping[str, Value], task: Task, data: Mapping[str, Mapping[str, Any]] | None
) -> tuple[str, tuple[str, ...]]:
    reports = {image_id: value for image_id, value in answers.items() if isinstance(value, Report)}
    if task is not Task.REPORTS or len(reports) < len(answers):
        raise InputError(f"ReXrank's file holds reports, not {task}: use jsonl")
    lines = {
        image_id: replace(report, findings=one_line(report.findings), impression=one_line(report.impression))
        for image_id, report in reports.items()
    }
    return _dumped(rexrank.predictions(lines, data)), tuple(i for i in lines if lines[i] != reports[i])


def _dumped(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


_FORMS: Mapping[str, Callable[[Mapping[str, Value], Task], tuple[str, tuple[str, ...]]]] = {
    "jsonl": _jsonl,
    "coco-results": lambda answers, task: _coco(answers, task, form=coco.to_results),
    "coco-annotations": lambda answers, task: _coco(answers, task, form=coco.to_annotations),
}
