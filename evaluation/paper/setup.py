"""`setup.tex`: what was run, on what, with which prompt, how it was trained, how long it took and what energy.

setup_tex(material)      # LaTeX: a table with a column for each run, prompts, trainings
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evaluation.inputs.run_folders import Run
from evaluation.paper.energy import spent_of
from evaluation.paper.facts import described, took
from evaluation.paper.material import PaperMaterial
from evaluation.paper.text import as_tex, in_words, key_values
from evaluation.paper.trainings import read_training, stages_of, training_facts

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


def _opening(material: PaperMaterial) -> str:
    n = len(next(iter(material.answers.values())))
    runs = counted(len(material.runs), "run").capitalize()
    some = "answers" if len(material.runs) == 1 else "answer"
    text = (
        f"{runs} {some} the {n:,} images of {as_tex(material.runs[0].split)} of {as_tex(task_title(material))}. "
        "Versions and hashes are in the reproducibility checklist."
    )
    if any(spent_of(run.record["sessions"]).kwh is not None for run in material.runs):
        text += (
            " The energy is an upper estimate: hours times the published maximum power of the accelerators, without "
            "processors, memory and cooling."
        )
    return text + "\n"


def task_title(material: PaperMaterial) -> str:
    """The task and year as papers call them."""
    name, edition = material.runs[0].task.value.replace("_", " "), material.runs[0].edition
    return (
        f"{name}, edition {edition}" if name == "report generation" else f"ImageCLEFmedical Caption {edition}, {name}"
    )


def _table(pairs: Sequence[tuple[str, Run]]) -> str:
    rows = []
    for part in (described, took):  # what all have is not to stand between what only some have
        facts = [part(run.record) for _, run in pairs]
        labels = dict.fromkeys(label for own in facts for label in own)
        rows += [(label, *(own.get(label, "") for own in facts)) for label in labels]
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
        whose = f" of {as_tex(in_words(names))}" if len(pairs) > 1 else ""
        filled = ", a template of Jinja that is filled in for each image" if "{{" in prompt or "{%" in prompt else ""
        quote = f"\\begin{{quote}}\\small\\ttfamily\\raggedright\n{lines}\n\\end{{quote}}\n"
        yield f"The prompt{whose}, word for word{filled}:\n{quote}"


def _training(name: str, material: PaperMaterial) -> Iterator[str]:
    record = read_training(material.training[name])
    yield rf"\paragraph{{Training of {as_tex(name)}.}} " + as_tex(
        f"The run uses what the training {record['name']} left after {counted(len(record['stages']), 'stage')}."
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
