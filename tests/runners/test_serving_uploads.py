"""What may be sent to a server: hostile uploads are refused with the right status, in memory, and harm nobody."""

from __future__ import annotations

import asyncio
import html
import io
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from runners.serving.limits import Limits
from tasks.reports.disclaimer import DISCLAIMER
from tests.runners.serving import Caller, app_of, form, grey, pieces, served
from tests.runners.standin import Standin


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("image.png", grey(1))
    return file.getvalue()


def _bomb() -> bytes:
    """A PNG of 100 million black pixels in some kilobytes."""
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    return file.getvalue()


def _truncated() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(file, "JPEG")
    return file.getvalue()[:-5000]


HOSTILE = {
    "zip": (_zip, "no known image format"),
    "html": (lambda: b"<html><script>alert(1)</script></html>", "no known image format"),
    "empty": (lambda: b"", "empty"),
    "truncated": (_truncated, "truncated"),
    "bomb": (_bomb, "too large"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no known image format"),
    "dicom": (lambda: b"\0" * 128 + b"DICM" + b"\xff" * 99, "holds no image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_image_never_reaches_the_model(name: str) -> None:
    make, reason = HOSTILE[name]
    standin = Standin()
    with served(standin) as client:
        said = client.post("/predict", files={"image": ("chest.jpg", make(), "image/jpeg")})
        assert said.status_code == 422
        assert standin.batches == []
        error = said.json()["error"]
        assert reason in error["what"] and error["where"] == "image" and "JPEG" in error["mend"]
        assert client.post("/predict", files={"image": grey(7)}).json()["value"] == "grey 7"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM"])
def test_every_format_of_a_run_is_taken(kind: str) -> None:
    with served(Standin()) as client:
        assert client.post("/predict", files={"image": grey(0, kind)}).json()["value"] == "grey 0"


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        ({"files": {"picture": grey(1)}}, 422, "no file in the field 'image' (sent: 'picture')"),
        ({"files": {"x": b""}, "data": {"image": "text"}}, 422, "no file in the field 'image'"),
        ({"files": [("image", grey(1)), ("image", grey(2))]}, 422, "Too many files"),
        ({"files": {"image": grey(1)}, "data": {"age": "9" * 10_001}}, 422, "exceeded maximum size"),
        ({"files": {"image": grey(1)}, "data": {f"f{n}": "" for n in range(21)}}, 422, "Too many fields"),
        ({"files": {"image": grey(1)}, "data": {"a b": "1"}}, 422, "no name of a field"),
        ({"data": {"image": "text"}}, 415, "no form with a file"),
        ({"json": {"image": "aGVsbG8="}}, 415, "no form with a file"),
        ({"content": grey(1), "headers": {"content-type": "image/png"}}, 415, "no form with a file"),
        ({}, 415, "no form with a file"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "boundary"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 422, "form"),
    ],
)
def test_a_form_that_is_none_is_told_how_to_be_one(sent: dict[str, Any], status: int, reason: str) -> None:
    standin = Standin()
    with served(standin) as client:
        said = client.post("/predict", **sent)
    assert said.status_code == status, said.text
    assert reason in said.json()["error"]["what"] and said.json()["error"]["mend"]
    assert standin.batches == []


def test_too_large_an_image_is_refused_and_the_largest_is_taken() -> None:
    standin, image = Standin(), grey(3, "BMP")
    with served(standin, Limits(upload=len(image))) as client:
        assert client.post("/predict", files={"image": image + b"\0"}).status_code == 413
        said = client.post("/predict", files={"image": bytes(2**20)})
        assert said.status_code == 413 and said.json()["error"]["where"] == "image"
        assert standin.batches == []
        assert client.post("/predict", files={"image": image}).status_code == 200


def test_an_upload_without_end_is_stopped_while_it_comes() -> None:
    async def long() -> AsyncIterator[bytes]:
        yield form(b"")[: -len(b"\r\n--edge--\r\n")]
        for _ in range(2000):
            yield bytes(2**16)

    caller = Caller(long())
    said = asyncio.run(caller.call(app_of(Standin(), Limits(upload=2**20))))
    assert caller.status == 413 and "larger than 1 MiB" in said["error"]["what"]
    assert caller.read < 2**20 + Limits.upload + 2**20  # what is read after the refusal is thrown away


def test_a_slow_upload_and_a_client_that_leaves_free_their_place() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield form(grey(1))[:50]
        await asyncio.sleep(60)

    async def scene() -> None:
        app = app_of(Standin(), Limits(queue=1, patience=0.2))
        async with app.router.lifespan_context(app):
            slow = Caller(stalled())
            async with asyncio.timeout(20):
                assert (await slow.call(app))["error"]["where"] == "body" and slow.status == 408
            leaving = Caller(_halves(form(grey(1))[:50]))
            leaving.leave.set()
            await leaving.call(app)
            assert leaving.status == 499
            last = Caller(pieces(form(grey(5))))
            assert (await last.call(app))["value"] == "grey 5"

    asyncio.run(scene())


async def _halves(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


def test_images_touch_no_disk_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file is opened")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    caplog.set_level("DEBUG")
    file = io.BytesIO()
    Image.new("RGB", (1500, 1500), (9, 9, 9)).save(file, "BMP")
    with served(Standin()) as client:
        said = client.post("/predict", files={"image": ("Jane Doe.bmp", file.getvalue())})
    assert said.json()["value"] == "grey 9", "6.75 MB, far more than what is usually kept in memory"
    said_aloud = "".join(capfd.readouterr()) + caplog.text
    assert "Jane" not in said_aloud


def test_the_page_needs_nothing_from_elsewhere() -> None:
    with served(Standin()) as client:
        page = client.get("/")
        docs = [client.get(path) for path in ("/docs", "/redoc", "/openapi.json")]
        wrong = client.get("/predict")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"https?:|//\w+\.|@import|\bsrc=|\bhref=|innerHTML", page.text)
    assert html.escape(DISCLAIMER) in page.text and "{disclaimer}" not in page.text and "predict" in page.text
    assert [d.status_code for d in docs] == [404] * 3 and wrong.status_code == 405
    assert all(set(answer.json()["error"]) == {"what", "where", "mend"} for answer in (*docs, wrong))
