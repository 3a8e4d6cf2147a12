"""A tiny BERT with random weights, in which some words have the vector of another, as a trained one would have."""

from __future__ import annotations

import json
from pathlib import Path

SAME = {"pulmonary": "lung", "cardiac": "heart", "fluid": "effusion"}
"""Word -> the word whose vector it has."""
WORDS = ("lung", "heart", "effusion", "pleural", "shadow", "large", "the", "of", "no", *SAME)


def tiny_bert(folder: Path, *, pooling: str | None = None) -> Path:
    """The checkpoint in `folder`; `pooling` as sentence-transformers writes it."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.5,
    )
    network = BertModel(config, add_pooling_layer=False)
    vectors = network.get_input_embeddings().weight.data
    vectors *= 10  # far apart, whatever stands beside a word
    for word, other in SAME.items():
        vectors[tokens.index(word)] = vectors[tokens.index(other)]
    network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    if pooling:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling/config.json").write_text(json.dumps({pooling: True}), encoding="utf-8")
    return folder
