"""Every mutating call: a dry run changes nothing, a repeated token does no new work and shows no secret twice."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.api.caller import Edge
from controlplane.model.instance import Observation, ObservedKind, VolumeFile, observation_id
from controlplane.model.project import Role
from controlplane.model.state import Change
from controlplane.service import sweeping
from controlplane.service.projects import hash_secret
from tests.contract.control_plane import RPCS, ControlPlane, Refused, upload

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHX0QlHtCPpJfBmDGwFjBeYGWzd8VTTvQHmRGtcTKRAg"
SSH = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}
PERMITTED = {**SSH, "from_port": 1}
ADOPTED, UNWANTED = "vol-" + "a" * 17, "vol-" + "b" * 17
FOR_TYPE = {"name": "instance-type", "values": ["t3.micro"]}
SECRETS = {"CreateToken": "secret", "CreateHostToken": "token", "CreateKeyPair": "key_material"}


def show_orphan(cloud: ControlPlane, host_id: str, volume_id: str) -> None:
    file, change = VolumeFile(1 << 30, deleted=False, epoch=0, changed_at=0), Change()
    row_id = observation_id(host_id, ObservedKind.VOLUME, volume_id)
    change.put(Observation(row_id, host_id, ObservedKind.VOLUME, volume_id, False, "orphan", False, file=file))
    cloud.journal.apply(change)


# For every mutating method fields with which it succeeds, whatever the others did before. <names> are of `things`.
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateProject": {"name": "new"},
    "CreateToken": {"project_id": "<project>", "role": 2},
    "RevokeToken": {"token_id": "<token>"},
    "CreateHostToken": {"zone_name": "home-1a", "roles": [1]},
    "DeclareHostLost": {"host_id": "<away>"},
    "RemoveHost": {"host_id": "<empty>"},
    "ReleaseHost": {"host_id": "<host>"},
    "AdoptOrphanVolume": {"host_id": "<host>", "volume_id": ADOPTED, "project_id": "<project>"},
    "DeleteOrphanVolume": {"host_id": "<host>", "volume_id": UNWANTED},
    "CreateInstanceType": {"instance_type": {"instance_type": "a.new", "vcpus": 1, "memory_mib": 64}},
    "DeleteInstanceType": {"instance_type": "a.old"},
    "DeregisterImage": {"image_id": "<other image>"},
    "CreateKeyPair": {"key_name": "new"},
    "ImportKeyPair": {"key_name": "brought", "public_key_material": PUBLIC_KEY},
    "DeleteKeyPair": {"key_name": "old"},
    "CreateSecurityGroup": {"group_name": "new", "description": "x"},
    "DeleteSecurityGroup": {"group_id": "<doomed group>"},
    "AuthorizeSecurityGroupIngress": {"group_id": "<group>", "permissions": [SSH]},
    "AuthorizeSecurityGroupEgress": {"group_id": "<group>", "permissions": [SSH]},
    "UpdateSecurityGroupRuleDescriptionsIngress": {
        "group_id": "<group>",
        "permissions": [{**PERMITTED, "description": "new"}],
    },
    "UpdateSecurityGroupRuleDescriptionsEgress": {
        "group_id": "<group>",
        "rule_descriptions": [{"rule_id": "<egress rule>", "description": "new"}],
    },
    "ModifySecurityGroupRules": {
        "group_id": "<group>",
        "rules": [{"rule_id": "<egress rule>", "permission": {**PERMITTED, "description": "newer"}}],
    },
    "RevokeSecurityGroupIngress": {"group_id": "<group>", "permissions": [PERMITTED]},
    "RevokeSecurityGroupEgress": {"group_id": "<group>", "permissions": [PERMITTED]},
    "CreateManagedPrefixList": {"prefix_list_name": "new", "max_entries": 1, "entries": [{"cidr": "10.0.0.0/8"}]},
    "ModifyManagedPrefixList": {"prefix_list_id": "<list>", "add_entries": [{"cidr": "10.0.0.0/8"}]},
    "DeleteManagedPrefixList": {"prefix_list_id": "<doomed list>"},
    "RunInstances": {"image_id": "<image>"},
    "StartInstances": {"instance_ids": ["<stopped>"]},
    "StopInstances": {"instance_ids": ["<running>"]},
    "RebootInstances": {"instance_ids": ["<rebooted>"]},
    "TerminateInstances": {"instance_ids": ["<ended>"]},
    "ModifyInstanceAttribute": {"instance_id": "<attached>", "instance_initiated_shutdown_behavior": "terminate"},
    "CreateVpc": {"cidr_block": "10.9.0.0/16"},
    "CreateDefaultVpc": {"secret": "<secret of a project without VPCs>"},
    "ModifyVpcAttribute": {"vpc_id": "<vpc>", "enable_dns_support": False},
    "DeleteVpc": {"vpc_id": "<doomed vpc>"},
    "CreateSubnet": {"vpc_id": "<vpc>", "cidr_block": "10.0.9.0/24"},
    "CreateDefaultSubnet": {"zone_name": "home-1b"},
    "DeleteSubnet": {"subnet_id": "<doomed subnet>"},
    "CreateInternetGateway": {},
    "AttachInternetGateway": {"internet_gateway_id": "<free igw>", "vpc_id": "<open vpc>"},
    "DetachInternetGateway": {"internet_gateway_id": "<igw to detach>", "vpc_id": "<vpc that had it>"},
    "DeleteInternetGateway": {"internet_gateway_id": "<doomed igw>"},
    "CreateRouteTable": {"vpc_id": "<vpc>"},
    "DeleteRouteTable": {"route_table_id": "<doomed table>"},
    "AssociateRouteTable": {"route_table_id": "<table>", "subnet_id": "<unserved subnet>"},
    "DisassociateRouteTable": {"route_table_association_id": "<association of 1>"},
    "ReplaceRouteTableAssociation": {
        "route_table_association_id": "<association of 2>",
        "route_table_id": "<other table>",
    },
    "CreateRoute": {"route_table_id": "<table>", "destination_cidr_block": "192.0.2.0/24", "gateway_id": "<igw>"},
    "ReplaceRoute": {"route_table_id": "<table>", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "<igw>"},
    "DeleteRoute": {"route_table_id": "<table>", "destination_cidr_block": "198.51.100.0/24"},
    "ModifySubnetAttribute": {"subnet_id": "<subnet>", "map_public_ip_on_launch": False},
    "ModifyImageAttribute": {"image_id": "<image>", "is_public": True},
    "CreateTags": {"resource_ids": ["<held>", "<image>"], "tags": {"a": "b"}},
    "DeleteTags": {"resource_ids": ["<held>"], "tags": [{"key": "a"}]},
    "CreateVolume": {"zone_name": "home-1a", "size_gib": 1},
    "AttachVolume": {"volume_id": "<free>", "instance_id": "<attached>"},
    "DetachVolume": {"volume_id": "<held>"},
    "DeleteVolume": {"volume_id": "<doomed>"},
    "RestoreVolumeFromRecycleBin": {"volume_id": "<deleted>"},
    "AllocateAddress": {},
    "AssociateAddress": {"allocation_id": "<allocated>", "instance_id": "<attached>"},
    "DisassociateAddress": {"association_id": "<association>"},
    "ReleaseAddress": {"allocation_id": "<doomed address>"},
}


async def requests(cloud: ControlPlane) -> dict[str, dict[str, Any]]:
    made = await things(cloud)
    return {name: filled(fields, made) for name, fields in REQUESTS.items()}


def filled(value: Any, made: dict[str, str]) -> Any:
    """With the things' ids in place of their <names>."""
    if isinstance(value, dict):
        return {key: filled(part, made) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, made) for part in value]
    return made[value] if isinstance(value, str) and value.startswith("<") else value


async def things(cloud: ControlPlane) -> dict[str, str]:
    """What the requests are about: ids by <name>."""
    host_id = await cloud.add_host()
    made = {"<host>": host_id, "<project>": cloud.project_id, "<image>": await cloud.import_image("a")}
    made |= {"<other image>": await cloud.import_image("b")}
    made |= await some_instances(cloud, made["<image>"])
    for name in ("<free>", "<held>", "<doomed>", "<deleted>"):
        made[name] = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    await cloud.ask("CreateKeyPair", key_name="old")
    await cloud.ask("CreateInstanceType", instance_type={"instance_type": "a.old", "vcpus": 1, "memory_mib": 64})
    made |= await some_rules(cloud)
    made |= await some_vpcs(cloud)
    made |= await some_routes(cloud, made)
    made["<secret of a project without VPCs>"] = await project_without_vpcs(cloud)
    await cloud.converge()
    await cloud.ask("StopInstances", instance_ids=[made["<stopped>"]])
    await cloud.ask("AttachVolume", volume_id=made["<held>"], instance_id=made["<attached>"])
    await cloud.ask("DeleteVolume", volume_id=made["<deleted>"])
    await cloud.converge()
    made |= await some_addresses(cloud, made["<mapped>"])
    await cloud.token(Role.READER)
    for volume_id in (ADOPTED, UNWANTED):
        show_orphan(cloud, host_id, volume_id)
    away, empty = await cloud.add_host(is_away=True), await cloud.add_host(is_away=True)
    return {**made, "<away>": away, "<empty>": empty, "<token>": list(cloud.journal.state.tokens)[-1].id}


async def some_instances(cloud: ControlPlane, image_id: str) -> dict[str, str]:
    names = ("<running>", "<mapped>", "<stopped>", "<ended>", "<rebooted>", "<attached>")
    rows = (await cloud.ask("RunInstances", image_id=image_id, min_count=len(names))).instances
    launched = {name: row.instance_id for name, row in zip(names, rows, strict=True)}
    return {**launched, "<subnet>": rows[0].subnet_id}


async def some_rules(cloud: ControlPlane) -> dict[str, str]:
    made = {}
    for name, said in (("<group>", "one"), ("<doomed group>", "two")):
        reply = await cloud.ask("CreateSecurityGroup", group_name=said, description="x")
        made[name] = reply.security_group.group_id
    await cloud.ask("AuthorizeSecurityGroupIngress", group_id=made["<group>"], permissions=[PERMITTED])
    egress = await cloud.ask("AuthorizeSecurityGroupEgress", group_id=made["<group>"], permissions=[PERMITTED])
    made["<egress rule>"] = egress.rules[0].rule_id
    for name, said in (("<list>", "kept"), ("<doomed list>", "doomed")):
        reply = await cloud.ask("CreateManagedPrefixList", prefix_list_name=said, max_entries=2)
        made[name] = reply.prefix_list.prefix_list_id
    return made


async def some_vpcs(cloud: ControlPlane) -> dict[str, str]:
    """VPCs, one of them with subnets, and gateways, two of them attached. A zone's default subnet is gone."""
    made = {}
    for name in ("<vpc>", "<doomed vpc>", "<open vpc>", "<vpc that had it>"):
        made[name] = (await cloud.ask("CreateVpc", cidr_block="10.0.0.0/16")).vpc.vpc_id
    for number, name in enumerate(("<doomed subnet>", "<unserved subnet>", "<subnet 1>", "<subnet 2>")):
        reply = await cloud.ask("CreateSubnet", vpc_id=made["<vpc>"], cidr_block=f"10.0.{number}.0/24")
        made[name] = reply.subnet.subnet_id
    for name in ("<igw>", "<igw to detach>", "<free igw>", "<doomed igw>"):
        made[name] = (await cloud.ask("CreateInternetGateway")).internet_gateway.internet_gateway_id
    for gateway, vpc in (("<igw>", "<vpc>"), ("<igw to detach>", "<vpc that had it>")):
        await cloud.ask("AttachInternetGateway", internet_gateway_id=made[gateway], vpc_id=made[vpc])
    wanted = {"name": "availability-zone", "values": ["home-1b"]}
    (default,) = (
        await cloud.ask("DescribeSubnets", filters=[wanted, {"name": "default-for-az", "values": ["true"]}])
    ).subnets
    await cloud.ask("DeleteSubnet", subnet_id=default.subnet_id)
    return made


async def some_routes(cloud: ControlPlane, made: dict[str, str]) -> dict[str, str]:
    tables = {}
    for name in ("<table>", "<other table>", "<doomed table>"):
        reply = await cloud.ask("CreateRouteTable", vpc_id=made["<vpc>"])
        tables[name] = reply.route_table.route_table_id
    served = {"route_table_id": tables["<table>"]}
    for number in ("1", "2"):
        reply = await cloud.ask("AssociateRouteTable", **served, subnet_id=made[f"<subnet {number}>"])
        tables[f"<association of {number}>"] = reply.route_table_association_id
    for cidr in ("0.0.0.0/0", "198.51.100.0/24"):
        await cloud.ask("CreateRoute", **served, destination_cidr_block=cidr, gateway_id=made["<igw>"])
    return tables


async def project_without_vpcs(cloud: ControlPlane) -> str:
    """A token of it."""
    project_id = (await cloud.ask("CreateProject", name="bare")).project.project_id
    secret = await cloud.token(Role.MEMBER, project_id)
    (vpc,) = (await cloud.ask("DescribeVpcs", secret=secret)).vpcs
    for subnet in (await cloud.ask("DescribeSubnets", secret=secret)).subnets:
        await cloud.ask("DeleteSubnet", secret=secret, subnet_id=subnet.subnet_id)
    (gateway,) = (await cloud.ask("DescribeInternetGateways", secret=secret)).internet_gateways
    ids = {"internet_gateway_id": gateway.internet_gateway_id, "vpc_id": vpc.vpc_id}
    await cloud.ask("DetachInternetGateway", secret=secret, **ids)
    await cloud.ask("DeleteVpc", secret=secret, vpc_id=vpc.vpc_id)
    return secret


async def some_addresses(cloud: ControlPlane, instance_id: str) -> dict[str, str]:
    """The mapped one is an association's."""
    names = ("<allocated>", "<mapped address>", "<doomed address>")
    made = {name: (await cloud.ask("AllocateAddress")).address.allocation_id for name in names}
    mapped = await cloud.ask("AssociateAddress", allocation_id=made["<mapped address>"], instance_id=instance_id)
    return {**made, "<association>": mapped.association_id}


def test_there_is_a_request_for_every_mutating_method() -> None:
    mutating = {rpc.name for rpc in RPCS.values() if rpc.is_mutating}
    assert set(REQUESTS) | {"ImportImage"} == mutating


async def test_a_dry_run_checks_and_changes_nothing(cloud: ControlPlane) -> None:
    asked = await requests(cloud)
    revision, files = cloud.revision, sorted(cloud.images.iterdir())
    for name, fields in asked.items():
        with pytest.raises(Refused) as caught:
            await cloud.ask(name, dry_run=True, client_token="t", **fields)
        assert caught.value.code == "DryRunOperation", name
    with pytest.raises(Refused, match="DryRunOperation"):
        await cloud.call("ImportImage", *upload(name="new", dry_run=True))
    with pytest.raises(Refused, match=r"InvalidAMIName\.Duplicate"):
        await cloud.call("ImportImage", *upload(name="a", dry_run=True))
    assert (cloud.revision, sorted(cloud.images.iterdir())) == (revision, files)
    for name in ("CreateVolume", "RunInstances", "TerminateInstances"):
        with pytest.raises(Refused) as caught:
            await cloud.ask(name, dry_run=True)
        assert caught.value.code != "DryRunOperation", f"{name} without parameters would fail"


async def test_a_repeated_token_does_no_new_work(cloud: ControlPlane) -> None:
    for name, fields in (await requests(cloud)).items():
        first = await cloud.ask(name, client_token=name, **fields)
        revision = cloud.revision
        again = await cloud.ask(name, client_token=name, **fields)
        assert cloud.revision == revision, name
        if name in SECRETS:
            assert getattr(first, SECRETS[name])
            first.ClearField(SECRETS[name])
        assert again == first, name
        other: dict[str, Any] = {"zone_name": "home-1b", "size_gib": 2, "secret": fields.get("secret")}
        with pytest.raises(Refused) as caught:
            await cloud.ask("CreateVolume", client_token=name, **other)
        assert caught.value.code == "IdempotentParameterMismatch"


async def test_every_accepted_call_is_in_the_record_once_and_no_refused_one(cloud: ControlPlane) -> None:
    asked = await requests(cloud)
    before = (await cloud.ask("DescribeAuditRecords")).audit_records
    for name, fields in asked.items():
        for dry_run in (True, False):
            with suppress(Refused):
                await cloud.ask(name, client_token=name, dry_run=dry_run, **fields)
        await cloud.ask(name, client_token=name, **fields)
    with pytest.raises(Refused, match="MissingParameter"):
        await cloud.ask("TerminateInstances")
    records = (await cloud.ask("DescribeAuditRecords")).audit_records[: -len(before)]
    assert [row.operation for row in records] == list(asked)[::-1]
    assert len({row.request_id for row in records}) == len(records)
    assert all(row.resource_ids for row in records)
    secrets = {cloud.secrets[Role.ADMIN], asked["CreateDefaultVpc"]["secret"]}
    tokens = [row for row in cloud.journal.state.tokens if row.secret_hash in map(hash_secret, secrets)]
    assert {(row.project_id, row.token_id) for row in records} == {(row.project_id, row.id) for row in tokens}
    await cloud.ask("AllocateAddress")
    assert (await cloud.ask("DescribeAuditRecords")).audit_records[0].operation == "AllocateAddress", "without a token"
    assert not any(re.search(r"-e[0-9]+$", named) for row in records for named in row.resource_ids)


async def test_a_replay_works_when_what_was_made_is_gone(cloud: ControlPlane) -> None:
    made = {}
    asked = await requests(cloud)
    for name, fields in asked.items():
        made[name] = await cloud.ask(name, client_token=name, **fields)
    image_id = await cloud.import_image("short-lived", client_token="image")
    await cloud.ask("DeregisterImage", image_id=image_id)
    await cloud.ask("DeleteInstanceType", instance_type="a.new")
    await cloud.ask("DeleteKeyPair", key_name="new")
    await cloud.ask("DeleteKeyPair", key_name="brought")
    await cloud.ask("DeleteSecurityGroup", group_id=made["CreateSecurityGroup"].security_group.group_id)
    everything = [row.id for row in cloud.journal.state.instances]
    await cloud.ask("TerminateInstances", instance_ids=everything)
    await cloud.converge()
    for volume in [row for row in cloud.journal.state.volumes if not row.recycled_at]:
        await cloud.ask("DeleteVolume", volume_id=volume.id)
    for address in [row for row in cloud.journal.state.addresses if not row.is_released]:
        await cloud.ask("ReleaseAddress", allocation_id=address.id)
    await cloud.converge()
    cloud.pass_time(timedelta(hours=2))
    await cloud.do(sweeping.sweep)
    assert not len(cloud.journal.state.instances)
    revision = cloud.revision
    for name, fields in asked.items():
        if name == "RunInstances":
            with pytest.raises(Refused, match="IdempotentInstanceTerminated"):
                await cloud.ask(name, client_token=name, **fields)
        else:
            await cloud.ask(name, client_token=name, **fields)
    again = await cloud.call("ImportImage", *upload(name="short-lived", client_token="image"))
    assert again.image.image_id == image_id
    assert cloud.revision == revision


async def test_one_token_fifty_times_at_once_is_one_instance(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    calls = (cloud.ask("RunInstances", image_id=image_id, client_token="once", max_count=2) for _ in range(50))
    replies = await asyncio.gather(*calls)
    assert len({reply.SerializeToString(deterministic=True) for reply in replies}) == 1
    assert len(cloud.journal.state.instances) == 2


async def test_a_launch_of_many_is_answered_with_all_of_them(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Edge, "per_step", 2)
    await cloud.add_host()
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=5)
    assert [row.launch_index for row in launched.instances] == list(range(5))
    assert cloud.journal.durable_revision == cloud.revision


async def test_the_same_token_after_a_lost_answer_is_one_instance(cloud: ControlPlane) -> None:
    await cloud.add_host()
    rpc, image_id = RPCS["RunInstances"], await cloud.import_image()
    for number in range(20):
        request = rpc.request(image_id=image_id, client_token=f"t{number}")
        call = cloud.start(rpc, request)
        for _ in range(number):  # From "never sent" to "answered".
            await asyncio.sleep(0)
        call.cancel()
        first, second = await cloud.call(rpc.name, request), await cloud.call(rpc.name, request)
        assert first == second
    assert len(cloud.journal.state.instances) == 20


async def test_tokens_of_two_projects_have_nothing_in_common(cloud: ControlPlane) -> None:
    other = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    first = await cloud.ask("AllocateAddress", client_token="t")
    second = await cloud.ask("AllocateAddress", client_token="t", secret=other)
    assert first.address.allocation_id != second.address.allocation_id


async def test_what_was_answered_is_seen_by_the_next_call(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    for _ in range(20):
        made = await cloud.ask("RunInstances", image_id=image_id)
        ids = [row.instance_id for row in made.instances]
        assert [row.instance_id for row in (await cloud.ask("DescribeInstances", instance_ids=ids)).instances] == ids


async def test_lists_have_pages_in_a_stable_order(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    launched = [await cloud.ask("RunInstances", image_id=image_id, max_count=3, tags={"n": str(n)}) for n in range(5)]
    expected = sorted(row.instance_id for reply in launched for row in reply.instances)
    seen: list[str] = []
    token = ""
    while not seen or token:
        page = await cloud.ask("DescribeInstances", page_size=4, page_token=token)
        seen += [row.instance_id for row in page.instances]
        token = page.next_page_token
    assert sorted(seen) == expected
    assert seen == [row.instance_id for row in (await cloud.ask("DescribeInstances")).instances]
    filters = [{"name": "tag:n", "values": ["1", "2"]}, {"name": "instance-state-name", "values": ["pend*"]}]
    found = await cloud.ask("DescribeInstances", filters=filters)
    assert {row.tags["n"] for row in found.instances} == {"1", "2"}
    for changes in ({"page_size": 1001}, {"page_token": "x"}, {"filters": [{"name": "colour", "values": ["red"]}]}):
        with pytest.raises(Refused):
            await cloud.ask("DescribeInstances", **changes)


def lists() -> list[str]:
    return [rpc.name for rpc in RPCS.values() if rpc.name.startswith(("Describe", "List"))]


async def test_every_list_says_its_revision_and_refuses_tokens_that_are_not_its_own(cloud: ControlPlane) -> None:
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image(), max_count=2)
    token = (await cloud.ask("DescribeInstances", page_size=1)).next_page_token
    for name in lists():
        assert (await cloud.ask(name)).revision == cloud.revision, name
        with pytest.raises(Refused) as caught:
            await cloud.ask(name, page_token=token, filters=[FOR_TYPE] if name == "DescribeInstances" else [])
        assert caught.value.code == "InvalidPaginationToken", name


async def test_a_page_token_is_good_for_the_same_question_only(cloud: ControlPlane) -> None:
    await cloud.add_host()
    made = await cloud.ask("RunInstances", image_id=await cloud.import_image(), max_count=3)
    instance_ids = [row.instance_id for row in made.instances]
    token = (await cloud.ask("DescribeInstances", page_size=1, filters=[FOR_TYPE])).next_page_token
    following = await cloud.ask("DescribeInstances", page_size=2, page_token=token, filters=[FOR_TYPE])
    assert len(following.instances) == 2, "pages of one list may differ in size"
    other = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    for changes in (
        {},
        {"filters": [{**FOR_TYPE, "values": ["t3.*"]}]},
        {"filters": [FOR_TYPE], "instance_ids": instance_ids},
        {"filters": [FOR_TYPE], "secret": other},
    ):
        with pytest.raises(Refused) as caught:
            await cloud.ask("DescribeInstances", page_token=token, **changes)
        assert caught.value.code == "InvalidPaginationToken"


async def test_every_filter_that_is_documented_is_known(cloud: ControlPlane) -> None:
    """The comments of the .proto files are the contract."""
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image())
    for proto in sorted((Path(__file__).parents[2] / "protos/stead/v1").glob("*.proto")):
        text = proto.read_text()
        for name, body in re.findall(r"message (Describe\w+)Request \{(.*?)\n\}", text, re.DOTALL):
            comment = re.search(r"((?:  //[^\n]*\n)+)  repeated Filter filters", body)
            assert comment, name
            for known in re.findall(r"`([^`]+)`", comment[1]):
                filters = [{"name": known.replace("<key>", "x"), "values": ["*"]}]
                await cloud.ask(name, filters=filters)
