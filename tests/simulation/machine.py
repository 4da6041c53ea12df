"""Users, guests, and misfortune, as rules that Hypothesis strings together. After each rule everything is checked; at
the end everything is healed, must come to rest, and is taken down without a trace.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.model import Power
from controlplane.model.instance import Attachment, Desired
from stead.v1 import addresses_pb2, instances_pb2, security_groups_pb2, volumes_pb2

from . import region
from .cloud import Cloud
from .host import Host
from .wire import QUICK_S, SLOW_S

T = TypeVar("T")

PICK = st.integers(0, 11)  # Any of what there is, by its number.
FEW = st.integers(1, 3)
HOST = st.integers(0, len(region.MACHINES) - 1)
WORKER = st.integers(0, 2)
# How long things go on until the next rule. Between them lie: nothing, a commit, a message, a verb, a life.
PAUSE_S = st.sampled_from((0.0, 0.002, 0.01, 0.05, 0.5, 8.0))
KINDS_OF_CALL = ("instances_pb2", "volumes_pb2", "addresses_pb2", "security_groups_pb2")


class Simulation(RuleBasedStateMachine):
    directory: Path  # Set by whoever runs it; `template.db` is in it.
    _runs = count(1)

    def __init__(self) -> None:
        super().__init__()
        self.cloud: Cloud | None = None  # type: ignore[assignment]
        self._is_sound = True  # No check has failed, nor broken off.

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        number = next(self._runs)
        self.cloud: Cloud = Cloud(self.directory / str(number), self.directory / "template.db", seed)
        self.cloud.run(1.0)
        self._check()

    def teardown(self) -> None:
        if self.cloud is None:
            return
        try:
            if self._is_sound:
                self._come_to_rest()
                self._take_down()
        finally:
            self.cloud.close()

    def _come_to_rest(self) -> None:
        self.cloud.heal()
        self.cloud.settle()
        self._check()
        self.cloud.check_disk()

    def _take_down(self) -> None:
        """Everything goes, and nothing stays behind."""
        for row in self._instances():
            self._ask("TerminateInstances", instances_pb2.TerminateInstancesRequest(instance_ids=[row.id]), row)
        self.cloud.settle()
        for row in list(self.cloud.record.durable.volumes):
            self._ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)
        self.cloud.settle()
        self._check()
        for world in self.cloud.worlds:
            left = (world.domains, world.ports, world.vpcs, world.gateways, world.exports, world.volumes)
            assert not any(left), f"{world.underlay_address} is left with {left}"

    # What users do

    @rule(pause_s=PAUSE_S, project=st.integers(0, 1), zone=st.sampled_from(("", *region.ZONES)), least=FEW, more=FEW,
          kind=st.sampled_from(("t3.nano", "t3.small")), ends=st.sampled_from(("", "terminate")), disks=st.booleans())
    def run(self, pause_s: float, project: int, zone: str, least: int, more: int, kind: str, ends: str, disks: bool) -> None:
        found = self.cloud.record.durable
        owner = list(found.projects)[project]
        image = next(row for row in found.images if row.project_id == owner.id)
        request = instances_pb2.RunInstancesRequest(
            image_id=image.id, instance_type=kind, zone_name=zone, min_count=least, max_count=least + more - 1,
            instance_initiated_shutdown_behavior=ends,
        )
        if disks:
            request.block_device_mappings.add(device_name="/dev/sdf", volume_size_gib=1)
        self._ask("RunInstances", request, owner)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def stop(self, pause_s: float, which: int) -> None:
        for row in _pick(self._instances(), which):
            self._ask("StopInstances", instances_pb2.StopInstancesRequest(instance_ids=[row.id], force=which % 3 == 0), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def start(self, pause_s: float, which: int) -> None:
        for row in _pick([row for row in self._instances() if row.desired is Desired.OFF], which):
            self._ask("StartInstances", instances_pb2.StartInstancesRequest(instance_ids=[row.id]), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def reboot(self, pause_s: float, which: int) -> None:
        for row in _pick(self._instances(), which):
            self._ask("RebootInstances", instances_pb2.RebootInstancesRequest(instance_ids=[row.id]), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def terminate(self, pause_s: float, which: int) -> None:
        for row in _pick(self._instances(), which):
            self._ask("TerminateInstances", instances_pb2.TerminateInstancesRequest(instance_ids=[row.id]), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, project=st.integers(0, 1), zone=st.sampled_from(region.ZONES))
    def create_volume(self, pause_s: float, project: int, zone: str) -> None:
        owner = list(self.cloud.record.durable.projects)[project]
        self._ask("CreateVolume", volumes_pb2.CreateVolumeRequest(zone_name=zone, size_gib=1), owner)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, volume=PICK, instance=PICK)
    def attach(self, pause_s: float, volume: int, instance: int) -> None:
        found = self.cloud.record.durable
        free = [row for row in found.volumes if row.is_ready and not found.attachments.count("volume", row.id)]
        for row in _pick(free, volume):
            near = [other for other in self._instances() if other.zone == row.zone and other.project_id == row.project_id]
            for target in _pick(near, instance):
                self._ask("AttachVolume", volumes_pb2.AttachVolumeRequest(volume_id=row.id, instance_id=target.id), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def detach(self, pause_s: float, which: int) -> None:
        def is_root(row: Attachment) -> bool:
            return row.device_name == "/dev/sda1"

        for row in _pick(sorted(self.cloud.record.durable.attachments, key=is_root), which):
            self._ask("DetachVolume", volumes_pb2.DetachVolumeRequest(volume_id=row.volume_id), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def delete_volume(self, pause_s: float, which: int) -> None:
        for row in _pick(self.cloud.record.durable.volumes, which):
            self._ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, project=st.integers(0, 1))
    def allocate(self, pause_s: float, project: int) -> None:
        owner = list(self.cloud.record.durable.projects)[project]
        self._ask("AllocateAddress", addresses_pb2.AllocateAddressRequest(), owner)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, address=PICK, instance=PICK)
    def associate(self, pause_s: float, address: int, instance: int) -> None:
        for row in _pick([row for row in self.cloud.record.durable.addresses if row.is_elastic], address):
            for target in _pick([one for one in self._instances() if one.project_id == row.project_id], instance):
                request = addresses_pb2.AssociateAddressRequest(allocation_id=row.id, instance_id=target.id)
                self._ask("AssociateAddress", request, row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def disassociate(self, pause_s: float, which: int) -> None:
        for row in _pick([row for row in self.cloud.record.durable.addresses if row.association_id], which):
            request = addresses_pb2.DisassociateAddressRequest(association_id=row.association_id)
            self._ask("DisassociateAddress", request, row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def release(self, pause_s: float, which: int) -> None:
        for row in _pick([row for row in self.cloud.record.durable.addresses if row.is_elastic], which):
            self._ask("ReleaseAddress", addresses_pb2.ReleaseAddressRequest(allocation_id=row.id), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, project=st.integers(0, 1), name=st.sampled_from("abc"))
    def create_group(self, pause_s: float, project: int, name: str) -> None:
        owner = list(self.cloud.record.durable.projects)[project]
        request = security_groups_pb2.CreateSecurityGroupRequest(group_name=name, description="simulated")
        self._ask("CreateSecurityGroup", request, owner)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def delete_group(self, pause_s: float, which: int) -> None:
        for row in _pick(self.cloud.record.durable.security_groups, which):
            self._ask("DeleteSecurityGroup", security_groups_pb2.DeleteSecurityGroupRequest(group_id=row.id), row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK, port=st.integers(20, 25))
    def authorize(self, pause_s: float, which: int, port: int) -> None:
        for row in _pick(self.cloud.record.durable.security_groups, which):
            request = security_groups_pb2.AuthorizeSecurityGroupIngressRequest(group_id=row.id)
            request.permissions.add(ip_protocol="tcp", from_port=port, to_port=port, cidr_ipv4="0.0.0.0/0")
            self._ask("AuthorizeSecurityGroupIngress", request, row)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, which=PICK)
    def repeat(self, pause_s: float, which: int) -> None:
        """A call is made again with its token: after an answer, without one, or while it is under way."""
        for earlier in _pick(reversed(self.cloud.record.asked), which):
            self.cloud.ask(earlier.method, earlier.request, earlier.project_id)
        self._pass(pause_s)

    # What guests do

    @rule(pause_s=PAUSE_S, where=WORKER, which=PICK)
    def guest_powers_off(self, pause_s: float, where: int, which: int) -> None:
        host = self.cloud.hosts[where]
        for instance_id in _pick(self._guests(host), which):
            self.cloud.record.guest_off.add((instance_id, host.world.domains[instance_id].facts.generation))
            host.world.power_off(instance_id)
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, where=WORKER, which=PICK)
    def guest_crashes(self, pause_s: float, where: int, which: int) -> None:
        host = self.cloud.hosts[where]
        for instance_id in _pick(self._guests(host), which):
            host.world.crash(instance_id)
        self._pass(pause_s)

    @rule(where=WORKER, which=PICK, clings=st.booleans())
    def guest_does_not_listen(self, where: int, which: int, clings: bool) -> None:
        world = self.cloud.hosts[where].world
        for instance_id in _pick(world.domains, which):
            (world.clinging_guests if clings else world.deaf_guests).add(instance_id)

    # What goes wrong

    @rule(pause_s=PAUSE_S, where=HOST, rate=st.sampled_from((0.0, 0.1, 0.5)))
    def drivers_fail(self, pause_s: float, where: int, rate: float) -> None:
        self.cloud.hosts[where].failure_rate = rate
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, where=HOST)
    def agent_dies(self, pause_s: float, where: int) -> None:
        self._await(self.cloud.hosts[where].kill())
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, where=HOST)
    def power_is_cut(self, pause_s: float, where: int) -> None:
        self._await(self.cloud.hosts[where].cut_power())
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S)
    def agents_start(self, pause_s: float) -> None:
        for host in self.cloud.hosts:
            host.start()
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, where=HOST)
    def wire_is_cut(self, pause_s: float, where: int) -> None:
        self.cloud.hosts[where].wire.cut()
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S)
    def wires_are_mended(self, pause_s: float) -> None:
        for host in self.cloud.hosts:
            host.wire.is_up = True
        self._pass(pause_s)

    @rule(where=HOST, slow=st.booleans(), repeats=st.booleans())
    def wire_misbehaves(self, where: int, slow: bool, repeats: bool) -> None:
        wire = self.cloud.hosts[where].wire
        wire.latency_s, wire.repeats_reports = SLOW_S if slow else QUICK_S, repeats

    @rule(pause_s=PAUSE_S, where=HOST)
    def connection_is_reset(self, pause_s: float, where: int) -> None:
        self.cloud.hosts[where].wire.reset()
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S)
    def control_plane_dies(self, pause_s: float) -> None:
        self.cloud.kill_process()
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S, when=st.sampled_from(("before", "after")))
    def commit_fails(self, pause_s: float, when: str) -> None:
        if self.cloud.process is not None:
            self.cloud.process.disk.failing = when
        self._pass(pause_s)

    @rule(pause_s=PAUSE_S)
    @precondition(lambda self: self.cloud.process is None)
    def control_plane_starts(self, pause_s: float) -> None:
        self.cloud.start_process()
        self._pass(pause_s)

    # Time

    @rule(seconds=st.sampled_from((0.1, 1.0, 15.0, 65.0)))
    def time_passes(self, seconds: float) -> None:
        self._pass(seconds)

    @rule()
    def clock_moves(self) -> None:
        """Terminated instances are forgotten at the next sweep."""
        self.cloud.move_clock(timedelta(minutes=61))
        self._pass(65.0)

    @rule()
    def all_is_well_for_a_while(self) -> None:
        self._come_to_rest()

    def _pass(self, seconds: float) -> None:
        self.cloud.run(seconds)
        self._check()

    def _check(self) -> None:
        self._is_sound = False
        self.cloud.check()
        self._is_sound = True

    def _ask(self, method: str, request: Any, owner: Any) -> None:
        self.cloud.ask(method, request, getattr(owner, "project_id", owner.id))

    def _await(self, work: Any) -> None:
        self.cloud.loop.run_until_complete(work)

    def _instances(self) -> list[Any]:
        return [row for row in self.cloud.record.durable.instances if row.desired is not Desired.ABSENT]

    def _guests(self, host: Host) -> list[str]:
        return [id for id, domain in host.world.domains.items() if domain.facts.power is Power.RUNNING]


def _pick(things: Iterable[T], which: int) -> list[T]:
    """The one with this number, counting round; none where there are none."""
    found = list(things)
    return [found[which % len(found)]] if found else []


def simulation(directory: Path) -> Callable[[], Simulation]:
    """Makes machines whose files go there."""
    region.make(directory / "template.db")
    return type("Simulation", (Simulation,), {"directory": directory})
