"""A gallery to pass on: without images, and without what others wrote.

Whether a data set's texts may be published is for its licence to say, which differs from one to the next; so references
and what they name are left out of every such page. Of data under an agreement (`tasks.restricted`) answers are left
out too, as they are made from it, and ids, which may be patients': numbers alone are left.

for_sharing(data, restricted="")["cards"][0]        # {"id": "..._valid_0", "image": None, "reference": None, ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EMPTY: Mapping[str, Any] = {"image": None, "views": [], "reference": None, "concepts": []}
"""What no card has."""
NUMBERED: Mapping[str, Any] = {"modality": None, "length": 0}
"""What no card of restricted data has."""
SHARED = "This page is for sharing: it holds no images and no references."
REPEATED = "What a system answers may repeat texts that it learned from."
RESTRICTED = "Made from {}: answers and ids are left out too, and images are numbered."


def for_sharing(data: Mapping[str, Any], *, restricted: str) -> dict[str, Any]:
    """The object of `page_data` as it may be passed on; `restricted` says why its texts may not, or is empty.

    Reasons of failures are left out: they may hold paths of this machine. Notes on restricted data may hold ids.
    """
    cards = []
    for n, card in enumerate(data["cards"], start=1):
        bare = {**card, **EMPTY, "answers": [_bare(own, restricted=bool(restricted)) for own in card["answers"]]}
        cards.append({**bare, **NUMBERED, "id": str(n)} if restricted else bare)
    said = {cui for card in cards for answer in card["answers"] for cui in answer["concepts"]}
    return {
        **data,
        "shared": True,
        "notes": [SHARED, RESTRICTED.format(restricted)] if restricted else [SHARED, REPEATED, *data["notes"]],
        "unsought": [],
        "names": {cui: name for cui, name in data["names"].items() if cui in said},
        "cards": cards,
    }


def _bare(answer: Mapping[str, Any], *, restricted: bool) -> dict[str, Any]:
    own = {**answer, "failed": "failed" if answer["failed"] else ""}
    return {**own, "value": None, "concepts": []} if restricted else own
