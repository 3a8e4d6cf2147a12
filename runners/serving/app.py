"""The three addresses: /predict, /health and a page to try them (page.html).

with TestClient(make_app(service, Limits())) as client:
    client.post("/predict", files={"image": png}).json()["value"]       # "Chest x-ray showing ..."

No page of documentation is served, and nothing is fetched from elsewhere.
"""

from __future__ import annotations

import asyncio
import html
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from runners.serving.batching import Batcher
from runners.serving.limits import Limits, Rate, Refusal
from runners.serving.service import Outcome, Question, Service
from runners.serving.uploads import Upload, discard, read_upload
from tasks.nouns import InputError
from tasks.reports.disclaimer import DISCLAIMER

_PAGE = Path(__file__).with_name("page.html")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LEFT = 499
"""nginx's status for a client that left; nobody reads it."""


def make_app(service: Service, limits: Limits) -> Starlette:
    """The application; its lifespan starts and ends the threads that ask the model."""
    desk = _Desk(service, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with desk.batcher:
            yield

    return Starlette(
        routes=[
            Route("/", _page),
            Route("/health", desk.health),
            Route("/predict", desk.predict, methods=["POST"]),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _no_such, Exception: _broken},
        lifespan=lifespan,
    )


class _Desk:
    """Where requests come in and answers go out."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.service = service
        self.limits = limits
        self.batcher: Batcher[Question, Outcome] = Batcher(
            service.answer, size=service.batch_size, workers=service.workers
        )
        self._rate = Rate(limits.per_minute)
        self._inside = 0
        """Requests between their first byte and their answer."""
        self._unable = ""
        """Why the model can answer nothing at all, when the last batch said so."""

    async def health(self, _: Request) -> Response:
        """What is served, and how busy it is; 503 when the model can answer nothing."""
        batcher, limits = self.batcher, self.limits
        said = {
            "status": "unable" if self._unable else "ok",
            "reason": self._unable,
            "task": self.service.config.task,
            "model": self.service.model_facts,
            "context": self.service.reads_context,
            "queue": {"inside": self._inside, "waiting": batcher.waiting, "room": limits.queue},
            "batches": {"count": batcher.batches, "images": batcher.items, "largest": batcher.largest},
            "limits": {"upload_bytes": limits.upload, "per_minute": limits.per_minute, "batch_size": batcher.size},
            "disclaimer": DISCLAIMER,
        }
        return JSONResponse(said, status_code=503 if self._unable else 200)

    async def predict(self, request: Request) -> Response:
        """The model's answer about the image that was sent."""
        self._admit(request)
        self._inside += 1
        try:
            upload = await read_upload(request, self.limits)
            return await self._answered(request, upload)
        except ClientDisconnect:
            return Response(status_code=_LEFT)
        finally:
            self._inside -= 1

    def _admit(self, request: Request) -> None:
        if request.headers.get("sec-fetch-site") == "cross-site":
            what = "a page of another site sent this through a browser"
            raise Refusal(
                403, what, where="Sec-Fetch-Site", mend="send it from this server's own page, or by a program"
            )
        wait = self._rate.wait(request.client.host if request.client else "", now=time.monotonic())
        if wait > 0:
            what = f"more than {self.limits.per_minute} requests in a minute"
            raise Refusal(429, what, where="client", mend="wait as long as Retry-After says", retry_after=wait)
        if self._inside >= self.limits.queue:
            what = f"{self._inside} requests are under way, and no more fit"
            raise Refusal(503, what, where="queue", mend="wait as long as Retry-After says", retry_after=1)

    async def _answered(self, request: Request, upload: Upload) -> Response:
        start = time.monotonic()
        outcome = await self._outcome(request, Question(upload.image, self._prompt(upload)))
        prediction = outcome.prediction
        if not outcome.opened:
            mend = "send a whole JPEG, PNG, TIFF, BMP, WebP, GIF, JPEG 2000, PNM or DICOM file"
            raise Refusal(422, prediction.reason.removeprefix("image: "), where="image", mend=mend)
        if prediction.status == "failed":
            mend = "try another image or, where it is sampled, the same once more"
            raise Refusal(500, f"the model has no answer: {prediction.reason}", where="model", mend=mend)
        return JSONResponse(
            {
                "task": self.service.config.task,
                "value": self.service.value(prediction),
                "text": prediction.text,
                "unmapped": prediction.unmapped,
                "edits": prediction.edits,
                "seconds": round(time.monotonic() - start, 3),
                "model": self.service.model_facts,
                "disclaimer": DISCLAIMER,
            }
        )

    def _prompt(self, upload: Upload) -> str:
        if upload.context and not self.service.reads_context:
            names = ", ".join(upload.context)
            mend = "leave the fields out, or serve a prompt that reads {{ context }}"
            raise Refusal(422, f"the prompt does not read what was sent: {names}", where="context", mend=mend)
        try:
            return self.service.prompt(upload.context)
        except InputError as error:
            mend = "send this field with the image, or mend the prompt"
            raise Refusal(422, str(error), where="context", mend=mend) from None

    async def _outcome(self, request: Request, question: Question) -> Outcome:
        """The outcome; a client that leaves gives up its place in the queue."""
        answer = self.batcher.submit(question)
        left = asyncio.create_task(_left(request))
        try:
            either: list[asyncio.Future[Any]] = [answer, left]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ClientDisconnect
            outcome = answer.result()
            self._unable = ""
        except InputError as error:
            self._unable = str(error)
            mend = "the server has to be started with another config"
            raise Refusal(500, f"the model can answer nothing: {error}", where="model", mend=mend) from error
        else:
            return outcome
        finally:
            answer.cancel()
            left.cancel()


async def _left(request: Request) -> None:
    """Returns when the client has left; only for a request whose body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _page(_: Request) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    page = _PAGE.read_text(encoding="utf-8").replace("{disclaimer}", html.escape(DISCLAIMER))
    return HTMLResponse(page, headers=headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    if error.status != 408:  # that one had its time
        await discard(request, Limits.upload)
    headers = {} if error.retry_after is None else {"Retry-After": str(math.ceil(error.retry_after))}
    return _error(error.status, str(error), where=error.where, mend=error.mend, headers=headers)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    mend = "there are: POST /predict, GET /health, GET /"
    return _error(error.status_code, error.detail, where=request.url.path, mend=mend, headers=error.headers)


async def _broken(_: Request, error: Exception) -> Response:
    mend = "the server's terminal has the traceback"
    return _error(500, f"the server failed: {type(error).__name__}", where="server", mend=mend)


def _error(status: int, what: str, *, where: str, mend: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": {"what": what, "where": where, "mend": mend}}, status_code=status, headers=headers)
