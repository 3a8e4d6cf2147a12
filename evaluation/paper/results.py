"""`results.tex`: tables of scores and differences, and in sentences what was tested, what differs, what to mind.

results_tex(material, cites)      # LaTeX; without references one sentence that says so
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evaluation.comparison.pairing import Pairing, said_p
from evaluation.comparison.systems import Comparisons
from evaluation.paper.material import PaperMaterial
from evaluation.paper.setup import counted, task_title
from evaluation.paper.standing import standings
from evaluation.paper.tables import LEVEL, differences, scores_tables, stored_of, stored_scores
from evaluation.paper.text import as_tex, in_words, listed
from evaluation.paper.trainings import read_training
from evaluation.tables.latex import as_latex

Cite = Callable[[str], str]
"""Tag of what is used -> `~\\cite{...}`, or nothing."""


def results_tex(material: PaperMaterial, cite: Cite) -> str:
    """The body of the section on results."""
    if not material.scores:
        return "The data set has no references for these images, so there are no scores.\n"
    parts = [_opening(material, cite), *map(as_latex, scores_tables(material))]
    if (stored := stored_scores(material)) is not None:
        parts.append(as_latex(stored))
    if material.comparisons is not None:
        found = material.comparisons
        parts += [_tests(found, cite), as_latex(differences(found)), listed(map(as_tex, outcomes(found)))]
    if placed := standings(material):
        parts.append(as_tex(placed) + "\n")
    return "\n".join(part for part in [*parts, _limits(material)] if part)


def outcomes(found: Comparisons) -> list[str]:
    """What each run comes to beside the baseline: its first score, then the others that differ, then those that do not.

    outcomes(found)[0]      # "tuned is 0.0021 above base in f1, which is no more than noise (p = .43). ..."
    """
    own = [[pairing for pairing in found.pairings if pairing.system == name] for name in found.names[1:]]
    return [_outcome(pairings[0], pairings[1:]) for pairings in own if pairings]


def _outcome(first: Pairing, others: Sequence[Pairing]) -> str:
    size, p = f"{abs(first.difference):.4f}", said_p(first.p_holm)
    if float(size) == 0:
        said = f"{first.system} is level with {first.baseline} in {first.metric} ({p})."
    else:
        which = "above" if first.difference > 0 else "below"
        verdict = "a significant difference" if first.significant else "which is no more than noise"
        said = f"{first.system} is {size} {which} {first.baseline} in {first.metric}, {verdict} ({p})."
    for where, group in (
        ("It is significantly above it in", [one for one in others if one.better == one.system]),
        ("It is significantly below it in", [one for one in others if one.better == one.baseline]),
        ("There is no significant difference in", [one for one in others if not one.significant]),
    ):
        if group:
            some = [
                f"{one.metric} ({one.difference:+.4f}, {said_p(one.p_holm)})".replace("(-", "(\u2212") for one in group
            ]
            said += f" {where} {in_words(some)}."
    return said


def _opening(material: PaperMaterial, cite: Cite) -> str:
    first = material.scores[0]
    n = len(material.names)
    grouped = material.gold.grouped_by if material.gold and material.gold.groups else ""
    how = f"groups of images (column {grouped})" if grouped else "images"
    return (
        f"{counted(n, 'run').capitalize()} {'is' if n == 1 else 'are'} scored on the {len(first.ids):,} images of "
        f"{as_tex(material.runs[0].split)} by the rules of {as_tex(task_title(material))}{cite('overview')}. "
        f"Table~\\ref{{tab:scores}} has the scores with their 95~\\% intervals, by bootstrap over {as_tex(how)}"
        f"{cite('bootstrap')}. The signature of each score, which pins its formula, is in the reproducibility "
        "checklist.\n"
    )


def _tests(found: Comparisons, cite: Cite) -> str:
    units = "images" if found.groups is None else f"{found.groups} patients or articles, each with all its images,"
    adjusted = (
        f" The p~values of the former are adjusted by Holm's method{cite('holm')} for "
        f"{counted(found.comparisons, 'run')} compared on each score, but not for the number of scores."
        if found.comparisons > 1
        else " The p~values are not adjusted for the number of scores."
    )
    return (
        f"Differences from {as_tex(found.names[0])} (Table~\\ref{{tab:differences}}) were tested by approximate "
        f"randomisation{cite('randomisation')} and by paired bootstrap{cite('paired')}, with {found.trials:,} trials "
        f"over {units} and seed {found.seed}.{adjusted} A difference is called significant where the p~value of "
        f"approximate randomisation{', so adjusted,' if found.comparisons > 1 else ''} is below~{LEVEL}.\n"
    )


def _limits(material: PaperMaterial) -> str:
    """What has to be said of the scores."""
    warnings = (
        material.comparisons.warnings
        if material.comparisons
        else (*(material.gold.warnings if material.gold else ()), *material.scores[0].warnings)
    )
    stored = {name for run, one in zip(material.runs, material.scores, strict=True) for name in stored_of(run, one)}
    missing = dict.fromkeys(name for one in material.scores for name in one.unavailable if name not in stored)
    lines = [*_seen(material), *map(_sentence, dict.fromkeys(warnings))]
    if missing:
        lines.append(f"Not computed, as models or references are missing: {', '.join(missing)}.")
    return "\\subsection*{Limits of these scores}\n" + listed(map(as_tex, lines)) if lines else ""


def _seen(material: PaperMaterial) -> list[str]:
    """Whether systems were tuned, or checkpoints chosen, on the split that is scored."""
    split = material.runs[0].split
    pairs = list(zip(material.names, material.runs, strict=True))
    tuned = [
        name for name, run in pairs if ((run.record.get("system") or {}).get("tuned on") or {}).get("split") == split
    ]
    trained = {name: read_training(folder) for name, folder in material.training.items()}
    chosen = [
        name
        for name, run in pairs
        if (record := trained.get(name)) is not None
        and (record["config"].get("data.path"), record["config"].get("data.valid"))
        == (run.record["data"]["path"], split)
    ]
    lines = []
    if tuned:
        lines.append(
            f"{in_words(tuned)} {'was' if len(tuned) == 1 else 'were'} tuned on {split} too; each image is answered by "
            "what was tuned without its fold."
        )
    if chosen:
        lines.append(
            f"The training of {in_words(chosen)} was validated on images of {split} too, so that its scores may be "
            "too high."
        )
    return lines


def _sentence(warning: str) -> str:
    """With a full stop, and a capital unless it begins with the name of a score or a run."""
    first = warning.partition(" ")[0]
    begun = warning if first.endswith(":") else warning[:1].upper() + warning[1:]
    return begun if begun.endswith((".", "?")) else f"{begun}."
