"""Hosts that are lost, or go: what ends on them no longer waits for them, and nobody writes a volume twice."""

from typing import Any

import pytest

from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.reconcile.absorb import settle
from controlplane.service import addresses, host_removal, hosts, power, volumes
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.host_removal import RemoveHost
from controlplane.service.hosts import CreateHostToken, Join
from controlplane.service.power import StopInstances
from controlplane.service.volumes import AttachVolume, DetachVolume
from tests.unit.region import ZONES, Region
from tests.unit.told import shall_have

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY


class Rack:
    """An instance on a compute host, its volumes on a storage host, its address at a gateway; and a second of each."""

    def __init__(self) -> None:
        self.region = Region()
        self.compute, self.storage, self.gateway = (
            self.region.add_host(roles=(role,)) for role in (COMPUTE, STORAGE, GATEWAY)
        )
        self.instance_id = self.region.launch()
        self.volume_id = self.region.volume()
        self.region.do(volumes.attach, AttachVolume(self.volume_id, self.instance_id))
        self.region.converge()
        self.spare = self.region.add_host(roles=(COMPUTE, STORAGE, GATEWAY))

    def lose(self, host_id: str) -> Any:
        """It answers no more, and an admin says that it never will. What it has goes on without us."""
        self.region.reachable.discard(host_id)
        zombie = self.region.agents.pop(host_id)
        self.region.do(host_removal.declare_lost, host_id)
        return zombie

    def settle(self) -> None:
        """What the control plane does for lost hosts now and then, and the others by themselves."""
        state = self.region.state
        for _ in range(6):
            for host in [host for host in state.hosts if host.lost_at]:
                answers = dict.fromkeys(ObservedKind, state.revision)
                self.region.apply(settle(state, host.id, answers, self.region.now))
                self.region.apply(host_removal.forget(state, host.id))
            self.region.exchange()


@pytest.fixture
def rack() -> Rack:
    return Rack()


def test_a_host_that_is_there_is_not_lost(rack: Rack) -> None:
    error = rack.region.refuses("IncorrectState", host_removal.declare_lost, rack.compute)
    assert "was there a moment ago" in error.message


def test_termination_does_not_wait_for_a_host_that_is_lost(rack: Rack) -> None:
    region = rack.region
    public = region.public_address(rack.instance_id)
    assert public
    rack.lose(rack.compute)
    rack.settle()
    assert region.state_of(rack.instance_id) == "running", "to be lost ends nothing by itself"
    region.do(power.terminate, [rack.instance_id])
    rack.settle()
    assert region.state_of(rack.instance_id) == "terminated"
    assert public.public_ip not in region.state.addresses.public_ip
    assert not len(region.state.interfaces)
    assert region.volume_state(rack.volume_id) == "available"
    assert region.state.used(rack.compute) == Resources()


def test_a_volume_is_free_only_when_its_storage_host_shut_the_lost_one_out(rack: Rack) -> None:
    region = rack.region
    rack.lose(rack.compute)
    region.do(volumes.detach, DetachVolume(rack.volume_id))
    storage = region.agents.pop(rack.storage)
    rack.settle()
    assert region.volume_state(rack.volume_id) == "in-use", "the export is still open"
    region.agents[rack.storage] = storage
    rack.settle()
    assert region.volume_state(rack.volume_id) == "available"
    assert not [key for key in storage.has if key[0] is ObservedKind.EXPORT and key[1].startswith(rack.volume_id)]


def test_an_instance_is_stopped_and_started_on_another_host(rack: Rack) -> None:
    region = rack.region
    before = {attachment.volume_id: attachment.epoch for attachment in region.attachments(rack.instance_id)}
    rack.lose(rack.compute)
    region.do(power.stop, StopInstances([rack.instance_id]))
    rack.settle()
    assert region.state_of(rack.instance_id) == "stopped"
    region.do(power.start, [rack.instance_id])
    rack.settle()
    assert region.state_of(rack.instance_id) == "running"
    assert region.instance(rack.instance_id).host_id == rack.spare
    assert all(attachment.epoch > before[attachment.volume_id] for attachment in region.attachments(rack.instance_id))


def test_one_that_comes_back_is_told_what_is_left(rack: Rack) -> None:
    region = rack.region
    zombie = rack.lose(rack.compute)
    region.do(power.terminate, [rack.instance_id])
    rack.settle()
    region.apply(hosts.seen(region.state, rack.compute, region.now))
    assert region.state.hosts[rack.compute].lost_at is None
    region.agents[rack.compute] = zombie
    region.exchange()
    assert not zombie.has
    assert not region.state.observations.host.count(rack.compute)


def test_a_lost_gateways_addresses_move_with_a_new_epoch(rack: Rack) -> None:
    region = rack.region
    leaving = region.do(addresses.allocate, AllocateAddress())
    region.do(addresses.associate, AssociateAddress(leaving, rack.instance_id))
    region.converge()
    (row,) = region.state.internet_gateways
    region.reachable.discard(rack.gateway)
    region.agents.pop(rack.gateway)
    region.do(addresses.release, leaving)
    region.exchange()
    assert leaving in region.state.addresses, "the gateway may still have it"
    region.do(host_removal.declare_lost, rack.gateway)
    rack.settle()
    assert leaving not in region.state.addresses
    (moved,) = region.state.internet_gateways
    assert (moved.host_id, moved.epoch) == (rack.spare, row.epoch + 1)
    assert (ObservedKind.GATEWAY, row.vpc_id) in region.agents[rack.spare].has


def join(region: Region, name: str, underlay_address: str) -> str:
    """A gateway host that joins as a machine does."""
    region.do(hosts.create_token, CreateHostToken(ZONES[0], [GATEWAY], None, name))
    return region.do(hosts.join, Join(name, "csr", name, underlay_address))


@pytest.mark.parametrize("is_removed", [False, True])
def test_the_next_gateway_host_takes_over_where_there_was_no_other(is_removed: bool) -> None:
    region = Region()
    region.add_host(roles=(COMPUTE, STORAGE))
    gateway = region.add_host(roles=(GATEWAY,))
    region.launch()
    region.reachable.discard(gateway)
    region.agents.pop(gateway)
    region.do(host_removal.declare_lost, gateway)
    (row,) = region.state.internet_gateways
    assert row.host_id == gateway, "it may come back"
    if is_removed:
        region.do(host_removal.remove, RemoveHost(gateway, force=True))
        region.apply(host_removal.forget(region.state, gateway))
        assert gateway not in region.state.hosts
    successor = join(region, "next", "10.0.0.9")
    (moved,) = region.state.internet_gateways
    assert moved.host_id == successor
    assert moved.epoch > row.epoch


def test_nothing_that_a_removed_host_says_counts() -> None:
    region = Region()
    host_id = region.add_host()
    region.volume()
    region.do(volumes.delete, next(iter(region.state.volumes)).id)
    region.do(host_removal.remove, RemoveHost(host_id, force=True))
    region.exchange()  # A report that was under way.
    assert region.state.observations.host.count(host_id)
    for _ in range(3):
        answers = dict.fromkeys(ObservedKind, region.state.revision)
        region.apply(settle(region.state, host_id, answers, region.now))
        region.apply(host_removal.forget(region.state, host_id))
        if host_id not in region.state.hosts:
            break
    assert host_id not in region.state.hosts
    assert not len(region.state.observations)


def test_volumes_of_a_lost_host_are_in_error_and_can_be_deleted(rack: Rack) -> None:
    region = rack.region
    free = region.volume()
    host_id = region.state.volumes[free].host_id
    rack.lose(host_id)
    assert region.volume_state(free) == "error"
    instance_id = rack.instance_id
    region.refuses("IncorrectState", volumes.attach, AttachVolume(free, instance_id))
    region.do(volumes.delete, free)
    rack.settle()
    assert free not in region.state.volumes


def test_a_host_with_something_on_it_is_not_removed(rack: Rack) -> None:
    region = rack.region
    error = region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.compute))
    assert error.blocking_ids == (rack.instance_id,)
    error = region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.storage))
    assert set(error.blocking_ids) == {rack.volume_id, region.root_volume(rack.instance_id).id}
    (gateway,) = region.state.internet_gateways
    error = region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.gateway))
    assert error.blocking_ids == (gateway.id,)
    region.refuses("IncorrectState", host_removal.remove, RemoveHost(rack.compute, force=True))
    region.refuses("InvalidHostID.NotFound", host_removal.remove, RemoveHost(f"host-{'f' * 17}"))


@pytest.mark.parametrize("which", ["compute", "storage", "gateway"])
def test_a_host_with_nothing_on_it_goes(rack: Rack, which: str) -> None:
    region, host_id = rack.region, getattr(rack, which)
    region.do(power.terminate, [rack.instance_id])
    region.converge()
    region.do(volumes.delete, rack.volume_id)
    region.converge()
    region.empty_trash()
    assert region.do(host_removal.remove, RemoveHost(host_id)) == []
    rack.settle()
    assert host_id not in region.state.hosts
    assert {row.host_id for row in region.state.internet_gateways} == {
        rack.spare if which == "gateway" else rack.gateway
    }


def test_deleted_volumes_go_with_their_host_by_force_alone_and_are_named(rack: Rack) -> None:
    region = rack.region
    root = region.root_volume(rack.instance_id).id
    region.do(power.terminate, [rack.instance_id])
    region.converge()
    error = region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.storage))
    assert set(error.blocking_ids) == {rack.volume_id, root}
    assert error.message.startswith("2 resources are on"), "as many as are named"
    region.do(volumes.delete, rack.volume_id)
    region.converge()
    error = region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.storage))
    assert "2 deleted volumes could still be brought back" in error.message
    assert set(error.blocking_ids) == {rack.volume_id, root}
    assert set(region.do(host_removal.remove, RemoveHost(rack.storage, force=True))) == {rack.volume_id, root}
    rack.settle()
    assert rack.storage not in region.state.hosts


def test_one_resource_is_told_as_one(rack: Rack) -> None:
    error = rack.region.refuses("DependencyViolation", host_removal.remove, RemoveHost(rack.compute))
    assert error.message.startswith("1 resource is on")


@pytest.mark.parametrize("which", ["compute", "storage", "gateway"])
def test_by_force_a_lost_host_goes_with_what_it_had(rack: Rack, which: str) -> None:
    region, host_id = rack.region, getattr(rack, which)
    rack.lose(host_id)
    change, _ = host_removal.remove(region.state, region.call(), RemoveHost(host_id, force=True))
    assert next(iter(change.items()))[1] == host_id, "the record of calls names it first"
    lost = region.do(host_removal.remove, RemoveHost(host_id, force=True))
    root = region.state.attachments.instance.of(rack.instance_id)[0].volume_id
    expected = {"compute": {rack.instance_id}, "storage": {rack.volume_id, root}, "gateway": set()}
    assert set(lost) == expected[which]
    rack.settle()
    assert host_id not in region.state.hosts
    assert not region.state.observations.host.count(host_id)
    if which == "storage":
        assert not region.state.volumes.host.count(host_id)
        assert not region.attachments(rack.instance_id)
    if which == "compute":
        assert region.state_of(rack.instance_id) == "terminated"
        reason = region.instance(rack.instance_id).state_reason
        assert reason
        assert reason.message == "Its host was lost and removed"
    for left in region.agents:
        shall_have(region.state, left)
    region.launch(zone_name=ZONES[0])


def test_its_name_and_number_are_free_again(rack: Rack) -> None:
    rack.lose(rack.compute)
    rack.region.do(host_removal.remove, RemoveHost(rack.compute, force=True))
    rack.settle()
    assert 1 not in rack.region.state.hosts.number
