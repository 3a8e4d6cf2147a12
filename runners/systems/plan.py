"""The plan of a system's run: what it learns from, is tuned on and answers, found and hashed before an image is opened.

An ensemble's plan holds those of its members: each is a run of its own, over the same images.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.config_files import Loaded, flatten
from runners.decisions.folds import fold_of
from runners.ensemble.config import Member
from runners.plan import Plan, examples_of, hash_examples
from runners.systems.config import SystemConfig
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet, open_dataset
from tasks.datasets.dataset import ALIASES
from tasks.datasets.groups import groups_of_data
from tasks.editions import load_edition
from tasks.files import hash_file
from tasks.nouns import CUI, Example, InputError, Task, Value
from tasks.restricted import restriction_of

if TYPE_CHECKING:
    from rich.console import Console

    from runners.sharing import Place

_NO_EFFECT = ("data.", "learn.", "encoders", "ensemble.members", "max_failures", "fallback", "metrics")
"""Keys that change no prediction by themselves: what they lead to is hashed instead."""


@dataclass(frozen=True)
class Labelled:
    """The images of a split whose answers are known."""

    dataset: DataSet
    split: str
    examples: Sequence[Example]
    """In the official order, each with a reference."""

    @property
    def references(self) -> dict[str, Value]:
        """Image id -> what is true."""
        return {e.image_id: e.reference for e in self.examples if e.reference is not None}

    @property
    def concepts(self) -> dict[str, tuple[str, ...]]:
        """Image id -> its concepts, in task 1."""
        return {image_id: value for image_id, value in self.references.items() if isinstance(value, tuple)}

    @cached_property
    def groups(self) -> Mapping[str, Hashable]:
        """Image id -> its article or patient, as far as the data says so."""
        return groups_of_data(self.dataset, self.examples, []).of

    def pinned(self) -> str:
        """Ids and answers."""
        return hash_examples(self.examples, answers=True)


@dataclass(frozen=True)
class Side:
    """A member's run over one split."""

    plan: Plan | None
    """None: `path` holds what it answered."""
    path: Path
    """Run folder, or file."""


@dataclass(frozen=True)
class MemberPlan:
    """A member and where its answers come from."""

    member: Member
    tune: Side
    asked: Side
    identity: str
    """What pins its answers."""

    @property
    def pinned(self) -> str:
        """Its answers, and how much they weigh."""
        return self.identity if self.member.weight == 1 else f"{self.identity} times {self.member.weight}"


@dataclass(frozen=True)
class SystemPlan(Plan):
    """A run in which a system answers from embeddings."""

    config: SystemConfig
    source: DataSet
    """Whose labelled images it learns from."""
    learn: Labelled
    tune: Labelled
    members: tuple[MemberPlan, ...] = ()
    """Of an ensemble."""

    @property
    def made_of(self) -> dict[str, Any]:
        """What it learned from, and by what."""
        return {
            "system": {
                "method": self.config.method,
                "learned from": {"split": self.learn.split, "images": len(self.learn.examples)},
                "tuned on": {"split": self.tune.split, "images": len(self.tune.examples)},
                "encoders": [encoder.name for encoder in self.config.encoders],
                "members": {m.member.title: m.identity for m in self.members},
                "groups in both": len(self.shared_groups),
            }
        }

    @property
    def shared_groups(self) -> set[Hashable]:
        """Articles or patients with images both learned from and tuned on: they make the tuning look too good."""
        return {*self.learn.groups.values()} & {*self.tune.groups.values()}

    @property
    def restricted(self) -> str:
        """As of the images asked about, of those it learns from and of its members."""
        sides = (side for member in self.members for side in (member.tune, member.asked))
        members = (side.plan.restricted if side.plan else restriction_of(side.path) for side in sides)
        return self.dataset.restricted or self.source.restricted or next(filter(None, members), "")

    @property
    def called(self) -> str:
        """The method and its encoders or members."""
        of = [encoder.name for encoder in self.config.encoders] or [m.member.title for m in self.members]
        return f"{self.config.method} ({', '.join(of)})"

    @property
    def known(self) -> frozenset[str] | None:
        """The CUIs that a submission may hold: those of the vocabulary and of the labelled images."""
        if self.vocabulary is None:
            return None
        labels = (value for side in (self.learn, self.tune) for value in side.references.values())
        return self.vocabulary.cuis | {cui for value in labels if isinstance(value, tuple) for cui in value}

    @cached_property
    def asked_groups(self) -> Mapping[str, Hashable]:
        """Article or patient of the images asked about, as far as the data says so."""
        return groups_of_data(self.dataset, self.examples, []).of

    @property
    def validates(self) -> bool:
        """Whether the images asked about are of those it is tuned on: then each is answered as if it had not been."""
        return self.examples[0].image_id in self.tune.references

    def answer(self, folder: Path, console: Console, place: Place) -> None:
        """Embed, learn, tune and answer in this process."""
        from runners.systems.session import answer_here

        answer_here(self, folder, console, place)


def make_system_plan(loaded: Loaded[SystemConfig]) -> SystemPlan:
    """Find all that the config names; InputError says what is missing and how to mend it."""
    config = loaded.config
    dataset, examples = examples_of(config)
    source = open_dataset(config.learn.path) if config.learn.path else dataset
    learn = _labelled(source, config, config.learn.split)
    tune = _labelled(source, config, config.learn.tune)
    _refuse_overlap(learn, tune, examples)
    files = [Path(name) for name in config.data.vocabulary] or list(dataset.vocabulary_files)
    if missing := [path for path in files if not path.is_file()]:
        raise InputError(f"data.vocabulary: no file {missing[0]}")
    concepts = config.task is Task.CONCEPTS
    if concepts:  # too few groups are told before hours of embedding
        groups = [tune.groups.get(e.image_id, e.image_id) for e in tune.examples]
        fold_of(groups, folds=config.decision.folds, seed=config.seed)
    members = _members(config, origin=loaded.folder)
    inputs = {
        **{key: value for key, value in flatten(config).items() if not key.startswith(_NO_EFFECT)},
        "data.split": config.data.split,
        "images": hash_examples(examples, answers=False),
        "learn": learn.pinned(),
        "learn.refit": config.learn.refit,
        "tune": tune.pinned(),
        "encoders": [_identity(encoder) for encoder in config.encoders],
        "members": {m.member.title: m.pinned for m in members},
    }
    if config.learn.path is not None:  # as `data.path`: the same ids in another folder may show something else
        inputs["learn.path"] = config.learn.path
    return SystemPlan(
        config=config,
        name=loaded.name,
        dataset=dataset,
        examples=examples,
        edition=load_edition(config.edition, config.task),
        vocabulary=Vocabulary.load(files) if files and concepts else None,
        inputs=inputs,
        source=source,
        learn=learn,
        tune=tune,
        members=members,
    )


def _identity(encoder: Any) -> str:
    from runners.embedding.encoders import identity_of

    return identity_of(encoder)


def _labelled(dataset: DataSet, config: SystemConfig, split: str) -> Labelled:
    examples = [e for e in dataset.examples(config.task, split) if e.reference is not None]
    if not examples:
        raise InputError(f"{dataset.root}: no image of the split '{split}' has a reference: name labelled splits")
    if config.task is Task.CONCEPTS:
        examples = [replace(e, reference=_cuis(e, dataset)) for e in examples]
    return Labelled(dataset, ALIASES.get(split, split), examples)


def _cuis(example: Example, dataset: DataSet) -> tuple[str, ...]:
    """The CUIs of an image in upper case, as evaluators read them; InputError for what is none."""
    given = example.reference if isinstance(example.reference, tuple) else ()
    cuis = tuple(dict.fromkeys(cui for text in given if (cui := text.strip().upper())))
    if wrong := [cui for cui in cuis if not CUI.fullmatch(cui)]:
        raise InputError(
            f"{dataset.root}: image {example.image_id}: {wrong[0]!r} is not a CUI such as C0040405: mend it"
        )
    return cuis


def _refuse_overlap(learn: Labelled, tune: Labelled, asked: Sequence[Example]) -> None:
    """InputError when images it learned from are tuned on or asked about, or some that are asked about are tuned on."""
    known = {e.image_id for e in learn.examples}
    for what, examples in (("learn.tune", tune.examples), ("data.split", asked)):
        if both := [e.image_id for e in examples if e.image_id in known]:
            raise InputError(
                f"{what}: {len(both)} of {len(examples)} images, such as {both[0]}, are in the split that is learned "
                "from: scores on them would be too good; name other splits"
            )
    tuned_on = {e.image_id for e in tune.examples}
    if 0 < (number := sum(e.image_id in tuned_on for e in asked)) < len(asked):
        other = next(e.image_id for e in asked if e.image_id not in tuned_on)
        raise InputError(
            f"data.split: {number} of {len(asked)} images are tuned on and others, such as {other}, are not: ask about "
            "a split that is apart, or about labelled images of learn.tune alone"
        )


def _members(config: SystemConfig, *, origin: Path) -> tuple[MemberPlan, ...]:
    if config.ensemble is None:
        return ()
    return tuple(_member(member, config, origin=origin) for member in config.ensemble.members)


def _member(member: Member, config: SystemConfig, *, origin: Path) -> MemberPlan:
    """A system is run once and answers both splits; a model is run over each."""
    if member.config is None:
        sides = Side(None, Path(str(member.tune))), Side(None, Path(str(member.asked)))
        if missing := [side.path for side in sides if not side.path.exists()]:
            raise InputError(f"ensemble.members: {member.title}: there is no {missing[0]}")
        return MemberPlan(member, *sides, " ".join(_content(side.path) for side in sides))
    from runners.experiments import load_experiment, plan_of

    path = origin / member.config
    same = {"data.path": config.data.path, "data.limit": config.data.limit, "edition": config.edition}
    learned = {f"learn.{key}": value for key, value in config.learn.model_dump().items()}

    def planned(split: str, **more: object) -> Plan:
        said = {**same, **more, "data.split": split}
        return plan_of(load_experiment(path, [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in said.items()]))

    own = load_experiment(path).config
    if isinstance(own, SystemConfig) and own.ensemble is not None:
        raise InputError(
            f"ensemble.members: {path} is an ensemble, tuned on the same images as this one would be: name its members"
        )
    if isinstance(own, SystemConfig):
        plan = planned(config.data.split, **learned)
        if plan.config.task is not config.task:
            raise InputError(f"ensemble.members: {path} is of {plan.config.task}, the ensemble of {config.task}")
        side = Side(plan, Path(f"{member.title}-{plan.fingerprint[:8]}"))
        return MemberPlan(member, side, side, plan.fingerprint)
    tuning, asked = planned(config.learn.tune, **{"data.limit": None}), planned(config.data.split)
    of = [Side(plan, Path(f"{member.title}-{plan.fingerprint[:8]}")) for plan in (tuning, asked)]
    return MemberPlan(member, of[0], of[1], f"{tuning.fingerprint} {asked.fingerprint}")


def _content(path: Path) -> str:
    """What pins the answers that a run folder or a file holds; InputError for a folder without."""
    files = sorted([*path.glob("probabilities.*.npz"), *path.glob("submission.csv")]) if path.is_dir() else [path]
    if not files:
        raise InputError(f"ensemble.members: {path} holds no answers yet: give a finished run's folder, or a file")
    return " ".join(hash_file(file) for file in files)
