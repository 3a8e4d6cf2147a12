"""Loading a served model: what is refused before the first image, what is sent, and a key that shows up nowhere."""

import json
import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from runners.models import Failure
from runners.models.served import ServedModel, client, identity
from tasks.nouns import InputError
from tests.runners.chat_server import PROBES, Ask, ChatServer, Cut, Fault, Other, Raw, Status, configured

KEY = "sk-4711-never-to-be-seen"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF", 0.001)


def sent(server: ChatServer, **generation: Any) -> dict[str, Any]:
    """What is sent for one image beside its message."""
    task = 3 if generation.get("json_schema") == "report" else 2
    model = ServedModel.load(configured(server.url, generation=generation, top={"task": task}))
    model.generate(model.prepare([Image.new("RGB", (4, 4))], ["Describe"]), seed=77)
    return {key: value for key, value in server.asks[-1].body.items() if key != "messages"}


def test_the_arguments_are_those_of_the_config() -> None:
    with ChatServer() as server:
        plain = {"model": "grey", "max_tokens": 100, "temperature": 0.0, "repetition_penalty": 1.0}
        assert sent(server) == plain
        assert sent(server, max_new_tokens=9, stop_strings=["\n", "END"], repetition_penalty=1.2) == {
            **plain,
            "max_tokens": 9,
            "stop": ["\n", "END"],
            "repetition_penalty": 1.2,
        }
        neutral = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "seed": 77}
        assert sent(server, do_sample=True) == {**plain, **neutral}
        chosen = {"temperature": 0.3, "top_p": 0.8, "top_k": 20}
        assert sent(server, do_sample=True, **chosen) == {**plain, **chosen, "seed": 77}


def test_a_server_without_vllms_extras_gets_openais_arguments_alone() -> None:
    with ChatServer(models={"grey": "library"}) as server:
        assert sent(server) == {"model": "grey", "max_tokens": 100, "temperature": 0.0}
        assert sent(server, do_sample=True) == {"model": "grey", "max_tokens": 100, "temperature": 1.0, "seed": 77}
        for extra in ({"repetition_penalty": 1.1}, {"do_sample": True, "top_k": 5}):
            with pytest.raises(InputError, match=f"generation.{[*extra][-1]}: this server does not do that"):
                sent(server, **extra)
        model = ServedModel.load(configured(server.url, generation={"do_sample": True}))
    assert model.facts["left_to_the_server"] == ["top_p", "top_k", "repetition_penalty"]


@pytest.mark.parametrize("generation", [{"num_beams": 3}, {"no_repeat_ngram_size": 2}])
def test_what_no_server_does_is_refused_and_not_dropped(generation: dict[str, Any]) -> None:
    with ChatServer() as server, pytest.raises(InputError, match=f"generation.{next(iter(generation))}"):
        sent(server, **generation)


def test_stop_strings_are_cut_off_whatever_the_server_leaves() -> None:
    def fault(ask: Ask) -> Fault:
        return Other({"content": "one\nEND two\nEND"})

    with ChatServer(fault) as server:
        model = ServedModel.load(configured(server.url, generation={"stop_strings": ["END"]}))
        assert model.generate(model.prepare([Image.new("RGB", (4, 4))], ["Describe"])) == ["one"]


def test_a_schema_is_sent_and_proven_to_hold(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA), encoding="utf-8")

    def obeying(ask: Ask) -> Fault:
        return Other({"content": json.dumps({"level": ask.level})})

    with ChatServer(obeying) as server:
        said = sent(server, json_schema=str(file))["response_format"]
        assert said == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
        report = sent(server, json_schema="report")["response_format"]["json_schema"]["schema"]
        assert report["required"][:2] == ["findings", "impression"]
        file.write_text("[", encoding="utf-8")
        with pytest.raises(InputError, match="no JSON"):
            sent(server, json_schema=str(file))
    with ChatServer(lambda ask: Other({"content": '{"findings": "the he'}, finish_reason="length")) as server:
        sent(server, json_schema="report")
    for deaf in (Other({}), Other({"content": "Sure! {"}, finish_reason="length"), Other({"content": "[1]"})):
        held = pytest.raises(InputError, match="does not hold the model to it")
        with ChatServer(lambda ask, deaf=deaf: deaf) as server, held:  # type: ignore[misc]
            sent(server, json_schema="report")


def test_a_model_that_does_not_see_is_refused() -> None:
    with ChatServer(sees=False) as server:
        with pytest.raises(InputError, match="does not see images"):
            ServedModel.load(configured(server.url))
        assert len(server.asks) == PROBES + 1
    # The same words for two pictures prove nothing when a picture costs tokens, or the server does not count.
    with ChatServer(lambda ask: Other({"content": "a scan"})) as server:
        ServedModel.load(configured(server.url))
    with ChatServer(lambda ask: Other({"content": "a scan"}, usage={"total": 1})) as server:
        ServedModel.load(configured(server.url))
    with ChatServer(lambda ask: Other({"content": "a"}) if ask.image else Status(400), sees=False) as server:
        ServedModel.load(configured(server.url))


def test_without_a_server_the_user_is_told_what_to_start() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(InputError, match=f"{url}: no server answers there .*ollama serve"):
            ServedModel.load(configured(url, retries=10**6))


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    with ChatServer(models={"a/b:latest": "library", "c": "library"}) as server:
        with pytest.raises(InputError, match="has no model 'grey'; it has: a/b:latest, c"):
            ServedModel.load(configured(server.url))
        model = ServedModel.load(configured(server.url, name="a/b:latest"))
        assert model.facts["server"]["models"] == ["a/b:latest", "c"]
    with ChatServer(models={}) as server, pytest.raises(InputError, match="404 Not Found: no model grey"):
        ServedModel.load(configured(server.url))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Status(401, "who?"), "401 Unauthorized: who\\?: name the environment variable that holds your key"),
        (Status(404), "model.served.url ends as the server wants it, mostly with /v1"),
        (Status(302, headers={"Location": "/login?next=1"}), "redirects to /login, and the key must not"),
        (Status(429, headers={"Retry-After": "86400"}), "no request for 86400 s"),
    ],
    ids=["401", "404", "302", "429"],
)
def test_a_server_that_wants_no_one_stops(fault: Fault, expected: str) -> None:
    with ChatServer(listing=lambda: fault) as server, pytest.raises(InputError, match=expected):
        ServedModel.load(configured(server.url))


@pytest.mark.parametrize(
    "fault", [Status(500), Status(400), Raw(b'{"data": [7]}'), Raw(b"hello"), Raw(b'{"data": null}')]
)
def test_a_server_that_cannot_list_its_models_is_asked_nevertheless(fault: Fault) -> None:
    with ChatServer(listing=lambda: fault) as server:
        model = ServedModel.load(configured(server.url))
        assert model.facts["server"]["models"] == []
        with pytest.raises(InputError, match=r"404 Not Found: no model other: check model\.name"):
            ServedModel.load(configured(server.url, name="other"))


def test_a_page_of_the_web_is_no_server() -> None:
    page = Raw(b"<html>Hello</html>")
    said = pytest.raises(InputError, match=r"tried 1 time\)\n.*OpenAI interface\? model\.served\.url")
    with ChatServer(lambda ask: page, listing=lambda: page) as server, said:
        ServedModel.load(configured(server.url, retries=0))


def test_a_list_of_models_may_need_a_second_try() -> None:
    faults: list[Fault] = [Status(503), Cut()]
    with ChatServer(listing=lambda: faults.pop() if faults else None) as server:
        assert ServedModel.load(configured(server.url)).spent()["retries"] == 2


def test_what_is_refused_for_every_image_is_told_before_the_first() -> None:
    with ChatServer(lambda ask: Status(400, "max_tokens is too large")) as server:
        with pytest.raises(InputError, match="400 Bad Request: max_tokens is too large"):
            ServedModel.load(configured(server.url))
        assert len(server.asks) == 1


@pytest.mark.parametrize(
    ("top", "named"),
    [
        ({"adapters": [{"path": "x"}]}, "adapters"),
        ({"quantization": "nf4"}, "quantization"),
        ({"adapters": [{"path": "x"}], "merge_adapters": True}, "adapters, merge_adapters"),
        ({"model": {"dtype": "bfloat16", "revision": "main"}}, "model.revision, model.dtype"),
    ],
)
def test_what_the_server_decides_is_refused(top: dict[str, Any], named: str) -> None:
    with ChatServer() as server, pytest.raises(InputError, match=f"{named}: has no effect on a served model"):
        ServedModel.load(configured(server.url, top=top))
    with pytest.raises(InputError, match=f"{named}: has no effect on a served model"):
        identity(configured("http://localhost/v1", top=top))


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http:///v1", "", "http://host:port/v1", "no url at all"]
)
def test_a_url_that_is_none_is_explained(url: str) -> None:
    with pytest.raises(InputError, match=r"model\.served\.url: not a web address"):
        ServedModel.load(configured(url))


@pytest.mark.parametrize("url", [f"http://me:{KEY}@localhost/v1", f"http://localhost/v1?key={KEY}"])
def test_a_secret_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError, match=r"model\.served\.key") as caught:
        ServedModel.load(configured(url))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "value", [None, "", " \n", f"{KEY}\n{KEY}", f"{KEY}\u00e9", f"{KEY} {KEY}", f"{KEY}\x00"[:-1] + "\x7f"]
)
def test_a_missing_or_broken_key_is_told_by_its_variables_name(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("A_KEY", value)
    with ChatServer() as server, pytest.raises(InputError, match="environment variable A_KEY") as caught:
        ServedModel.load(configured(server.url, key="A_KEY"))
    assert KEY not in str(caught.value)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that the environment names; the requests it got."""
    got: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(str(self.headers))
            self.send_error(502)

        do_POST = do_CONNECT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield got
        server.shutdown()
        thread.join()


def test_the_key_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    proxy: list[str],
) -> None:
    monkeypatch.setenv("A_KEY", f"{KEY}\n")
    caplog.set_level(logging.DEBUG)
    faults: dict[int, Fault] = {
        PROBES + 1: Status(400, f"no {KEY} here"),
        PROBES + 2: Status(500, f"{KEY} failed"),
        PROBES + 3: Raw(KEY.encode()),
        PROBES + 4: Cut(),
        PROBES + 5: Status(403, f"{KEY} is not welcome"),
    }
    texts = []
    with ChatServer(lambda ask: faults.get(ask.number)) as server:
        config = configured(server.url, key="A_KEY", retries=1)
        model = ServedModel.load(config)
        prepared = model.prepare([Image.new("RGB", (4, 4))] * 3, ["Describe"] * 3)
        good, refused, failed = model.generate(prepared)
        texts += [str(good), repr(refused), repr(failed)]
        assert isinstance(refused, Failure)
        assert "no *** here" in refused.reason
        with pytest.raises(InputError, match="environment variable A_KEY") as caught:
            model.generate(prepared)
        texts += traceback.format_exception(caught.value)
        texts += [repr(model), repr(vars(model)), repr(model._client), json.dumps([model.facts, model.spent()])]
        texts += [repr(prepared), config.model_dump_json()]
        assert {ask.headers["Authorization"] for ask in server.asks} == {f"Bearer {KEY}"}
    texts += [record.getMessage() for record in caplog.records] + [str(record.args) for record in caplog.records]
    texts += capfd.readouterr()
    assert not [text for text in texts if KEY in text]
    assert proxy == []


def test_a_proxy_on_the_way_to_https_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch, proxy: list[str]) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with pytest.raises(InputError, match="502"):
        ServedModel.load(configured("https://server.invalid/v1", key="A_KEY", retries=0))
    assert proxy
    assert not [headers for headers in proxy if KEY in headers]


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with ChatServer() as other:
        away = {"Location": f"{other.url.replace('//', f'//user:{KEY}@')}/chat/completions?key={KEY}"}
        stopped = pytest.raises(InputError, match=f"redirects to {other.url}/chat/completions, and the key")
        with ChatServer(lambda ask: Status(307, headers=away)) as server, stopped as caught:
            ServedModel.load(configured(server.url, key="A_KEY"))
        assert other.asks == []
    assert KEY not in str(caught.value)


def test_without_a_key_none_is_sent() -> None:
    with ChatServer() as server:
        ServedModel.load(configured(server.url))
        assert all("Authorization" not in ask.headers for ask in server.asks)
