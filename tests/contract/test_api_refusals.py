"""Wrong values at every method: each refusal has EC2's code, and says what is wrong and what to do, whole."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from controlplane.ids import Prefix, mint, parse
from controlplane.model.project import Role
from tests.contract.control_plane import RPCS, ControlPlane, Refused
from tests.contract.mutations import requests

Fields = Mapping[str, Any]
# Resources of every kind; what an admin may name of all projects; what succeeds where there is none, as in EC2.
OF_ANY_KIND = {"CreateTags", "DeleteTags"}
OF_ALL_PROJECTS = {"AdoptOrphanVolume", "DeleteOrphanVolume"}
IDEMPOTENT = {"DisassociateAddress"}
NEEDS_NOTHING = {"AllocateAddress", "CreateDefaultVpc", "CreateInternetGateway", "ImportImage"}


def _prefix(value: Any) -> Prefix | None:
    try:
        return parse(value)[0]
    except (TypeError, ValueError):
        return None


def ids_in(fields: Fields) -> Iterator[tuple[Prefix, partial[Fields]]]:
    """For each field with ids their prefix, and what makes the same fields with another id there."""
    for name, value in fields.items():
        if prefix := _prefix(value[0] if isinstance(value, list) else value):
            yield prefix, partial(_with_id, fields, name)


def _with_id(fields: Fields, name: str, row_id: str) -> Fields:
    return {**fields, name: [row_id] if isinstance(fields[name], list) else row_id}


async def refusal(cloud: ControlPlane, name: str, **fields: Any) -> Refused:
    if "dry_run" in RPCS[name].request.DESCRIPTOR.fields_by_name:
        fields["dry_run"] = True
    with pytest.raises(Refused) as caught:
        await cloud.ask(name, **fields)
    assert caught.value.detail is not None
    assert not caught.value.detail.message.endswith("..."), "cut before what to do next"
    return caught.value


async def theirs(cloud: ControlPlane) -> dict[Prefix, str]:
    """What another project has, by kind."""
    secret = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    image_id = await cloud.import_image("theirs", secret=secret)
    instance = (await cloud.ask("RunInstances", secret=secret, image_id=image_id)).instances[0]
    made = await cloud.ask("CreateSecurityGroup", secret=secret, group_name="theirs", description="x")
    address = (await cloud.ask("AllocateAddress", secret=secret)).address.allocation_id
    volume = instance.block_devices[0].volume_id
    ids = [image_id, instance.instance_id, instance.subnet_id, volume, made.security_group.group_id, address]
    return {parse(row_id)[0]: row_id for row_id in ids}


async def test_every_id_that_is_wrong_is_told_apart(cloud: ControlPlane) -> None:
    asked, of_others = await requests(cloud), await theirs(cloud)
    for method in asked.keys() - OF_ANY_KIND:
        for prefix, with_id in ids_in(asked[method]):
            for wrong in (mint(Prefix.VPC if prefix is not Prefix.VPC else Prefix.SUBNET), "x" * 300):
                error = await refusal(cloud, method, **with_id(wrong))
                assert error.code.endswith("Malformed"), (method, error)
                assert f"expected {prefix}- and 17" in str(error), method
                assert error.field.removesuffix("[0]") == with_id.args[1], (method, error.field)
            absent = {mint(prefix)} if method not in IDEMPOTENT else set()
            absent |= {of_others[prefix]} if prefix in of_others and method not in OF_ALL_PROJECTS else set()
            for row_id in absent:
                error = await refusal(cloud, method, **with_id(row_id))
                assert error.code.endswith("NotFound"), (method, error)
                assert row_id in str(error), method
                assert "; see Describe" in str(error), (method, error)
                assert error.field.removesuffix("[0]") == with_id.args[1], (method, error.field)


async def test_what_is_required_and_not_there_is_missing(cloud: ControlPlane) -> None:
    for method, rpc in RPCS.items():
        if rpc.is_mutating and method not in NEEDS_NOTHING:
            error = await refusal(cloud, method)
            assert error.code == "MissingParameter", (method, str(error))
            assert error.field or method == "DeleteKeyPair", (method, str(error))  # Either of two is missing there.


WRONG: dict[str, tuple[str, Fields, str, str]] = {
    "an enum's number": (
        "CreateKeyPair",
        {"key_name": "k", "key_type": 99},
        "key_type: 99 .* KEY_TYPE_RSA",
        "key_type",
    ),
    "an enum's negative": (
        "CreateHostToken",
        {"zone_name": "home-1a", "roles": [-1]},
        r"roles\[0\]: -1 .*GATEWAY",
        "roles[0]",
    ),
    "an image's name": (
        "DescribeImages",
        {"filters": [{"name": "n" * 300, "values": ["x"]}]},
        "there are: .*image-id",
        "filters[0].name",
    ),
    "a count": (
        "RunInstances",
        {"image_id": "ami-" + "0" * 17, "min_count": 2**32 - 1},
        "min_count: .* at most 1000",
        "min_count",
    ),
    "memory": (
        "CreateInstanceType",
        {"instance_type": {"instance_type": "a.b", "vcpus": 1, "memory_mib": 2**32 - 1}},
        "memory_mib: 4294967295 .* 64 to 16777216",
        "instance_type.memory_mib",
    ),
    "a zone": (
        "CreateVolume",
        {"zone_name": "z" * 300, "size_gib": 1},
        "does not exist; there are: home-1a, home-1b",
        "zone_name",
    ),
    "a tag": ("AllocateAddress", {"tags": {"k" * 300: ""}}, "expected 1 to 128 characters", "tags"),
    "an instance type": (
        "DeleteInstanceType",
        {"instance_type": "t" * 300},
        "does not exist; see Describe",
        "instance_type",
    ),
    "a key": (
        "DescribeKeyPairs",
        {"key_names": ["k" * 300]},
        "does not exist in this project; see DescribeKeyPairs",
        "key_names[0]",
    ),
    "a host": (
        "DescribeHosts",
        {"host_ids": ["host-" + "0" * 17]},
        "'host-0+' does not exist; see DescribeHosts",
        "host_ids[0]",
    ),
    "a group's name": ("CreateSecurityGroup", {"group_name": " ", "description": "x"}, "no outer spaces", "group_name"),
    "a disk": (
        "RunInstances",
        {
            "block_device_mappings": [
                {"device_name": "/dev/sdb", "volume_size_gib": 1},
                {"device_name": "/dev/sdc", "volume_size_gib": 0},
            ]
        },
        "volume_size_gib: 0 .* 1 to ",
        "block_device_mappings[1].volume_size_gib",
    ),
    "a port": (
        "AuthorizeSecurityGroupIngress",
        {
            "permissions": [
                {"ip_protocol": "-1", "from_port": -1, "cidr_ipv4": "0.0.0.0/0"},
                {"ip_protocol": "tcp", "from_port": -1, "to_port": 0, "cidr_ipv4": "0.0.0.0/0"},
            ]
        },
        "ports are 0 to 65535",
        "permissions[1].from_port",
    ),
    "no port": (
        "AuthorizeSecurityGroupIngress",
        {"permissions": [{"ip_protocol": "tcp", "from_port": 0, "cidr_ipv4": "0.0.0.0/0"}]},
        "to_port is missing; expected a port",
        "permissions[0].to_port",
    ),
    "no rule's id": ("RevokeToken", {"token_id": "sgr-" + "0" * 17}, "InvalidToken.Malformed", "token_id"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_value_is_named_with_what_is_right(cloud: ControlPlane, case: str) -> None:
    method, fields, message, path = WRONG[case]
    if method == "RunInstances" and "image_id" not in fields:
        fields = {**fields, "image_id": await cloud.import_image()}
    if method == "AuthorizeSecurityGroupIngress":
        fields = {**fields, "group_id": (await cloud.ask("DescribeSecurityGroups")).security_groups[0].group_id}
    error = await refusal(cloud, method, **fields)
    assert re.search(message, str(error)), str(error)
    assert error.field == path


async def test_what_is_not_given_is_told_from_nought(cloud: ControlPlane) -> None:
    group_id = (await cloud.ask("DescribeSecurityGroups")).security_groups[0].group_id

    async def authorized(**permission: Any) -> tuple[int, int]:
        asked = {"cidr_ipv4": "0.0.0.0/0", **permission}
        made = await cloud.ask("AuthorizeSecurityGroupIngress", group_id=group_id, permissions=[asked])
        return made.rules[0].permission.from_port, made.rules[0].permission.to_port

    assert await authorized(ip_protocol="icmp", from_port=0, to_port=0) == (0, 0), "an echo's answer"
    assert await authorized(ip_protocol="tcp", from_port=0, to_port=0) == (0, 0)
    assert await authorized(ip_protocol="-1") == (-1, -1)
    for protocol, given, name in (
        ("tcp", {}, "from_port"),
        ("udp", {"from_port": 53}, "to_port"),
        ("icmp", {"to_port": 0}, "from_port"),
    ):
        with pytest.raises(Refused, match=f"MissingParameter: {name} is missing"):
            await authorized(ip_protocol=protocol, **given)
    for method, fields, message in (
        ("RunInstances", {"image_id": await cloud.import_image(), "min_count": 0}, "min_count: 0 .* 1 or more"),
        ("CreateToken", {"project_id": cloud.project_id, "role": 2, "lifetime_s": 0}, "lifetime_s: 0 "),
        ("CreateHostToken", {"zone_name": "home-1a", "roles": [1], "lifetime_s": 0}, "lifetime_s: 0 "),
    ):
        assert re.search(message, str(await refusal(cloud, method, **fields)))


async def test_a_page_token_is_good_for_its_own_list_only(cloud: ControlPlane) -> None:
    await cloud.ask("CreateProject", name="other")
    token = (await cloud.ask("DescribeProjects", page_size=1)).next_page_token
    for method, rpc in RPCS.items():
        if "page_token" in rpc.request.DESCRIPTOR.fields_by_name and method != "DescribeProjects":
            error = await refusal(cloud, method, page_token=token)
            assert error.code == "InvalidPaginationToken"
            assert f"none that {method} gave; begin again" in str(error)
