"""A local chat server with OpenAI's interface that answers from the pixels it is sent, and fails when it is told to.

    with ChatServer(fault=lambda ask: Status(500) if ask.number == 1 else None) as server: ...   # server.url

A fault sees each chat request and names what goes wrong with it; None: nothing.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image

from runners.config import RunConfig

PROBES = 2
"""Chat requests that loading a model takes."""


@dataclass(frozen=True)
class Ask:
    """A chat request as it came in."""

    number: int
    """From 0 on, retries counted."""
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    at: float
    """Seconds, monotonic."""

    @property
    def image(self) -> Image.Image | None:
        """The picture in it."""
        for part in self.body["messages"][0]["content"]:
            if part["type"] == "image_url":
                kind, data = part["image_url"]["url"].split(",", 1)
                assert kind == "data:image/png;base64"
                return Image.open(io.BytesIO(base64.b64decode(data)))
        return None

    @property
    def level(self) -> int | None:
        """Grey level of its first pixel."""
        image = self.image
        return None if image is None else image.convert("L").getpixel((0, 0))  # type: ignore[return-value]


@dataclass(frozen=True)
class Status:
    """Another status than 200."""

    code: int
    message: str = "on purpose"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """These bytes for a body, then the connection is closed; `promised` bytes were announced."""

    data: bytes
    promised: int | None = None
    chunked: bool = False


@dataclass(frozen=True)
class Slow:
    """The right answer after `seconds`, or byte by byte over that time."""

    seconds: float
    dripping: bool = False


@dataclass(frozen=True)
class Other:
    """A completion with another choice, and other parts of the message."""

    message: Mapping[str, Any]
    finish_reason: str | None = "stop"
    usage: Mapping[str, Any] | None = None


class Cut:
    """The connection is closed without a word."""


Fault = Status | Raw | Slow | Other | Cut | None


class ChatServer:
    """Serves the models in `models` (name -> owner) on a free port of this machine."""

    def __init__(
        self,
        fault: Callable[[Ask], Fault] = lambda ask: None,
        *,
        models: Mapping[str, str] | None = None,
        listing: Callable[[], Fault] = lambda: None,
        sees: bool = True,
    ) -> None:
        self.fault = fault
        self.models = {"grey": "vllm"} if models is None else models
        self.listing = listing
        self.sees = sees
        self.gone = False
        self.asks: list[Ask] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"chat": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Up to and with /v1."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gone = True
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def completion(self, ask: Ask, other: Other | None = None) -> dict[str, Any]:
        """The right answer: `grey <level>`, 7 tokens for the text and 10 for an image."""
        text = f"grey {ask.level}" if self.sees and ask.level is not None else "grey something"
        message: Mapping[str, Any] = {"role": "assistant", "content": text}
        reason: str | None = "stop"
        usage: Mapping[str, Any] | None = {
            "prompt_tokens": 7 + (10 if self.sees and ask.image is not None else 0),
            "completion_tokens": 3,
        }
        if other is not None:
            message, reason, usage = {**message, **other.message}, other.finish_reason, other.usage or usage
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}


def configured(
    url: str,
    *,
    name: str = "grey",
    generation: dict[str, Any] | None = None,
    top: dict[str, Any] | None = None,
    **served: Any,
) -> RunConfig:
    """A caption config that asks the server at `url`; `served` holds its further keys, `top` those of the config."""
    given = {"url": url, "timeout": 20.0, "retries": 3, **served}
    top = dict(top or {})
    model = {"name": name, "served": given, **top.pop("model", {})}
    return RunConfig.model_validate(
        {
            "task": 2,
            "data": {"path": "anywhere"},
            "model": model,
            "prompt": {"text": "Describe"},
            "generation": generation or {},
            **top,
        }
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            fault = self.chat.listing()
            if fault is not None:
                self._answer(fault, {})
                return
            listed = [{"id": name, "object": "model", "owned_by": owner} for name, owner in self.chat.models.items()]
            self._json(200, {"object": "list", "data": listed})
        elif self.path == "/version":
            self._json(200, {"version": "1.2.3"})
        else:
            self._json(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        chat = self.chat
        if chat.gone:
            self.close_connection = True  # a connection that was kept open ends with its server
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with chat.lock:
            ask = Ask(len(chat.asks), body, dict(self.headers), time.monotonic())
            chat.asks.append(ask)
            chat.in_flight += 1
            chat.most_in_flight = max(chat.most_in_flight, chat.in_flight)
        try:
            if self.path != "/v1/chat/completions":
                self._json(404, {"detail": "Not Found"})
            elif body["model"] not in chat.models:
                self._json(404, {"error": {"message": f"no model {body['model']}"}})
            else:
                fault = chat.fault(ask)
                other = fault if isinstance(fault, Other) else None
                self._answer(fault, chat.completion(ask, other))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away, as it may
        finally:
            with chat.lock:
                chat.in_flight -= 1

    def _answer(self, fault: Fault, right: Mapping[str, Any]) -> None:
        if isinstance(fault, Status):
            self._json(fault.code, {"error": {"message": fault.message}}, fault.headers)
        elif isinstance(fault, Raw):
            self._raw(fault)
        elif isinstance(fault, Slow):
            self._slow(fault, json.dumps(right).encode())
        elif isinstance(fault, Cut):
            self.close_connection = True
        else:
            self._json(200, right)

    def _json(self, code: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _raw(self, fault: Raw) -> None:
        self.close_connection = True
        self.send_response(200)
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif fault.promised is not None:
            self.send_header("Content-Length", str(fault.promised))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(fault.data), fault.data) if fault.chunked else fault.data)

    def _slow(self, fault: Slow, data: bytes) -> None:
        if not fault.dripping:
            time.sleep(fault.seconds)
            self._json(200, json.loads(data))
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for n in range(len(data)):
            self.wfile.write(data[n : n + 1])
            self.wfile.flush()
            time.sleep(fault.seconds / len(data))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the screen."""
