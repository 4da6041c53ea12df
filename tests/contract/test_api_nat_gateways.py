"""A NAT gateway over the wire: its host is told of it, has it, and says what it carries."""

from typing import Any

from stead.agent.v1 import session_pb2 as pb
from tests.contract.agents import Stream, joined
from tests.contract.control_plane import ControlPlane, until


def use(nat_gateway_id: str, active: int, refused: int) -> pb.Capacity:
    told = pb.NatUse(nat_gateway_id=nat_gateway_id, active_connections=active, refused_connections=refused)
    return pb.Capacity(vcpus=1, nat_gateways=[told])


async def test_its_host_is_told_of_it_and_says_what_it_carries(cloud: ControlPlane) -> None:
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello(roles=["HOST_ROLE_GATEWAY"], features=["route_tables", "nat_gateways"])
    await stream.update()
    subnet = (await cloud.ask("DescribeSubnets")).subnets[0]
    address = (await cloud.ask("AllocateAddress")).address
    asked = {"subnet_id": subnet.subnet_id, "allocation_id": address.allocation_id}
    nat_id = (await cloud.ask("CreateNatGateway", **asked)).nat_gateway.nat_gateway_id

    async def shown() -> Any:
        return (await cloud.ask("DescribeNatGateways", nat_gateway_ids=[nat_id])).nat_gateways[0]

    update = await stream.update()
    (told,) = [row.nat_gateway for scope in update.scopes for row in scope.put if row.HasField("nat_gateway")]
    assert (told.id, told.vpc_id, told.public_ip) == (nat_id, subnet.vpc_id, address.public_ip)
    assert (await shown()).state == "pending"
    observed = pb.Observed(ref=pb.ResourceRef(kind="RESOURCE_KIND_GATEWAY", id=subnet.vpc_id), converged=True)
    kinds = ["RESOURCE_KIND_GATEWAY"]
    stream.send(report=pb.Report(revision=update.authority.revision, observed=[observed], kinds=kinds))
    await until(lambda: cloud.journal.state.nat_gateways[nat_id].is_ready)
    assert (await shown()).state == "available"

    for active, refused in ((7, 2), (8, 5)):
        stream.send(heartbeat=pb.Heartbeat(capacity=use(nat_id, active, refused)))
    await until(lambda: (found := cloud.sessions.nat_uses.of(nat_id)) is not None and found.active_connections == 8)
    row = await shown()
    assert (row.active_connection_count, row.error_port_allocation) == (8, 5)
    assert row.state_detail.startswith("5 connections through NAT gateways")
    stream.call.cancel()
    await until(lambda: cloud.sessions.nat_uses.of(nat_id) is None)
    assert (await shown()).active_connection_count == 0


async def test_a_path_by_it_is_explained(cloud: ControlPlane) -> None:
    public, private = (await cloud.ask("DescribeSubnets")).subnets[:2]
    address = (await cloud.ask("AllocateAddress")).address
    asked = {"subnet_id": public.subnet_id, "allocation_id": address.allocation_id}
    nat_id = (await cloud.ask("CreateNatGateway", **asked)).nat_gateway.nat_gateway_id
    table_id = (await cloud.ask("CreateRouteTable", vpc_id=private.vpc_id)).route_table.route_table_id
    await cloud.ask("AssociateRouteTable", route_table_id=table_id, subnet_id=private.subnet_id)
    route = {"route_table_id": table_id, "destination_cidr_block": "0.0.0.0/0"}
    await cloud.ask("CreateRoute", **route, nat_gateway_id=nat_id)
    made = (await cloud.ask("CreateNetworkInterface", subnet_id=private.subnet_id)).network_interface
    ends = {"source": made.network_interface_id, "destination": "198.51.100.9", "port": 443}
    told = await cloud.ask("GetPathExplanation", **ends)
    assert told.is_reachable
    assert (told.steps[0].line, told.steps[3].resource_id) == (f"0.0.0.0/0 to {nat_id}", nat_id)
    assert told.steps[3].detail == f"goes on as {address.public_ip}"
