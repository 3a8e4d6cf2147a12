"""Two runs over the same images, prediction by prediction: values as parsed, texts as written, ok or failed.

    found = agreement(original.journal, again, [e.image_id for e in plan.examples])
    found["equal"], found["images"], found["differing"][0]["image_id"]      # 119, 120, "..._test_7"

Seconds and times are no part of a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.nouns import Prediction

KEPT = 20
"""Differing images that are told whole, the first ones."""
_PARTS = ("status", "value", "text")


def agreement(then: Mapping[str, Prediction], now: Mapping[str, Prediction], ids: Sequence[str]) -> dict[str, Any]:
    """How many of the images `ids` have the same prediction, text, value and status, and the first that differ."""
    pairs = [(image_id, _told(then.get(image_id)), _told(now.get(image_id))) for image_id in ids]
    alike = {part: sum(a[part] == b[part] for _, a, b in pairs) for part in _PARTS}
    unlike = [(i, a, b) for i, a, b in pairs if any(a[part] != b[part] for part in _PARTS)]
    return {
        "images": len(pairs),
        "equal": len(pairs) - len(unlike),
        "equal_values": alike["value"],
        "equal_texts": alike["text"],
        "equal_status": alike["status"],
        "differing": [{"image_id": i, "original": a, "again": b} for i, a, b in unlike[:KEPT]],
    }


def _told(prediction: Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"status": "missing", "value": None, "text": "", "reason": ""}
    row = prediction.to_json()
    return {part: row[part] for part in (*_PARTS, "reason")}
