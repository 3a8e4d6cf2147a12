"""What the check doubts about sound rows: single texts, and all of them together."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from runners.prompts.template import Template
from tasks.check_answers import FEW, Answer, check_answers
from tasks.check_references import reference_length
from tasks.check_texts import doubts
from tasks.editions import load_edition
from tasks.language import foreign
from tasks.mojibake import mojibake
from tasks.nouns import InputError, Problem, Task
from tasks.problems import Findings

ROOT = Path(__file__).parents[2]
REAL = ROOT / ".." / "shared" / "data" / "roco" / "captions.csv"
SOUND = [
    "Chest X-ray showing a right pleural effusion (arrow).",
    "CT of the chest, axial view",
    "Ultrasound of hepatitis A",
    "Axial T1 of the brain, C+",
    "MRI (T2-weighted) of the brain: lesion < 5 mm, [18F]FDG uptake > 2, x and y axes, 3 × 4 cm",
    "A: frontal view. B: lateral view. C: frontal view.",
    "Question mark sign in the caption of Figure 2.",
    "User interface of the scanner.",
    "CO<sub>2</sub> insufflation #3",
    "Axial, coronal, axial, and sagittal CT, with the same lesion in the same lobe of the same lung.",
    "Comparison with the scan of <XXXX>.",
]


def told(*texts: str, task: Task = Task.CAPTIONS, length: float | None = None) -> list[Problem]:
    findings = Findings(load_edition(2026, task))
    answers = [Answer(n + 2, f"image_{n}", (text,)) for n, text in enumerate(texts)]
    check_answers(answers, findings, reference_length=length)
    return findings.problems


def codes(*texts: str, task: Task = Task.CAPTIONS, length: float | None = None) -> list[str]:
    return [problem.code for problem in told(*texts, task=task, length=length)]


def varied(n: int = FEW, pattern: str = "{} lesion {}.") -> list[str]:
    return [pattern.format("A" * (i + 1), "b" * (n - i)) for i in range(n)]


@pytest.mark.parametrize("text", SOUND)
def test_sound_captions_are_not_doubted(text: str) -> None:
    assert list(doubts(text)) == []
    assert foreign(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "USER: What is the caption?",
        "Assistant: CT of the chest.",
        "Describe this radiology image in one caption.",
        "List the medical concepts visible in this radiology image.",
        "Write the findings and impression for this chest X-ray.",
        "What is the description or caption of this medical image? CT.",
        "¿Cuál es la descripción o el pie de foto de esta imagen médica?",
        "Enumera los conceptos médicos clave (CUIs) observados o inferidos en esta imagen.",
        "Escribe los hallazgos y la impresión de esta radiografía de tórax.",
        "Sure! Here is a caption: CT.",
        "Here is the caption for the image: CT.",
        "**Caption:** CT of the chest.",
        "I'm sorry, but I cannot help with that.",
        "As an AI model, CT of the chest.",
        "Aquí tienes la descripción: TC.",
    ],
)
def test_prompts_and_chat_in_front_of_a_text(text: str) -> None:
    assert "prompt-echo" in dict(doubts(text))


def test_every_prompt_of_ours_is_known_as_an_echo() -> None:
    prompts = YAML(typ="safe").load((ROOT / "runners" / "prompts" / "prompts.yaml").read_text(encoding="utf-8"))
    texts = [
        Template(text, where="").render({"hints": "", "neighbours": [], "context": context}, image_id="any")
        for languages in prompts.values()
        for text in languages.values()
        for context in ({}, {"previous_report": "Normal."})
    ]
    assert len(texts) > 20
    assert [text for text in texts if "prompt-echo" not in dict(doubts(f"{text} CT of the chest."))] == []


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("<image> CT.", "<image>"),
        ("CT.</s>", "</s>"),
        ("CT <unk> lung.", "<unk>"),
        ("CT.<|im_end|>", "<|im_end|>"),
        ("[INST] CT.", "[INST]"),
        ("CT<0x0A>.", "<0x0A>"),
        ("CT.\u2581lung.", "\u2581"),
        ("pneu ##monia.", "##monia"),
        ("CT. ASSISTANT: CT.", "ASSISTANT:"),
        ("CT. ### Response", "### Response"),
        ("CT<end_of_turn>.", "<end_of_turn>"),
    ],
)
def test_marks_of_tokenizers_and_templates(text: str, mark: str) -> None:
    assert repr(mark) in dict(doubts(text))["template-remains"]


@pytest.mark.parametrize("end", ["showing a", "of the", "with ,", "seen (", "and", "del", "demonstrating"])
def test_texts_that_lead_on(end: str) -> None:
    text = f"CT of the chest {end}"
    assert dict(doubts(text)) == {"unfinished": f"the text ends with {end.rpartition(' ')[2]!r}"}
    assert list(doubts(text + " lung")) == []


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("CT scan. There is an effusion. There is an effusion.", "there is an effusion"),
        ("the the the the", "the"),
        ("CT of the of the of the of the", "of the"),
        ("CT " + "in the left lung " * 3, "in the left lung"),
    ],
)
def test_texts_that_repeat_themselves(text: str, again: str) -> None:
    assert again in dict(doubts(text))["repeated"]


@pytest.mark.parametrize("text", ["así—…", "café”—", "“aquí”…", "ó—…”", "está…»", "ñ“…”"])
def test_signs_after_an_accented_letter_are_sound(text: str) -> None:
    assert mojibake({"a": text}) == ""


@pytest.mark.parametrize("good", ["日本", "≥", "⅔", "–", "😀", "ó", "π"])
def test_wrongly_decoded_signs_are_still_found(good: str) -> None:
    spoilt = good.encode().decode("latin-1")
    assert mojibake({"a": spoilt})


def test_wrongly_decoded_and_lost_characters() -> None:
    assert dict(doubts("TÃ³rax.")) == {"mojibake": "the text holds 'Ã³', 'ó' decoded wrongly"}
    assert "U+FFFD" in dict(doubts("T\ufffdrax."))["mojibake"]
    assert mojibake({"a": "Tórax", "b": "TÃ³rax"}).endswith("the first is b")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Radiografía de tórax que muestra un derrame pleural derecho.", "Spanish"),
        ("Scanner abdominal avec une masse dans le rein gauche.", "French"),
        ("Röntgenaufnahme des Thorax mit Pleuraerguss rechts.", "German"),
        ("胸部X光片显示右侧胸腔积液。", "Chinese"),
    ],
)
def test_other_languages(text: str, language: str) -> None:
    assert foreign(text) == language
    assert codes(text) == ["language"]
    assert codes(*[text] * 3, task=Task.REPORTS) == []
    english = "The lungs are clear."
    assert codes(text, english, english, task=Task.REPORTS) == ["language"]


@given(st.text())
def test_any_text_can_be_doubted(text: str) -> None:
    list(doubts(text))
    assert isinstance(foreign(text + "\ud800\uffff\x00\u0085 " + text), str)


def test_collapse() -> None:
    assert codes(*varied()) == []
    assert codes(*["CT."] * (FEW - 1)) == []
    said = told(*["CT."] * FEW)
    assert [(problem.code, problem.line) for problem in said] == [("collapse", None)]
    assert said[0].message == "distinct answers: 1 of 20 (5%), the most frequent one stands 20 times: 'CT.'"
    assert codes(*varied(50), *["CT."] * 2) == ["collapse"]  # 4% are the same
    same = ["C0040405;C0817096", "C0817096; C0040405"] * 10
    assert codes(*same, task=Task.CONCEPTS) == ["collapse"]
    assert codes(*(f"C{n:07}" for n in range(FEW)), *[""] * 100, task=Task.CONCEPTS) == []


def test_a_prefix_that_most_texts_share() -> None:
    shared = varied(pattern="This image shows a {} lesion {}.")
    assert "'This image shows a'" in told(*shared)[0].message
    assert codes(*shared) == ["prefix-shared"]
    assert codes(*shared, *varied(30)) == []


def test_texts_cut_within_a_word() -> None:
    texts = [f"{said} pleural effusion." for said in varied()]
    found = told(*texts, "Lesion of the pleur")
    assert [(problem.code, problem.line) for problem in found] == [("unfinished", 22)]
    assert "'pleural'" in found[0].message
    assert codes(*texts, "Lesion of the effusions") == codes(*texts, "Lesion of the pleural") == []
    assert codes(*texts, "Lesion of the pleur", "The pleur too.") == []  # a word after all


def test_lengths() -> None:
    assert codes(*varied(), length=4.0) == []
    assert codes(*varied(), length=10.0) == ["length"]
    assert codes(*varied(), length=1.5) == ["length"]
    assert codes(*(f"C{n:07}" for n in range(FEW)), task=Task.CONCEPTS, length=4.0) == ["length"]


def test_how_long_references_are(tmp_path: Path) -> None:
    path = tmp_path / "references.csv"
    for text, task, length in (
        ('ID,Caption\na,"one, two three"\nb,four\nc,\n', Task.CAPTIONS, 2.0),
        ("a\tone two\nb\tone, two, three, four\n", Task.CAPTIONS, 3.0),
        ("ID,CUIs\na,C1;C2;C3\nb,C1\n", Task.CONCEPTS, 2.0),
        ("ID,Findings,Impression\na,one two,three\n", Task.REPORTS, 3.0),
    ):
        path.write_text(text, encoding="utf-8")
        assert reference_length(path, task) == length
    path.write_text("ID,Caption\na,\n", encoding="utf-8")
    with pytest.raises(InputError, match="no references"):
        reference_length(path, Task.CAPTIONS)


@pytest.mark.parametrize(
    ("text", "task", "said"),
    [
        ("ID,CUIs\na,C0040405;C0817096\n", Task.CAPTIONS, "its column 'CUIs' holds answers to concept_detection"),
        ("ID,Caption\na,CT\n", Task.CONCEPTS, "its column 'Caption' holds answers to caption_prediction"),
        ("ID,Caption\na,CT\n", Task.REPORTS, "its column 'Caption' holds answers to caption_prediction"),
        ("ID,Findings,Impression\na,Clear.,\n", Task.CAPTIONS, "'Findings' holds answers to report_generation"),
        ("a|C0040405;C0817096\nb|C0040405\nc|CT\n", Task.REPORTS, "its answers are CUIs"),
        ("a\tCT\nb\tMRI\nc\tC0040405\n", Task.CONCEPTS, "its answers are texts"),
    ],
)
def test_references_of_another_task(tmp_path: Path, text: str, task: Task, said: str) -> None:
    path = tmp_path / "references.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"holds no references of {task}: .*{said}; give --references a table"):
        reference_length(path, task)


@pytest.mark.parametrize("task", Task)
def test_the_mend_of_another_language_speaks_of_no_references_that_were_not_given(task: Task) -> None:
    text = "Radiografía de tórax que muestra un derrame pleural derecho."
    said = [p for p in told(text, "The lungs are clear.", "The chest.", task=task) if p.code == "language"]
    assert [problem.message for problem in said] == ["this reads as Spanish, not English"] * (task is not Task.CONCEPTS)
    assert all("references" not in problem.fix for problem in said)


@pytest.mark.skipif(not REAL.exists(), reason="needs the 2,000 captions of ROCOv2 in shared/data/roco")
def test_few_false_alarms_on_real_captions() -> None:
    with REAL.open(encoding="utf-8", newline="") as file:
        texts = [row[1] for row in csv.reader(file)][1:]
    found = Counter(codes(*texts))
    assert found.pop("language") == 66  # all of them French
    assert found == {"unfinished": 2, "repeated": 1, "identifying": 28}  # 23 of them months, days and years
