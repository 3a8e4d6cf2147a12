"""What a run was made of and made on, against what is here now.

    surroundings(record)        # packages, code, processor, accelerators: what may change an output in the last digits
    material(original, plan)    # data, images, weights, prompt, settings: what makes it the same run or another one

A check is `same`, `differs` or `unknown`. Of what differs, what makes it another run stops a reproduction; the rest is
warned of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runners.config import RunConfig
from runners.plan import Plan
from runners.provenance import git_state, hardware, versions
from runners.reproduction.images import hash_images
from runners.reproduction.original import Original
from runners.systems.plan import SystemPlan
from tasks.files import hash_file
from tasks.problems import counted

Verdict = Literal["same", "differs", "unknown"]
NAMES = {
    "model": "base model",
    "images": "image ids",
    "prompts": "prompts, filled in",
    "learn": "learned from",
    "tune": "tuned on",
}
"""Keys of the fingerprint in words; others are called as they are."""
CONDITIONAL = {"prompts", "generation.schema", "data.views", "learn.path"}
"""Keys that a fingerprint has only where they say something; any other that is new or gone is of another version."""
MACHINE = {"image_backend", "learn.path"}
"""Keys that may differ from machine to machine: where data lies, and who makes the pixels."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that an output hangs on."""

    what: str
    verdict: Verdict
    then: str
    now: str
    blocks: bool = False
    """It differs, and so this would be another run."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def surroundings(record: Mapping[str, Any]) -> list[Check]:
    """Versions, code and hardware of all sessions of the run, and those here."""
    installed = versions()
    recorded = {key for session in record["sessions"] for key in session.get("versions", ())}
    packages = [_said(name, _of_sessions(record, "versions", name), installed.get(name)) for name in sorted(recorded)]
    same = sum(check.verdict == "same" for check in packages)
    checks = [Check("packages", "same", *2 * (f"{same} versions",))] if same else []
    checks += [check for check in packages if check.verdict != "same"]
    git = git_state()
    checks.append(_said("commit of the code", _of_sessions(record, "git", "commit"), git["commit"]))
    then, now = True in _of_sessions(record, "git", "dirty"), git["dirty"] is True
    if then or now:
        words = {True: "changed since that commit", False: "as committed"}
        verdict: Verdict = "unknown" if then else "differs"
        checks.append(Check("changes of the code", verdict, words[then], words[now]))
    here = hardware()
    checks.append(_said("processor", _of_sessions(record, "hardware", "cpu"), here["cpu"]))
    cards = [_cards(session.get("hardware", {})) for session in record["sessions"]]
    checks.append(_said("accelerators", list(dict.fromkeys(cards)), _cards(here)))
    return checks


def material(original: Original, plan: Plan) -> list[Check]:
    """The run's own files, data, images, weights and settings."""
    record = original.record
    submission = original.folder / str(record["submission"]["file"])
    now = hash_file(submission) if submission.is_file() else "missing"
    checks = [_said("its submission", [record["submission"]["sha256"]], now)]
    checks += _label_files(record["data"]["files"], plan)
    kept = record["data"].get("image_bytes")
    if kept is None:
        checks.append(Check("images", "unknown", "not recorded", f"{len(plan.examples)} known by their ids alone"))
    else:
        checks.append(_said("images", [kept], hash_images(plan.examples), blocks=True))
    return checks + _inputs(record["fingerprint"]["inputs"], plan) + _beyond(plan)


def refused(checks: Sequence[Check]) -> list[Check]:
    """Those for which this would be another run."""
    return [check for check in checks if check.blocks]


def as_it_ran(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Check]:
    """Of two finished runs, how each was computed: known only once a model was loaded."""
    keys = ("device", "dtype", "threads", "attention", "quantized_modules", "image_processor", "merged")
    before, after = then["model"], now["model"]
    pairs = {key: (before.get(key), after.get(key)) for key in keys} | {
        "batch size": (then["batch_size"], now["batch_size"])
    }
    return [_said(key, [a], b) for key, (a, b) in pairs.items() if a is not None or b is not None]


def _label_files(recorded: Mapping[str, str], plan: Plan) -> list[Check]:
    root = plan.dataset.root
    now = {str(p.relative_to(root) if p.is_relative_to(root) else p): p for p in plan.dataset.label_files}
    found = [
        _said(f"data: {name}", [sha256], hash_file(now[name]) if name in now else "missing")
        for name, sha256 in recorded.items()
    ]
    same = sum(check.verdict == "same" for check in found)
    whole = [Check("data", "same", *2 * (counted(same, "label file"),))] if same else []
    return whole + [check for check in found if check.verdict != "same"]


def _inputs(then: Mapping[str, Any], plan: Plan) -> list[Check]:
    """The keys of the fingerprint: what leads to the answers, then the settings."""
    led_to = ("model", "adapters", "encoders", "members", "prompt", "prompts", "images", "learn", "tune", "vocabulary")
    now, absent = plan.inputs, "(none)"
    checks, settings = [], 0
    only_then = {key: then[key] for key in then if key not in now and key not in CONDITIONAL}
    only_now = {key: now[key] for key in now if key not in then and key not in CONDITIONAL}
    keys = {*then, *now} - {*only_then, *only_now}
    for key in [key for key in dict.fromkeys([*led_to, *then, *now]) if key in keys]:
        same = then.get(key, absent) == now.get(key, absent)
        if same and key not in led_to:
            settings += 1
            continue
        before, here = (_words(of.get(key, absent)) for of in (then, now))
        blocks = not same and key not in MACHINE
        checks.append(Check(NAMES.get(key, key), "same" if same else "differs", before, here, blocks))
    checks.append(Check("settings", "same", *2 * (f"{settings} values",)))
    if only_then or only_now:
        checks.append(Check("settings of another version", "differs", _words(only_then), _words(only_now)))
    return checks


def _beyond(plan: Plan) -> list[Check]:
    """What no file tells."""
    if isinstance(plan.config, RunConfig):
        if plan.config.model.served is None:
            return []
        return [Check("served model", "unknown", plan.config.model.name, "a server has it: it cannot be looked into")]
    members = plan.members if isinstance(plan, SystemPlan) else ()
    if members and not any(member.member.config for member in members):
        return []
    return [Check("embeddings", "unknown", "not recorded", "from embeddings/ where they are there")]


def _said(what: str, then: Sequence[Any], now: Any, *, blocks: bool = False) -> Check:
    """`then` may hold several values, of several sessions."""
    known = [str(value) for value in then if value is not None]
    before = " and ".join(known) or "not recorded"
    if not known or now is None:
        return Check(what, "unknown", before, "unknown" if now is None else str(now))
    same = known == [str(now)]
    return Check(what, "same" if same else "differs", before, str(now), blocks and not same)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value)) or "none"
    return "null" if value is None else str(value)


def _of_sessions(record: Mapping[str, Any], section: str, key: str) -> list[Any]:
    """The values of all sessions, each once."""
    return list(dict.fromkeys(session.get(section, {}).get(key) for session in record["sessions"]))


def _cards(found: Mapping[str, Any]) -> str:
    return ", ".join(str(card["name"]) for card in found.get("accelerators", ())) or "none"
