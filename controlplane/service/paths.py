"""Whether a packet that opens something gets from one end to another, and which line decides. Pure.

    the sender's route table -> its ACL, what leaves -> its groups -> a gateway's addresses
      -> the receiver's ACL, what enters -> its groups -> answers: the ACLs once more, the other way round

As what is asked for has it: whether hosts are there, and have that yet, is another question, and what guests do, too.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from controlplane.errors import Invalid, invalid_value, missing
from controlplane.ids import Prefix
from controlplane.model.network import NetworkInterface, SecurityGroupRule
from controlplane.model.network_acl import LAST
from controlplane.model.state import State
from controlplane.model.vpc import Route, Subnet
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
        raise Invalid("InvalidParameterCombination", "source, destination: one of them has to be an instance")
    source, destination = _inside(state, source, destination), _inside(state, destination, source)
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


def _inside(state: State, end: _End, other: _End) -> _End:
    """An address of the other end's VPC is an interface's there."""
    if end.card is not None or other.card is None:
        return end
    return _End(end.address, state.interfaces.holder(other.card.vpc_id, end.address))


def _flow(request: ExplainPath) -> _Flow:
    protocol = request.protocol or "tcp"
    if protocol not in _NUMBERS:
        raise invalid_value("protocol", protocol, "tcp, udp or icmp")
    if protocol == "icmp":
        return _Flow(1, 8, 8)
    for name, port in (("port", request.port), ("source_port", request.source_port)):
        if not (0 if name == "source_port" else 1) <= port <= 65535:
            raise invalid_value(name, port, "a port from 1 to 65535")
    return _Flow(_NUMBERS[protocol], request.port, request.source_port or EPHEMERAL_PORT)


@dataclass(frozen=True, slots=True)
class _Walk:
    state: State
    flow: _Flow
    source: _End
    destination: _End

    def steps(self) -> Iterator[Step]:
        sender, receiver, seen_as = self.source.card, self.destination.card, self.source.address
        if sender is not None:
            yield self._route(sender, self.destination.address)
            yield from self._guards(sender, self.destination.address, self.flow, is_egress=True)
            seen_as = yield from self._between(sender)
        elif receiver is not None:
            yield self._from_outside(receiver)
        if receiver is not None:
            yield from self._guards(receiver, seen_as, self.flow, is_egress=False)
            yield from self._acl(receiver, seen_as, self.flow.answered, is_egress=True)
        if sender is not None:
            yield from self._acl(sender, self.destination.address, self.flow.answered, is_egress=False)

    def _guards(self, card: NetworkInterface, peer: str, flow: _Flow, *, is_egress: bool) -> Iterator[Step]:
        yield from self._acl(card, peer, flow, is_egress=is_egress)
        yield self._groups(card, peer, flow, is_egress=is_egress)

    def _subnet(self, card: NetworkInterface) -> Subnet:
        return self.state.subnets[card.subnet_id]

    def _chosen(self, card: NetworkInterface, peer: str) -> Route | None:
        return route_to(self.state, self._subnet(card), peer)

    def _route(self, card: NetworkInterface, peer: str) -> Step:
        table, route = table_of(self.state, self._subnet(card)), self._chosen(card, peer)
        if route is None:
            return Step("route-table", table.id, "", False, f"no route to {peer}")
        line, is_active = f"{route.cidr_block} to {route.target}", state_of(self.state, table, route) == "active"
        if not is_active:
            return Step("route-table", table.id, line, False, "its target is gone, or not attached")
        if route.is_local and self.state.interfaces.holder(card.vpc_id, peer) is None:
            return Step("route-table", table.id, line, False, f"nobody in {card.vpc_id} has {peer}")
        return Step("route-table", table.id, line, True, "the longest prefix that matches")

    def _between(self, card: NetworkInterface) -> Generator[Step, None, str]:
        """What lies between VPCs, or one and the outside. Returns the sender's address as the receiver sees it."""
        route, there = self._chosen(card, self.destination.address), self.destination.card
        if route is None or route.is_local:
            return self.source.address
        if peering := self.state.vpc_peering_connections.get(route.target):
            yield self._peering(peering.id, there is not None and there.vpc_id == peering.other_than(card.vpc_id)[0])
            return self.source.address
        nat = self.state.nat_gateways.get(route.target)
        address = self.state.addresses.interface.first(card.id)
        public_ip = nat.public_ip if nat else address.public_ip if address else ""
        kind = "nat-gateway" if nat else "internet-gateway"
        if there is not None:
            yield Step(kind, route.target, "", False, f"leads outside, and nobody there has {self.destination.address}")
        why = f"goes on as {public_ip}" if public_ip else f"{card.id} has no public address"
        yield Step(kind, route.target, "", bool(public_ip), why)
        return public_ip

    def _peering(self, peering_id: str, is_receivers: bool) -> Step:
        """The way back has to lead there, too."""
        there = self.destination.card
        back = self._chosen(there, self.source.address) if there else None
        leads_back = back is not None and back.target == peering_id
        why = f"nobody in its other VPC has {self.destination.address}"
        if is_receivers:
            why = f"{'a' if leads_back else 'no'} route of its other VPC leads back to {self.source.address}"
        return Step("vpc-peering-connection", peering_id, "", is_receivers and leads_back, why)

    def _from_outside(self, card: NetworkInterface) -> Step:
        """By its public address, which its VPC's gateway maps where its subnet has a way out there."""
        gateway = self.state.internet_gateways.vpc.first(card.vpc_id)
        address = self.state.addresses.interface.first(card.id)
        if gateway is None:
            return Step("internet-gateway", "", "", False, f"{card.vpc_id} has none")
        if address is None:
            return Step("internet-gateway", gateway.id, "", False, f"{card.id} has no public address")
        if not leads_to_gateway(self.state, self._subnet(card)):
            why = f"no route of {card.subnet_id} leads to it, so it maps no address there"
            return Step("internet-gateway", gateway.id, "", False, why)
        return Step("internet-gateway", gateway.id, "", True, f"{address.public_ip} is {card.private_ip}")

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
