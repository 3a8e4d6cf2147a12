"""EfficientNet-Lite as the vision tower of a LLaVA, which transformers does not have.

MBConv blocks without squeeze-and-excitation and with ReLU6 (EfficientNet: Tan & Le 2019, arXiv 1905.11946; Lite:
github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Batch norms are folded into the convolutions,
so the network is the same while it trains. 1 x 1 convolutions are linear layers, which LoRA and 4-bit weights know.

    import runners.models.efficientnet_lite                        # from now on transformers knows the model type
    tower = AutoModel.from_config(EfficientNetLiteConfig())        # random weights; runners/small_model has real ones
    tower(torch.zeros(2, 3, 224, 224)).last_hidden_state           # (2, 49, 1280): a grid of 7 x 7
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad, relu6
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel, initialization
from transformers.modeling_outputs import BaseModelOutputWithPooling

_LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Blocks(NamedTuple):
    """Blocks of one kind, one behind the other."""

    repeats: int
    kernel: int
    stride: int
    """Of the first of them; the others keep the size."""
    expansion: int
    width: int
    """Channels of their outputs."""


class EfficientNetLiteConfig(PreTrainedConfig):  # type: ignore[misc]
    """The shape of the network; the defaults are EfficientNet-Lite0."""

    model_type = "efficientnet-lite"

    image_size: int = 224
    patch_size: int = 32
    """Pixels of an edge of what one output vector stands for; above 32, neighbours are averaged."""
    stem_width: int = 32
    blocks: list[list[int]] | tuple[tuple[int, ...], ...] = _LITE0
    """The numbers of `Blocks`, for each kind."""
    hidden_size: int = 1280


class EfficientNetLite(PreTrainedModel):  # type: ignore[misc]
    """Images (N, 3, H, W) to vectors (N, T, hidden_size), T of (image_size / patch_size)^2, row by row."""

    config_class = EfficientNetLiteConfig
    config: EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    # There is none in it, so whatever the language model asks for will do.
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        self.stem = nn.Conv2d(3, config.stem_width, 3, stride=2)
        blocks, width = [], config.stem_width
        for kind in (Blocks(*numbers) for numbers in config.blocks):
            for n in range(kind.repeats):
                blocks.append(_Block(width, kind, stride=kind.stride if n == 0 else 1))
                width = kind.width
        self.blocks = nn.ModuleList(blocks)
        self.widen = nn.Linear(width, config.hidden_size)
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """The vectors, also as the only hidden state, and their mean."""
        side = self.config.image_size // self.config.patch_size
        x = relu6(_convolved(self.stem, pixel_values.permute(0, 2, 3, 1)))
        for block in self.blocks:
            x = block(x)
        x = relu6(self.widen(x))
        if x.shape[1:3] != (side, side):
            x = adaptive_avg_pool2d(x.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1)
        vectors = x.flatten(1, 2)
        return BaseModelOutputWithPooling(
            last_hidden_state=vectors, pooler_output=vectors.mean(1), hidden_states=(vectors,)
        )

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Random weights that keep the size of what passes, so that an untrained tower is not blind."""
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            initialization.kaiming_normal_(module.weight, nonlinearity="relu")
            initialization.zeros_(module.bias)


class _Block(nn.Module):
    """Widen, look at the neighbours channel by channel, narrow; x stays (N, H, W, channels)."""

    def __init__(self, width: int, kind: Blocks, *, stride: int) -> None:
        super().__init__()
        wide = width * kind.expansion
        self.expand = nn.Linear(width, wide) if kind.expansion > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, kind.kernel, stride=stride, groups=wide)
        self.project = nn.Linear(wide, kind.width)
        self.skip = stride == 1 and width == kind.width

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else relu6(self.expand(x))
        narrow: Tensor = self.project(relu6(_convolved(self.depthwise, wide)))
        return x + narrow if self.skip else narrow


def _convolved(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """`layer` on x of (N, H, W, channels), padded as TensorFlow does: one pixel more on the right and below."""
    gaps = []
    for size, kernel, stride in zip(x.shape[2:0:-1], layer.kernel_size[::-1], layer.stride[::-1], strict=True):
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        gaps += [missing // 2, missing - missing // 2]
    convolved: Tensor = layer(pad(x.permute(0, 3, 1, 2), gaps))
    return convolved.permute(0, 2, 3, 1)


AutoConfig.register(EfficientNetLiteConfig.model_type, EfficientNetLiteConfig, exist_ok=True)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLite, exist_ok=True)
