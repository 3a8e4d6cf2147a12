"""`setup.tex`: what was run, on what, with which prompt, how it was trained, how long it took and what energy.

setup_tex(material)      # LaTeX: a table with a column for each run, prompts, trainings
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.inputs.run_folders import Run
from evaluation.paper.facts import facts_of, stages_of, training_facts
from evaluation.paper.material import PaperMaterial
from evaluation.paper.text import as_tex, key_values
from tasks.nouns import InputError

BESIDE = 3
"""Runs in one table."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
STAGES = ("stage", "trains", "parameters", "images", "steps", "batch", "rate", "loss")


def setup_tex(material: PaperMaterial) -> str:
    """The body of the section on the experimental set-up."""
    pairs = list(zip(material.names, material.runs, strict=True))
    parts = [_opening(material)]
    parts += [_table(pairs[k : k + BESIDE]) for k in range(0, len(pairs), BESIDE)]
    parts += [*_prompts(pairs), *(part for name in material.training for part in _training(name, material))]
    return "\n".join(parts)


def read_training(folder: Path) -> dict[str, Any]:
    """training.json; InputError when it is something else."""
    path = folder / "training.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        training_facts(record), stages_of(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is not the record of a training: restore it, or move the file away") from None
    return record


def _opening(material: PaperMaterial) -> str:
    data = material.runs[0].record["data"]
    n = len(next(iter(material.answers.values())))
    several = len(material.runs) > 1
    return (
        f"{'All systems answered' if several else 'The system answered'} the {n:,} images of the split "
        f"{as_tex(data['split'])} in the form of edition {material.runs[0].edition} of {as_tex(task_title(material))}. "
        f"{'They are' if several else 'It is'} described below; versions and hashes are in the reproducibility "
        "checklist. The energy is an upper estimate: hours times the boards' published maximum power, without "
        "processors, memory and cooling.\n"
    )


def task_title(material: PaperMaterial) -> str:
    """The task as papers call it."""
    name = material.runs[0].task.value.replace("_", " ")
    return name if name == "report generation" else f"ImageCLEFmedical Caption, {name}"


def _table(pairs: Sequence[tuple[str, Run]]) -> str:
    facts = [facts_of(run.record) for _, run in pairs]
    labels = dict.fromkeys(label for own in facts for label in own)
    rows = [(label, *(own.get(label, "") for own in facts)) for label in labels]
    table = key_values(rows, header=("", *(name for name, _ in pairs)))
    return f"{{\\footnotesize\n{table}}}\n"


def _prompts(pairs: Sequence[tuple[str, Run]]) -> Iterator[str]:
    """Each prompt once, word for word, line by line."""
    asked: dict[str, list[str]] = {}
    for name, run in pairs:
        if prompt := run.record.get("prompt"):
            asked.setdefault(str(prompt), []).append(name)
    for prompt, names in asked.items():
        lines = "\\\\\n".join(rf"\mbox{{}}{as_tex(line)}" for line in prompt.strip().split("\n"))
        whose = f" of {as_tex(', '.join(names))}" if len(pairs) > 1 else ""
        quote = f"\\begin{{quote}}\\small\\ttfamily\\raggedright\n{lines}\n\\end{{quote}}\n"
        yield f"The prompt{whose}, word for word:\n{quote}"


def _training(name: str, material: PaperMaterial) -> Iterator[str]:
    record = read_training(material.training[name])
    yield rf"\paragraph{{Training of {as_tex(name)}.}} " + as_tex(
        f"What {name} uses was trained as {record['name']}, in {counted(len(record['stages']), 'stage')}."
    )
    yield f"{{\\footnotesize\n{key_values(training_facts(record).items())}}}\n"
    if rows := stages_of(record):
        yield _stages(rows)


def _stages(rows: Sequence[Sequence[str]]) -> str:
    kept = [k for k in range(len(STAGES)) if any(row[k] for row in rows)]
    lines = [
        r"\begin{center}\footnotesize",
        rf"\begin{{tabular}}{{@{{}}ll{'r' * (len(kept) - 2)}@{{}}}}" if len(kept) > 1 else r"\begin{tabular}{@{}l@{}}",
        r"\toprule",
        " & ".join(STAGES[k] for k in kept) + r" \\",
        r"\midrule",
        *(" & ".join(as_tex(row[k]) for k in kept) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{center}",
    ]
    return "\n".join(lines) + "\n"


def counted(n: int, what: str) -> str:
    """So many of it in words, small numbers written out."""
    return f"{_NUMBERS[n] if n < len(_NUMBERS) else format(n, ',')} {what}{'' if n == 1 else 's'}"
