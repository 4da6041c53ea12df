"""What is wrong with an instance or a volume, out of what its hosts were last seen to have. Pure; judges no one unseen.

A guest needs more than itself: its volumes and their doors on storage hosts, its VPC on its own. What is wrong with
any of them is a cause, and causes are told roots first. Nothing is said that was not seen.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.model.instance import Attachment, Desired, Instance, Observation, ObservedKind, Phase, Volume
from controlplane.model.lifecycle import InstanceState, VolumeState, state_of
from controlplane.model.network import NetworkInterface, SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import NetworkAcl, NetworkAclEntry
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.model.value import value
from controlplane.service import network_interfaces, volumes
from controlplane.service.presence import Look, Presence, at

# How long a guest may take to let go of a volume before that is worth saying. Shorter: each detach seems to hang.
# Longer: somebody waits for a guest that has it mounted.
BUSY_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class LateHost:
    """One that does not have a group's or an ACL's rules; `generation` is that of those that it has, 0: not known.

    Or it has them, and its agent `is_too_old` for what follows: to end connections, or to stop anything by an ACL.
    """

    id: str
    generation: int
    presence: Presence
    is_too_old: bool = False


Late = Callable[[str], Sequence[LateHost]]  # By the id of a security group or a network ACL.


@value(frozen=True, slots=True)
class Health:
    """`status` as in instances.proto. `last_seen_at`: when its host was last heard of."""

    status: str
    cause: str
    since: datetime | None
    last_seen_at: datetime | None
    is_permanent: bool = False


@value(frozen=True, slots=True)
class Trouble:
    cause: str
    since: datetime | None
    is_permanent: bool = False


def of_instance(state: State, look: Look, row: Instance, seen: Observation | None) -> Health:
    """`seen`: what its host was last seen to have of it."""
    host, current = look(row.host_id), state_of(row, seen)
    if row.desired is not Desired.ON and row.is_settled:
        return Health("not-applicable", "", None, host.last_seen_at)
    troubles = list(_troubles(state, look, row, seen))
    if not host.is_reachable:
        return _health("unreachable", [_away("its host", host), *troubles], host)
    if current is InstanceState.RUNNING:
        troubles += _unexplained(seen)
        return _health("impaired" if troubles else "ok", troubles, host)
    return _health("initializing" if current is InstanceState.PENDING else "not-applicable", troubles, host)


def of_volume(state: State, look: Look, row: Volume) -> Health:
    host, current = look(row.host_id), volumes.state_of(state, row)
    troubles = list(_errors(state, ObservedKind.VOLUME, row.id, row.host_id, ""))
    for attachment in state.attachments.volume.of(row.id):
        troubles += _errors(state, ObservedKind.EXPORT, attachment.id, row.host_id, "")
    if not host.is_reachable:
        return _health("unreachable", [_away("its host", host), *troubles], host)
    if current is VolumeState.CREATING:
        return _health("initializing", troubles, host)
    return _health("impaired" if troubles else "ok", troubles, host)


def _health(status: str, troubles: list[Trouble], host: Presence) -> Health:
    if not troubles:
        return Health(status, "", None, host.last_seen_at)
    cause = "; ".join(dict.fromkeys(trouble.cause for trouble in troubles))
    return Health(
        status, cause, troubles[0].since, host.last_seen_at, any(trouble.is_permanent for trouble in troubles)
    )


def _away(whose: str, host: Presence) -> Trouble:
    return Trouble(f"{whose} is {host.status.value}: {host.cause}", host.since)


def _troubles(state: State, look: Look, row: Instance, seen: Observation | None) -> Iterator[Trouble]:
    for attachment in state.attachments.instance.of(row.id):
        if attachment.phase is Phase.ATTACHED:
            yield from _volume_troubles(state, look, attachment)
    for interface in state.interfaces.instance.of(row.id):
        yield from _errors(state, ObservedKind.VPC, interface.vpc_id, row.host_id, interface.vpc_id)
    if seen and seen.error:
        yield Trouble(seen.error, seen.since, seen.permanent)


def _unexplained(seen: Observation | None) -> Iterator[Trouble]:
    """A guest that shall run, is not seen to, and for which no reason was given."""
    if seen is None:
        yield Trouble("its host was last seen without it", None)
    elif not seen.running and not seen.error:
        yield Trouble("its host last saw the guest off, and gave no reason", None)


def _volume_troubles(state: State, look: Look, attachment: Attachment) -> Iterator[Trouble]:
    host_id = attachment.storage_host_id
    if host_id != attachment.client_host_id:
        storage = look(host_id)
        if not storage.is_reachable:
            yield _away(f"the storage host of {attachment.volume_id}", storage)
    yield from _errors(state, ObservedKind.VOLUME, attachment.volume_id, host_id, attachment.volume_id)
    yield from _errors(state, ObservedKind.EXPORT, attachment.id, host_id, attachment.volume_id)


def _errors(state: State, kind: ObservedKind, resource_id: str, host_id: str, whose: str) -> Sequence[Trouble]:
    """One or none; `whose`: an id to begin with, or nothing."""
    seen: Observation | None = state.observed(kind, resource_id, host_id)
    if seen is None or not seen.error:
        return ()
    return (Trouble(f"{whose}: {seen.error}" if whose else seen.error, seen.since, seen.permanent),)


def of_attachment(state: State, row: Attachment, now: datetime) -> tuple[str, str]:
    """Its state as in volumes.proto, and what is in the way."""
    if row.phase is Phase.ATTACHED:
        return ("attached" if volumes.is_attached(state, row) else "attaching"), ""
    seen = state.observed(ObservedKind.INSTANCE, row.instance_id, row.client_host_id)
    is_held = row.phase is Phase.DETACHING and seen is not None and row.id in seen.export_names
    if is_held and row.phase_at and now - row.phase_at >= BUSY_AFTER:
        return "busy", (
            f"the guest was asked at {at(row.phase_at)} to let go of it and still has it; "
            "unmount it there, or detach it by force"
        )
    return "detaching", ""


def of_interface(state: State, row: NetworkInterface) -> tuple[str, str]:
    """Its attachment's status as in instances.proto, empty where it has none, and what is in the way."""
    if not row.instance_id:
        return "", ""
    if not row.is_detaching:
        return ("attached" if network_interfaces.is_attached(state, row) else "attaching"), ""
    seen = state.observed(ObservedKind.INSTANCE, row.instance_id, row.detach_host_id)
    is_held = not row.is_forced and seen is not None and row.id in seen.interface_ids
    return "detaching", "the guest has not let go of it yet; by force it is taken off the network" if is_held else ""


def note_busy(state: State, now: datetime) -> Change:
    """Attachments that have become busy: time alone changes no row, and whoever watches is told of rows."""
    rows = (row for row in state.attachments.detaching.all() if not row.is_busy)
    change = Change()
    change.put(*(replace(row, is_busy=True) for row in rows if of_attachment(state, row, now)[0] == "busy"))
    return change


def of_rules(row: SecurityGroup | NetworkAcl, late: Late, role: Role) -> tuple[str, str]:
    """Its status as in security_groups.proto, and what it waits for; with a host's id for an admin."""
    if not row.pending_revision:
        return "enforced", ""
    hosts = late(row.id)
    old = [host.id if role is Role.ADMIN else "a host" for host in hosts if host.is_too_old]
    away = [_away("one of them", host.presence).cause for host in hosts if not host.presence.is_reachable]
    unknown = "network ACLs" if isinstance(row, NetworkAcl) else "how to end connections"
    causes = [*(f"the agent of {host} does not know {unknown}: upgrade it" for host in old[:1]), *away[:1]]
    return "pending", "; ".join([f"hosts that do not have its rules yet: {len(hosts)}", *causes])


def of_rule(row: SecurityGroupRule | NetworkAclEntry) -> tuple[str, str]:
    """Its status as in security_groups.proto, and why it has no effect."""
    return ("no-effect", "VPCs have no IPv6 yet; the rule is kept") if row.is_ipv6 else ("in-effect", "")


_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def shown_cause(state: State, cause: str, role: Role) -> str:
    """What a host said, without the addresses of hosts where the caller is no admin."""
    if role is Role.ADMIN or not _IPV4.search(cause):
        return cause
    hosts = {host.underlay_address for host in state.hosts}
    return _IPV4.sub(lambda found: "a host" if found[0] in hosts else found[0], cause)
