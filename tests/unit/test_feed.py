"""What hosts share is made once, in slices, and kept within bounds; who has something already is told what changed."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controlplane.reconcile import feed as feed_module
from controlplane.reconcile import messages
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.objects import KINDS, REGION
from controlplane.service import power, security_groups, volumes
from controlplane.service.power import StopInstances
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.volumes import CreateVolume
from stead.agent.v1.objects_pb2 import ObjectKind, Vpc
from tests.unit.fed import COMPUTE, Lab
from tests.unit.region import ZONES
from tests.unit.told import objects_of, read


@pytest.fixture
def lab() -> Lab:
    return Lab()


Step = Callable[[Lab, str], Any]
STEPS: dict[str, Step] = {
    "launch": lambda lab, instance_id: lab.launch(),
    "stop": lambda lab, instance_id: lab.do(power.stop, StopInstances([instance_id])),
    "terminate": lambda lab, instance_id: lab.do(power.terminate, [instance_id]),
    "volume": lambda lab, instance_id: lab.do(volumes.create, CreateVolume(ZONES[0], 1)),
    "group": lambda lab, instance_id: lab.do(security_groups.create, CreateSecurityGroup("web", "x")),
}


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("name", STEPS)
async def test_what_many_hosts_are_told_is_one_piece(lab: Lab, name: str, is_packed: bool) -> None:
    instance_id = lab.launch()
    shares = [lab.share(lab.compute, is_packed=is_packed) for _ in range(3)]
    resets = [await share.hear() for share in shares]
    STEPS[name](lab, instance_id)
    changes = [await share.hear() for share in shares]
    for told in (resets, changes):
        in_vpc = [[piece for piece in pieces if read([piece]).scopes[0].scope == lab.vpc_id] for pieces in told]
        assert in_vpc[0] or name in ("volume", "stop")
        assert len({tuple(map(id, pieces)) for pieces in in_vpc}) == 1
    assert shares[0].objects == objects_of(lab.state, lab.compute)


@pytest.mark.parametrize("is_packed", [False, True])
async def test_an_object_of_a_revision_is_made_once(lab: Lab, monkeypatch: pytest.MonkeyPatch, is_packed: bool) -> None:
    """Also while a fleet comes back and the VPC goes on changing."""
    lab.run(min_count=8, max_count=8)
    made: list[str] = []
    named = messages.named

    def counted(name: str, body: Any) -> messages.Object:
        made.append(body.id)
        return named(name, body)

    monkeypatch.setattr(messages, "named", counted)
    for change in range(5):
        shares = [lab.share(lab.compute, is_packed=is_packed) for _ in range(20)]
        await asyncio.gather(*(share.hear() for share in shares))
        lab.do(security_groups.create, CreateSecurityGroup(f"g{change}", "x"))
    groups = [row.id for row in lab.state.security_groups]
    assert [made.count(row.id) for row in lab.state.interfaces] == [1] * 8
    assert [made.count(group_id) for group_id in groups] == [1] * 5 + [0], "the last is for whoever asks next"


async def test_others_have_their_turn_while_a_scope_is_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what happens meanwhile is not lost."""
    lab.run(min_count=8, max_count=8)
    monkeypatch.setattr(feed_module, "SLICE_BYTES", 500)
    told = lab.share(lab.compute)
    hearing, turns = asyncio.ensure_future(told.hear()), 0
    while not hearing.done():
        await asyncio.sleep(0)
        turns += 1
        if turns in (2, 4):
            lab.do(security_groups.create, CreateSecurityGroup(f"g{turns}", "x"))
            lab.do(power.terminate, [next(iter(lab.state.instances)).id])
            lab.put(*(replace(row, private_ip=f"172.31.9.{turns}") for row in list(lab.state.interfaces)[-1:]))
    assert turns > 8
    assert max(map(len, hearing.result())) < 1000
    await told.hear()
    assert told.objects == objects_of(lab.state, lab.compute)


async def test_who_was_told_too_long_ago_is_told_all(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.launch()
    late = lab.share(lab.compute)
    await late.hear()
    monkeypatch.setattr(feed_module, "CHANGES_KEPT", 5)
    for number in range(10):
        lab.do(security_groups.create, CreateSecurityGroup(f"g{number}", "x"))
    pieces = await late.hear()
    assert [change.scope for change in read(pieces).scopes if change.reset] == [lab.vpc_id]
    assert late.objects == objects_of(lab.state, lab.compute)


async def test_who_missed_too_much_of_a_scope_is_told_all_of_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.launch()
    late = lab.share(lab.compute)
    await late.hear()
    monkeypatch.setattr(feed_module, "MOST_CHANGES", 2)
    for number in range(3):
        lab.do(security_groups.create, CreateSecurityGroup(f"g{number}", "x"))
    assert any(change.reset for change in read(await late.hear()).scopes)
    assert late.objects == objects_of(lab.state, lab.compute)


async def test_who_has_what_there_is_is_told_what_changed_since(lab: Lab) -> None:
    lab.launch()
    known = objects_of(lab.state, lab.compute)
    for change in range(3):
        back = lab.share(lab.compute, known=known)
        (update,) = [read(await back.hear())]
        assert {row.scope for row in update.scopes} == known.keys()
        assert not any(row.reset for row in update.scopes)
        assert [row.security_group.name for scope in update.scopes for row in scope.put] == [
            f"g{number}" for number in range(change)
        ]
        assert back.objects == objects_of(lab.state, lab.compute)
        lab.do(security_groups.create, CreateSecurityGroup(f"g{change}", "x"))
    await back.hear()
    assert back.objects == objects_of(lab.state, lab.compute)


Alter = Callable[[dict[tuple[str, str], Any]], Any]


@pytest.mark.parametrize(
    "alter",
    [
        lambda rows: rows.popitem(),
        lambda rows: rows.update({("vpc", "vpc-0"): Vpc(id="vpc-0")}),
        lambda rows: rows.update({ref: type(row)(id=row.id) for ref, row in rows.items()}),
    ],
)
async def test_who_has_something_else_of_a_scope_is_told_all_of_it(lab: Lab, alter: Alter) -> None:
    """And nobody is believed who speaks of scopes that are none of his."""
    lab.launch()
    other = lab.add_host(ZONES[0], (COMPUTE,))
    known = objects_of(lab.state, lab.compute)
    alter(known[lab.vpc_id])
    known |= objects_of(lab.state, other)
    back = lab.share(lab.compute, known=known)
    pieces = await back.hear()
    assert [row.scope for row in read(pieces).scopes if row.reset] == [lab.vpc_id]
    assert back.objects == objects_of(lab.state, lab.compute)


async def test_who_knows_what_was_too_long_ago_is_told_all(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.launch()
    known = objects_of(lab.state, lab.compute)
    await lab.share(lab.compute, known=known).hear()
    monkeypatch.setattr(feed_module, "CHANGES_KEPT", 5)
    for number in range(10):
        lab.do(security_groups.create, CreateSecurityGroup(f"g{number}", "x"))
    back = lab.share(lab.compute, known=known)
    assert [row.scope for row in read(await back.hear()).scopes if row.reset] == [lab.vpc_id]
    assert back.objects == objects_of(lab.state, lab.compute)


async def test_what_hosts_know_is_looked_at_now_and_then(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who know something else, while it goes on changing, do not have it made anew each time."""
    lab.launch()
    made: list[str] = []
    digested = Feed._digested

    async def counted(self: Feed, scope_id: str) -> Any:
        made.append(scope_id)
        return await digested(self, scope_id)

    async def come_back() -> int:
        lab.do(security_groups.create, CreateSecurityGroup(f"g{len(lab.state.security_groups)}", "x"))
        back = lab.share(lab.compute, known=objects_of(lab.state, lab.compute))
        await back.hear()
        assert back.objects == objects_of(lab.state, lab.compute)
        return made.count(lab.vpc_id)

    monkeypatch.setattr(Feed, "_digested", counted)
    assert [await come_back() for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr(feed_module, "RESETS_KEPT_S", 0)
    assert [await come_back() for _ in range(3)] == [2, 3, 4]


async def test_what_an_agent_said_at_first_counts_once(lab: Lab) -> None:
    lab.launch()
    back = lab.share(lab.compute, known=objects_of(lab.state, lab.compute))
    await back.hear()
    back.share.start_over()
    assert {row.scope for row in read(await back.hear()).scopes if row.reset} == back.objects.keys()


async def test_changes_coalesce(lab: Lab) -> None:
    lab.launch()
    told = lab.share(lab.compute)
    await told.hear()
    (endpoint,) = lab.state.interfaces
    for number in range(10, 50):
        lab.put(replace(endpoint, private_ip=f"172.31.0.{number}"))
    (piece,) = await told.hear()
    (change,) = read([piece]).scopes
    assert [row.endpoint.private_ip for row in change.put] == ["172.31.0.49"]
    assert await told.hear() == []


async def test_a_host_enters_and_leaves_a_vpc(lab: Lab) -> None:
    told = lab.share(lab.compute)
    await told.hear()
    assert told.objects.keys() == {REGION, lab.compute}
    instance_id = lab.launch()
    assert [change.scope for change in read(await told.hear()).scopes if change.reset] == [lab.vpc_id]
    assert told.objects == objects_of(lab.state, lab.compute)
    lab.do(power.terminate, [instance_id])
    lab.converge()
    assert not list(lab.state.interfaces)
    await told.hear()
    assert told.objects == objects_of(lab.state, lab.compute) == {REGION: told.objects[REGION], lab.compute: {}}


async def test_a_host_that_starts_over_has_only_what_it_is_told_then(lab: Lab) -> None:
    lab.launch()
    told = lab.share(lab.compute)
    await told.hear()
    told.objects["vpc-of-before"] = {}
    told.share.start_over()
    await told.hear()
    assert told.objects == objects_of(lab.state, lab.compute)


async def test_what_is_kept_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CHANGES_KEPT", 50)
    monkeypatch.setattr(feed_module, "RESETS_KEPT_S", 0)
    monkeypatch.setattr(feed_module, "RESETS_KEPT_BYTES", 1)
    feed = lab.feed
    assert feed is not None
    for number in range(100):
        lab.do(volumes.create, CreateVolume(ZONES[0], 1))
        lab.do(security_groups.create, CreateSecurityGroup(f"g{number}", "x"))
        await feed.reset(lab.vpc_id)
        await feed.reset(lab.storage)
    assert len(feed._order) == sum(len(scope.changes) for scope in feed._scopes.values()) == 50
    assert len(feed._resets) <= 1
    await asyncio.sleep(0.01)
    assert not feed._resets


async def test_a_reset_that_made_room_for_another_is_kept_by_nobody(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RESETS_KEPT_BYTES", 1)
    assert lab.feed is not None
    lab.launch()
    before = _resets_in_memory()
    for scope_id in (REGION, lab.vpc_id, lab.storage, lab.compute):
        await lab.feed.reset(scope_id)
    assert _resets_in_memory() - before == 1


def _resets_in_memory() -> int:
    gc.collect()
    return sum(isinstance(found, feed_module._Reset) for found in gc.get_objects())


def test_kinds_are_those_of_the_protocol() -> None:
    kinds = {kind.name for kind in KINDS.values()}
    assert kinds == {field.name for field in messages.Object.DESCRIPTOR.fields}
    numbers = [messages.Object.DESCRIPTOR.fields_by_name[kind.name].number for kind in KINDS.values()]
    assert numbers == sorted(set(ObjectKind.values()) - {0}), "the order of a digest"
