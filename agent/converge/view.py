"""Shares listings of the real world between workers: one is made for all who wait, and none is older than asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class View(Generic[T]):
    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._begun = 0  # How many listings have begun.
        self._number = 0  # Of the one below.
        self._latest: Future[T] = Future()

    def mark(self) -> int:
        """A point in time: what begins from now on shows everything that was done before."""
        return self._begun

    async def after(self, mark: int) -> T:
        """A listing that began after the mark. Raises what the reading raised, to all who waited for it."""
        async with self._lock:
            if self._number <= mark:
                self._begun += 1
                self._latest = await self._outcome()
                self._number = self._begun
            return self._latest.result()

    async def _outcome(self) -> Future[T]:
        outcome: Future[T] = Future()
        try:
            outcome.set_result(await self._read())
        except Exception as error:  # noqa: BLE001 (raised to whoever asked)
            outcome.set_exception(error)
        return outcome
