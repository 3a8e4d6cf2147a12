"""From what a model wrote to a value: what is an answer, and what is a failure with its reason."""

from __future__ import annotations

import json

import pytest

from runners.answers import AnswerError, empty_value, parse_answer, value_text
from runners.answers.steps import apply_steps
from tasks.concepts import Vocabulary
from tasks.nouns import Report, Task

VOCABULARY = Vocabulary({"C0817096": ("Chest",), "C0040405": ("X-Ray Computed Tomography",)})
PROMPT = "List the medical concepts visible in this radiology image."


def parsed(text: str, task: Task) -> object:
    return parse_answer(text, task=task, vocabulary=VOCABULARY)


def test_each_task_has_its_value() -> None:
    assert parsed("Chest; unicorn", Task.CONCEPTS) == (("C0817096",), ("unicorn",))
    assert parsed("A  scan\nof it.", Task.CAPTIONS) == ("A scan of it.", ())
    assert parsed("Impression: Normal.", Task.REPORTS) == (Report("", "Normal."), ())


def test_a_report_held_to_the_schema_is_read() -> None:
    written = {
        "findings": "Clear lungs.\nNo effusion.",
        "impression": "Normal.",
        "labels": {"Edema": 0, "Fracture": -1},
        "icd": ["I10", "428.0"],
    }
    wanted = Report("Clear lungs. No effusion.", "Normal.", {"Edema": 0, "Fracture": -1}, ("I10", "428.0"))
    assert parsed(json.dumps(written), Task.REPORTS) == (wanted, ())
    steps = apply_steps(
        json.dumps(written), ["strip_echo", "dedupe_sentences", "finish_sentence"], prompt="Write it.", language="en"
    )
    assert steps.edits == ()


@pytest.mark.parametrize(
    ("text", "task", "reason"),
    [
        (" \n", Task.CAPTIONS, "wrote nothing"),
        ("A scan.", Task.REPORTS, "no findings and no impression in 'A scan.'$"),
        ('{"findings": "Clear lungs. No eff', Task.REPORTS, "its JSON has no end"),
        ('{"findings": "", "impression": null}', Task.REPORTS, "no findings and no impression"),
    ],
)
def test_what_is_no_answer_has_a_reason(text: str, task: Task, reason: str) -> None:
    with pytest.raises(AnswerError, match=reason):
        parsed(text, task)


@pytest.mark.parametrize("task", list(Task))
def test_an_answer_of_echo_alone_is_a_failure_for_every_task(task: Task) -> None:
    edited = apply_steps(PROMPT, ["strip_echo"], prompt=PROMPT, language="en")
    with pytest.raises(AnswerError, match="nothing but the prompt"):
        parse_answer(edited.text, task=task, vocabulary=VOCABULARY, edits=edited.edits)


def test_no_concept_at_all_is_an_answer() -> None:
    assert parsed("", Task.CONCEPTS) == ((), ())
    with pytest.raises(ValueError, match="needs a vocabulary"):
        parse_answer("Chest", task=Task.CONCEPTS, vocabulary=None)


def test_values_as_cells() -> None:
    assert [value_text(empty_value(task)) for task in Task] == ["", "", ""]
    assert value_text(None) == ""
    assert value_text(("C1", "C2")) == "C1;C2"
    assert value_text(Report("Clear.", "Normal.")) == "Findings: Clear.\nImpression: Normal."
    assert value_text(Report("", "Normal.", {"Edema": 0}, ("I10",))) == (
        'Impression: Normal.\nCheXpert: {"Edema": 0}\nICD: ["I10"]'
    )


@pytest.mark.parametrize("end", ["", "\nCheXpert: {'Edema': 0, 'Fracture'", "\nICD: ['I10', 'J18.9'"])
def test_the_steps_leave_labels_and_codes_as_they_are(end: str) -> None:
    """Also those that the end of the answer cut off: they are no sentences."""
    text = f"Impression: No effusion. No effusion.{end}"
    found = apply_steps(text, ["strip_echo", "dedupe_sentences", "finish_sentence"], prompt="Write it.", language="en")
    assert found.text == f"Impression: No effusion.{end}"
