"""What a config will do, told from its checkpoint's config and processor, before any weight is read.

    findings = preview(load(Path("configs/caption_prediction/sample.yaml")).config)
    [f.text for f in findings if f.topic == "image tokens"]       # ["16 in the prompt, 16 from the vision tower"]

Every step does what a run does, with the same functions, on a network without weights (`hollow.py`); what would stop
the run is a problem with the run's own message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.checkpoints import cache_folder
from runners.config import RunConfig
from runners.doctor import Finding, Level
from runners.doctor.pairs import bad_pairs
from runners.models.families import Family, family_of
from runners.preview.catalog import known_checkpoint
from runners.preview.room import Device, Weights, device_for, merging, room_for, weights_of
from runners.preview.whereabouts import Place, find
from runners.prompts import prompt_text, prompts_of
from tasks.nouns import InputError, Task

if TYPE_CHECKING:
    from runners.models.processors import Ask
    from runners.preview.sight import Sight


def preview(config: RunConfig) -> list[Finding]:
    """The findings, in the order of a run."""
    look = _Look(config)
    if config.model.served is not None:
        look.served()
    else:
        look.loaded()
        look.trained()
    look.vocabulary()
    return look.findings


class _Look:
    """Goes through the steps of a run and writes down what it finds."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.findings: list[Finding] = []
        self.where: Device | None = None
        self.weights: Weights | None = None

    def add(self, topic: str, text: str, level: Level = "ok", *, mend: str = "", **facts: Any) -> None:
        self.findings.append(Finding(level, topic, text, mend=mend, facts=facts))

    @contextmanager
    def step(self, topic: str) -> Iterator[None]:
        """What the step refuses becomes a problem; the steps that need its result then stop as well."""
        try:
            yield
        except InputError as error:
            self.add(topic, str(error), "problem")
            raise _Stop from None

    def served(self) -> None:
        """A model on a server: nothing is loaded here, and nothing is asked of it."""
        from runners.models.served import refuse_unusable

        served = self.config.model.served
        assert served is not None
        self.add(
            "server",
            f"{self.config.model.name} is asked at {served.url}, {served.concurrency} requests at once, "
            f"{served.timeout:g} s each; nothing is loaded here, so nothing of the model is checked",
            url=served.url,
        )
        with _ends(), self.step("prompt"):
            asked = self.asked()
            self.add("prompt", asked)
            with self.step("request"):
                refuse_unusable(self.config, asked)

    def loaded(self) -> None:
        """A model that is loaded here."""
        with _ends(), self.step("device"):
            self.where = device_for(self.config)
            self.add("device", self.where.text)
        with _ends():
            base = self.base()
            adapters = [self.adapter(number) for number in range(len(self.config.adapters))]
            family, network = self.network(base)
            processor, ask = self.processor(base, family, network)
            seen = self.prompt(family, network, processor, ask)
            self.generation(family, network, processor)
            with _ends():
                self.fit(family, network, seen, adapters)
        self.findings += bad_pairs()

    def trained(self) -> None:
        """Whether adapters that this program trained are asked as they were trained."""
        from runners.training.linter import lint_run

        with _ends(), self.step("training"):
            for finding in lint_run(self.config):
                what, found, mend = finding.partition(": set it to ")
                self.add("training", what, "warning", mend=f"set it to {mend}" if found else "")

    def vocabulary(self) -> None:
        """The files of CUIs that a run would read, UMLS's own among them."""
        asked = self.config.prompt
        if self.config.task is not Task.CONCEPTS and not asked.hints and not asked.neighbours:
            return
        for name in self.config.data.vocabulary:
            if not Path(name).is_file():
                self.add("vocabulary", f"data.vocabulary: no file {name}", "problem", mend="correct the path")

    def base(self) -> Place:
        """Where the base model is."""
        model = self.config.model
        if (known := known_checkpoint(model.name)) is not None:
            row, size = known
            nf4 = f", about {size.nf4_gib} GiB in NF4" if size.nf4_gib is not None else ""
            weights = f"{size.bf16_gib:.1f} GiB in bf16{nf4}"
            self.add("known", f"{row.title}, {size.parameters / 1e9:.2g} billion parameters, weights {weights}")
            with self.step("family"):
                family_of(row.model_type)
        with self.step("base model"):
            place = find(model.name, model.revision)
        self.add("base model", place.text, download=place.download, kind=place.kind)
        self.add("identity", place.identity, identity=place.identity)
        return place

    def adapter(self, number: int) -> Place | None:
        """Where an adapter is."""
        asked = self.config.adapters[number]
        with _ends(), self.step("adapter"):
            place = find(asked.path, asked.revision, asked.subfolder)
            note = "; compared once it is here" if place.download else ""
            self.add("adapter", f"{asked.path}: {place.text}{note}", identity=place.identity, download=place.download)
            return place
        return None

    def network(self, base: Place) -> tuple[Family, Any]:
        """The architecture, built without weights."""
        from runners.models.loading import read_family
        from runners.preview.hollow import empty_network

        with self.step("family"):
            family, raw = read_family(base.folder)
            if family.original is not None:
                self.add(
                    "family",
                    f"{family.model_type}: converted once to a layout that transformers loads, as large as the model, "
                    "before the run; what is in it can be checked only then",
                    "warning",
                    mend=f"after a first run (--limit 1) the copy lies in {cache_folder() / 'converted'}: give it as "
                    "model.name to check it",
                )
                raise _Stop
            network = empty_network(
                base.folder,
                dtype=self.where.dtype if self.where is not None else None,
                trust_remote_code=self.config.model.trust_remote_code,
            )
        if "quantization_config" in raw and self.config.quantization != "none":
            self.add("family", "stored quantized already", "problem", mend="set quantization to none")
        self.weights = weights_of(self.config, family, network)
        count = int(network.num_parameters())
        untested = "" if family.known else "it has no row in families.yaml: it is loaded the default way, untested"
        self.add(
            "family",
            f"{family.model_type}, {type(network).__name__}, {count:,} parameters",
            "warning" if untested else "ok",
            mend=untested,
            model_type=family.model_type,
            architecture=type(network).__name__,
            parameters=count,
        )
        if self.config.adapters and self.config.merge_adapters and self.config.quantization != "none":
            self.findings.append(merging(count, raw))
        return family, network

    def processor(self, base: Place, family: Family, network: Any) -> tuple[Any, Ask]:
        """The processor, and the form of the prompt."""
        from runners.models.image_backend import resolve_image_backend
        from runners.models.processors import FALLBACK, image_backend, load_processor, prompt_form

        model = self.config.model
        with self.step("processor"):
            processor, changed = load_processor(
                base.folder,
                family,
                network,
                max_pixels=model.max_pixels,
                trust_remote_code=model.trust_remote_code,
                backend=resolve_image_backend(model.image_backend),
            )
        set_by_us = f"; set by us: {', '.join(f'{k}={v}' for k, v in changed.items())}" if changed else ""
        backend = image_backend(processor)
        kind = type(processor.image_processor).__name__
        self.add("processor", f"{kind} ({backend}){set_by_us}", backend=backend, changed=changed)
        if family.max_pixels is not None:
            limit = int(dict(processor.image_processor.size)["longest_edge"])
            self.add("pixels", f"an image keeps at most {limit:,} pixels (model.max_pixels)", max_pixels=limit)
        with self.step("prompt"):
            form, ask = prompt_form(processor, family)
        if family.prompt == "chat" and form == FALLBACK:
            self.add(
                "prompt form",
                "the checkpoint has no chat template that shows an image, so it is asked as LLaVA-1.5 is",
                "warning",
                mend="copy chat_template* of the original model beside the weights, or write its form with the image "
                "token into prompt.text",
                form=form,
            )
        else:
            self.add("prompt form", form, form=form)
        return processor, ask

    def prompt(self, family: Family, network: Any, processor: Any, ask: Ask) -> Sight:
        """The prompt as the model sees it, and its image tokens."""
        from runners.preview.sight import see

        with self.step("prompt"):
            asked, views = self.asked(), self.config.data.views
            seen = see(network, processor, ask(asked, views), family, images=views)
        self.add("prompt", seen.text, tokens=seen.tokens)
        varies = "; its variables are filled in for each image" if "{{" in asked else ""
        self.add("prompt length", f"{seen.length}{varies}", tokens=seen.tokens, side=seen.side, images=seen.images)
        level: Level = "problem" if seen.mend else "ok"
        self.add("image tokens", seen.said, level, mend=seen.mend, prompt=seen.placeholders, network=seen.vectors)
        return seen

    def asked(self) -> str:
        """The prompt as it was written; InputError when it is no template, or reads what nothing gives it."""
        prompts_of(self.config.prompt, [], task=self.config.task, vocabulary=None)
        return prompt_text(self.config.prompt)

    def generation(self, family: Family, network: Any, processor: Any) -> None:
        """How answers are generated."""
        from runners.models.generation import Generator

        with self.step("generation"):
            generator = Generator.of(
                network=network, tokenizer=processor.tokenizer, family=family, asked=self.config.generation
            )
        arguments = dict(generator.facts)
        stops = processor.tokenizer.convert_ids_to_tokens(arguments["eos_token_id"] or [])
        ends = ", ".join([*stops, *self.config.generation.stop_strings]) or "nothing but the limit"
        self.add("generation", f"{_manner(self.config)}; ends at {ends}", arguments=arguments)

    def fit(self, family: Family, network: Any, seen: Sight, adapters: list[Place | None]) -> None:
        """The adapters against the network, which changes it; then the memory of it all."""
        extra = 0
        with _ends(), self.step("adapter"):
            extra = self.adapt(family, network, adapters)
        if self.where is not None and self.weights is not None:
            room = room_for(self.config, self.where, weights=self.weights, architecture=network.config, seen=seen)
            self.findings.append(room.finding(0 if self.config.merge_adapters else extra))

    def adapt(self, family: Family, network: Any, adapters: list[Place | None]) -> int:
        """Put the adapters that are here on the network; returns their bytes."""
        from runners.preview.hollow import fit_adapters

        here = [
            (asked, place.checkpoint)
            for asked, place in zip(self.config.adapters, adapters, strict=True)
            if place is not None and not place.download
        ]
        if not here:
            return 0
        for report in fit_adapters(network, family, here, base=self.config.model.name):
            self.add("adapter", _fitted(report), **report)
        own = [p for name, p in network.named_parameters() if "lora_" in name or "modules_to_save" in name]
        return sum(p.numel() * p.element_size() for p in own)


class _Stop(Exception):
    """A step that later ones need has failed, and said so."""


@contextmanager
def _ends() -> Iterator[None]:
    try:
        yield
    except _Stop:
        return


def _fitted(report: Mapping[str, Any]) -> str:
    renamed = f", {report['tensors_renamed']} under a new name" if report["tensors_renamed"] else ""
    weight = f", weight {report['weight']:g}" if report["weight"] != 1 else ""
    return (
        f"{report['path']}: rank {report['rank']}{weight}, {report['tensors_applied']} of "
        f"{report['tensors_expected']} tensors find their place{renamed}"
    )


def _manner(config: RunConfig) -> str:
    asked = config.generation
    if asked.do_sample:
        how = f"sampling, seed {config.seed}"
    elif asked.num_beams > 1:
        how = f"beam search with {asked.num_beams} beams"
    else:
        how = "greedy"
    return f"{how}, at most {asked.max_new_tokens} tokens"
