"""The sample model really sees: base and adapters in NF4, loaded the plain way, on images it was not trained on."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks.concepts import Vocabulary
from tasks.sample.lexicon import CONCEPTS
from tasks.sample.release import Record, image_bytes, record_of, write_release

os.environ.setdefault("HF_HUB_OFFLINE", "1")
FOLDER = Path(__file__).parents[2] / "runners" / "sample_model"
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
    assert {p.suffix for p in weights} <= {".safetensors", ".json", ".jinja", ".md"}


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
