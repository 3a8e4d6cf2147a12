"""Why a score is missing, and what makes those that are there doubtful or odd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evaluation import providers
from evaluation.measure.texts import text_of
from evaluation.profiles import Profile
from evaluation.statistics import Measured
from tasks.nouns import Value

FEW = 100
"""Below this many images intervals are wide, and percentile intervals too narrow."""


def why_not(name: str, profile: Profile, *, measured: Mapping[str, Measured], found: Mapping[str, Measured]) -> str:
    """Why `name`, which is not among the scores `found`, has no value."""
    if name in measured and measured[name].unavailable:
        return measured[name].unavailable
    if name in profile.composites:
        return f"incomplete: needs {', '.join(dict.fromkeys(_lacking(name, profile, found)))}"
    if name == "f1_secondary":
        return "needs the manual concepts: --references-secondary concepts_manual.csv"
    return providers.reason(name)


def _lacking(name: str, profile: Profile, found: Mapping[str, Measured]) -> Iterator[str]:
    """The parts of a composite, and of those that are composites theirs, that have no value."""
    for part in profile.composites[name]:
        if part in profile.composites:
            yield from _lacking(part, profile, found)
        elif part not in found and part not in profile.optional:
            yield part


def doubts(
    answers: Sequence[Value], truths: Sequence[Value], *, shown: Mapping[str, Measured], profile: Profile, dropped: int
) -> tuple[str, ...]:
    """The warnings of a submission: of its texts, then of what the organisers' ways changed in the numbers."""
    return (
        *_of_texts(answers, truths, shown=shown),
        *_of_evaluator(profile, shown=shown, n=len(truths), dropped=dropped),
    )


def line_of(value: Value) -> str:
    """The value as one text."""
    return ";".join(value) if isinstance(value, tuple) else text_of(value)


def _of_texts(answers: Sequence[Value], truths: Sequence[Value], *, shown: Mapping[str, Measured]) -> list[str]:
    n = len(answers)
    found = []
    if n < FEW:
        found.append(
            f"only {n} {'image' if n == 1 else 'images'}: below {FEW} the intervals are wide and still too optimistic"
        )
    if all(line_of(answer) == line_of(truth) for answer, truth in zip(answers, truths, strict=True)):
        found.append("every prediction equals its reference: were the references passed twice?")
    empty = sum(1 for answer in answers if not line_of(answer).strip(" ;"))
    if empty:
        found.append(f"{empty} of {n} predictions are empty; they count as they are (mostly 0), none is left out")
    if any("tok:ptb-approx" in one.formula for one in shown.values()):
        found.append(
            "the PTB tokenizer did not run (it needs Java): an approximation was used, 'tok:ptb-approx' in the "
            "signatures, and the numbers differ slightly from COCO's; install a Java runtime for the exact ones"
        )
    return found


def _of_evaluator(profile: Profile, *, shown: Mapping[str, Measured], n: int, dropped: int) -> list[str]:
    found = []
    if dropped:
        said = "images are not scored: the evaluator drops a row with 'ID' in its id as a header"
        found.append(f"{dropped} of {n + dropped} {said}")
    for name, one in shown.items():
        notes = [profile.notes[name]] if name in profile.notes else []
        found.extend(f"{name}: {said}" for said in (*one.warnings, *notes))
    return found


def merged(names: Sequence[str], warnings: Sequence[Sequence[str]]) -> list[str]:
    """The warnings of all systems: those that all share once, the others with the name of their system."""
    shared = list(dict.fromkeys(warning for warning in warnings[0] if all(warning in own for own in warnings)))
    rest = [
        f"{name}: {w}" for name, own in zip(names, warnings, strict=True) for w in dict.fromkeys(own) if w not in shared
    ]
    return [*shared, *rest]
