"""The sample model behind a server, and the verb as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from runners.config_files import load
from runners.serving import commands
from runners.serving.app import make_app
from runners.serving.limits import Limits
from runners.serving.service import Question, Service
from tasks.nouns import InputError, Task
from tasks.sample.release import image_bytes, record_of, write_release

ROOT = Path(__file__).parents[2]
COMMAND = "from runners.serving.commands import serve; serve()"
PLAIN = "quantization=none generation.max_new_tokens=40"


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that names the sample's concepts."""
    root = tmp_path_factory.mktemp("names")
    write_release(root, {"test": 1})
    return root / "dev_concept" / "cui_mapping.csv"


@cache
def sample(task: str, *settings: str) -> Service:
    return Service.load(load(ROOT / "configs" / task / "sample.yaml", ["quantization=none", *settings]).config)


def test_twenty_at_once_get_the_answers_they_get_alone() -> None:
    service = sample("caption_prediction")
    images = [image_bytes("test", k) for k in range(20)]
    alone = [service.answer([Question(image, service.prompt({}))])[0].prediction.value for image in images]
    with TestClient(make_app(service, Limits())) as client, ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda image: client.post("/predict", files={"image": image}), images))
        health = client.get("/health").json()
    assert [s.status_code for s in said] == [200] * 20
    assert [s.json()["value"] for s in said] == alone
    assert len(set(alone)) > 10
    assert health["batches"]["images"] == 20
    assert health["batches"]["largest"] > 1 and health["batches"]["count"] < 20
    assert said[0].json()["model"]["identity"].startswith("sha256:")
    assert said[0].json()["model"]["adapters"] == ["sample/caption_prediction"]


def test_concepts_come_with_their_names(vocabulary: Path) -> None:
    service = sample("concept_detection", f"data.vocabulary=[{vocabulary}]", "data.path=nowhere")
    with TestClient(make_app(service, Limits())) as client:
        found = client.post("/predict", files={"image": image_bytes("test", 0)}).json()["value"]
    assert {concept["cui"] for concept in found} == set(record_of("test", 0).scene.cuis)
    assert all(concept["name"] and not concept["name"].startswith("C0") for concept in found)


def test_a_report_comes_in_its_parts() -> None:
    chest = next(k for k in range(60) if record_of("test", k).report)
    with TestClient(make_app(sample("report_generation"), Limits())) as client:
        said = client.post("/predict", files={"image": image_bytes("test", chest)}).json()
    assert said["task"] == Task.REPORTS
    assert said["value"]["findings"] and said["value"]["impression"] and "labels" in said["value"]


def test_task_1_without_a_vocabulary_is_refused_before_loading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.vocabulary"):
        sample("concept_detection", f"data.vocabulary=[{tmp_path / 'none.csv'}]")


@contextmanager
def server(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves the sample's captions, and its address."""
    config = str(ROOT / "configs" / "caption_prediction" / "sample.yaml")
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, config, "--set", PLAIN, "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise AssertionError("".join(lines))
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def _get(url: str) -> Any:
    for _ in range(600):
        try:
            return httpx.get(url, timeout=60)
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError(f"{url} never answered")


def test_a_real_server_answers_refuses_and_ends_when_all_is_answered() -> None:
    with server("--max-upload", "1") as (process, url):
        health = _get(f"{url}/health").json()
        assert health["status"] == "ok" and health["limits"]["upload_bytes"] == 2**20
        assert "<title>" in _get(url).text
        said = httpx.post(f"{url}/predict", files={"image": image_bytes("test", 1)}, timeout=120).json()
        assert len(said["value"]) > 10

        large = httpx.post(f"{url}/predict", files={"image": bytes(20 * 2**20)}, timeout=120)
        assert large.status_code == 413, "a refusal is read even by a client that is still sending"

        odd = httpx.post(f"{url}/predict", files={"image": b"\0" * 128 + b"DICM" + b"\xff" * 99}, timeout=120)
        assert odd.status_code == 422

        # More than one batch is under way when the end is asked for; all of it is answered.
        with ThreadPoolExecutor(12) as pool:
            sent = [
                pool.submit(httpx.post, f"{url}/predict", files={"image": image_bytes("test", k)}, timeout=120)
                for k in range(12)
            ]

            def arrived() -> int:
                # In this order none is counted twice; on a busy machine some are answered before the last is sent.
                answered = sum(f.done() for f in sent)
                return answered + int(_get(f"{url}/health").json()["queue"]["inside"])

            while arrived() < 12:
                pass
            process.send_signal(signal.SIGTERM)
            assert [f.result().status_code for f in sent] == [200] * 12
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0
        assert (stdout, stderr) == ("", "ended\n"), "nothing of a request is logged"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health")


def test_ctrl_c_ends_it_too() -> None:
    with server() as (process, url):
        _get(f"{url}/health")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0 and "Traceback" not in stderr


def _refusal(*arguments: str) -> str:
    result = CliRunner().invoke(commands.serve, list(arguments))
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


CONFIG = str(ROOT / "configs" / "caption_prediction" / "sample.yaml")


def test_a_taken_port_a_strange_host_and_a_missing_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port}" in _refusal(CONFIG, "--port", str(port))
    assert "an address of this machine" in _refusal(CONFIG, "--host", "no such host")
    monkeypatch.setitem(commands._NEEDED, "no_such_module", "no-such-package")
    assert "pip install starlette uvicorn python-multipart" in _refusal(CONFIG)


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)])
def test_an_open_address_is_warned_of(host: str, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    service = sample("caption_prediction")
    monkeypatch.setattr(Service, "load", lambda config: service)
    result = CliRunner().invoke(commands.serve, [CONFIG, "--host", host, "--port", "0"], catch_exceptions=False)
    assert result.exit_code == 0
    assert ("there is no authentication" in result.output) is warned
    assert "not for clinical use" in result.output
