"""Validation images out of the training split, for data that has no valid split: whole families, drawn by the seed.

    train, valid = hold_out(examples, Side.of(examples, hashes, groups), share=0.1, seed=42)

A family is what may not be torn apart: images of one patient or article, and images whose files are equal, through any
chain of these. What is held out depends on seed, ids and families, not on the order of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from runners.training.audit import Side
from tasks.nouns import Example, InputError


def hold_out(
    examples: Sequence[Example], side: Side, *, share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Training and validation, at most `share` of the images held out; InputError when no family is that small."""
    members: dict[str, list[str]] = {}
    for image_id, family in zip(side.ids, families(side), strict=True):
        members.setdefault(family, []).append(image_id)
    wanted = min(max(1, round(share * len(examples))), len(examples) - 1)
    held: set[str] = set()
    for ids in sorted(members.values(), key=lambda ids: _draw(min(ids), seed)):
        if len(held) + len(ids) <= wanted:
            held.update(ids)
    if not held:
        raise InputError(
            f"data.hold_out: {share:g} of {len(examples)} images are {wanted}, and no patient or article (nor a set of "
            "equal images) is as small as that: raise data.hold_out, or check data.groups"
        )
    return [e for e in examples if e.image_id not in held], [e for e in examples if e.image_id in held]


def families(side: Side) -> list[str]:
    """For each image the name of its family."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = name = above[above[name]]
        return name

    for one, group in zip(side.hashes, side.groups, strict=True):
        if group is not None:
            above[top(f"image {one}")] = top(f"group {group}")
    return [top(f"image {one}") for one in side.hashes]


def _draw(image_id: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {image_id}".encode()).hexdigest()
