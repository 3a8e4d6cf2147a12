"""The untrained model, its tokenizer and its processor.

LLaVA as the big checkpoints are built: CLIP tower, projector of two layers, Llama, chat template on the
processor. Widths are multiples of 64, as 4-bit weights on CPU want them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from runners.config import Prompt
from runners.prompts import prompt_text, prompts_of
from runners.sample_model.material import GRID, description, task_answers
from tasks.nouns import Example, Task
from tasks.sample.release import record_of

EDGE = 128
"""The model's image size."""
MEAN, STD = 0.35, 0.3
"""Normalisation of grey levels (0 to 1), the same for the three channels."""
WIDTH = 192
VOCABULARY = 1024
BOS, EOS, PAD, IMAGE, USER, ASSISTANT = "<s>", "</s>", "<pad>", "<image>", "<user>", "<assistant>"

PROMPTS = ("concepts", "caption", "report", "describe")
"""Names of the prompts that this model is asked with, and `report_context` with what is known of a patient."""
TEMPLATE = (
    "{{ '<s>' }}{% for message in messages %}{{ '<' + message['role'] + '>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ '</s>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def build_tokenizer(texts: Iterable[str]) -> Any:
    """Byte-level BPE: training it twice on the same texts gives the same vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS, IMAGE, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=[IMAGE, USER, ASSISTANT],
        padding_side="left",
        model_max_length=1024,
    )


def build_processor(tokenizer: Any) -> Any:
    """Image processor, tokenizer and chat template in one."""
    images = CLIPImageProcessorPil(
        size={"shortest_edge": EDGE},
        crop_size={"height": EDGE, "width": EDGE},
        image_mean=[MEAN] * 3,
        image_std=[STD] * 3,
    )
    return LlavaProcessor(
        images,
        tokenizer,
        patch_size=EDGE // GRID,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=TEMPLATE,
    )


def build_model(tokenizer: Any, *, seed: int) -> Any:
    """The model with random weights."""
    torch.manual_seed(seed)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in (("bos", BOS), ("eos", EOS), ("pad", PAD))}
    config = LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "image_size": EDGE,
            "patch_size": EDGE // GRID,
            "hidden_size": WIDTH,
            "intermediate_size": 512,
            "num_hidden_layers": 6,
            "num_attention_heads": 6,
            "projection_dim": WIDTH,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": VOCABULARY,
            "hidden_size": WIDTH,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
            **{f"{name}_token_id": number for name, number in ids.items()},
        },
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=GRID * GRID,
        tie_word_embeddings=True,
        **{f"{name}_token_id": number for name, number in ids.items()},
    )
    # Eager attention: the fused kernel's backward pass is four times slower on CPU at these lengths.
    model = LlavaForConditionalGeneration._from_config(config, attn_implementation="eager")
    model.generation_config = GenerationConfig(
        **{f"{name}_token_id": number for name, number in ids.items()}, max_new_tokens=160, do_sample=False
    )
    return model


def texts(count: int) -> list[str]:
    """What the tokenizer is trained on: the prompts this model is asked with, and the answers to `count` phantoms."""
    prompts = [Prompt(name=name, language="en") for name in PROMPTS]
    prompts += [Prompt(name=name, language="es") for name in PROMPTS]
    records = [record_of("extra", number) for number in range(count)]
    said = [text for record in records for text in (description(record), *task_answers(record))]
    patients = [Example(r.image_id, Path(r.image_id), "extra", context=r.patient) for r in records if r.report]
    of_patients = prompts_of(Prompt(name="report_context"), patients, task=Task.REPORTS, vocabulary=None)
    return [*[prompt_text(prompt) for prompt in prompts] * 20, *of_patients, *said]


def save_untrained(folder: Path, *, images: int, seed: int = 1) -> None:
    """Write the model with random weights, and a tokenizer trained on the texts of `images` phantoms."""
    tokenizer = build_tokenizer(texts(images))
    build_processor(tokenizer).save_pretrained(folder)
    build_model(tokenizer, seed=seed).bfloat16().save_pretrained(folder)
