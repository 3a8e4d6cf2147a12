"""An ensemble's answers: its members are run, each in a folder of its own, and their probabilities combined."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from runners.decisions.tune import decide
from runners.ensemble.members import Members, aligned, read_member
from runners.ensemble.tune import Fitter, decide_ensemble, fuse, tune_ensemble
from runners.systems.answers import Answers, corrected, groups_for, probability_file
from runners.systems.held_out import Rows, answers_held_out
from runners.systems.plan import MemberPlan, Side, SystemPlan
from tasks.datasets.dataset import ALIASES
from tasks.nouns import InputError
from tasks.probabilities import Probabilities, write_probabilities


def answers_together(plan: SystemPlan, folder: Path, console: Console) -> Answers:
    """Run the members that are not finished, combine and decide."""
    ensemble, decision, seed = plan.config.ensemble, plan.config.decision, plan.config.seed
    assert ensemble is not None
    tuned_on = [example.image_id for example in plan.tune.examples]
    tuning = {m.member.title: _read(plan, m, "tune", folder, console) for m in plan.members}
    lacking = [f"{name} lacks {missing}" for name, p in tuning.items() if (missing := len(set(tuned_on) - set(p.ids)))]
    tuning = _common(tuning, tuned_on)
    if lacking:
        number = len(next(iter(tuning.values())))
        line = f"tuned on {number} of {len(tuned_on)} images of {plan.tune.split} alone: {', '.join(lacking)}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    tuning = {name: corrected(plan, p) for name, p in tuning.items()}
    first, truths = next(iter(tuning.values())), plan.tune.concepts
    groups = groups_for(plan, first)
    tuned = tune_ensemble(tuning, truths, ensemble, decision, groups=groups, seed=seed)
    write_probabilities(probability_file(folder, plan.tune.split), fuse(tuning, tuned.fitted))
    if plan.validates:
        fitter = Fitter(aligned(tuning), truths, ensemble, decision)

        def answer(learned: Rows, asked: Rows) -> list[tuple[str, ...]]:
            fitted = fitter.fit(learned, [groups[row] for row in learned], seed)[1]
            fused = fuse(tuning, fitted)  # of all images, as it was tuned: ranks are those among them
            return decide(fused.rows([first.ids[row] for row in asked]), fitted.decision)

        answers = answers_held_out(groups, folds=decision.folds, seed=seed, answer=answer)
        return Answers(dict(zip(first.ids, answers, strict=True)), {}, tuned)
    wanted = [example.image_id for example in plan.examples]
    read = {m.member.title: _read(plan, m, "asked", folder, console) for m in plan.members}
    asked = {name: corrected(plan, p) for name, p in _common(read, wanted).items()}
    write_probabilities(probability_file(folder, plan.config.data.split), fuse(asked, tuned.fitted))
    failures = {
        image_id: f"the member {name} has no answer"
        for name, p in read.items()
        for image_id in set(wanted).difference(p.ids)
    }
    ids = next(iter(asked.values())).ids
    return Answers(dict(zip(ids, decide_ensemble(asked, tuned.fitted), strict=True)), failures, tuned)


def _read(plan: SystemPlan, member: MemberPlan, role: str, folder: Path, console: Console) -> Probabilities:
    side: Side = member.tune if role == "tune" else member.asked
    split = plan.tune.split if role == "tune" else ALIASES.get(plan.config.data.split, plan.config.data.split)
    path = side.path
    if side.plan is not None:
        from runners.run import execute

        path = folder.parent / side.path
        if role == "tune" or side is not member.tune:  # else it answered both at once
            console.print(f"member {member.member.title}: {path}", highlight=False, markup=False, soft_wrap=True)
            execute(side.plan, path, console)
    return read_member(path, split=split, edition=plan.edition)


def _common(members: Members, wanted: list[str]) -> dict[str, Probabilities]:
    """The images that every member answered, in the order wanted; InputError when there is none."""
    everywhere = set(wanted).intersection(*(p.ids for p in members.values()))
    common = [image_id for image_id in wanted if image_id in everywhere]
    if not common:
        held = ", ".join(f"{name} {len(set(wanted).intersection(p.ids))}" for name, p in members.items())
        raise InputError(
            f"of {len(wanted)} images, such as {wanted[0]}, the members have none in common ({held}): run each over "
            "the same splits"
        )
    return {name: p.rows(common) for name, p in members.items()}
