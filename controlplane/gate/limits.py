"""How much of the control plane one caller may take: calls in progress, and calls a second; and how much one agent.

In memory alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controlplane.errors import Throttled

# Calls end within milliseconds, watchers and uploads do not: when to try again is a guess.
BUSY_RETRY_S = 1.0
# Shorter: one large page is refused after another. Longer: others wait for so much longer when a project begins.
BURST_S = 4.0


class Lines:
    """Lines in the log about calls that were not let in: so many a second, and the rest in number.

    Whoever is refused costs no more than that: a flood of a thousand calls a second would write forty gigabytes a day.
    """

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = per_s
        self._second = 0
        self._unwritten = 0

    def unwritten_before(self, now_s: float) -> int | None:
        """How many were left out before this one; None: it is left out too."""
        if int(now_s) != self._second:
            self._second, self._left = int(now_s), self._per_s
        if not self._left:
            self._unwritten += 1
            return None
        self._left -= 1
        unwritten, self._unwritten = self._unwritten, 0
        return unwritten


class InProgress:
    """Counts what is under way for each key: an address, or a project."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str] = Counter()

    def take(self, key: str) -> None:
        """A place for one call; it is given back when the call is over. Raises `RequestLimitExceeded`."""
        if self._counts[key] >= self._limit:
            raise Throttled(f"{key} has {self._limit} calls in progress, its limit; wait for some", BUSY_RETRY_S)
        self._counts[key] += 1

    def give_back(self, key: str) -> None:
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]


class _Buckets:
    """One for each key, full at first, which fills with `per_s` up to `most`. It may be owed something."""

    def __init__(self, per_s: float, most: float) -> None:
        self._per_s = per_s
        self._most = most
        self._levels: dict[str, tuple[float, float]] = {}

    def level(self, key: str, now_s: float) -> float:
        level, at_s = self._levels.get(key, (self._most, now_s))
        return min(self._most, level + (now_s - at_s) * self._per_s)

    def leave(self, key: str, level: float, now_s: float) -> None:
        self._levels[key] = level, now_s


class Rate:
    """A bucket of calls for each project, which fills with `per_s` up to `burst`."""

    def __init__(self, what: str, per_s: int, burst: int) -> None:
        self._what = what
        self._per_s = per_s
        self._buckets = _Buckets(per_s, burst)

    def take(self, project_id: str, now_s: float) -> None:
        """One call, at a time of the monotonic clock. Raises `RequestLimitExceeded`."""
        level = self._buckets.level(project_id, now_s)
        if level < 1:
            raise Throttled(
                f"{project_id} makes more than {self._per_s} {self._what} a second; slow down",
                (1 - level) / self._per_s,
            )
        self._buckets.leave(project_id, level - 1, now_s)


class Pace:
    """Has whoever is too fast wait: a bucket for each key, which fills with `per_s` up to `burst`."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._buckets = _Buckets(per_s, burst)

    def wait_s(self, key: str, cost: float, now_s: float) -> float:
        """How long to wait after what was done now, at a time of a clock that only goes forward."""
        level = self._buckets.level(key, now_s) - cost
        self._buckets.leave(key, level, now_s)
        return max(0.0, -level / self._per_s)


class Turns:
    """Each project's share of the one thread that computes for all, which grows by `ms_per_s` up to `BURST_S` of that.

    A page of a thousand instances costs a hundred times what a volume costs: calls alone are no measure.
    """

    def __init__(self, ms_per_s: int, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self._share = ms_per_s / 1000
        self._cpu_s = cpu_s
        self._buckets = _Buckets(self._share, BURST_S * self._share)

    def wait_s(self, project_id: str, now_s: float) -> float:
        """How long until there is no debt, at a time of the monotonic clock."""
        return max(0.0, -self._buckets.level(project_id, now_s) / self._share)

    @contextmanager
    def one(self, project_id: str, now_s: float) -> Iterator[None]:
        """Around one step, at a time of the monotonic clock. Raises `RequestLimitExceeded` while there is a debt."""
        if wait_s := self.wait_s(project_id, now_s):
            raise Throttled(f"{project_id} has the control plane compute too much; slow down", wait_s)
        with self.charged(project_id, now_s):
            yield

    @contextmanager
    def charged(self, project_id: str, now_s: float) -> Iterator[None]:
        """Around what is done for a project in any case, as to read what it asks: its debt may grow."""
        level_s = self._buckets.level(project_id, now_s)
        began_s = self._cpu_s()
        try:
            yield
        finally:
            self._buckets.leave(project_id, level_s - (self._cpu_s() - began_s), now_s)
