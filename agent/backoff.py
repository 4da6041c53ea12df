"""How long to wait for the next try of what failed."""

from collections.abc import Callable


def delay_s(failures: int, first_s: float, cap_s: float, jitter: Callable[[float, float], float]) -> float:
    """At random below a limit that doubles with each failure, so that many don't come back in one instant."""
    return jitter(0, min(first_s * 2.0 ** min(failures, 20), cap_s))
