"""The region that every run begins with: hosts, two projects, an image, and little of everything else.

Pools are small and memories short, so that what one gives up another gets soon, and what is over is soon forgotten.
"""

import hashlib
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

from agent.drivers.fake import FakeSettings
from agent.messages import Role
from controlplane.ids import Prefix
from controlplane.model import project
from controlplane.model.host import Host, HostRole, HostToken
from controlplane.model.image import Image
from controlplane.model.policy import Policy
from controlplane.model.state import Change, State
from controlplane.service import projects, regions
from controlplane.service.call import Call
from controlplane.store.store import Store

from .controlplane import START, database, minter, upload
from .host import Machine

NAME = "home-1"
ZONES = ("home-1a", "home-1b")
PUBLIC_IPS = 2
POLICY = Policy(
    region=NAME,
    zones=ZONES,
    public_pool=((int(IPv4Address("192.0.2.1")), int(IPv4Address("192.0.2.1")) + PUBLIC_IPS - 1),),
    stop_timeout_s=20,
    terminated_visible=timedelta(seconds=5),
    call_retention=timedelta(seconds=20),
    elastic_addresses=2,
    compute_ms_per_s=1_000_000,  # Of the machine's time, which is no matter of the region's.
)
GIB = 1 << 30
IMAGE_NAME = "tiny"

_WORKER = (Role.COMPUTE, Role.STORAGE)
_SMALL = FakeSettings(vcpus=6, memory_mib=4096, storage_gib=8, latency_s=0.05, fetch_images=True)
_SLOW = replace(_SMALL, latency_s=0.25)
MACHINES = tuple(
    Machine(f"host-{number:017x}", zone, roles, f"10.0.0.{number}", settings)
    for number, zone, roles, settings in (
        (1, ZONES[0], _WORKER, _SMALL),
        (2, ZONES[0], _WORKER, _SLOW),
        (3, ZONES[0], (Role.GATEWAY,), FakeSettings(latency_s=0.3)),
    )
)
# Machines that may join later, each with a token of its own.
NEWCOMERS = tuple(
    Machine("", zone, _WORKER, f"10.0.1.{number}", _SMALL) for number, zone in enumerate((ZONES[1], ZONES[0]), start=1)
)


class _Builder:
    def __init__(self, store: Store) -> None:
        self.state = store.load()
        self.call = Call("", project.Role.ADMIN, START, minter(1), POLICY)
        self._store = store

    def put(self, change: Change) -> None:
        self._store.commit([self.state.apply(change)], START)


def make(directory: Path) -> None:
    """Write the database of such a region, and its uploads, to be copied for each run."""
    directory.mkdir()
    store = Store.open(database(directory / "region.db"))
    store.migrate()
    store.claim(NAME)
    builder = _Builder(store)
    builder.put(regions.sync(builder.state, builder.call)[0])
    builder.put(_hosts())
    for name in ("one", "two"):
        builder.put(projects.create(builder.state, builder.call, name)[0])
    builder.put(_extras(builder.state, directory / "uploads"))
    store.close()


def secret(machine: Machine) -> str:
    """Of the token with which the machine may join."""
    return f"secret of {machine.address}"


def _hosts() -> Change:
    change = Change()
    for number, machine in enumerate(MACHINES, start=1):
        name = f"metal-{number}"
        change.put(Host(machine.host_id, number, name, machine.zone, _roles(machine), machine.address, START, ""))
    for number, machine in enumerate(NEWCOMERS, start=1):
        token_id = f"{Prefix.HOST_TOKEN}-{number:017x}"
        secret_hash = projects.hash_secret(secret(machine))
        never = START + timedelta(days=3650)
        change.put(HostToken(token_id, secret_hash, machine.zone, _roles(machine), START, never))
    return change


def _roles(machine: Machine) -> tuple[HostRole, ...]:
    return tuple(HostRole[role.name] for role in machine.roles)


def _extras(state: State, uploads: Path) -> Change:
    """An image for each project, and subnets so small that addresses come round again."""
    change = Change()
    uploads.mkdir()
    content = upload(IMAGE_NAME)
    digest = hashlib.sha256(content).hexdigest()
    for number, row in enumerate(state.projects, start=1):
        image_id = f"{Prefix.IMAGE}-{number:017x}"
        (uploads / image_id).write_bytes(content)
        change.put(Image(image_id, row.id, IMAGE_NAME, "", "raw", len(content), GIB, digest, START, {}))
    for subnet in state.subnets:
        change.put(replace(subnet, cidr_block=subnet.cidr_block.replace("/20", "/29")))
    return change
