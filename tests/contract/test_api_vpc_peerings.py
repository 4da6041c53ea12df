"""A peering of two projects over the wire: what either is shown of the other's VPC, and what strangers can hinder."""

import pytest

from controlplane.model.project import Role
from tests.contract.control_plane import ControlPlane, Refused


async def test_a_stranger_sees_no_addresses_before_it_is_accepted_and_hinders_nothing(cloud: ControlPlane) -> None:
    project_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    other = await cloud.token(Role.MEMBER, project_id)
    own = (await cloud.ask("CreateVpc", cidr_block="10.1.0.0/16")).vpc
    same = (await cloud.ask("CreateVpc", cidr_block="10.2.3.0/24")).vpc
    their = (await cloud.ask("CreateVpc", cidr_block="10.2.0.0/16", secret=other)).vpc
    asked = {"peer_vpc_id": their.vpc_id, "peer_owner_id": project_id}
    with pytest.raises(Refused) as caught:
        await cloud.ask("CreateVpcPeeringConnection", vpc_id=same.vpc_id, **asked)
    assert caught.value.code == "InvalidParameterValue"
    assert their.cidr_block not in str(caught.value)
    made = (await cloud.ask("CreateVpcPeeringConnection", vpc_id=own.vpc_id, **asked)).vpc_peering_connection
    named = {"vpc_peering_connection_id": made.vpc_peering_connection_id}

    async def shown(secret: str | None, **asked: object) -> list[tuple[str, str, str]]:
        reply = await cloud.ask("DescribeVpcPeeringConnections", secret=secret, **asked)
        return [
            (row.status.code, row.requester_vpc_info.cidr_block, row.accepter_vpc_info.cidr_block)
            for row in reply.vpc_peering_connections
        ]

    by_network = {"filters": [{"name": "accepter-vpc-info.cidr-block", "values": [their.cidr_block]}]}
    for secret in (None, other):
        assert await shown(secret) == [("pending-acceptance", own.cidr_block, "")]
        assert await shown(secret, **by_network) == []
    await cloud.ask("AcceptVpcPeeringConnection", secret=other, **named)
    for secret in (None, other):
        assert await shown(secret, **by_network) == [("active", own.cidr_block, their.cidr_block)]
    with pytest.raises(Refused) as caught:
        await cloud.ask("DeleteVpc", vpc_id=their.vpc_id, secret=other)
    assert caught.value.code == "DependencyViolation"
    await cloud.ask("DeleteVpcPeeringConnection", secret=other, **named)
    assert await shown(None) == [("deleted", own.cidr_block, "")]
    await cloud.ask("CreateVpcPeeringConnection", vpc_id=own.vpc_id, **asked)
    await cloud.ask("DeleteVpc", vpc_id=their.vpc_id, secret=other)
    assert [row[0] for row in await shown(None)] == ["deleted", "deleted"]
