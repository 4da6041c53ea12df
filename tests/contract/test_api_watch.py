"""Watch: every change of the project once and in order, resumable, with a marker where that is not possible."""

import asyncio
from datetime import UTC
from typing import Any

import pytest

from controlplane.api.contents import PUBLIC
from controlplane.model.project import Role
from stead.v1.events_pb2 import ResourceChange
from tests.contract.control_plane import RPCS, ControlPlane, Refused
from tests.contract.watcher import Event, Watcher


def logged(cloud: ControlPlane, after: int) -> list[tuple[int, str, str]]:
    return [
        (row.revision, row.kind, row.id)
        for row in cloud.journal.history.after(after) or ()
        if row.project_id == cloud.project_id and row.kind in PUBLIC
    ]


async def test_changes_come_once_and_in_order(cloud: ControlPlane) -> None:
    start = cloud.revision
    watcher = Watcher(cloud, start)
    made = await asyncio.gather(*(cloud.ask("AllocateAddress") for _ in range(10)))
    events = await watcher.take(10)
    assert [event[:3] for event in events] == logged(cloud, start)
    assert not any(deleted for *_, deleted in events)
    assert [event[2] for event in events] == [reply.address.allocation_id for reply in sorted(made, key=_order(events))]
    await cloud.ask("ReleaseAddress", allocation_id=made[0].address.allocation_id)
    assert await watcher.take(1) == [(cloud.revision, "address", made[0].address.allocation_id, True)]


def _order(events: list[Event]) -> Any:
    place = {event[2]: index for index, event in enumerate(events)}
    return lambda reply: place[reply.address.allocation_id]


async def test_a_watcher_that_comes_back_misses_and_repeats_nothing(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id, start = await cloud.import_image(), cloud.revision
    seen: list[Event] = []
    after = start
    for _ in range(5):
        await cloud.ask("RunInstances", image_id=image_id)
        await cloud.converge()
        watcher = Watcher(cloud, after)
        seen += await watcher.take_until(logged(cloud, after)[-1][0])
        watcher.call.cancel()
        after = seen[-1][0]
    assert set(logged(cloud, start)) <= {event[:3] for event in seen}
    assert [event[0] for event in seen] == sorted(event[0] for event in seen)
    assert len(set(seen)) == len(seen)
    assert len({event[0] for event in seen}) < len(seen), "one revision can change several resources"


async def test_other_projects_changes_are_not_shown(cloud: ControlPlane) -> None:
    other = await cloud.token(Role.READER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    foreign, own = Watcher(cloud, cloud.revision, other), Watcher(cloud, cloud.revision)
    made = await cloud.ask("AllocateAddress")
    assert (await own.next()).changes[0].id == made.address.allocation_id
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(foreign.next(), 0.2)


async def test_a_marker_says_that_changes_were_dropped(cloud: ControlPlane) -> None:
    for _ in range(5):
        await cloud.ask("AllocateAddress")
    cloud.journal.history.start = cloud.revision - 2
    lost = Watcher(cloud, cloud.revision - 4)
    event = await lost.read()
    assert (event.resync, event.revision, len(event.changes)) == (True, cloud.revision, 0)
    kept_up = Watcher(cloud, cloud.revision - 2)
    assert [event[0] for event in await kept_up.take(2)] == [cloud.revision - 1, cloud.revision]
    made = await cloud.ask("AllocateAddress")
    assert (await lost.next()).changes[0].id == made.address.allocation_id


async def test_a_revision_of_the_future_is_answered_with_a_marker(cloud: ControlPlane) -> None:
    """As after the database was restored from a backup."""
    event = await Watcher(cloud, cloud.revision + 100).next()
    assert (event.resync, event.revision) == (True, cloud.revision)


async def test_without_a_revision_only_what_comes_is_shown(cloud: ControlPlane) -> None:
    await cloud.ask("AllocateAddress")
    watcher = Watcher(cloud, None)
    await cloud.ask("DescribeRegions")  # On the same connection: the watcher's call has arrived by then.
    made = await cloud.ask("AllocateAddress")
    assert (await watcher.next()).changes[0].id == made.address.allocation_id


async def test_a_watch_begins_with_a_bookmark_of_where_it_begins(cloud: ControlPlane) -> None:
    await cloud.ask("AllocateAddress")
    listed = (await cloud.ask("DescribeAddresses")).revision
    made = await cloud.ask("AllocateAddress")
    watcher = Watcher(cloud, listed)
    first, second = await watcher.read(), await watcher.read()
    assert (first.bookmark, first.revision, len(first.changes)) == (True, listed, 0)
    assert [row.id for row in second.changes] == [made.address.allocation_id], "nothing falls between list and watch"
    from_now_on = cloud.start(RPCS["Watch"], RPCS["Watch"].request())
    assert (await from_now_on.read()).revision == cloud.revision
    assert (await Watcher(cloud, 0).read()).revision == 0, "from the very beginning"


async def test_only_kinds_that_were_asked_for_are_told(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id = await cloud.import_image()
    watcher = Watcher(cloud, cloud.revision, kinds=["volume", "key-pair"])
    await cloud.ask("RunInstances", image_id=image_id)
    await cloud.ask("CreateKeyPair", key_name="k")
    assert [row.kind for row in (await watcher.next()).changes] == ["volume"]
    assert [row.kind for row in (await watcher.next()).changes] == ["key-pair"]
    with pytest.raises(Refused, match=r"InvalidParameterValue.*'call'.*security-group-rule"):
        await cloud.ask("Watch", kinds=["instance", "call"])


async def test_what_is_nobodys_resource_is_told_to_nobody(cloud: ControlPlane) -> None:
    watcher = Watcher(cloud, cloud.revision)
    await cloud.token(Role.READER)
    made = await cloud.ask("AllocateAddress")
    assert [row.id for row in (await watcher.next()).changes] == [made.address.allocation_id]


async def test_an_event_says_when_and_by_whom(cloud: ControlPlane) -> None:
    await cloud.add_host()
    image_id, start = await cloud.import_image(), cloud.revision
    before = cloud.clock()
    await cloud.ask("RunInstances", image_id=image_id)
    watcher = Watcher(cloud, start)
    event, record = await watcher.next(), (await cloud.ask("DescribeAuditRecords")).audit_records[0]
    assert (event.token_id, event.request_id) == (record.token_id, record.request_id)
    assert before <= event.commit_time.ToDatetime(UTC) <= cloud.clock()
    await cloud.converge()
    event = await watcher.next()
    assert (event.token_id, event.request_id) == ("", ""), "a host saw that"


async def test_another_projects_token_is_not_shown(cloud: ControlPlane) -> None:
    project_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    start = cloud.revision - 1
    watcher = Watcher(cloud, start, await cloud.token(Role.READER, project_id))
    event = await watcher.next()
    assert {row.kind for row in event.changes} >= {"vpc", "subnet"}
    assert (event.token_id, bool(event.request_id)) == ("", True)


async def test_contents_are_what_describe_shows(cloud: ControlPlane) -> None:
    host_id = await cloud.add_host()
    image_id, reader = await cloud.import_image(), cloud.secrets[Role.READER]
    await cloud.ask("RunInstances", image_id=image_id, tags={"Name": "web"})
    await cloud.ask("CreateKeyPair", key_name="k")
    await cloud.converge()
    shown = {
        "instance": (await cloud.ask("DescribeInstances", secret=reader)).instances[0],
        "volume": (await cloud.ask("DescribeVolumes", secret=reader)).volumes[0],
        "key_pair": (await cloud.ask("DescribeKeyPairs", secret=reader)).key_pairs[0],
        "image": (await cloud.ask("DescribeImages", secret=reader)).images[0],
        "security_group": (await cloud.ask("DescribeSecurityGroups", secret=reader)).security_groups[0],
        "vpc": (await cloud.ask("DescribeVpcs", secret=reader)).vpcs[0],
    }
    watcher, told = Watcher(cloud, 1, reader, with_contents=True), dict[str, Any]()
    while "key_pair" not in told:
        event = await watcher.next()
        for row in event.changes:
            name = row.WhichOneof("contents")
            assert name == row.kind.replace("-", "_")
            told[name] = getattr(row, name)
    assert {name: told[name] for name in shown} == shown
    assert told["instance"].host_id == "", f"{host_id} is for admins"
    assert told["attachment"].state == "attached"


async def test_every_kind_that_may_be_watched_has_contents() -> None:
    fields = ResourceChange.DESCRIPTOR.oneofs_by_name["contents"].fields
    assert {field.name for field in fields} == {kind.replace("-", "_") for kind in PUBLIC}
