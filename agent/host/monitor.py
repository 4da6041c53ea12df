"""Tells that somebody changed rules, links, routes or neighbours in namespaces: hints, which do not say what it was.

What the agent does itself is no change: see `agent.host.ear`. Names of namespaces come and go in a directory, which
tells of them once it is there.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import ExitStack, suppress
from functools import partial

from agent.host import namespaces
from agent.host.ear import HOST, Ear
from agent.host.inotify import Inotify, Lost
from agent.host.threads import Threads

# For namespaces that came or went, where nothing tells. Longer leaves one that lost its name without it for longer.
LOOK_S = 0.5
# The same, where their directory tells. Shorter wakes an idle host for nothing, longer leaves a name that came to mean
# another namespace without being unlinked (umount(8)) standing for longer.
TOLD_LOOK_S = 10.0
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
        self._directory = _Directory(self._woken.set)

    async def changes(self) -> AsyncIterator[frozenset[str]]:
        """Names of namespaces in which something changed, or which came or went; some each time, at first all."""
        with ExitStack() as everything:
            everything.callback(self._close)
            while True:
                is_told = self._directory.watch()
                self._woken.clear()
                await self._follow_names()
                changed, self._changed = frozenset(self._changed), set()
                if changed:
                    yield changed
                with suppress(TimeoutError):
                    async with asyncio.timeout(TOLD_LOOK_S if is_told else LOOK_S):
                        await self._woken.wait()
                        await asyncio.sleep(SETTLE_S)

    def note(self, name: str) -> None:
        """Something changed in this namespace."""
        self._changed.add(name)
        self._woken.set()

    async def _follow_names(self) -> None:
        """Watch what is new, by content: a name may have come to mean another namespace."""
        here = {(name, found) for name in self._names() if (found := namespaces.identity(name)) is not None}
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
        self._directory.close()
        for stack in self._watched.values():
            stack.close()


class _Directory:
    """Of namespaces' names: tells when some come or go."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._inotify: Inotify | None = None

    def watch(self) -> bool:
        """From now on, unless it does already. Returns False where it can't: it comes with the first name."""
        if self._inotify is None:
            with suppress(OSError):
                self._inotify = Inotify(namespaces.RUN_DIR)
                asyncio.get_running_loop().add_reader(self._inotify.descriptor, self._hear, self._inotify)
        return self._inotify is not None

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.descriptor)
            self._inotify.close()
            self._inotify = None

    def _hear(self, inotify: Inotify) -> None:
        try:
            deque(inotify.read(), maxlen=0)
        except Lost:
            self.close()
        self._tell()
