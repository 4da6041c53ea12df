"""NAT gateways: by which private subnets reach the outside, and nobody them.

    pending --its gateway's host has it--> available --DeleteNatGateway--> deleting --the host has not--> deleted

One that its host can't have is `failed` until it can. What it shows is worked out of rows, as with instances.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controlplane.errors import Conflict
from controlplane.ids import Prefix
from controlplane.model.host import Host
from controlplane.model.instance import Observation, ObservedKind
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import NetworkInterface, PublicAddress
from controlplane.model.state import Change, State
from controlplane.model.vpc import InternetGateway
from controlplane.service import addresses
from controlplane.service.call import Call, check_tags, find
from controlplane.service.features import Feature
from controlplane.service.network_interfaces import new_interface
from controlplane.service.presence import Look
from controlplane.service.private_addresses import Free
from controlplane.service.quotas import check_interface, check_one_more
from controlplane.service.route_tables import leads_to_gateway


@dataclass(frozen=True, slots=True)
class CreateNatGateway:
    subnet_id: str
    allocation_id: str
    private_ip_address: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateNatGateway) -> tuple[Change, str]:
    subnet = find(state.subnets, request.subnet_id, call)
    address = addresses.find_elastic(state, call, request.allocation_id)
    check_tags(request.tags)
    _check_free(state, address)
    addresses.check_gateway(state, subnet.vpc_id)
    held, limit = state.nat_gateways.live.of((call.project_id, subnet.zone)), call.policy.nat_gateways_per_zone
    check_one_more("NatGatewayLimitExceeded", f"The project in {subnet.zone}", "NAT gateways", held, limit)
    check_interface(state, call)
    interface = new_interface(call, subnet, Free(state).take_one(subnet, request.private_ip_address), groups=())
    row = _new(state, call, interface, address, request.tags)
    change = Change()
    change.put(row, replace(interface, description=f"Interface for NAT Gateway {row.id}"))
    change.put(replace(address, interface_id=row.interface_id, association_id=call.mint(Prefix.ADDRESS_ASSOCIATION)))
    return change, row.id


def _check_free(state: State, address: PublicAddress) -> None:
    if address.interface_id:
        holder = addresses.holder_id(state, address)
        raise Conflict(
            "Resource.AlreadyAssociated",
            f"{address.id} ({address.public_ip}) is mapped to {holder}; disassociate it first, or allocate another",
            blocking_ids=[holder],
        )


def _new(
    state: State, call: Call, interface: NetworkInterface, address: PublicAddress, tags: Mapping[str, str]
) -> NatGateway:
    return NatGateway(
        id=call.mint(Prefix.NAT_GATEWAY),
        project_id=call.project_id,
        vpc_id=interface.vpc_id,
        subnet_id=interface.subnet_id,
        zone=state.subnets[interface.subnet_id].zone,
        interface_id=interface.id,
        private_ip=interface.private_ip,
        allocation_id=address.id,
        public_ip=address.public_ip,
        created_revision=state.revision + 1,
        created_at=call.now,
        tags=tags,
    )


def delete(state: State, call: Call, nat_gateway_id: str) -> tuple[Change, str]:
    """Its address stays with the project, and routes to it become black holes. It may be deleted already."""
    row, change = find(state.nat_gateways, nat_gateway_id, call), Change()
    if row.is_deleted:
        return change, row.id
    change.put(addresses.unmapped(state, state.addresses[row.allocation_id]))
    gateway = _gateway(state, row)
    ended = replace(row, is_deleted=True, ending_host_id=gateway.host_id, ending_revision=state.revision + 1)
    if ended.ending_host_id:
        change.put(ended)
    else:
        end(change, state, ended, call.now)
    return change, row.id


def _gateway(state: State, row: NatGateway) -> InternetGateway:
    """Which can't be detached as long as there is a NAT gateway."""
    return state.internet_gateways.vpc.of(row.vpc_id)[0]


def end(change: Change, state: State, row: NatGateway, now: datetime) -> None:
    """No host has it any more: its private address is free."""
    change.put(replace(row, ending_host_id="", deleted_at=now))
    if interface := state.interfaces.get(row.interface_id):
        change.delete(interface)


def carried_by(state: State, host_id: str) -> Iterator[NatGateway]:
    """Those that are pending, and for whose beginning this host's answer is waited."""
    for gateway in state.internet_gateways.host.of(host_id):
        if Feature.NAT_GATEWAYS in state.hosts[host_id].features:
            yield from state.nat_gateways.pending.of(gateway.vpc_id)


def state_of(state: State, row: NatGateway) -> str:
    """As in nat_gateways.proto."""
    if row.is_deleted:
        return "deleted" if row.deleted_at else "deleting"
    if row.is_ready:
        return "available"
    return "failed" if failure(state, row) else "pending"


def failure(state: State, row: NatGateway) -> str:
    """Why its host can't have it, and will not try again; empty where nothing is said of that, or it had it once."""
    seen = None if row.is_ready or row.is_deleted else _seen(state, row)
    return seen.error if seen and seen.permanent else ""


def _seen(state: State, row: NatGateway) -> Observation | None:
    """What the host that shall carry it, or shall no more, was seen to have."""
    host_id = row.ending_host_id if row.is_deleted else _gateway(state, row).host_id
    return state.observed(ObservedKind.GATEWAY, row.vpc_id, host_id)


@dataclass(frozen=True, slots=True)
class Use:
    """What its host last told: connections now, and those refused for want of a port; when there were last more."""

    active_connections: int
    refused_connections: int
    refused_at: datetime | None = None


class Uses:
    """Of the NAT gateways whose hosts are connected, in memory alone: they are others every ten seconds."""

    def __init__(self) -> None:
        self._by_host: dict[str, dict[str, Use]] = {}
        self._host_of: dict[str, str] = {}

    def of(self, nat_gateway_id: str) -> Use | None:
        return self._by_host.get(self._host_of.get(nat_gateway_id, ""), {}).get(nat_gateway_id)

    def take(self, state: State, host_id: str, told: Mapping[str, tuple[int, int]], now: datetime) -> None:
        """What a host tells of those that it shall carry: connections, and refused ones, by NAT gateway."""
        rows = (state.nat_gateways.get(id) for id in told)
        ours = [row.id for row in rows if row and not row.is_deleted and _gateway(state, row).host_id == host_id]
        known = self._by_host.get(host_id, {})
        self.forget(host_id)
        self._by_host[host_id] = {id: _after(known.get(id), *told[id], now) for id in ours}
        self._host_of.update(dict.fromkeys(ours, host_id))

    def forget(self, host_id: str) -> None:
        """It tells no more."""
        for nat_gateway_id in self._by_host.pop(host_id, {}):
            if self._host_of.get(nat_gateway_id) == host_id:
                del self._host_of[nat_gateway_id]


def _after(known: Use | None, active: int, refused: int, now: datetime) -> Use:
    """Of what was before this process nobody knows when it was."""
    if known is None:
        return Use(active, refused)
    return Use(active, refused, now if refused > known.refused_connections else known.refused_at)


# How long refused connections are worth saying. Shorter: who looks later sees nothing. Longer: it seems to go on.
LATELY = timedelta(minutes=15)


def problems(state: State, look: Look, row: NatGateway, use: Use | None, now: datetime) -> list[str]:
    """What is wrong with it, for people: nothing where it is gone."""
    if row.deleted_at:
        return []
    seen = _seen(state, row)
    told = [] if row.is_deleted else list(_in_the_way(state, look, row))
    told += [seen.error] if seen and seen.error else []
    if use and use.refused_at and now - use.refused_at < LATELY:
        told.append(
            f"{use.refused_connections} connections through NAT gateways of {row.vpc_id} found no free port so far; "
            "spread them over more NAT gateways, each with an address of its own"
        )
    return told


def _in_the_way(state: State, look: Look, row: NatGateway) -> Iterator[str]:
    host = state.hosts.get(_gateway(state, row).host_id)
    if not leads_to_gateway(state, state.subnets[row.subnet_id]):
        yield f"{row.subnet_id} has no route to an internet gateway, so nothing gets out; add one to its route table"
    if host is None:
        yield "no gateway host is there to carry it"
    else:
        yield from _of_host(look, host)


def _of_host(look: Look, host: Host) -> Iterator[str]:
    presence = look(host.id)
    if not presence.is_reachable:
        yield f"its gateway's host is {presence.status.value}: {presence.cause}"
    elif Feature.NAT_GATEWAYS not in host.features:
        yield f"the agent of its gateway's host, version {host.agent_version}, knows no NAT gateways: upgrade it"
