"""Peerings of VPCs: asked for by the one's project, and accepted by the other's, which may be the same.

Their addresses are disjoint, and so are those of all peers of a VPC: what comes from an address is of one VPC alone.
Anybody who knows whose a VPC is may ask, so to be asked takes no room and stands in the way of nothing; and neither
project is told more of the other's VPCs than that addresses are in common, before both want it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from controlplane.errors import Conflict, Denied, Invalid, Parameter, missing
from controlplane.ids import Prefix
from controlplane.model.state import Change, State
from controlplane.model.vpc import Vpc
from controlplane.model.vpc_peering import PeeringStatus, VpcPeeringConnection
from controlplane.service.call import Call, check_id, check_tags, find, not_found
from controlplane.service.quotas import check_one_more

OPEN_FOR = timedelta(days=7)  # EC2's, to be accepted in.


@dataclass(frozen=True, slots=True)
class CreateVpcPeeringConnection:
    vpc_id: str
    peer_vpc_id: str
    peer_owner_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateVpcPeeringConnection) -> tuple[Change, str]:
    vpc = find(state.vpcs, request.vpc_id, call)
    peer = _peer(state, call, request)
    check_tags(request.tags)
    if peer.id == vpc.id:
        raise _invalid(peer, f"{vpc.id} can't peer with itself; name another VPC")
    for row in state.vpc_peering_connections.live.of(vpc.id):
        if peer.id in row.vpc_ids:
            raise _is_there(call, row)
    _check_room(state, call, vpc.id)
    _check_apart(call, vpc, peer)
    _check_peers(state, call, vpc, peer)
    if peer.project_id == vpc.project_id:  # Of another's peers one learns nothing by asking: that project is told.
        _check_peers(state, call, peer, vpc)
    row = VpcPeeringConnection(
        id=call.mint(Prefix.VPC_PEERING_CONNECTION),
        project_id=vpc.project_id,
        vpc_id=vpc.id,
        cidr_block=vpc.cidr_block,
        peer_project_id=peer.project_id,
        peer_vpc_id=peer.id,
        peer_cidr_block=peer.cidr_block,
        status=PeeringStatus.PENDING,
        message=f"Pending Acceptance by {peer.project_id}",
        expires_at=call.now + OPEN_FOR,
        created_at=call.now,
        tags=request.tags,
    )
    change = Change()
    change.put(row)
    return change, row.id


def _peer(state: State, call: Call, request: CreateVpcPeeringConnection) -> Vpc:
    """Of another project, whoever names it must know whose it is."""
    if not request.peer_vpc_id:
        raise missing("peer_vpc_id", "the VPC to peer with")
    check_id(state.vpcs.kind, request.peer_vpc_id)
    peer = state.vpcs.get(request.peer_vpc_id)
    if peer is None or peer.project_id != (request.peer_owner_id or call.project_id):
        raise not_found(state.vpcs.kind, request.peer_vpc_id)
    return peer


def _is_there(call: Call, row: VpcPeeringConnection) -> Conflict:
    next_step = "make routes to it in both VPCs, or delete it first"
    if row.status is PeeringStatus.PENDING:
        asked = "accept it" if call.project_id == row.peer_project_id else f"{row.peer_project_id} has to accept it"
        next_step = f"{asked} (`stead vpc-peering accept {row.id}`)"
    message = f"{row.vpc_id} and {row.peer_vpc_id} have {row.id}, which is {row.status.value}; {next_step}"
    return Conflict("VpcPeeringConnectionAlreadyExists", message, blocking_ids=[row.id])


def _check_room(state: State, call: Call, vpc_id: str) -> None:
    held, limit = state.vpc_peering_connections.held.count(vpc_id), call.policy.peerings_per_vpc
    check_one_more("VpcPeeringConnectionsPerVpcLimitExceeded", vpc_id, "peerings", held, limit)


def _check_apart(call: Call, vpc: Vpc, peer: Vpc) -> None:
    if vpc.network.overlaps(peer.network):
        message = f"{_named(call, vpc)} and {_named(call, peer)} have addresses in common"
        raise _invalid(peer, f"{message}; only VPCs without can peer")


def _check_peers(state: State, call: Call, vpc: Vpc, peer: Vpc) -> None:
    """Two with addresses in common can't be peers of one."""
    for row in state.vpc_peering_connections.active.of(vpc.id):
        other_id, cidr_block = row.other_than(vpc.id)
        if peer.network.overlaps(state.vpcs[other_id].network):
            other = f"{other_id} ({cidr_block})" if vpc.project_id == call.project_id else "another VPC"
            message = f"{vpc.id} peers with {other} already, which has addresses in common with {_named(call, peer)}"
            raise _invalid(peer, message)


def _named(call: Call, vpc: Vpc) -> str:
    """With its addresses where it is the caller's."""
    return f"{vpc.id} ({vpc.cidr_block})" if vpc.project_id == call.project_id else vpc.id


def _invalid(peer: Vpc, message: str) -> Invalid:
    return Invalid("InvalidParameterValue", message, parameter=Parameter("peer_vpc_id", peer.id))


def find_peering(state: State, call: Call, peering_id: str) -> VpcPeeringConnection:
    """One that the caller's project asked for, or was asked for."""
    table = state.vpc_peering_connections
    check_id(table.kind, peering_id)
    row = table.get(peering_id)
    if row is None or call.project_id not in (row.project_id, row.peer_project_id):
        raise not_found(table.kind, peering_id)
    return row


def select(state: State, call: Call, ids: Iterable[str]) -> list[VpcPeeringConnection]:
    """Those named, or all of the caller's."""
    named = [find_peering(state, call, peering_id) for peering_id in dict.fromkeys(ids)]
    return named or state.vpc_peering_connections.of_project(call.project_id)


def accept(state: State, call: Call, peering_id: str) -> tuple[Change, str]:
    row = _to_answer(state, call, peering_id, "accepted")
    _check_room(state, call, row.peer_vpc_id)  # In the requester's it has its place since it was asked for.
    vpc, peer = state.vpcs[row.vpc_id], state.vpcs[row.peer_vpc_id]
    _check_peers(state, call, vpc, peer)
    _check_peers(state, call, peer, vpc)
    change = Change()
    change.put(replace(row, status=PeeringStatus.ACTIVE, message="Active"))
    return change, row.id


def reject(state: State, call: Call, peering_id: str) -> tuple[Change, str]:
    row = _to_answer(state, call, peering_id, "rejected")
    change = Change()
    change.put(_ended(call, row, PeeringStatus.REJECTED, f"Rejected by {call.project_id}"))
    return change, row.id


def _to_answer(state: State, call: Call, peering_id: str, how: str) -> VpcPeeringConnection:
    """One that the caller was asked for, and has not answered yet."""
    row = find_peering(state, call, peering_id)
    if call.project_id != row.peer_project_id:
        message = f"{row.id} can be {how} by {row.peer_project_id} alone, to which {row.peer_vpc_id} belongs"
        raise Denied("OperationNotPermitted", message)
    if row.status is not PeeringStatus.PENDING or row.expires_at <= call.now:
        raise _wrong_state(row, how)
    return row


def delete(state: State, call: Call, peering_id: str) -> tuple[Change, str]:
    """By either side while it is active, and by the requester before. Routes to it become black holes."""
    row = find_peering(state, call, peering_id)
    is_requester = call.project_id == row.project_id
    if row.ended_at or (row.status is PeeringStatus.PENDING and not is_requester):
        raise _wrong_state(row, "deleted")
    change = Change()
    change.put(_ended(call, row, PeeringStatus.DELETED, f"Deleted by {call.project_id}"))
    return change, row.id


def withdrawn(state: State, call: Call, vpc_id: str) -> Iterator[VpcPeeringConnection]:
    """Those of a VPC that nobody has accepted, as they are when it goes."""
    for row in state.vpc_peering_connections.live.of(vpc_id):
        if row.status is PeeringStatus.PENDING:
            yield _ended(call, row, PeeringStatus.DELETED, f"Deleted with {vpc_id}")


def _wrong_state(row: VpcPeeringConnection, how: str) -> Conflict:
    hint = "; reject it instead" if how == "deleted" and not row.ended_at else ""
    return Conflict("InvalidStateTransition", f"{row.id} is {row.status.value}, and can't be {how}{hint}")


def _ended(call: Call, row: VpcPeeringConnection, status: PeeringStatus, message: str) -> VpcPeeringConnection:
    return replace(row, status=status, message=message, ended_at=call.now)


def expired(state: State, call: Call) -> Iterator[VpcPeeringConnection]:
    """Those that nobody answered in time, as they are from now on."""
    for row in state.vpc_peering_connections.pending.of(True):
        if row.expires_at <= call.now:
            yield _ended(call, row, PeeringStatus.EXPIRED, "Expired")
