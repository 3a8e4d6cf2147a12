"""Served models against a real server on this machine: what is asked, what comes back, and the run that results."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from runners.models import Failure
from runners.models.served import ServedModel, client, identity
from tasks.nouns import InputError
from tests.runners.chat_server import PROBES, Ask, ChatServer, Cut, Fault, Other, Raw, Slow, Status, configured


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 0.001)


def grey(level: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def answer(model: ServedModel, *levels: int) -> list[str | Failure]:
    return model.generate(model.prepare([grey(level) for level in levels], ["Describe"] * len(levels)))


def once(*faults: Fault) -> Callable[[Ask], Fault]:
    """The faults, one for each request after loading, then none."""
    left = list(faults)
    return lambda ask: left.pop(0) if ask.number >= PROBES and left else None


def test_answers_come_in_order_and_are_counted() -> None:
    with ChatServer() as server:
        model = ServedModel.load(configured(server.url, price_input=2.0, price_output=10.0))
        assert answer(model, 40, 20, 60) == ["grey 40", "grey 20", "grey 60"]
        assert model.spent() == {
            "server": model.facts["url"],
            "requests": 1 + PROBES + 3,
            "retries": 0,
            "input_tokens": (PROBES + 3) * 17,
            "output_tokens": (PROBES + 3) * 3,
            "answers_without_token_counts": 0,
            "answers_cut_at_max_new_tokens": 0,
            "cost": pytest.approx(5 * (17 * 2 + 3 * 10) / 1e6),
        }
        assert len(server.asks) == PROBES + 3
    json.dumps([dict(model.facts), dict(model.spent())])
    assert model.facts["url"] == server.url
    assert model.facts["server"] == {"owned_by": "vllm", "version": "1.2.3", "models": ["grey"]}
    assert model.facts["concurrency"] == 8
    assert model.fitting((5000, 5000)) == 1
    assert model.facts["batch_invariant"] is False
    assert model.tokens([(1, 1), (9, 900)]) == [1, 1]


def test_without_prices_or_counts_no_cost_is_made_up() -> None:
    uncounted = Other({}, usage={"total_tokens": 3})
    with ChatServer(once(uncounted)) as server:
        model = ServedModel.load(configured(server.url))
        assert answer(model, 40) == ["grey 40"]
        spent = model.spent()
    assert (spent["cost"], spent["answers_without_token_counts"]) == (None, 1)
    assert spent["input_tokens"] == PROBES * 17


@pytest.mark.parametrize(
    "fault",
    [
        Status(500),
        Status(503),
        Status(429, headers={"Retry-After": "0"}),
        Status(408),
        Status(409),
        Cut(),
        Raw(b'{"choices": [{"mess', promised=400),
        Raw(b'{"choices": [{"mess'),
        Raw(b'{"choices"', chunked=True),
        Raw(b"<html>busy</html>"),
        Raw(b"[1, 2]"),
        Raw(b'{"error": {"message": "overloaded"}}'),
        Raw(b'{"choices": []}'),
        Raw(b"[" * 100_000),
        Raw(b"\xff\xfe{"),
        Other({}, finish_reason="abort"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_passing_fault_is_asked_again(fault: Fault) -> None:
    with ChatServer(once(fault, fault)) as server:
        model = ServedModel.load(configured(server.url))
        assert answer(model, 40, 60) == ["grey 40", "grey 60"]
        assert (model.spent()["retries"], len(server.asks)) == (2, PROBES + 4)


@pytest.mark.parametrize("fault", [Slow(30.0), Slow(1.2, dripping=True)], ids=["silent", "dripping"])
def test_a_hang_is_given_up_in_time_and_asked_again(fault: Fault) -> None:
    with ChatServer(once(fault)) as server:
        model = ServedModel.load(configured(server.url, timeout=0.3))
        start = time.monotonic()
        assert answer(model, 40) == ["grey 40"]
        assert time.monotonic() - start < 10.0
        assert model.spent()["retries"] >= 1


def test_a_huge_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 100_000)
    with ChatServer(once(*[Raw(b" " * 10_000_000, promised=10**10)] * 4)) as server:
        model = ServedModel.load(configured(server.url))
        [failed] = answer(model, 40)
    assert isinstance(failed, Failure)
    assert "longer than 100,000 bytes (tried 4 times)" in failed.reason


def test_what_never_heals_fails_the_image_with_the_servers_words() -> None:
    def fault(ask: Ask) -> Fault:
        return Status(500, f"out of luck with {ask.level}") if ask.level == 60 else None

    with ChatServer(fault) as server:
        model = ServedModel.load(configured(server.url))
        first, second = answer(model, 60, 80)
        assert first == Failure("server: 500 Internal Server Error: out of luck with 60 (tried 4 times)")
        assert second == "grey 80"
        assert len(server.asks) == PROBES + 4 + 1


@pytest.mark.parametrize("code", [400, 413, 418, 422, 499])
def test_a_refused_image_fails_at_once_and_alone(code: int) -> None:
    with ChatServer(once(Status(code, "too many pixels"))) as server:
        model = ServedModel.load(configured(server.url))
        failed, good = answer(model, 60, 80)
        assert len(server.asks) == PROBES + 2
    assert isinstance(failed, Failure)
    assert f"{code} " in failed.reason
    assert "too many pixels" in failed.reason
    assert ("model.max_pixels" in failed.reason) == (code == 413)
    assert good == "grey 80"


@pytest.mark.parametrize("code", [401, 402, 403, 404, 405])
def test_what_holds_for_every_image_stops_the_run(code: int) -> None:
    with ChatServer(once(Status(code, "no way"))) as server:
        model = ServedModel.load(configured(server.url))
        with pytest.raises(InputError, match="no way"):
            answer(model, 60)
        assert len(server.asks) == PROBES + 1
        with pytest.raises(InputError, match="no way"):
            answer(model, 80)
        assert len(server.asks) == PROBES + 1


def test_a_stop_ends_the_pauses_of_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 30.0)
    paused = threading.Event()

    def fault(ask: Ask) -> Fault:
        if ask.level == 60:
            paused.set()
            return Status(500)
        return Status(401) if ask.level == 80 else None

    with ChatServer(fault) as server, ThreadPoolExecutor() as pool:
        model = ServedModel.load(configured(server.url))
        waiting = pool.submit(answer, model, 60)
        assert paused.wait(5)
        with pytest.raises(InputError, match="401 Unauthorized"):
            answer(model, 80)
        with pytest.raises(InputError, match="401 Unauthorized"):
            waiting.result(timeout=5)


def test_closing_ends_pauses_and_asks_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 30.0)
    paused = threading.Event()

    def fault(ask: Ask) -> Fault:
        if ask.level == 60:
            paused.set()
            return Status(500)
        return None

    with ChatServer(fault) as server, ThreadPoolExecutor() as pool:
        model = ServedModel.load(configured(server.url))
        waiting = pool.submit(answer, model, 60)
        assert paused.wait(5)
        model.close()
        with pytest.raises(InputError, match="closed"):
            waiting.result(timeout=5)
        with pytest.raises(InputError, match="closed"):
            answer(model, 80)
        assert len(server.asks) == PROBES + 1


def test_a_server_that_goes_away_stops_the_run() -> None:
    with ChatServer() as server:
        model = ServedModel.load(configured(server.url, retries=1))
    with pytest.raises(InputError, match="no server answers there"):
        answer(model, 60)


def test_each_pause_is_longer_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 0.1)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.3)
    with ChatServer(once(*[Status(500)] * 4)) as server:
        model = ServedModel.load(configured(server.url, retries=4))
        assert answer(model, 60) == ["grey 60"]
        times = [ask.at for ask in server.asks[PROBES:]]
    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.15, 0.15), strict=True))
    assert sum(pauses) < 5.0


def test_retry_after_is_kept_by_every_thread() -> None:
    with ChatServer(once(Status(429, headers={"Retry-After": "0.5"}))) as server, ThreadPoolExecutor() as pool:
        model = ServedModel.load(configured(server.url))
        start = time.monotonic()
        first = pool.submit(answer, model, 60)
        time.sleep(0.2)
        second = pool.submit(answer, model, 80)
        assert first.result() + second.result() == ["grey 60", "grey 80"]
        assert all(ask.at - start >= 0.5 for ask in server.asks[PROBES + 1 :])


def test_retry_after_may_be_a_date_and_beyond_patience_ends_the_run() -> None:
    date = {"Retry-After": "Thu, 31 Dec 2099 23:59:59 GMT"}
    with ChatServer(once(Status(503, headers=date))) as server:
        model = ServedModel.load(configured(server.url))
        with pytest.raises(InputError, match="go on later, with the same command"):
            answer(model, 60)
    past = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    with ChatServer(once(Status(503, headers=past), Status(503, headers={"Retry-After": "soon"}))) as server:
        assert answer(ServedModel.load(configured(server.url)), 60) == ["grey 60"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Other({}, finish_reason="length"), "grey 60"),
        (Other({"content": "x"}, finish_reason="content_filter"), "the server's content filter withheld the answer"),
        (Other({"content": None, "refusal": "I must not"}), "the model refuses to answer: I must not"),
        (Other({"content": None}), ""),
        (Other({"content": ""}, finish_reason=None), ""),
        (Other({"content": "  a b \n"}), "a b"),
        (Other({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": " b"}]}), "a b"),
        (Other({"content": "half \ud83d pair"}), "half ? pair"),
    ],
    ids=lambda value: str(getattr(value, "message", "")),
)
def test_each_way_to_finish_is_told_apart(other: Other, expected: str) -> None:
    with ChatServer(once(other)) as server:
        model = ServedModel.load(configured(server.url))
        [found] = answer(model, 60)
        assert len(server.asks) == PROBES + 1
    assert (found.reason if isinstance(found, Failure) else found) == expected
    assert model.spent()["answers_cut_at_max_new_tokens"] == (other.finish_reason == "length")


def test_the_server_sees_the_very_pixels_and_no_more_than_allowed() -> None:
    picture = Image.effect_noise((300, 200), 60).convert("RGB")
    with ChatServer() as server:
        model = ServedModel.load(configured(server.url))
        model.generate(model.prepare([picture], ["What?"]))
        seen = server.asks[-1].image
        assert seen is not None
        assert seen.tobytes() == picture.tobytes()
        kinds = [part["type"] for part in server.asks[-1].body["messages"][0]["content"]]
        assert kinds == ["image_url", "text"]
        for size, limit in [((300, 200), 5000), ((3000, 1), 10), ((1, 900), 7), ((40, 40), 1600)]:
            small = ServedModel.load(configured(server.url, top={"model": {"max_pixels": limit}}))
            small.generate(small.prepare([grey(9, size)], ["What?"]))
            seen = server.asks[-1].image
            assert seen is not None
            assert seen.width * seen.height <= limit
    assert seen.size == (40, 40)


def test_a_prompt_in_a_models_own_form_is_refused() -> None:
    with ChatServer() as server:
        model = ServedModel.load(configured(server.url))
        with pytest.raises(InputError, match="image token <image>"):
            model.prepare([grey(1)], ["USER: <image>\nWhat?\nASSISTANT:"])


def test_threads_share_the_model_the_rate_and_the_order() -> None:
    def fault(ask: Ask) -> Fault:
        return Slow(0.15) if ask.level in (10, 50) else None

    with ChatServer(fault) as server, ThreadPoolExecutor(4) as pool:
        model = ServedModel.load(configured(server.url, concurrency=4))
        levels = [10, 20, 30, 40, 50, 60, 70, 80]
        assert list(pool.map(lambda level: answer(model, level), levels)) == [[f"grey {n}"] for n in levels]
        assert server.most_in_flight > 1

    with ChatServer() as server, ThreadPoolExecutor(8) as pool:
        model = ServedModel.load(configured(server.url, requests_per_minute=1200))
        list(pool.map(lambda level: answer(model, level), range(10)))
        times = sorted(ask.at for ask in server.asks)
        # 0.05 s from one turn to the next; a request may be late, never early.
        assert times[-1] - times[0] >= 0.05 * (len(times) - 1) - 0.15


def test_sixty_images_in_eight_threads_with_every_tenth_request_at_fault() -> None:
    kinds: list[Fault] = [
        Status(500),
        Cut(),
        Raw(b'{"choi', promised=99),
        Slow(30.0),
        Status(429),
        Raw(b'{"a"', chunked=True),
    ]

    def fault(ask: Ask) -> Fault:
        time.sleep(0.005)
        if ask.number < PROBES:
            return None
        turn, hit = divmod(ask.number - PROBES, 10)
        return None if hit != 9 else kinds[turn % len(kinds)]

    with ChatServer(fault) as server, ThreadPoolExecutor(8) as pool:
        model = ServedModel.load(configured(server.url, timeout=1.5, retries=5))
        levels = [4 * n for n in range(60)]
        answers = list(pool.map(lambda level: answer(model, level), levels))
        assert answers == [[f"grey {level}"] for level in levels]
        faults = (len(server.asks) - PROBES) // 10
        assert faults >= 6
        assert len(server.asks) == PROBES + 60 + faults
        assert 1 < server.most_in_flight <= 8 + faults
        spent = model.spent()
    assert spent["retries"] == faults
    assert spent["requests"] == 1 + len(server.asks)
    assert spent["input_tokens"] == 17 * (60 + PROBES)


def test_a_served_model_is_identified_by_server_and_name() -> None:
    assert identity(configured("http://LOCALHOST:11434/v1/", name="a/b")) == "served:a/b"
    with pytest.raises(InputError, match=r"model\.served\.key") as caught:
        identity(configured("http://user:hunter2@localhost/v1"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["report_generation/llava-med-ollama.yaml", "caption_prediction/qwen2-vl-2b-vllm.yaml"]
)
def test_the_shipped_configs_are_asked_as_they_stand(path: str) -> None:
    from runners.config_files import load

    config = load(Path(__file__).parents[2] / "configs" / path).config
    assert config.model.served is not None
    with ChatServer(models={f"{config.model.name}:latest": "vllm", config.model.name: "vllm"}) as server:
        served = config.model.served.model_copy(update={"url": server.url})
        there = config.model_copy(update={"model": config.model.model_copy(update={"served": served})})
        assert answer(ServedModel.load(there), 60) == ["grey 60"]
