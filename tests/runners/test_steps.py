"""Steps of post-processing: what each changes, what none may change, and that a second time changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.answers.echo import strip_echo
from runners.answers.sentences import dedupe_sentences, finish_sentence
from runners.answers.steps import Edited, again, apply_steps
from runners.config import Step
from runners.prompts.presets import presets

ROOT = Path(__file__).parents[2]
REAL = ROOT / ".." / "shared" / "data" / "roco" / "captions.csv"
PROMPT = "Describe this radiology image in one caption."
STEPS: tuple[Step, ...] = get_args(Step)
CT = "CT of the chest."


@pytest.mark.parametrize(
    "text",
    [
        f"{PROMPT} {CT}",
        f"describe  this\nRadiology image in one CAPTION.{CT}",
        f"{PROMPT}\n{PROMPT}\n{CT}",
        f"USER: <image>\n{PROMPT}\nASSISTANT: {CT}",
        f"<|im_start|>assistant\n{CT}<|im_end|>",
        f"<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n{CT}<|im_end|>",
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{CT}<|eot_id|>",
        f"[INST] {PROMPT} [/INST] {CT}</s>",
        f"{CT}</s><pad><pad>",
        f"<image><image>{CT}",
        f"ASSISTANT: {CT}\nUSER: And the lungs?\nASSISTANT: Clear.",
        f"{CT}\n### Instruction: next",
        f"Assistant: {CT}",
        f"Sure! Here is the caption of the image: {CT}",
        f"**Caption:** {CT}",
        f"Aquí tienes la descripción: {CT}",
        f"What is shown in this image? {CT}",
        f"Write a caption for the X-ray: {CT}",
        f"¿Cuál es el pie de foto de esta imagen? {CT}",
    ],
)
def test_echo_goes(text: str) -> None:
    assert strip_echo(text, PROMPT) == CT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The image shows a CT of the chest.", "A CT of the chest."),
        ("This radiology image depicts the left lung.", "The left lung."),
        ("La imagen muestra una radiografía.", "Una radiografía."),
        ("CT <unk> of the chest <unk>, axial.", "CT of the chest, axial."),
        ("The lung<0x0A><0x0A>is clear.", "The lung is clear."),
    ],
)
def test_what_echo_leaves(text: str, left: str) -> None:
    assert strip_echo(text, PROMPT) == left


@pytest.mark.parametrize(
    "text",
    [
        CT,
        f"  {CT}\n",
        "",
        "The image shows that the lungs are clear.",
        "The CT image shows a mass.",
        "I'm sorry, but I cannot help with that.",
        "As an AI, I see a chest.",
        "pneu ##monia of the \u2581lung",
        "Question mark sign in the caption of Figure 2.",
        "Describes a mass.",
        "CO<sub>2</sub> and <XXXX>, uptake > 2 and < 5.",
        "Findings: Clear.\nImpression: Normal.",
        '{"findings": "Clear.", "impression": "Normal."}',
        "C0040405;C0817096",
        "a \0 null",
    ],
)
def test_what_is_no_echo_stays_byte_for_byte(text: str) -> None:
    assert strip_echo(text, PROMPT) == text


def test_a_prompt_that_goes_on_as_a_word_is_none() -> None:
    assert strip_echo("Chest x-rays are clear.", "Chest x-ray") == "Chest x-rays are clear."
    assert strip_echo("Chest x-ray: clear.", "Chest x-ray:") == "clear."
    assert strip_echo("Anything.", "") == "Anything."


@pytest.mark.parametrize("name", presets())
def test_every_prompt_of_ours_is_taken_off_and_alone_is_nothing(name: str) -> None:
    for text in presets()[name].values():
        assert strip_echo(f"{text} {CT}", text) == CT
        assert apply_steps(text, STEPS, prompt=text, language="en") == Edited("", ("strip_echo",), False)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("No effusion. The heart is large. No effusion.", "No effusion. The heart is large."),
        ("Clear lungs. CLEAR  lungs! Clear lungs", "Clear lungs."),
        ("- Clear lungs.\n- No effusion.\n- Clear lungs.\n", "- Clear lungs.\n- No effusion.\n"),
        ("Findings: Clear. Clear.\nImpression: Clear.", "Findings: Clear.\nImpression: Clear."),
        ("clear lungs. no effusion. clear lungs.", "clear lungs. no effusion."),
        ("Tórax normal. Sin derrame. Tórax normal.", "Tórax normal. Sin derrame."),
    ],
)
def test_a_sentence_is_said_once(text: str, left: str) -> None:
    assert dedupe_sentences(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Findings:\nNo acute abnormality.\n\nImpression:\nNo acute abnormality.",
        "A: Frontal view. B: Frontal view.",
        "See Fig. 2 and Fig. 2 again.",
        '{"findings": "Clear. Clear.", "impression": "Clear."}',
        "Impression: Normal.\nCheXpert: {'Edema': 0}. {'Edema': 0}.",
        "... ... ...",
        "no stop at all no stop at all",
        "",
    ],
)
def test_what_is_not_said_twice_stays(text: str) -> None:
    assert dedupe_sentences(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("No effusion. The heart is enlarged with", "No effusion."),
        ("No effusion. The heart is enlarged", "No effusion."),
        ("Is it large? No (see arrow). The heart", "Is it large? No (see arrow)."),
        ("CT of the chest", "CT of the chest."),
        ("CT of the chest showing a", "CT of the chest."),
        ("CT of the chest,", "CT of the chest."),
        ("CT of the chest (", "CT of the chest."),
        ("A mass of approx. 3 cm, see Fig. 2, in the", "A mass of approx. 3 cm, see Fig. 2."),
        ("1. Clear lungs. 2. No eff", "1. Clear lungs."),
        ("clear lungs. no eff", "clear lungs."),
        (
            "Findings: Clear lungs. Normal heart.\nImpression: No acute",
            "Findings: Clear lungs. Normal heart.\nImpression: No acute.",
        ),
        ("Findings:\nClear lungs. The he", "Findings:\nClear lungs."),
        ("TC de tórax que muestra", "TC de tórax."),
    ],
)
def test_an_unfinished_sentence_is_cut_or_closed(text: str, left: str) -> None:
    assert finish_sentence(text) == left
    assert finish_sentence(left) == left


@pytest.mark.parametrize(
    "text",
    [
        CT,
        f"{CT}  \n",
        "CT of the chest (arrow)",
        "Is it?",
        "",
        ",",
        "(",
        "Findings: Clear.\nImpression:",
        '{"findings": "Clear lungs. No eff',
        '```json\n{"findings": "Clear lungs. No eff',
        "Impression: Normal.\nCheXpert: {'Edema': 0, 'Frac",
        "Impression: Normal. ICD: J18, J9",
    ],
)
def test_what_has_an_end_or_is_no_sentence_stays(text: str) -> None:
    assert finish_sentence(text) == text


def test_steps_work_in_their_order_and_are_told() -> None:
    text = f"{PROMPT} CT of the chest. CT of the chest. The heart is"
    steps: list[Step] = ["strip_echo", "dedupe_sentences", "finish_sentence"]
    assert apply_steps(text, steps, prompt=PROMPT, language="en") == Edited(CT, tuple(steps), False)
    assert apply_steps(text, [], prompt=PROMPT, language="en") == Edited(text, (), False)
    assert apply_steps(CT, STEPS, prompt=PROMPT, language="en") == Edited(CT, (), False)
    assert apply_steps(text, ["finish_sentence"], prompt=PROMPT, language="en").edits == ("finish_sentence",)


SPANISH = "Radiografía de tórax que muestra un derrame pleural derecho."
ENGLISH = "Chest radiograph with a right pleural effusion."


@pytest.mark.parametrize(
    ("text", "language", "wrong"),
    [
        (SPANISH, "en", True),
        (ENGLISH, "en", False),
        (ENGLISH, "es", True),
        (SPANISH, "es", False),
        ("Scanner abdominal avec une masse dans le rein gauche.", "es", True),
        ("C0040405;C0817096", "es", False),
        ("CT.", "es", False),
        ("", "en", False),
    ],
)
def test_the_guard_marks_another_language(text: str, language: str, wrong: bool) -> None:
    assert apply_steps(text, ["language_guard"], prompt=PROMPT, language=language) == Edited(text, (), wrong)
    assert not apply_steps(text, ["strip_echo"], prompt=PROMPT, language=language).wrong_language


def test_the_guard_looks_at_the_answer_without_its_echo() -> None:
    prompt = "¿Cuál es la descripción o el pie de foto de esta imagen médica?"
    steps: list[Step] = ["language_guard", "strip_echo"]
    assert not apply_steps(f"{prompt} {ENGLISH}", steps, prompt=prompt, language="en").wrong_language


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("Describe.", "Describe.\nAnswer in English."),
        ("USER: <image>\nWhat?\nASSISTANT:", "USER: <image>\nWhat?\nAnswer in English.\nASSISTANT:"),
        (
            "<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n",
            "<|im_start|>user\nWhat?\nAnswer in English.<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("[INST] <image>\nWhat? [/INST]", "[INST] <image>\nWhat?\nAnswer in English. [/INST]"),
        ("A text for an assistant", "A text for an assistant\nAnswer in English."),
        ("", ""),
        (" \n", " \n"),
    ],
)
def test_again_names_the_language_where_the_question_ends(prompt: str, asked: str) -> None:
    assert again(prompt, "en") == asked


def test_again_speaks_the_language() -> None:
    assert again("Describe.", "es") == "Describe.\nResponde en español."


def test_an_echo_of_the_second_question_goes_too() -> None:
    asked = again(PROMPT, "en")
    assert strip_echo(f"{asked} {CT}", asked) == CT


FRAGMENTS = st.sampled_from(
    [
        *(
            "CT",
            "of the chest",
            "showing a",
            "No effusion",
            "no effusion",
            "Fig",
            "2",
            "Findings",
            "Impression",
            "{",
            "}",
        ),
        *(".", ". ", "!", " ", "\n", ", ", ": ", "(", ")", '"', "- ", "1. ", "*", "\0"),
        *("USER:", "ASSISTANT: ", "<image>", "</s>", "[INST]", "<|im_end|>", "### Response", "##ing", "\u2581a"),
        *(
            PROMPT,
            "Sure!",
            "Here is the caption",
            "The image shows a ",
            "Caption: ",
            "What is it? ",
            "I cannot ",
            "CheXpert: ",
        ),
        *("derrame pleural", "İ", "ß", "é", "肺。"),
    ]
)
ANSWERS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=14).map("".join))


@given(text=ANSWERS, steps=st.lists(st.sampled_from(STEPS), unique=True), prompt=st.one_of(st.just(PROMPT), ANSWERS))
@settings(max_examples=400, deadline=None)
def test_a_second_time_changes_nothing_and_nothing_is_lost(text: str, steps: Sequence[Step], prompt: str) -> None:
    once = apply_steps(text, steps, prompt=prompt, language="en")
    assert apply_steps(once.text, steps, prompt=prompt, language="en") == Edited(once.text, (), once.wrong_language)
    assert (once.text != text) == bool(once.edits)
    assert set(once.edits) <= set(steps) - {"language_guard"}
    if "strip_echo" not in steps:
        assert bool(once.text) == bool(text)


@pytest.mark.skipif(not REAL.exists(), reason="needs the 2,000 captions of ROCOv2 in shared/data/roco")
def test_what_the_steps_do_to_captions_that_people_wrote() -> None:
    with REAL.open(encoding="utf-8", newline="") as file:
        texts = [row[1] for row in csv.reader(file)][1:]
    assert [text for text in texts if strip_echo(text, PROMPT) != text] == []
    assert sum(dedupe_sentences(text) != text for text in texts) <= 2
    assert sum(len(finish_sentence(text)) < len(text.rstrip()) for text in texts) == 88
