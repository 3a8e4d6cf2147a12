"""What the tiny checkpoints share: captions to train a tokenizer on, chat templates, saving."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA3_TEXT_TEMPLATE = (
    "{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim "
    "+ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
VICUNA_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] | upper }}: {% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
INST_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[INST] {% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %} [/INST]{% endfor %}"
)
CHATML_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}IMAGE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IDEFICS_TEMPLATE = (
    "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}{% if m['content'][0]['type'] == 'image' %}:"
    "{% else %}: {% endif %}{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}<start_of_image>{% else %}{{ part['text'] | trim }}{% endif %}{% endfor %}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

TEXT = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
"""Every tiny network: two layers of width 64, which 4-bit quantization can take apart."""
LLAMA = {**TEXT, "num_key_value_heads": 2, "max_position_embeddings": 2048}

_WORDS = (
    ("chest x-ray", "axial ct of the abdomen", "mri of the brain", "ultrasound of the liver"),
    ("shows", "demonstrates", "reveals"),
    ("a small", "a large", "no"),
    ("left", "right", "bilateral"),
    ("pleural effusion", "nodule", "fracture", "mass", "cardiomegaly"),
)


def captions() -> list[str]:
    """540 captions of radiology images."""
    return [" ".join(words) + "." for words in product(*_WORDS)]


def byte_level_bpe() -> Any:
    """A tokenizer of 512 tokens that can write any text; the same one every time."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        captions(), trainers.BpeTrainer(vocab_size=512, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def fast_tokenizer(
    *, bos: str, eos: str, pad: str, more: Sequence[str] = (), form: str | None = None, **named: str
) -> Any:
    """The tokenizer with special tokens; `form` says where it puts them (`<s> $A`), `named` are its image tokens."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    bpe = byte_level_bpe()
    special = list(dict.fromkeys([bos, eos, pad, *more, *named.values()]))
    bpe.add_special_tokens(special)
    if form:
        used = [(token, bpe.token_to_id(token)) for token in {bos, eos} if token in form.split()]
        bpe.post_processor = TemplateProcessing(single=form, special_tokens=sorted(used))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        additional_special_tokens=[t for t in more if t not in (bos, eos, pad)],
        **({"extra_special_tokens": dict(named)} if named else {}),
    )
    # Beside input_ids, as the tokenizers of these families do.
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def word_piece() -> Any:
    """BERT's kind of tokenizer, written by hand: training a WordPiece vocabulary gives another one each time."""
    from transformers import BertTokenizer

    words = sorted({w for caption in captions() for w in caption.rstrip(".").replace("-", " ").split()})
    letters = [mark + chr(c) for mark in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", ".", "-", *letters, *words]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return BertTokenizer(vocab=vocabulary, bos_token="[DEC]", additional_special_tokens=["[ENC]"])


def ids(tokenizer: Any, *tokens: str) -> list[int]:
    """The ids of `tokens`."""
    return [int(i) for i in tokenizer.convert_tokens_to_ids(list(tokens))]


def special_ids(tokenizer: Any) -> dict[str, int]:
    """bos, eos and pad as configs name them."""
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}


def save(folder: Path, model: Any, *parts: Any, **generation: Any) -> None:
    """Write network, tokenizer and image processor, and a generation_config.json with `generation`."""
    from transformers import GenerationConfig

    # Random output weights of the usual size all but ignore the image; larger ones let it be heard.
    for name, weight in model.named_parameters():
        if weight.ndim >= 2:
            weight.data.mul_(4 if "embed" not in name else 1)
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
