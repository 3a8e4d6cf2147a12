"""How long the sessions of a run or a training took, and at most what energy its accelerators used meanwhile.

spent = spent_of(record["sessions"])
spent.hours, spent.kwh        # 1.52, 0.61
spent.words()                 # "1.52 h in 2 sessions; at most 0.61 kWh: 1 x NVIDIA A100-SXM4-80GB at 400 W"

The estimate is hours x the power that the boards' maker publishes (`power.yaml`), as if they ran at it all the time;
processors, memory, cooling and losses are not in it. Without an accelerator, or with one that is not listed, nothing is
estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_POWER = Path(__file__).with_name("power.yaml")


@dataclass(frozen=True, slots=True)
class Spent:
    """What sessions took."""

    sessions: int
    untimed: int
    """Sessions that were killed, so that nobody noted when they ended."""
    hours: float
    kwh: float | None
    """None where no power is known."""
    boards: str
    """The accelerators with their power, or why there is no estimate."""

    def words(self) -> str:
        """As a phrase of a paper."""
        some = f"{said_hours(self.hours)} in {self.sessions} session{'s' if self.sessions != 1 else ''}"
        if self.untimed:
            some += f" ({self.untimed} of them broken off, its time not known)"
        energy = (
            f"energy not estimated: {self.boards}" if self.kwh is None else f"at most {_kwh(self.kwh)}: {self.boards}"
        )
        return f"{some}; {energy}"


def spent_of(sessions: Sequence[Mapping[str, Any]]) -> Spent:
    """What these sessions took together."""
    timed = [session for session in sessions if session.get("seconds") is not None]
    hours = sum(session["seconds"] for session in timed) / 3600
    boards = [_boards(session) for session in timed]
    names = sorted({name for own in boards for name in own})
    watts = {name: power_of(name) for name in names}
    unknown = [name for name, power in watts.items() if power is None]
    kwh: float | None = None
    if not names:
        said = "processors alone, whose power no record has"
    elif unknown:
        said = f"no published power of {unknown[0]} is listed"
    else:
        kwh = sum(
            session["seconds"] / 3.6e6 * n * (watts[name] or 0)
            for session, own in zip(timed, boards, strict=True)
            for name, n in own.items()
        )
        most = {name: max(own[name] for own in boards) for name in names}
        said = ", ".join(f"{most[name]} x {name} at {watts[name]} W" for name in names)
    return Spent(len(sessions), len(sessions) - len(timed), hours, kwh, said)


def power_of(name: str) -> int | None:
    """Watts of a board by the name that its driver gives it; None when it is not listed."""
    return _powers().get(name.removeprefix("NVIDIA ").strip())


def said_hours(hours: float) -> str:
    """A time in the unit that suits it."""
    return f"{hours:.2f} h" if hours >= 1 else f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.1f} s"


def _boards(session: Mapping[str, Any]) -> Counter[str]:
    """Each process works on one board: a run's notes its own session, a training's session says how many there are."""
    found = session.get("hardware", {}).get("accelerators") or ()
    return Counter({str(board["name"]): int(session.get("processes", 1)) for board in found[:1]})


def _kwh(energy: float) -> str:
    return f"{energy:.2f} kWh" if energy >= 0.1 else f"{energy * 1000:.2g} Wh"


@cache
def _powers() -> dict[str, int]:
    from ruamel.yaml import YAML

    groups = YAML(typ="safe").load(_POWER.read_text(encoding="utf-8"))
    return {name: int(group["watts"]) for group in groups for name in group["names"]}
