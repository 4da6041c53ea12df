"""Labels: one mechanism for every kind of resource that has them."""

from dataclasses import fields
from typing import Any

import pytest

from controlplane.model.image import KeyPair
from controlplane.model.state import State
from controlplane.service import (
    addresses,
    dhcp_options,
    nat_gateways,
    power,
    prefix_lists,
    projects,
    tagging,
    vpc_peerings,
    vpcs,
)
from controlplane.service.addresses import AllocateAddress
from controlplane.service.listing import Filter, matching
from controlplane.service.tagging import CreateTags, DeletedTag, DeleteTags
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import NOW, Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def one_of_each(region: Region) -> list[Any]:
    """A row of every kind that has tags."""
    region.launch(associate_public_ip_address=False)
    allocation_id = region.do(addresses.allocate, AllocateAddress())
    region.put(KeyPair(f"key-{'1' * 17}", region.project_id, "me", "ed25519", "", "", NOW, {}))
    region.do(prefix_lists.create, prefix_lists.CreatePrefixList("offices", 1))
    domain = dhcp_options.DhcpConfiguration("domain-name", ("corp.example",))
    region.do(dhcp_options.create, dhcp_options.CreateDhcpOptions([domain]))
    subnet_id, vpc_id = next(iter(region.state.subnets)).id, next(iter(region.state.vpcs)).id
    other_id = region.do(vpcs.create, CreateVpc("10.9.0.0/16"))
    region.do(vpc_peerings.create, vpc_peerings.CreateVpcPeeringConnection(vpc_id, other_id))
    region.do(nat_gateways.create, nat_gateways.CreateNatGateway(subnet_id, allocation_id))
    kinds = [row_type for row_type in region.state.tables if any(field.name == "tags" for field in fields(row_type))]  # type: ignore[arg-type]
    lacking = [row_type.__name__ for row_type in kinds if not len(region.state.tables[row_type])]
    assert not lacking, f"make one of each: {lacking}"
    return [next(iter(region.state.tables[row_type])) for row_type in kinds]


def test_every_kind_that_has_tags_can_be_given_others(region: Region) -> None:
    rows = one_of_each(region)
    assert len(rows) == len(tagging.FINDERS)
    ids = [row.id for row in rows]
    region.do(tagging.create, CreateTags(ids, {"Name": "web", "tier": "1"}))
    region.do(tagging.create, CreateTags(ids, {"tier": "2"}))
    for row in rows:
        table = region.state.tables[type(row)]
        assert table[row.id].tags == {"Name": "web", "tier": "2"}
        found = matching(table, [Filter("tag:tier", ("2",)), Filter("tag-key", ("Na*",))], table.attributes)
        assert [one.id for one in found] == [row.id]
    region.do(tagging.delete, DeleteTags(ids, [DeletedTag("Name"), DeletedTag("tier", "1")]))
    assert all(region.state.tables[type(row)][row.id].tags == {"tier": "2"} for row in rows)
    region.do(tagging.delete, DeleteTags(ids))
    assert all(region.state.tables[type(row)][row.id].tags == {} for row in rows)


def test_an_empty_value_is_a_value(region: Region) -> None:
    volume_id = region.volume()
    region.do(tagging.create, CreateTags([volume_id], {"a": "", "b": "x"}))
    region.do(tagging.delete, DeleteTags([volume_id], [DeletedTag("a", ""), DeletedTag("b", "")]))
    assert region.state.volumes[volume_id].tags == {"b": "x"}


class Compared(str):
    """A value that counts how often it is compared."""

    __slots__ = ()
    times = 0

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)


def test_many_values_of_a_key_are_not_compared_with_each_resource(region: Region) -> None:
    """A request may have a thousand of either."""
    volume_ids = [region.volume() for _ in range(5)]
    region.do(tagging.create, CreateTags(volume_ids, {"a": "7", "b": "x"}))
    region.do(tagging.delete, DeleteTags(volume_ids, [DeletedTag("a", Compared(n)) for n in range(50)]))
    assert all(region.state.volumes[volume_id].tags == {"b": "x"} for volume_id in volume_ids)
    assert Compared.times < 50


def test_what_is_already_so_changes_nothing(region: Region) -> None:
    volume_id = region.volume()
    region.do(tagging.create, CreateTags([volume_id], {"a": "b"}))
    revision = region.state.revision
    region.do(tagging.create, CreateTags([volume_id], {"a": "b"}))
    region.do(tagging.delete, DeleteTags([volume_id], [DeletedTag("c")]))
    assert region.state.revision == revision


def test_limits_are_those_of_ec2(region: Region) -> None:
    volume_id, other = region.volume(), region.volume()
    region.do(tagging.create, CreateTags([volume_id], {str(number): "" for number in range(50)}))
    region.refuses("TagLimitExceeded", tagging.create, CreateTags([other, volume_id], {"one": "more"}))
    assert region.state.volumes[other].tags == {}, "all or none"
    region.do(tagging.create, CreateTags([volume_id], {"0": "anew"}))
    region.refuses("InvalidTagKey.Malformed", tagging.create, CreateTags([volume_id], {"aws:x": ""}))
    region.refuses("InvalidTagKey.Malformed", tagging.delete, DeleteTags([volume_id], [DeletedTag("")]))
    region.refuses("InvalidParameterValue", tagging.create, CreateTags([volume_id], {"x": "y" * 257}))
    region.refuses("MissingParameter", tagging.create, CreateTags([volume_id], {}))
    region.refuses("MissingParameter", tagging.create, CreateTags([], {"a": "b"}))
    many = [f"vol-{number:017x}" for number in range(1001)]
    region.refuses("InvalidParameterValue", tagging.create, CreateTags(many, {"a": "b"}))


def test_what_is_not_ones_own_cannot_be_tagged(region: Region) -> None:
    volume_id, other = region.volume(), region.do(projects.create, "other")
    tags = {"a": "b"}
    region.refuses("InvalidVolume.NotFound", tagging.create, CreateTags([volume_id], tags), project_id=other)
    region.refuses("InvalidVolume.Malformed", tagging.create, CreateTags(["vol-1"], tags))
    for nothing in ("proj-00000000000000001", "host-00000000000000001", "", "web"):
        region.refuses("InvalidID", tagging.create, CreateTags([nothing], tags))
    image_id = region.add_image()
    region.refuses("InvalidAMIID.NotFound", tagging.delete, DeleteTags([image_id]), project_id=other)
    instance_id = region.launch()
    automatic = region.public_address(instance_id)
    assert automatic
    region.refuses("InvalidAllocationID.NotFound", tagging.create, CreateTags([automatic.id], tags))
    region.do(power.terminate, [instance_id])
    region.do(tagging.create, CreateTags([instance_id], tags))


def test_the_state_has_no_other_tags() -> None:
    tagged_kinds = [kind for kind in State().tables if any(field.name == "tags" for field in fields(kind))]  # type: ignore[arg-type]
    assert len(tagged_kinds) == len(tagging.FINDERS)
