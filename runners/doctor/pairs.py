"""Pairs of installed versions that do not work together: the known ones, and those that packages declare themselves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from ruamel.yaml import YAML

from runners.doctor import Finding

_FILE = Path(__file__).with_name("pairs.yaml")
_OURS = "imageclef-harness"
_ASKED = (_OURS, "torch", "torchvision", "transformers", "peft", "accelerate", "bitsandbytes", "huggingface-hub")
"""Packages whose own requirements are compared with what is installed."""


def installed(name: str) -> str | None:
    """The installed version of a package, None without it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def bad_pairs() -> list[Finding]:
    """A problem for every pair that is known to be bad and every requirement that is not met; else one that is ok."""
    none = Finding("ok", "versions", "no pair of installed versions is known to be bad")
    return [*_known(), *_declared()] or [none]


def _known() -> list[Finding]:
    pairs: list[Mapping[str, str]] = YAML(typ="safe").load(_FILE.read_text(encoding="utf-8"))
    return [
        Finding(
            "problem",
            "versions",
            f"{_named(pair['first'])} beside {_named(pair['second'])} (source: {pair['source']})",
            pair["prevents"],
            pair["mend"],
        )
        for pair in pairs
        if _met(Requirement(pair["first"])) and _met(Requirement(pair["second"]))
    ]


def _declared() -> list[Finding]:
    found = []
    for package in _ASKED:
        for line in _requirements(package):
            requirement = _parsed(line)
            if requirement is None or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            version = installed(requirement.name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                asked = f"{requirement.name}{requirement.specifier}"
                found.append(
                    Finding(
                        "problem",
                        "versions",
                        f"{package} {installed(package)} needs {asked}, and {version or 'none'} is installed",
                        "any model" if package != _OURS else "what this program does with it",
                        f'pip install "{asked}"',
                    )
                )
    return found


def _requirements(package: str) -> list[str]:
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []


def _parsed(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _met(requirement: Requirement) -> bool:
    version = installed(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _named(line: str) -> str:
    name = Requirement(line).name
    return f"{name} {installed(name)}"
