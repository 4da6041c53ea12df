"""Tells that somebody changed rules, links, routes or neighbours in namespaces: hints, which do not say what it was.

What the agent does itself is no change: see `agent.host.ear`. Names of namespaces are looked at every now and then,
since no socket tells of them.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from agent.host import namespaces
from agent.host.ear import HOST, Ear
from agent.host.threads import Threads

LOOK_S = 0.5  # For namespaces that came or went. Longer leaves one that lost its name without its rules for longer.
SETTLE_S = 0.2  # What comes in a row is one hint. Longer delays the repair; shorter makes several passes of one change.


class Monitor:
    """`changes` owns all of it, and may be iterated once."""

    def __init__(self, threads: Threads, names: Callable[[], Collection[str]]) -> None:
        """`names()`: the namespaces to watch, by now; HOST may be one."""
        self._threads = threads
        self._names = names
        self._watched: dict[tuple[str, int], ExitStack] = {}
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    async def changes(self) -> AsyncIterator[frozenset[str]]:
        """Names of namespaces in which something changed, or which came or went; some each time, at first all."""
        with ExitStack() as everything:
            everything.callback(self._close)
            while True:
                await self._follow_names()
                changed, self._changed = frozenset(self._changed), set()
                self._woken.clear()
                if changed:
                    yield changed
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
                        await asyncio.sleep(SETTLE_S)

    def note(self, name: str) -> None:
        """Something changed in this namespace."""
        self._changed.add(name)
        self._woken.set()

    async def _follow_names(self) -> None:
        """Watch what is new, by content: a name may have come to mean another namespace."""
        here = {key for name in self._names() if (key := _identity(name)) is not None}
        for key in self._watched.keys() - here:
            self._watched.pop(key).close()
            self.note(key[0])
        for key in here - self._watched.keys():
            with suppress(FileNotFoundError):  # Gone meanwhile.
                await self._watch(key)
                self.note(key[0])

    async def _watch(self, key: tuple[str, int]) -> None:
        loop, name = asyncio.get_running_loop(), key[0]

        def tell() -> None:
            loop.call_soon_threadsafe(self.note, name)

        make = partial(namespaces.call, name, Ear, name, tell) if name != HOST else partial(Ear, name, tell)
        ear = await self._threads.run(f"watch {name}", make)
        self._watched[key] = stack = ExitStack()
        stack.callback(ear.close)
        for each in ear.sockets:
            loop.add_reader(each, ear.listen)
            stack.callback(loop.remove_reader, each)

    def _close(self) -> None:
        for stack in self._watched.values():
            stack.close()


def _identity(name: str) -> tuple[str, int] | None:
    try:
        return name, os.stat(namespaces.path(name) if name else Path("/proc/self/ns/net")).st_ino
    except FileNotFoundError:
        return None
