"""Sessions: what agents were sent always amounts to what their hosts shall have, and no answer counts for too much."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane import session as session_module
from controlplane.errors import CloudError, Unavailable
from controlplane.model.capacity import NOTHING
from controlplane.model.host import HostRole
from controlplane.model.instance import Desired, ObservedKind
from controlplane.reconcile import feed
from controlplane.reconcile.absorb import Report
from controlplane.reconcile.share import News
from controlplane.service import addresses, hosts, power, regions, sweeping, volumes
from controlplane.service.power import StopInstances
from controlplane.service.volumes import CreateVolume, DetachVolume
from controlplane.session import ConsoleRequest, Update, sealed_text
from tests.unit.happenings import MOVES, STEPS, Missing
from tests.unit.live import NEVER_S, Live
from tests.unit.region import ZONES
from tests.unit.told import objects_of

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY
INSTANCE = ObservedKind.INSTANCE


async def started(live: Live) -> None:
    live.add_image()
    for zone, roles in ((ZONES[0], (COMPUTE, STORAGE)), (ZONES[1], (COMPUTE, STORAGE)), (ZONES[0], (COMPUTE, GATEWAY))):
        live.connect(live.add_host(zone, roles, vcpus=4, storage_gib=20))
    await live.quiet()


def check_sent(live: Live) -> None:
    """To all but those that are sent nothing more before they have answered."""
    for host_id, agent in live.agents.items():
        if host_id in live.silent:
            continue
        assert agent.objects == objects_of(live.state, host_id), f"sent to {host_id}"


async def clear_away(live: Live) -> None:
    """Every host is well again; everything is ended: nothing may be left."""
    live.silent.clear()
    for agent in live.agents.values():
        agent.stuck.clear()
        live.connect(agent.host_id)
    await live.quiet()
    for row in list(live.state.instances):
        live.do(power.terminate, [row.id], project_id=row.project_id)
    await live.quiet()
    for volume in [row for row in live.state.volumes if not row.recycled_at]:
        live.do(volumes.delete, volume.id, project_id=volume.project_id)
    for address in [row for row in live.state.addresses if not row.is_released]:
        live.do(addresses.release, address.id, project_id=address.project_id)
    await live.quiet()
    for agent in live.agents.values():
        agent.empty_trash()
        live.connect(agent.host_id)
    await live.quiet()
    state = live.state
    left = (state.interfaces, state.attachments, state.volumes, state.addresses, state.observations)
    assert {table.kind: list(table) for table in left if len(table)} == {}
    assert all(state.used(host_id) == NOTHING for host_id in live.agents)
    assert not any(agent.has or agent.specs for agent in live.agents.values())
    assert all(row.is_settled and row.desired is Desired.ABSENT for row in state.instances)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MOVES, st.sampled_from([3, 30, feed.CHANGES_KEPT]))
def test_what_was_sent_is_what_the_host_shall_have(moves: list[tuple[str, int, int, bool]], kept: int) -> None:
    """Whatever happens in whatever order, and however long ago an agent last answered: with fewer changes kept, more
    of them are sent whole scopes. And in the end everything can be cleared away.
    """

    async def story() -> None:
        with patch.object(feed, "CHANGES_KEPT", kept):
            await tell()

    async def tell() -> None:
        async with Live.running() as live:
            await started(live)
            for name, a, b, is_paused in moves:
                try:
                    STEPS[name](live, a, b)
                except (CloudError, Missing):
                    continue
                if is_paused:
                    await live.quiet()
                    check_sent(live)
            await live.quiet()
            check_sent(live)
            await clear_away(live)

    asyncio.run(story())


async def test_an_answer_does_not_count_for_a_change_that_the_agent_has_not_been_sent() -> None:
    """A session that wakes between a change and its commit must not take the change for known to its agent."""
    async with Live.running() as live:
        await started(live)
        (instance_id,) = live.run(zone_name=ZONES[0])
        host_id = live.instance(instance_id).host_id
        agent = live.agents[host_id]
        agent.stuck.add((INSTANCE, instance_id))  # It is being started; the agent has nothing to show yet.
        await live.quiet()
        live.do(power.stop, StopInstances([instance_id]))
        live.silent.add(host_id)
        live.links[host_id][0].wake()
        await live.quiet()
        assert live.state_of(instance_id) == "stopping"
        agent.stuck.clear()
        live.silent.clear()
        live.connect(host_id)
        await live.quiet()
        assert live.state_of(instance_id) == "stopped"


async def test_what_changes_within_a_pause_is_told_together() -> None:
    async with Live.running() as live:
        host_id = live.add_host()
        await live.quiet()
        session = live.sessions.open(host_id)
        updates = session.outgoing()
        told = [await anext(updates)]
        assert isinstance(told[0], Update)
        session.report(Report(host_id, True, (), ()), told[0].news.revision)
        with patch.object(session_module, "PAUSE_S", NEVER_S):
            coming = asyncio.ensure_future(anext(updates))
            for _ in range(3):
                live.do(volumes.create, CreateVolume(ZONES[0], 1))
                await live.quiet()
            assert not coming.done()
        session.answer((), live.journal.durable_revision)
        update = await asyncio.wait_for(coming, 5)
        assert isinstance(update, Update)
        assert isinstance(update.news, News)
        assert len(update.news.pieces) == 3


async def test_a_newer_session_of_a_host_ends_the_older() -> None:
    async with Live.running() as live:
        host_id = live.add_host()
        first, second = live.sessions.open(host_id), live.sessions.open(host_id)
        assert first.ended.is_set()
        live.sessions.close(first)
        assert not second.ended.is_set()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(_console_of(live, host_id, lambda: live.sessions.close(second)), 5)


async def _console_of(live: Live, host_id: str, then: Callable[[], None]) -> bytes:
    asyncio.get_running_loop().call_soon(then)
    return await live.sessions.console(host_id, "i-1", 64)


async def test_a_console_request_is_answered_by_its_own_reply() -> None:
    async def ask(live: Live, host_id: str) -> bytes | str:
        try:
            return await live.sessions.console(host_id, "i-1", 64)
        except Unavailable as error:
            return error.message

    async with Live.running() as live, asyncio.TaskGroup() as group:
        host_id = live.add_host()
        await live.quiet()
        session = live.sessions.open(host_id)
        outgoing = aiter(session.outgoing())
        assert isinstance(await anext(outgoing), Update)
        tasks = [group.create_task(ask(live, host_id)) for _ in range(3)]
        asked = [await anext(outgoing) for _ in tasks]
        first, second, third = (row.request_id for row in asked if isinstance(row, ConsoleRequest))
        session.answer_question(second, b"two", "")
        session.answer_question(third, b"", "no such domain")
        session.answer_question(first, b"one", "")
        session.answer_question(first, b"again", "")
        session.answer_question(99, b"nobody", "")
        assert [await task for task in tasks] == [b"one", b"two", "no such domain"]


async def test_a_row_that_is_gone_when_the_news_of_its_relations_come_does_no_harm() -> None:
    """An instance's end and its sweep in one batch: the interface's entry refers to an instance that is no more."""
    async with Live.running() as live:
        await started(live)
        live.policy = replace(live.policy, terminated_visible=timedelta())
        (instance_id,) = live.run(zone_name=ZONES[0])
        await live.quiet()
        host_id, root = live.instance(instance_id).host_id, live.root_volume(instance_id).id
        live.do(power.stop, StopInstances([instance_id]))
        await live.quiet()
        live.do(volumes.detach, DetachVolume(root))
        await live.quiet()
        live.silent.add(host_id)
        live.do(power.terminate, [instance_id])
        await live.quiet()
        live.silent.clear()
        live.store.gate.clear()
        live.answer(host_id)
        live.do(sweeping.sweep)
        assert instance_id not in live.state.instances
        live.store.gate.set()
        await live.quiet()
        check_sent(live)


async def test_an_instance_that_moves_takes_its_port_and_peers_along() -> None:
    async with Live.running() as live:
        live.add_image()
        for _ in range(3):
            live.connect(live.add_host(roles=(COMPUTE, STORAGE), vcpus=2))
        moving, neighbour = live.run(min_count=2, associate_public_ip_address=False)
        await live.quiet()
        live.do(power.stop, StopInstances([moving]))
        await live.quiet()
        before = live.instance(moving).host_id
        live.reachable.remove(before)
        live.do(power.start, [moving])
        await live.quiet()
        check_sent(live)
        assert live.instance(moving).host_id not in (before, live.instance(neighbour).host_id)
        assert not [key for key in live.agents[before].has if key[0] in (INSTANCE, ObservedKind.VPC)]


async def test_peers_hear_of_a_hosts_new_key() -> None:
    async with Live.running() as live:
        live.add_image()
        first, second = (live.add_host(roles=(COMPUTE, STORAGE), vcpus=2) for _ in range(2))
        for host_id in (first, second):
            live.connect(host_id)
        live.run(min_count=2)
        await live.quiet()
        host = live.state.hosts[first]
        key = "A" * 43 + "="
        live.sessions.tell(
            first, hosts.Capacity(host.vcpus, host.memory_mib, host.storage_gib, (), key), "1", host.features
        )
        await live.quiet()
        check_sent(live)
        assert live.agents[second].objects["region"]["host", first].wireguard_key == key


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_a_released_host_tells_only_later_is_followed_once(is_there: bool) -> None:
    """Whether it is released while it holds, or before it comes: of a later start, and of a later epoch."""
    async with Live.running() as live:
        live.add_image()
        host_id = live.add_host(roles=(COMPUTE, STORAGE))
        live.connect(host_id)
        started, refused = live.run(min_count=2)
        await live.quiet()
        agent, (bond,) = live.agents[host_id], live.attachments(refused)
        (region,) = live.state.regions
        live.silent.add(host_id)
        live.apply(regions.restored(live.state, live.call(), region.id))
        for key, facts in {
            (INSTANCE, started): {"generation": 5},
            (ObservedKind.EXPORT, bond.id): {"converged": False, "permanent": True},
        }.items():
            agent.has[key] = replace(agent.has[key], **facts)  # type: ignore[arg-type]
            agent.stuck.add(key)
        live.do(hosts.release, host_id)
        assert live.instance(started).generation == live.instance(refused).generation == 1
        live.silent.clear()
        for _ in range(2):
            word = regions.Word("", "", 0, is_proven=False)
            session = live.links[host_id][0] if is_there else live.connect(host_id)
            live.sessions.greet(session, "", word, live.call())
            await live.quiet()
            assert (live.instance(started).generation, live.instance(refused).generation) == (6, 2)
            assert live.attachments(refused)[0].epoch > bond.epoch


async def test_an_unknown_host_has_no_console() -> None:
    async with Live.running() as live:
        with pytest.raises(Unavailable, match="not connected"):
            await live.sessions.console("host-unknown", "i-1", 64)


@pytest.mark.parametrize("region", ["home-1", 'a "b" \\ ü'])
def test_what_a_seal_is_on_stays_what_agents_have_seals_of(region: str) -> None:
    assert sealed_text(region, "inc-1", 7, "host-1") == json.dumps([region, "inc-1", 7, "host-1"]).encode()
