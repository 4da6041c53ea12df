"""Watch: every change of the project once and in order, resumable, with a marker where that is not possible."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controlplane.engine import LogEntry
from controlplane.model.instance import Observation, ObservedKind, observation_id
from controlplane.model.project import Role
from controlplane.model.state import Change
from tests.contract.control_plane import RPCS, ControlPlane

Event = tuple[int, str, str, bool]


class Watcher:
    """One stream."""

    def __init__(self, cloud: ControlPlane, after_revision: int = 0, secret: str | None = None) -> None:
        rpc = RPCS["Watch"]
        self.call = cloud.start(rpc, rpc.request(after_revision=after_revision), secret=secret)

    async def next(self) -> Any:
        async with asyncio.timeout(10):
            return await self.call.read()

    async def take_until(self, revision: int) -> list[Event]:
        """All changes up to that revision, which changed something."""
        changes = await self.take(1)
        while changes[-1][0] < revision:
            changes += await self.take(1)
        return changes

    async def take(self, count: int) -> list[Event]:
        """The next changes, which are so many or, with the rest of a revision, more."""
        changes: list[Event] = []
        while len(changes) < count:
            event = await self.next()
            assert event.changes
            assert not event.resync
            changes += [(event.revision, row.kind, row.id, row.deleted) for row in event.changes]
        return changes


def logged(cloud: ControlPlane, after: int) -> list[Event]:
    return [
        (row.revision, row.kind, row.id, row.deleted)
        for row in cloud.engine.log
        if row.project_id == cloud.project_id and row.revision > after and row.kind != "call"
    ]


async def test_changes_come_once_and_in_order(cloud: ControlPlane) -> None:
    start = cloud.revision
    watcher = Watcher(cloud, start)
    made = await asyncio.gather(*(cloud.ask("AllocateAddress") for _ in range(10)))
    events = await watcher.take(10)
    assert events == logged(cloud, start)
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
    assert set(logged(cloud, start)) <= set(seen)
    assert [event[0] for event in seen] == sorted(event[0] for event in seen)
    assert len(set(seen)) == len(seen)
    assert len({event[0] for event in seen}) < len(seen), "one revision can change several resources"


async def test_other_projects_changes_are_not_shown(cloud: ControlPlane) -> None:
    other = await cloud.token(Role.READER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    foreign, own = Watcher(cloud, cloud.revision, other), Watcher(cloud, cloud.revision)
    made = await cloud.ask("AllocateAddress")
    assert (await own.next()).changes[0].id == made.address.allocation_id
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(foreign.call.read(), 0.2)


def entry(cloud: ControlPlane, revision: int) -> LogEntry:
    return LogEntry(revision, "address", f"eipalloc-{revision}", cloud.project_id, False)


async def test_a_marker_says_that_changes_were_dropped(cloud: ControlPlane) -> None:
    engine = cloud.engine
    for _ in range(5):
        await cloud.ask("AllocateAddress")
    kept = [row for row in engine.log if row.revision > cloud.revision - 2]
    engine.log.clear()
    engine.log.extend(kept)
    lost = Watcher(cloud, cloud.revision - 4)
    event = await lost.next()
    assert (event.resync, event.revision, len(event.changes)) == (True, cloud.revision, 0)
    made = await cloud.ask("AllocateAddress")
    assert (await lost.next()).changes[0].id == made.address.allocation_id
    kept_up = Watcher(cloud, cloud.revision - 3)
    assert [event[0] for event in await kept_up.take(3)] == [cloud.revision - n for n in (2, 1, 0)]


async def test_a_revision_that_was_dropped_in_part_is_not_shown_in_part(cloud: ControlPlane) -> None:
    await cloud.ask("AllocateAddress")
    engine, revision = cloud.engine, cloud.revision
    engine.log = type(engine.log)([entry(cloud, revision)] * 3, maxlen=3)
    assert (await Watcher(cloud, revision - 1).next()).resync


async def test_a_revision_of_the_future_is_answered_with_a_marker(cloud: ControlPlane) -> None:
    """As after the database was restored from a backup."""
    event = await Watcher(cloud, cloud.revision + 100).next()
    assert (event.resync, event.revision) == (True, cloud.revision)


async def test_without_a_revision_only_what_comes_is_shown(cloud: ControlPlane) -> None:
    await cloud.ask("AllocateAddress")
    watcher = Watcher(cloud)
    await cloud.ask("DescribeRegions")  # On the same connection: the watcher's call has arrived by then.
    made = await cloud.ask("AllocateAddress")
    assert (await watcher.next()).changes[0].id == made.address.allocation_id


async def changed_by(cloud: ControlPlane, *seen: Observation) -> set[tuple[str, str]]:
    """What a watcher is told when a host sees this."""
    watcher, change = Watcher(cloud, cloud.revision), Change()
    change.put(*seen)
    cloud.engine.apply(change)
    event = await watcher.next()
    told = [(row.kind, row.id) for row in event.changes]
    assert len(told) == len(set(told)), "each resource once"
    return set(told)


async def test_what_a_host_sees_is_told_of_what_shows_it(cloud: ControlPlane) -> None:
    await cloud.add_host()
    instance = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    await cloud.converge()
    volume_id = instance.block_devices[0].volume_id
    bond_id, host_id = f"{volume_id}-e1", next(iter(cloud.agents))
    guest, disk, bond = ("instance", instance.instance_id), ("volume", volume_id), ("attachment", bond_id)
    shown = {
        (ObservedKind.INSTANCE, instance.instance_id): {guest, bond},
        (ObservedKind.VOLUME, volume_id): {disk, guest},
        (ObservedKind.EXPORT, bond_id): {bond, disk, guest},
        (ObservedKind.VPC, instance.vpc_id): {guest},
    }
    before = [cloud.engine.state.observed(kind, row_id, host_id) for kind, row_id in shown]
    broken = [replace(row, converged=False, error="the disk is away") for row in before if row]
    for row in broken:
        assert await changed_by(cloud, row) == shown[row.kind, row.resource_id]
    assert (await cloud.ask("DescribeInstances")).instances[0].status == "impaired"
    assert await changed_by(cloud, *(row for row in before if row)) == {guest, disk, bond}
    assert (await cloud.ask("DescribeInstances")).instances[0].status == "ok"


async def test_what_a_host_sees_of_others_is_not_told(cloud: ControlPlane) -> None:
    project_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    other = await cloud.token(Role.MEMBER, project_id)
    await cloud.add_host()
    await cloud.ask("RunInstances", image_id=await cloud.import_image())
    await cloud.converge()
    foreign, unknown, change = Watcher(cloud, cloud.revision, other), "vol-" + "a" * 17, Change()
    host_id = next(iter(cloud.agents))
    change.put(*(replace(row, error="away") for row in cloud.engine.state.observations.host.of(host_id)))
    row_id = observation_id(host_id, ObservedKind.VOLUME, unknown)
    change.put(Observation(row_id, host_id, ObservedKind.VOLUME, unknown, False, "orphan", False))
    cloud.engine.apply(change)
    made = await cloud.ask("AllocateAddress", secret=other)
    assert [row.id for row in (await foreign.next()).changes] == [made.address.allocation_id]
