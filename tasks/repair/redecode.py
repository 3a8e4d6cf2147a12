"""Wrongly decoded characters of a text mended with ftfy (Speer 2019, github.com/rspeer/python-ftfy).

Of ftfy only the encoding fix acts, without what loses characters or reads a control character as another one:

    redecoded("2 cm Ã— 3 cm")      # "2 cm × 3 cm"

ftfy searches its text letter by letter, and no fix of it changes ASCII or looks further than a few letters beyond the
characters it mends: it is given the text without the middles of longer runs of ASCII, which is several times faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

_MIDDLE = re.compile(r"(?<=[\x01-\x7f]{10})([\x01-\x7f]{2,})(?=[\x01-\x7f]{10})")
_CUT = "\0"


def redecoded(text: str) -> str:
    """The text in the characters that were meant; the text itself where none was wrongly decoded."""
    if text.isascii():
        return text
    parts = [text] if _CUT in text else _MIDDLE.split(text)
    mended = _fixer()(_CUT.join(parts[::2])).split(_CUT)
    if len(mended) != len(parts[::2]):  # a NUL in the text, or from a mend
        return _fixer()(text)
    parts[::2] = mended
    return "".join(parts)


@cache
def _fixer() -> Callable[[str], str]:
    import ftfy

    config = ftfy.TextFixerConfig(replace_lossy_sequences=False, fix_c1_controls=False)
    return lambda text: ftfy.fix_encoding(text, config)
