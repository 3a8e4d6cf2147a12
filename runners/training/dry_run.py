"""`imageclef train --dry-run`: what would be trained, on which tokens, before any weight is loaded.

    dry_run(config, Console())

    stage 1 of 1, language: projector and language by LoRA, 245,760 parameters in 60 tensors (5.7% of the model's)
      840 samples, 105 steps of 16 images on one process, learning rate 0.001
      0 of 840 answers (0.0%) are cut at 512 tokens; the longest sample has 105
      what is learnt, of what is shown:
        <s><user>[64 × <image>]List the medical concepts ...<assistant>⟦Magnetic| Resonance| Imaging|;| Pelvis|</s>⟧

Learnt tokens are coloured on a terminal, and stand between ⟦ and ⟧ elsewhere. The network is built without weights
(`runners/preview/hollow.py`); the data, the processor and the plan are those of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from runners.checkpoints import locate
from runners.models.families import Family
from runners.models.image_backend import resolve_image_backend
from runners.models.llava_med import loadable
from runners.models.loading import read_family, resolve_device, resolve_dtype
from runners.models.processors import Ask, load_processor, prompt_form
from runners.preview.hollow import empty_network
from runners.preview.memory import GIB, weight_bytes
from runners.preview.whereabouts import find
from runners.training.collate import Collator
from runners.training.config import TrainConfig
from runners.training.data import read_material
from runners.training.linter import ENOUGH, too_short
from runners.training.masks import Token, Truncation, count_truncated, explain
from runners.training.parts import ADAPTER, Count, count, lora_targets, planned
from runners.training.stages import Work, plan_stage
from tasks.nouns import InputError

_EXAMPLES = 3
_STYLES = ("black on green", "black on bright_green")
"""Of learnt tokens in turn, so that each can be seen."""


@dataclass(frozen=True)
class Unloaded:
    """A model without weights: all that the tokens and the plan depend on."""

    network: Any
    """On the meta device, in the precision it would be trained in."""
    processor: Any
    family: Family
    ask: Ask


def dry_run(config: TrainConfig, console: Console) -> None:
    """Print the plan of a training, and three examples of what it learns for each kind of sample.

    InputError, after everything is printed, when the training would not start.
    """
    if config.model.served is not None:
        raise InputError("model.served: a model behind a server cannot be trained; name a checkpoint, served: null")
    material = read_material(config)
    works = [plan_stage(material, config, number, processes=1) for number in range(1, len(config.stages) + 1)]
    model = unloaded(config)
    _say(console, f"{len(material.train):,} images to learn from, {len(material.valid):,} to choose by")
    for note in material.audit["notes"]:
        _say(console, note)
    plan = _plan(config, model)
    collate = Collator(model, max_tokens=config.optimization.max_tokens)
    counted: dict[Any, Truncation] = {}
    for work, trained in zip(works, plan.trained, strict=True):
        _say_stage(console, work, trained, plan, stages=len(works))
        kind = (work.stage.prompt, work.stage.data)
        if kind not in counted:
            counted[kind] = count_truncated(work.samples, model, max_tokens=config.optimization.max_tokens)
            _say_tokens(console, config, counted[kind])
            for sample in _spread(work.samples):
                console.print(painted(explain(collate, sample), plain=_plain(console)), soft_wrap=True)
    _say(console, _memory(config, plan))
    for truncation in counted.values():
        truncation.demand(config.optimization.max_truncated)


def unloaded(config: TrainConfig) -> Unloaded:
    """The model of `config` without its weights; InputError when there is no such model."""
    named = config.model
    folder = find(named.name, named.revision).folder
    if read_family(folder)[0].original is not None:
        folder = loadable(locate(named.name, named.revision)).path
    family, _ = read_family(folder)
    device = resolve_device(named.device)
    dtype = resolve_dtype(config.optimization.precision, device, key="optimization.precision")
    if config.quantization != "none" or any(stage.how == "full" for stage in config.stages):
        # What is trained, and what stands unquantized beside quantized layers, is held in float32.
        dtype = resolve_dtype("float32", device)
    elif named.dtype != "auto":
        dtype = resolve_dtype(named.dtype, device)
    network = empty_network(folder, dtype=dtype, trust_remote_code=named.trust_remote_code)
    processor, _ = load_processor(
        folder,
        family,
        network,
        max_pixels=named.max_pixels,
        trust_remote_code=named.trust_remote_code,
        backend=resolve_image_backend(getattr(named, "image_backend", "auto")),
    )
    _, ask = prompt_form(processor, family)
    return Unloaded(network, processor, family, ask)


def painted(tokens: Sequence[Token], *, plain: bool) -> Text:
    """The tokens of one sample: learnt ones coloured, or between ⟦ and ⟧ with | between them."""
    text, learnt = Text("    "), 0
    for place, token in enumerate(tokens):
        shown = token.text.replace("\n", "⏎")
        if not token.learnt:
            text.append(shown, None if plain else "dim")
            continue
        opens = place == 0 or not tokens[place - 1].learnt
        closes = place == len(tokens) - 1 or not tokens[place + 1].learnt
        if plain:
            shown = ("⟦" if opens else "|") + shown + ("⟧" if closes else "")
        text.append(shown, None if plain else _STYLES[learnt % 2])
        learnt += 1
    return text


@dataclass(frozen=True)
class _Plan:
    trained: Sequence[Count]
    """Of each stage."""
    parameters: int
    """Of the base model."""
    adapter: int
    """Parameters of the adapter, which serves all stages."""
    weights: int
    """Bytes of the base model."""


def _plan(config: TrainConfig, model: Unloaded) -> _Plan:
    """What each stage trains, by the plan of the training itself; puts the adapter on the network."""
    network = model.network
    weights = weight_bytes(
        network,
        quantization=config.quantization,
        kept=model.family.unquantized,
        double_quantization=config.model.double_quantization,
    )
    parameters = sum(weight.numel() for weight in network.parameters())
    if targets := lora_targets(network, model.family, config.stages):
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(r=config.lora.rank, target_modules=targets)
        get_peft_model(network, lora, adapter_name=ADAPTER, low_cpu_mem_usage=True)
    trained = [count(network, planned(network, model.family, stage)) for stage in config.stages]
    adapter = sum(weight.numel() for weight in network.parameters()) - parameters
    return _Plan(trained, parameters, adapter, weights)


def _say_stage(console: Console, work: Work, trained: Count, plan: _Plan, *, stages: int) -> None:
    stage = work.stage
    how = "by LoRA" if stage.how == "lora" else "in full"
    _say(
        console,
        f"stage {work.number} of {stages}, {stage.name}: {' and '.join(stage.train)} {how}, {trained.parameters:,} "
        f"parameters in {trained.tensors:,} tensors ({trained.parameters / plan.parameters:.1%} of the model's)\n"
        f"  {len(work.samples):,} samples, {work.steps:,} steps of {work.effective_batch} images on one process, "
        f"learning rate {work.learning_rate:g}",
    )


def _say_tokens(console: Console, config: TrainConfig, truncation: Truncation) -> None:
    _say(console, f"  {truncation.text}")
    for finding in too_short(config.generation, truncation.reaching(ENOUGH)):
        _say(console, f"  {finding}")
    _say(console, "  what is learnt, of what is shown:")


def _memory(config: TrainConfig, plan: _Plan) -> str:
    """What is known of the memory before the first batch: trained weights, gradients and moments are float32."""
    moments = 2 if config.optimization.optimizer == "paged_adamw_8bit" else 8
    most = max(trained.parameters for trained in plan.trained)
    return (
        f"memory: weights {_size(plan.weights + 4 * plan.adapter)}, gradients and optimizer up to "
        f"{_size((4 + moments) * most)}; what the images of a batch take comes on top: optimization.batch_size and "
        "optimization.gradient_checkpointing decide it"
    )


def _size(number: int) -> str:
    return f"{number / GIB:.2f} GiB" if number > GIB / 10 else f"{number / 2**20:.1f} MiB"


def _spread(samples: Sequence[Any]) -> list[Any]:
    """The first, the middle and the last."""
    places = {round(n * (len(samples) - 1) / (_EXAMPLES - 1)) for n in range(_EXAMPLES)}
    return [samples[place] for place in sorted(places)]


def _plain(console: Console) -> bool:
    return not console.is_terminal or console.no_color


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
