"""Values of records as words of a table.

said(True), thousands(7000000000)                   # "yes", "7,000,000,000"
called("/home/me/trainings/small/adapter")          # "small/adapter"
hardware(record["sessions"])                        # "NVIDIA A100-SXM4-80GB (80 GiB), AMD EPYC, 16 cores, 128 GiB"
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any


def said(value: Any) -> str:
    """Yes, no, a text as it is, anything else as JSON; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def thousands(value: Any) -> str:
    """A whole number with commas."""
    return f"{value:,}" if isinstance(value, int) else said(value)


def joined(*parts: str) -> str:
    """Those that are not empty."""
    return ", ".join(part for part in parts if part)


def called(path: str) -> str:
    """A name on the hub as it is; of a place on a disk its last two parts."""
    parts = PurePath(path).parts
    return path if len(parts) <= 2 and not path.startswith((".", "/")) else "/".join(parts[-2:])


def hardware(sessions: Sequence[Mapping[str, Any]]) -> str:
    """Of all sessions, each kind once."""
    found: dict[str, None] = {}
    for session in sessions:
        facts = session.get("hardware") or {}
        boards = [f"{one['name']} ({one['memory_bytes'] / 2**30:.0f} GiB)" for one in facts.get("accelerators") or ()]
        memory = f"{facts['memory_bytes'] / 2**30:.0f} GiB" if facts.get("memory_bytes") else ""
        cpu = joined(facts.get("cpu") or facts.get("machine") or "", f"{facts.get('cores')} cores", memory)
        found[joined(*dict.fromkeys(boards), cpu)] = None
    return "; ".join(found)
