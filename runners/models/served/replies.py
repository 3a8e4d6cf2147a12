"""What a server's reply says: an answer, a fault that may pass, or a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit


class Fault(Exception):
    """The server or the way to it failed: the same request may succeed later."""

    def __init__(self, message: str, *, unreachable: bool = False, wait: float = 0.0) -> None:
        super().__init__(message)
        self.unreachable = unreachable
        self.wait = wait
        """Seconds that the server wants to be left alone."""


class Unanswered(Exception):
    """Every attempt failed."""


class Refused(Exception):
    """The server will not answer this request; it may answer another."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP reply."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def said(self) -> str:
        """Status and message: OpenAI's `error.message`, Ollama's `error`, vLLM's `message`, FastAPI's `detail`."""
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "unknown status"
        text = self.data[:10_000].decode("utf-8", "replace")
        try:
            document = json.loads(self.data)
            error = document.get("error") or document.get("message") or document.get("detail") or text
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError, RecursionError):
            pass
        return f"{self.status} {phrase}: {text}"

    @property
    def wait(self) -> float:
        """Seconds that a Retry-After asks for; it holds a number of them or a date."""
        value = self.headers.get("Retry-After", "")
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return 0.0

    @property
    def target(self) -> str:
        """Where a redirect leads, without what may be secret."""
        try:
            parts = urlsplit(self.headers.get("Location", ""))
        except ValueError:
            return "an unreadable address"
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path


def document_of(reply: Reply) -> dict[str, Any]:
    """The JSON object in a reply; Fault when there is none."""
    try:
        document = json.loads(reply.data)
    except (ValueError, RecursionError):
        raise Fault(f"the answer is no JSON, or only a part of it ({len(reply.data)} bytes)") from None
    if not isinstance(document, dict):
        raise Fault("the answer is no JSON object")
    return document


def models_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The models in a list -> who owns each."""
    try:
        return {str(model["id"]): str(model.get("owned_by", "")) for model in document.get("data") or []}
    except (TypeError, KeyError, AttributeError):
        raise Fault("the list of models is not in OpenAI's form") from None
