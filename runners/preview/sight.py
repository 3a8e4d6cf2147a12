"""What a model sees of a prompt and an image: the text, the tokens, and whether both sides count the image alike."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from runners.models.families import Family
from runners.models.image_tokens import produced_image_tokens
from runners.models.loading import noise_image
from runners.preview.hollow import count_patches, features_of
from tasks.nouns import InputError


@dataclass(frozen=True)
class Sight:
    """One prompt with the images of a study, all of one size, as tensors say it."""

    text: str
    """Decoded from the token ids, runs of image tokens folded into `<image> x 576`."""
    side: int
    """Width and height of the large image, in pixels: the pixel limit's, or 1024."""
    tokens: int
    """Of the prompt with large images."""
    patches: int
    """Of the large images."""
    placeholders: int
    """Image tokens in the prompt with small images; 0 for a family that has none."""
    vectors: int | None
    """What the network makes of these images; None: not known before it is loaded."""
    images: int = 1
    """How many the prompt holds."""
    refused: str = ""
    """Why the network does not take what the processor gives."""

    @property
    def mend(self) -> str:
        """What to do; empty when prompt and network agree."""
        if not self.refused and self.vectors in {None, self.placeholders}:
            return ""
        return (
            "compare patch_size, vision_feature_select_strategy and image size in *processor_config.json with "
            "config.json: the processor files of another model lie beside the weights"
        )

    @property
    def length(self) -> str:
        """For people."""
        shown = "an image" if self.images == 1 else f"{self.images} images"
        return f"{self.tokens} tokens with {shown} of {self.side} x {self.side}"

    @property
    def said(self) -> str:
        """For people."""
        if self.refused:
            return f"the network does not take what the processor makes of an image: {self.refused}"
        if not self.placeholders and not self.vectors:
            return "none: the image is looked at by cross-attention"
        if self.vectors is None:
            return f"{self.placeholders} in the prompt; the network's count is checked when it is loaded"
        small = "one small image" if self.images == 1 else f"{self.images} small images"
        return f"{self.placeholders} in the prompt, {self.vectors} from the vision tower ({small})"


def see(network: Any, processor: Any, text: str, family: Family, *, images: int = 1) -> Sight:
    """`text`, as `prompt_form` made it for so many images, with small ones and with large ones."""
    small = _inputs(processor, text, 96, images)
    limit = dict(processor.image_processor.size).get("longest_edge", 0) if family.max_pixels else 0
    side = math.isqrt(limit) if limit else 1024
    large = _inputs(processor, text, side, images)
    row = _ids(small)[0]
    placeholders = produced_image_tokens(network, small)
    vectors, refused = None, ""
    try:
        vectors = None if placeholders is None else features_of(network, small)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        refused = str(error).strip().partition("\n")[0]
    return Sight(
        text=_folded(processor.tokenizer, row.tolist(), _image_token(network)),
        side=side,
        tokens=int(_ids(large).shape[1]),
        patches=count_patches(network.config, large["pixel_values"]),
        placeholders=placeholders or 0,
        vectors=vectors,
        images=images,
        refused=refused,
    )


def _inputs(processor: Any, text: str, side: int, images: int) -> Any:
    try:
        return processor(images=[[noise_image(side)] * images], text=[text], padding=True, return_tensors="pt")
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(
            f"the processor does not take this prompt with an image: {error}\n  A prompt of your own holds the image "
            "token exactly once, or not at all"
        ) from error


def _ids(inputs: Any) -> Any:
    """Token ids, (1, T)."""
    return inputs["input_ids"] if "input_ids" in inputs else inputs["decoder_input_ids"]


def _image_token(network: Any) -> int | None:
    ids = (getattr(network.config, key, None) for key in ("image_token_id", "image_token_index"))
    return next((number for number in ids if isinstance(number, int)), None)


def _folded(tokenizer: Any, ids: list[int], token: int | None) -> str:
    text = str(tokenizer.decode(ids, skip_special_tokens=False))
    if token is None:
        return text
    word = str(tokenizer.convert_ids_to_tokens(token))
    pattern = rf"{re.escape(word)}(?:\s*{re.escape(word)})+"
    return re.sub(pattern, lambda found: f"{word} x {found[0].count(word)}", text)
