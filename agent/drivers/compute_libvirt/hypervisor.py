"""A connection to libvirtd that comes back by itself, with threads for its calls, and its events.

All of libvirt's calls block: functions that take a `virConnect`, those of `domains`, are meant for `Hypervisor.change`
and `Hypervisor.look`.
"""

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TypeVar

import libvirt

from agent.drivers.base import Permanent, Transient
from agent.drivers.compute_libvirt.descriptions import Descriptions
from agent.drivers.compute_libvirt.witness import Witness
from agent.host.threads import Threads
from agent.model import Kind, Ref

# A libvirtd that answers nothing for 7 x 3 s is gone, though its socket be open; sooner, a busy one would seem so. What
# it answers to a call counts, so that no more than those of PING_S are sent where they come more often than these.
KEEPALIVE_INTERVAL_S = 7
KEEPALIVE_COUNT = 2

# Of silence, after which libvirtd is asked whether it still answers. Shorter is noise, longer shows for longer as well
# what nobody can see.
PING_S = 5.0

# For a call that reads, and one that changes something. Shorter calls a busy libvirtd hung, e.g. while it attaches a
# disk; longer calls those guests well that nobody can see.
LOOK_DEADLINE_S = 10.0
CHANGE_DEADLINE_S = 60.0

# The request itself is wrong. Anything else may pass: an export that isn't there, a busy device, a restart.
PERMANENT_CODES = frozenset(
    {
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_XML_ERROR,
        libvirt.VIR_ERR_XML_DETAIL,
        libvirt.VIR_ERR_XML_INVALID_SCHEMA,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    }
)

Result = TypeVar("Result")


class Hypervisor:
    """A connection to libvirtd: opened by the first call that needs it, and again when libvirtd was away."""

    def __init__(self, uri: str, threads: int) -> None:
        self.witness = Witness()
        self.descriptions = Descriptions()
        self._uri = uri
        self._connection: libvirt.virConnect | None = None
        self._connecting = threading.Lock()
        self._changing = Threads(f"libvirtd at {uri}", threads, CHANGE_DEADLINE_S)
        self._looking = Threads(f"libvirtd at {uri}", 1, LOOK_DEADLINE_S)
        self._answered_at = time.monotonic()
        self._listeners: set[Callable[[str | None], None]] = set()

    async def change(self, key: str, function: Callable[..., Result], *args: object) -> Result:
        """Run `function(connection, *args)`, after earlier changes of this key.

        Raises Transient or Permanent by libvirt's error code, and Stuck when libvirtd hangs.
        """
        return await self._changing.run(key, self._change, key, function, args)

    async def look(self, function: Callable[..., Result], *args: object) -> Result:
        """As `change`, for what only reads: never behind slow changes."""
        found = await self._looking.run(function.__name__, self._call, function, args)
        self._answered_at = time.monotonic()
        return found

    async def events(self) -> AsyncIterator[Ref]:
        """Instances whose domain something happened to.

        Raises Transient when the connection is lost, Stuck when libvirtd hangs.
        """
        loop = asyncio.get_running_loop()
        names: asyncio.Queue[str | None] = asyncio.Queue()

        def listener(name: str | None) -> None:
            loop.call_soon_threadsafe(names.put_nowait, name)

        self._listeners.add(listener)
        try:
            while (name := await self._next(names)) is not None:
                yield Ref(Kind.INSTANCE, name)
        finally:
            self._listeners.discard(listener)
        raise Transient(f"the connection to libvirtd at {self._uri} was lost")

    async def _next(self, names: "asyncio.Queue[str | None]") -> str | None:
        while True:
            silence_s = time.monotonic() - self._answered_at
            if silence_s >= PING_S:
                await self.look(ping)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S - silence_s):
                    return await names.get()

    def _change(self, key: str, function: Callable[..., Result], args: tuple[object, ...]) -> Result:
        try:
            return self._call(function, args)
        finally:
            self.descriptions.drop(key)

    def _call(self, function: Callable[..., Result], args: tuple[object, ...]) -> Result:
        connection = None
        try:
            connection = self._connect()
            return function(connection, *args)
        except libvirt.libvirtError as error:
            if connection is None or not connection.isAlive():
                raise Transient(f"libvirtd does not answer at {self._uri}: {error}; is it running?") from error
            if error.get_error_code() in PERMANENT_CODES:
                raise Permanent(f"libvirt refuses: {error}") from error
            raise Transient(f"libvirt failed: {error}") from error

    def _connect(self) -> libvirt.virConnect:
        with self._connecting:
            if self._connection is None or not self._connection.isAlive():
                _run_event_loop()
                self.descriptions.drop_all()
                self._connection = libvirt.open(self._uri)
                self._connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
                self._listen(self._connection)
            return self._connection

    def _listen(self, connection: libvirt.virConnect) -> None:
        for event, callback in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._on_reboot),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_change),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, self._on_change),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, self._on_change_of_ours),
            (libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, self._on_change_of_ours),
        ):
            connection.domainEventRegisterAny(None, event, callback, None)
        connection.registerCloseCallback(self._on_close, None)

    # Called by libvirt's thread

    def _on_lifecycle(
        self, _: libvirt.virConnect, domain: libvirt.virDomain, event: int, detail: int, _data: object
    ) -> None:
        self.witness.lifecycle(domain.name(), event, detail)
        self._tell(domain.name())

    def _on_reboot(self, _: libvirt.virConnect, domain: libvirt.virDomain, _data: object) -> None:
        self.witness.rebooted(domain.name())
        self._tell(domain.name())

    def _on_change(self, _: libvirt.virConnect, domain: libvirt.virDomain, *_details: object) -> None:
        self._tell(domain.name())

    def _on_change_of_ours(self, _: libvirt.virConnect, domain: libvirt.virDomain, *_details: object) -> None:
        """Mostly: no reason to look. That somebody else did it, a pass finds."""
        self.descriptions.drop(domain.name())

    def _on_close(self, _: libvirt.virConnect, _reason: int, _data: object) -> None:
        self._tell(None)

    def _tell(self, name: str | None) -> None:
        self.descriptions.drop_all() if name is None else self.descriptions.drop(name)
        for listener in tuple(self._listeners):
            listener(name)


def ping(connection: libvirt.virConnect) -> None:
    connection.getLibVersion()


@functools.cache
def _run_event_loop() -> None:
    """libvirt's own loop, once per process: it reads the sockets, keeps connections alive and delivers events."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # Errors are raised; not printed as well.
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()
