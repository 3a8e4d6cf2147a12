"""Reading a run's journal: `predictions.<rank>.jsonl` in its folder, every prediction one JSON line.

A process that dies leaves at most one torn last line, which reading drops. The runners write it (runners/journal.py):

    {"image_id": "..._test_0", "status": "ok", "value": ["C0040405"], "text": "CT", "seconds": 0.2, ...}
"""

from __future__ import annotations

import json
from pathlib import Path

from tasks.nouns import InputError, Prediction


def read_journal(folder: Path) -> dict[str, Prediction]:
    """All predictions in `folder`, by image id; a later line of an image replaces an earlier one, but a failure no
    answer: when two processes try an image and one fails, it is answered.

    Raises InputError for a damaged line that is not the last one of its file.
    """
    found: dict[str, Prediction] = {}
    for path in sorted(folder.glob("predictions.*.jsonl")):
        for number, line in enumerate(whole_lines(path), start=1):
            try:
                prediction = Prediction.from_json(json.loads(line.decode("utf-8")))
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"{path}:{number}: not a prediction; delete this line and its image is computed again"
                ) from None
            if prediction.status == "ok" or found.get(prediction.image_id, prediction).status == "failed":
                found[prediction.image_id] = prediction
    return found


def whole_lines(path: Path) -> list[bytes]:
    """The lines that end in a newline; what follows the last newline was torn by a crash."""
    return path.read_bytes().split(b"\n")[:-1]
