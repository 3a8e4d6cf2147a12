"""Stages 2 and 3: the projector and the language model learn to describe; adapters learn the three tasks.

The tower is frozen by then, so its patches are computed once. Every sequence is what the processor's chat
template gives at run time, and the loss is taken on the answer alone:

    <s><user><image>×64 List the medical concepts ...<assistant>Plain x-ray; Chest; Normal</s>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from runners.sample_model.material import GRID, Material
from runners.sample_model.vision import batches, patches, to_pixels
from tasks.sample.lexicon import CONCEPTS
from tasks.sample.release import Record

BATCH = 64
NOTHING = -100
"""Label of a token that is not answered for."""

LANGUAGE_LINEARS = (
    r".*(language_model\.layers.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    r"|multi_modal_projector\.linear_[12])"
)
"""What the adapters change."""


def description(record: Record) -> str:
    """A plain statement of what is there, for the base model: `xray chest: effusion left large, cardiomegaly`."""
    scene = record.scene
    found = ", ".join(" ".join(filter(None, (f.kind, f.side, f.size))) for f in scene.findings) or "normal"
    return f"{scene.modality} {scene.region}: {found}"


def concepts(record: Record) -> str:
    """The answer of concept detection: canonical names."""
    return "; ".join(CONCEPTS[key].name for key in record.scene.keys)


def caption(record: Record) -> str:
    """The answer of caption prediction."""
    return record.caption


def report(record: Record) -> str:
    """The answer of report generation; empty for images that have none."""
    text = record.report
    return f"Findings: {text.findings}\nImpression: {text.impression}" if text else ""


ANSWERS: dict[str, tuple[str, Callable[[Record], str]]] = {
    "concept_detection": ("concepts", concepts),
    "caption_prediction": ("caption", caption),
    "report_generation": ("report", report),
}
"""Task -> name of its prompt, and the answer to learn."""


@torch.inference_mode()
def see(tower: nn.Module, material: Material) -> Tensor:
    """The patches of every image, bf16."""
    tower.eval()
    parts = []
    for at in range(0, len(material.pixels), 250):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(patches(tower, to_pixels(material.pixels[at : at + 250])).bfloat16())
    return torch.cat(parts)


@dataclass(frozen=True)
class Lesson:
    """Prompts and answers about seen images, tokenised."""

    seen: Tensor
    rows: Sequence[int]
    """Row of `seen` for every sequence; -1 for text without an image."""
    tokens: Sequence[Sequence[int]]
    answers: Sequence[int]
    """Where the answer begins."""

    @classmethod
    def make(cls, processor: Any, seen: Tensor, pairs: Sequence[tuple[int, str, str]]) -> Lesson:
        """`pairs`: row, prompt, answer; with row -1 the answer stands alone."""
        tokenizer, prefixes = processor.tokenizer, dict[str, list[int]]()
        end = tokenizer.eos_token_id
        rows, tokens, starts = [], [], []
        for row, prompt, answer in pairs:
            if prompt not in prefixes:
                prefixes[prompt] = prefix(processor, prompt) if row >= 0 else [tokenizer.bos_token_id]
            tail = tokenizer(answer, add_special_tokens=False)["input_ids"]
            rows.append(row)
            tokens.append([*prefixes[prompt], *tail, end])
            starts.append(len(prefixes[prompt]))
        return cls(seen, rows, tokens, starts)

    def batch(self, picks: Sequence[int], pad: int) -> tuple[Tensor, Tensor, Tensor]:
        """Padded tokens and labels, and the patches of the picked sequences."""
        length = max(len(self.tokens[p]) for p in picks)
        ids = torch.full((len(picks), length), pad)
        labels = torch.full((len(picks), length), NOTHING)
        for i, p in enumerate(picks):
            line = torch.tensor(self.tokens[p])
            ids[i, : len(line)] = line
            labels[i, self.answers[p] : len(line)] = line[self.answers[p] :]
        return ids, labels, self.seen[[self.rows[p] for p in picks if self.rows[p] >= 0]]


def prefix(processor: Any, prompt: str) -> list[int]:
    """Tokens before the answer, with the place of every patch."""
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    image = processor.image_token
    ids: list[int] = processor.tokenizer(text.replace(image, image * GRID * GRID), add_special_tokens=False)[
        "input_ids"
    ]
    return ids


def answer_loss(model: Any, ids: Tensor, labels: Tensor, seen: Tensor) -> Tensor:
    """Cross-entropy of the answers; padding stands on the right, so it needs no mask."""
    inner = model.model
    embedded = inner.language_model.embed_tokens(ids)
    place = (ids == model.config.image_token_index)[..., None].expand_as(embedded)
    embedded = embedded.masked_scatter(place, inner.multi_modal_projector(seen).to(embedded.dtype))
    hidden = inner.language_model(inputs_embeds=embedded).last_hidden_state
    asked = labels[:, 1:] != NOTHING
    logits = model.lm_head(hidden[:, :-1][asked])
    return nn.functional.cross_entropy(logits.float(), labels[:, 1:][asked])


def teach(model: Any, lesson: Lesson, *, epochs: float, rate: float, pad: int, name: str, seed: int) -> None:
    """Train whatever of the model requires gradients, in place."""
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    steps = int(epochs * (len(lesson.tokens) // BATCH))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    rng, step, mean = np.random.default_rng(seed), 0, 0.0
    model.train()
    while step < steps:
        for picks in batches(len(lesson.tokens), BATCH, rng):
            ids, labels, seen = lesson.batch([int(p) for p in picks], pad)
            with torch.autocast("cpu", torch.bfloat16):
                loss = answer_loss(model, ids, labels, seen)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            step, mean = step + 1, mean + loss.item()
            if step % 100 == 0:
                print(f"{name} {step}/{steps}: loss {mean / 100:.4f}", flush=True)
                mean = 0.0
            if step == steps:
                return


def teach_base(model: Any, processor: Any, seen: Tensor, material: Material, prompts: Any, *, epochs: float) -> None:
    """Stage 2: describe what is seen, and read captions and reports as plain text."""
    rng = np.random.default_rng(2)
    pairs = []
    for row in range(len(seen)):
        record = material.record(row)
        pairs.append((row, _in_a_language(prompts["describe"], rng), description(record)))
        if row % 3 == 0:
            text = [concepts(record), caption(record), report(record) or caption(record)][row // 3 % 3]
            pairs.append((-1, "", text))
    model.requires_grad_(False)
    model.model.multi_modal_projector.requires_grad_(True)
    model.model.language_model.requires_grad_(True)
    lesson = Lesson.make(processor, seen, pairs)
    teach(model, lesson, epochs=epochs, rate=2e-3, pad=processor.tokenizer.pad_token_id, name="base", seed=3)


def _in_a_language(prompt: dict[str, str], rng: np.random.Generator) -> str:
    return prompt["en"] if rng.random() < 0.65 else prompt["es"]


def round_to_nf4(model: Any) -> None:
    """Give the language model the weights that it will have in 4-bit, so that the adapters fit those."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    for module in model.model.language_model.layers.modules():
        if isinstance(module, nn.Linear):
            packed, state = quantize_4bit(
                module.weight.data.bfloat16(), blocksize=64, compress_statistics=True, quant_type="nf4"
            )
            module.weight.data = dequantize_4bit(packed, state).float()


def teach_adapter(
    model: Any, processor: Any, seen: Tensor, material: Material, prompts: Any, *, task: str, epochs: float, out: Path
) -> None:
    """Stage 3: one LoRA adapter on the frozen 4-bit base; saved to `out`, the base left as it was."""
    from peft import LoraConfig, get_peft_model

    prompt, answer = ANSWERS[task]
    rng = np.random.default_rng(4)
    pairs = []
    for row in range(len(seen)):
        text = answer(material.record(row))
        if text:
            pairs.append((row, _in_a_language(prompts[prompt], rng), text))
    model.requires_grad_(False)
    torch.manual_seed(5)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules=LANGUAGE_LINEARS, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, lora)
    lesson = Lesson.make(processor, seen, pairs)
    pad = processor.tokenizer.pad_token_id
    teach(adapted.get_base_model(), lesson, epochs=epochs, rate=2e-3, pad=pad, name=task, seed=6)
    adapted.peft_config["default"].base_model_name_or_path = "runners/sample_model/base"
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.bfloat16()
    adapted.save_pretrained(str(out))
    (out / "README.md").unlink(missing_ok=True)
    adapted.unload()
