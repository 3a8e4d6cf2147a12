"""One run from its plan to its submission: resume, answer, write, check, record.

A run is a folder, `<out>/<task>/<name>/`: run.json, predictions.<process>.jsonl, predictions.csv, submission.csv
and submission.zip. Started again it goes on where it was; started with other inputs it is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from rich.console import Console

from runners import record as records
from runners.answers import AnswerError, empty_value, parse_answer
from runners.config_files import flatten
from runners.loop import refuse_failures
from runners.plan import Plan
from runners.reproduction.images import hash_images
from runners.sharing import Place
from tasks.check import check_file
from tasks.concept_tables import names_table
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError, Prediction, Value
from tasks.problems import counted
from tasks.submission import write_submission

Answering = TypeVar("Answering", bound=Plan)
Session = Callable[[Answering, Path, Console, Place], None]
"""Answers what is not answered yet: plan, run folder, where to say things, which process this is."""


def run_folder(plan: Plan, out: Path, name: str | None) -> Path:
    """Where the run lives: `name`, or the config's name with the fingerprint's first digits.

    So every change of an input gets a folder of its own unless the user names one.
    """
    if name is not None and (name in {"", ".", ".."} or re.search(r"[/\\\0]", name)):
        raise InputError(
            f"--run '{name}': a run's name is one folder's name, without / and not . or ..; --out says where"
        )
    return out / plan.config.task.value / (name or f"{plan.name}-{plan.fingerprint[:8]}")


def execute(
    plan: Answering,
    folder: Path,
    console: Console,
    place: Place = Place(),  # noqa: B008 - frozen
    *,
    session: Session[Answering] | None = None,
) -> Path:
    """Answer what is not answered yet and write the submission; returns `folder`.

    `session` answers in the place of the plan itself, with processes elsewhere.
    Of several processes each answers its share and helps the others; those that end last write the submission.

    Raises InputError when another process holds this place, the run belongs to other inputs or its journal is taken
    away, TooManyFailures when the model fails on too many images, KeyboardInterrupt or SystemExit when stopped; what
    is in the journal is whole in each case.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, place):
        with records.editing(folder, lambda: records.new_record(plan, folder.name)) as record:
            records.refuse_another(record, plan, folder)
        results = records.results_of(plan, folder)
        done = sum(p.status == "ok" for p in results.values())
        if done < len(plan.examples):
            if done:
                _say(console, f"resuming {folder}: {done} of {len(plan.examples)} images are done")
            answer = partial(session, plan) if session else plan.answer
            answer(folder, console, place)
            results = {}
        with records.editing(folder) as record:
            results = results or records.results_of(plan, folder)
            if lost := len(plan.examples) - len(results):
                raise InputError(f"{folder}: {lost} lines left the journal while the run was at work: run it again")
            if _finished(record, plan, folder, results):
                _say(console, f"{folder}: finished {record['finished']}")
            else:
                _finish(plan, folder, record, results)
        _tell(folder, record, console)
    return folder


def _finished(record: Mapping[str, Any], plan: Plan, folder: Path, results: Mapping[str, Prediction]) -> bool:
    files = ("submission.csv", "submission.zip", "predictions.csv")
    as_asked = record["finished"] and record["config"] == flatten(plan.config)
    if not (as_asked and all((folder / name).exists() for name in files)):
        return False
    # A process that was held up may have answered an image after another wrote the submission.
    return all(record.get(key) == value for key, value in records.summary(plan, results).items())


def _finish(plan: Plan, folder: Path, record: dict[str, Any], results: Mapping[str, Prediction]) -> None:
    reasons = [p.reason for p in results.values() if p.status == "failed"]
    refuse_failures(plan, len(reasons), last=reasons[-1] if reasons else "")
    rows = [(e.image_id, _submitted(plan, results[e.image_id])) for e in plan.examples]
    path = write_submission(folder, edition=plan.edition, rows=rows)
    records.write_table(folder, plan, results)
    if plan.vocabulary is not None:
        cuis = [(image_id, value) for image_id, value in rows if isinstance(value, tuple)]
        write_whole(folder / "concept_names.csv", names_table(cuis, plan.vocabulary))
    ids = [e.image_id for e in plan.examples]
    check = check_file(path, edition=plan.edition, ids=ids, vocabulary=plan.known, doubts=True)
    record.update(records.summary(plan, results), config=flatten(plan.config))
    record["submission"] = {"file": path.name, "sha256": hash_file(path), "rows": len(rows)}
    warnings = Counter(problem.code for problem in check.problems if problem.severity == "warning")
    verdicts = {"accepted": check.accepted, "precheck": check.precheck, "scoring": check.scoring}
    record["check"] = {**verdicts, "warnings": dict(warnings.most_common())}
    record["data"]["image_bytes"] = hash_images(plan.examples)
    record["finished"] = _now()


def _submitted(plan: Plan, prediction: Prediction) -> Value:
    if prediction.value is not None:
        return prediction.value
    if plan.config.fallback is None:
        return empty_value(plan.config.task)
    try:
        value, _ = parse_answer(plan.config.fallback, task=plan.config.task, vocabulary=plan.vocabulary)
    except AnswerError as error:
        raise InputError(f"fallback: {error}; give a text that answers the task, or null") from None
    return value


def _tell(folder: Path, record: Mapping[str, Any], console: Console) -> None:
    counts, check = record["counts"], record["check"]
    verdict = "accepted" if check["accepted"] else "not accepted"
    lines = [
        f"{counted(counts['ok'], 'prediction')}, {counts['failed']} failed; our check of the submission: {verdict}"
    ]
    if counts["failed"]:
        filled = "empty rows" if record["config"]["fallback"] is None else "the fallback"
        lines.append(
            f"the failed images are {filled} in the submission (reasons: run.json, failures); "
            "the same command tries them again"
        )
    if counts["empty"]:
        lines.append(f"{counted(counts['empty'], 'answer')} without a concept")
    if counts["unmapped_terms"]:
        terms = ", ".join(f"{term} ({n})" for term, n in list(record["unmapped"].items())[:5])
        lines.append(f"{counted(counts['unmapped_terms'], 'term')} without a CUI, most often: {terms}")
    if record.get("structure", {}).get("score", 1) < 1:
        lines.append(_structure(record["structure"]))
    if check["warnings"]:
        found = ", ".join(f"{code} ({n})" for code, n in check["warnings"].items())
        lines.append(f"worth a look (imageclef check says where and why): {found}")
    lines.append(f"submission: {folder / 'submission.zip'}")
    if restricted := record["data"].get("restricted"):
        lines.append(f"made from {restricted}: its agreement forbids to pass it on")
    _say(console, "\n".join(lines))


def _structure(found: Mapping[str, Any]) -> str:
    texts = found["both"] + found["findings_only"] + found["impression_only"] + found["none"]
    return (
        f"{found['both']} of {counted(texts, 'text')} had findings and impression, {found['in_order']} in this order; "
        f"structure score {found['score']:.3f} (run.json, structure)"
    )


def _say(console: Console, text: str) -> None:
    """Print as it stands: a path or a term may hold brackets, which rich would take for markup."""
    console.print(text, soft_wrap=True, highlight=False, markup=False)


@contextmanager
def locked(folder: Path, place: Place, *, other: str = records.ANOTHER) -> Iterator[None]:
    """Hold a place of the run, which who has no fellows gets when all are free.

    `other` says how to name another folder. The system lets go of the lock when the process dies, however it dies.
    """
    lock = FileLock(folder / f".lock.{place.rank}", timeout=0)
    try:
        for held in sorted(folder.glob(".lock.*")) if place.processes == 1 else ():
            with FileLock(held, timeout=0):
                pass
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another process is at work here; wait for it, or {other}") from None
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
