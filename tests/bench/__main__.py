"""`make bench`: every measurement, its result and its goal, each as soon as it is done.

`python -m tests.bench scores growth` runs those named, of which `BENCHES` has the list.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench import (
    classifier,
    concepts,
    decisions,
    embedding,
    generation,
    light,
    papers,
    reports,
    retrieval,
    score_command,
    score_models,
    scoring,
    sharing,
    training,
)
from tests.bench.sides import Row

BENCHES: dict[str, Callable[[], Iterable[Row | Text]]] = {
    "help": light.measure_help,
    "check": light.measure_check,
    "concepts": concepts.measure,
    "resume": light.measure_resume,
    "generation": generation.measure,
    "sharing": sharing.measure,
    "submit": light.measure_submit,
    "score": score_command.measure_official,
    "growth": score_command.measure_growth,
    "concept-f1": scoring.measure_concept_f1,
    "rouge1": scoring.measure_rouge1,
    "coco": scoring.measure_coco,
    "bootstrap": scoring.measure_bootstrap,
    "meteor": score_models.measure_meteor,
    "decisions": decisions.measure,
    "embedding": embedding.measure,
    "retrieval": retrieval.measure,
    "classifier": classifier.measure,
    "training": training.measure,
    "reports": reports.measure,
    "papers": papers.measure,
    "bertscore": score_models.measure_bertscore,
}
WIDTH = 120
"""Columns where the output is no terminal."""


def main() -> None:
    """Run the benches named on the command line, or all."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    start = time.monotonic()
    unknown = [name for name in sys.argv[1:] if name not in BENCHES]
    if unknown:
        raise SystemExit(f"no bench {', '.join(unknown)}: name some of {', '.join(BENCHES)}")
    _print(console, ("measured", "result", "goal"), style="bold")
    for name in sys.argv[1:] or BENCHES:
        for part in BENCHES[name]():
            if isinstance(part, Text):
                console.print(part)
            else:
                _print(console, part)
    _print(console, ("all of it", f"{time.monotonic() - start:.0f} s", ""), style="bold")


def _print(console: Console, row: Row, *, style: str = "") -> None:
    """One row, in columns as wide as those of the rows before."""
    table = Table.grid(padding=(0, 2), expand=True)
    for ratio in (5, 5, 3):
        table.add_column(ratio=ratio)
    table.add_row(*row, style=style)
    console.print(table)


if __name__ == "__main__":
    main()
