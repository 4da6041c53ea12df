"""The region that every run begins with: hosts, two projects, an image, and little of everything else.

Pools are small, so that what one gives up another gets soon.
"""

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from agent.drivers.fake import FakeSettings
from agent.messages import Role
from controlplane.ids import Prefix
from controlplane.model import project
from controlplane.model.host import Host, HostRole
from controlplane.model.image import Image
from controlplane.model.policy import Policy
from controlplane.model.state import Change, State
from controlplane.service import projects, regions
from controlplane.service.call import Call
from controlplane.store.store import Store

from .controlplane import START, database, minter
from .host import Machine

NAME = "home-1"
ZONES = ("home-1a", "home-1b")
PUBLIC_IPS = 2
POLICY = Policy(
    region=NAME,
    zones=ZONES,
    public_pool=((int(IPv4Address("192.0.2.1")), int(IPv4Address("192.0.2.1")) + PUBLIC_IPS - 1),),
    stop_timeout_s=20,
    elastic_addresses=2,
)
GIB = 1 << 30

_WORKER = (Role.COMPUTE, Role.STORAGE)
_SMALL = FakeSettings(vcpus=4, memory_mib=4096, storage_gib=8, latency_s=0.05)
_SLOW = replace(_SMALL, latency_s=0.25)
MACHINES = tuple(
    Machine(f"host-{number:017x}", zone, roles, f"10.0.0.{number}", settings)
    for number, zone, roles, settings in (
        (1, ZONES[0], _WORKER, _SMALL),
        (2, ZONES[0], _WORKER, _SLOW),
        (3, ZONES[1], _WORKER, _SLOW),
        (4, ZONES[0], (Role.GATEWAY,), FakeSettings(latency_s=0.3)),
    )
)


class _Builder:
    def __init__(self, store: Store) -> None:
        self.state = store.load()
        self.call = Call("", project.Role.ADMIN, START, minter(1), POLICY)
        self._store = store

    def put(self, change: Change) -> None:
        self._store.commit([self.state.apply(change)], START)


def make(path: Path) -> Path:
    """Write the database of such a region, to be copied for each run."""
    store = Store.open(database(path))
    store.migrate()
    store.claim(NAME)
    builder = _Builder(store)
    builder.put(regions.sync(builder.state, builder.call)[0])
    builder.put(_hosts(builder.state))
    for name in ("one", "two"):
        builder.put(projects.create(builder.state, builder.call, name)[0])
    builder.put(_extras(builder.state))
    store.close()
    return path


def _hosts(state: State) -> Change:
    change = Change()
    for number, machine in enumerate(MACHINES, start=1):
        roles = tuple(HostRole[role.name] for role in machine.roles)
        change.put(Host(machine.host_id, number, f"metal-{number}", machine.zone, roles, machine.address, START, ""))
    return change


def _extras(state: State) -> Change:
    """An image for each project, and subnets so small that addresses come round again."""
    change = Change()
    for number, row in enumerate(state.projects, start=1):
        image_id = f"{Prefix.IMAGE}-{number:017x}"
        change.put(Image(image_id, row.id, "tiny", "", "raw", GIB, GIB, "0" * 64, START, {}))
    for subnet in state.subnets:
        change.put(replace(subnet, cidr_block=subnet.cidr_block.replace("/20", "/28")))
    return change
