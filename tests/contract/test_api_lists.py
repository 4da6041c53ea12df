"""Every list: pages, the revision that it shows, and filters."""

import re
from pathlib import Path

import pytest

from controlplane.model.project import Role
from tests.contract.control_plane import RPCS, ControlPlane, Refused

FOR_TYPE = {"name": "instance-type", "values": ["t3.micro"]}


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


async def test_instances_are_found_by_their_names_in_the_dns(cloud: ControlPlane) -> None:
    await cloud.add_host()
    (first, _) = (await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=2)).instances
    (shown,) = (await cloud.ask("DescribeInstances", instance_ids=[first.instance_id])).instances
    private, public = (address.replace(".", "-") for address in (shown.private_ip_address, shown.public_ip_address))
    names = {
        "private-dns-name": f"ip-{private}.home-1.compute.internal",
        "dns-name": f"ec2-{public}.home-1.compute.stead.internal",
    }
    assert {"private-dns-name": shown.private_dns_name, "dns-name": shown.public_dns_name} == names
    for filter_name, name in names.items():
        found = await cloud.ask("DescribeInstances", filters=[{"name": filter_name, "values": [name]}])
        assert [row.instance_id for row in found.instances] == [first.instance_id]
    await cloud.ask("ModifyVpcAttribute", vpc_id=shown.vpc_id, enable_dns_hostnames=False)
    (shown,) = (await cloud.ask("DescribeInstances", instance_ids=[first.instance_id])).instances
    assert shown.public_dns_name == ""


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
