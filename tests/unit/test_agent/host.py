"""A host with fake drivers for tests: its world and its ledger outlive the agent that runs on them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from agent.converge.desired import Desired
from agent.converge.engine import Engine
from agent.converge.instances import PowerOffs
from agent.converge.settings import EngineSettings
from agent.convert import object_to_bytes
from agent.drivers.base import HostContext
from agent.drivers.fake import (
    FakeComputeDriver,
    FakeGatewayDriver,
    FakeNetworkDriver,
    FakeSettings,
    FakeStorageDriver,
    FakeWorld,
)
from agent.drivers.fake.world import Call, Fault
from agent.drivers.registry import Drivers
from agent.images import Images
from agent.ledger import Ledger
from agent.ledger_tables import Contents
from agent.legacy import Scopes, scopes
from agent.legacy_wire import scope_changes, upgraded
from agent.messages import Authority, ObservedInstance, Update
from agent.model import (
    AddressMapping,
    DiskSpec,
    ExportSpec,
    GatewaySpec,
    GroupMembers,
    GroupSpec,
    InstanceMetadata,
    InstanceSpec,
    InterfaceMetadata,
    InterfaceSpec,
    PeerSpec,
    PortSpec,
    Ref,
    RuleSpec,
    Spec,
    SubnetSpec,
    VolumeSpec,
    VpcSpec,
)
from agent.objects import Object, Put, ScopeChange, ref_of
from agent.vpc import VpcView

HOST_ID, ADDRESS = "host-1", "192.0.2.1"
FAST = EngineSettings(concurrency=4, full_pass_s=0.05, retry_first_s=0.001, retry_cap_s=0.02)

VOLUME = VolumeSpec("vol-1", 1 << 30)
TOMBSTONE = replace(VOLUME, deleted=True)
DATA = VolumeSpec("vol-2", 1 << 30)
EXPORT = ExportSpec("vol-1-e1", "vol-1", 1, 20001, ("host-1",))
DATA_EXPORT = ExportSpec("vol-2-e1", "vol-2", 1, 20002, ("host-1",))
ROOT_DISK = DiskSpec("vol-1", "vol-1-e1", ADDRESS, 20001, "/dev/sda1")
DATA_DISK = DiskSpec("vol-2", "vol-2-e1", ADDRESS, 20002, "/dev/sdf")
NIC = InterfaceSpec("eni-1", "vpc-1", "02:00:00:00:00:01", "172.31.0.5")
PORT = PortSpec("eni-1", "i-1", NIC.mac_address, NIC.private_ip, "subnet-1", ("sg-1",), "ip-172-31-0-5")
RULES = (
    RuleSpec(False, "tcp", 22, 22, cidr_ipv4="0.0.0.0/0"),
    RuleSpec(True, "-1", -1, -1, group_id="sg-1"),
)
VPC = VpcSpec(
    vpc_id="vpc-1",
    vni=7,
    cidr_block="172.31.0.0/16",
    subnets=(SubnetSpec("subnet-1", "172.31.0.0/20"),),
    ports=(PORT,),
    peers=(PeerSpec(2, "192.0.2.2", ("172.31.0.6",), ("eni-2",)),),
    host_number=1,
    gateway_host_number=1,
    groups=(GroupSpec("sg-1", RULES),),
    group_members=(GroupMembers("sg-1", ("172.31.0.5", "172.31.0.6")),),
    domain="home-1.compute.internal",
)
GATEWAY = GatewaySpec("vpc-1", 1, (AddressMapping("198.51.100.7", NIC.private_ip),), ("192.0.2.1", "192.0.2.2"))
METADATA = InstanceMetadata(
    *("ami-1", "t3.nano", "home-1a", "home-1", "ip-172-31-0-5.home-1.compute.internal", "198.51.100.7", "mine"),
    *("ssh-ed25519 AAAA mine", ("default",), b"#!/bin/sh\n", "r-1", 0, "subnet-1", "172.31.0.0/20"),
    interfaces=(
        InterfaceMetadata(
            *("eni-1", "ip-172-31-0-5.home-1.compute.internal", GATEWAY.mappings, "subnet-1", "172.31.0.0/20"),
            *("172.31.0.0/16", ("sg-1",), ("default",)),
        ),
    ),
)
INSTANCE = InstanceSpec("i-1", 1, True, 0, 120, 1, 512, (NIC,), (ROOT_DISK,), METADATA)
EVERYTHING: tuple[Spec, ...] = (VOLUME, EXPORT, VPC, GATEWAY, INSTANCE)


def told(*specs: Spec) -> Scopes:
    """These resources, as objects."""
    return scopes(specs, HOST_ID, ADDRESS)


def snapshot(revision: int, *specs: Spec) -> Update:
    """These resources alone shall be here."""
    return Update(Authority(revision=revision), scope_changes(told(*specs)), snapshot=True)


def delta(revision: int, *changes: ScopeChange) -> Update:
    return Update(Authority(revision=revision), changes)


def put(value: Object) -> Put:
    return Put(ref_of(value), value, object_to_bytes(value))


def stopped(instance: InstanceSpec) -> InstanceSpec:
    return replace(instance, power_on=False)


def started_again(instance: InstanceSpec) -> InstanceSpec:
    return replace(instance, power_on=True, generation=instance.generation + 1)


class Crash(BaseException):
    """The agent's process dies. No Exception: those concern one resource alone."""


class FakeMetadata:
    def __init__(self) -> None:
        self.vpcs: set[str] = set()
        self.told: dict[str, dict[str, InstanceSpec]] = {}
        self.instances_in: Callable[[str], dict[str, InstanceSpec]]
        self.stopped: tuple[str, ...] = ()
        self.ended: asyncio.Queue[Ref] = asyncio.Queue()

    def tell(self, vpc_id: str) -> None:
        self.told[vpc_id] = self.instances_in(vpc_id)

    async def ensure(self, vpc_id: str) -> None:
        self.vpcs.add(vpc_id)

    def problems(self) -> tuple[str, ...]:
        return self.stopped

    async def events(self) -> AsyncIterator[Ref]:
        while True:
            yield await self.ended.get()

    async def run(self) -> None:
        await asyncio.Future()

    async def remove(self, vpc_id: str) -> None:
        self.vpcs.discard(vpc_id)


class Host:
    def __init__(self, directory: Path, drivers: FakeSettings | None = None) -> None:
        self.context = HostContext(
            HOST_ID, ADDRESS, directory, directory / "run", directory / "pki", Images(_no_images)
        )
        self.drivers = drivers or FakeSettings()
        self.world = FakeWorld.of(self.context)
        self.metadata = FakeMetadata()
        self.revision = 0
        self.wanted: tuple[Spec, ...] = ()
        self.engine: Engine
        self.ledger: Ledger
        self.contents: Contents  # When the agent began.

    def make_drivers(self) -> Drivers:
        return Drivers(
            FakeStorageDriver(self.drivers, self.context),
            FakeNetworkDriver(self.drivers, self.context),
            FakeGatewayDriver(self.drivers, self.context),
            FakeComputeDriver(self.drivers, self.context),
        )

    @asynccontextmanager
    async def agent(
        self, settings: EngineSettings = FAST, jitter: Callable[[float, float], float] = random.uniform
    ) -> AsyncIterator[Engine]:
        """One life of the agent's process. Raises the group of what killed it, if anything did."""
        host_id, address = self.context.host_id, self.context.underlay_address
        upgrade = partial(upgraded, host_id=host_id, underlay_address=address)
        self.ledger = Ledger(self.context.state_dir / "ledger.sqlite", host_id, upgrade)
        contents = self.contents = self.ledger.load()
        desired = Desired(host_id, contents.revision, contents.scopes)
        self.metadata.instances_in = desired.instances_in
        drivers, power_offs = self.make_drivers(), PowerOffs(self.ledger, contents.guest_off)
        self.engine = Engine(drivers, desired, power_offs, self.metadata, settings, jitter)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.engine.run())
                await asyncio.sleep(0)
                yield self.engine
                running.cancel()
        finally:
            self.ledger.close()

    async def want(self, *specs: Spec) -> None:
        """What the control plane now wants here, whole."""
        self.wanted = specs
        self.revision += 1
        update = snapshot(self.revision, *specs)
        await self.ledger.write(update)
        self.engine.apply(update)

    def is_settled(self) -> bool:
        """Everything wanted is as it shall be, and nothing else is there."""
        full = self.engine.observations.snapshot()
        refs = {spec.ref for spec in self.wanted}
        return {seen.ref for seen in full} == refs and all(seen.converged for seen in full)

    def is_settled_in_ledger(self) -> bool:
        """Everything that the agent knows to be wanted is as it shall be, whoever told it."""
        views = self.engine.desired.views.values()
        self.wanted = tuple(view.spec if isinstance(view, VpcView) else view for view in views)
        return bool(self.wanted) and self.is_settled()

    def ledger_contents(self) -> Contents:
        """For when no agent runs."""
        ledger = Ledger(self.context.state_dir / "ledger.sqlite", self.context.host_id)
        try:
            return ledger.load()
        finally:
            ledger.close()

    async def settle(self) -> None:
        await until(self.is_settled, self.describe)

    async def settle_others(self, spec: Spec) -> None:
        """All but this one."""
        refs = [other.ref for other in self.wanted if other.ref != spec.ref]
        await until(lambda: all(self.engine.observations[ref].converged for ref in refs), self.describe)

    def describe(self) -> str:
        return "\n".join(map(str, self.engine.observations.snapshot()))


async def until(condition: Callable[[], bool], describe: Callable[[], str] = str, deadline_s: float = 30.0) -> None:
    """Wait for a condition; fail with a description after the deadline."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s} s: {describe()}") from None


async def _no_images(image: object, target: Path) -> None:
    raise AssertionError("fake volumes have no images")


def verbs(host: Host) -> list[str]:
    """What was done to its world."""
    return [call.verb for call in host.world.changes]


def facts(host: Host) -> ObservedInstance:
    """What is reported of its instance."""
    seen = host.engine.observations[INSTANCE.ref].instance
    assert seen is not None
    return seen


def fail_at(number: int, point: str, error: BaseException) -> Fault:
    """One call, before or after it took effect."""

    def fault(call: Call, at: str) -> None:
        if call.number == number and at == point:
            raise error

    return fault
