"""The driver: the order in which a mapping comes and goes.

Coming: NAT, routes, and only then ARP, so that nobody is called before he can be reached, and nothing gets out that is
not translated. Going: ARP, NAT, routes. Blocking work goes to threads here and nowhere else. Every pass reads back all
that was ever set.
"""

import threading
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import replace

import structlog

from agent.drivers.base import Changed, HostContext, Transient
from agent.drivers.gateway_nft import addresses, links, ruleset
from agent.drivers.gateway_nft.epochs import Epochs
from agent.drivers.gateway_nft.ruleset import Surroundings
from agent.drivers.gateway_nft.settings import GatewaySettings
from agent.host import conntrack, monitor, namespaces, nft, routing_rules, sysctls
from agent.host.ear import HOST, at_work
from agent.host.errors import reported
from agent.host.netlink import Link, open_netlink
from agent.host.nft import Table
from agent.host.repairs import Repairs
from agent.host.rules import Rules
from agent.host.threads import Threads
from agent.model import Capacity, GatewaySpec, Kind, NatSpec, NatUse, Ref

log = structlog.get_logger()

_PREFIX = namespaces.gateway_namespace("vpc-")


class Gateway:
    """A VPC's gateway as this agent left it."""

    def __init__(self) -> None:
        self.rules = Rules()
        self.spec: GatewaySpec | None = None  # None: connections may be translated otherwise than by any mapping.
        self.kept: Set[str] = frozenset()  # The addresses that it answers for.
        self.external = ""  # Where it does.


class NftGatewayDriver:
    """A GatewayDriver: see `agent.drivers.base`."""

    def __init__(self, settings: GatewaySettings, context: HostContext) -> None:
        self._settings = settings
        self._context = context
        self._threads = Threads("the gateway", workers=8, deadline_s=60.0)
        self._epochs = Epochs(context.state_dir)
        self._repairs = Repairs()
        self._gateways: dict[str, Gateway] = {}
        self._yielded: dict[str, tuple[str, ...]] = {}  # As problems, by VPC.
        self._host_lock = threading.Lock()
        self._host_rules = Rules()

    async def probe(self) -> Capacity:
        with reported("gateways"):
            return await self._threads.run("probe", self._probe)

    async def list(self) -> frozenset[str]:
        with reported("gateways"):
            return await self._threads.run("list", self._list)

    async def ensure(self, spec: GatewaySpec, changed: Changed = None) -> None:
        gateway = self._gateways.setdefault(spec.vpc_id, Gateway())
        with reported(spec.vpc_id):
            if changed is None or not await self._threads.run(spec.vpc_id, self._follow, gateway, spec):
                await self._threads.run(spec.vpc_id, self._ensure, gateway, spec)

    async def remove(self, vpc_id: str) -> None:
        self._gateways.pop(vpc_id, None)
        self._yielded.pop(vpc_id, None)
        with reported(vpc_id):
            await self._threads.run(vpc_id, self._remove, vpc_id)

    async def events(self) -> AsyncIterator[Ref]:
        watched = monitor.Monitor(self._threads, lambda: [HOST, *namespaces.names(_PREFIX)])
        async for changed in watched.changes():
            ids = list(self._gateways) if HOST in changed else [_vpc_id(name) for name in changed]
            for vpc_id in ids:
                yield Ref(Kind.GATEWAY, vpc_id)

    def _probe(self) -> Capacity:
        specs = [gateway.spec for gateway in list(self._gateways.values()) if gateway.spec]
        uses = [use for spec in specs if spec.nat_gateways for use in _use_of(spec)]
        return Capacity(problems=self._problems(), nat_gateways=tuple(uses))

    def _problems(self) -> tuple[str, ...]:
        told = [each for of_vpc in list(self._yielded.values()) for each in of_vpc]
        try:
            self._external()
        except Transient as error:
            told.append(str(error))
        return (*told, *self._repairs.problems())

    def _list(self) -> frozenset[str]:
        for vpc_id in map(_vpc_id, namespaces.restore(_PREFIX, self._context.host_id)):
            self._repairs.note(vpc_id, ["the name of its gateway's namespace"])
        return frozenset(map(_vpc_id, namespaces.names(_PREFIX)))

    @at_work(HOST)
    def _ensure(self, gateway: Gateway, spec: GatewaySpec) -> None:
        vpc_id, mapped = spec.vpc_id, ruleset.mapping(spec.mappings)
        self._epochs.admit(vpc_id, spec.epoch)
        if not namespaces.exists(namespaces.vpc_namespace(vpc_id)):
            raise Transient(f"{vpc_id} has no router on this host yet; its gateway follows")
        known, gateway.spec = gateway.spec, None  # Until all is done: else a failure would leave stale connections.
        external = self._external()
        changed = [*self._prepare_host(external.name, spec)]
        changed += self._ensure_namespace(gateway, vpc_id)
        kept = self._uncontested(vpc_id, ruleset.public_addresses(spec), external.name)
        changed += addresses.leave(vpc_id, kept)
        table = ruleset.render(mapped, spec.nat_gateways, self._host_addresses(spec), self._settings.guest_tcp_ports)
        place = namespaces.gateway_namespace(vpc_id)
        repaired = namespaces.call(place, _translate, gateway.rules, table, spec, known)
        inside = {*mapped.values(), *ruleset.sources(spec.nat_gateways)}
        changed += links.ensure(vpc_id, spec.tables, inside, external.mtu)
        changed += addresses.answer(vpc_id, kept, external.name)
        if self._context.control_plane.is_heard:
            addresses.announce(kept, external.name)  # Who had them may answer still, where only its agent is dead.
        self._repairs.note(vpc_id, [*repaired, *(changed if (known, gateway.kept) == (spec, kept) else [])])
        gateway.spec, gateway.kept, gateway.external = spec, kept, external.name

    @at_work(HOST)
    def _follow(self, gateway: Gateway, spec: GatewaySpec) -> bool:
        """Bring it there by the mappings that differ alone. Returns False where it takes more, which may come now."""
        known, wanted = gateway.spec, ruleset.mapping(spec.mappings)
        if known is None or replace(known, mappings=spec.mappings) != spec or not self._context.control_plane.is_heard:
            return False
        now = ruleset.mapping(known.mappings)
        if gateway.kept != ruleset.public_addresses(known):
            return False
        gone, new = dict(now.items() - wanted.items()), dict(wanted.items() - now.items())
        gateway.spec = None
        addresses.give_up(spec.vpc_id, gone.keys() - new.keys())
        place = namespaces.gateway_namespace(spec.vpc_id)
        if not namespaces.call(place, self._change, gateway.rules, spec.nat_gateways, gone, new):
            return False
        addresses.take(spec.vpc_id, new.keys() - gone.keys(), gateway.external)
        gateway.spec, gateway.kept = spec, ruleset.public_addresses(spec)
        return True

    def _change(
        self, rules: Rules, nat_gateways: Sequence[NatSpec], gone: Mapping[str, str], new: Mapping[str, str]
    ) -> bool:
        """In the gateway's namespace. Returns False, with nothing done, where it is not known what it maps."""
        ports = self._settings.guest_tcp_ports
        parts = ([ruleset.render(mapping, nat_gateways, guest_tcp_ports=ports)] for mapping in (gone, new))
        if not rules.change(*parts):
            return False
        links.change_routes(gone.values(), new.values())
        conntrack.forget(address for pair in gone.items() for address in pair)
        return True

    @staticmethod
    def _host_addresses(spec: GatewaySpec) -> Set[str]:
        with open_netlink() as netlink:
            return netlink.own_addresses() | frozenset(spec.host_addresses)

    def _uncontested(self, vpc_id: str, wanted: Set[str], external: str) -> Set[str]:
        """All, but while the control plane is not heard: then it may have given an address to another gateway.

        A stranger on the external network could pretend to be one, and stop what is cut off for as long as he does.
        """
        rivals = {} if self._context.control_plane.is_heard else addresses.rivals(wanted, external)
        told = tuple(
            f"{vpc_id}: {mac} answers for {address}, too; it is left to it until the control plane is heard"
            for address, mac in sorted(rivals.items())
        )
        if told != self._yielded.get(vpc_id, ()):
            log.warning("addresses left to others", vpc=vpc_id, addresses=sorted(rivals))
        self._yielded[vpc_id] = told
        return wanted - rivals.keys()

    def _ensure_namespace(self, gateway: Gateway, vpc_id: str) -> Sequence[str]:
        name = namespaces.gateway_namespace(vpc_id)
        if not namespaces.exists(name):
            self._list()  # It may only have lost its name.
        if not namespaces.ensure(name, self._context.host_id):
            return ()
        gateway.rules.forget()
        return ("the gateway's namespace",)

    @at_work(HOST)
    def _remove(self, vpc_id: str) -> None:
        addresses.leave(vpc_id, ())
        links.remove(vpc_id)
        with self._host_lock:
            if not self._gateways and not namespaces.names(_PREFIX):  # One that is coming up has no namespace yet.
                nft.apply(nft.delete(ruleset.NAT) + nft.delete(ruleset.HOST_V6))
                self._host_rules.forget()

    def _prepare_host(self, external: str, spec: GatewaySpec) -> Sequence[str]:
        """What guests and the outside may reach; forwarding for the external interface; ARP without delay."""
        with self._host_lock:
            tables = ruleset.host_tables(self._surroundings(external, spec))
            self._repairs.note("the host's own rules", self._host_rules.converge(*tables))
            conf = {f"ipv4/conf/{external}/forwarding": 1, f"ipv4/neigh/{external}/proxy_delay": 0}
            return sysctls.set_sysctls(conf)

    def _surroundings(self, external: str, spec: GatewaySpec) -> Surroundings:
        others = [gateway.spec.host_addresses for gateway in list(self._gateways.values()) if gateway.spec]
        with open_netlink() as netlink:
            is_apart = netlink.device_of_address(self._context.underlay_address) != external
        return Surroundings(
            external=external,
            own_address=self._context.underlay_address if is_apart else "",
            is_router=bool(sysctls.sysctl("ipv4/ip_forward")),
            host_addresses=frozenset(spec.host_addresses).union(*others),
            guest_tcp_ports=self._settings.guest_tcp_ports,
            public_tcp_ports=self._settings.public_tcp_ports,
            public_udp_ports=self._settings.public_udp_ports,
        )

    def _external(self) -> Link:
        """The external interface."""
        with open_netlink() as netlink:
            name = self._settings.external_interface or netlink.device_of_default_route()
            link = netlink.link(name) if name else None
        if link is None:
            what = f"no interface {name}" if name else "no default route"
            raise Transient(f"{what}: set `external_interface` to where public addresses are to be answered for")
        return link


def _translate(rules: Rules, table: Table, spec: GatewaySpec, known: GatewaySpec | None) -> list[str]:
    """Make the calling thread's namespace translate as `spec` says, which `table` is made of, and forget connections
    that were translated otherwise.

    Returns what somebody had changed. `known` is what it had before; None, or where NAT gateways have other ways: all
    connections are looked at.
    """
    mapped = ruleset.mapping(spec.mappings)
    repaired = list(rules.converge(table))
    changed = routing_rules.route_marked_only(ruleset.CHECKED)
    repaired += changed if known is not None else []
    if known is None or known.nat_gateways != spec.nat_gateways:
        conntrack.forget_if(ruleset.staleness(mapped, spec.nat_gateways))
    else:
        gone = ruleset.mapping(known.mappings).items() - mapped.items()
        conntrack.forget(address for pair in gone for address in pair)
    return repaired


def _use_of(spec: GatewaySpec) -> list[NatUse]:
    """None where the gateway went in this moment."""
    place = namespaces.gateway_namespace(spec.vpc_id)

    def count() -> list[NatUse]:
        refused = conntrack.count_refused()
        return [NatUse(nat.nat_gateway_id, conntrack.count_behind(nat.public_ip), refused) for nat in spec.nat_gateways]

    return namespaces.call(place, count) if namespaces.exists(place) else []


def _vpc_id(namespace: str) -> str:
    return namespace.removeprefix("stead-gw-")
