"""The packages a run was made with, as pip's constraints: `pip install -c constraints.txt ...` takes exactly these.

run.json records the versions that can change an output; all others are those installed when the run is frozen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

_OWN = "imageclef-harness"


def constraints_of(record: Mapping[str, Any]) -> str:
    """`name==version`, one a line, sorted, with Python's version in the comment above."""
    recorded = dict(record["sessions"][-1].get("versions", {})) if record["sessions"] else {}
    python = recorded.pop("python", "unknown")
    installed = {_canonical(found.name): found.version for found in metadata.distributions() if found.name}
    recorded = {_canonical(name): version for name, version in recorded.items()}
    versions = {name: version for name, version in {**installed, **recorded}.items() if name != _OWN}
    lines = [
        f"# Python {python}",
        f"# As the run recorded them: {', '.join(sorted(recorded)) or 'none'}.",
        "# All others as they were installed when the run was frozen.",
    ]
    # A local version such as 2.13.0+cpu is on no index; a constraint without it takes that one and its siblings.
    lines += [f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions.items())]
    return "\n".join(lines) + "\n"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
