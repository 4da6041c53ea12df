"""Virtual machines through libvirt: the compute driver as the engine sees it."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import structlog

from agent.devices import Device
from agent.drivers.base import HostContext, Permanent, Transient
from agent.drivers.compute_libvirt import console, domain_xml, domains, kvm, listing, qemu_conf
from agent.drivers.compute_libvirt.device_xml import Backends
from agent.drivers.compute_libvirt.domain_xml import Platform
from agent.drivers.compute_libvirt.hypervisor import Hypervisor, ping
from agent.drivers.compute_libvirt.qemus import Qemus
from agent.drivers.compute_libvirt.settings import Settings as LibvirtSettings
from agent.files import write_durably
from agent.host import links
from agent.host.threads import Threads
from agent.model import Capacity, DiskSpec, Domain, InstanceSpec, Machine, Ref

# To an export on the underlay. QEMU itself would hang in the connect, in a hot attach together with its guest.
EXPORT_DEADLINE_S = 3.0
# Of console logs and the like: a few milliseconds each. Shorter gives up on a busy disk, longer hides one that hangs.
FILE_THREADS, FILE_DEADLINE_S = 4, 10.0

# Devices of others differ (the panic device, ports, consoles).
ARCHITECTURE = "x86_64"
FIRMWARES = ("bios", "uefi")

log = structlog.get_logger()

VirtType = Literal["kvm", "qemu"]


class LibvirtComputeDriver:
    """See `agent.drivers.base.ComputeDriver`. Domains are persistent, never autostarted, defined anew at each start."""

    def __init__(self, settings: LibvirtSettings, context: HostContext) -> None:
        self._settings = settings
        self._context = context
        self._hypervisor = Hypervisor(settings.uri, settings.threads)
        self._qemus = Qemus()
        self._console_dir = context.state_dir / "console"
        self._files = Threads("the disk of Stead's own files", FILE_THREADS, FILE_DEADLINE_S)
        self._proving = asyncio.Lock()

    async def prepare(self) -> None:
        try:
            changed = await self._files.run(
                "qemu.conf", qemu_conf.ensure, self._settings.qemu_conf, self._context.pki_dir
            )
            await self._files.run("AppArmor's rules", qemu_conf.ensure_rules, self._context.export_socket("*"))
        except OSError as error:
            raise Permanent(f"cannot write {error.filename}: {error.strerror}; is libvirt installed?") from error
        if changed:
            log.info("qemu.conf changed; restart libvirtd", path=str(self._settings.qemu_conf))

    async def probe(self) -> Capacity:
        cores, memory_bytes = os.cpu_count() or 1, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Capacity(
            vcpus=int(cores * self._settings.vcpus_per_core),
            memory_mib=max(0, memory_bytes // 2**20 - self._settings.reserved_memory_mib),
            problems=tuple(await self._problems()),
        )

    async def list(self) -> Mapping[str, Domain]:
        found = await self._hypervisor.look(listing.list_domains, self._hypervisor.descriptions, self._qemus)
        return {instance_id: self._hypervisor.witness.complete(domain) for instance_id, domain in found.items()}

    async def look(self, instance_id: str) -> Domain | None:
        domain = await self._hypervisor.look(listing.look_at, instance_id, self._hypervisor.descriptions, self._qemus)
        return self._hypervisor.witness.complete(domain) if domain is not None else None

    async def reach(self, disks: Sequence[DiskSpec]) -> None:
        for disk in disks:
            socket = self._socket(disk)
            try:
                async with asyncio.timeout(EXPORT_DEADLINE_S):
                    _, writer = await (
                        asyncio.open_unix_connection(socket)
                        if socket
                        else asyncio.open_connection(disk.address, disk.port)
                    )
            except (OSError, TimeoutError) as error:
                where = socket or f"{disk.address}:{disk.port}"
                raise Transient(f"export {disk.export_name} is not open at {where}: {error or 'no answer'}") from error
            writer.close()

    async def start_paused(self, spec: InstanceSpec, taps: Mapping[str, str]) -> None:
        with _named(spec.instance_id):
            _check(spec.machine)
            mtu = await self._files.run(spec.instance_id, self._prepare_start, taps.values())
            backends = self._backends(spec.disks, taps, mtu)
            log_path = console.log_path(self._console_dir, spec.instance_id)
            xml = domain_xml.render(spec, Platform(await self._virt_type(), log_path, backends))
            await self._hypervisor.change(spec.instance_id, domains.start_paused, spec, xml)

    async def note_run(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.note_run, instance_id)

    async def resume(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.resume, instance_id)

    async def set_links(self, instance_id: str, is_up: bool) -> None:
        await self._hypervisor.change(instance_id, domains.set_links, instance_id, is_up)

    async def define(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.define, instance_id)

    async def press_power_button(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.press_power_button, instance_id)

    async def destroy(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.destroy, instance_id)

    async def reboot(self, instance_id: str) -> None:
        self._hypervisor.witness.expect_reboot(instance_id)
        await self._hypervisor.change(instance_id, domains.reboot, instance_id)

    async def reset(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.reset, instance_id)

    async def count_reboot(self, instance_id: str, reboot_count: int) -> None:
        await self._hypervisor.change(instance_id, domains.count_reboot, instance_id, reboot_count)

    async def attach_device(self, instance_id: str, device: Device, taps: Mapping[str, str]) -> None:
        mtu = await self._files.run(instance_id, _mtu, taps.values())
        backends = self._backends([device] if isinstance(device, DiskSpec) else [], taps, mtu)
        await self._hypervisor.change(instance_id, domains.attach_device, instance_id, device, backends)

    async def detach_device(self, instance_id: str, alias: str) -> None:
        await self._hypervisor.change(instance_id, domains.detach_device, instance_id, alias)

    async def remove(self, instance_id: str) -> None:
        await self._hypervisor.change(instance_id, domains.remove, instance_id)
        await self._files.run(instance_id, console.remove, console.log_path(self._console_dir, instance_id))

    async def console_tail(self, instance_id: str, max_bytes: int) -> bytes:
        log_path = console.log_path(self._console_dir, instance_id)
        return await self._files.run(instance_id, console.tail, log_path, max_bytes)

    def events(self) -> AsyncIterator[Ref]:
        return self._hypervisor.events()

    def _prepare_start(self, taps: Collection[str]) -> int:
        """As `_mtu`, with a place for the console's log."""
        self._console_dir.mkdir(parents=True, exist_ok=True)
        return _mtu(taps)

    def _backends(self, disks: Iterable[DiskSpec], taps: Mapping[str, str], mtu: int) -> Backends:
        return Backends(taps, mtu, {disk.export_name: socket for disk in disks if (socket := self._socket(disk))})

    def _socket(self, disk: DiskSpec) -> Path | None:
        """Where its export is on this very host, and open without a network (in memory: looking does not block)."""
        socket = self._context.export_socket(disk.export_name)
        return socket if socket.exists() else None

    async def _virt_type(self) -> VirtType:
        """As set, or as proven once since the host's boot (`run_dir` is empty after one)."""
        if self._settings.virt_type != "auto":
            return self._settings.virt_type
        proof = self._context.run_dir / "kvm-proof"
        async with self._proving:
            if not proof.exists():
                works = await self._hypervisor.look(listing.offers_kvm) and await kvm.is_proven()
                write_durably(proof, b"kvm" if works else b"qemu")  # No word would mean emulation until the next boot.
            return "kvm" if proof.read_text() == "kvm" else "qemu"

    async def _problems(self) -> Sequence[str]:
        settings = self._settings
        asked = settings.qemu_conf, self._context.pki_dir, settings.libvirtd_pid_file
        found = await self._files.run("qemu.conf", qemu_conf.problems, *asked)
        try:
            await self._hypervisor.look(ping)
            if settings.virt_type == "auto" and await self._virt_type() == "qemu":
                found.append("KVM does not work here: guests are emulated, some ten times slower")
        except Transient as error:
            found.append(str(error))
        return found


def _check(machine: Machine) -> None:
    if machine.architecture != ARCHITECTURE:
        raise Permanent(f"this driver runs {ARCHITECTURE} guests, not {machine.architecture}; launch another image")
    if machine.firmware not in FIRMWARES:
        raise Permanent(f"firmware {machine.firmware!r} is none of {', '.join(FIRMWARES)}; update the agent")


def _mtu(taps: Collection[str]) -> int:
    """The lowest of what the network driver gave to the taps: the guest must send no larger packets. 0 without any."""
    found = {tap: links.find(tap) for tap in sorted(taps)}
    if missing := [tap for tap, link in found.items() if link is None]:
        raise Transient(f"there is no tap {missing[0]} yet; create_tap makes it")
    return min((link.mtu for link in found.values() if link), default=0)


@contextmanager
def _named(instance_id: str) -> Iterator[None]:
    """What libvirt says of a start, of a tap that is missing for one, does not tell whose."""
    try:
        yield
    except (Transient, Permanent) as error:
        raise type(error)(f"{instance_id} does not start: {error}") from error
    except OSError as error:
        raise Transient(f"{instance_id} does not start: {error}; see to the host's disk") from error
