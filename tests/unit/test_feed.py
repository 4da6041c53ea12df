"""What changes whose objects; and that what hosts share is made once, in slices, and kept within bounds."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import Phase
from controlplane.model.state import Change
from controlplane.reconcile import feed as feed_module
from controlplane.reconcile import messages
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.objects import ATTACHMENT, KINDS, REGION, scopes_of
from controlplane.reconcile.share import Share, Takers
from controlplane.reconcile.touched import Touched, touched
from controlplane.service import addresses, power, security_group_rules, security_groups, volumes
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.permissions import Permission
from controlplane.service.power import StopInstances
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.volumes import CreateVolume
from stead.agent.v1.objects_pb2 import ObjectKind, Vpc
from tests.unit.region import NAME, ZONES, Region
from tests.unit.told import Objects, digests, objects_of, read, take

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY


class Lab(Region):
    """A region with a feed; every change is durable at once. `last`: what the latest changed."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        super().__init__()
        self.feed = Feed(self.state, NAME, self.state.revision)
        self.takers = Takers(self.state)
        self.last = Touched()
        self.compute = self.add_host(ZONES[0], (COMPUTE,))
        self.storage = self.add_host(ZONES[0], (STORAGE,))
        self.gateway = self.add_host(ZONES[0], (GATEWAY,))

    def apply(self, change: Change) -> None:
        if not change:
            return
        revision = self.state.apply(change)
        if self.feed is not None:
            self.last = touched(self.state, revision.entries)
            self.feed.publish(revision.number, self.last.objects)
            self.feed.revision = revision.number
            self.takers.follow(self.last)
            for host in self.state.hosts:
                assert self.takers.scopes(host.id) == scopes_of(self.state, host.id)

    @property
    def objects(self) -> set[tuple[str, str]]:
        """Scopes and kinds that the latest change touched."""
        return {(scope_id, kind.name) for scope_id, (kind, _) in self.last.objects}

    @property
    def vpc_id(self) -> str:
        return next(iter(self.state.vpcs)).id

    def share(self, host_id: str, *, is_packed: bool = False, known: Objects | None = None) -> "Told":
        """`known`: what its agent has already, and says so."""
        assert self.feed is not None
        known = {scope_id: dict(rows) for scope_id, rows in (known or {}).items()}
        return Told(Share(self.feed, self.takers, host_id, is_packed=is_packed, known=digests(known)), known)


class Told:
    """A host's share, and the objects that its agent makes of it."""

    def __init__(self, share: Share, known: Objects) -> None:
        self.share = share
        self.objects = known

    async def hear(self) -> list[bytes]:
        news = await self.share.news()
        update = read(news.pieces)
        update.snapshot = news.is_snapshot
        update.left.extend(news.left)
        take(self.objects, update)
        return list(news.pieces)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_launch_is_told_to_the_hosts_that_it_concerns(lab: Lab) -> None:
    lab.run()
    own = {(lab.compute, "instance"), (lab.compute, "attachment"), (lab.storage, "attachment"), (lab.storage, "volume")}
    assert lab.objects == own | {(lab.vpc_id, "endpoint"), (lab.vpc_id, "address")}
    assert lab.last.joined == {(lab.compute, lab.vpc_id), (lab.gateway, lab.vpc_id)}
    assert not lab.last.moved
    assert scopes_of(lab.state, lab.compute) == {REGION, lab.compute, lab.vpc_id}
    assert scopes_of(lab.state, lab.gateway) == {REGION, lab.gateway, lab.vpc_id}
    assert scopes_of(lab.state, lab.storage) == {REGION, lab.storage}


def test_a_host_is_told_to_all(lab: Lab) -> None:
    host_id = lab.add_host(ZONES[1])
    assert lab.objects == {(REGION, "host")}
    lab.put(replace(lab.state.hosts[host_id], is_away=True, problems=("x",), vcpus=1, released_to="inc-1"))
    assert lab.objects == set()
    assert lab.last.released == {host_id}


def test_a_rule_shows_in_its_group_alone(lab: Lab) -> None:
    lab.run()
    group_id = lab.do(security_groups.create, CreateSecurityGroup("web", "x"))
    assert lab.objects == {(lab.vpc_id, "security_group")}
    lab.do(security_group_rules.authorize, Authorize(group_id, False, [Permission("tcp", 80, 80, "0.0.0.0/0", "", "")]))
    assert [ref[1] for _, ref in lab.last.objects] == [group_id]
    assert not lab.last.moved


def test_an_address_is_told_where_its_endpoint_is(lab: Lab) -> None:
    instance_id = lab.launch(associate_public_ip_address=False)
    allocation_id = lab.do(addresses.allocate, AllocateAddress())
    assert lab.objects == set()
    association_id = lab.do(addresses.associate, AssociateAddress(allocation_id, instance_id))
    assert lab.objects == {(lab.vpc_id, "address")}
    lab.do(addresses.disassociate, association_id)
    assert lab.objects == {(lab.vpc_id, "address")}
    lab.do(addresses.release, allocation_id)
    assert (lab.objects, lab.last.waiting - {""}) == (set(), {lab.gateway}), "it may have answered already"


def test_what_was_seen_changes_nothing_that_is_told(lab: Lab) -> None:
    (instance_id,) = lab.run()
    lab.converge()
    lab.put(replace(lab.instance(instance_id), ran_generation=7, is_settled=True))
    lab.put(replace(lab.root_volume(instance_id), epoch=9))
    lab.put(replace(next(iter(lab.state.observations)), error="x"))
    assert lab.objects == set()


def test_an_instance_that_moves_is_another_endpoint(lab: Lab) -> None:
    instance_id = lab.launch()
    other = lab.add_host(ZONES[0], (COMPUTE,))
    lab.put(replace(lab.instance(instance_id), host_id=other))
    assert lab.objects == {(lab.compute, "instance"), (other, "instance"), (lab.vpc_id, "endpoint")}
    assert lab.last.moved == {lab.compute, other}


def test_an_attachment_is_told_at_both_ends_until_it_is_released(lab: Lab) -> None:
    instance_id = lab.launch()
    (row,) = lab.attachments(instance_id)
    ends = {(lab.compute, "attachment"), (lab.storage, "attachment")}
    for phase in (Phase.DETACHING, Phase.RELEASED):
        lab.put(replace(row, phase=phase))
        assert lab.objects == ends
        told = [(ATTACHMENT.name, row.id) in objects_of(lab.state, host_id)[host_id] for host_id, _ in ends]
        assert told == [phase is Phase.DETACHING] * 2
    assert not lab.last.moved


def test_an_attachment_with_both_ends_on_a_host_is_one_object_there(lab: Lab) -> None:
    (row,) = lab.attachments(lab.launch())
    lab.put(replace(row, storage_host_id=lab.compute, phase=Phase.DETACHING))
    assert [found.id for found in ATTACHMENT.rows(lab.state, lab.compute)] == [row.id]


def test_an_instance_that_ends_is_no_object_and_its_tombstone_is(lab: Lab) -> None:
    instance_id = lab.launch()
    volume_id = lab.root_volume(instance_id).id
    lab.do(power.terminate, [instance_id])
    assert (lab.compute, "instance") in lab.objects
    lab.converge()
    assert objects_of(lab.state, lab.compute)[lab.compute] == {}
    assert objects_of(lab.state, lab.storage)[lab.storage]["volume", volume_id].deleted


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
