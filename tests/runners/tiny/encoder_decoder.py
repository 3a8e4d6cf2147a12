"""Florence-2 and VisionEncoderDecoder: an encoder reads the image, a decoder writes."""

from __future__ import annotations

from pathlib import Path

from tests.runners.tiny.parts import TEXT, fast_tokenizer, save, special_ids


def florence2(folder: Path) -> None:
    """Florence-2: DaViT and BART."""
    from transformers import (
        CLIPImageProcessorPil,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="<s> $A </s>", image_token="<image>")
    images = CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = 5
    special = special_ids(tokenizer)
    two = {"depths": [1, 1], "patch_size": [7, 3], "patch_stride": [4, 8], "patch_padding": [3, 1]}
    vision = {
        **two,
        "patch_prenorm": [False, True],
        "embed_dim": [64, 64],
        "num_heads": [4, 4],
        "num_groups": [4, 4],
        "window_size": 4,
        "projection_dim": 64,
    }
    text = {
        "model_type": "bart",
        "d_model": 64,
        **{f"{half}_{key}": value for half in ("encoder", "decoder") for key, value in _BART.items()},
        "vocab_size": len(tokenizer),
        "decoder_start_token_id": tokenizer.eos_token_id,
        "forced_eos_token_id": None,
        **special,
    }
    config = Florence2Config(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.image_token_id,
        tie_word_embeddings=False,
    )
    save(
        folder,
        Florence2ForConditionalGeneration(config),
        Florence2Processor(images, tokenizer),
        decoder_start_token_id=tokenizer.eos_token_id,
        **special,
    )


def vision_encoder_decoder(folder: Path) -> None:
    """ViT and GPT-2, as nlpconnect/vit-gpt2-image-captioning: no processor of its own."""
    from transformers import (
        GPT2Config,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessorPil,
    )

    tokenizer = fast_tokenizer(bos="<|endoftext|>", eos="<|endoftext|>", pad="<|endoftext|>")
    special = special_ids(tokenizer)
    decoder = GPT2Config(
        n_layer=2, n_embd=64, n_head=4, n_positions=128, vocab_size=len(tokenizer), **special, add_cross_attention=True
    )
    encoder = ViTConfig(**TEXT, image_size=32, patch_size=8)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id = tokenizer.bos_token_id, tokenizer.pad_token_id
    images = ViTImageProcessorPil(size={"height": 32, "width": 32})
    start = {"decoder_start_token_id": tokenizer.bos_token_id}
    save(folder, VisionEncoderDecoderModel(config=config), images, tokenizer, **special, **start)


_BART = {"layers": 2, "attention_heads": 4, "ffn_dim": 128}
