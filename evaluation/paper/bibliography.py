"""`references.bib`: the literature of what the runs, their scores and the tests are made of, and nothing else.

found = bibliography_of(material)
found.cite("holm")        # "~\\cite{holm1979simple}", "" where nothing of the kind was used
found.bib()               # the file
found.sentence()          # "We use LoRA adapters~\\cite{hu2022lora} and PyTorch~\\cite{paszke2019pytorch}."

`references.yaml` holds the entries and what each is used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evaluation.paper.facts import generated
from evaluation.paper.material import PaperMaterial
from evaluation.paper.tables import stored_of
from evaluation.paper.text import as_tex, in_words
from evaluation.paper.trainings import read_training
from evaluation.profiles import SURROGATE
from tasks.nouns import Task

_ENTRIES = Path(__file__).with_name("references.yaml")
_DATA = {"iu": ("indiana", "iu x-ray", "iu_xray"), "mimic": ("mimic",), "r2gen": ("r2gen",)}
"""Data set -> words of which one is in the name of its layout."""
SAMPLE = "sample"
"""The data set that comes along; its images are drawn by a program."""
_METRICS = ("rouge", "bleu", "cider", "meteor", "spice", "bertscore", "bleurt", "alignscore", "medcat")


@dataclass(frozen=True, slots=True)
class Bibliography:
    """The entries that a paper cites, by key, in the order of the data file."""

    entries: Mapping[str, Mapping[str, Any]]

    def cite(self, tag: str) -> str:
        """A citation of what is used for `tag`; nothing where that is nothing."""
        wanted = "edition:" if tag == "overview" else tag
        keys = [key for key, entry in self.entries.items() if any(used.startswith(wanted) for used in entry["used"])]
        return rf"~\cite{{{','.join(keys)}}}" if keys else ""

    def bib(self) -> str:
        """The file for bibtex."""
        return "\n".join(str(entry["bib"]).replace("KEY", key, 1) for key, entry in self.entries.items())

    def sentence(self) -> str:
        """What the text does not cite where it speaks of it, so that nothing in the file is left uncited."""
        used = [rf"{as_tex(entry['for'])}~\cite{{{key}}}" for key, entry in self.entries.items() if "for" in entry]
        return f"We use {in_words(used)}.\n" if used else ""


def bibliography_of(material: PaperMaterial) -> Bibliography:
    """The entries of which something is used."""
    tags = set(_used(material))
    return Bibliography({key: entry for key, entry in _entries().items() if tags & set(entry["used"])})


def _used(material: PaperMaterial) -> Iterator[str]:
    run = material.runs[0]
    if run.task is not Task.REPORTS:
        yield f"edition:{run.edition}"
        if run.edition >= 2023 and run.record["data"]["path"] != SAMPLE:
            yield "data:roco"
    layout = str(run.record["data"].get("layout", "")).lower()
    yield from (f"data:{name}" for name, words in _DATA.items() if any(word in layout for word in words))
    for one in material.runs:
        yield from tags_of(one.record)
    for folder in material.training.values():
        config = read_training(folder)["config"]
        yield f"optimizer:{config.get('optimization.optimizer')}"
        yield f"quantization:{config.get('quantization')}"
    for one, scores in zip(material.runs, material.scores, strict=bool(material.scores)):
        yield "bootstrap"
        yield f"profile:{scores.profile}"
        for name in (*scores.scores, *stored_of(one, scores)):
            if not name.endswith(SURROGATE):  # which is another formula than that of the literature
                yield from (f"metric:{metric}" for metric in _METRICS if name.startswith(metric))
            if "chexpert" in name or name.startswith("label"):
                yield "labels"
    if material.comparisons is not None and material.comparisons.pairings:
        yield from ("paired", "randomisation", *(["holm"] if material.comparisons.comparisons > 1 else []))


def tags_of(record: Mapping[str, Any]) -> Iterator[str]:
    """What a run's system is made of."""
    model = record.get("model") or {}
    if generated(record):
        yield f"model:{model.get('model_type')}"
        yield f"quantization:{model.get('quantization')}"
        if not record["config"].get("model.served"):
            yield from ("package:transformers", "package:torch")
    if record.get("adapters"):
        yield from ("adapter", "package:peft")
    for encoder in record["config"].get("encoders") or ():
        yield from (f"encoder:{name}" for name in ("efficientnet", "sscd") if name in str(encoder["name"]).lower())
    if (record.get("system") or {}).get("method") == "classifier":
        yield "package:torch"


@cache
def _entries() -> dict[str, dict[str, Any]]:
    from ruamel.yaml import YAML

    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(_ENTRIES.read_text(encoding="utf-8"))
    return found
