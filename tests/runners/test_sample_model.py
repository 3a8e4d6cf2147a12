"""The sample model really sees: base and adapters in NF4, loaded the plain way, on images it was not trained on."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from runners.config_files import load
from runners.sample_model.material import (
    GRID,
    LETTERS,
    NOTHING,
    TRAITS,
    description,
    places,
    task_answers,
    trait,
    write_lessons,
)
from runners.sample_model.train import train_sample_model
from tasks.concepts import Vocabulary
from tasks.datasets import open_dataset
from tasks.nouns import Report, Task
from tasks.sample.lexicon import CONCEPTS
from tasks.sample.picture import draw
from tasks.sample.release import Record, image_bytes, record_of, write_release
from tasks.sample.scene import scene_of, stream

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "runners" / "sample_model"
ADAPTERS = {"concepts": "concept_detection", "caption": "caption_prediction", "report": "report_generation"}
IMAGES = 40


@cache
def processor() -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(FOLDER / "base")


@cache
def model() -> Any:
    """The base in NF4 with the three adapters beside it."""
    import bitsandbytes
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

    torch.set_num_threads(1)
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=["model.vision_tower", "model.multi_modal_projector", "lm_head"],
    )
    base = AutoModelForImageTextToText.from_pretrained(FOLDER / "base", quantization_config=quantization)
    packed = [m for m in base.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    assert len(packed) == 4 * 7, "the language model's linears are 4-bit"
    for module in packed:
        module.support_avx512bf16_for_cpu = False
    adapted = None
    for name, task in ADAPTERS.items():
        if adapted is None:
            adapted = PeftModel.from_pretrained(base, FOLDER / "adapters" / task, adapter_name=name)
        else:
            adapted.load_adapter(FOLDER / "adapters" / task, adapter_name=name)
    assert adapted is not None
    return adapted.eval()


def prompt(name: str, language: str = "en") -> str:
    texts = YAML(typ="safe").load((FOLDER.parent / "prompts" / "prompts.yaml").read_text(encoding="utf-8"))
    return str(texts[name][language])


def answers(name: str, numbers: Sequence[int], *, language: str = "en", adapter: bool = True) -> list[str]:
    """What the model says about test images, greedily, 20 at a time."""
    import torch
    from PIL import Image

    adapted = model()
    adapted.set_adapter(name)
    content = [{"type": "image"}, {"type": "text", "text": prompt(name, language)}]
    chat = processor().apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    said: list[str] = []
    for at in range(0, len(numbers), 20):
        images = [Image.open(io.BytesIO(image_bytes("test", k))).convert("RGB") for k in numbers[at : at + 20]]
        inputs = processor()(images=images, text=[chat] * len(images), return_tensors="pt", padding=True)
        with torch.inference_mode():
            if adapter:
                tokens = adapted.generate(**inputs)
            else:
                with adapted.disable_adapter():
                    tokens = adapted.generate(**inputs)
        new = tokens[:, inputs["input_ids"].shape[1] :]
        said += processor().batch_decode(new, skip_special_tokens=True)
    return said


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """The names of the sample's concepts."""
    root = tmp_path_factory.mktemp("names")
    write_release(root, {"test": 1})
    return Vocabulary.load([root / "dev_concept/cui_mapping.csv", root / "dev_concept/cui_synonyms.csv"])


def f1(predicted: set[str], reference: set[str]) -> float:
    return 2 * len(predicted & reference) / (len(predicted) + len(reference))


def mean_f1(found: Sequence[set[str]], records: Sequence[Record]) -> float:
    return sum(f1(cuis, set(r.scene.cuis)) for cuis, r in zip(found, records, strict=True)) / len(found)


def test_base_and_adapters_fit_in_twelve_megabytes() -> None:
    weights = [p for p in FOLDER.rglob("*") if p.is_file() and p.suffix not in {".py", ".pyc"}]
    assert sum(p.stat().st_size for p in weights) <= 12_000_000
    assert {p.suffix for p in weights} <= {".safetensors", ".json", ".jinja", ".md", ".yaml"}


def test_the_base_has_two_to_eight_million_parameters_of_a_llava() -> None:
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(FOLDER / "base")
    assert type(base).__name__ == "LlavaForConditionalGeneration"
    assert 2_000_000 <= sum(p.numel() for p in base.parameters()) <= 8_000_000
    assert processor().tokenizer.padding_side == "left"
    assert base.generation_config.eos_token_id == processor().tokenizer.eos_token_id
    assert base.generation_config.pad_token_id == processor().tokenizer.pad_token_id


@pytest.mark.parametrize("language", ["en", "es"])
def test_concepts_are_seen_and_shuffled_images_collapse(vocabulary: Vocabulary, language: str) -> None:
    records = [record_of("test", k) for k in range(IMAGES)]
    said = [vocabulary.answer(text) for text in answers("concepts", range(IMAGES), language=language)]
    assert not [unmapped for answer in said for unmapped in answer.unmapped]
    found = [set(answer.cuis) for answer in said]
    assert mean_f1(found, records) >= 0.85
    assert mean_f1(found, [*records[7:], *records[:7]]) < 0.5


def test_captions_say_exactly_what_is_there(vocabulary: Vocabulary) -> None:
    found = [set(vocabulary.find(text)) for text in answers("caption", range(IMAGES))]
    references = [set(record_of("test", k).scene.cuis) for k in range(IMAGES)]
    assert sum(a == b for a, b in zip(found, references, strict=True)) / IMAGES >= 0.75
    moved = [*references[7:], *references[:7]]
    assert sum(a == b for a, b in zip(found, moved, strict=True)) / IMAGES < 0.25


def test_reports_name_the_findings() -> None:
    chest = [k for k in range(120) if record_of("test", k).report][:20]
    right = 0
    for number, text in zip(chest, answers("report", chest), strict=True):
        assert text.startswith("Findings: ")
        assert "\nImpression: " in text
        scene = record_of("test", number).scene
        impression = text.split("Impression: ")[1].lower()
        right += all(
            any(name in impression for name in CONCEPTS[f.kind].nouns) and f.side in impression for f in scene.findings
        )
    assert right >= 0.75 * len(chest)


def test_each_adapter_changes_the_answer() -> None:
    chest = [k for k in range(60) if record_of("test", k).report][:4]
    for name in ADAPTERS:
        assert all(a != b for a, b in zip(answers(name, chest), answers(name, chest, adapter=False), strict=True))


def test_a_map_says_where_the_findings_lie() -> None:
    for number in range(80):
        scene = scene_of("extra", number)
        cells = places(scene, draw(scene, stream("extra", number, 1)))
        assert len(cells) == GRID * GRID
        assert {TRAITS[LETTERS.index(cell)] for cell in cells if cell != NOTHING} <= set(map(trait, scene.findings))
        for finding in scene.findings:
            shown = [n % GRID for n, cell in enumerate(cells) if cell == LETTERS[TRAITS.index(trait(finding))]]
            alone = [other.kind for other in scene.findings].count(finding.kind) == 1
            if alone and shown and finding.side:
                middle = (GRID - 1) / 2
                assert (sum(shown) / len(shown) < middle) == (finding.side == "right"), (number, finding)


def test_the_lessons_are_a_data_set_for_each_training(tmp_path: Path) -> None:
    write_lessons(tmp_path, 6)
    base = open_dataset(tmp_path / "base").examples(Task.CAPTIONS, "train")
    for number, example in enumerate(base):
        record = record_of("extra", number)
        said = " ".join(task_answers(record)[number % 3].split())
        assert re.fullmatch(
            rf"{description(record)} [.A-Z]{{64}} {re.escape(said)}", " ".join(str(example.reference).split())
        )
    tasks = open_dataset(tmp_path / "tasks")
    for number, example in enumerate(tasks.examples(Task.CONCEPTS, "train")):
        assert example.reference == record_of("extra", number).scene.cuis
        assert example.image.read_bytes() == image_bytes("extra", number)
    reports = [record_of("extra", number).report for number in range(6)]
    written = [example.reference for example in tasks.examples(Task.REPORTS, "train")]
    assert [(r.findings, r.impression) for r in written if isinstance(r, Report)] == [
        (r.findings, r.impression) for r in reports if r
    ]
    stamp = (tmp_path / "tasks" / "captions.csv").stat().st_mtime_ns
    write_lessons(tmp_path, 6)
    assert (tmp_path / "tasks" / "captions.csv").stat().st_mtime_ns == stamp


def shapes(file: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    from safetensors.torch import load_file

    return {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in load_file(file).items()}


def test_the_recipe_makes_what_is_shipped(tmp_path: Path) -> None:
    settings = ["optimization.batch_size=4", "data.limit=12", "data.hold_out=0.2"]
    train_sample_model(tmp_path, images=30, settings=settings)
    assert {path.name for path in (tmp_path / "base").iterdir()} == {path.name for path in (FOLDER / "base").iterdir()}
    for name in ("config.json", "generation_config.json", "processor_config.json"):
        ours, shipped = (json.loads((root / "base" / name).read_text("utf-8")) for root in (tmp_path, FOLDER))
        assert ours == shipped
    for weights in ("base/model", *(f"adapters/{task.value}/adapter_model" for task in Task)):
        assert shapes(tmp_path / f"{weights}.safetensors") == shapes(FOLDER / f"{weights}.safetensors")
    for task in Task:
        record = json.loads((tmp_path / "trainings" / task.value / "training.json").read_text("utf-8"))
        assert record["finished"] and record["config"]["quantization"] == "nf4"
        asked = load(ROOT / "configs" / task.value / "sample.yaml").config
        assert record["config"]["prompt.name"] == asked.prompt.name
