"""A text encoder: any transformers checkpoint that makes a vector of each token, such as SapBERT or MiniLM.

SapBERT (Liu et al., NAACL 2021; huggingface.co/cambridgeltl/SapBERT-from-PubMedBERT-fulltext) takes the vector of the
first token, its -mean-token variant and sentence encoders the mean. A checkpoint of sentence-transformers says which in
1_Pooling/config.json; another is read by its first token, unless its name says mean:

    encoder = load_text_encoder("models/sapbert")
    encoder.embed(["pleural effusion", "heart"]).shape      # (2, 768), each of unit length
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from runners.checkpoints import locate, read_json
from tasks.nouns import InputError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

LONGEST = 32
"""Tokens of a phrase or name that are read."""
BATCH = 256
_PLAIN = "heart and lung"
_POOLING = Path("1_Pooling/config.json")
_BROKEN = (OSError, ValueError, ImportError, RuntimeError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True)
class TextEncoder:
    """Texts to vectors."""

    tokenizer: Any
    network: Any
    pooling: Literal["mean", "first"]
    device: torch.device

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts to N x D, each of unit length."""
        by_length = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # little padding
        parts = [by_length[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        vectors = [self._embed([texts[n] for n in part]) for part in parts]
        together = np.concatenate(vectors)
        placed = np.empty_like(together)
        placed[by_length] = together
        return placed

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        given = self.tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        given = given.to(self.device)
        with torch.inference_mode():
            states = self.network(**given).last_hidden_state.float()
            if self.pooling == "first":
                states = states[:, 0]
            else:
                seen = given["attention_mask"][..., None]
                states = (states * seen).sum(1) / seen.sum(1).clamp(min=1)
            vectors: NDArray[np.float32] = torch.nn.functional.normalize(states, dim=1).cpu().numpy()
        return vectors


def load_text_encoder(name: str) -> TextEncoder:
    """The encoder in a folder or of a hub id, in float32, on the accelerator when there is one.

    InputError when it is missing or broken, or makes no vectors of text alone.
    """
    folder = locate(name).path
    try:
        tokenizer, network, missing = _open(folder)
        encoder = TextEncoder(tokenizer, network, _pooling(folder, name), network.device)
        # Without its files transformers makes a tokenizer that knows no word.
        if set(tokenizer(_PLAIN)["input_ids"]) <= set(tokenizer.all_special_ids):
            raise ValueError("its tokenizer is missing")
        encoder.embed([_PLAIN])
    except _BROKEN as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"--encoder {name}: it makes no vectors of text: {reason}: give a text encoder") from error
    if missing:
        raise InputError(
            f"--encoder {name}: {folder} lacks {len(missing)} weights, such as {missing[0]}: fetch it again"
        )
    return encoder


def _open(folder: Path) -> tuple[Any, Any, list[str]]:
    """Tokenizer, network, and the weights that the file lacks; those of a pooling of its own are not used."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    from runners.models.loading import resolve_device
    from runners.models.noise import silence

    silence()
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # it lists missing weights, the unused ones too
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        network, info = AutoModel.from_pretrained(folder, use_safetensors=True, output_loading_info=True)
    finally:
        logging.set_verbosity(before)
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    return tokenizer, network.float().to(resolve_device("auto")).eval(), missing


def _pooling(folder: Path, name: str) -> Literal["mean", "first"]:
    if not (folder / _POOLING).is_file():
        return "mean" if "mean" in Path(name).name.lower() else "first"
    said = read_json(folder / _POOLING)
    if said.get("pooling_mode_mean_tokens"):
        return "mean"
    if said.get("pooling_mode_cls_token"):
        return "first"
    raise InputError(f"{folder / _POOLING}: neither the mean nor the first token: give another encoder")
