"""Hosts: join tokens, joining, and what an agent says of its machine."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address

from controlplane.errors import CloudError, Conflict, Denied, invalid_value
from controlplane.ids import Prefix
from controlplane.model.host import Host, HostRole, HostToken, Pool
from controlplane.model.state import Change, State
from controlplane.service import catching_up, gateway_hosts, regions
from controlplane.service.call import Call, find, find_zone
from controlplane.service.features import Feature
from controlplane.service.idempotency import Attempt, record

# How far `Host.last_seen_at` may lag. Shorter: a quiet region writes all the time. Longer: after a restart of the
# control plane, a dead host seems to have been seen earlier than it was.
SEEN_EVERY = timedelta(minutes=10)
MAX_HOST_NUMBER = 32766  # Transit addresses are 169.254.0.1 to 169.254.127.254.
_WIREGUARD_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # 32 bytes in base64, as wg(8) takes them.


@dataclass(frozen=True, slots=True)
class CreateHostToken:
    zone_name: str
    roles: Sequence[int]
    lifetime_s: int | None
    secret_hash: str = field(compare=False)  # Of a new secret each time.
    host_id: str = ""  # The host that the machine is to be again; zone and roles are then that host's, and not said.


def create_token(state: State, call: Call, request: CreateHostToken) -> tuple[Change, str]:
    zone, roles = _place(state, call, request)
    lifetime_s = 3600 if request.lifetime_s is None else request.lifetime_s
    if not 60 <= lifetime_s <= 604800:
        raise invalid_value("lifetime_s", lifetime_s, "60 to 604800")
    token = HostToken(
        id=call.mint(Prefix.HOST_TOKEN),
        secret_hash=request.secret_hash,
        zone=zone,
        roles=roles,
        created_at=call.now,
        expires_at=call.now + timedelta(seconds=lifetime_s),
        host_id=request.host_id,
    )
    change = Change()
    change.put(token)
    return change, token.id


def _place(state: State, call: Call, request: CreateHostToken) -> tuple[str, tuple[HostRole, ...]]:
    """Zone and roles of the host to come, or of the one that is to come back."""
    if request.host_id:
        host = find(state.hosts, request.host_id, call)
        if request.zone_name or request.roles:
            said = request.zone_name or list(request.roles)
            raise invalid_value("host_id", said, f"no zone and no roles beside it: {host.id} has its own")
        return host.zone, host.roles
    find_zone(state, request.zone_name)
    roles = tuple(HostRole(role) for role in sorted(set(request.roles)) if role in set(HostRole))
    if not roles or len(roles) != len(set(request.roles)):
        raise invalid_value("roles", list(request.roles), "one or more of compute, storage, gateway")
    return request.zone_name, roles


@dataclass(frozen=True, slots=True)
class Join:
    """`join_hash` covers the certificate requests, so that only the machine that made them can repeat the call."""

    secret_hash: str
    join_hash: str
    host_name: str
    underlay_address: str


def enroll(state: State, call: Call, request: Join, request_id: str) -> tuple[Change, str]:
    """`join` with the record of the call, which names the join token; a repetition has none."""
    change, host_id = join(state, call, request)
    if change:
        token = _usable_token(state, call, request)
        how = Attempt("Join", "", request.join_hash, False, token.id, request_id)
        change.put(record(call, how, change, host_id))
    return change, host_id


def renewal(call: Call, host_id: str, request_hash: str) -> Change:
    """The record of a renewal alone: certificates are kept by nobody but their host."""
    change = Change()
    how = Attempt("RenewCertificates", "", request_hash, False, host_id, call.mint(Prefix.REQUEST))
    change.put(replace(record(call, how, change, None), resource_ids=(host_id,)))
    return change


def join(state: State, call: Call, request: Join) -> tuple[Change, str]:
    """Make a machine a host and use the token up; the same request again returns the same host."""
    token = _usable_token(state, call, request)
    change = Change()
    if token.host_id:
        _check_same_address(state.hosts[token.host_id], request.underlay_address)
        change.put(*([] if token.join_hash else [replace(token, join_hash=request.join_hash)]))
        return change, token.host_id
    _check_underlay(state, request.underlay_address)
    host = Host(
        id=call.mint(Prefix.HOST),
        number=_free_number(state),
        name=request.host_name[:253],
        zone=token.zone,
        roles=token.roles,
        underlay_address=request.underlay_address,
        created_at=call.now,
        join_token_id=token.id,
    )
    change.put(host, replace(token, host_id=host.id, join_hash=request.join_hash))
    if HostRole.GATEWAY in host.roles:
        change.put(*(gateway_hosts.moved(row, host.id) for row in gateway_hosts.forsaken(state)))
    return change, host.id


def _usable_token(state: State, call: Call, request: Join) -> HostToken:
    token = state.host_tokens.secret_hash.get(request.secret_hash)
    if token is None:
        raise _refused("this region knows no such join token; make one with `stead host token`")
    if token.join_hash and token.join_hash != request.join_hash:
        raise _refused(f"{token.id} was used already, by {token.host_id}; make a new one with `stead host token`")
    if not token.join_hash and token.expires_at <= call.now:
        raise _refused(f"{token.id} expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC; make a new one")
    return token


def _refused(reason: str) -> CloudError:
    return Denied("InvalidHostToken", f"The host cannot join: {reason}")


def _check_same_address(host: Host, address: str) -> None:
    """Others reach its volumes there, and its guests' networks."""
    if address != host.underlay_address:
        raise invalid_value("underlay_address", address, f"{host.underlay_address}, which {host.id} has")


def _check_underlay(state: State, address: str) -> None:
    try:
        IPv4Address(address)
    except AddressValueError as error:
        raise invalid_value("underlay_address", address, "an IPv4 address of the machine") from error
    taken = next((host for host in state.hosts if host.underlay_address == address), None)
    if taken:
        raise Conflict("InvalidUnderlayAddress.InUse", f"The address {address} belongs to {taken.id} ({taken.name})")


def _free_number(state: State) -> int:
    """The smallest that no host has."""
    for number in range(1, MAX_HOST_NUMBER + 1):
        if number not in state.hosts.number:
            return number
    raise Conflict("HostLimitExceeded", f"The region has {MAX_HOST_NUMBER} hosts, the most there can be")


@dataclass(frozen=True, slots=True)
class Capacity:
    vcpus: int
    memory_mib: int
    storage_gib: int
    problems: tuple[str, ...]
    wireguard_key: str = ""
    pools: tuple[Pool, ...] = ()


def update(state: State, host_id: str, capacity: Capacity, agent_version: str, features: tuple[str, ...]) -> Change:
    """Take down what the agent says; no change where it says nothing new, so that heartbeats write nothing."""
    host = state.hosts.get(host_id)
    if host is None:
        return Change()
    key_problems = _key_problems(state, host_id, capacity.wireguard_key)
    told = replace(
        host,
        vcpus=capacity.vcpus,
        memory_mib=capacity.memory_mib,
        storage_gib=capacity.storage_gib,
        pools=capacity.pools,
        problems=(*key_problems, *_lacks(host, features), *capacity.problems),
        wireguard_key="" if key_problems else capacity.wireguard_key,
        agent_version=agent_version,
        features=features,
    )
    change = Change()
    if told != host:
        change.put(told)
        change.put(*(replace(row, wireguard_key="") for row in _owners(state, host_id, told.wireguard_key)))
    return change


def _owners(state: State, host_id: str, key: str) -> list[Host]:
    """Other hosts with this key, lost ones too: a machine that joins anew as another host brings its key along."""
    return [row for row in state.hosts if key and row.wireguard_key == key and row.id != host_id]


def _lacks(host: Host, features: Collection[str]) -> tuple[str, ...]:
    """What an older agent does otherwise than users were told, for people."""
    if {HostRole.COMPUTE, HostRole.GATEWAY}.isdisjoint(host.roles) or Feature.ROUTE_TABLES in features:
        return ()
    return ("its agent knows no route tables: on this host, all subnets of a VPC with a gateway lead out; upgrade it",)


def _key_problems(state: State, host_id: str, key: str) -> tuple[str, ...]:
    """Why a host's key is told to nobody, for people. One host's word must not break what others say to one another."""
    if not key:
        return ()
    owners = [row.id for row in _owners(state, host_id, key) if not row.lost_at]
    if owners:
        wrong = f"its WireGuard key is that of {owners[0]}; give one of them another"
    elif not _WIREGUARD_KEY.fullmatch(key):
        wrong = f"{key!r} is no WireGuard key"
    else:
        return ()
    return (f"hosts that encrypt send nothing to it: {wrong}",)


def release(state: State, call: Call, host_id: str) -> tuple[Change, None]:
    """An admin has looked: the host may follow this region, as it is now, in all it says."""
    host, change = find(state.hosts, host_id, call), Change()
    released = replace(host, released_to=regions.incarnation(state, call.policy.region, host_id))
    if released != host:
        change.put(released)
    catching_up.catch_up(state, call, change, host.id)
    return change, None


def seen(state: State, host_id: str, now: datetime) -> Change:
    """The host is there. Whoever comes back is not lost: it is told what shall be, and what ended meanwhile is not."""
    host, change = state.hosts.get(host_id), Change()
    if host is None or host.is_removed:
        return change
    is_news = host.is_away or host.lost_at or host.last_seen_at is None
    if is_news or (host.last_seen_at and abs(now - host.last_seen_at) >= SEEN_EVERY):
        change.put(replace(host, last_seen_at=now, is_away=False, lost_at=None))
    return change


def missed(state: State, host_id: str, last_seen_at: datetime) -> Change:
    """The host is given up until it comes back."""
    change = Change()
    change.put(replace(state.hosts[host_id], last_seen_at=last_seen_at, is_away=True))
    return change
