"""What a network keeps although an update does not know of it."""

from dataclasses import replace

import pytest

from agent.converge.authority import withheld, without_removals
from agent.converge.joined import joined
from agent.messages import Update
from agent.model import AddressMapping, GroupMembers, GroupSpec, PeerSpec, SubnetSpec, VpcSpec

from .host import GATEWAY, INSTANCE, PORT, VPC

NEWER_PORT = replace(PORT, interface_id="eni-9", instance_id="i-9", private_ip="172.31.16.9", subnet_id="subnet-9")
NEWER = replace(
    VPC,
    subnets=(*VPC.subnets, SubnetSpec("subnet-9", "172.31.16.0/20")),
    ports=(*VPC.ports, NEWER_PORT),
    peers=(
        replace(VPC.peers[0], private_ips=("172.31.0.6", "172.31.0.8"), interface_ids=("eni-2", "eni-8")),
        PeerSpec(3, "192.0.2.3", ("172.31.0.7",), ("eni-7",)),
    ),
    groups=(*VPC.groups, GroupSpec("sg-9", ())),
    group_members=(GroupMembers("sg-1", ("172.31.0.5", "172.31.0.6", "172.31.0.8")), GroupMembers("sg-9", ())),
)
NEWER_GATEWAY = replace(GATEWAY, mappings=(*GATEWAY.mappings, AddressMapping("198.51.100.9", "172.31.16.9")))


@pytest.mark.parametrize(("known", "older"), [(NEWER, VPC), (NEWER_GATEWAY, GATEWAY)])
def test_what_an_older_one_does_not_know_of_stays(known: VpcSpec, older: VpcSpec) -> None:
    assert joined(known, older) == known
    assert joined(older, known) == known
    assert joined(None, older) == older


def test_an_instance_is_what_the_update_says() -> None:
    assert joined(INSTANCE, replace(INSTANCE, power_on=False)) == replace(INSTANCE, power_on=False)


def test_an_address_given_to_somebody_else_is_theirs_alone() -> None:
    other = replace(PORT, interface_id="eni-10", private_ip="172.31.0.8", group_ids=("sg-2",))
    given = replace(VPC, ports=(other,), peers=(), group_members=(GroupMembers("sg-1", ()),))
    kept = joined(NEWER, given)
    assert isinstance(kept, VpcSpec)
    assert [port.private_ip for port in kept.ports] == ["172.31.0.8", PORT.private_ip, "172.31.16.9"]
    assert kept.peers[0] == VPC.peers[0]
    assert kept.group_members[0] == GroupMembers("sg-1", ("172.31.0.5", "172.31.0.6"))
    moved = replace(GATEWAY, mappings=(AddressMapping("198.51.100.9", PORT.private_ip),))
    assert joined(NEWER_GATEWAY, moved) == moved


def test_a_ledger_of_an_earlier_version_is_joined_as_well() -> None:
    nameless = replace(VPC, peers=(replace(VPC.peers[0], interface_ids=()),))
    kept = joined(nameless, replace(VPC, peers=()))
    assert isinstance(kept, VpcSpec)
    assert kept.peers == (replace(VPC.peers[0], interface_ids=("",)),)


def test_a_held_update_is_joined_and_told_as_not_all_that_there_is() -> None:
    known = {spec.ref: spec for spec in (NEWER, NEWER_GATEWAY, INSTANCE)}
    update = Update(9, False, (VPC, GATEWAY, INSTANCE), raw={VPC.ref: b"older", INSTANCE.ref: b"same"})
    taken = without_removals(update, known)
    assert taken.put == (NEWER, NEWER_GATEWAY, INSTANCE)
    assert taken.raw == {INSTANCE.ref: b"same"}, "the ledger keeps what was joined"
    assert withheld(update, known, ()) == {NEWER.ref, NEWER_GATEWAY.ref}
    assert withheld(replace(update, put=(NEWER,)), known, {NEWER.ref}) == frozenset()
