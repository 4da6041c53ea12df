"""Whether a packet that opens something gets from one end to another, and which line decides. Pure.

    the sender's route table -> its ACL, what leaves -> its groups -> a gateway's addresses
      -> the receiver's ACL, what enters -> its groups -> answers: the ACLs once more, the other way round

Where a router's guest takes it on, or another project's VPC, the rest is not told. As what is asked for has it: whether
hosts are there, and have that yet, is another question, and what guests do, too.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from controlplane.errors import Invalid, invalid_value, missing
from controlplane.ids import Prefix
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import NetworkInterface, SecurityGroupRule
from controlplane.model.network_acl import LAST
from controlplane.model.state import State
from controlplane.model.vpc import Route, Subnet, Vpc
from controlplane.model.vpc_peering import VpcPeeringConnection
from controlplane.service.call import Call, find
from controlplane.service.route_tables import leads_to_gateway, route_to, state_of, table_of
from controlplane.service.security_group_rules import expanded

# Of answers, where none is given. Guests choose others; an ACL that lets some of them by alone is not seen as such.
EPHEMERAL_PORT = 49152
_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17}


@dataclass(frozen=True, slots=True)
class ExplainPath:
    """As `GetPathExplanationRequest` in paths.proto."""

    source: str
    destination: str
    protocol: str = ""
    port: int = 0
    source_port: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A line that a packet meets: of what, which, whether it lets it by, and what it says."""

    kind: str
    resource_id: str
    line: str
    allows: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Flow:
    protocol: int
    port: int
    source_port: int

    @property
    def answered(self) -> "_Flow":
        """The other way round. Of ICMP, it is an echo's answer."""
        return _Flow(self.protocol, 0 if self.protocol == 1 else self.source_port, self.port)

    def is_of(self, protocol: str, first: int, last: int) -> bool:
        """Whether a rule is about it. An echo request has type 8, its answer 0, and code 0 both."""
        if protocol == "-1":
            return True
        if str(_NUMBERS.get(protocol, protocol)) != str(self.protocol):
            return False
        if self.protocol == 1:
            return first in (-1, self.port) and last in (-1, 0)
        return self.protocol not in (6, 17) or first == -1 or first <= self.port <= last


@dataclass(frozen=True, slots=True)
class _End:
    """An interface by its address in its VPC, or without one, what is outside."""

    address: str
    card: NetworkInterface | None = None

    @property
    def name(self) -> str:
        return f"{self.card.id} ({self.address})" if self.card else self.address


def explain(state: State, call: Call, request: ExplainPath) -> list[Step]:
    """Up to the first line that stops it, which is then the last."""
    source = _end(state, call, "source", request.source)
    destination = _end(state, call, "destination", request.destination)
    if source.card is None and destination.card is None:
        source, destination = _from_public(state, call, source, destination)
    source, destination = _inside(state, call, source, destination), _inside(state, call, destination, source)
    _check_somebody(state, call, source, destination)
    steps = []
    for step in _Walk(state, _flow(request), source, destination).steps():
        steps.append(step)
        if not step.allows:
            break
    return steps


def _end(state: State, call: Call, parameter: str, text: str) -> _End:
    if not text:
        raise missing(parameter, "an instance, an interface, or an IPv4 address outside")
    if text.startswith(f"{Prefix.INSTANCE}-"):
        card = next(iter(state.interfaces.of(find(state.instances, text, call).id)), None)
        if card is None:
            raise invalid_value(parameter, text, "an instance that is not terminated")
        return _End(card.private_ip, card)
    if text.startswith(f"{Prefix.NETWORK_INTERFACE}-"):
        card = find(state.interfaces, text, call)
        return _End(card.private_ip, card)
    try:
        return _End(str(IPv4Address(text)))
    except AddressValueError as error:
        raise invalid_value(parameter, text, "the id of an instance or an interface, or an IPv4 address") from error


def _from_public(state: State, call: Call, source: _End, destination: _End) -> tuple[_End, _End]:
    """The receiver where it is a public address of the caller's, or else the sender; the other one is outside."""
    if (receiver := _holder(state, call, destination.address)).card:
        return source, receiver
    if (sender := _holder(state, call, source.address)).card:
        return sender, destination
    message = (
        f"source, destination: {source.address} and {destination.address} are both outside; one of them has to be the "
        "id of an instance or an interface, or a public address of one"
    )
    raise Invalid("InvalidParameterCombination", message)


def _holder(state: State, call: Call, public_ip: str) -> _End:
    """What of the caller's it is mapped to, but for a NAT gateway, which nobody reaches."""
    row = state.addresses.public_ip.get(public_ip)
    card = state.interfaces.get(row.interface_id) if row and row.project_id == call.project_id else None
    if row is None or card is None or state.nat_gateways.interface.get(card.id):
        return _End(public_ip)
    return _End(row.private_ip or card.private_ip, card)


def _inside(state: State, call: Call, end: _End, other: _End) -> _End:
    """An address of the other end's VPC, or of a peer of it that is the caller's too, is an interface's there."""
    if end.card is not None or other.card is None:
        return end
    vpc = _vpc_of(state, other.card.vpc_id, end.address)
    if vpc is None or vpc.project_id != call.project_id:
        return end
    return _End(end.address, state.interfaces.holder(vpc.id, end.address))


def _check_somebody(state: State, call: Call, source: _End, destination: _End) -> None:
    """Nobody's address inside does not open anything."""
    vpc = _vpc_of(state, destination.card.vpc_id, source.address) if destination.card else None
    if source.card is None and vpc is not None and vpc.project_id == call.project_id:
        raise invalid_value("source", source.address, f"an address that an interface of {vpc.id} has")


def _vpc_of(state: State, vpc_id: str, address: str) -> Vpc | None:
    """Whose address it is of a VPC and its peers, none of which have any in common."""
    vpcs = (state.vpcs[each] for each in (vpc_id, *state.vpc_peering_connections.peers(vpc_id)))
    return next((vpc for vpc in vpcs if IPv4Address(address) in vpc.network), None)


def _flow(request: ExplainPath) -> _Flow:
    protocol = request.protocol or "tcp"
    if protocol not in _NUMBERS:
        raise invalid_value("protocol", protocol, "tcp, udp or icmp")
    if protocol == "icmp":
        return _Flow(1, 8, 8)
    if not request.port:
        raise missing("port", f"the receiver's, 1 to 65535, which {protocol} needs")
    for name, port in (("port", request.port), ("source_port", request.source_port)):
        if not 0 <= port <= 65535:
            raise invalid_value(name, port, "a port from 1 to 65535")
    return _Flow(_NUMBERS[protocol], request.port, request.source_port or EPHEMERAL_PORT)


@dataclass(frozen=True, slots=True)
class _Walk:
    state: State
    flow: _Flow
    source: _End
    destination: _End

    def steps(self) -> Iterator[Step]:
        sender, receiver, is_told = self.source.card, self.destination.card, True
        if sender is not None:
            yield self._route(sender)
            yield from self._guards(sender, self.destination.address, self.flow, is_egress=True)
            is_told = yield from self._between(sender)
        elif receiver is not None:
            yield self._from_elsewhere(receiver)
        if receiver is not None and is_told:
            yield from self._entry(receiver)
        if sender is not None:
            yield from self._acl(sender, self.destination.address, self.flow.answered, is_egress=False)

    def _entry(self, card: NetworkInterface) -> Iterator[Step]:
        """And out again, with an answer."""
        yield from self._guards(card, self.source.address, self.flow, is_egress=False)
        yield from self._acl(card, self.source.address, self.flow.answered, is_egress=True)

    def _guards(self, card: NetworkInterface, peer: str, flow: _Flow, *, is_egress: bool) -> Iterator[Step]:
        yield from self._acl(card, peer, flow, is_egress=is_egress)
        yield self._groups(card, peer, flow, is_egress=is_egress)

    def _subnet(self, card: NetworkInterface) -> Subnet:
        return self.state.subnets[card.subnet_id]

    def _chosen(self, card: NetworkInterface, peer: str) -> Route | None:
        return route_to(self.state, self._subnet(card), peer)

    def _route(self, card: NetworkInterface) -> Step:
        address, there = self.destination.address, self.destination.card
        table, route = table_of(self.state, self._subnet(card)), self._chosen(card, address)
        if route is None:
            return Step("route-table", table.id, "", False, f"no route to {address}")
        line = f"{route.cidr_block} to {route.target}"
        if state_of(self.state, table, route) != "active":
            return Step("route-table", table.id, line, False, "its target is gone, not attached, or off")
        if route.is_local and (there is None or there.vpc_id != card.vpc_id):
            return Step("route-table", table.id, line, False, self._is_not_in(card.vpc_id))
        return Step("route-table", table.id, line, True, "the longest prefix that matches")

    def _is_not_in(self, vpc_id: str) -> str:
        return f"leads to {vpc_id}, where {self.destination.name} is not"

    def _between(self, sender: NetworkInterface) -> Generator[Step, None, bool]:
        """What lies between VPCs, or one and the outside. Returns whether the rest of its way can be told."""
        route = self._chosen(sender, self.destination.address)
        if route is None or route.is_local:
            return True
        if route.by == Prefix.NETWORK_INTERFACE:
            yield from self._to_router(self.state.interfaces[route.target])
            return False
        if route.by == Prefix.VPC_PEERING_CONNECTION:
            yield self._to_peer(sender, self.state.vpc_peering_connections[route.target])
        elif route.by == Prefix.NAT_GATEWAY:
            yield self._to_nat_gateway(self.state.nat_gateways[route.target])
        else:
            yield self._to_internet_gateway(sender, route.target)
        return True

    def _to_router(self, router: NetworkInterface) -> Iterator[Step]:
        """Its guest decides how it goes on."""
        why = ""
        if router == self.source.card:
            why = "leads back to the sender"
        elif router.source_dest_check:
            why = "its source/destination check takes what is its own alone"
        told = why or f"{router.instance_id} takes it on, as its guest decides; ask for the way from {router.id}"
        yield Step("network-interface", router.id, "", not why, told)
        yield from self._entry(router)

    def _to_peer(self, sender: NetworkInterface, peering: VpcPeeringConnection) -> Step:
        there, vpc = self.destination.card, self.state.vpcs[peering.other_than(sender.vpc_id)[0]]
        if there is not None and there.vpc_id == vpc.id:
            return self._back_to_peer(there, peering)
        is_others = vpc.project_id != sender.project_id and IPv4Address(self.destination.address) in vpc.network
        if there is not None or not is_others:
            return Step("vpc-peering-connection", peering.id, "", False, self._is_not_in(vpc.id))
        why = f"leads to {vpc.id}, of which {vpc.project_id} alone is told what it lets by"
        return Step("vpc-peering-connection", peering.id, "", True, why)

    def _back_to_peer(self, receiver: NetworkInterface, peering: VpcPeeringConnection) -> Step:
        """The way back has to lead there, too."""
        back = self._chosen(receiver, self.source.address)
        leads_back = back is not None and back.target == peering.id
        why = f"{'a' if leads_back else 'no'} route of {receiver.subnet_id} leads back to {self.source.address}"
        return Step("vpc-peering-connection", peering.id, "", leads_back, why)

    def _to_nat_gateway(self, nat: NatGateway) -> Step:
        """Its subnet has to lead on to the internet gateway. What its ACL says is not asked."""
        subnet, address = self.state.subnets[nat.subnet_id], self.destination.address
        route, table = route_to(self.state, subnet, address), table_of(self.state, subnet)
        is_out = route is not None and route.by == Prefix.INTERNET_GATEWAY
        if route is None or not is_out or state_of(self.state, table, route) != "active":
            why = f"no route of its own {subnet.id} leads {address} to an internet gateway"
            return Step("nat-gateway", nat.id, "", False, why)
        return self._to_outside("nat-gateway", nat.id, nat.public_ip)

    def _to_internet_gateway(self, sender: NetworkInterface, gateway_id: str) -> Step:
        return self._to_outside("internet-gateway", gateway_id, self._public_ip(sender, self.source.address))

    def _public_ip(self, card: NetworkInterface, private_ip: str) -> str:
        """What is mapped to this very one of its addresses; empty where nothing is."""
        rows = self.state.addresses.interface.of(card.id)
        return next((row.public_ip for row in rows if (row.private_ip or card.private_ip) == private_ip), "")

    def _to_outside(self, kind: str, gateway_id: str, public_ip: str) -> Step:
        if self.destination.card is not None:
            return Step(kind, gateway_id, "", False, f"leads outside, where {self.destination.name} is not")
        why = f"goes on as {public_ip}" if public_ip else f"{self.source.name} has no public address"
        return Step(kind, gateway_id, "", bool(public_ip), why)

    def _from_elsewhere(self, receiver: NetworkInterface) -> Step:
        """From the outside, or from a peer that is another project's."""
        vpc = _vpc_of(self.state, receiver.vpc_id, self.source.address)
        if vpc is None:
            return self._from_outside(receiver)
        peerings = self.state.vpc_peering_connections.active.of(receiver.vpc_id)
        return self._back_to_peer(receiver, next(row for row in peerings if vpc.id in row.vpc_ids))

    def _from_outside(self, receiver: NetworkInterface) -> Step:
        """By its public address, which its VPC's gateway maps where its subnet has a way out there."""
        gateway = self.state.internet_gateways.vpc.first(receiver.vpc_id)
        public_ip = self._public_ip(receiver, self.destination.address)
        if gateway is None:
            return Step("internet-gateway", "", "", False, f"{receiver.vpc_id} has none")
        if not public_ip:
            return Step("internet-gateway", gateway.id, "", False, f"{self.destination.name} has no public address")
        if not leads_to_gateway(self.state, self._subnet(receiver)):
            why = f"no route of {receiver.subnet_id} leads to it, so it maps no address there"
            return Step("internet-gateway", gateway.id, "", False, why)
        return Step("internet-gateway", gateway.id, "", True, f"{public_ip} is {self.destination.address}")

    def _acl(self, card: NetworkInterface, peer: str, flow: _Flow, *, is_egress: bool) -> Iterator[Step]:
        """Nothing within a subnet."""
        subnet, way = self._subnet(card), "out, to" if is_egress else "in, from"
        if IPv4Address(peer) in subnet.network:
            return
        acl = self.state.network_acls[subnet.network_acl_id]
        entry = next(
            row
            for row in acl.in_order(is_egress=is_egress)
            if flow.is_of(row.protocol, row.from_port, row.to_port) and IPv4Address(peer) in IPv4Network(row.cidr_block)
        )
        number = "*" if entry.rule_number == LAST else str(entry.rule_number)
        what = f"{_shown(flow)} {way} {peer}{', an answer' if flow is not self.flow else ''}"
        yield Step("network-acl", acl.id, number, entry.is_allowed, what)

    def _groups(self, card: NetworkInterface, peer: str, flow: _Flow, *, is_egress: bool) -> Step:
        """The first rule that lets it by. Answers pass by themselves."""
        what = f"{_shown(flow)} {'out, to' if is_egress else 'in, from'} {peer}"
        for group_id in card.group_ids:
            for rule in self.state.rules.group.of(group_id):
                if rule.is_egress is is_egress and self._permits(rule, card.vpc_id, peer, flow):
                    return Step("security-group", group_id, rule.id, True, what)
        return Step("security-group", ", ".join(card.group_ids), "", False, f"no rule is for {what}")

    def _permits(self, rule: SecurityGroupRule, vpc_id: str, peer: str, flow: _Flow) -> bool:
        if rule.is_ipv6 or not flow.is_of(rule.ip_protocol, rule.from_port, rule.to_port):
            return False
        if rule.source_group_id:
            holder = self.state.interfaces.holder(vpc_id, peer)
            return holder is not None and rule.source_group_id in holder.group_ids
        networks = (IPv4Network(each.cidr_ipv4) for each in expanded(self.state, rule))
        return any(IPv4Address(peer) in network for network in networks)


def _shown(flow: _Flow) -> str:
    names = {number: name for name, number in _NUMBERS.items()}
    return f"icmp type {flow.port}" if flow.protocol == 1 else f"{names[flow.protocol]} to port {flow.port}"
