"""The one place that talks to libvirt: a connection that comes back by itself, its threads, and calls on domains.

All of libvirt's calls block, so they run in threads of this module: functions that take a `virConnect` are meant for
`Hypervisor.change` and `Hypervisor.look`. They decide nothing and never wait or retry. A domain is ours when it carries
our metadata; any other is the operator's, is never shown or changed, and stands in the way of an instance of its name.
"""

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, TypeVar

import libvirt

from agent.drivers.base import Permanent, Transient
from agent.drivers.compute_libvirt import domain_xml
from agent.drivers.compute_libvirt.domain_xml import NAMESPACE, NAMESPACE_PREFIX, Description, Record
from agent.model import DiskSpec, Domain, InstanceSpec, OffReason, Power

INSTANCE_ID_PREFIX = "i-"

# A libvirtd that answers no ping for 5 x 3 s is gone, though its socket be open; sooner, a busy one would seem so.
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3

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

POWERS = {
    libvirt.VIR_DOMAIN_PAUSED: Power.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Power.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: Power.OFF,
    libvirt.VIR_DOMAIN_CRASHED: Power.OFF,
}  # What is left are ways to run, such as to be on the way down.

OFF_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: OffReason.SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: OffReason.DESTROYED,
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: OffReason.CRASHED,
}

WATCHED_EVENTS = (
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
)

LIVE_AND_CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG

FORGET_ALL = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)

Result = TypeVar("Result")


class Hypervisor:
    """A connection to libvirtd: opened by the first call that needs it, and again when libvirtd was away."""

    def __init__(self, uri: str, threads: int) -> None:
        self._uri = uri
        self._connection: libvirt.virConnect | None = None
        self._connecting = threading.Lock()
        self._changing = ThreadPoolExecutor(threads, "libvirt-change")
        self._looking = ThreadPoolExecutor(1, "libvirt-look")
        self._listeners: set[Callable[[str], None]] = set()

    async def change(self, function: Callable[..., Result], *args: object) -> Result:
        """Run `function(connection, *args)`. Raises Transient or Permanent by libvirt's error code."""
        return await self._run(self._changing, function, args)

    async def look(self, function: Callable[..., Result], *args: object) -> Result:
        """As `change`, for what only reads: never behind slow changes."""
        return await self._run(self._looking, function, args)

    async def events(self) -> AsyncIterator[str]:
        """Names of domains that something happened to, while connected; the next call reconnects."""
        loop = asyncio.get_running_loop()
        names: asyncio.Queue[str] = asyncio.Queue()

        def listener(name: str) -> None:
            loop.call_soon_threadsafe(names.put_nowait, name)

        self._listeners.add(listener)
        try:
            while True:
                yield await names.get()
        finally:
            self._listeners.discard(listener)

    async def _run(self, executor: Executor, function: Callable[..., Result], args: tuple[object, ...]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(executor, self._call, function, args)

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
                self._connection = libvirt.open(self._uri)
                self._connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
                for event in WATCHED_EVENTS:
                    self._connection.domainEventRegisterAny(None, event, self._notify, None)
            return self._connection

    def _notify(self, _connection: libvirt.virConnect, domain: libvirt.virDomain, *_details: object) -> None:
        for listener in tuple(self._listeners):
            listener(domain.name())


@functools.cache
def _run_event_loop() -> None:
    """libvirt's own loop, once per process: it reads the sockets, keeps connections alive and delivers events."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # Errors are raised; not printed as well.
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()


def ping(connection: libvirt.virConnect) -> None:
    connection.getLibVersion()


def offers_kvm(connection: libvirt.virConnect) -> bool:
    """Whether libvirt finds KVM usable for the user that QEMU runs as."""
    try:
        connection.getDomainCapabilities(None, "x86_64", "q35", "kvm")
    except libvirt.libvirtError as error:
        if error.get_error_code() in PERMANENT_CODES:
            return False
        raise
    return True


class _Active(NamedTuple):
    domain: libvirt.virDomain
    description: Description


def list_domains(connection: libvirt.virConnect) -> dict[str, Domain]:
    """Ours, by instance id. States of all come in one call; only what may be ours is asked for its XML."""
    found = {}
    for domain, stats in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE):
        name = domain.name()
        if not name.startswith(INSTANCE_ID_PREFIX):
            continue
        with _ignoring(libvirt.VIR_ERR_NO_DOMAIN):
            description = domain_xml.parse(domain.XMLDesc())
            if description is not None:
                found[name] = _domain(name, stats["state.state"], stats["state.reason"], description)
    return found


def start_paused(connection: libvirt.virConnect, spec: InstanceSpec, xml: str) -> None:
    """Define and start it anew, unless it runs, or is paused in this generation with these disks."""
    domain = _lookup(connection, spec.instance_id)
    if domain is not None:
        description = domain_xml.parse(domain.XMLDesc())
        if description is None:
            raise Permanent(f"a domain named {spec.instance_id} exists that is not ours; rename or undefine it")
        power = _power(domain.state()[0])
        if power is Power.RUNNING or (power is Power.PAUSED and _is_start_of(description, spec)):
            return
        if power is Power.PAUSED:
            domain.destroy()
    connection.defineXML(xml).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def resume(connection: libvirt.virConnect, instance_id: str) -> None:
    """Note that the guest has run, then let it: a crash in between claims too much rather than too little."""
    if (active := _find_active(connection, instance_id)) is None:
        raise Transient(f"{instance_id} has no domain to resume; it must be started first")
    if not active.description.record.has_run:
        _save(active.domain, replace(active.description.record, has_run=True))
    if _power(active.domain.state()[0]) is Power.PAUSED:
        active.domain.resume()


def press_power_button(connection: libvirt.virConnect, instance_id: str) -> None:
    if active := _find_active(connection, instance_id):
        active.domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


def destroy(connection: libvirt.virConnect, instance_id: str) -> None:
    if active := _find_active(connection, instance_id):
        active.domain.destroy()


def reboot(connection: libvirt.virConnect, instance_id: str, reboot_count: int) -> None:
    """Ask the guest to go down, which libvirt turns into a reset; count it after, so that it happens at least once."""
    active = _find_active(connection, instance_id)
    if active and active.description.record.reboot_count != reboot_count:
        active.domain.reboot(libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)
        _save(active.domain, replace(active.description.record, reboot_count=reboot_count))


def attach_disk(connection: libvirt.virConnect, instance_id: str, disk: DiskSpec) -> None:
    """To the running guest alone: the next start brings a definition of its own."""
    if (active := _find_active(connection, instance_id)) is None:
        raise Transient(f"{instance_id} does not run; {disk.volume_id} comes with its next start")
    if disk.export_name not in active.description.export_names:
        xml = domain_xml.render_disk(disk, active.description.disk_targets)
        active.domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def detach_disk(connection: libvirt.virConnect, instance_id: str, export_name: str) -> None:
    """Ask, without the five seconds that libvirt waits for an answer when the disk is named by its XML."""
    active = _find_active(connection, instance_id)
    if active and export_name in active.description.export_names:
        active.domain.detachDeviceAlias(domain_xml.disk_alias(export_name), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def remove(connection: libvirt.virConnect, instance_id: str) -> None:
    domain = _lookup(connection, instance_id)
    if domain is None or domain_xml.parse(domain.XMLDesc()) is None:
        return
    if domain.isActive():
        domain.destroy()
    with _ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        domain.undefineFlags(FORGET_ALL)


def _lookup(connection: libvirt.virConnect, instance_id: str) -> libvirt.virDomain | None:
    with _ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        return connection.lookupByName(instance_id)
    return None


def _find_active(connection: libvirt.virConnect, instance_id: str) -> _Active | None:
    """The domain with what its XML says; None when it is off, absent or not ours."""
    domain = _lookup(connection, instance_id)
    if domain is None or not domain.isActive():
        return None
    description = domain_xml.parse(domain.XMLDesc())
    return None if description is None else _Active(domain, description)


def _is_start_of(description: Description, spec: InstanceSpec) -> bool:
    exports = tuple(disk.export_name for disk in spec.disks)
    return description.record.generation == spec.generation and description.export_names == exports


def _save(domain: libvirt.virDomain, record: Record) -> None:
    xml = domain_xml.render_record(record)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml, NAMESPACE_PREFIX, NAMESPACE, LIVE_AND_CONFIG)


def _power(state: int) -> Power:
    return POWERS.get(state, Power.RUNNING)


def _domain(instance_id: str, state: int, reason: int, description: Description) -> Domain:
    power, record = _power(state), description.record
    has_ended = power is Power.OFF and record.has_run
    return Domain(
        instance_id=instance_id,
        power=power,
        generation=record.generation,
        has_run=record.has_run,
        reboot_count=record.reboot_count,
        export_names=() if power is Power.OFF else description.export_names,
        off_reason=_off_reason(state, reason) if has_ended else OffReason.NEVER_STARTED,
    )


def _off_reason(state: int, reason: int) -> OffReason:
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return OffReason.CRASHED
    return OFF_REASONS.get(reason, OffReason.UNKNOWN)


@contextlib.contextmanager
def _ignoring(code: int) -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != code:
            raise
