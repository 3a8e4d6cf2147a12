"""Diagnosis codes of ICD-9-CM and ICD-10-CM, with their dots as in books or without as in MIMIC, and where they stand.

    normalised("i10"), normalised("428.0"), normalised("fever")     # "I10", "4280", ""
    version("V58.61"), version("E11.9")                             # 9, 10
    prefix("J18.9"), prefix("E849.0")                               # "J18", "E849"
    dotted("E849", 10), dotted("E8490", 9)                          # "E84.9", "E849.0"
    read_codes("{'I10': 1, 'J18.9': 0}"), read_codes("I10; 428.0")  # ("I10",), ("I10", "428.0")

ICD-9-CM has 3 to 5 characters: digits, or V or E and digits, with the dot behind the third and of an E code behind the
fourth. ICD-10-CM has 3 to 7: a letter, a digit, a digit or A or B, then letters and digits, with the dot behind the
third. (CMS, ICD-10-CM/PCS: The Next Generation of Coding; CDC, ICD-9-CM and ICD-10-CM Official Guidelines for Coding
and Reporting, and the chapters E000-E030 and E800-E999 of the former.)

The dot tells E84.9 of ICD-10 from E849 of ICD-9. Without it, five characters with E00 to E03, E8 or E9 are ICD-9
(E8490), four are ICD-10 (E876) but for those it lacks: E9, and E887 and some more of E8. V codes of digits alone are
ICD-9: those of ICD-10 have seven characters with letters at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from tasks.reports.label_names import thought
from tasks.reports.lenient import first_list, is_cut, objects, said

_NINE = re.compile(r"(?:(?!000)[0-9]{3}|V[0-9]{2})(?:\.?[0-9]{1,2})?")
_NINE_E = re.compile(r"E(?:0[0-2][0-9]|030|8[0-9]{2})\.?[0-9]|E(?:846|847|867|887|897|899|9[0-9]{2})(?:\.?[0-9])?")
_TEN = re.compile(r"[A-Z][0-9][0-9AB](?:\.?[0-9A-Z]{1,4})?")
_LIKE_A_CODE = re.compile(r"(?=.*[0-9])[A-Za-z0-9.]{3,10}")
_BETWEEN = re.compile(r"""[\s,;:|()\[\]{}"'*•]+""")


def normalised(code: str) -> str:
    """The code in capitals without dots and blanks; empty when it is none."""
    return _tidy(code).replace(".", "") if version(code) else ""


def version(code: str) -> Literal[9, 10] | None:
    """Of which ICD the code is by its pattern, whether or not the books list it."""
    tidy = _tidy(code)
    if _NINE.fullmatch(tidy) or _NINE_E.fullmatch(tidy):
        return 9
    return 10 if _TEN.fullmatch(tidy) else None


def prefix(code: str) -> str:
    """The category: three characters, four of an E code of ICD-9; empty when it is no code."""
    return normalised(code)[: 4 if _NINE_E.fullmatch(_tidy(code)) else 3]


def dotted(code: str, of: int) -> str:
    """The code as books print it, where its ICD is known, 9 or 10: what tells the E codes of both apart."""
    bare = _tidy(code).replace(".", "")
    behind = 4 if of == 9 and bare.startswith("E") else 3
    return f"{bare[:behind]}.{bare[behind:]}".removesuffix(".")


def read_codes(value: Any) -> tuple[str, ...]:
    """The codes in a text, a list or an object, as they are written, each once."""
    codes: dict[str, str] = {}
    for code in _written(value):
        codes.setdefault(normalised(code) or code, code)
    return tuple(codes.values())


def _tidy(code: str) -> str:
    return "".join(code.split()).upper().removesuffix(".")


def _written(value: Any) -> Sequence[str]:
    """The codes of a list, of an object's keys but for those it denies, or among the words of a text.

    Of a list also what only looks like a code: who writes one that does not exist is wrong, not silent.
    """
    if isinstance(value, str):
        if listed := first_list(value):
            return _written(listed)
        document: Any = next((document for document, _ in objects(value)), None)
        return (document and _written(document)) or [word for word in _BETWEEN.split(value) if version(word)]
    if isinstance(value, dict):
        named = [(key, inner) for key, inner in value.items() if thought(said(inner)) != 0]
        return [code for key, inner in named for code in ([key] if version(key) else _written(inner))]
    if isinstance(value, list):
        return [code for item in value for code in _written(item) or _made_up(item)]
    return _written(said(value))


def _made_up(item: Any) -> Sequence[str]:
    word = said(item).strip()
    return [word] if _LIKE_A_CODE.fullmatch(word) and not is_cut(item) else []
