"""Whoever lists once and then watches knows, without another list, what a list would show."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.api.contents import PUBLIC
from controlplane.model.instance import ObservedKind
from controlplane.model.project import Role
from controlplane.model.state import Change
from tests.contract.control_plane import ControlPlane
from tests.contract.watcher import Watcher

CONTENTS = tuple(kind.replace("-", "_") for kind in PUBLIC)


class Follower:
    """Keeps what events say of each resource."""

    def __init__(self, cloud: ControlPlane, secret: str | None = None) -> None:
        self._cloud = cloud
        self._secret = secret
        self._watcher = Watcher(cloud, 1, secret, with_contents=True)
        self._known: dict[tuple[str, str], Any] = {}
        self._marks = 0

    async def check(self) -> None:
        """All that it was told, against what one is told who begins now."""
        mine, fresh = await self._after_mark(self), await self._after_mark(Follower(self._cloud, self._secret))
        assert mine.keys() == fresh.keys()
        assert {key: (mine[key], fresh[key]) for key in mine if mine[key] != fresh[key]} == {}

    async def _after_mark(self, who: "Follower") -> dict[tuple[str, str], Any]:
        self._marks += 1
        made = await self._cloud.ask("CreateKeyPair", key_name=f"mark-{self._marks}", secret=self._secret)
        while ("key-pair", made.key_pair.key_pair_id) not in who._known:
            for row in (await who._watcher.next()).changes:
                who._take(row)
        return {key: contents for key, contents in who._known.items() if key[0] != "key-pair"}

    def of(self, kind: str) -> list[Any]:
        return [contents for (known, _), contents in self._known.items() if known == kind]

    def _take(self, row: Any) -> None:
        key = row.kind, row.id
        if row.deleted:
            self._known.pop(key, None)
        else:
            self._known[key] = getattr(row, row.WhichOneof("contents"))


@pytest.fixture
async def told(cloud: ControlPlane) -> Follower:
    await cloud.add_host()
    return Follower(cloud)


async def test_of_an_instance_and_its_volumes(cloud: ControlPlane, told: Follower) -> None:
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image(), tags={"Name": "web"})
    instance_id = launched.instances[0].instance_id
    volume_id = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    ids, disk = {"instance_ids": [instance_id]}, {"volume_id": volume_id, "instance_id": instance_id}
    for method, fields in (
        ("AttachVolume", disk),
        ("CreateTags", {"resource_ids": [volume_id], "tags": {"a": "b"}}),
        ("DetachVolume", {"volume_id": volume_id}),
        ("StopInstances", ids),
        ("AttachVolume", disk),
        ("StartInstances", ids),
        ("RebootInstances", ids),
        ("TerminateInstances", ids),
        ("DeleteVolume", {"volume_id": volume_id}),
    ):
        await told.check()
        await cloud.converge()
        await told.check()
        await cloud.ask(method, **fields)
    await cloud.converge()
    await told.check()


async def test_of_a_guest_that_starts_without_its_volumes(cloud: ControlPlane, told: Follower) -> None:
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image())
    ids = [launched.instances[0].instance_id]
    await cloud.converge()
    await cloud.ask("StopInstances", instance_ids=ids)
    await cloud.converge()
    (seen,) = [row for row in cloud.journal.state.observations if row.kind is ObservedKind.INSTANCE]
    off = replace(seen, running=False, export_names=())
    for row in (off, replace(off, error="no volume"), seen):
        change = Change()
        change.put(row)
        cloud.journal.apply(change)
        await told.check()
        await cloud.ask("StartInstances", instance_ids=ids)
        await told.check()


async def test_of_a_network(cloud: ControlPlane, told: Follower) -> None:
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image())
    instance_id = launched.instances[0].instance_id
    group_id = (await cloud.ask("CreateSecurityGroup", group_name="web", description="d")).security_group.group_id
    address = (await cloud.ask("AllocateAddress")).address
    permission = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}
    rule = {"group_id": group_id, "permissions": [permission]}
    for method, fields in (
        ("AuthorizeSecurityGroupIngress", rule),
        ("ModifyInstanceAttribute", {"instance_id": instance_id, "security_group_ids": [group_id]}),
        ("AssociateAddress", {"allocation_id": address.allocation_id, "instance_id": instance_id}),
        ("RevokeSecurityGroupIngress", rule),
        ("TerminateInstances", {"instance_ids": [instance_id]}),
        ("ReleaseAddress", {"allocation_id": address.allocation_id}),
        ("DeleteSecurityGroup", {"group_id": group_id}),
    ):
        await told.check()
        await cloud.converge()
        await told.check()
        await cloud.ask(method, **fields)
    await told.check()


async def test_of_the_shape_of_a_vpc(cloud: ControlPlane, told: Follower) -> None:
    vpc = {"vpc_id": (await cloud.ask("CreateVpc", cidr_block="10.0.0.0/16")).vpc.vpc_id}
    made = await cloud.ask("CreateSubnet", **vpc, cidr_block="10.0.1.0/24")
    subnet = {"subnet_id": made.subnet.subnet_id}
    gateway = {"internet_gateway_id": (await cloud.ask("CreateInternetGateway")).internet_gateway.internet_gateway_id}
    table, other = [
        {"route_table_id": (await cloud.ask("CreateRouteTable", **vpc)).route_table.route_table_id} for _ in range(2)
    ]
    association = {
        "route_table_association_id": (
            await cloud.ask("AssociateRouteTable", **table, **subnet)
        ).route_table_association_id
    }
    anywhere = {"destination_cidr_block": "0.0.0.0/0"}
    acl = {"network_acl_id": (await cloud.ask("CreateNetworkAcl", **vpc)).network_acl.network_acl_id}
    guards = {"name": "association.subnet-id", "values": [subnet["subnet_id"]]}
    (before,) = (await cloud.ask("DescribeNetworkAcls", filters=[guards])).network_acls
    entry = {**acl, "rule_number": 1, "protocol": "-1", "rule_action": "allow", "cidr_block": "0.0.0.0/0"}
    await cloud.ask("AttachInternetGateway", **gateway, **vpc)
    said = [{"key": "netbios-node-type", "values": ["2"]}]
    created = await cloud.ask("CreateDhcpOptions", dhcp_configurations=said)
    options = {"dhcp_options_id": created.dhcp_options.dhcp_options_id}
    allocation_id = (await cloud.ask("AllocateAddress")).address.allocation_id
    created_nat = await cloud.ask("CreateNatGateway", **subnet, allocation_id=allocation_id)
    nat = {"nat_gateway_id": created_nat.nat_gateway.nat_gateway_id}
    for method, fields in (
        ("CreateRoute", {**table, **anywhere, "gateway_id": gateway["internet_gateway_id"]}),
        ("CreateRoute", {**table, "destination_cidr_block": "192.0.2.0/24", **nat}),
        ("DeleteNatGateway", nat),
        ("ReplaceRouteTableAssociation", association | other),
        ("DetachInternetGateway", gateway | vpc),
        ("DeleteInternetGateway", gateway),
        ("ModifyVpcAttribute", {**vpc, "enable_dns_hostnames": True}),
        ("AssociateDhcpOptions", options | vpc),
        ("AssociateDhcpOptions", {"dhcp_options_id": "default", **vpc}),
        ("DeleteDhcpOptions", options),
        ("ReplaceNetworkAclAssociation", {"association_id": before.associations[0].association_id, **acl}),
        ("CreateNetworkAclEntry", entry),
        ("DeleteSubnet", subnet),
        ("DeleteNetworkAcl", acl),
        ("DeleteRouteTable", table),
        ("DeleteRouteTable", other),
        ("DeleteVpc", vpc),
    ):
        await told.check()
        await cloud.converge()
        await told.check()
        await cloud.ask(method, **fields)
    await told.check()


async def test_of_a_peering_both_projects(cloud: ControlPlane, told: Follower) -> None:
    made = await cloud.ask("CreateProject", name="other")
    third = (await cloud.ask("CreateProject", name="third")).project.project_id
    other = await cloud.token(Role.MEMBER, made.project.project_id)
    theirs, nobody = Follower(cloud, other), Follower(cloud, await cloud.token(Role.MEMBER, third))
    one = (await cloud.ask("CreateVpc", cidr_block="10.1.0.0/16")).vpc.vpc_id
    two = (await cloud.ask("CreateVpc", cidr_block="10.2.0.0/16", secret=other)).vpc.vpc_id
    fields = {"vpc_id": one, "peer_vpc_id": two, "peer_owner_id": made.project.project_id}
    kind = "vpc-peering-connection"

    async def check(*states: str) -> None:
        for each in (told, theirs):
            await each.check()
            assert [row.status.code for row in each.of(kind)] == list(states)
        await nobody.check()
        assert nobody.of(kind) == []

    asked = (await cloud.ask("CreateVpcPeeringConnection", **fields)).vpc_peering_connection
    named = {"vpc_peering_connection_id": asked.vpc_peering_connection_id}
    await check("pending-acceptance")
    await cloud.ask("AcceptVpcPeeringConnection", **named, secret=other)
    await check("active")
    of_two = [{"name": "vpc-id", "values": [two]}]
    tables = (await cloud.ask("DescribeRouteTables", filters=of_two, secret=other)).route_tables
    route = {"route_table_id": tables[0].route_table_id, "destination_cidr_block": "10.1.0.0/16", **named}
    await cloud.ask("CreateRoute", **route, secret=other)
    await cloud.ask("DeleteVpcPeeringConnection", **named)
    await check("deleted")
    await cloud.ask("CreateVpcPeeringConnection", **fields)
    await check("deleted", "pending-acceptance")
    change = Change()
    change.delete(cloud.journal.state.vpc_peering_connections[asked.vpc_peering_connection_id])
    cloud.journal.apply(change)
    await check("pending-acceptance")


@pytest.mark.parametrize("kind", [ObservedKind.VOLUME, ObservedKind.EXPORT, ObservedKind.VPC, ObservedKind.INSTANCE])
async def test_of_what_breaks_and_heals(cloud: ControlPlane, told: Follower, kind: ObservedKind) -> None:
    await cloud.ask("RunInstances", image_id=await cloud.import_image())
    await cloud.converge()
    (agent,) = cloud.agents.values()
    broken = {key: "its disk is away" for key in agent.has if key[0] is kind}
    assert broken
    for ill in (broken, {}):
        agent.broken = ill
        await cloud.converge()
        await told.check()
