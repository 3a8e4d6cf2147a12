"""What is done to an answer before it is read: a list of small steps, named in the config, each a pure function.

    apply_steps("What is seen? CT of the chest with", ["strip_echo", "finish_sentence"], prompt="What is seen?",
                language="en")
    # Edited("CT of the chest.", edits=("strip_echo", "finish_sentence"), wrong_language=False)

strip_echo        prompt, chat and special tokens round the answer go (echo.py)
dedupe_sentences  a sentence said again in the same section goes (sentences.py)
finish_sentence   an unfinished last sentence is cut off, or closed where it is the only one (sentences.py)
language_guard    the text stays, but an answer that is certain to be in another language is marked: it is asked for
                  again with `again`, and then a failure
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runners.answers.echo import strip_echo
from runners.answers.sentences import dedupe_sentences, finish_sentence
from runners.config import Step
from tasks.language import ENGLISH, foreign

LANGUAGES: Mapping[str, tuple[str, str]] = {
    "en": ("English", "Answer in English."),
    "es": ("Spanish", "Responde en español."),
}
"""Code -> the name that `tasks.language` gives it, and the sentence that asks for it."""
_ANSWERS_HERE = re.compile(
    r"(?:\s|<\|[^|<>\s]{1,40}\|>|</s>|\[/INST\]|(?<=\|>)assistant|\bASSISTANT ?:|### ?(?:Response|Assistant) ?:?)*$"
)
"""The end of a prompt in a chat's own form, behind which the answer begins."""
_EDITS: Mapping[Step, Callable[[str, str], str]] = {
    "strip_echo": strip_echo,
    "dedupe_sentences": lambda text, prompt: dedupe_sentences(text),
    "finish_sentence": lambda text, prompt: finish_sentence(text),
}


@dataclass(frozen=True, slots=True)
class Edited:
    """An answer after the steps."""

    text: str
    """Empty only where the model wrote nothing but echo."""
    edits: tuple[str, ...]
    """The steps that changed it, in the order of their first change."""
    wrong_language: bool
    """Whether the guard stands among the steps and the text is certain to be in another language."""


def apply_steps(text: str, steps: Sequence[Step], *, prompt: str, language: str) -> Edited:
    """Apply the steps in their order, and again until none changes the text, so that a second time changes nothing.

    `prompt` is the image's own, variables filled in; `language` is the one the answer has to be in, whatever the
    prompt's.
    """
    edits: dict[str, None] = {}
    before = None
    while text != before:
        before = text
        for step in steps:
            if step in _EDITS and (edited := _EDITS[step](text, prompt)) != text:
                text = edited
                edits[step] = None
    return Edited(text, tuple(edits), "language_guard" in steps and _other_language(text, language))


def again(prompt: str, language: str) -> str:
    """The prompt with a sentence that names the language; a prompt without words stays, as it asks nothing."""
    if not prompt.strip():
        return prompt
    end = _ANSWERS_HERE.search(prompt)
    at = end.start() if end else len(prompt)
    return f"{prompt[:at]}\n{LANGUAGES[language][1]}{prompt[at:]}"


def _other_language(text: str, language: str) -> bool:
    found = foreign(text)
    if language == "en":
        return bool(found)
    return found != LANGUAGES[language][0] if found else any(words in text for words in ENGLISH)
