"""What is asked of a chat server, and what its answer says.

Sources: OpenAI's API reference (chat completions), vLLM's "OpenAI-Compatible Server" (extra parameters), Ollama's
"OpenAI compatibility". A server that does not know an argument may drop it without a word (Ollama, TGI), so what is
not in OpenAI's interface is sent only to servers whose documentation has it, and asking it of others is an error.

vLLM takes what a request leaves out from the checkpoint's generation_config.json (Qwen2-VL ships a repetition penalty
of 1.05 there), so there the neutral values are sent too.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from runners.config import Generation, Model, RunConfig
from runners.models import Failure
from runners.models.constrained import read_schema
from runners.models.served.replies import Fault
from tasks.nouns import InputError

EXTENDED = ("vllm", "sglang")
"""What servers that take top_k and repetition_penalty call themselves in `owned_by` of their model list."""
_NOWHERE = ("num_beams", "no_repeat_ngram_size", "length_penalty", "early_stopping")
"""Arguments of transformers that no chat server takes."""
_THERE = ("revision", "dtype", "device", "attention", "compute_dtype", "double_quantization", "trust_remote_code")
"""Keys of `model` that whoever starts the server decides."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one image."""

    text: str | Failure
    cut: bool
    """It ended at max_new_tokens."""
    tokens: tuple[int, int] | None
    """Input and output tokens; None when the server does not count."""


def refuse_what_the_server_decides(config: RunConfig) -> None:
    """InputError for keys that say how a model is loaded: the server has loaded it already."""
    said = [f"model.{key}" for key in _THERE if getattr(config.model, key) != Model.model_fields[key].default]
    said += [key for key in ("adapters", "quantization", "merge_adapters") if _differs(config, key)]
    if said:
        raise InputError(
            f"{', '.join(said)}: has no effect on a served model, which is loaded by its server: remove it here and "
            "say it where the server is started (vLLM: --quantization, --lora-modules; Ollama: the Modelfile)"
        )


def arguments(asked: Generation, owner: str) -> tuple[dict[str, Any], list[str]]:
    """The request's generation arguments, and those left to the server's own defaults; no seed yet.

    InputError for what the server does not do.
    """
    extended = owner in EXTENDED
    unknown = [key for key in _NOWHERE if _differs(asked, key)]
    if not extended:
        unknown += [key for key in ("top_k", "repetition_penalty") if _differs(asked, key)]
    if unknown:
        raise InputError(
            f"generation.{', generation.'.join(unknown)}: this server does not do that, and would drop it without a "
            "word: remove it, or load the model here (model.served: null)"
        )
    sent: dict[str, Any] = {"max_tokens": asked.max_new_tokens, "temperature": 0.0}
    if asked.do_sample:
        sent["temperature"] = 1.0 if asked.temperature is None else asked.temperature
        if asked.top_p is not None or extended:
            sent["top_p"] = 1.0 if asked.top_p is None else asked.top_p
        if extended:
            sent["top_k"] = asked.top_k or -1
    if extended:
        sent["repetition_penalty"] = asked.repetition_penalty
    if asked.stop_strings:
        sent["stop"] = list(asked.stop_strings)
    if asked.json_schema is not None:
        schema = {"name": "answer", "schema": read_schema(asked.json_schema), "strict": True}
        sent["response_format"] = {"type": "json_schema", "json_schema": schema}
    decided = ("top_p", "top_k", "repetition_penalty") if asked.do_sample else ("repetition_penalty",)
    return sent, [key for key in decided if key not in sent]


def message(prompt: str, images: Sequence[str]) -> list[dict[str, Any]]:
    """One user's message: the images, data URLs, before the text as chat templates have it."""
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}]


def data_url(image: Image.Image, max_pixels: int | None) -> str:
    """`image` as PNG, so that the server sees the very pixels; scaled down when it has more than `max_pixels`."""
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        scale = math.sqrt(max_pixels / (width * height))
        size = (max(1, min(int(width * scale), max_pixels)), max(1, min(int(height * scale), max_pixels)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    # Level 1 takes a third of the time of the default and a seventh more bytes.
    image.save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def read_answer(document: Mapping[str, Any], stops: Sequence[str] = ()) -> Answer:
    """The answer in a chat completion; Fault when it is none, so that it is asked for again."""
    try:
        choice = document["choices"][0]
        said, reason = choice["message"], choice.get("finish_reason")
        content, refusal = said.get("content"), said.get("refusal")
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Fault(f"the answer is no chat completion: {' '.join(str(document).split())[:200]}") from None
    if reason in {"abort", "error"}:
        raise Fault(f"the server gave up the answer (finish_reason {reason})")
    # Half a surrogate pair can be said in JSON and not be written to a file.
    text = str(content or "").encode("utf-8", "replace").decode("utf-8")
    for stop in stops:
        # Some servers leave the stop string in the answer (transformers serve, TGI).
        text = text.partition(stop)[0]
    answer: str | Failure = text.strip()
    if reason == "content_filter":
        answer = Failure("the server's content filter withheld the answer")
    elif refusal and not content:
        answer = Failure(f"the model refuses to answer: {' '.join(str(refusal).split())[:200]}")
    return Answer(answer, reason == "length", _usage(document.get("usage")))


def _usage(usage: Any) -> tuple[int, int] | None:
    if not isinstance(usage, dict):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return counts if isinstance(counts[0], int) and isinstance(counts[1], int) else None  # type: ignore[return-value]


def _differs(section: Any, key: str) -> bool:
    """Whether `key` was set to something else than its default."""
    return bool(getattr(section, key) != type(section).model_fields[key].default)
