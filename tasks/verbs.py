"""A group of verbs as a table, each imported only when it is called.

Verbs({"check": ("tasks.commands:check", "Say everything the organisers would reject.")})
Verbs({"concepts": ({"merge": ("tasks.merge:merge", "Merge concept files.")}, "Merge and map concepts.")})
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping
from typing import Any

import click

from tasks.nouns import InputError, message_of

Table = Mapping[str, tuple["str | Table", str]]
"""Verb -> where its command is, or the table of a group, and one line of help, shown without importing anything."""


class Verbs(click.Group):
    """Looks its commands up in a table."""

    def __init__(self, table: Table, **options: Any) -> None:
        super().__init__(context_settings={"help_option_names": ["-h", "--help"]}, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        place, text = self.table[cmd_name]
        return pkgutil.resolve_name(place) if isinstance(place, str) else Verbs(place, name=cmd_name, help=text)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # whatever the phase, the status that a shell gives to Ctrl-C
            click.echo("stopped", err=True)
            sys.exit(130)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in self.table.items()])


def call(cli: Verbs, obj: object) -> None:
    """Run the command; what the user must mend is one message and exit status 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show is escaped, not fatal
        getattr(stream, "reconfigure", dict)(errors="backslashreplace")
    try:
        cli(obj=obj)
    except (InputError, OSError, UnicodeEncodeError) as error:
        click.echo(f"error: {message_of(error)}", err=True)
    sys.exit(2)
