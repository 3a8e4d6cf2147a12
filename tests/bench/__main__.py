"""`make bench`: every measurement, its result and its goal, as one table."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tests.bench import concepts, generation, light

BENCHES: dict[str, Callable[[], list[tuple[str, str, str]]]] = {
    "help": light.measure_help,
    "check": light.measure_check,
    "concepts": concepts.measure,
    "resume": light.measure_resume,
    "generation": generation.measure,
    "submit": light.measure_submit,
}


def main() -> None:
    """Run the benches named on the command line, or all."""
    table = Table("measured", "result", "goal")
    for name in sys.argv[1:] or BENCHES:
        for row in BENCHES[name]():
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
