"""What somebody else changed and a driver put right: told for a while as a problem of the host.

An operator who deletes a rule by mistake sees it come back, and should get to know that it was never needed elsewhere;
somebody who deletes rules again and again must be seen.
"""

import time
from collections.abc import Callable, Sequence

import structlog

TOLD_FOR_S = 900.0  # Shorter is missed by people, longer is stale news.
_NAMED = 3  # Things named for each repair; a flushed ruleset has hundreds.

log = structlog.get_logger()


class Repairs:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[str, tuple[float, str]] = {}  # When and what, by resource: the last one of each.

    def note(self, resource: str, things: Sequence[str]) -> None:
        """No effect where nothing was repaired."""
        if not things:
            return
        more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
        what = ", ".join(sorted(things)[:_NAMED]) + more
        log.warning("repaired what somebody changed", resource=resource, things=what)
        self._made[resource] = (self._clock(), what)

    def problems(self) -> tuple[str, ...]:
        """Those of the last TOLD_FOR_S."""
        since = self._clock() - TOLD_FOR_S
        self._made = {resource: made for resource, made in list(self._made.items()) if made[0] >= since}
        return tuple(f"repaired: {resource}: somebody changed {what}" for resource, (_, what) in self._made.items())
