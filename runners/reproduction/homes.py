"""The user's home folder, which an archive does not tell: `/home/jane/data` is `~/data` in it, until it is opened."""

from __future__ import annotations

import re
from pathlib import Path

_TILDE = re.compile(r"""(?<![^\s"'\[(=,:])~(?=/)""")


def without_home(text: str) -> str:
    """The text with this user's home folder as `~`."""
    home = str(Path.home())
    return text if home == "/" else re.sub(rf"(?<![\w.~/-]){re.escape(home)}(?![\w.-])", "~", text)


def at_home(text: str) -> str:
    """The text with `~/` as this user's home folder."""
    return _TILDE.sub(lambda _: str(Path.home()), text)


def absolute_paths(text: str) -> list[str]:
    """The absolute paths that a JSON text has as values, each once."""
    return list(dict.fromkeys(re.findall(r'"(/[^"\s]*)"', text)))
