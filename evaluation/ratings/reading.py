"""Filled sheets, one a rater, read against the key: every fault at once, with file, line and mend.

A sheet comes from the page or from a spreadsheet, whatever it put between the columns. Only the code and the columns of
the items count. A rater is called as the file without its ending:

    ratings = read_ratings([Path("rater-1.csv"), Path("rater-2.csv")], key=Path("sheet/key.csv"), items=items)
    ratings.raters, ratings.systems                 # ("rater-1", "rater-2"), ("knn", "tuned")
    ratings.levels["errors"]["rater-1"]["KXWTBR"]   # "minor"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.ratings.items import Item
from evaluation.ratings.sheet import KEY, plain_cell
from tasks.datasets.table import find, normalised, read_rows
from tasks.nouns import InputError

SHOWN = 20
"""Faults told in one message."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a code stands for."""

    system: str
    study: str


@dataclass(frozen=True, slots=True)
class Ratings:
    """What all raters said."""

    items: tuple[Item, ...]
    key: Mapping[str, Text]
    """Code -> its text."""
    raters: tuple[str, ...]
    levels: Mapping[str, Mapping[str, Mapping[str, str]]]
    """Item -> rater -> code -> level, or the words of free text; without what was left empty."""

    @property
    def systems(self) -> tuple[str, ...]:
        """In the order of the key, which is that in which they were named."""
        return tuple(dict.fromkeys(text.system for text in self.key.values()))

    @property
    def studies(self) -> tuple[str, ...]:
        """In the order of the key."""
        return tuple(dict.fromkeys(text.study for text in self.key.values()))


def read_ratings(paths: Sequence[Path], *, key: Path, items: Sequence[Item], missing: bool = False) -> Ratings:
    """The ratings of all sheets; InputError with every fault. With `missing`, cells may be empty and rows lacking."""
    texts = read_key(key)
    raters = tuple(path.stem for path in paths)
    twice = next((rater for rater in raters if raters.count(rater) > 1), None)
    if twice is not None:
        raise InputError(f"two sheets are called '{twice}': name each file after its rater")
    levels: dict[str, dict[str, dict[str, str]]] = {item.name: {rater: {} for rater in raters} for item in items}
    faults: list[str] = []
    for path, rater in zip(paths, raters, strict=True):
        faults += _read_sheet(path, texts, items, {name: of[rater] for name, of in levels.items()}, missing=missing)
    if faults:
        more = f"\n... and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError("the sheets cannot be counted yet:\n" + "\n".join(faults[:SHOWN]) + more)
    return Ratings(tuple(items), texts, raters, levels)


def read_key(path: Path) -> dict[str, Text]:
    """Code -> text; InputError when the file is no key."""
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    places = [find(header, name) for name in KEY]
    if None in places:
        raise InputError(f"{path}:1: the header has no {', '.join(KEY)}: give the key.csv that the sheet was made with")
    code, system, study = (place for place in places if place is not None)
    texts = {row[code].strip(): Text(plain_cell(row[system]), plain_cell(row[study])) for _, row in rows}
    if not texts:
        raise InputError(f"{path} has no rows: give the key.csv that the sheet was made with")
    return texts


def _read_sheet(
    path: Path, key: Mapping[str, Text], items: Sequence[Item], found: Mapping[str, dict[str, str]], *, missing: bool
) -> Iterator[str]:
    """Put a sheet's ratings into `found` (item -> code -> level); what is wrong with it."""
    rows = read_rows(path)
    header = tuple(next(rows)[1])
    place = find(header, "code")
    columns = {item.name: find(header, normalised(item.name)) for item in items}
    absent = [name for name in ("code",) if place is None] + [name for name, at in columns.items() if at is None]
    if place is None or absent:
        yield f"{path}:1: no column {', '.join(absent)}: keep the header of the sheet, or give its --items"
        return
    lines: dict[str, int] = {}
    for line, row in rows:
        code = row[place].strip().upper()
        if code not in key:
            yield f"{path}:{line}: the code {code[:40]!r} is not in the key: correct it, or give the key of this sheet"
        elif code in lines:
            yield f"{path}:{line}: {code} stands on line {lines[code]} already: keep one row"
        else:
            lines[code] = line
            cells = {name: plain_cell(row[at].strip()) for name, at in columns.items() if at is not None}
            yield from _read_row(cells, items, found, code, where=f"{path}:{line}: {code}", missing=missing)
    if missing and not any(found.values()):
        yield f"{path}: no rating of these texts: leave the file out"
    if not missing and (lacking := [code for code in key if code not in lines]):
        first = f"{len(lacking)} texts have no row, the first is {lacking[0]}"
        yield f"{path}: {first}: add them, or allow it with --missing"


def _read_row(
    cells: Mapping[str, str],
    items: Iterable[Item],
    found: Mapping[str, dict[str, str]],
    code: str,
    *,
    where: str,
    missing: bool,
) -> Iterator[str]:
    for item in items:
        said = cells[item.name]
        if not item.levels:
            if said:
                found[item.name][code] = said
        elif not said:
            if not missing:
                yield f"{where}: {item.name} is empty: fill it in, or allow it with --missing"
        elif (level := _level(said, item)) is None:
            yield f"{where}: {item.name} is {said[:40]!r}: write one of {', '.join(item.levels)}"
        else:
            found[item.name][code] = level


def _level(said: str, item: Item) -> str | None:
    """The level that was meant: in any case, and 4.0 or 4,0 for 4, as some spreadsheets write it."""
    whole = said.replace(",", ".").removesuffix(".0")
    return next((level for level in item.levels if level.casefold() in {said.casefold(), whole}), None)
