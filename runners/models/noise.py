"""Library messages that tell the user nothing to act on, silenced by their text; every other warning stays."""

from __future__ import annotations

import logging
import warnings

_HARMLESS = {
    # An optional faster kernel that would be fetched from the hub.
    "bitsandbytes.backends.cpu.ops": "Failed to load CPU gemm_4bit_forward",
    # int8 computes in half precision by design.
    "bitsandbytes.autograd._functions": "MatMul8bitLt: inputs will be cast",
    # VisionEncoderDecoder's encoder reads an image, which has no mask.
    "transformers.generation.utils": "The attention mask is not set with a batched input",
}


def silence() -> None:
    """Drop the harmless messages and the libraries' own progress bars; call before loading anything."""
    for name in _HARMLESS:
        logging.getLogger(name).addFilter(_worth_reading)
    # peft asks transformers for a property by its old name.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _worth_reading(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_HARMLESS[record.name])
