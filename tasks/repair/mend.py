"""Repair a file: read it, mend it, check what came out, and only then put the files in place, changes.json last.

repaired = repair_file(Path("s.csv"), edition=edition, ids=ids, out=Path("mended"))
repaired.done, repaired.record.counts       # True, {"id-order": 1, "cui-case": 3}
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.check import check_file
from tasks.concepts import Vocabulary
from tasks.editions import Edition
from tasks.files import write_whole
from tasks.nouns import InputError, Problem, Task, Value
from tasks.repair.changes import Record
from tasks.repair.fill import parse_fill
from tasks.repair.names import Names
from tasks.repair.rows import Keep, place
from tasks.repair.sources import read_source
from tasks.repair.values import Mender
from tasks.submission import write_submission
from tasks.together import beside, move_together, nearest

CHANGES = "changes.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user decides."""

    fill: str | None = None
    keep: Keep | None = None
    keep_concepts: bool = False
    vocabulary: Vocabulary | None = None
    force: bool = False
    order_inferred: bool = False
    """The ids come from a folder, so their order is a guess."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What came of a repair."""

    edition: Edition
    path: Path
    out: Path
    n_rows: int
    record: Record
    warnings: tuple[Problem, ...] = ()
    """What the check still warns of in the mended file."""

    @property
    def done(self) -> bool:
        """Whether everything could be mended and the files are written."""
        return not self.record.problems

    def to_json(self) -> dict[str, Any]:
        """The object that `imageclef repair --json` prints, and `changes.json` holds."""
        return {
            "task": self.edition.task.value,
            "edition": self.edition.year,
            "file": str(self.path),
            "out": str(self.out) if self.done else None,
            "repaired": self.done,
            "n_rows": self.n_rows,
            "n_changes": len(self.record.changes),
            "counts": self.record.counts,
            "changes": self.record.to_json(),
            "problems": [asdict(problem) for problem in (*self.record.problems, *self.warnings)],
        }


def repair_file(
    path: Path, *, edition: Edition, ids: Sequence[str], out: Path, options: Options | None = None
) -> Repaired:
    """Mend the file into the folder `out`; nothing is written unless the check accepts it.

    InputError when the file cannot be read or would be replaced, or `out` holds a submission and `force` is not given.
    """
    options = options or Options()
    names, record = Names(ids), Record()
    _look(path, out, edition, force=options.force)
    mender = Mender(edition, record, options.vocabulary, options.keep_concepts)
    fill = None if options.fill is None else parse_fill(options.fill, mender=mender, names=names)
    source = read_source(path, edition=edition, names=names, record=record)
    _refuse_other_images(path, [row.name for row in source.rows], names)
    answers = place(source.rows, names, mender, keep=options.keep, fill=fill)
    if record.problems:
        return Repaired(edition, path, out, len(answers), record)
    return _write(source.text, answers, Repaired(edition, path, out, len(answers), record), options)


def _look(path: Path, out: Path, edition: Edition, *, force: bool) -> None:
    if not (there_is := nearest(out)).is_dir():
        raise InputError(f"{there_is} is a file: give --out a folder")
    there = [name for name in _files(edition) if (out / name).exists()]
    if any(path.exists() and path.samefile(out if path.is_dir() else out / name) for name in there):
        raise InputError(f"{path} would be replaced by what is made of it: give --out another folder")
    if there and not force:
        raise InputError(f"{out / there[0]} exists: give --out another folder, or --force to replace it")


def _files(edition: Edition) -> list[str]:
    stem = Path(edition.zip_member).stem
    endings = [".csv", ".zip", *([".json"] if edition.task is Task.REPORTS else [])]
    return [*(f"{stem}{ending}" for ending in endings), CHANGES]


def _refuse_other_images(path: Path, written: Sequence[str], names: Names) -> None:
    if written and not any(names.of(name) is not None for name in written):
        raise InputError(
            f"{path}: none of its {len(written)} ids is in the id list, {written[0][:80]!r} is the first and the list "
            f"begins with {names.ids[0]!r}: give the ids of this submission with --ids"
        )


def _write(text: str | None, answers: dict[str, Value], repaired: Repaired, options: Options) -> Repaired:
    """Write beside the folder, check, then move all files together, changes.json last."""
    edition, out, record = repaired.edition, repaired.out, repaired.record
    with beside(out) as folder:
        table = write_submission(folder, edition=edition, rows=list(answers.items()))
        if text is not None:
            _note_layout(text, table.read_text(encoding="utf-8"), list(answers), edition, record)
        check = check_file(
            table,
            edition=edition,
            ids=list(answers),
            vocabulary=options.vocabulary.cuis if options.vocabulary else None,
            order_inferred=options.order_inferred,
        )
        record.problems.extend(problem for problem in check.problems if problem.severity == "error")
        repaired = replace(repaired, warnings=tuple(p for p in check.problems if p.severity == "warning"))
        if repaired.done:
            write_whole(folder / CHANGES, _one_change_a_line(repaired))
            move_together({folder / name: out / name for name in _files(edition)})
    return repaired


def _one_change_a_line(repaired: Repaired) -> str:
    """The JSON object with each change on a line of its own."""
    document = repaired.to_json()
    changes = ",\n".join(map(json.dumps, document.pop("changes")))
    return json.dumps(document)[:-1] + f', "changes": [\n{changes}\n]}}\n'


def _note_layout(before: str, after: str, ids: Sequence[str], edition: Edition, record: Record) -> None:
    """Note quotes and line ends: what differs in the bytes though no other change says so."""
    if before == after:
        return
    if "\r" in before:
        record.change("layout", before="CR", after="LF")
    elif before and not before.endswith("\n"):
        record.change("layout", before="no line end after the last row", after="a line end")
    if record.counts.keys() & {"delimiter", "columns-extra"}:
        return
    told = {change.image_id for change in record.changes}
    had = set(re.split(r"\r\n|\r|\n", before))
    head, rows = edition.header != "none", after.split("\n")
    quoted = [row for image_id, row in zip(ids, rows[head:], strict=False) if row not in had and image_id not in told]
    if head and rows[0] not in had and not any(kind.startswith("header") for kind in record.counts):
        quoted.insert(0, rows[0])
    if quoted:
        record.change("layout", before=f"quotes of {len(quoted)} rows", after=quoted[0])
