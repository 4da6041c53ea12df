"""Threads for calls that block, a driver's own: a disk or a daemon that hangs stops nobody but those who need it.

A thread that hangs can't be ended. So its caller is told after a deadline, its key stays taken until the call comes
back, and whoever asks for the key again is told at once. The threads are daemons: none keeps the agent from ending.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, TypeVar

import structlog

from agent.drivers.base import Stuck

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class Threads:
    def __init__(self, name: str, workers: int, deadline_s: float) -> None:
        """At most `workers` calls at once; `name` and the keys are what people read when one hangs."""
        self._name = name
        self._workers = workers
        self._deadline_s = deadline_s
        self._calls: dict[str, asyncio.Future[Any]] = {}
        self._places = _Places(workers)
        self._overdue: set[str] = set()
        self._executor = _Daemons()

    async def run(self, key: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function in a thread, after earlier calls for this key. Raises what it raises.

        Raises Stuck when it does not answer within the deadline or no thread is free for as long; and at once where an
        earlier call for the key is overdue, or all threads are. A call outlives a caller that is cancelled.
        """
        if key in self._overdue or len(self._overdue) >= self._workers:
            raise self._stuck(key if key in self._overdue else next(iter(self._overdue)))
        await self._take_turn(key)
        try:
            call = asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *args, **kwargs))
        except BaseException:  # No thread could be started.
            self._places.give_back()
            raise
        self._calls[key] = call
        call.add_done_callback(partial(self._end, key))
        await asyncio.wait([call], timeout=self._deadline_s)
        if not call.done():
            self._overdue.add(key)
            raise self._stuck(key)
        return call.result()

    async def _take_turn(self, key: str) -> None:
        """One wakes for each that ends: a thousand may wait."""
        try:
            async with asyncio.timeout(self._deadline_s):
                while True:
                    while key in self._calls:
                        await asyncio.wait([self._calls[key]])
                    await self._places.take()
                    if key not in self._calls:
                        return
                    self._places.give_back()
        except TimeoutError as error:
            raise self._stuck(key if key in self._calls else next(iter(self._calls), key)) from error

    def _end(self, key: str, call: "asyncio.Future[Any]") -> None:
        del self._calls[key]
        self._places.give_back()
        error = None if call.cancelled() else call.exception()  # Nobody may be left to hear of it.
        if key in self._overdue:
            self._overdue.discard(key)
            log.warning("came back after its deadline", threads=self._name, call=key, error=str(error or ""))

    def _stuck(self, key: str) -> Stuck:
        hint = "look for a hung disk or daemon (`dmesg`, `systemctl status`)"
        return Stuck(f"stuck: {self._name} has not answered within {self._deadline_s:g} s for {key}; {hint}")


class _Places:
    """For some at once, in the order in which they come; each that is given back wakes one of those who wait.

    Unlike asyncio.Semaphore it is of no event loop: tests have several, and some Threads are a module's own.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        if self._free:  # Then nobody waits.
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # It came in that very moment.
                self.give_back()
            raise

    def give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Daemons(Executor):
    """A thread for each call. Those of a ThreadPoolExecutor are waited for when the interpreter ends."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        Thread(target=_call, args=(future, partial(fn, *args, **kwargs)), daemon=True).start()
        return future


def _call(future: "Future[Any]", function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 (handed on to whoever waits)
        future.set_exception(error)
