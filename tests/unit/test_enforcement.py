"""A security group's rules are in force when all hosts that have a part in its VPC have them, and not before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.enforcement import Enforcement
from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.model.project import Role
from controlplane.service import (
    health,
    instance_attributes,
    network_acls,
    power,
    prefix_lists,
    security_group_rules,
    security_groups,
)
from controlplane.service.features import Feature
from controlplane.service.instance_attributes import ModifyInstanceAttribute
from controlplane.service.network_acls import DeleteNetworkAclEntry, ReplaceNetworkAclAssociation
from controlplane.service.permissions import Permission
from controlplane.service.prefix_lists import CreatePrefixList, Entry, ModifyPrefixList
from controlplane.service.security_group_rules import Authorize, Revoke
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.sessions import Sessions
from tests.unit.live import PATIENCE, Live, seal
from tests.unit.region import NAME, ZONES

COMPUTE, STORAGE = HostRole.COMPUTE, HostRole.STORAGE


async def two_hosts(live: Live) -> tuple[str, str]:
    """Each with an instance of the default VPC; and one without."""
    live.add_image()
    hosts = [live.add_host(zone, (COMPUTE, STORAGE)) for zone in ZONES[:2]]
    for host_id in (*hosts, live.add_host(ZONES[0], (STORAGE,))):
        live.connect(host_id)
    await live.quiet()
    for zone in ZONES[:2]:
        live.run(zone_name=zone, associate_public_ip_address=False)
    await live.quiet()
    return hosts[0], hosts[1]


def authorize(live: Live, port: int = 80) -> str:
    group_id = next(iter(live.state.security_groups)).id
    live.do(
        security_group_rules.authorize, Authorize(group_id, False, [Permission("tcp", port, port, "0.0.0.0/0", "", "")])
    )
    return group_id


def status(live: Live, group_id: str) -> str:
    return health.of_rules(live.state.security_groups[group_id], live.sessions.late, Role.MEMBER)[0]


async def test_rules_are_in_force_when_the_last_host_has_answered() -> None:
    async with Live.running() as live:
        host_id, other = await two_hosts(live)
        live.silent = {host_id, other}
        group_id = authorize(live)
        await live.quiet()
        assert status(live, group_id) == "pending"
        before = live.state.revision
        for answers, expected in ((other, "pending"), (host_id, "enforced")):
            live.silent.discard(answers)
            live.answer(answers)
            await live.quiet()
            assert status(live, group_id) == expected
        told = live.journal.history.after(before)
        assert [row.id for row in told or () if row.kind == "security-group"] == [group_id], "one event"


async def test_a_host_that_could_not_follow_is_waited_for() -> None:
    async with Live.running() as live:
        host_id, _ = await two_hosts(live)
        agent, (vpc,) = live.agents[host_id], live.state.vpcs
        key = (ObservedKind.VPC, vpc.id)
        agent.broken[key] = "nft: no such table"
        agent.has[key] = replace(agent.has[key], converged=False)
        group_id = authorize(live)
        await live.quiet()
        assert status(live, group_id) == "pending"
        del agent.broken[key]
        live.connect(host_id)
        await live.quiet()
        assert status(live, group_id) == "enforced"


async def test_an_answer_to_an_earlier_change_does_not_count() -> None:
    async with Live.running() as live:
        host_id, other = await two_hosts(live)
        live.silent = {host_id, other}
        group_id = authorize(live)
        await live.quiet()
        answered = [live.agents[each].revision for each in (host_id, other)]
        authorize(live, 443)
        for each, revision in zip((host_id, other), answered, strict=True):
            live.links[each][0].report(live.agents[each].report(is_full=False), revision)
        assert status(live, group_id) == "pending"
        live.silent.clear()
        await live.quiet()
        assert status(live, group_id) == "enforced"


async def test_who_is_waited_for_is_told_and_an_admin_s_word_ends_it() -> None:
    async with Live.running() as live:
        host_id, _ = await two_hosts(live)
        live.silent = {host_id}
        live.sessions.close(live.links[host_id][0])
        live.now += PATIENCE.reconnect + timedelta(seconds=1)
        group_id = authorize(live)
        await live.quiet()
        row = live.state.security_groups[group_id]
        detail = health.of_rules(row, live.sessions.late, Role.MEMBER)[1]
        assert detail.startswith("hosts that do not have its rules yet: 1; one of them is unreachable: its agent")
        live.put(replace(live.state.hosts[host_id], lost_at=live.now))
        live.sessions.answer_for_lost()
        await live.quiet()
        assert status(live, group_id) == "enforced"


def revoke_and_drop(live: Live, group_id: str) -> None:
    rule_ids = [row.id for row in live.state.rules.group.of(group_id) if not row.is_egress]
    live.do(security_group_rules.revoke, Revoke(group_id, False, (), rule_ids[:1], drop_established=True))


def upgrade(live: Live, host_id: str) -> None:
    """Its agent, which then knows how connections end."""
    live.put(replace(live.state.hosts[host_id], features=(Feature.DROP_REVISION,)))


async def test_a_host_whose_agent_ends_no_connections_is_waited_for_where_they_are_to_end() -> None:
    async with Live.running() as live:
        host_id, other = await two_hosts(live)
        upgrade(live, other)
        group_id = authorize(live)
        await live.quiet()
        assert status(live, group_id) == "enforced", "nothing is to end"
        revoke_and_drop(live, group_id)
        await live.quiet()
        row = live.state.security_groups[group_id]
        assert [(host.id, host.generation) for host in live.sessions.late(group_id)] == [(host_id, row.generation)]
        for role, whose in ((Role.ADMIN, host_id), (Role.MEMBER, "a host")):
            detail = health.of_rules(row, live.sessions.late, role)[1]
            assert detail.endswith(f"; the agent of {whose} does not know how to end connections: upgrade it")
        authorize(live, 443)
        await live.quiet()
        assert status(live, group_id) == "pending", "what was to end before goes on"
        upgrade(live, host_id)
        live.answer(host_id)
        await live.quiet()
        assert status(live, group_id) == "enforced"


async def test_what_had_ended_before_holds_no_host_up() -> None:
    async with Live.running() as live:
        host_id, other = await two_hosts(live)
        for each in (host_id, other):
            upgrade(live, each)
        group_id = authorize(live)
        revoke_and_drop(live, group_id)
        await live.quiet()
        assert status(live, group_id) == "enforced"
        live.put(replace(live.state.hosts[host_id], features=()))
        authorize(live, 443)
        await live.quiet()
        assert status(live, group_id) == "enforced"


async def test_a_host_that_has_no_part_any_more_is_not_waited_for_however_old_its_agent_is() -> None:
    async with Live.running() as live:
        host_id, other = await two_hosts(live)
        upgrade(live, other)
        group_id = authorize(live)
        revoke_and_drop(live, group_id)
        await live.quiet()
        assert status(live, group_id) == "pending"
        live.do(power.terminate, [row.id for row in live.state.instances.host.of(host_id)])
        await live.quiet()
        assert status(live, group_id) == "enforced"


async def test_each_host_has_a_generation() -> None:
    async with Live.running() as live:
        host_id, _ = await two_hosts(live)
        group_id = authorize(live)
        await live.quiet()
        first = live.state.security_groups[group_id].generation
        live.silent = {host_id}
        for port in (81, 82):
            authorize(live, port)
        await live.quiet()
        late = live.sessions.late(group_id)
        assert [(host.id, host.generation) for host in late] == [(host_id, first)], "the other one has the latest"
        assert live.state.security_groups[group_id].generation > first
        live.silent = set()
        live.answer(host_id)
        await live.quiet()
        assert not live.sessions.late(group_id)
        assert live.state.security_groups[group_id].generation > first


async def test_an_instances_new_groups_are_in_force_when_all_hosts_have_them() -> None:
    async with Live.running() as live:
        live.silent = set(await two_hosts(live))
        default = next(iter(live.state.security_groups)).id
        group_id = live.do(security_groups.create, CreateSecurityGroup("web", "x"))
        instance_id = next(iter(live.state.instances)).id
        live.do(instance_attributes.modify, ModifyInstanceAttribute(instance_id, security_group_ids=[group_id]))
        await live.quiet()
        assert [status(live, each) for each in (default, group_id)] == ["pending", "pending"]
        for host_id in sorted(live.silent):
            live.silent.discard(host_id)
            live.answer(host_id)
        await live.quiet()
        assert [status(live, each) for each in (default, group_id)] == ["enforced", "enforced"]
        live.do(instance_attributes.modify, ModifyInstanceAttribute(instance_id, security_group_ids=[group_id]))
        assert status(live, group_id) == "enforced", "nothing changed"


async def test_a_restarted_control_plane_waits_for_all_hosts() -> None:
    async with Live.running() as live:
        live.silent = set(await two_hosts(live))
        group_id = authorize(live)
        again = Sessions(live.journal, NAME, PATIENCE, lambda: live.now, seal)
        assert len(again.late(group_id)) == 2


async def test_a_vpc_that_lost_its_hosts_before_a_restart_waits_for_the_next_answer_of_any() -> None:
    async with Live.running() as live:
        group_id, host_id = authorize(live), live.add_host(ZONES[0], (COMPUTE,))
        revision = live.state.revision
        live.put(replace(live.state.security_groups[group_id], pending_revision=revision))
        again = Enforcement(live.state)
        live.apply(again.answered(host_id, revision - 1))
        assert status(live, group_id) == "pending"
        live.apply(again.answered(host_id, revision))
        assert status(live, group_id) == "enforced"


async def test_without_hosts_rules_are_in_force_at_once() -> None:
    async with Live.running() as live:
        assert status(live, authorize(live)) == "enforced"


async def test_a_group_that_is_deleted_waits_for_nobody() -> None:
    async with Live.running() as live:
        live.silent = set(await two_hosts(live))
        group_id = live.do(security_groups.create, CreateSecurityGroup("web", "x"))
        anything = Permission("tcp", 1, 1, "0.0.0.0/0", "", "")
        live.do(security_group_rules.authorize, Authorize(group_id, False, [anything]))
        assert len(live.sessions.late(group_id)) == 2
        live.do(security_groups.delete, group_id)
        assert not live.sessions.late(group_id)


@pytest.mark.parametrize("what", ["revoked", "its prefix list"])
async def test_whatever_changes_rules_is_waited_for(what: str) -> None:
    async with Live.running() as live:
        hosts = await two_hosts(live)
        group_id = next(iter(live.state.security_groups)).id
        list_id = live.do(prefix_lists.create, CreatePrefixList("offices", 5, [Entry("192.0.2.0/24")]))
        named = Permission("tcp", 22, 22, "", "", "", list_id)
        (rule_id,) = live.do(security_group_rules.authorize, Authorize(group_id, False, [named]))
        await live.quiet()
        assert status(live, group_id) == "enforced"
        live.silent = set(hosts)
        if what == "revoked":
            live.do(security_group_rules.revoke, Revoke(group_id, False, [], [rule_id]))
        else:
            live.do(prefix_lists.modify, ModifyPrefixList(list_id, add_entries=[Entry("198.51.100.0/24")]))
        assert status(live, group_id) == "pending"


async def test_a_host_that_leaves_the_vpc_is_waited_for_no_longer() -> None:
    async with Live.running() as live:
        host_id, _ = await two_hosts(live)
        live.silent = {host_id}
        group_id = authorize(live)
        (instance,) = live.state.instances.host.of(host_id)
        await live.quiet()
        live.silent.clear()
        live.do(power.terminate, [instance.id])
        live.answer(host_id)
        await live.quiet()
        assert status(live, group_id) == "enforced"


def of_acl(live: Live, acl_id: str) -> tuple[str, str]:
    return health.of_rules(live.state.network_acls[acl_id], live.sessions.late, Role.MEMBER)


async def test_entries_of_an_acl_are_in_force_when_the_last_host_has_answered() -> None:
    async with Live.running() as live:
        live.silent = set(await two_hosts(live))
        (acl_id,) = (row.id for row in live.state.network_acls)
        assert of_acl(live, acl_id) == ("enforced", "")
        live.do(network_acls.delete_entry, DeleteNetworkAclEntry(acl_id, 100))
        await live.quiet()
        assert of_acl(live, acl_id) == ("pending", "hosts that do not have its rules yet: 2")
        again = Sessions(live.journal, NAME, PATIENCE, lambda: live.now, seal)
        assert len(again.late(acl_id)) == 2, "also for the next control plane"
        for host_id in sorted(live.silent):
            live.silent.discard(host_id)
            live.answer(host_id)
        await live.quiet()
        assert of_acl(live, acl_id) == ("enforced", "")


async def test_a_host_whose_agent_knows_no_acls_is_waited_for_while_one_stops_anything_there() -> None:
    async with Live.running() as live:
        host_id, _ = await two_hosts(live)
        live.put(replace(live.state.hosts[host_id], features=()))
        (default,), (vpc_id,) = (row.id for row in live.state.network_acls), (row.id for row in live.state.vpcs)
        closed = live.do(network_acls.create, network_acls.CreateNetworkAcl(vpc_id))
        subnet = next(iter(live.state.subnets))
        asked = ReplaceNetworkAclAssociation(subnet.network_acl_association_id, closed)
        association_id = live.do(network_acls.replace_association, asked)
        await live.quiet()
        expected = "hosts that do not have its rules yet: 1; the agent of a host does not know network ACLs: upgrade it"
        assert of_acl(live, closed) == ("pending", expected)
        assert of_acl(live, default) == ("enforced", ""), "it stops nothing"
        live.do(network_acls.replace_association, ReplaceNetworkAclAssociation(association_id, default))
        await live.quiet()
        assert of_acl(live, closed) == ("enforced", ""), "it guards nothing any more"
