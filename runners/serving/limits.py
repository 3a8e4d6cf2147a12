"""What a client may ask for, and how it is told that it may not.

rate = Rate(60)
rate.wait("127.0.0.1", now=0.0)      # 0.0 for the first 60 within a minute, then the seconds until the next is allowed
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_MINUTE = 60.0
_CLIENTS = 1000
"""So many clients are remembered before those that have been quiet for a minute are forgotten."""


@dataclass(frozen=True)
class Limits:
    """The limits of a server."""

    upload: int = 32 * 2**20
    """Bytes an image file may have."""
    per_minute: int = 60
    """Requests of one client."""
    queue: int = 64
    """Requests that are read, waiting or answered at once; with `upload` it bounds the memory they take."""
    patience: float = 60.0
    """Seconds within which an upload has to come."""


class Refusal(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, what: str, *, where: str, mend: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.where = where
        self.mend = mend
        self.retry_after = retry_after
        """Seconds after which it may be tried again."""


class Rate:
    """Counts each client's requests of the last minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._asked: dict[str, deque[float]] = {}

    def wait(self, client: str, *, now: float) -> float:
        """Seconds until `client` may ask again; 0 when it may now, which is counted. `now` is a monotonic time."""
        if len(self._asked) > _CLIENTS:
            self._asked = {name: times for name, times in self._asked.items() if times[-1] > now - _MINUTE}
        times = self._asked.setdefault(client, deque(maxlen=self._per_minute))
        if len(times) == self._per_minute and times[0] > now - _MINUTE:
            return times[0] + _MINUTE - now
        times.append(now)
        return 0.0
