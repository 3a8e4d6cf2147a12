"""A served stand-in, images to send to it, and a client that is no more than messages."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from runners.models import Model
from runners.serving.app import make_app
from runners.serving.limits import Limits
from runners.serving.service import Service
from tests.runners.asking import config_for
from tests.runners.standin import Standin

BOUNDARY = b"edge"
HEADERS = [(b"host", b"here"), (b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]


def grey(level: int, kind: str = "PNG") -> bytes:
    """An image file that the stand-in calls `grey <level>`."""
    file = io.BytesIO()
    Image.new("L", (32, 32), level).save(file, kind)
    return file.getvalue()


def app_of(standin: Standin, limits: Limits | None = None, **settings: Any) -> Starlette:
    """The application with the stand-in for its model."""
    return make_app(Service(config_for(Path("nowhere"), **settings), cast(Model, standin)), limits or Limits())


@contextmanager
def served(standin: Standin, limits: Limits | None = None, **settings: Any) -> Iterator[TestClient]:
    """A client of such a server."""
    with TestClient(app_of(standin, limits, **settings), raise_server_exceptions=False) as client:
        yield client


def form(data: bytes, name: bytes = b"image") -> bytes:
    """A form with one file."""
    head = b'--%b\r\ncontent-disposition: form-data; name="%b"; filename="x"\r\n\r\n' % (BOUNDARY, name)
    return head + data + b"\r\n--%b--\r\n" % BOUNDARY


@dataclass
class Caller:
    """Calls an application without a network: sends the chunks, and leaves when told to."""

    chunks: AsyncIterator[bytes]
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    read: int = 0
    """Bytes that the application took."""
    status: int = 0
    body: bytes = b""

    async def call(self, app: Any) -> Any:
        """The JSON of the answer."""
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": HEADERS, "query_string": b""}
        await app({**scope, "client": ("here", 1), "server": ("here", 80), "scheme": "http"}, self._receive, self._send)
        return json.loads(self.body or b"null")

    async def _receive(self) -> dict[str, Any]:
        chunk = await anext(self.chunks, None)
        if chunk is None:
            await self.leave.wait()
            return {"type": "http.disconnect"}
        self.read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """The chunks, and the empty one that ends a body."""
    for chunk in (*chunks, b""):
        yield chunk
