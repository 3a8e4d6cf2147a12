"""A processor for VisionEncoderDecoder, which has none of its own: an image processor and a tokenizer side by side.

processor = Pair(image_processor, tokenizer)
processor.start = 50256                               # the decoder's first token, as the model's config says
processor(images=[image], text=["an axial"])          # pixel_values, decoder_input_ids: 50256, "an", "axial"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image


@dataclass
class Pair:
    """Image processor and tokenizer; the text is the beginning of the answer."""

    image_processor: Any
    tokenizer: Any
    start: int | None = None
    """The token every answer begins with."""

    @classmethod
    def load(cls, folder: Path, *, backend: str, trust_remote_code: bool) -> Pair:
        """Both from one folder."""
        from transformers import AutoImageProcessor, AutoTokenizer

        trust = {"trust_remote_code": trust_remote_code}
        return cls(
            AutoImageProcessor.from_pretrained(folder, backend=backend, **trust),
            AutoTokenizer.from_pretrained(folder, **trust),
        )

    def __call__(self, *, images: Sequence[Image], text: Sequence[str], **_: Any) -> Any:
        """Tensors for `generate`: (N, 3, H, W) pixels and (N, T) token ids; the texts have one length in tokens."""
        from transformers import BatchFeature

        begun = [[self.start, *self.tokenizer(line, add_special_tokens=False).input_ids] for line in text]
        pixels = self.image_processor(images, return_tensors="pt").pixel_values
        mask = [[1] * len(row) for row in begun]
        data = {"pixel_values": pixels, "decoder_input_ids": begun, "decoder_attention_mask": mask}
        return BatchFeature(data, tensor_type="pt")
