"""Processors: images and prompts to tensors, on the CPU.

Facts this rests on, all observed with transformers 5.23: the processors of Qwen2-VL and others hold a video half
that cannot load without torchvision; torchvision's pixels differ in the last bit from PIL's; older LLaVA
checkpoints (xtuner/llava-llama-3-8b-v1_1-transformers) come without processor_config.json, and some with a chat
template for text alone. So: one image backend, named by the caller; the video half always left out; what is missing
filled in from the model.

    processor, changed = load_processor(folder, family, model, max_pixels=None, trust_remote_code=False)
    form, ask = prompt_form(processor, family)
    processor(images=[[frontal, lateral]], text=[ask("Describe this study.", 2)], return_tensors="pt", padding=True)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from runners.models.families import Family
from runners.models.image_backend import ImageBackend
from runners.models.pairs import Pair
from tasks.nouns import InputError

_QUESTION = "What does the image show?"
FALLBACK = "fallback"
"""The prompt form of a checkpoint whose files hold no usable chat template."""
_MEND = (
    "\n  The processor is the tokenizer and the image preprocessing: copy tokenizer*, *processor_config.json and "
    "chat_template* of the original model beside the weights"
)


class Ask(Protocol):
    """From a prompt to the text the model takes; InputError for one that it does not take."""

    def __call__(self, prompt: str, images: int = 1) -> str:
        """The text for a prompt and so many images."""
        ...


def load_processor(
    folder: Path,
    family: Family,
    model: Any,
    *,
    max_pixels: int | None,
    trust_remote_code: bool,
    backend: ImageBackend = "pil",
) -> tuple[Any, dict[str, Any]]:
    """The processor of a checkpoint, ready for generation, and what had to be set beyond its files."""
    try:
        processor = _load(folder, family.model_type, backend=backend, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError, TypeError, KeyError, AttributeError) as error:
        said = str(error).strip().partition("\n")[0]
        raise InputError(f"{folder}: its processor cannot be loaded: {said}{_MEND}") from error
    _refuse_mute(processor, family, folder)
    changed = _fill_in(processor, model) | _limit_pixels(processor, family, max_pixels)
    tokenizer = processor.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
        changed["pad_token"] = tokenizer.pad_token
    return processor, changed


def prompt_form(processor: Any, family: Family) -> tuple[str, Ask]:
    """How a checkpoint is asked: the name of the form, and the function from a prompt to the model's input text.

    A prompt that contains the image token is taken as it is, without any template: the way to speak to an
    adapter that was trained in another form than its base model's.
    """
    token = _image_token(processor, family)
    if family.prompt == "plain":

        def plain(prompt: str, images: int = 1) -> str:
            refuse_several(family, images)
            return _filled(family, token or "", _once(prompt, token, images), images)

        return "plain", plain
    if token is None:
        raise InputError(
            f"{family.model_type}: its processor names no image token: a row in runners/models/families.yaml must "
            "say how this family is asked (`prompt: plain`, or its image_token)"
        )
    bos = processor.tokenizer.bos_token if _adds_bos(processor.tokenizer) else None

    def form(render: Callable[[str, int], str]) -> Ask:
        def ask(prompt: str, images: int = 1) -> str:
            refuse_several(family, images)
            text = _once(prompt, token, images) if token in prompt else render(prompt, images)
            if images > 1 and text.count(token) != images:
                raise InputError(
                    f"data.views: this checkpoint's chat template shows {text.count(token)} of {images} images: set "
                    "data.views to 1"
                )
            # Template and tokenizer would each put one: two change what the model writes.
            return text.removeprefix(bos) if bos else text

        return ask

    for name, render in _renderers(processor, family, token).items():
        text = _rendered(render)
        if text is not None and text.count(token) == 1 and _QUESTION in text:
            return name, form(render)
    raise InputError(f"{family.model_type}: no chat template of this checkpoint prints the image token {token}")


def image_backend(processor: Any) -> str:
    """`pil` or `torchvision`: their pixels differ in the last bit."""
    return "pil" if type(processor.image_processor).__name__.endswith("Pil") else "torchvision"


def _image_token(processor: Any, family: Family) -> str | None:
    """What stands for the image in a prompt; None for a family that has no such token (BLIP)."""
    token = family.image_token or getattr(processor, "image_token", None)
    return None if token is None else str(token)


def refuse_several(family: Family, images: int) -> None:
    """InputError for more than one image with a family that takes one."""
    if images > 1 and not family.several_images:
        raise InputError(
            f"data.views: a prompt of '{family.model_type}' holds one image, not {images}: set data.views to 1, or "
            "take a family whose prompts hold several, such as Qwen2-VL, Gemma 3 or LLaVA"
        )


def _once(prompt: str, token: str | None, images: int) -> str:
    """`prompt`; InputError when it holds the image token and there are more tokens or images than one.

    Beside a token of the user's own, how many images a study has would be for the user to know.
    """
    if token is None or token not in prompt:
        return prompt
    if prompt.count(token) > 1:
        raise InputError(
            f"prompt: it holds the image token {token} {prompt.count(token)} times: keep one, for one image, or none, "
            "and each image of a study (data.views) gets its own"
        )
    if images > 1:
        raise InputError(
            f"prompt: it holds the image token {token} once, and data.views shows a study's {images} images: take the "
            "token out, so that each image gets its own, or set data.views to 1"
        )
    return prompt


def _refuse_mute(processor: Any, family: Family, folder: Path) -> None:
    """InputError for a tokenizer without words: where its files are missing, transformers makes an empty one."""
    tokenizer = processor.tokenizer
    token = _image_token(processor, family)
    if not set(tokenizer(_QUESTION, add_special_tokens=False).input_ids) - {tokenizer.unk_token_id}:
        raise InputError(f"{folder}: its tokenizer knows no words: its files are missing, or of another kind{_MEND}")
    # The processors of BLIP-2 and InstructBLIP put theirs in themselves, by number.
    if isinstance(getattr(processor, "image_token", None), str) and token not in tokenizer.get_vocab():
        raise InputError(f"{folder}: its tokenizer has no image token {token}: it is another model's{_MEND}")
    if hasattr(processor, "qformer_tokenizer") and not (folder / "qformer_tokenizer").is_dir():
        raise InputError(
            f"{folder} lacks the folder qformer_tokenizer: the Q-Former would read the prompt as other words{_MEND}"
        )


def _load(folder: Path, model_type: str, *, backend: ImageBackend, trust_remote_code: bool) -> Any:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as NETWORKS
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES as PROCESSORS

    kind = getattr(transformers, PROCESSORS.get(model_type) or "", None)
    if kind is None and model_type in NETWORKS:
        return Pair.load(folder, backend=backend, trust_remote_code=trust_remote_code)
    if kind is not None and any("video" in name for name in kind.get_attributes()):
        return image_only(kind).from_pretrained(folder, backend=backend)
    return transformers.AutoProcessor.from_pretrained(folder, backend=backend, trust_remote_code=trust_remote_code)


def image_only(kind: Any) -> Any:
    """The processor class `kind` without its video half."""
    from transformers import ProcessorMixin

    class ImageOnly(kind):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in kind.get_attributes() if "video" not in name]

        def __init__(self, image_processor: Any = None, tokenizer: Any = None, **kwargs: Any) -> None:
            kind.__init__(self, image_processor, tokenizer, None, **kwargs)

        @classmethod
        def from_args_and_dict(cls, args: Any, processor_dict: dict[str, Any], **kwargs: Any) -> Any:
            # The inherited method looks at __init__'s signature, which hides chat_template and the like.
            accepted = set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
            accepted -= set(kind.get_attributes())
            given = {**processor_dict, **kwargs}
            return cls(*args, **{key: value for key, value in given.items() if key in accepted})

        # SmolVLM's own asks the video half for its defaults.
        apply_chat_template = ProcessorMixin.apply_chat_template

    ImageOnly.__name__ = ImageOnly.__qualname__ = kind.__name__
    return ImageOnly


def _fill_in(processor: Any, model: Any) -> dict[str, Any]:
    """What a processor needs to count image tokens or to begin an answer, from the model; returns what was set."""
    vision = getattr(model.config, "vision_config", None)
    facts = {
        "start": getattr(model.config, "decoder_start_token_id", None),
        "num_query_tokens": getattr(model.config, "num_query_tokens", None),
        "patch_size": getattr(vision, "patch_size", None),
        "vision_feature_select_strategy": getattr(model.config, "vision_feature_select_strategy", None),
        # The vision tower's class token, where it has one.
        "num_additional_image_tokens": int(
            any(name.endswith("class_embedding") for name, _ in model.named_parameters())
        ),
    }
    changed = {
        key: value
        for key, value in facts.items()
        if value is not None and hasattr(processor, key) and getattr(processor, key) != value
    }
    for key, value in changed.items():
        setattr(processor, key, value)
    return changed


def _limit_pixels(processor: Any, family: Family, max_pixels: int | None) -> dict[str, Any]:
    if family.max_pixels is None:
        if max_pixels is not None:
            raise InputError(
                f"model.max_pixels: '{family.model_type}' sees every image at one size, or in a fixed number of tiles: "
                "set it to null"
            )
        return {}
    images = processor.image_processor
    size = dict(images.size)
    limit = max_pixels or min(size["longest_edge"], family.max_pixels)
    if limit == size["longest_edge"]:
        return {}
    images.size = {"shortest_edge": min(size["shortest_edge"], limit), "longest_edge": limit}
    return {"max_pixels": limit}


def _renderers(processor: Any, family: Family, token: str) -> dict[str, Callable[[str, int], str]]:
    """The ways to ask with a number of images, the best first."""
    template = processor.chat_template or processor.tokenizer.chat_template

    def chat(content: Any) -> str:
        messages = [{"role": "user", "content": content}]
        return str(
            processor.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
        )

    ways: dict[str, Callable[[str, int], str]] = {}
    if template:
        ways["chat template"] = lambda p, n: chat([*[{"type": "image"}] * n, {"type": "text", "text": p}])
        ways["chat template for text"] = lambda p, n: chat(f"{token}\n" * n + p)
    ways[FALLBACK] = lambda p, n: _filled(family, token, p, n)
    return ways


def _filled(family: Family, token: str, prompt: str, images: int) -> str:
    if token and token in prompt:
        return prompt
    return family.form.replace("{image}", token * images).replace("{prompt}", prompt)


def _rendered(render: Callable[[str, int], str]) -> str | None:
    from jinja2 import TemplateError

    try:
        return render(_QUESTION, 1)
    except (TemplateError, TypeError, ValueError):
        return None  # a template for text alone fails on parts, and the other way round


def _adds_bos(tokenizer: Any) -> bool:
    return tokenizer.bos_token_id is not None and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]
