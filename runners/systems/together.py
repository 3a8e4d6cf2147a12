"""An ensemble's answers: its members are run, each in a folder of its own, and their probabilities combined."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from runners.ensemble.members import Members, aligned, read_member
from runners.ensemble.tune import Fitter, decide_ensemble, fuse, tune_ensemble
from runners.systems.answers import Answers, corrected, groups_for, probability_file
from runners.systems.held_out import Rows, answers_held_out
from runners.systems.plan import MemberPlan, Side, SystemPlan
from tasks.nouns import InputError
from tasks.probabilities import Probabilities, write_probabilities


def answers_together(plan: SystemPlan, folder: Path, console: Console) -> Answers:
    """Run the members that are not finished, combine and decide."""
    ensemble, decision, seed = plan.config.ensemble, plan.config.decision, plan.config.seed
    assert ensemble is not None
    tuning = _common({m.member.title: _read(plan, m, "tune", folder, console) for m in plan.members})
    tuning = {name: corrected(plan, p) for name, p in tuning.items()}
    first, truths = next(iter(tuning.values())), plan.tune.concepts
    groups = groups_for(plan, first)
    tuned = tune_ensemble(tuning, truths, ensemble, decision, groups=groups, seed=seed)
    write_probabilities(probability_file(folder, plan.tune.split), fuse(tuning, tuned.fitted))
    if plan.validates:
        fitter = Fitter(aligned(tuning), truths, ensemble, decision)

        def answer(learned: Rows, asked: Rows) -> list[tuple[str, ...]]:
            fitted = fitter.fit(learned, [groups[row] for row in learned], seed)[1]
            ids = [first.ids[row] for row in asked]
            return decide_ensemble({name: p.rows(ids) for name, p in tuning.items()}, fitted)

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
    split = plan.tune.split if role == "tune" else plan.config.data.split
    path = side.path
    if side.plan is not None:
        from runners.run import execute

        path = folder.parent / side.path
        console.print(f"member {member.member.title}: {path}", highlight=False, markup=False, soft_wrap=True)
        execute(side.plan, path, console)
    return read_member(path, split=split, edition=plan.edition)


def _common(members: Members, wanted: list[str] | None = None) -> dict[str, Probabilities]:
    """The images that every member answered, in the order wanted."""
    ids = wanted or list(next(iter(members.values())).ids)
    everywhere = set(ids).intersection(*(p.ids for p in members.values()))
    common = [image_id for image_id in ids if image_id in everywhere]
    if not common:
        raise InputError(f"the members {', '.join(members)} have no image in common: run each over the same splits")
    return {name: p.rows(common) for name, p in members.items()}
