"""The verb `paper` called as a user calls it, and what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from evaluation.paper.commands import paper
from tests.evaluation.paper.small_runs import CAPTIONS, NASTY, make_run


def write(out: Path, *runs: Path, more: tuple[str, ...] = ()) -> Result:
    result = CliRunner().invoke(paper, [*map(str, runs), "--out", str(out), *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def record(run: Path, **changes: Any) -> None:
    before = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(before | changes), encoding="utf-8")


def captions(tmp_path: Path, data: Path) -> tuple[Path, Path]:
    bare: dict[str, Any] = {"adapters": [], "model": {"model_type": "blip", "quantization": "none"}}
    return make_run(tmp_path / "base", data, CAPTIONS[1:] + CAPTIONS[:1], **bare), make_run(
        tmp_path / "a_b", data, NASTY
    )
