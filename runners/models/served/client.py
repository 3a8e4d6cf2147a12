"""The conversation with a server: what is asked again, what stops the run, what concerns one image alone.

Asked again, after a pause that doubles: no connection, no answer in time, an answer cut short or not as it should be,
the statuses 408, 409, 425, 429 and 5xx. `Retry-After` (RFC 9110, 10.2.3) holds for every thread. A refused key (401,
403), an unpaid bill (402), an unknown address or model (404, 405) and a redirect stop the run; any other 4xx is about
the one request.

The key is sent to the configured host and goes nowhere else: redirects are not followed, http is never proxied (https
proxies pass on what they cannot read), and it is struck from whatever the server says.

The retrying is done here and not by tenacity: what is left of it beside Retry-After, the rate that threads share and
the stop that ends all pauses is one loop.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import httpx

from runners.config import Served
from runners.models.served.replies import Fault, Refused, Reply, Unanswered, document_of, models_of
from tasks.nouns import InputError

BACKOFF = 1.0
"""Seconds before the first retry, less up to a half by chance; each further pause is twice as long."""
LONGEST_PAUSE = 60.0
PATIENCE = 600.0
"""The longest Retry-After, in seconds, that is waited for."""
MOST_BYTES = 16 * 2**20
"""An answer of a hundred tokens does not get this long."""

_AGAIN = {408, 409, 425, 429}
_STOPS = {401, 402, 403, 404, 405}
_START = (
    "start it, for example `ollama serve`, `vllm serve MODEL`, `python -m sglang.launch_server --model-path MODEL` or "
    "`transformers serve`, or mend model.served.url"
)

T = TypeVar("T")


def address(url: str) -> str:
    """`url` in one spelling; InputError when it is none, or holds what must not be written into run.json."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise InputError(
            "model.served.url: it holds a user name, a password or a query, and would be written into run.json: put "
            "the key into an environment variable and that variable's name under model.served.key"
        )
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InputError("model.served.url: not a web address; one looks like http://localhost:11434/v1")
    return str(parsed).rstrip("/")


class Client:
    """A server; threads may share it."""

    def __init__(self, served: Served) -> None:
        self.url = address(served.url)
        self.requests = 0
        """Sent so far."""
        self.retries = 0
        """How many of these repeated another."""
        self._served = served
        self._key = key_of(served)
        self._pace = _Pace(served.requests_per_minute)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._end = ""
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=served.timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=served.concurrency),
            follow_redirects=False,
            trust_env=self.url.startswith("https:"),
        )

    def models(self) -> dict[str, str]:
        """The models the server has -> who owns each (`vllm`, `library`, ...), as it says.

        InputError at once when nothing answers at the address.
        """
        return self._ask("GET", f"{self.url}/models", None, models_of, patient=False)

    def version(self) -> str | None:
        """The server's version where it tells one (vLLM, Ollama and TGI do, each at another place)."""
        root = self.url.removesuffix("/v1")
        for place in ("version", "api/version", "info"):
            try:
                document = document_of(self._send("GET", f"{root}/{place}", None))
            except (Fault, Refused):
                continue
            if isinstance(said := document.get("version"), str):
                return self._safe(said)
        return None

    def chat(self, body: Mapping[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
        """What `read` makes of the answer to a chat request; it raises Fault for one that must be asked again.

        Raises Refused, Unanswered, or InputError for what will be the same for every image.
        """
        return self._ask("POST", f"{self.url}/chat/completions", json.dumps(body).encode(), read, patient=True)

    def close(self) -> None:
        """No further request, pause or retry; what is under way ends within its time."""
        self._end = self._end or f"{self.url}: closed"
        self._ended.set()
        self._http.close()

    def _ask(
        self, method: str, url: str, content: bytes | None, read: Callable[[dict[str, Any]], T], *, patient: bool
    ) -> T:
        tries = self._served.retries + 1
        for attempt in range(tries):
            self._wait(self._pace.turn())
            with self._lock:
                self.requests += 1
                self.retries += attempt > 0
            try:
                return read(self._judged(self._send(method, url, content)))
            except Fault as fault:
                last = fault
            if last.unreachable and not patient:
                break
            self._pace.hold(last.wait)
            if attempt + 1 < tries:
                self._wait(min(BACKOFF * 2**attempt, LONGEST_PAUSE) * random.uniform(0.5, 1.0))
        if last.unreachable:
            self._stop(f"{self.url}: no server answers there ({last}): {_START}")
        raise Unanswered(f"{last} (tried {attempt + 1} time{'s' if attempt else ''})")

    def _send(self, method: str, url: str, content: bytes | None) -> Reply:
        """One request and its whole reply; Fault when there is none."""
        limit = self._served.timeout
        late = f"no whole answer within {limit:g} s"
        deadline = time.monotonic() + limit
        data = bytearray()
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            with self._http.stream(method, url, content=content, headers=headers) as response:
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > MOST_BYTES:
                        raise Fault(f"the answer is longer than {MOST_BYTES:,} bytes")
                    # httpx limits the time between two pieces, not the time of the whole.
                    if time.monotonic() > deadline:
                        raise Fault(late)
        except httpx.TimeoutException as error:
            raise Fault(late, unreachable=isinstance(error, httpx.ConnectTimeout)) from None
        except httpx.HTTPError as error:
            text = self._safe(str(error)) or type(error).__name__
            raise Fault(f"connection: {text}", unreachable=isinstance(error, httpx.ConnectError)) from None
        return Reply(response.status_code, response.headers, bytes(data))

    def _judged(self, reply: Reply) -> dict[str, Any]:
        """The JSON object of a good reply."""
        status = reply.status
        if status < 300:
            return document_of(reply)
        said = self._safe(reply.said)
        if status in _AGAIN or status >= 500:
            if reply.wait > PATIENCE:
                self._stop(
                    f"{self.url}: no request for {reply.wait:.0f} s ({said}): go on later, with the same command"
                )
            raise Fault(said, wait=reply.wait)
        if status < 400:
            self._stop(
                f"{self.url}: redirects to {self._safe(reply.target)}, and the key must not go elsewhere: put the "
                "address where the server truly is under model.served.url"
            )
        if status in _STOPS:
            self._stop(f"{self.url}: {said}{self._mend(status)}")
        raise Refused(said + ("; set model.max_pixels for smaller images" if status == 413 else ""))

    def _mend(self, status: int) -> str:
        if status in {401, 403}:
            if self._served.key is None:
                return ": name the environment variable that holds your key under model.served.key"
            return f": check the key in the environment variable {self._served.key}"
        return ": check model.name, and that model.served.url ends as the server wants it, mostly with /v1"

    def _wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise InputError(self._end)

    def _stop(self, message: str) -> NoReturn:
        """End the run: what holds for every image ends the pauses and retries of the other threads too."""
        self._end = message
        self._ended.set()
        raise InputError(message)

    def _safe(self, text: str) -> str:
        """`text` on one line, not long, and without the key."""
        text = text.replace(self._key, "***") if self._key else text
        return " ".join(text.split())[:300]


class _Pace:
    """Gives every request its turn: never more often than allowed, and none while the server wants to be left alone."""

    def __init__(self, per_minute: int | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Seconds until the caller may send."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._gap
            return at - now

    def hold(self, seconds: float) -> None:
        """No turn within the next `seconds`."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


def key_of(served: Served) -> str:
    """The API key from the environment, "" where none is named; InputError when it is missing or no key."""
    if served.key is None:
        return ""
    # A newline from `$(cat file)` or a secret's file is no part of the key, and httpx would print it with the key.
    key = os.environ.get(served.key, "").strip()
    if not key:
        raise InputError(f"model.served.key: the environment variable {served.key} is not set: export it")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            f"model.served.key: what the environment variable {served.key} holds is no key: it has characters that no "
            "header takes"
        )
    return key
