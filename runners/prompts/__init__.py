"""What the model is asked: a named prompt, a file or a text, with variables that are filled in for each image.

    prompts_of(Prompt(name="caption_hints", hints="concepts.csv"), examples, task=Task.CAPTIONS, vocabulary=vocabulary)
    # ["Write the caption of this radiology image in one or two sentences. A classifier suggests ...: chest; x-ray."]

Variables, in Jinja's language (see template.py):

    {{ hints }}         names of the concepts that the file or run `prompt.hints` gives the image
    {{ context }}       what the data set knows of the patient: {{ context.age }}, {{ context.indication }}, ...;
                        {{ context | told }} is `age 68; heart rate 90`, without diagnosis codes and ids, and
                        {{ context.previous_report }} what the patient's last report said
    {{ neighbours }}    the training images most like this one (`prompt.neighbours`), each with answer, caption,
                        concepts, report, image_id and similarity
    {{ image_id }}, {{ language }}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runners.config import Prompt
from runners.prompts.patient import PREVIOUS
from runners.prompts.presets import preset
from runners.prompts.template import Template
from tasks.concepts import Vocabulary
from tasks.datasets.groups import context_of
from tasks.nouns import Example, InputError, Task

VARIABLES = ("hints", "context", "neighbours", "image_id", "language")


def prompt_text(prompt: Prompt) -> str:
    """The prompt as it was written, variables not filled in; InputError for an unknown name, language or file."""
    if prompt.text is not None:
        return prompt.text
    return preset(str(prompt.name), prompt.language) if prompt.file is None else _read(Path(prompt.file))


def prompts_of(prompt: Prompt, examples: Sequence[Example], *, task: Task, vocabulary: Vocabulary | None) -> list[str]:
    """The prompt of each example, in their order.

    InputError when the template is wrong, or reads what neither the config nor the data set gives it.
    """
    template = Template(prompt_text(prompt), where=_where(prompt))
    _require_fed(template, prompt, examples)
    if not template.variables or not examples:
        return [template.render({}, image_id="any")] * len(examples)
    several = _of_each_image(template, prompt, examples, task, vocabulary)
    return [
        template.render(
            {
                "image_id": example.image_id,
                "language": prompt.language,
                "context": context_of(example),
                **{name: values[example.image_id] for name, values in several.items()},
            },
            image_id=example.image_id,
        )
        for example in examples
    ]


def _of_each_image(
    template: Template, prompt: Prompt, examples: Sequence[Example], task: Task, vocabulary: Vocabulary | None
) -> Mapping[str, Mapping[str, Any]]:
    """Variable -> image id -> its value, for those that are read from files."""
    values: dict[str, Mapping[str, Any]] = {}
    if "hints" in template.variables and prompt.hints is not None:
        from runners.prompts.names import read_hints

        values["hints"] = hints = read_hints(Path(prompt.hints), vocabulary)
        if without := [e.image_id for e in examples if e.image_id not in hints]:
            raise InputError(
                f"prompt.hints: {prompt.hints} has no row for {len(without)} of {len(examples)} images, such as "
                f"{without[0]}: give each image a row, an empty one where there is no concept"
            )
    if "neighbours" in template.variables and prompt.neighbours is not None:
        from runners.prompts.neighbours import find_neighbours

        values["neighbours"] = find_neighbours(prompt.neighbours, examples, task=task, vocabulary=vocabulary)
    return values


def _require_fed(template: Template, prompt: Prompt, examples: Sequence[Example]) -> None:
    """InputError when a variable is unknown or has no source, or a source no variable."""
    where = template.where
    if unknown := sorted(template.variables.difference(VARIABLES)):
        raise InputError(f"{where}: no variable is called '{unknown[0]}'; there are: {', '.join(VARIABLES)}")
    for name, source in (("hints", prompt.hints), ("neighbours", prompt.neighbours)):
        if name in template.variables and source is None:
            raise InputError(
                f"{where} reads {{{{ {name} }}}}, and prompt.{name} is not given: say where they come from"
            )
        if name not in template.variables and source is not None:
            raise InputError(f"prompt.{name} has no effect: {where} does not read {{{{ {name} }}}}")
    if "context" in template.variables and examples and not any(context_of(example) for example in examples):
        raise InputError(
            f"{where} reads {{{{ context }}}}, and no image of this split has any: put context.csv beside the reports, "
            "or choose a prompt without it"
        )
    reads_previous = "context" in template.variables and PREVIOUS in template.text
    if reads_previous and examples and not any(example.context.get(PREVIOUS) for example in examples):
        raise InputError(
            f"{where} reads context.{PREVIOUS}, and no image of this split has one: MIMIC-CXR's studies do; choose "
            "another prompt, such as report_context"
        )


def _where(prompt: Prompt) -> str:
    """The prompt's place, as messages name it."""
    if prompt.text is not None:
        return "prompt.text"
    return f"prompt '{prompt.name}' ({prompt.language})" if prompt.file is None else str(prompt.file)


def _read(path: Path) -> str:
    """A file's text without the line end that editors put last."""
    try:
        text = path.read_text(encoding="utf-8-sig").removesuffix("\n")
    except OSError as error:
        raise InputError(f"prompt.file: {path} cannot be read: {error.strerror or error}: correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"prompt.file: {path}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    if not text.strip():
        raise InputError(f'prompt.file: {path} is empty: write the prompt, or use `text: ""` for a model without one')
    return text
