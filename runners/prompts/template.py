"""Prompts with variables: Jinja templates, in which a mistake is told before a model is loaded.

A text without `{{` and `{%` is no template: it is taken as it stands, byte for byte. A line that holds only a
`{% tag %}` leaves no empty line behind:

    template = Template("Concepts: {{ hints }}.", where="prompt.text")
    template.variables                                                    # frozenset({"hints"})
    template.render({"hints": ("chest", "x-ray")}, image_id="..._17")     # "Concepts: chest; x-ray."

A variable printed whole reads as text: a list with `; ` between its items, a mapping as `name: value; ...`. What
the language can do: https://jinja.palletsprojects.com/en/stable/templates/ (its sandbox: no file, no Python).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runners.prompts.patient import known, told
from tasks.nouns import InputError

_FAULTS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What rendering a template can raise: its own errors, and those of the expressions in it."""


def _plain(value: object) -> object:
    """What `{{ value }}` prints."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {inner}" for key, inner in value.items() if inner)
    if isinstance(value, list | tuple):
        return ("; " if all(isinstance(item, str) for item in value) else "\n").join(map(str, value))
    return value


class Template:
    """A prompt's text; InputError when it is no valid template."""

    def __init__(self, text: str, *, where: str) -> None:
        self.text = text
        self.where = where
        """What the user reads: `prompt.text`, the preset's name or the file."""
        self.variables: frozenset[str] = frozenset()
        """The names that the template reads."""
        self._template = None
        if "{{" not in text and "{%" not in text:
            return
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            finalize=_plain,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        environment.filters |= {"known": known, "told": told}
        try:
            self.variables = frozenset(meta.find_undeclared_variables(environment.parse(text)))
            self._template = environment.from_string(text)
        except TemplateSyntaxError as error:
            raise InputError(
                f"{where}, line {error.lineno}: {error.message}: correct the template; braces that mean themselves "
                "stand between {% raw %} and {% endraw %}"
            ) from None
        except (TemplateError, RecursionError, MemoryError) as error:
            raise InputError(f"{where}: no valid template: {error}") from None

    def render(self, values: Mapping[str, Any], *, image_id: str) -> str:
        """The prompt for one image; InputError when a value that the template reads is not there."""
        if self._template is None:
            return self.text
        try:
            return self._template.render(values)
        except UndefinedError as error:
            raise InputError(
                f"{self.where}: image {image_id}: {error.message}: what not every image has is written "
                "{{ context.age | default('unknown') }}, or stands between {% if 'age' in context %} and {% endif %}"
            ) from error
        except _FAULTS as error:
            raise InputError(f"{self.where}: image {image_id}: {error}: correct the template") from error
