"""Prompts: named ones, files, variables and what feeds them; the verb that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from runners.config import Prompt
from runners.prompts import prompt_text, prompts_of
from runners.prompts.commands import prompts as prompts_command
from runners.prompts.presets import presets
from runners.prompts.template import Template
from tasks.concepts import Vocabulary
from tasks.nouns import Example, InputError, Task

VOCABULARY = Vocabulary(
    {"C0040405": ("X-Ray Computed Tomography",), "C0817096": ("Chest",), "C0032326": ("Pneumothorax",)}
)
EXAMPLES = [
    Example("a", Path("a.png"), "test", context={"age": "68", "heart_rate": "90", "icd10": "J90"}),
    Example("b", Path("b.png"), "test", context={"age": "45", "sex": "male"}),
]


def asked(
    text: str = "", *, examples: Sequence[Example] = EXAMPLES, task: Task = Task.CAPTIONS, **keys: object
) -> list[str]:
    prompt = Prompt.model_validate({"text": text, **keys} if text else keys)
    return prompts_of(prompt, examples, task=task, vocabulary=VOCABULARY)


@pytest.mark.parametrize(
    "text",
    [
        "Describe.",
        " 100 % of {this} <image>\r\n# not {a comment} %}",
        "USER: <image>\nWhat?\nASSISTANT:",
        "a {# b #} c\n",
        "}} %} {",
        "{ {x} }",
    ],
)
def test_a_text_without_variables_is_taken_byte_for_byte(text: str) -> None:
    assert asked(text) == [text, text]


def test_an_empty_prompt_is_one() -> None:
    assert prompts_of(Prompt(text=""), EXAMPLES, task=Task.CAPTIONS, vocabulary=None) == ["", ""]


@given(st.text())
def test_any_text_is_a_prompt_or_a_message(text: str) -> None:
    try:
        found = prompts_of(Prompt(text=text), EXAMPLES, task=Task.CAPTIONS, vocabulary=None)
    except InputError:
        assert "{{" in text or "{%" in text
        return
    assert found == [text, text] or "{{" in text or "{%" in text


def test_variables_are_those_of_each_image() -> None:
    text = "{{ image_id }} {{ language }}: {{ context.age }} {{ context.sex | default('unknown') }}"
    assert asked(text, language="es") == ["a es: 68 unknown", "b es: 45 male"]
    assert asked("Known: {{ context }}.")[1] == "Known: age: 45; sex: male."


def test_a_line_that_holds_only_a_tag_leaves_none_behind() -> None:
    text = "Known:\n{% for name, value in context.items() %}\n- {{ name }}={{ value }}\n{% endfor %}\nDescribe.\n"
    assert asked(text)[1] == "Known:\n- age=45\n- sex=male\nDescribe.\n"


def test_what_a_text_holds_is_never_a_template_itself() -> None:
    example = Example("a", Path("a.png"), "test", context={"age": "{{ image_id }} {% raw %}"})
    assert asked("{{ context.age }}", examples=[example]) == ["{{ image_id }} {% raw %}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ hint }}", "no variable is called 'hint'; there are: hints, context, neighbours"),
        ("line\n{{ context.age", "prompt.text, line 2: .* correct the template"),
        ("{% for x in hints %}", "prompt.text, line 1: "),
        ("{{ hints }}", "prompt.hints is not given"),
        ("{{ neighbours }}", "prompt.neighbours is not given"),
        ("{{ context.sex }}", "image a: .*no attribute 'sex': .*default"),
        ("{{ context.age / 2 }}", "image a: .*correct the template"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ image_id.__class__.__mro__ }}", "unsafe"),
        ("{% for n in range(10**9) %}{% endfor %}", "Range too big"),
        ("{% include 'secrets' %}", "image a"),
        ("{% set context = 1 %}{{ open('x') }}", "no variable is called 'open'"),
        ("{{ image_id | shout }}", "prompt.text, line 1: No filter named 'shout'"),
        ("{{ ''.join(context) | nothing }}", "No filter"),
        ("{{ context.update({'a': 1}) }}", "unsafe"),
    ],
)
def test_a_wrong_template_is_explained(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        asked(text)


def test_context_must_be_there() -> None:
    bare = [Example("a", Path("a.png"), "test")]
    with pytest.raises(InputError, match="no image of this split has any"):
        asked(examples=bare, name="report_context")
    assert asked("{{ context.age | default('?') }}", examples=[*EXAMPLES, *bare])[2] == "?"


def test_a_source_that_no_variable_reads_is_refused() -> None:
    with pytest.raises(InputError, match=r"prompt\.hints has no effect"):
        asked("Describe.", hints="concepts.csv")


def test_a_file_is_a_prompt(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes("\ufeffDescribe {{ image_id }} á.\nNow.\n".encode())
    assert asked(file=str(path)) == ["Describe a á.\nNow.", "Describe b á.\nNow."]
    path.write_text("one\ntwo {{ x", encoding="utf-8")
    with pytest.raises(InputError, match=r"p\.txt, line 2"):
        asked(file=str(path))


def test_a_file_that_is_no_prompt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prompt.file: .*gone\.txt cannot be read"):
        asked(file=str(tmp_path / "gone.txt"))
    with pytest.raises(InputError, match="cannot be read"):
        asked(file=str(tmp_path))
    path = tmp_path / "p.txt"
    path.write_bytes("Descripción".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8 text \(byte 9\)"):
        asked(file=str(path))
    path.write_text(" \n", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        asked(file=str(path))


HINTED = "Concepts: {{ hints }}.{% if not hints %} None.{% endif %}"


def test_hints_are_names(tmp_path: Path) -> None:
    path = tmp_path / "hints.csv"
    path.write_text("ID,CUIs\nb,C0817096;C0040405\na,\nc,C0032326\n", encoding="utf-8")
    assert asked(HINTED, hints=str(path)) == ["Concepts: . None.", "Concepts: Chest; X-Ray Computed Tomography."]
    assert asked("{{ hints | first | default('-') }} {{ hints | length }}", hints=str(path)) == ["- 0", "Chest 2"]
    path.write_text('ID,Concepts\na,"chest;lung, left"\nb,\n', encoding="utf-8")
    assert asked(HINTED, hints=str(path))[0] == "Concepts: chest; lung, left."


def test_hints_come_from_a_run_too(tmp_path: Path) -> None:
    from tasks.editions import load_edition
    from tasks.submission import write_submission

    rows = [("a", ("C0817096",)), ("b", ())]
    write_submission(tmp_path, edition=load_edition(2026, Task.CONCEPTS), rows=rows)
    assert asked(HINTED, hints=str(tmp_path)) == ["Concepts: Chest.", "Concepts: . None."]
    assert "Chest" in asked(name="report_hints", hints=str(tmp_path), task=Task.REPORTS)[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("ID,CUIs\na,C0817096\n", "no row for 1 of 2 images, such as b"),
        (
            "ID,CUIs\na,C0817096\nb,C9999999\n",
            "hints.csv: b: C9999999: the vocabulary has no name for it: .*data.vocabulary",
        ),
        ("ID,Caption\na,A scan.\nb,Another.\n", "answers to caption_prediction"),
        ("", "holds no answer|is empty|no concepts|empty"),
    ],
)
def test_hints_that_cannot_be_used(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "hints.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        asked(HINTED, hints=str(path))


def test_hints_need_a_file_and_a_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        asked(HINTED, hints=str(tmp_path / "gone.csv"))
    path = tmp_path / "hints.csv"
    path.write_text("ID,CUIs\na,C0817096\nb,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"there is no vocabulary: .*data\.vocabulary"):
        prompts_of(Prompt(text=HINTED, hints=str(path)), EXAMPLES, task=Task.CAPTIONS, vocabulary=None)


def test_presets_exist_for_each_task_in_both_languages() -> None:
    for task in ("concepts", "caption", "report"):
        for kind in ("", "_concise", "_detailed", "_hints", "_context", "_neighbours"):
            texts = presets()[task + kind]
            assert texts.keys() == {"en", "es"}
            reads = {code: Template(text, where=task).variables for code, text in texts.items()}
            assert reads["en"] == reads["es"] == ({kind[1:]} & {"hints", "context", "neighbours"})
            assert texts["en"] != texts["es"]


def test_prompts_of_the_founding_systems_are_word_for_word() -> None:
    assert presets()["caption_detailed"]["en"] == "Describe this medical image in detail."
    assert presets()["mimic_curriculum_image"]["en"] == "Image:<image>\nAnswer Impression & CheXpert."
    assert presets()["ja_med_clef_caption"]["es"] == (
        "USER: <image>\n¿Cuál es la descripción o el pie de foto de esta imagen médica?\nASSISTANT:"
    )
    with_data = asked(name="mimic_curriculum_ehr", task=Task.REPORTS)
    assert with_data[0] == (
        'Patient Data:\n{\n  "age": "68",\n  "heart_rate": "90"\n}\n\nImage:<image>\nAnswer Impression, CheXpert & ICD.'
    )


def test_a_context_preset_never_tells_the_codes() -> None:
    assert asked(name="report_context")[0].endswith("Known of the patient: age 68; heart rate 90.")
    assert asked(name="report_context", language="es")[1].endswith("Datos del paciente: age 45; sex male.")


def test_an_unknown_name_or_language_is_told() -> None:
    with pytest.raises(InputError, match="no prompt is called 'captoin'; there are: concepts,"):
        prompt_text(Prompt(name="captoin"))
    with pytest.raises(InputError, match="'caption' has no text in 'fr'; there are: en, es"):
        prompt_text(Prompt(name="caption", language="fr"))


def test_list_prints_every_prompt() -> None:
    done = CliRunner().invoke(prompts_command, ["list"], env={"COLUMNS": "250"})
    assert done.exit_code == 0
    assert all(f" {name} " in done.output for name in presets())
    assert "{{ hints }}" in done.output
    spanish = CliRunner().invoke(prompts_command, ["list", "--language", "es"], env={"COLUMNS": "250"}).output
    assert "Describe esta imagen" in spanish and "Describe this" not in spanish
    assert isinstance(CliRunner().invoke(prompts_command, ["list", "--language", "xx"]).exception, InputError)


def test_show_prints_the_prompts_of_the_first_images(tmp_path: Path) -> None:
    from tests.runners.standin import IDS, make_config, make_data

    config = make_config(tmp_path, make_data(tmp_path / "data"))
    words = ["show", str(config), "--set", "prompt.text=Describe {{ image_id }} [/INST] now.", "--limit", "2"]
    done = CliRunner().invoke(prompts_command, words)
    assert done.exit_code == 0, done.exception
    assert done.output == "".join(f"--- {i}\nDescribe {i} [/INST] now.\n" for i in IDS[:2])
    failed = CliRunner().invoke(prompts_command, ["show", str(config), "--set", "prompt.text={{ hints }}"])
    assert isinstance(failed.exception, InputError)
