"""A region in memory, for tests of the use cases: state, caller, hosts, and agents that do as they are told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count
from typing import Any, TypeVar

import pytest

from controlplane.errors import CloudError
from controlplane.ids import Prefix
from controlplane.model.capacity import NOTHING, Resources
from controlplane.model.host import Host, HostRole
from controlplane.model.image import Image
from controlplane.model.instance import Attachment, Desired, Instance, Observation, ObservedKind, Volume, observation_id
from controlplane.model.network import NetworkInterface, PublicAddress
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, Entry, State
from controlplane.model.vpc import Subnet
from controlplane.reconcile.absorb import Report, absorb, settle
from controlplane.reconcile.objects import KINDS, ObjectKind
from controlplane.reconcile.touched import touched
from controlplane.service import (
    instances,
    projects,
    regions,
    volumes,
)
from controlplane.service.admission import current_state
from controlplane.service.call import Call
from controlplane.service.features import Feature
from tests.unit.told import Key, Objects, Spec, shall_have

T = TypeVar("T")

NOW = datetime(2024, 5, 17, 12, 30, tzinfo=UTC)
NAME = "home-1"
ZONES = ("home-1a", "home-1b")
EVERY_ROLE = (HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY)
POLICY = Policy(
    region=NAME, zones=ZONES, public_pool=((int(IPv4Address("192.0.2.1")), int(IPv4Address("192.0.2.20"))),)
)
INSTANCE = Instance(  # That runs, on no host in particular.
    id="",
    project_id="proj-1",
    reservation_id="",
    launch_index=0,
    image_id="",
    instance_type="",
    vcpus=1,
    memory_mib=1024,
    zone=ZONES[0],
    host_id="",
    key_name="",
    public_key="",
    user_data=b"",
    desired=Desired.ON,
    desired_revision=1,
    is_settled=True,
    generation=1,
    ran_generation=1,
    reboot_count=0,
    stop_timeout_s=0,
    public_ip_wanted=False,
    shutdown_behavior="stop",
    disable_api_termination=False,
    state_reason=None,
    launched_at=NOW,
    created_at=NOW,
    tags={},
)


class Region:
    """`do` carries a use case out for the default project and checks what must always hold."""

    def __init__(self, state: State | None = None, **policy: Any) -> None:
        self.state = state or State()
        self.policy = replace(POLICY, **policy)
        self.reachable: set[str] = set()
        self.agents: dict[str, Agent] = {}
        self.now = NOW
        self._numbers = count(1)
        self.do(regions.sync)
        self.project_id = self.do(projects.create, "default")

    def mint(self, prefix: Prefix) -> str:
        return f"{prefix}-{next(self._numbers):017x}"

    def call(self, project_id: str = "", role: Role = Role.MEMBER) -> Call:
        self.now += timedelta(seconds=1)
        project_id = project_id or getattr(self, "project_id", "")
        return Call(project_id, role, self.now, self.mint, self.policy, self.reachable)

    def apply(self, change: Change) -> None:
        if change:
            check_told(self.state, self.state.apply(change).entries)

    def do(self, use_case: Callable[..., tuple[Change, T]], *request: Any, project_id: str = "") -> T:
        change, result = use_case(self.state, self.call(project_id), *request)
        self.apply(change)
        check_invariants(self.state)
        return result

    def refuses(self, code: str, use_case: Callable[..., Any], *request: Any, project_id: str = "") -> CloudError:
        """Expect the error; whatever was refused must have changed nothing."""
        revision = self.state.revision
        with pytest.raises(CloudError) as caught:
            self.do(use_case, *request, project_id=project_id)
        assert caught.value.code == code, caught.value.message
        assert self.state.revision == revision
        return caught.value

    def put(self, *rows: Any) -> None:
        change = Change()
        change.put(*rows)
        self.apply(change)

    def add_host(
        self,
        zone: str = ZONES[0],
        roles: tuple[HostRole, ...] = EVERY_ROLE,
        vcpus: int = 16,
        memory_mib: int = 16384,
        storage_gib: int = 100,
    ) -> str:
        number = len(self.state.hosts) + 1
        host = Host(
            id=self.mint(Prefix.HOST),
            number=number,
            name=f"metal-{number}",
            zone=zone,
            roles=roles,
            underlay_address=f"10.0.0.{number}",
            created_at=self.now,
            join_token_id="",
            vcpus=vcpus,
            memory_mib=memory_mib,
            storage_gib=storage_gib,
            features=(
                *(Feature.FIRMWARE, Feature.INTERFACES, Feature.METADATA_OPTIONS),
                *(Feature.NAT_GATEWAYS, Feature.NETWORK_ACLS),
            ),
        )
        unserved = [row for row in self.state.internet_gateways if not row.host_id and HostRole.GATEWAY in roles]
        self.put(host, *(replace(row, host_id=host.id) for row in unserved))
        self.reachable.add(host.id)
        self.agents[host.id] = Agent(host.id)
        return host.id

    def add_image(self, project_id: str = "", size_bytes: int = 1 << 30) -> str:
        image_id = self.mint(Prefix.IMAGE)
        owner, size, sha256 = project_id or self.project_id, size_bytes, "0" * 64
        self.put(Image(image_id, owner, f"tiny-{image_id}", "", "raw", size, size, sha256, self.now, {}))
        return image_id

    def run(self, **request: Any) -> list[str]:
        """Launch from an image of the project's own."""
        project_id = request.pop("project_id", "") or self.project_id
        own = next((row.id for row in self.state.images if row.project_id == project_id), None)
        image_id = request.pop("image_id", None) or own or self.add_image(project_id)
        made: list[str] = self.do(
            instances.run, instances.RunInstances(image_id=image_id, **request), project_id=project_id
        )
        return made

    def launch(self, **request: Any) -> str:
        """One instance, running."""
        (instance_id,) = self.run(**request)
        self.converge()
        assert self.state_of(instance_id) == "running"
        return instance_id

    def volume(self, zone: str = ZONES[0], size_gib: int = 1) -> str:
        """An available one."""
        volume_id = self.do(volumes.create, volumes.CreateVolume(zone, size_gib))
        self.converge()
        return volume_id

    def instance(self, instance_id: str) -> Instance:
        return self.state.instances[instance_id]

    def state_of(self, instance_id: str) -> str:
        return current_state(self.state, self.instance(instance_id)).label

    def volume_state(self, volume_id: str) -> str:
        return volumes.state_of(self.state, self.state.volumes[volume_id]).value

    def interface(self, instance_id: str) -> NetworkInterface:
        return self.state.interfaces.primary(instance_id)

    def public_address(self, instance_id: str) -> PublicAddress | None:
        return self.state.addresses.interface.first(self.interface(instance_id).id)

    def attachments(self, instance_id: str) -> list[Attachment]:
        return self.state.attachments.instance.of(instance_id)

    def root_volume(self, instance_id: str) -> Volume:
        return self.state.volumes[self.attachments(instance_id)[0].volume_id]

    def subnet(self, zone: str = ZONES[0]) -> Subnet:
        return next(row for row in self.state.subnets if row.zone == zone and row.project_id == self.project_id)

    def exchange(self, *host_ids: str, is_full: bool = True) -> None:
        """Tell these hosts (or all) what they shall have; they do it and report."""
        for host_id in host_ids or tuple(self.agents):
            agent, revision = self.agents[host_id], self.state.revision
            agent.take(shall_have(self.state, host_id))
            self.hear(agent, revision, is_full=is_full)

    def hear(self, agent: "Agent", answered: int, *, is_full: bool = True) -> None:
        """Take an agent's report in, as the answer to a revision."""
        self.apply(absorb(self.state, agent.report(is_full=is_full)))
        self.apply(settle(self.state, agent.host_id, dict.fromkeys(ObservedKind, answered), self.now))
        check_invariants(self.state)

    def empty_trash(self) -> None:
        """On all hosts; until nothing changes any more."""
        for agent in self.agents.values():
            agent.empty_trash()
        self.converge()

    def converge(self) -> None:
        """Until nothing changes any more."""
        for _ in range(20):
            before = self.state.revision
            self.exchange()
            if self.state.revision == before:
                return
        raise AssertionError("the region does not come to rest")


class Agent:
    """A host that does at once what it is told. `broken` has resources that can't be made, with the reason; `stuck`
    those that neither change nor go. Deleted volumes stay until the trash is emptied, orphans until somebody asks for
    them.
    """

    def __init__(self, host_id: str) -> None:
        self.host_id = host_id
        self.revision = 0  # Of the latest update.
        self.objects: Objects = {}
        self.specs: dict[Key, Spec] = {}
        self.has: dict[Key, Observation] = {}
        self.broken: dict[Key, str] = {}
        self.stuck: set[Key] = set()
        self._told: dict[Key, Observation] = {}

    def take(self, specs: Mapping[Key, Spec]) -> None:
        """All that the host shall have."""
        self.specs = dict(specs)
        for key, seen in list(self.has.items()):
            if key not in self.specs and key not in self.stuck and seen.file is None:
                del self.has[key]
        for key, spec in self.specs.items():
            if key not in self.stuck and (self._is_there(key) or not spec.get("deleted")):
                self.has[key] = self._make(key, spec)
            elif key not in self.stuck:
                self.has.pop(key, None)

    def _is_there(self, key: Key) -> bool:
        return key in self.has and key not in self.broken

    def _make(self, key: Key, spec: Spec) -> Observation:
        kind, resource_id = key
        error = self.broken.get(key, "")
        row_id = observation_id(self.host_id, kind, resource_id)
        row = Observation(row_id, self.host_id, kind, resource_id, not error, error, bool(error))
        if error or kind is not ObservedKind.INSTANCE:
            return row
        can_start = not any((ObservedKind.VOLUME, disk["volume_id"]) in self.broken for disk in spec["disks"])
        return _follow(row, self.has.get(key), spec, can_start)

    def power_off_guest(self, instance_id: str) -> None:
        """The guest shuts itself down."""
        key = (ObservedKind.INSTANCE, instance_id)
        self.has[key] = replace(self.has[key], running=False, powered_off_by_guest=True, export_names=())

    def empty_trash(self) -> None:
        for key in [key for key in self.has if self.specs.get(key, {}).get("deleted")]:
            del self.has[key]

    def lose(self, key: Key) -> None:
        """It is gone, and nobody asked for that."""
        del self.has[key]

    def report(self, *, is_full: bool = True) -> Report:
        told, self._told = self._told, dict(self.has)
        if is_full:
            return Report(self.host_id, True, list(self.has.values()), [])
        news = [row for key, row in self.has.items() if told.get(key) != row]
        return Report(self.host_id, False, news, [row.id for key, row in told.items() if key not in self.has])


def _follow(row: Observation, known: Observation | None, spec: Spec, can_start: bool) -> Observation:
    """An instance as its spec wants it; a guest that powered itself off stays so until the next start."""
    generation = spec["generation"]
    known = known if known and known.generation == generation else None
    is_off_by_guest = known is not None and known.powered_off_by_guest
    running = spec["power_on"] and not is_off_by_guest and (can_start or (known is not None and known.running))
    return replace(
        row,
        running=running,
        generation=generation,
        has_run=running or (known is not None and known.has_run),
        powered_off_by_guest=is_off_by_guest,
        reboot_count=spec["reboot_count"],
        export_names=tuple(disk["export_name"] for disk in spec["disks"]) if running else (),
        interface_ids=tuple(spec["interfaces"]) if running else (),
    )


def check_told(state: State, entries: Iterable[Entry]) -> None:
    """What an object shows, or where it is, changes for no host unless that is told: see `Kind.shows`."""
    for entry in entries:
        kind = KINDS.get(type(entry.new))
        if kind is None or entry.old is None:
            continue
        before, after = (_told(state, kind, row) for row in (entry.old, entry.new))
        is_told = kind in {ref[0] for _, ref in touched(state, [entry]).objects}
        assert before == after or is_told, f"{entry.id} became {entry.new}, and no host is told"


def _told(state: State, kind: ObjectKind[Any], row: Any) -> tuple[set[str], Any]:
    scopes = set(kind.scopes(state, row))
    return scopes, kind.make(state, row, NAME) if scopes else None


def check_invariants(state: State) -> None:
    """What holds after every change."""
    used: dict[str, Resources] = {}
    for row in (*state.instances, *state.volumes):
        used[row.host_id] = used.get(row.host_id, NOTHING) + row.claim
    for host in state.hosts:
        claimed = state.used(host.id)
        assert claimed == used.get(host.id, NOTHING), f"usage of {host.id}"
        for row in state.instances.ending.of(host.id):  # One that was stopped counts again while it ends.
            claimed -= Resources(row.vcpus, row.memory_mib)
        assert claimed.vcpus <= host.vcpus
        assert claimed.memory_mib <= host.memory_mib
        assert claimed.storage_gib <= host.storage_gib
    _check_unique("private address", ((row.vpc_id, ip) for row in state.interfaces for ip in row.private_ips))
    _check_unique("MAC", ((row.vpc_id, row.mac_address) for row in state.interfaces))
    _check_unique("public address", (row.public_ip for row in state.addresses))
    _check_unique("mapping", ((row.interface_id, row.private_ip) for row in state.addresses if row.interface_id))
    _check_unique("open volume", (row.volume_id for row in state.attachments))
    _check_unique("port", ((row.storage_host_id, row.port) for row in state.attachments))
    _check_unique("device", ((row.instance_id, row.device_name) for row in state.attachments))


def _check_unique(what: str, values: Iterable[Any]) -> None:
    held = list(values)
    assert len(held) == len(set(held)), f"{what} given twice: {held}"
