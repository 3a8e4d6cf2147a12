"""The model hub: whether it may be asked, whether it answers, and where its files are kept."""

from __future__ import annotations

import threading
from pathlib import Path

_PATIENCE = 2.0
"""Seconds until the hub counts as unreachable; its own client would try for most of a minute."""


def hub_silence(patience: float = _PATIENCE) -> str | None:
    """Why the hub cannot be asked, None when it can: it is switched off, or does not answer within `patience`."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, so it is not asked"
    said = [f"{constants.ENDPOINT} does not answer within {patience:g} s"]
    # A thread, since looking up a name has no time limit of its own.
    asking = threading.Thread(target=_ask, args=(constants.ENDPOINT, patience, said), daemon=True)
    asking.start()
    asking.join(patience)
    return said[-1] or None


def hub_cache() -> Path:
    """The folder of what was downloaded (HF_HUB_CACHE, HF_HOME)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def folder_size(folder: Path) -> int:
    """Bytes of the files in `folder`, each counted once however often it is linked."""
    sizes = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        sizes[(stat.st_dev, stat.st_ino)] = 0 if path.is_dir() else stat.st_size
    return sum(sizes.values())


def _ask(endpoint: str, patience: float, said: list[str]) -> None:
    import httpx

    try:
        httpx.head(endpoint, timeout=patience)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        said.append(f"{endpoint} cannot be reached ({str(error) or type(error).__name__})")
    else:
        said.append("")
