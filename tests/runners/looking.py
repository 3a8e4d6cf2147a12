"""What the tests of `imageclef models check` share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from runners.preview.commands import models

Findings = list[dict[str, Any]]
BASE: Mapping[str, Any] = {
    "task": "caption_prediction",
    "data": {"path": "nowhere"},
    "prompt": {"text": "Describe this image."},
}


def run(tmp_path: Path, name: Path | str, *settings: str, **config: Any) -> tuple[int, Findings]:
    """Exit status and findings of `models check` on a config."""
    result = invoke(tmp_path, name, *settings, **config)
    assert result.stdout, result.exception
    return result.exit_code, json.loads(result.stdout)["findings"]


def invoke(tmp_path: Path, name: Path | str, *settings: str, **config: Any) -> Result:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({**BASE, "model": {"name": str(name)}, **config}), encoding="utf-8")
    words = [word for setting in settings for word in ("--set", setting)]
    return CliRunner().invoke(models, ["check", str(file), "--json", *words])


def of(findings: Findings, topic: str) -> dict[str, Any]:
    """The last finding of a topic."""
    found = [finding for finding in findings if finding["topic"] == topic]
    assert found, f"no {topic} among {[f['topic'] for f in findings]}"
    return found[-1]


def problems(findings: Findings) -> list[str]:
    return [f"{f['topic']}: {f['text']} {f['mend']}" for f in findings if f["level"] == "problem"]
