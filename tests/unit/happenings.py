"""What can happen to a region: each a step that takes two numbers, which say to what."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from controlplane.ids import Prefix
from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.model.vpc_peering import PeeringStatus, VpcPeeringConnection
from controlplane.service import (
    addresses,
    hosts,
    instance_attributes,
    instances,
    power,
    prefix_lists,
    projects,
    security_group_rules,
    security_groups,
    sweeping,
    volumes,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.instance_attributes import ModifyInstanceAttribute
from controlplane.service.instances import RunInstances
from controlplane.service.permissions import Permission
from controlplane.service.power import StopInstances
from controlplane.service.prefix_lists import CreatePrefixList, Entry, ModifyPrefixList
from controlplane.service.security_group_rules import Authorize, Revoke
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.volumes import AttachVolume, CreateVolume, DetachVolume
from tests.unit.live import Live
from tests.unit.region import ZONES

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY
INSTANCE = ObservedKind.INSTANCE


class Missing(Exception):
    """There is nothing yet that the step could be about."""


def pick(rows: Any, number: int) -> Any:
    found: Sequence[Any] = list(rows)
    if not found:
        raise Missing
    return found[number % len(found)]


def pick_id(rows: Any, number: int) -> str:
    return str(pick(rows, number).id)


def run(live: Live, a: int, b: int) -> None:
    owner = pick(live.state.projects, b).id
    groups = [row.id for row in live.state.security_groups if row.project_id == owner]
    request = RunInstances(
        pick_id([row for row in live.state.images if row.project_id == owner], 0),
        max_count=1 + a % 2,
        zone_name=ZONES[a % 2],
        security_group_ids=(pick(groups, a), pick(groups, b)),
        associate_public_ip_address=bool(b % 3),
        instance_initiated_shutdown_behavior=("stop", "terminate")[a % 2],
    )
    live.do(instances.run, request, project_id=owner)


def on_instance(act: Callable[..., Any]) -> Callable[[Live, int, int], None]:
    def step(live: Live, a: int, b: int) -> None:
        row = pick(live.state.instances, a)
        request: Any = StopInstances([row.id]) if act is power.stop else [row.id]
        live.do(act, request, project_id=row.project_id)

    return step


def associate(live: Live, a: int, b: int) -> None:
    request = AssociateAddress(pick_id(live.state.addresses, a), pick_id(live.state.instances, b))
    live.do(addresses.associate, request)


def authorize(live: Live, a: int, b: int) -> None:
    group, source = pick(live.state.security_groups, a), pick(live.state.security_groups, b)
    by_group = Permission("tcp", a, a, "", source.id, "")
    by_network = Permission("tcp", b, b, "0.0.0.0/0", "", "")
    asked = Authorize(group.id, bool(a % 2), [by_group if b % 2 else by_network])
    live.do(security_group_rules.authorize, asked, project_id=group.project_id)


def revoke(live: Live, a: int, b: int) -> None:
    rule = pick(live.state.rules, a)
    live.do(
        security_group_rules.revoke, Revoke(rule.group_id, rule.is_egress, [], [rule.id]), project_id=rule.project_id
    )


def name_networks(live: Live, a: int, b: int) -> None:
    owner = pick(live.state.projects, b).id
    asked = CreatePrefixList(f"n{a}", 1 + a % 5, [Entry(f"10.{b}.0.0/16")])
    named = Permission("tcp", a, a, "", "", "", live.do(prefix_lists.create, asked, project_id=owner))
    group = pick([row for row in live.state.security_groups if row.project_id == owner], a)
    live.do(security_group_rules.authorize, Authorize(group.id, bool(b % 2), [named]), project_id=owner)


def change_networks(live: Live, a: int, b: int) -> None:
    row = pick(live.state.prefix_lists, a)
    added, removed = [Entry(f"10.{b}.0.0/16")], [Entry(entry.cidr) for entry in row.entries[: b % 2]]
    asked = ModifyPrefixList(row.id, add_entries=added, remove_entries=removed)
    live.do(prefix_lists.modify, asked, project_id=row.project_id)


def peer(live: Live, a: int, b: int) -> None:
    """Two VPCs begin to, or no longer do, whatever their addresses are: who takes part in what does not ask these."""
    one, other = pick(live.state.vpcs, a), pick(live.state.vpcs, b)
    found = [row for row in live.state.vpc_peering_connections.active.of(one.id) if other.id in row.vpc_ids]
    if one is other:
        raise Missing
    row = VpcPeeringConnection(
        id=live.mint(Prefix.VPC_PEERING_CONNECTION),
        project_id=one.project_id,
        vpc_id=one.id,
        cidr_block=one.cidr_block,
        peer_project_id=other.project_id,
        peer_vpc_id=other.id,
        peer_cidr_block=other.cidr_block,
        status=PeeringStatus.ACTIVE,
        message="",
        expires_at=live.now,
        created_at=live.now,
        tags={},
    )
    live.put(*(replace(row, status=PeeringStatus.DELETED, ended_at=live.now) for row in found) if found else [row])


def power_off_guest(live: Live, a: int, b: int) -> None:
    row = pick(live.state.instances, a)
    agent = live.agents[row.host_id]
    seen = agent.has.get((INSTANCE, row.id))
    if seen and seen.running:
        agent.power_off_guest(row.id)
        live.answer(agent.host_id)


def be_silent(live: Live, a: int, b: int) -> None:
    live.silent ^= {pick(live.agents, a)}
    for host_id in live.agents.keys() - live.silent:
        live.answer(host_id)


def be_stuck(live: Live, a: int, b: int) -> None:
    agent = live.agents[pick(live.agents, a)]
    agent.stuck ^= {pick(agent.has, b)}


def modify(live: Live, a: int, b: int) -> None:
    row = pick(live.state.instances, a)
    groups = [group.id for group in live.state.security_groups if group.project_id == row.project_id]
    wanted: dict[str, Any] = {"security_group_ids": [pick(groups, b)]} if a % 2 else {"user_data": bytes([b])}
    live.do(instance_attributes.modify, ModifyInstanceAttribute(row.id, **wanted), project_id=row.project_id)


def be_encrypted(live: Live, a: int, b: int) -> None:
    host = live.state.hosts[pick(live.agents, a)]
    key = base64.b64encode(bytes([b]) * 32).decode()
    live.sessions.tell(
        host.id, hosts.Capacity(host.vcpus, host.memory_mib, host.storage_gib, (), key), "1", host.features
    )


def add_host(live: Live, a: int, b: int) -> None:
    if len(live.agents) < 8:
        roles = pick([(COMPUTE,), (STORAGE,), (GATEWAY,), (COMPUTE, STORAGE, GATEWAY)], b)
        live.connect(live.add_host(ZONES[a % 2], roles, vcpus=4, storage_gib=20))


def pass_time(live: Live, a: int, b: int) -> None:
    live.now = live.now.replace(year=live.now.year + 1)
    live.do(sweeping.sweep)


STEPS: dict[str, Callable[[Live, int, int], Any]] = {
    "run": run,
    "run again": run,
    "start": on_instance(power.start),
    "stop": on_instance(power.stop),
    "reboot": on_instance(power.reboot),
    "terminate": on_instance(power.terminate),
    "guest off": power_off_guest,
    "volume": lambda live, a, b: live.do(volumes.create, CreateVolume(ZONES[a % 2], 1 + b % 3)),
    "attach": lambda live, a, b: live.do(
        volumes.attach, AttachVolume(pick_id(live.state.volumes, a), pick_id(live.state.instances, b))
    ),
    "detach": lambda live, a, b: live.do(volumes.detach, DetachVolume(pick_id(live.state.volumes, a))),
    "delete volume": lambda live, a, b: live.do(volumes.delete, pick_id(live.state.volumes, a)),
    "allocate": lambda live, a, b: live.do(addresses.allocate, AllocateAddress()),
    "associate": associate,
    "disassociate": lambda live, a, b: live.do(
        addresses.disassociate, pick([row for row in live.state.addresses if row.association_id], a).association_id
    ),
    "release": lambda live, a, b: live.do(addresses.release, pick_id(live.state.addresses, a)),
    "modify": modify,
    "encrypt": be_encrypted,
    "group": lambda live, a, b: live.do(security_groups.create, CreateSecurityGroup(f"g{a}-{b}", "x")),
    "delete group": lambda live, a, b: live.do(security_groups.delete, pick_id(live.state.security_groups, a)),
    "authorize": authorize,
    "revoke": revoke,
    "networks": name_networks,
    "other networks": change_networks,
    "project": lambda live, a, b: live.add_image(live.do(projects.create, f"p{a}-{b}")),
    "peer": peer,
    "host": add_host,
    "reconnect": lambda live, a, b: live.connect(pick(live.agents, a)),
    "silence": be_silent,
    "jam": be_stuck,
    "time": pass_time,
}
NUMBERS = st.integers(0, 30)
MOVES = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), NUMBERS, NUMBERS, st.booleans()), min_size=20, max_size=60)
