"""The README of a frozen run: what it is, what is needed, and the commands that reproduce it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from ruamel.yaml import YAML

from runners.reproduction.configs import CONFIG
from runners.reproduction.original import Original

_FILES = (
    "learn.path",
    "data.vocabulary",
    "prompt.hints",
    "prompt.neighbours.data",
    "prompt.neighbours.embeddings",
    "prompt.neighbours.asked",
    "generation.json_schema",
)
"""Keys that name files beside the data."""


def readme_of(original: Original) -> str:
    """Markdown."""
    record, name = original.record, original.name
    archive = quote(f"{name}.zip")
    data, sessions = record["data"], record["sessions"] or [{}]
    git = sessions[-1].get("git", {})
    commit = git.get("commit")
    lines = [
        f"# {name}",
        "",
        f"A run of imageclef-harness: {original.task.value}, edition {record['edition']}, split {data['split']}, "
        f"{data['n']} images; finished {record['finished']}.",
        "Research software: no output is for clinical use.",
        "",
        "## Reproduce it",
        "",
        f"    git checkout {commit or 'COMMIT'}    # in a clone of the harness",
        f"    unzip {archive} && python -m pip install -c {quote(f'{name}/constraints.txt')} torch -e .",
        f"    imageclef reproduce {archive}{'' if data['path'] == 'sample' else ' --data path/to/data'}",
        "",
        "It checks what is needed, runs all again into a folder of its own, and compares predictions and scores.",
        f"On several accelerators: `imageclef run {quote(f'{name}/config.yaml')}` takes the same config.",
        "",
        *([] if commit else ["Which commit it was is not known.", ""]),
        *(["The code had changes that no commit holds.", ""] if git.get("dirty") else []),
        "## What it needs and this archive does not hold",
        "",
        *_needs(original),
        "",
        "No references either: `predictions.csv` stays with the data. `manifest.json` has the hash of each file here.",
    ]
    return "\n".join(lines) + "\n"


def _needs(original: Original) -> Iterator[str]:
    record = original.record
    data = record["data"]
    yield f"- the data set, in the layout {data.get('layout', 'unknown')}; it lay in `{data['path']}`"
    for key in _FILES:
        if named := record["config"].get(key):
            yield f"- what `{key}` names: `{named if isinstance(named, str) else ', '.join(named)}` (`--set {key}=...`)"
    if "base" in record:
        yield f"- the base model `{record['base']['name']}`, {record['base']['identity']} (`--set model.name=...`)"
    for adapter in record.get("adapters", ()):
        yield (
            f"- the adapter `{adapter['path']}`, {adapter['identity']}, times {adapter['weight']} "
            "(`--set 'adapters=[{path: ...}]'`)"
        )
    for encoder in record.get("system", {}).get("encoders", ()):
        yield f"- the encoder `{encoder}` (where it was, or all of config.yaml's list in `--set 'encoders=[...]'`)"
    yield from dict.fromkeys(_of_members(original.configs))
    for member in record["config"].get("ensemble.members") or ():
        if member["config"] is None:
            yield f"- the answers of `{member['name'] or member['asked']}`: `{member['tune']}`, `{member['asked']}`"


def _of_members(configs: Mapping[str, str]) -> Iterator[str]:
    """What the configs of an ensemble's members name, which no --set reaches."""
    for name, text in configs.items():
        if name != CONFIG:
            config = YAML(typ="safe").load(text)
            for encoder in config.get("encoders") or ():
                yield f"- the encoder `{encoder['name']}` of members; a file must lie there, seen from where you are"
