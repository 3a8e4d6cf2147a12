"""A whole run over a served model: journal, order, counts, a stop and the resume after it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runners.models.served import ServedModel, client
from runners.run import execute
from tasks.nouns import InputError
from tests.runners.chat_server import PROBES, Ask, ChatServer, Cut, Fault, Raw, Status, configured
from tests.runners.standin import IDS, make_standin_plan

CONSOLE = Console(quiet=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 0.001)


def is_probe(ask: Ask) -> bool:
    """Whether loading asked it; the pictures of the data set are smaller."""
    return ask.image is not None and ask.image.width == 256


def captions(folder: Path) -> dict[str, str]:
    with (folder / "submission.csv").open(encoding="utf-8", newline="") as file:
        return {row["ID"]: row["Caption"] for row in csv.DictReader(file)}


def record(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return loaded


def test_a_run_survives_faults_stops_at_a_refused_key_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_standin_plan(tmp_path, "max_failures: 0")
    kinds: list[Fault] = [Status(500), Cut(), Raw(b'{"choi', promised=99)]
    welcome = False

    def fault(ask: Ask) -> Fault:
        if is_probe(ask):
            return None
        if ask.number == PROBES + 8 and not welcome:
            return Status(401, "the key has run out")
        return kinds[ask.number % 3] if ask.number % 4 == 3 else None

    monkeypatch.setenv("A_KEY", "sk-4711")
    with ChatServer(fault) as server:
        config = configured(server.url, key="A_KEY", concurrency=3, retries=5)
        monkeypatch.setattr("runners.models.load_model", lambda *_: ServedModel.load(config))
        with pytest.raises(InputError, match="the key has run out"):
            execute(plan, tmp_path / "run", CONSOLE)
        assert record(tmp_path / "run")["finished"] is None
        done = len((tmp_path / "run" / "predictions.0.jsonl").read_bytes().splitlines())
        welcome = True
        asked = len(server.asks)
        execute(plan, tmp_path / "run", CONSOLE)
        assert server.most_in_flight <= 3
        again = [ask for ask in server.asks[asked:] if not is_probe(ask)]
    assert captions(tmp_path / "run") == {image_id: f"grey {20 * n}" for n, image_id in enumerate(IDS)}
    assert len({ask.level for ask in again}) == len(IDS) - done
    run = record(tmp_path / "run")
    assert run["counts"] == {"ok": 12, "failed": 0, "empty": 0, "unmapped_terms": 0}
    spent = run["sessions"][-1]["spent"]
    assert spent["requests"] == 1 + PROBES + len(again)
    assert spent["retries"] == len(again) - (len(IDS) - done)
    assert "sk-4711" not in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
