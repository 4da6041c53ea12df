"""A watcher is told of a resource when anything changes that it shows: its parts, and what hosts see of it."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.model.instance import Observation, ObservedKind, observation_id
from controlplane.model.network import Leaving
from controlplane.model.project import Role
from controlplane.model.state import Change
from stead.agent.v1 import session_pb2 as pb
from tests.contract.agents import connected
from tests.contract.control_plane import ControlPlane
from tests.contract.watcher import Watcher


async def test_what_shows_a_part_is_told_when_the_part_comes_and_goes(cloud: ControlPlane) -> None:
    await cloud.add_host()
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=2)
    first, second = (row.instance_id for row in launched.instances)
    volume_id = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    allocation_id = (await cloud.ask("AllocateAddress")).address.allocation_id
    group_id = (await cloud.ask("CreateSecurityGroup", group_name="g", description="x")).security_group.group_id
    await cloud.converge()

    async def told(name: str, **fields: Any) -> set[str]:
        watcher = Watcher(cloud, cloud.revision)
        await cloud.ask(name, **fields)
        return {row.id for row in (await watcher.next()).changes}

    assert first in await told("AssociateAddress", allocation_id=allocation_id, instance_id=first)
    assert {first, second} <= await told("AssociateAddress", allocation_id=allocation_id, instance_id=second)
    assert second in await told("ReleaseAddress", allocation_id=allocation_id)
    vpc_id = launched.instances[0].vpc_id
    assert {first, second} <= await told("ModifyVpcAttribute", vpc_id=vpc_id, enable_dns_hostnames=False)
    assert {first, second} <= await told("ModifyVpcAttribute", vpc_id=vpc_id, enable_dns_hostnames=True)
    assert {first, second} <= await told("ModifyVpcAttribute", vpc_id=vpc_id, enable_dns_support=False)
    assert {vpc_id} == await told("ModifyVpcAttribute", vpc_id=vpc_id, enable_dns_hostnames=False), "none had a name"
    assert {vpc_id} == await told("CreateTags", resource_ids=[vpc_id], tags={"Name": "home"})
    rule = {"ip_protocol": "tcp", "from_port": 1, "to_port": 1, "cidr_ipv4": "0.0.0.0/0"}
    assert group_id in await told("AuthorizeSecurityGroupIngress", group_id=group_id, permissions=[rule])
    assert group_id in await told("RevokeSecurityGroupIngress", group_id=group_id, permissions=[rule])
    assert {volume_id, first} <= await told("AttachVolume", volume_id=volume_id, instance_id=first)
    await cloud.converge()
    assert {volume_id, first} <= await told("DetachVolume", volume_id=volume_id)
    watcher = Watcher(cloud, cloud.revision, kinds=["instance", "attachment"])
    await cloud.converge()
    gone = False
    while not gone:
        event = await watcher.next()
        gone = any(row.kind == "attachment" and row.deleted for row in event.changes)
    assert first in {row.id for row in event.changes}


async def test_a_host_that_goes_away_and_comes_back_is_told_of_what_is_on_it(cloud: ControlPlane) -> None:
    host_id = await cloud.add_host()
    instance = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    await cloud.converge()
    shown = {instance.instance_id, instance.block_devices[0].volume_id}
    watcher, host = Watcher(cloud, cloud.revision), cloud.journal.state.hosts[host_id]
    for row in (replace(host, is_away=True), host, replace(host, last_seen_at=cloud.clock())):
        change = Change()
        change.put(row)
        cloud.journal.apply(change)
    for _ in range(2):
        event = await watcher.next()
        assert {row.id for row in event.changes} == shown
    made = await cloud.ask("AllocateAddress")
    assert [row.id for row in (await watcher.next()).changes] == [made.address.allocation_id]


async def test_a_reboot_is_pending_until_the_guest_begins_anew(cloud: ControlPlane) -> None:
    await cloud.add_host()
    launched = await cloud.ask("RunInstances", image_id=await cloud.import_image())
    await cloud.converge()
    await cloud.ask("RebootInstances", instance_ids=[launched.instances[0].instance_id])
    assert (await cloud.ask("DescribeInstances")).instances[0].is_reboot_pending
    watcher = Watcher(cloud, cloud.revision, kinds=["instance"], with_contents=True)
    await cloud.converge()
    assert not (await watcher.next()).changes[0].instance.is_reboot_pending
    assert not (await cloud.ask("DescribeInstances")).instances[0].is_reboot_pending


async def changed_by(cloud: ControlPlane, *seen: Observation) -> set[tuple[str, str]]:
    """What a watcher is told when a host sees this."""
    watcher, change = Watcher(cloud, cloud.revision), Change()
    change.put(*seen)
    cloud.journal.apply(change)
    event = await watcher.next()
    told = [(row.kind, row.id) for row in event.changes]
    assert len(told) == len(set(told)), "each resource once"
    return set(told)


async def test_what_a_host_sees_is_told_of_what_shows_it(cloud: ControlPlane) -> None:
    await cloud.add_host()
    instance = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    await cloud.converge()
    volume_id = instance.block_devices[0].volume_id
    attachment_id, host_id = f"{volume_id}-e1", next(iter(cloud.agents))
    guest, disk, attachment = ("instance", instance.instance_id), ("volume", volume_id), ("attachment", attachment_id)
    shown = {
        (ObservedKind.INSTANCE, instance.instance_id): {guest},
        (ObservedKind.VOLUME, volume_id): {disk, guest},
        (ObservedKind.EXPORT, attachment_id): {attachment, disk, guest},
        (ObservedKind.VPC, instance.vpc_id): {guest},
    }
    before = [cloud.journal.state.observed(kind, row_id, host_id) for kind, row_id in shown]
    broken = [replace(row, converged=False, error="the disk is away") for row in before if row]
    for row in broken:
        assert await changed_by(cloud, row) == shown[row.kind, row.resource_id]
    assert (await cloud.ask("DescribeInstances")).instances[0].status == "impaired"
    assert await changed_by(cloud, *(row for row in before if row)) == {guest, disk, attachment}
    assert (await cloud.ask("DescribeInstances")).instances[0].status == "ok"


async def test_of_a_guests_volumes_those_are_told_that_it_lets_go_of_or_has_got(cloud: ControlPlane) -> None:
    await cloud.add_host()
    instance = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    volume_id = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    await cloud.converge()
    await cloud.ask("AttachVolume", volume_id=volume_id, instance_id=instance.instance_id)
    await cloud.converge()
    host_id, guest = next(iter(cloud.agents)), ("instance", instance.instance_id)
    seen = cloud.journal.state.observed(ObservedKind.INSTANCE, instance.instance_id, host_id)
    assert seen
    without = replace(seen, export_names=tuple(name for name in seen.export_names if not name.startswith(volume_id)))
    for row in (without, seen):
        assert await changed_by(cloud, row) == {guest, ("volume", volume_id), ("attachment", f"{volume_id}-e1")}
    assert await changed_by(cloud, replace(seen, generation=seen.generation + 1)) == {guest}


async def test_that_a_host_works_on_a_network_or_a_door_is_told_to_nobody(cloud: ControlPlane) -> None:
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image())
    await cloud.converge()
    watcher, change, host_id = Watcher(cloud, cloud.revision), Change(), next(iter(cloud.agents))
    kinds = (ObservedKind.VPC, ObservedKind.GATEWAY, ObservedKind.EXPORT)
    busy = [replace(row, converged=False) for row in cloud.journal.state.observations.host.of(host_id)]
    change.put(*(row for row in busy if row.kind in kinds))
    assert {row.kind for row in change.rows_of(Observation)} == set(kinds)
    cloud.journal.apply(change)
    made = await cloud.ask("AllocateAddress")
    assert [row.id for row in (await watcher.next()).changes] == [made.address.allocation_id]


async def test_a_volume_that_is_gone_is_told_once(cloud: ControlPlane) -> None:
    await cloud.add_host()
    volume_id = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    await cloud.converge()
    watcher = Watcher(cloud, cloud.revision)
    await cloud.ask("DeleteVolume", volume_id=volume_id)
    events = await watcher.take(1)
    await cloud.converge()
    seen, change = cloud.journal.state.observed(ObservedKind.VOLUME, volume_id, next(iter(cloud.agents))), Change()
    assert seen
    change.put(replace(seen, error="the trash is away"))
    cloud.journal.apply(change)
    made = await cloud.ask("AllocateAddress")
    events += await watcher.take_until(cloud.revision)
    assert events.pop()[2] == made.address.allocation_id
    assert {event[1:3] for event in events} == {("volume", volume_id)}
    assert [deleted for *_, deleted in events] == [False] * (len(events) - 1) + [True]


async def test_what_a_host_sees_of_others_is_not_told(cloud: ControlPlane) -> None:
    project_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    other = await cloud.token(Role.MEMBER, project_id)
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image())
    await cloud.converge()
    foreign, unknown, change = Watcher(cloud, cloud.revision, other), "vol-" + "a" * 17, Change()
    host_id = next(iter(cloud.agents))
    change.put(*(replace(row, error="away") for row in cloud.journal.state.observations.host.of(host_id)))
    row_id = observation_id(host_id, ObservedKind.VOLUME, unknown)
    change.put(Observation(row_id, host_id, ObservedKind.VOLUME, unknown, False, "orphan", False))
    cloud.journal.apply(change)
    made = await cloud.ask("AllocateAddress", secret=other)
    assert [row.id for row in (await foreign.next()).changes] == [made.address.allocation_id]


async def test_a_rule_says_whose_it_is(cloud: ControlPlane) -> None:
    group_id = (await cloud.ask("CreateSecurityGroup", group_name="g", description="x")).security_group.group_id
    watcher = Watcher(cloud, cloud.revision, kinds=["security-group-rule"], with_contents=True)
    permission = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}
    made = await cloud.ask("AuthorizeSecurityGroupIngress", group_id=group_id, permissions=[permission])
    (change,) = (await watcher.next()).changes
    assert (change.id, change.security_group_rule) == (made.rules[0].rule_id, made.rules[0])
    assert made.rules[0].group_id == group_id


async def test_a_watcher_is_told_when_a_group_s_rules_are_in_force_everywhere(cloud: ControlPlane) -> None:
    _, stream = await connected(cloud)
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    group_id = made.security_groups[0].group_id
    while not any(change.scope == made.vpc_id for change in (await stream.update()).scopes):
        continue
    stream.send(report=pb.Report(revision=cloud.revision, kinds=[pb.RESOURCE_KIND_VPC]))
    watcher = Watcher(cloud, cloud.revision, kinds=["security-group"], with_contents=True)
    permission = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}
    await cloud.ask("AuthorizeSecurityGroupIngress", group_id=group_id, permissions=[permission])
    (pending,) = (await watcher.next()).changes
    assert (pending.id, pending.security_group.status) == (group_id, "pending")
    update = (await stream.next()).update
    stream.send(report=pb.Report(revision=update.authority.revision, kinds=[pb.RESOURCE_KIND_VPC]))
    (enforced,) = (await watcher.next()).changes
    assert (enforced.id, enforced.security_group.status, enforced.security_group.status_detail) == (
        group_id,
        "enforced",
        "",
    )


@pytest.mark.parametrize("is_elastic", [False, True])
async def test_an_address_ends_once_for_who_has_seen_it_and_never_for_others(
    cloud: ControlPlane, is_elastic: bool
) -> None:
    """An automatic one is a part of its instance; a released one stays on record until its gateway has forgotten it."""
    made = (await cloud.ask("AllocateAddress")).address.allocation_id
    watcher = Watcher(cloud, cloud.revision, kinds=["address"])
    row = replace(cloud.journal.state.addresses[made], id="eipalloc-00000000000000001", public_ip="198.51.100.77")
    row = replace(row, is_elastic=is_elastic)
    for step in (row, replace(row, is_released=True, leaving=(Leaving("host-1", "", 1),)), None):
        change = Change()
        change.put(step) if step else change.delete(row)
        cloud.journal.apply(change)
    await cloud.ask("ReleaseAddress", allocation_id=made)
    told = [(id, deleted) for _, _, id, deleted in await watcher.take_until(cloud.revision)]
    if is_elastic:
        assert [id for id, _ in told] == [row.id, row.id, made]
        assert told[1:] == [(row.id, True), (made, True)]
    else:
        assert told == [(made, True)]
