"""Who may call what, for every method that there is; and what an error looks like."""

import re
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from controlplane.api import interceptor
from controlplane.api.roles import access_of, role_needed
from controlplane.gate.invocation import Access
from controlplane.model.project import Role
from stead.v1 import common_pb2, events_pb2
from tests.contract.control_plane import AGENT_RPCS, RPCS, ControlPlane, Refused, Rpc

ADMINS_ONLY = {
    "DescribeAuditRecords",
    "CreateProject",
    "CreateToken",
    "DescribeTokens",
    "RevokeToken",
    "CreateHostToken",
    "DescribeHosts",
    "DeclareHostLost",
    "RemoveHost",
    "DescribeOrphanVolumes",
    "AdoptOrphanVolume",
    "DeleteOrphanVolume",
    "ReleaseHost",
    "CreateInstanceType",
    "DeleteInstanceType",
}


def role_expected(rpc: Rpc) -> Role:
    if rpc.name in ADMINS_ONLY:
        return Role.ADMIN
    return Role.MEMBER if rpc.is_mutating else Role.READER


async def outcome(cloud: ControlPlane, rpc: Rpc, secret: str) -> str:
    request = events_pb2.WatchRequest(after_revision=1) if rpc.name == "Watch" else rpc.request()
    try:
        await cloud.call(rpc.name, request, secret=secret)
    except Refused as error:
        return error.code or error.status.name
    return "OK"


async def test_every_method_wants_a_valid_token(cloud: ControlPlane) -> None:
    revoked = await cloud.token(Role.ADMIN)
    token = list(cloud.journal.state.tokens)[-1]
    await cloud.ask("RevokeToken", token_id=token.id)
    revision = cloud.revision
    for rpc in RPCS.values():
        for secret in ("", "wrong", cloud.secrets[Role.ADMIN][:-1], revoked):
            assert await outcome(cloud, rpc, secret) == "AuthFailure", rpc.path
    assert cloud.revision == revision


@pytest.mark.parametrize("role", Role)
async def test_every_method_wants_its_role(cloud: ControlPlane, role: Role) -> None:
    for rpc in RPCS.values():
        denied = await outcome(cloud, rpc, cloud.secrets[role]) == "UnauthorizedOperation"
        assert denied is (role < role_expected(rpc)), rpc.path


@pytest.mark.parametrize("option", [common_pb2.ROLE_UNSPECIFIED, common_pb2.ROLE_HOST])
async def test_a_method_that_names_no_role_is_refused_to_everybody(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch, option: int
) -> None:
    monkeypatch.setattr(interceptor, "role_needed", lambda method: access_of(option))
    for secret in ("", *cloud.secrets.values()):
        assert await outcome(cloud, RPCS["DescribeVpcs"], secret) == "UnauthorizedOperation"


def test_every_method_names_its_role() -> None:
    agents = {rpc.name: role_needed(rpc.path) for rpc in AGENT_RPCS.values()}
    assert agents.pop("Join") is Access.ANYONE
    assert set(agents.values()) == {Access.HOST}
    assert {role_needed(rpc.path) for rpc in RPCS.values()} == set(Role)


@pytest.mark.parametrize("header", ["Basic {}", "{}", "Bearer", "bearer  {}"])
async def test_other_forms_of_authorization_are_refused(cloud: ControlPlane, header: str) -> None:
    rpc = RPCS["DescribeVpcs"]
    call = cloud.channel().unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
    value = header.format(cloud.secrets[Role.ADMIN])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rpc.request(), metadata=(("authorization", value),))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_error_says_code_message_and_request(cloud: ControlPlane) -> None:
    with pytest.raises(Refused, match=r"InvalidInstanceID\.NotFound: The instance 'i-0+' does not exist") as caught:
        await cloud.ask("DescribeInstances", instance_ids=["i-" + "0" * 17])
    detail = caught.value.detail
    assert detail is not None
    assert caught.value.status is grpc.StatusCode.NOT_FOUND
    assert (detail.code, detail.retryable) == ("InvalidInstanceID.NotFound", False)
    assert re.fullmatch(r"req-[0-9a-f]{17}", detail.request_id)


async def test_lack_of_capacity_is_worth_a_retry_and_names_every_host(cloud: ControlPlane) -> None:
    hosts = {await cloud.add_host(zone, vcpus=1) for zone in ("home-1a", "home-1b")}
    image_id = await cloud.import_image()
    with pytest.raises(Refused) as caught:
        await cloud.ask("RunInstances", image_id=image_id)
    detail = caught.value.detail
    assert detail is not None
    assert caught.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (detail.code, detail.retryable) == ("InsufficientInstanceCapacity", True)
    assert {row.host_id: row.reason for row in detail.host_refusals} == dict.fromkeys(
        hosts, "vcpus: 2 asked, 1 free of 1"
    )


async def test_what_stands_in_the_way_is_named(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    group_id = (await cloud.ask("CreateSecurityGroup", group_name="web", description="x")).security_group.group_id
    made = await cloud.ask("RunInstances", image_id=image_id, security_group_ids=[group_id])
    with pytest.raises(Refused) as caught:
        await cloud.ask("DeleteSecurityGroup", group_id=group_id)
    assert caught.value.detail is not None
    assert caught.value.code == "DependencyViolation"
    (interface,) = made.instances[0].network_interfaces
    assert list(caught.value.detail.blocking_ids) == [interface.network_interface_id]


async def test_health_needs_no_token(cloud: ControlPlane) -> None:
    stub = health_pb2_grpc.HealthStub(cloud.channel())
    for service in ("", *{rpc.service for rpc in RPCS.values()}):
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_every_service(cloud: ControlPlane) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(cloud.channel())
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    async for reply in stub.ServerReflectionInfo(iter(asked)):
        listed = {row.name for row in reply.list_services_response.service}
        assert {rpc.service for rpc in RPCS.values()} < listed
        assert "stead.v1.Agents" not in listed
        return


async def test_other_projects_resources_are_not_there(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    made = (await cloud.ask("RunInstances", image_id=image_id)).instances[0]
    allocation_id = (await cloud.ask("AllocateAddress")).address.allocation_id
    key = (await cloud.ask("CreateKeyPair", key_name="k")).key_pair
    networks = (await cloud.ask("CreateManagedPrefixList", prefix_list_name="n", max_entries=1)).prefix_list
    other_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    other = await cloud.token(Role.MEMBER, other_id)
    vpc = (await cloud.ask("DescribeVpcs")).vpcs[0]
    gateway = (await cloud.ask("DescribeInternetGateways")).internet_gateways[0]
    table = (await cloud.ask("DescribeRouteTables")).route_tables[0]
    acl = (await cloud.ask("DescribeNetworkAcls")).network_acls[0]
    nat = await cloud.ask("CreateNatGateway", subnet_id=made.subnet_id, allocation_id=allocation_id)
    vpc_id = (await cloud.ask("CreateVpc", cidr_block="10.0.0.0/16")).vpc.vpc_id
    peering = await cloud.ask("CreateVpcPeeringConnection", vpc_id=vpc_id, peer_vpc_id=made.vpc_id)
    peering_id = peering.vpc_peering_connection.vpc_peering_connection_id
    named: dict[str, dict[str, Any]] = {
        "DescribeVpcPeeringConnections": {"vpc_peering_connection_ids": [peering_id]},
        "DescribeInstances": {"instance_ids": [made.instance_id]},
        "DescribeImages": {"image_ids": [image_id]},
        "DescribeVolumes": {"volume_ids": [made.block_devices[0].volume_id]},
        "DescribeAddresses": {"allocation_ids": [allocation_id]},
        "DescribeSecurityGroups": {"group_ids": [made.security_groups[0].group_id]},
        "DescribeVpcs": {"vpc_ids": [vpc.vpc_id]},
        "DescribeSubnets": {"subnet_ids": [made.subnet_id]},
        "DescribeInternetGateways": {"internet_gateway_ids": [gateway.internet_gateway_id]},
        "DescribeNetworkAcls": {"network_acl_ids": [acl.network_acl_id]},
        "DescribeNatGateways": {"nat_gateway_ids": [nat.nat_gateway.nat_gateway_id]},
        "DescribeRouteTables": {"route_table_ids": [table.route_table_id]},
        "DescribeKeyPairs": {"key_pair_ids": [key.key_pair_id]},
        "DescribeManagedPrefixLists": {"prefix_list_ids": [networks.prefix_list_id]},
        "DescribeProjects": {"project_ids": [cloud.project_id]},
    }
    for name, fields in named.items():
        assert await cloud.ask(name, **fields)
        with pytest.raises(Refused, match="NotFound"):
            await cloud.ask(name, secret=other, **fields)
        everything = str(await cloud.ask(name, secret=other))
        assert not any(value in everything for values in fields.values() for value in values), name
    with pytest.raises(Refused, match=r"InvalidPrefixListID\.NotFound"):
        await cloud.ask("GetManagedPrefixListEntries", secret=other, prefix_list_id=networks.prefix_list_id)
    with pytest.raises(Refused, match=r"InvalidInstanceID\.NotFound"):
        await cloud.ask("GetConsoleOutput", secret=other, instance_id=made.instance_id)
    with pytest.raises(Refused, match=r"InvalidInstanceID\.NotFound"):
        await cloud.ask("GetEffectiveRules", secret=other, instance_id=made.instance_id)
    with pytest.raises(Refused, match=r"InvalidInstanceID\.NotFound"):
        await cloud.ask("GetDroppedPackets", secret=other, instance_id=made.instance_id)
    with pytest.raises(Refused, match=r"InvalidKeyPair\.NotFound"):
        await cloud.ask("DescribeKeyPairs", secret=other, key_names=["k"])
    assert (await cloud.ask("DescribeInstances")).instances[0].host_id
    assert not (await cloud.ask("DescribeInstances", secret=cloud.secrets[Role.MEMBER])).instances[0].host_id


async def test_an_error_fits_into_what_clients_accept(cloud: ControlPlane) -> None:
    for _ in range(100):
        await cloud.add_host(vcpus=1)
    with pytest.raises(Refused) as caught:
        await cloud.ask("RunInstances", image_id=await cloud.import_image())
    assert caught.value.detail is not None
    assert len(caught.value.detail.host_refusals) > 40
    with pytest.raises(Refused, match=r"InvalidInstanceID.Malformed: .*\.\.\.") as caught:
        await cloud.ask("DescribeInstances", instance_ids=["\N{SNOWMAN}" * 5_000])
    assert caught.value.code == "InvalidInstanceID.Malformed"
