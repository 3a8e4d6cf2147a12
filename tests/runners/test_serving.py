"""What a server answers, together and alone: answers, batches, queue, rate, failures, clients that leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from runners.serving.app import make_app
from runners.serving.batching import Batcher
from runners.serving.limits import Limits, Rate
from runners.serving.service import Service
from tasks.nouns import InputError
from tests.runners.asking import config_for
from tests.runners.chat_server import PROBES, Ask, ChatServer, configured
from tests.runners.serving import Caller, app_of, form, grey, pieces, served
from tests.runners.standin import Standin

PATIENT = {"text": "{% if 'age' in context %}Aged {{ context.age }}. {% endif %}Describe."}


class Prompted(Standin):
    """Answers with its prompts."""

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> list[int]:
        self.prompts = list(prompts)
        return [0] * len(prompts)

    def generate(self, prepared: list[int], *, seed: int) -> list[str]:
        return self.prompts


def test_an_answer_says_what_by_whom_and_that_it_is_no_diagnosis() -> None:
    with served(Standin()) as client:
        said = client.post("/predict", files={"image": ("name.jpg", grey(40))})
    assert said.status_code == 200
    answer = said.json()
    assert answer["task"] == "caption_prediction"
    assert answer["value"] == answer["text"] == "grey 40"
    assert answer["model"]["name"] == "nowhere" and answer["model"]["quantization"] == "none"
    assert answer["seconds"] > 0
    assert "not for clinical use" in answer["disclaimer"]


def test_steps_are_applied_as_in_a_run() -> None:
    class Echoing(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            return ["USER: Describe. ASSISTANT: CT of the chest.</s>"] * len(prepared)

    with served(Echoing(), steps=["strip_echo"]) as client:
        answer = client.post("/predict", files={"image": grey(1)}).json()
    assert answer["value"] == "CT of the chest." and answer["edits"] == ["strip_echo"]
    assert answer["text"].startswith("USER:")


def test_what_waits_is_answered_together_and_each_gets_its_own_answer() -> None:
    busy, go = threading.Event(), threading.Event()

    def first_waits(levels: list[int]) -> None:
        busy.set()
        assert go.wait(60)

    standin = Standin(first_waits)
    with served(standin) as client, ThreadPoolExecutor(9) as pool:
        first = pool.submit(client.post, "/predict", files={"image": grey(0)})
        assert busy.wait(60)
        rest = [pool.submit(client.post, "/predict", files={"image": grey(n)}) for n in range(1, 9)]
        while client.get("/health").json()["queue"]["waiting"] < 8:
            pass
        go.set()
        assert [f.result().json()["value"] for f in (first, *rest)] == [f"grey {n}" for n in range(9)]
        health = client.get("/health").json()
    assert [len(batch) for batch in standin.batches] == [1, 4, 4]  # the stand-in says that four fit
    assert health["batches"] == {"count": 3, "images": 9, "largest": 4}
    assert health["queue"]["inside"] == health["queue"]["waiting"] == 0


def test_a_full_queue_refuses_and_takes_again() -> None:
    busy, go = threading.Event(), threading.Event()

    def wait(levels: list[int]) -> None:
        busy.set()
        assert go.wait(60)

    with served(Standin(wait), Limits(queue=2)) as client, ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(client.post, "/predict", files={"image": grey(n)}) for n in range(2)]
        assert busy.wait(60)
        while client.get("/health").json()["queue"]["inside"] < 2:
            pass
        refused = client.post("/predict", files={"image": grey(3)})
        go.set()
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["error"]["where"] == "queue"
        assert [f.result().json()["value"] for f in inside] == ["grey 0", "grey 1"]
        assert client.post("/predict", files={"image": grey(3)}).status_code == 200


def test_a_client_that_asks_too_often_waits() -> None:
    with served(Standin(), Limits(per_minute=2)) as client:
        codes = [client.post("/predict", files={"image": grey(n)}).status_code for n in range(3)]
        refused = client.post("/predict", files={"image": grey(3)})
        assert codes == [200, 200, 429] and refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.json()["error"]["mend"]
        assert client.get("/health").status_code == 200


def test_the_rate_is_of_one_client_and_one_minute() -> None:
    rate = Rate(2)
    assert [rate.wait("a", now=t) for t in (0.0, 10.0, 20.0, 59.0)] == [0, 0, 40, 1]
    assert rate.wait("b", now=20.0) == 0
    assert rate.wait("a", now=60.5) == 0
    assert rate.wait("a", now=61.0) == pytest.approx(9)
    for n in range(5000):
        rate.wait(str(n), now=1000.0 + n)
    assert len(rate._asked) <= 1001


def test_a_failure_is_told_with_its_reason_and_costs_nobody_else_the_answer() -> None:
    def fault(levels: list[int]) -> None:
        if 66 in levels:
            raise RuntimeError("a bad image")

    with served(Standin(fault)) as client, ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda n: client.post("/predict", files={"image": grey(n)}), [65, 66, 67, 68]))
        assert client.get("/health").status_code == 200
    assert [s.status_code for s in said] == [200, 500, 200, 200]
    assert "RuntimeError: a bad image" in said[1].json()["error"]["what"]


def test_an_answer_that_is_none_is_a_failure() -> None:
    class Mute(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            return [" "] * len(prepared)

    with served(Mute()) as client:
        said = client.post("/predict", files={"image": grey(1)})
    assert said.status_code == 500 and "the model wrote nothing" in said.json()["error"]["what"]


def test_health_tells_when_the_model_can_answer_nothing() -> None:
    def fault(levels: list[int]) -> None:
        if 13 in levels:
            raise InputError("the output is not a number")

    with served(Standin(fault)) as client:
        said = client.post("/predict", files={"image": grey(13)})
        assert said.status_code == 500 and "not a number" in said.json()["error"]["what"]
        health = client.get("/health")
        assert health.status_code == 503 and "not a number" in health.json()["reason"]
        assert client.post("/predict", files={"image": grey(14)}).status_code == 200
        assert client.get("/health").status_code == 200


def test_a_mistake_of_the_program_is_told_without_the_traceback() -> None:
    class Mistaken(Standin):
        def generate(self, prepared: list[int], *, seed: int) -> list[str]:
            return []

    with served(Mistaken()) as client:
        said = client.post("/predict", files={"image": grey(1)})
        assert said.status_code == 500 and set(said.json()["error"]) == {"what", "where", "mend"}
        assert client.get("/health").json()["queue"]["inside"] == 0


def test_context_reaches_a_prompt_that_reads_it() -> None:
    with served(Prompted(), prompt=PATIENT) as client:
        with_age = client.post("/predict", files={"image": grey(1)}, data={"age": " 61 ", "sex": ""})
        without = client.post("/predict", files={"image": grey(1)})
        assert client.get("/health").json()["context"] is True
    assert with_age.json()["text"] == "Aged 61. Describe."
    assert without.json()["text"] == "Describe."


def test_context_that_is_not_read_or_missing_is_told() -> None:
    with served(Standin()) as client:
        ignored = client.post("/predict", files={"image": grey(1)}, data={"age": "61"})
    assert ignored.status_code == 422 and "age" in ignored.json()["error"]["what"]
    with served(Standin(), prompt={"text": "Aged {{ context.age }}."}) as client:
        missing = client.post("/predict", files={"image": grey(1)})
    assert missing.status_code == 422 and missing.json()["error"]["where"] == "context"


def test_a_prompt_that_an_upload_cannot_fill_is_refused_before_the_model_is_loaded() -> None:
    config = config_for(Path("nowhere"), prompt={"text": "Hints: {{ hints }}", "hints": "hints.csv"})
    with pytest.raises(InputError, match=r"hints.*does not have"):
        Service.load(config)


def test_a_client_that_leaves_gives_up_its_place_and_breaks_no_batch() -> None:
    busy, go = threading.Event(), threading.Event()

    def wait(levels: list[int]) -> None:
        busy.set()
        assert go.wait(60)

    standin = Standin(wait)
    app = app_of(standin)

    async def scene() -> list[Any]:
        async with app.router.lifespan_context(app):
            callers = [Caller(pieces(form(grey(n)))) for n in range(4)]
            calls = [asyncio.create_task(callers[0].call(app))]
            await asyncio.to_thread(busy.wait, 60)
            calls += [asyncio.create_task(caller.call(app)) for caller in callers[1:]]
            await asyncio.sleep(0.1)
            callers[0].leave.set()  # while it is being answered
            callers[2].leave.set()  # while it waits
            await asyncio.gather(calls[0], calls[2])
            go.set()
            return list(await asyncio.gather(calls[1], calls[3]))

    answers = asyncio.run(scene())
    assert [answer["value"] for answer in answers] == ["grey 1", "grey 3"]
    assert standin.batches == [[0], [1, 3]]


def test_a_batcher_answers_in_order_and_survives_an_error() -> None:
    def answer(items: Sequence[int]) -> list[int]:
        if 7 in items:
            raise ValueError("seven")
        return [10 * item for item in items]

    async def scene() -> None:
        async with Batcher(answer, size=3) as batcher:
            futures = [batcher.submit(n) for n in range(7)]
            assert await asyncio.gather(*futures) == [0, 10, 20, 30, 40, 50, 60]
            assert (batcher.batches, batcher.largest) == (3, 3)
            with pytest.raises(ValueError, match="seven"):
                await batcher.submit(7)
            assert await batcher.submit(8) == 80

    asyncio.run(scene())


def test_a_model_that_takes_several_batches_at_once_gets_them() -> None:
    both = threading.Barrier(2, timeout=60)

    def together(levels: list[int]) -> None:
        both.wait()

    standin = Standin(together)
    standin.facts = {"concurrency": 2}
    with served(standin, batch_size=1) as client, ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda n: client.post("/predict", files={"image": grey(n)}), range(2)))
    assert [s.json()["value"] for s in said] == ["grey 0", "grey 1"]


def test_a_model_behind_another_server_is_asked_as_often_at_once_as_the_config_says() -> None:
    three = threading.Barrier(3, timeout=60)

    def together(ask: Ask) -> None:
        if ask.number >= PROBES:
            three.wait()

    with ChatServer(together) as upstream:
        service = Service.load(configured(upstream.url, concurrency=3))
        assert (service.workers, service.batch_size) == (3, 1)
        with TestClient(make_app(service, Limits())) as client, ThreadPoolExecutor(12) as pool:
            said = list(pool.map(lambda n: client.post("/predict", files={"image": grey(20 * n)}), range(12)))
        service.close()
    assert [s.json()["value"] for s in said] == [f"grey {20 * n}" for n in range(12)]
    assert said[0].json()["model"]["identity"].startswith("served:")
    assert upstream.most_in_flight == 3


def test_a_page_of_another_site_cannot_use_the_model_through_a_browser() -> None:
    standin = Standin()
    with served(standin) as client:
        codes = {
            site: client.post("/predict", files={"image": grey(1)}, headers={"sec-fetch-site": site}).status_code
            for site in ("cross-site", "same-origin")
        }
    assert codes == {"cross-site": 403, "same-origin": 200} and standin.batches == [[1]]
