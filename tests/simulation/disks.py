"""What guests keep on their volumes, as counters: each write adds one, a flush makes what was written durable.

A guest remembers what it wrote, and so do we what it was told is durable: nobody but the one guest that has a volume
may change it, and what was promised has to be there for as long as the volume is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.drivers.fake import FakeWorld
from agent.drivers.fake.world import Call
from agent.model import ExportSpec
from controlplane.model.instance import Volume
from controlplane.model.state import State


@dataclass(slots=True)
class Disk:
    """A volume's content: `durable` of the `written` survive a power cut of its host."""

    written: int = 0
    durable: int = 0


class Disks:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._disks: dict[str, dict[str, Disk]] = {}  # By address of the storage host, then by volume.
        self._memories: dict[str, dict[str, int]] = {}  # By instance, then by export: what its QEMU wrote.
        self._epochs: dict[tuple[str, str], int] = {}  # The latest that was open, by storage host and volume.
        self.orphans: dict[str, str] = {}  # Addresses by volume: made since the backup that is the database now.
        self.given_up: set[str] = set()  # Volumes: deleted since then.
        self._promised: dict[str, int] = {}  # What guests were told is durable, by volume.

    def write(self, worlds: list[FakeWorld], world: FakeWorld, instance_id: str, *, flushes: bool) -> None:
        """A guest writes to each of its disks; where the export is closed, it waits."""
        memory = self._memories.setdefault(instance_id, {})
        for name in world.domains[instance_id].facts.export_names:
            for storage, export in _open(worlds, name):
                disk = self._of(storage).setdefault(export.volume_id, Disk())
                wrote = memory.setdefault(name, disk.written)
                if wrote != disk.written:
                    self.problems.append(f"{instance_id} had {name} at {wrote}, and finds it at {disk.written}")
                disk.written = memory[name] = disk.written + 1
                if flushes:
                    disk.durable = self._promised[export.volume_id] = disk.written

    def follow(self, world: FakeWorld, call: Call) -> None:
        """A verb took effect on a host."""
        if call.verb == "compute.start_paused":
            self._memories.pop(call.id, None)
        elif call.verb == "export.ensure":
            self._open_epoch(world, world.exports[call.id])
        elif call.verb.startswith("volume.") and call.id not in world.volumes:
            self._of(world).pop(call.id, None)

    def _open_epoch(self, world: FakeWorld, export: ExportSpec) -> None:
        key = world.underlay_address, export.volume_id
        if export.epoch < self._epochs.get(key, 0):
            self.problems.append(f"{export.export_name} was opened after epoch {self._epochs[key]}")
        self._epochs[key] = max(export.epoch, self._epochs.get(key, 0))

    def cut_power(self, world: FakeWorld) -> None:
        for disk in self._of(world).values():
            disk.written = disk.durable

    def rewind(self, before: State, loaded: State) -> None:
        """The control plane forgets which volumes are new, and which are over."""
        made = {row.id: before.hosts[row.host_id].underlay_address for row in _kept(before)}
        self.orphans = {id: address for id, address in (self.orphans | made).items() if id not in loaded.volumes}
        self.given_up |= {row.id for row in _kept(loaded)} - made.keys()

    def losses(self, durable: State, worlds: list[FakeWorld], undeleted: set[str]) -> Iterator[str]:
        """Volumes that are not there, or lack something promised. Hosts that are no more have lost theirs.

        Of what was undeleted lately, a host may yet empty its trash.
        """
        by_address = {world.underlay_address: world for world in worlds}
        kept = {volume.id: durable.hosts[volume.host_id].underlay_address for volume in _kept(durable)}
        for volume_id, address in (kept | self.orphans).items():
            world = by_address.get(address)
            if world and volume_id in undeleted - world.volumes.keys():
                self.given_up.add(volume_id)
            if world and volume_id not in self.given_up | undeleted:
                yield from self._losses(volume_id, world)

    def _losses(self, volume_id: str, world: FakeWorld) -> Iterator[str]:
        made = world.volumes.get(volume_id)
        if made is None or made.deleted:
            yield f"{volume_id} is gone, and nobody deleted it"
        disk, promised = self._of(world).get(volume_id, Disk()), self._promised.get(volume_id, 0)
        if disk.written < promised:
            yield f"{volume_id} has {disk.written} writes of {promised} that were flushed"

    def _of(self, world: FakeWorld) -> dict[str, Disk]:
        return self._disks.setdefault(world.underlay_address, {})


def _kept(state: State) -> list[Volume]:
    return [row for row in state.volumes if row.is_ready and not row.is_deleted]


def _open(worlds: list[FakeWorld], name: str) -> Iterator[tuple[FakeWorld, ExportSpec]]:
    for world in worlds:
        if export := world.exports.get(name):
            yield world, export
