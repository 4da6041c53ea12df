"""The contract between the agent and its drivers. Start here to write one.

Every driver has five verbs:

    probe()                capacity and problems; cheap, called every few seconds
    list()                 everything of ours that really exists, read from the real system; this is crash recovery
    ensure(view, changed)  make it so; safe on something right, half made or foreign (which it refuses)
    look(id)               what there is of one; None where nothing is (VPCs and gateways have none)
    remove(id)             make it gone; success if it is (volumes have none: see StorageDriver)

`list` and `look` tell enough to see that a spec is met: the engine compares, and calls `ensure` for what differs. They
raise where something may be that can't be read, since what they don't show counts as gone. VPCs and gateways are few:
their `list` gives ids alone, and a pass calls `ensure(view, None)` for each, which compares by itself.

A view is all that the control plane said of one resource. `changed` names the objects in it that are other, new or gone
since this driver object's last `ensure` of it succeeded: what else there is need not be looked at. None, as at first,
after a failure, an event or a pass: look at everything. A driver may always do that.

A virtual machine takes several drivers in turn, so the compute and the network driver have finer verbs as well, each as
safe to repeat. A driver knows two errors, `Transient` and `Permanent`; anything else it raises is a bug, which the
engine shows as its resource's error. It never sleeps, never retries, keeps no state that it could read from the system,
and may be asked to do anything again after a crash at any point. The engine calls it for different resources at once,
and never twice at once for the same one.

What a driver creates carries our mark, so that `list()` tells ours from the operator's: libvirt metadata, an nft table
named `stead`, an interface alias, or a name that begins with `stead-` (or `st` where the kernel allows 15 characters).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from agent.devices import Device
from agent.model import (
    Capacity,
    Counted,
    DiskSpec,
    Domain,
    Dropped,
    Export,
    ExportSpec,
    GatewaySpec,
    ImageSource,
    InstanceSpec,
    PortSpec,
    PortState,
    Ref,
    VolumeFile,
    VolumeSpec,
)
from agent.objects import ObjectRef
from agent.vpc import VpcView

Changed = frozenset[ObjectRef] | None


class DriverError(Exception):
    """What a driver raises. The message names the object and the values, and what to do next."""


class Transient(DriverError):
    """May succeed when tried again: something else is not there yet, or is busy. The engine retries with back-off."""


class Stuck(Transient):
    """A call that blocks has not come back within its deadline, and goes on: see `agent.host.threads`."""


class Permanent(DriverError):
    """Will not succeed until the spec or the host changes. The engine reports it and waits for that."""


class Unseen(Transient):
    """A part of what a listing is to show can't be read; `found` is the rest."""

    def __init__(self, message: str, found: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.found = found


Claim = Callable[[int], Awaitable[None]]


class ImageService(Protocol):
    """Brings images to this host."""

    async def bring(self, image: ImageSource, target: Path, claim: Claim) -> None:
        """Make `target` the image's content, raw, checked and on disk; its name is the caller's to make durable.

        What a crash left of it, there or at `<target>.upload`, makes way; after a failure nothing is left. `claim` is
        asked for so many bytes more before they are taken, and may raise. Raises Transient when the control plane is
        away, Permanent for an image that can't be used.
        """


SERVER_PKI = "server-pki"


def this_boot() -> str:
    """Tells this life of the machine from its others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Presence:
    """Whether the control plane is heard. The session says so; while it is not, a spec may be out of date."""

    is_heard = False


@dataclass(frozen=True, slots=True)
class HostContext:
    """What every driver may know about its host. Drivers are constructed as `Driver(settings, context)`."""

    host_id: str
    underlay_address: str  # IPv4 at which other hosts reach this one.
    state_dir: Path  # Ours alone, e.g. /var/lib/stead; survives a reboot.
    run_dir: Path  # Ours alone, e.g. /run/stead; emptied by a reboot.
    pki_dir: Path  # For QEMU, as a client of volumes: ca-cert.pem, client-cert.pem, client-key.pem.
    images: ImageService
    boot_id: str = field(default_factory=this_boot)
    control_plane: Presence = field(default_factory=Presence)
    # The name of this one of several of a driver, which keep nothing in common; empty where it is the driver's own.
    instance: str = ""

    def export_socket(self, export_name: str) -> Path:
        """Where an export whose client is this very host is open, for QEMU."""
        return self.run_dir / "exports" / f"{export_name}.sock"

    @property
    def server_pki_dir(self) -> Path:
        """For the servers of volumes, and closed to QEMU's user: ca-cert.pem, server-cert.pem, server-key.pem."""
        return self.state_dir / SERVER_PKI


@runtime_checkable
class Eventful(Protocol):
    """What any driver may have as well: a quicker way to hear of changes than the full pass."""

    def events(self) -> AsyncIterator[Ref]:
        """Resources that something may have happened to: hints, none of which is needed for correctness.

        May end, or raise DriverError, when it can't tell any more: the engine then passes over all, and asks again.
        """


class StorageDriver(Protocol):
    """Keeps volumes' data, and opens them to hosts.

    Volumes have no `remove`: data are deleted by a tombstone alone, never because nobody speaks of them.
    """

    async def probe(self) -> Capacity: ...
    async def list_volumes(self) -> Mapping[str, VolumeFile]:
        """By volume id, those in the trash too. Raises DriverError where some may be that can't be seen."""

    async def look_volume(self, volume_id: str) -> VolumeFile | None:
        """As in `list_volumes`, of one."""

    async def ensure_volume(self, view: VolumeSpec, changed: Changed = None) -> None:
        """Make, grow, or take it out of the trash. Never shrinks, and never refills one that exists.

        With `deleted`: move it into the trash, from where it goes when its time is over or its room is needed. Success
        if it is there or nowhere. Raises Permanent when the pool is full, or when it `is_ready` and is not here;
        Transient when it is to be deleted and an export of it is open.
        """

    async def list_exports(self) -> Mapping[str, Export]:
        """Open exports by export name, each with what is wrong with it."""

    async def look_export(self, export_name: str) -> Export | None:
        """As in `list_exports`, of one."""

    async def ensure_export(self, view: ExportSpec, changed: Changed = None) -> None:
        """Open it to its clients alone: with mutual TLS at its port, or, where the one client is this very host, at
        `HostContext.export_socket`, for QEMU alone.

        Its clients, limits and size may change in its epoch: without anybody's notice where the driver can, and so that
        nobody writes through it any more, when this returns, who is no client now.

        The epoch is durable before the export opens. An older epoch's process is killed and reaped first. Raises
        Permanent for an epoch older than one ever opened, and for one that was open in an earlier boot: what its guests
        wrote and did not flush may be lost, and they must not go on. Guests on this very host have not survived either,
        and may open theirs again. Raises Transient while the volume is not there.
        """

    async def remove_export(self, export_name: str) -> None:
        """Close it: when this returns, nobody can write through it any more."""


class NetworkDriver(Protocol):
    """VPC routers, and the ports of instances on them."""

    async def probe(self) -> Capacity: ...
    async def list(self) -> frozenset[str]:
        """Ids of the VPCs that have anything on this host."""

    async def ensure(self, view: VpcView, changed: Changed = None) -> None:
        """Make the VPC's namespace agree: routes, peers, DHCP, security groups.

        It is called as `host.namespaces.vpc_namespace` says, and has 169.254.169.254 for the metadata service.
        Rules for all endpoints of this host stand when this returns, whether their taps exist or not.
        """

    async def end_connections(self, vpc_id: str) -> None:
        """End those that have no right to go on, by the rules that `ensure` brought.

        It takes long where there are many. `ensure` may be called meanwhile, and does not wait for it. A call that is
        cancelled goes on, and the next one waits for it.
        """

    async def remove(self, vpc_id: str) -> None: ...
    async def list_ports(self) -> Mapping[str, PortState]:
        """Taps of ours by interface id."""

    async def look_ports(self, interface_ids: Collection[str]) -> Mapping[str, PortState]:
        """Those of these that there are, as in `list_ports`. Costs the same among many."""

    def tap_name(self, interface_id: str) -> str:
        """The tap's name, at most 15 characters, derived from the id alone."""

    async def count(self, interface_ids: Collection[str]) -> tuple[Counted, ...]:
        """What the rules that guard these of this host's ports have matched here, of whichever ports they guard."""

    async def drops(self, interface_ids: Collection[str], after: int, wait_s: float) -> tuple[int, tuple[Dropped, ...]]:
        """A sample of what guards stopped of these of this host's ports, and the number after which to ask again.

        After that number, 0 for now on: at once, or as soon as there is any within this time.
        """

    async def create_tap(self, port: PortSpec) -> None:
        """Make the port's tap in the host's namespace, for QEMU to open. No effect where it exists, plugged or not."""

    async def is_open(self, interface_id: str) -> bool:
        """Whether somebody, as QEMU, holds the tap open that `create_tap` made, so that it can be plugged."""

    async def plug(self, port: PortSpec) -> None:
        """Move the tap, which QEMU holds open, into its VPC and bring it up.

        Raises Transient until this agent has given `ensure` the port with its rules, or while there is no tap.
        """

    async def unplug(self, interface_id: str) -> None:
        """Delete the tap wherever it is. QEMU must have let go of it."""


class GatewayDriver(Protocol):
    """The 1:1 mapping between public and private addresses."""

    async def probe(self) -> Capacity: ...
    async def list(self) -> frozenset[str]:
        """Ids of the VPCs that have a gateway on this host."""

    async def ensure(self, view: GatewaySpec, changed: Changed = None) -> None:
        """Raises Transient until the VPC's namespace exists. Forgets connections of mappings that went away."""

    async def remove(self, vpc_id: str) -> None: ...


class ComputeDriver(Protocol):
    """Virtual machines."""

    async def prepare(self) -> None:
        """Put the host's own settings for the hypervisor in order: when the host joins, and when the agent starts.

        `probe()` tells when they need a restart of something that is not ours.
        """

    async def probe(self) -> Capacity: ...
    async def list(self) -> Mapping[str, Domain]:
        """Domains of ours by instance id."""

    async def look(self, instance_id: str) -> Domain | None:
        """The one of this instance, as `list` has it; None where there is none of ours. Costs the same among many."""

    async def reach(self, disks: Sequence[DiskSpec]) -> None:
        """Raises Transient naming the first disk that nobody serves at its address, or at its socket on this very host.

        May take seconds, waiting for other machines; no other verb does.
        """

    async def start_paused(self, spec: InstanceSpec, taps: Mapping[str, str]) -> None:
        """Define (or define anew) and start with the guest's CPUs stopped; `taps` are tap names by interface id.

        When to call: the domain is absent, off or paused, its taps exist, its disks were just reached (else Transient).
        """

    async def note_run(self, instance_id: str) -> None:
        """Save in the domain's metadata that the guest has run: `list()` shows `has_run` from now on.

        When to call: the domain is paused.
        """

    async def resume(self, instance_id: str) -> None:
        """Let the guest run. No effect on a running one.

        When to call: it is noted that it has run, its taps are plugged, its disks just reached.
        """

    async def set_links(self, instance_id: str, is_up: bool) -> None:
        """Have all interfaces show the guest a link, or none; `list()` shows that.

        A guest whose link comes back asks for its lease, and for the time. No effect on one that is off or absent.
        """

    async def define(self, instance_id: str) -> None:
        """Keep the definition of a running domain that somebody undefined, so that its end leaves a trace."""

    async def press_power_button(self, instance_id: str) -> None:
        """Ask the guest to power off. It may not listen. No effect on one that is off or absent."""

    async def destroy(self, instance_id: str) -> None:
        """Pull the plug. No effect on one that is off or absent."""

    async def reboot(self, instance_id: str) -> None:
        """Ask the guest to restart in place. It may not listen; `list()` shows `has_rebooted` when it has."""

    async def reset(self, instance_id: str) -> None:
        """Restart it in place without asking."""

    async def count_reboot(self, instance_id: str, reboot_count: int) -> None:
        """Save the count in the domain's metadata, so that what was seen to be done is not done again."""

    async def attach_device(self, instance_id: str, device: Device, taps: Mapping[str, str]) -> None:
        """Hot-plug. No effect where one of its alias is attached; its digest is then in `list()` in the same moment.

        When to call: the disk was just reached; the interface's tap, in `taps` as in `start_paused`, was just created.
        """

    async def detach_device(self, instance_id: str, alias: str) -> None:
        """Ask the guest to let go of the device; `list()` shows when it has. No effect where it is not attached."""

    async def remove(self, instance_id: str) -> None:
        """Pull the plug and forget the domain, its console log and its firmware variables."""

    async def console_tail(self, instance_id: str, max_bytes: int) -> bytes:
        """The end of the console log; empty when there is none."""

    def events(self) -> AsyncIterator[Ref]:
        """As in Eventful: instances whose domain may have changed."""
