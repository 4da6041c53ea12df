"""How the engine gets to know: a full pass over each kind, every now and then, and drivers' events between.

Events are hints: a pass finds what none told of, and begins at once where they end. Kinds don't wait for one another,
so that a driver that hangs hides nothing but its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from agent import bugs
from agent.drivers.base import DriverError, Eventful
from agent.model import Kind, Ref

# Between passes while a driver has not listed even once. Shorter is noise in the log, longer delays the first report.
_FIRST_PASS_AGAIN_S = 1.0
# Between two tries to follow a driver's events. Shorter asks one that is down too often, longer relies on passes alone.
_EVENTS_AGAIN_S = 10.0
# For a pass. A driver's own deadlines are shorter; this is for those that have none.
_PASS_DEADLINE_S = 30.0

log = structlog.get_logger()


class Watch:
    def __init__(
        self,
        drivers: Mapping[Kind, Sequence[object]],
        look: Callable[[Kind], Awaitable[None]],
        hint: Callable[[Ref], None],
        pass_s: float,
    ) -> None:
        """`drivers`: who tells of each kind. `look` finds all that there is of one, and raises when it can't; `hint` is
        told of events.
        """
        self._drivers = drivers
        self._look = look
        self._hint = hint
        self._pass_s = pass_s
        self._due = {kind: asyncio.Event() for kind in drivers}
        self._failures: dict[Kind, str] = {}
        self._listed: set[Kind] = set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._drivers:
                tasks.create_task(self._pass_for_ever(kind))
            for driver in {id(driver): driver for known in self._drivers.values() for driver in known}.values():
                if isinstance(driver, Eventful):
                    tasks.create_task(self.follow(driver, *self._kinds_of(driver)))

    @property
    def problems(self) -> tuple[str, ...]:
        """The kinds that can't be seen at present, and why, for people."""
        return tuple(f"cannot list {kind.value}s: {failure}" for kind, failure in self._failures.items())

    def is_unseen(self, kind: Kind) -> bool:
        """Whether there may be some that were never seen."""
        return kind in self._drivers and kind not in self._listed

    def hurry(self, *kinds: Kind) -> None:
        """Pass over these now."""
        for kind in kinds:
            if kind in self._due:
                self._due[kind].set()

    async def _pass_for_ever(self, kind: Kind) -> None:
        due = self._due[kind]
        while True:
            due.clear()
            await self._pass(kind)
            try:
                async with asyncio.timeout(_FIRST_PASS_AGAIN_S if self.is_unseen(kind) else self._pass_s):
                    await due.wait()
            except TimeoutError:
                pass

    async def _pass(self, kind: Kind) -> None:
        try:
            async with asyncio.timeout(_PASS_DEADLINE_S):
                await self._look(kind)
        except DriverError as error:
            self._fail(kind, str(error))
        except TimeoutError:
            self._fail(kind, f"no answer within {_PASS_DEADLINE_S:g} s")
        except Exception as error:  # noqa: BLE001 (told, and shown as a problem of the host)
            self._fail(kind, bugs.tell(f"pass over {kind.value}s", error))
        else:
            self._failures.pop(kind, None)
            self._listed.add(kind)

    def _fail(self, kind: Kind, failure: str) -> None:
        if self._failures.get(kind) != failure:
            log.warning("cannot list", kind=kind.value, error=failure)
        self._failures[kind] = failure

    def _kinds_of(self, driver: object) -> list[Kind]:
        return [kind for kind, known in self._drivers.items() if any(each is driver for each in known)]

    async def follow(self, driver: Eventful, *kinds: Kind) -> None:
        """Hint at what it tells of, until cancelled."""
        known = ""  # Why there are none: as in a pool that is away for days, it is logged once.
        while True:
            try:
                async for ref in driver.events():
                    known = ""
                    self._hint(ref)
            except DriverError as error:
                if str(error) != known:
                    log.warning("no events; the full pass does without", kinds=_names(kinds), error=str(error))
                known = str(error)
            except Exception as error:  # noqa: BLE001 (told)
                bugs.tell(f"events of {_names(kinds)}", error)
            self.hurry(*kinds)
            await asyncio.sleep(_EVENTS_AGAIN_S)


def _names(kinds: Iterable[Kind]) -> str:
    return " and ".join(f"{kind.value}s" for kind in kinds)
