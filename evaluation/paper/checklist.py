"""`checklist.tex`: what someone else needs to reproduce the runs, with every value of their records.

checklist_tex(material)      # LaTeX: questions with answers, signatures of the metrics, the record of each run
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evaluation.inputs.run_folders import Run
from evaluation.paper.material import PaperMaterial
from evaluation.paper.setup import BESIDE
from evaluation.paper.text import ROOM, dense, key_values

LONGEST = 12
"""Entries of a list or a table in a record that are printed; a longer one is counted and hashed."""
_SAID_TWICE = ("config", "system", "schema", "failures", "unmapped")
"""Parts of a record that other parts repeat, or that are about single images."""


def checklist_tex(material: PaperMaterial) -> str:
    """The body of the appendix on reproducibility."""
    pairs = list(zip(material.names, material.runs, strict=True))
    parts = [f"{ROOM}\\subsection*{{What is known}}\n"]
    for k in range(0, len(pairs), BESIDE):
        some = pairs[k : k + BESIDE]
        answers = [answers_of(run) for _, run in some]
        rows = [(question, *(own[question] for own in answers)) for question in answers[0]]
        parts.append(f"{{\\footnotesize\n{key_values(rows, header=('', *(name for name, _ in some)))}}}\n")
    if material.scores:
        signatures = {n: score.signature for one in material.scores for n, score in one.scores.items()}
        rows = [(name, signature.replace("|", " | ")) for name, signature in signatures.items()]
        parts.append(f"{ROOM}\\subsection*{{Signatures of the scores}}\n")
        parts.append(f"{{\\scriptsize\n{key_values(rows, code=True)}}}\n")
    return "\n".join([*parts, *_records(pairs)])


def _records(pairs: Sequence[tuple[str, Run]]) -> Iterator[str]:
    """What all records have in common, then what each has beside that."""
    records = [dict(_flat(_left(run.record))) for _, run in pairs]
    common = {key: value for key, value in records[0].items() if all(own.get(key) == value for own in records)}
    if len(pairs) > 1:
        yield dense(common.items(), title="What the records of all runs say")
    for (name, _), own in zip(pairs, records, strict=True):
        rest = own if len(pairs) == 1 else {key: value for key, value in own.items() if key not in common}
        yield dense(rest.items(), title=f"The record of {name}")


def answers_of(run: Run) -> dict[str, str]:
    """Question -> answer; the questions are the same for every run."""
    record = run.record
    sessions = record["sessions"]
    commits = dict.fromkeys(_commit(session.get("git") or {}) for session in sessions)
    versions = dict.fromkeys(
        ", ".join(f"{name} {version}" for name, version in (session.get("versions") or {}).items())
        for session in sessions
    )
    check = record.get("check") or {}
    repeatable = record.get("model", {}).get("batch_invariant")
    files = record["data"].get("files") or {}
    return {
        "code: the commit, and was it changed?": "; ".join(commits) or "not known",
        "commands": "; ".join(dict.fromkeys(shlex.join(map(str, one.get("command", ()))) for one in sessions)),
        "random seed": str(record.get("seed")),
        "versions": "; ".join(versions),
        "data: files with hashes": f"{len(files)} label files, hashes below" if files else "none noted",
        "data: images": f"{record['data'].get('n')} of {record['data']['split']}, "
        + str(record["fingerprint"]["inputs"].get("images", "")),
        "data that may not be passed on": record["data"].get("restricted") or "none noted",
        "base model": record.get("base", {}).get("identity") or "none",
        "adapters": "; ".join(one["identity"] for one in record.get("adapters") or ()) or "none",
        "everything that changes an answer": record["fingerprint"]["sha256"],
        "answers independent of the batch": {True: "yes", False: "not promised"}.get(repeatable, "not noted"),
        "started and finished": " to ".join(
            _time(when) for when in (*(one["started"] for one in sessions[:1]), run.finished)
        ),
        "submission": (record.get("submission") or {}).get("sha256", ""),
        "accepted by the organisers' rules": "yes" if check.get("accepted") else "no",
    }


def _time(when: str) -> str:
    return when.replace("T", " ").replace("+00:00", " UTC")


def _commit(git: Mapping[str, Any]) -> str:
    state = {True: "changed since", False: "unchanged"}.get(git.get("dirty"), "not known whether changed")  # type: ignore[arg-type]
    return f"{git['commit']} ({state})" if git.get("commit") else "not run from a checkout"


def _left(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what is said twice; of the config what the fingerprint has not."""
    inputs = record["fingerprint"]["inputs"]
    more = {key: value for key, value in record["config"].items() if inputs.get(key, ...) != value}
    kept = {key: value for key, value in record.items() if key not in _SAID_TWICE}
    return {**kept, "config": more, "failures": len(record.get("failures") or ())}


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(place, value) of everything in a record; what is empty is left out."""
    if isinstance(value, dict) and len(value) > 4 * LONGEST:
        yield place, _counted(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list) and place.endswith(".command"):
        yield place, shlex.join(map(str, value))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for n, inner in enumerate(value, start=1):
            yield from _flat(inner, f"{place} {n}")
    elif isinstance(value, list):
        if value:
            yield place, ", ".join(map(str, value)) if len(value) <= LONGEST else _counted(value)
    elif value is not None and value != "":
        yield place, value if isinstance(value, str) else json.dumps(value)


def _counted(value: Any) -> str:
    digest = hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return f"{len(value)} values, sha256:{digest}"
