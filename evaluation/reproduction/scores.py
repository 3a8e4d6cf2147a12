"""The scores of a run that was run again beside those of the original, and the verdict on the reproduction.

`reproduction.json` in the folder of the new run has the original's scores and how many predictions are the same; this
completes it when the run has been scored:

    compare_with_original(Path("submissions/concept_detection/base-reproduced"), console)

Tolerance: where all predictions are the same, 1e-9, which is the rounding of other versions of numpy. Else half of the
half-width of the original's 95 % interval, about one standard error: as much as another draw of as many images moves
the score. One with another signature (other references or version of the metric) is not comparable, so not within.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.problems import counted

FILE = "reproduction.json"
ROUNDING = 1e-9


def compare_with_original(folder: Path, console: Console) -> None:
    """Print each score of both runs, say whether the run was reproduced, and write that down.

    Ends the program with exit status 1 when it was not.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        predictions, original = content["predictions"], content["original"]["scores"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path} is no record of a reproduction: delete it and reproduce the run again") from None
    if predictions is None:  # it was stopped, and another command finished the run
        again = shlex.join(["imageclef", "reproduce", str(content["original"].get("path"))])
        console.print(f"not compared with the original yet: {again}", soft_wrap=True, highlight=False, markup=False)
        return
    now = _scores(folder / "scores.json")
    equal = predictions["equal"] == predictions["images"]
    try:
        before = dict(original["scores"] if original else {})
        rows = compared_scores(before, now, same_predictions=equal)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: the original's scores.json is not what a run writes: restore or delete it") from None
    same, sentence = verdict(predictions, rows, missing=[name for name in before if name not in now])
    if rows:
        console.print(_table(rows))
    console.print(sentence, soft_wrap=True, highlight=False, markup=False)
    content |= {"scores": rows, "same": same, "verdict": sentence}
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    if not same:
        raise SystemExit(1)


def compared_scores(
    original: Mapping[str, Mapping[str, Any]], again: Mapping[str, Mapping[str, Any]], *, same_predictions: bool
) -> dict[str, dict[str, Any]]:
    """Name -> both values, their difference, the tolerance, and whether it is within; scores that both have."""
    rows = {}
    for name in (name for name in original if name in again):
        before, after = original[name], again[name]
        low, high = before["ci"]
        tolerance = ROUNDING if same_predictions else max(ROUNDING, (high - low) / 4)
        comparable = before.get("signature") == after.get("signature")
        difference = after["value"] - before["value"]
        rows[name] = {
            "original": before["value"],
            "again": after["value"],
            "difference": difference,
            "tolerance": tolerance,
            "comparable": comparable,
            "within": comparable and abs(difference) <= tolerance,
        }
    return rows


def verdict(
    predictions: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], *, missing: Sequence[str]
) -> tuple[bool, str]:
    """Whether the run was reproduced, and the sentence that says so; `missing` scores only the original has."""
    total, equal = predictions["images"], predictions["equal"]
    outside = [name for name, row in rows.items() if row["comparable"] and not row["within"]]
    unlike = [name for name, row in rows.items() if not row["comparable"]]
    found = f"{equal} of {counted(total, 'prediction')} are the same"
    if equal == total:
        found = f"the same {counted(total, 'prediction')}" + ", byte for byte" * predictions["identical_submission"]
    if not rows and equal < total:
        return False, f"not reproduced: {found}, and there are no scores to say what that is worth"
    wrong = [f"scores outside of the tolerance: {', '.join(outside)}"] if outside else []
    wrong += [f"scores by other references or another version of the metric: {', '.join(unlike)}"] if unlike else []
    absent = [f"not computed here: {', '.join(missing)}"] if missing else []
    if wrong or (absent and equal < total):
        return False, "; ".join([f"not reproduced: {found}", *wrong, *absent])
    if equal < total:
        return True, f"reproduced within tolerance: {found}, and {counted(len(rows), 'score')} within the tolerance"
    worth = ", and the same scores" if rows else "; no scores to compare"
    return True, "; ".join([f"reproduced: {found}{worth}", *absent])


def _scores(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        found: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["scores"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} does not hold scores: delete it and score the run again") from None
    return found


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title="scores of both runs", title_justify="left")
    table.add_column("score")
    for heading in ("original", "again", "difference", "tolerance"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, row in rows.items():
        word = "within" if row["within"] else "outside" if row["comparable"] else "not comparable"
        numbers = [f"{row['original']:.4f}", f"{row['again']:.4f}", f"{row['difference']:+.2g}"]
        table.add_row(escape(name), *numbers, f"{row['tolerance']:.2g}", word)
    return table
