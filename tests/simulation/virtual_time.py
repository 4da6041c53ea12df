"""An event loop that never waits: when nobody has anything to do, the clock jumps to what comes next.

Work for threads is done on the loop itself, some time after it was asked for and some time before it is answered, so
that whoever asked can be killed before it, after it, or never. With one seed everything happens in one order.
"""

import asyncio
import selectors
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

_LONGEST_WORK_S = 0.004  # In a thread, before and again after it takes effect: about what an fsync takes.


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, seed: int) -> None:
        self._now = 0.0
        self.random = Random(seed)
        super().__init__(_Impatient(self))
        numbers = count()
        self.set_task_factory(lambda loop, work, **how: _NumberedTask(next(numbers), work, loop=loop, **how))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        work = self.create_task(self._work(func, args))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())  # Perhaps nobody hears of it,
        return asyncio.shield(work)  # since a thread goes on when nobody waits for it.

    async def _work(self, func: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        await asyncio.sleep(self.random.uniform(0, _LONGEST_WORK_S))
        try:
            return func(*args)
        finally:
            await asyncio.sleep(self.random.uniform(0, _LONGEST_WORK_S))


class _NumberedTask(asyncio.Task[Any]):
    """Hashed by number, not by address: a TaskGroup cancels its tasks in the order of a set."""

    def __init__(self, number: int, work: Any, **how: Any) -> None:
        self._number = number
        super().__init__(work, **how)

    def __hash__(self) -> int:
        return self._number


class _Impatient(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everyone waits for somebody else, and nobody for the clock")
        self._loop.jump(max(0.0, timeout))
        return []
