"""What changes whose objects."""

from dataclasses import replace

import pytest

from controlplane.model.instance import Phase
from controlplane.reconcile.objects import ATTACHMENT, REGION, scopes_of
from controlplane.service import addresses, power, security_group_rules, security_groups
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.permissions import Permission
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.fed import COMPUTE, Lab
from tests.unit.region import ZONES
from tests.unit.told import objects_of


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_launch_is_told_to_the_hosts_that_it_concerns(lab: Lab) -> None:
    lab.run()
    own = {(lab.compute, "instance"), (lab.compute, "attachment"), (lab.storage, "attachment"), (lab.storage, "volume")}
    assert lab.objects == own | {(lab.vpc_id, "endpoint"), (lab.vpc_id, "address")}
    assert lab.last.joined == {(lab.compute, lab.vpc_id), (lab.gateway, lab.vpc_id)}
    assert not lab.last.moved
    assert scopes_of(lab.state, lab.compute) == {REGION, lab.compute, lab.vpc_id}
    assert scopes_of(lab.state, lab.gateway) == {REGION, lab.gateway, lab.vpc_id}
    assert scopes_of(lab.state, lab.storage) == {REGION, lab.storage}


def test_a_host_is_told_to_all(lab: Lab) -> None:
    host_id = lab.add_host(ZONES[1])
    assert lab.objects == {(REGION, "host")}
    lab.put(replace(lab.state.hosts[host_id], is_away=True, problems=("x",), vcpus=1, released_to="inc-1"))
    assert lab.objects == set()
    assert lab.last.released == {host_id}


def test_a_rule_shows_in_its_group_alone(lab: Lab) -> None:
    lab.run()
    group_id = lab.do(security_groups.create, CreateSecurityGroup("web", "x"))
    assert lab.objects == {(lab.vpc_id, "security_group")}
    lab.do(security_group_rules.authorize, Authorize(group_id, False, [Permission("tcp", 80, 80, "0.0.0.0/0", "", "")]))
    assert [ref[1] for _, ref in lab.last.objects] == [group_id]
    assert not lab.last.moved


def test_an_address_is_told_where_its_endpoint_is(lab: Lab) -> None:
    instance_id = lab.launch(associate_public_ip_address=False)
    allocation_id = lab.do(addresses.allocate, AllocateAddress())
    assert lab.objects == set()
    association_id = lab.do(addresses.associate, AssociateAddress(allocation_id, instance_id))
    assert lab.objects == {(lab.vpc_id, "address")}
    lab.do(addresses.disassociate, association_id)
    assert lab.objects == {(lab.vpc_id, "address")}
    lab.do(addresses.release, allocation_id)
    assert (lab.objects, lab.last.waiting - {""}) == (set(), {lab.gateway}), "it may have answered already"


def test_what_was_seen_changes_nothing_that_is_told(lab: Lab) -> None:
    (instance_id,) = lab.run()
    lab.converge()
    lab.put(replace(lab.instance(instance_id), ran_generation=7, is_settled=True))
    lab.put(replace(lab.root_volume(instance_id), epoch=9))
    lab.put(replace(next(iter(lab.state.observations)), error="x"))
    assert lab.objects == set()


def test_an_instance_that_moves_is_another_endpoint(lab: Lab) -> None:
    instance_id = lab.launch()
    other = lab.add_host(ZONES[0], (COMPUTE,))
    lab.put(replace(lab.instance(instance_id), host_id=other))
    assert lab.objects == {(lab.compute, "instance"), (other, "instance"), (lab.vpc_id, "endpoint")}
    assert lab.last.moved == {lab.compute, other}


def test_an_attachment_is_told_at_both_ends_until_it_is_released(lab: Lab) -> None:
    instance_id = lab.launch()
    (row,) = lab.attachments(instance_id)
    ends = {(lab.compute, "attachment"), (lab.storage, "attachment")}
    for phase in (Phase.DETACHING, Phase.RELEASED):
        lab.put(replace(row, phase=phase))
        assert lab.objects == ends
        told = [(ATTACHMENT.name, row.id) in objects_of(lab.state, host_id)[host_id] for host_id, _ in ends]
        assert told == [phase is Phase.DETACHING] * 2
    assert not lab.last.moved


def test_an_attachment_with_both_ends_on_a_host_is_one_object_there(lab: Lab) -> None:
    (row,) = lab.attachments(lab.launch())
    lab.put(replace(row, storage_host_id=lab.compute, phase=Phase.DETACHING))
    assert [found.id for found in ATTACHMENT.rows(lab.state, lab.compute)] == [row.id]


def test_an_instance_that_ends_is_no_object_and_its_tombstone_is(lab: Lab) -> None:
    instance_id = lab.launch()
    volume_id = lab.root_volume(instance_id).id
    lab.do(power.terminate, [instance_id])
    assert (lab.compute, "instance") in lab.objects
    lab.converge()
    assert objects_of(lab.state, lab.compute)[lab.compute] == {}
    assert objects_of(lab.state, lab.storage)[lab.storage]["volume", volume_id].deleted
