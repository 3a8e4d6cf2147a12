"""Models behind a server with OpenAI's chat interface: vLLM, Ollama, SGLang, TGI, transformers serve, hosted ones.

    # model: {name: rohithbojja/llava-med-v1.6, served: {url: http://localhost:11434/v1}}
    model = ServedModel.load(config)
    model.generate(model.prepare([image], ["Write the findings and impression."]))   # ["Findings: ..."]
    model.spent()      # {"requests": 4, "retries": 0, "input_tokens": 1869, "output_tokens": 201, ...}

The weights, their precision and the chat template are the server's. `chat.py` has what is asked, `client.py` how,
`replies.py` what comes back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PIL import Image

from runners.config import RunConfig, Served
from runners.models import Failure, Prepared, Size, rows_of
from runners.models.served.chat import (
    EXTENDED,
    Answer,
    arguments,
    data_url,
    message,
    read_answer,
    refuse_what_the_server_decides,
)
from runners.models.served.client import Client, address, key_of
from runners.models.served.replies import Refused, Unanswered
from tasks.nouns import InputError

MODELS_SHOWN = 50
"""How many of a server's models run.json and messages list."""
_QUESTION = "What does the image show?"
_ADDRESS = (
    "Is this the address of an OpenAI interface? model.served.url has all that stands before /chat/completions, as in "
    "http://localhost:11434/v1"
)
_LIMIT = (
    "data.views asks for several in one message: let the server take them (vLLM: --limit-mm-per-prompt), or set it to 1"
)
_IMAGE_TOKENS = ("<image>", "<|image_pad|>", "<image_soft_token>", "[IMG]")


def identity(config: RunConfig) -> str:
    """What stands for the weights in a run's fingerprint, which nobody outside the server can hash.

    `served:rohithbojja/llava-med-v1.6`: not the host, since a server started again on another machine goes on with the
    run; each session says which it asked. Nothing is asked of the server. InputError for a url with a password and for
    keys that only a model loaded here has.
    """
    refuse_what_the_server_decides(config)
    address(_served(config).url)
    return f"served:{config.model.name}"


def refuse_unusable(config: RunConfig, prompt: str) -> None:
    """InputError for what no server could be asked, and for a key that is not there; nothing is sent."""
    identity(config)
    key_of(_served(config))
    arguments(config.generation, EXTENDED[0])
    _refuse_image_token(prompt)


class ServedModel:
    """A model that a server has loaded; `load` is the way to make one. Threads may share it."""

    facts: Mapping[str, Any]

    def __init__(self, config: RunConfig, client: Client, sent: Mapping[str, Any]) -> None:
        self._served = _served(config)
        self._client = client
        self._sent = {"model": config.model.name, **sent}
        self._sampling = config.generation.do_sample
        self._stops = config.generation.stop_strings
        self._max_pixels = config.model.max_pixels
        self._views = config.data.views
        self._lock = threading.Lock()
        self._tokens = [0, 0]
        self._uncounted = 0
        self._cut = 0

    @classmethod
    def load(cls, config: RunConfig) -> ServedModel:
        """Reach the server and show that the model answers about images as the config asks.

        InputError when it is not there, refuses the key, lacks the model, or cannot do what the config asks.
        """
        start = time.monotonic()
        refuse_what_the_server_decides(config)
        client = Client(_served(config))
        try:
            models = _listed(client)
            owner = _owner(config.model.name, models, client.url)
            sent, left = arguments(config.generation, owner)
            model = cls(config, client, sent)
            model._prove()
        except (Refused, Unanswered) as error:
            many = config.data.views
            raise InputError(
                f"{client.url}: the server does not answer about {'an image' if many == 1 else f'{many} images'}: "
                f"{error}\n  {_ADDRESS if many == 1 else _LIMIT}"
            ) from None
        model.facts = {
            "url": client.url,
            "server": {"owned_by": owner, "version": client.version(), "models": list(models)[:MODELS_SHOWN]},
            "generation": sent,
            "left_to_the_server": left,
            "prompt_form": "the server's chat template",
            "image_backend": "server",
            "image_format": "PNG",
            "max_pixels": config.model.max_pixels,
            "adapters": [],
            "concurrency": model._served.concurrency,
            "batch_invariant": False,
            "load_seconds": round(time.monotonic() - start, 3),
        }
        return model

    def prepare(
        self, images: Sequence[Image.Image], prompts: Sequence[str], views: Sequence[Sequence[Image.Image]] = ()
    ) -> Prepared:
        """A message for each image and its further `views`; InputError for a prompt in a model's own form."""
        parts = []
        for row, (shown, prompt) in enumerate(zip(rows_of(images, views), prompts, strict=True)):
            _refuse_image_token(prompt)
            parts.append(([row], self._message(prompt, shown)))
        return Prepared(parts)

    def generate(self, prepared: Prepared, *, seed: int = 0) -> list[str | Failure]:
        """The answers, in the order of the images; a Failure where the server gives none.

        InputError for what will be the same for every image, such as a refused key.
        """
        answers: list[str | Failure] = [""] * prepared.size
        for rows, messages in prepared.parts:
            try:
                answer = self._ask(messages, seed).text
            except (Refused, Unanswered) as error:
                answer = Failure(f"server: {error}")
            for row in rows:
                answers[row] = answer
        return answers

    def tokens(self, sizes: Sequence[Size], views: Sequence[Sequence[Size]] = ()) -> list[int]:
        """All alike: how many requests are answered together is the server's business."""
        return [1] * len(sizes)

    def fitting(self, longest: Size) -> int:
        """One: `concurrency` requests are under way at once, and the server forms its own batches."""
        return 1

    def spent(self) -> Mapping[str, Any]:
        """Requests, tokens and their cost since loading, what loading took included.

        A request that was given up may have cost something too: only the server knows.
        """
        with self._lock:
            (given, written), uncounted, cut = self._tokens, self._uncounted, self._cut
        prices = self._served.price_input, self._served.price_output
        cost = None
        if prices[0] is not None and prices[1] is not None:
            cost = (given * prices[0] + written * prices[1]) / 1e6
        return {
            "server": address(self._served.url),
            "requests": self._client.requests,
            "retries": self._client.retries,
            "input_tokens": given,
            "output_tokens": written,
            "answers_without_token_counts": uncounted,
            "answers_cut_at_max_new_tokens": cut,
            "cost": cost,
        }

    def close(self) -> None:
        """Ask nothing more: threads still at it end within `timeout` instead of after their last retry."""
        self._client.close()

    def _message(self, prompt: str, shown: Sequence[Image.Image]) -> list[dict[str, Any]]:
        return message(prompt, [data_url(image, self._max_pixels) for image in shown])

    def _ask(self, messages: Sequence[Mapping[str, Any]], seed: int) -> Answer:
        body = {**self._sent, "messages": messages, **({"seed": seed} if self._sampling else {})}
        answer = self._client.chat(body, partial(read_answer, stops=self._stops))
        with self._lock:
            if answer.tokens is None:
                self._uncounted += 1
            else:
                self._tokens = [a + b for a, b in zip(self._tokens, answer.tokens, strict=True)]
            self._cut += answer.cut
        return answer

    def _prove(self) -> None:
        """InputError unless the model answers, sees images, and is held to the schema where one is asked for.

        What a server refuses here it refuses for every image, so a later refusal is about the one image.
        """
        pictures = [Image.linear_gradient("L").convert("RGB"), Image.new("RGB", (256, 256), "white")]
        first, second = (self._ask(self._message(_QUESTION, [p] * self._views), 0) for p in pictures)
        if "response_format" in self._sent and not _is_json(first):
            raise InputError(
                "generation.json_schema: this server does not hold the model to it (it answered "
                f"{str(first.text)[:60]!r}): remove it, or use a server with structured output (vLLM, SGLang, Ollama)"
            )
        if self._views > 1:
            one = self._ask(self._message(_QUESTION, pictures[:1]), 0)
            if one.tokens is not None and first.tokens is not None and one.tokens[0] == first.tokens[0]:
                raise InputError(
                    f"data.views: '{self._sent['model']}' does not see {self._views} images on this server: the second "
                    "adds no token to its prompt: set data.views to 1, or serve a model that takes several"
                )
        if self._sampling or first.text != second.text:
            return
        try:
            blind = self._ask(message(_QUESTION, ()), 0)
        except (Refused, Unanswered):
            return  # a model that wants an image looks at it
        if blind.tokens is not None and first.tokens is not None and blind.tokens[0] == first.tokens[0]:
            raise InputError(
                f"model.name: '{self._sent['model']}' does not see images on this server: a picture adds no token to "
                "its prompt and changes nothing in its answer. Serve a vision-language model"
            )


def _refuse_image_token(prompt: str) -> None:
    if found := next((token for token in _IMAGE_TOKENS if token in prompt), None):
        raise InputError(
            f"prompt: it holds the image token {found}, which a server's chat template puts there itself: use a prompt "
            "without it, such as caption_concise, concepts or report"
        )


def _served(config: RunConfig) -> Served:
    if config.model.served is None:
        raise ValueError("this config names no server")
    return config.model.served


def _listed(client: Client) -> Mapping[str, str]:
    """The server's models; none where it cannot list them, and the first question shows what it has.

    `transformers serve` with a model from a folder lists the hub's cache, and fails when there is none.
    """
    try:
        return client.models()
    except (Refused, Unanswered):
        return {}


def _owner(name: str, models: Mapping[str, str], url: str) -> str:
    """Who the server says owns the model; InputError when it does not have it."""
    for known in (name, f"{name}:latest"):
        if known in models:
            return models[known]
    if not models:
        return ""
    listed = ", ".join(sorted(models)[:MODELS_SHOWN])
    raise InputError(
        f"model.name: {url} has no model '{name}'; it has: {listed}. Name one of these, or start the server with the "
        f"model (Ollama: `ollama pull {name}`)"
    )


def _is_json(answer: Answer) -> bool:
    """Whether an answer is a JSON object, or begins as one when it was cut."""
    if not isinstance(answer.text, str):
        return True
    if answer.cut:
        return answer.text.startswith("{")
    try:
        return isinstance(json.loads(answer.text), dict)
    except ValueError:
        return False
