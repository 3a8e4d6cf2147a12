"""Answers held to a JSON schema: whatever a model with random weights would write, every answer parses and fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models.constrained import Constraint, read_schema
from tasks.nouns import InputError
from tasks.reports.labels import LABELS
from tasks.reports.text import parse_report
from tests.runners.test_generation import batch, generator, opened

Build = Callable[[str], Path]
SMALL = {
    "type": "object",
    "properties": {
        "caption": {"type": "string"},
        "views": {"type": "array", "items": {"enum": ["PA", "AP"]}, "maxItems": 2},
        "edema": {"enum": [1, 0, -1, None]},
    },
    "required": ["caption", "views", "edema"],
    "additionalProperties": False,
}
LENGTH = 70


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL), encoding="utf-8")
    return str(path)


def fits(text: str) -> None:
    answer = json.loads(text)
    assert list(answer) == ["caption", "views", "edema"]
    assert isinstance(answer["caption"], str) and answer["edema"] in (1, 0, -1, None)
    assert len(answer["views"]) <= 2 and set(answer["views"]) <= {"PA", "AP"}


@pytest.mark.parametrize("family", ["llava", "llava_15", "qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize("asked", [{}, {"num_beams": 3}, {"do_sample": True, "temperature": 3.0}])
def test_every_answer_fits_the_schema(family: str, asked: dict[str, Any], small: str, tiny: Build) -> None:
    """`llava_15` has sentencepiece's BPE with bytes to fall back on, the others byte-level BPE."""
    model = opened(tiny(family))
    made = generator(model, max_new_tokens=LENGTH, json_schema=small, **asked)
    for text in made.answer(batch(model), seed=3):
        fits(text)


@pytest.mark.parametrize("beams", [1, 3])
def test_an_answer_does_not_depend_on_its_company(beams: int, small: str, tiny: Build) -> None:
    model = opened(tiny("qwen2_vl"))
    made = generator(model, max_new_tokens=LENGTH, json_schema=small, num_beams=beams)
    together = made.answer(batch(model))
    assert made.answer(batch(model, 1)) == together[:1] and len(set(together)) > 1


def test_a_report_has_the_fourteen_labels(tiny: Build) -> None:
    model = opened(tiny("llava"))
    made = generator(model, max_new_tokens=600, json_schema="report")
    for text in made.answer(batch(model, 2)):
        report = parse_report(text)
        assert report.findings and set(json.loads(text)) == {"findings", "impression", "labels"}
        labels = json.loads(text)["labels"]
        assert tuple(labels) == LABELS and set(labels.values()) <= {1, 0, -1, None}
    assert made.finished_early == 2, "a random model never ends its findings by itself"


@pytest.mark.parametrize(("more", "fits"), [("", True), (', "icd": ["I10", "428.0"]', True), (', "icd": "I10"', False)])
def test_a_report_may_have_codes(more: str, fits: bool, tiny: Build) -> None:
    tokenizer = opened(tiny("llava")).processor.tokenizer
    constraint = Constraint(
        read_schema("report"), "report", tokenizer, vocabulary=len(tokenizer), ends=[tokenizer.eos_token_id], length=600
    )
    labels = json.dumps(dict.fromkeys(LABELS))
    text = f'{{"findings": "Clear.", "impression": "Normal.", "labels": {labels}{more}}}'
    matcher = constraint.start().matcher
    tokens = constraint.tokens.tokenize_str(text)
    assert (matcher.try_consume_tokens(tokens) == len(tokens)) is fits
    assert not fits or (matcher.is_accepting() and parse_report(text).icd == (("I10", "428.0") if more else ()))


def test_what_is_left_open_at_the_end_is_null(tiny: Build) -> None:
    """A label that was never asked about must not become a finding, not even a negative one."""
    model = opened(tiny("llava"))
    made = generator(model, max_new_tokens=600, json_schema="report")
    assert set(json.loads(made.answer(batch(model, 1))[0])["labels"].values()) == {None}


def test_the_answer_before_the_end_is_the_models(small: str, tiny: Build) -> None:
    """With more room the same text goes on: the schema only ends it."""
    model = opened(tiny("llava"))
    short, long = (
        json.loads(generator(model, max_new_tokens=n, json_schema=small).answer(batch(model, 1))[0])["caption"]
        for n in (LENGTH, 2 * LENGTH)
    )
    assert short and long.startswith(short) and len(long) > len(short)


@pytest.mark.parametrize(
    ("schema", "shortest"),
    [
        (SMALL, '{"caption": "", "views": [], "edema": null}'),
        (
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
            '{"n": 0}',
        ),
        (
            {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1},
            None,
        ),
        ({"type": "object", "properties": {"a": {"type": "object"}}}, "{}"),
    ],
)
def test_where_a_model_wants_to_end_the_value_ends(schema: dict[str, Any], shortest: str | None, tiny: Build) -> None:
    """The scores of a model that would rather end at every token, in a batch of two."""
    tokenizer = opened(tiny("qwen2_vl")).processor.tokenizer
    end, size = tokenizer.eos_token_id, len(tokenizer) + 9
    constraint = Constraint(schema, "mine", tokenizer, vocabulary=size, ends=[end], length=90)
    held, rows = constraint.processor(), torch.zeros(2, 3, dtype=torch.long)
    for _ in range(90):
        scores = torch.zeros(2, size)
        scores[:, end] = 1
        rows = torch.cat([rows, held(rows, scores).argmax(1, keepdim=True)], dim=1)
        if bool((rows[:, -1] == end).all()):
            break
    texts = tokenizer.batch_decode(rows[:, 3:], skip_special_tokens=True)
    assert int(rows[0, -1]) == end and len(set(texts)) == 1
    if shortest is None:
        [item] = json.loads(texts[0])
        assert len(item) == 2
    else:
        assert texts[0] == shortest


def test_too_few_tokens_for_any_answer_are_refused(tiny: Build) -> None:
    with pytest.raises(InputError, match=r"max_new_tokens: 40 .* give at least \d+"):
        generator(opened(tiny("llava")), max_new_tokens=40, json_schema="report")


def test_a_tokenizer_that_cannot_write_json_is_refused(small: str, tiny: Build) -> None:
    with pytest.raises(InputError, match=r"json_schema: the tokenizer .* cannot write JSON"):
        generator(opened(tiny("blip")), max_new_tokens=LENGTH, json_schema=small)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"type": "object",\n "properties": }', r"schema\.json:2:16: no JSON"),
        (b'["findings"]', "a schema is an object"),
        (b'{"type": "\xff"}', "not UTF-8 at byte 10"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_schema_file_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_schema(str(path))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
        {"type": "string", "pattern": "("},
    ],
)
def test_a_schema_that_means_nothing_is_refused(schema: dict[str, Any], tiny: Build) -> None:
    tokenizer = opened(tiny("llava")).processor.tokenizer
    with pytest.raises(InputError, match=r"json_schema: mine\.json: "):
        Constraint(schema, "mine.json", tokenizer, vocabulary=600, ends=[tokenizer.eos_token_id], length=100)
