"""The config of a finished run as a file that `imageclef run` takes: every value said, so that no default can move it.

    config_text(record["config"], record)
    # task: concept_detection
    # edition: 2026
    # data:
    #   path: sample
    #   split: test
    # ...

A hub's model or adapter is pinned to the revision that answered, and a prompt's file is told whole. The members of an
ensemble get a file each.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from runners import record as records
from tasks.nouns import InputError, Task

CONFIG, MEMBERS = "config.yaml", "members"


def config_files(folder: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """Name -> text: the config of the run in `folder`, and those of the members that it ran."""
    config = dict(record["config"])
    files: dict[str, str] = {}
    members = []
    for member in config.get("ensemble.members") or ():
        if member["config"] is None:
            members.append(member)
            continue
        title = member["name"] or Path(member["config"]).stem
        files[f"{MEMBERS}/{title}.yaml"] = _member_text(folder, record, title)
        members.append({**member, "name": title, "config": f"{MEMBERS}/{title}.yaml"})
    if members:
        config["ensemble.members"] = members
    return {CONFIG: config_text(config, record), **files}


def config_text(config: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """YAML of a flat config (dotted key -> value), pinned to the revisions that `record` names, if any."""
    tree: dict[str, Any] = {}
    for key, value in _pinned(config, record).items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    if retrieval := tree.get("retrieval"):
        # Of no effect here, and a config that says something without effect is refused.
        if Task.of(tree["task"]) is Task.CONCEPTS:
            retrieval.pop("texts", None)
        if retrieval.get("weighting") != "similarity":
            retrieval.pop("temperature", None)
    text = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.width = 120
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml.dump(tree, text)
    return text.getvalue()


def _member_text(folder: Path, record: Mapping[str, Any], title: str) -> str:
    """The config of a member's run, which lies beside the ensemble's."""
    identity = str(record["system"]["members"][title])
    place = folder.parent / f"{title}-{identity.rsplit(maxsplit=1)[-1][:8]}"
    member = records.read_record(place)
    if member is None:
        raise InputError(
            f"{folder}: the ensemble's member {title} was run in {place}, which is gone, and its config with it: "
            "restore that folder, or run the ensemble's config again"
        )
    return config_text(member["config"], member)


def _pinned(config: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    pinned = dict(config)
    if config.get("prompt.file") is not None and "prompt" in record:
        pinned |= {"prompt.file": None, "prompt.text": record["prompt"]}
    if "base" in record and (revision := _revision(record["base"]["identity"])):
        pinned["model.revision"] = revision
    if (adapters := config.get("adapters")) and "adapters" in record:
        found = zip(adapters, record["adapters"], strict=True)
        pinned["adapters"] = [{**a, "revision": _revision(f["identity"]) or a["revision"]} for a, f in found]
    return pinned


def _revision(identity: str) -> str:
    """The commit in `hub:<owner>/<name>@<commit>`, whatever subfolder follows; empty for other identities."""
    return identity.partition("@")[2].partition("/")[0] if identity.startswith("hub:") else ""
