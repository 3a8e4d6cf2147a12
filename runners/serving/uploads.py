"""From a request to an image and its context: sizes are checked while the bytes come, and nothing touches the disk.

upload = await read_upload(request, Limits())
upload.image          # b"\\x89PNG..."
upload.context        # {"age": "61"}
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from runners.serving.limits import Limits, Refusal

_FIELDS = 20
_FIELD = 10_000
"""Bytes of a text field."""
_FRAME = _FIELDS * _FIELD + 2**16
"""What a request may hold besides the image."""
_NAME = re.compile(r"[A-Za-z_]\w{0,40}")
_HOW = "send multipart/form-data with the file in the field `image`: curl -F image=@chest.png URL/predict"


@dataclass(frozen=True)
class Upload:
    """What a client sent."""

    image: bytes = field(repr=False)
    context: Mapping[str, str] = field(repr=False)
    """Text fields that are not empty."""


class _InMemory(MultiPartParser):
    """Starlette's parser, which moves larger files to the disk by default; 0 means never."""

    spool_max_size = 0


async def read_upload(request: Request, limits: Limits) -> Upload:
    """The image and the text fields of a request; Refusal when they cannot be taken."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refusal(415, "the request is no form with a file", where="Content-Type", mend=_HOW)
    if _announced(request) > limits.upload + _FRAME:
        raise _too_large(limits)
    parser = _InMemory(
        request.headers, _limited(request, limits), max_files=1, max_fields=_FIELDS, max_part_size=_FIELD
    )
    try:
        async with asyncio.timeout(limits.patience):
            form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(422, f"the form cannot be read: {error.message}", where="body", mend=_HOW) from None
    except TimeoutError:
        raise Refusal(
            408, f"the upload took longer than {limits.patience:g} s", where="body", mend="send a smaller file"
        ) from None
    return await _taken(form, limits)


async def discard(request: Request, most: int) -> None:
    """Read what a refused client still sends, up to `most` bytes: one that cannot send on never sees why.

    A client that asked before sending (`Expect: 100-continue`) is answered at once.
    """
    if "expect" in request.headers:
        return
    # RuntimeError: starlette's word for a body that was read to its end.
    with contextlib.suppress(ClientDisconnect, TimeoutError, RuntimeError):
        async with asyncio.timeout(5):
            async for chunk in request.stream():
                most -= len(chunk)
                if most < 0:
                    break


async def _taken(form: FormData, limits: Limits) -> Upload:
    try:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            there = ", ".join(f"'{name}'" for name in form) or "no field"
            raise Refusal(422, f"there is no file in the field 'image' (sent: {there})", where="image", mend=_HOW)
        data = await image.read()
        if len(data) > limits.upload:
            raise _too_large(limits)
        context = {name: text.strip() for name, text in form.items() if isinstance(text, str) and text.strip()}
        if wrong := [name for name in context if not _NAME.fullmatch(name)]:
            raise Refusal(
                422, f"'{wrong[0][:60]}' is no name of a field", where="context", mend="name it as in age, sex"
            )
        return Upload(data, context)
    finally:
        await form.close()


async def _limited(request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The body as it comes; Refusal as soon as it is too large."""
    room = limits.upload + _FRAME
    async for chunk in request.stream():
        room -= len(chunk)
        if room < 0:
            raise _too_large(limits)
        yield chunk


def _too_large(limits: Limits) -> Refusal:
    mend = "send a smaller file, or start the server with a larger --max-upload"
    return Refusal(413, f"the image file is larger than {limits.upload / 2**20:g} MiB", where="image", mend=mend)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
