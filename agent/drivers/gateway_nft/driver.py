"""The driver: the order in which a mapping comes and goes.

Coming: NAT, routes, and only then ARP, so that nobody is called before he can be reached. Going: the reverse. Blocking
work goes to threads here and nowhere else.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agent.drivers.base import HostContext, Permanent, Transient
from agent.drivers.gateway_nft import addresses, links, ruleset
from agent.drivers.gateway_nft.settings import GatewaySettings
from agent.host import namespaces, nft
from agent.host.netlink import NetlinkError, forget_connections, open_netlink
from agent.model import Capacity, GatewaySpec

_PREFIX = namespaces.gateway_namespace("vpc-")
_VXLAN_OVERHEAD_BYTES = 50


class NftGatewayDriver:
    """A GatewayDriver: see `agent.drivers.base`."""

    Settings = GatewaySettings

    def __init__(self, settings: GatewaySettings, context: HostContext) -> None:
        self._settings = settings
        self._context = context
        self._host_lock = threading.Lock()
        self._host_external = ""  # The interface that the host's table was written for.
        self._adopted: set[str] = set()  # VPCs whose rules and connections this agent has gone over once.

    async def probe(self) -> Capacity:
        try:
            await asyncio.to_thread(self._external)
        except Transient as error:
            return Capacity(problems=(str(error),))
        return Capacity()

    async def list(self) -> frozenset[str]:
        return frozenset(await asyncio.to_thread(_vpc_ids))

    async def ensure(self, spec: GatewaySpec) -> None:
        with _reported(spec.vpc_id):
            await asyncio.to_thread(self._ensure, spec.vpc_id, ruleset.mapping(spec.mappings))

    async def remove(self, vpc_id: str) -> None:
        with _reported(vpc_id):
            await asyncio.to_thread(self._remove, vpc_id)

    def _ensure(self, vpc_id: str, wanted: Mapping[str, str]) -> None:
        if not namespaces.exists(namespaces.vpc_namespace(vpc_id)):
            raise Transient(f"{vpc_id} has no router on this host yet; its gateway follows")
        external, mtu = self._external()
        self._prepare_host(external)
        links.ensure(vpc_id, mtu)
        addresses.leave(vpc_id, wanted)
        is_first = vpc_id not in self._adopted
        self._adopted.discard(vpc_id)  # Until all is done: else a failure half-way would leave stale connections.
        namespaces.call(namespaces.gateway_namespace(vpc_id), _translate, wanted, is_first)
        addresses.answer(vpc_id, wanted, external)
        self._adopted.add(vpc_id)

    def _remove(self, vpc_id: str) -> None:
        self._adopted.discard(vpc_id)
        addresses.leave(vpc_id, ())
        links.remove(vpc_id)
        with self._host_lock:
            if not _vpc_ids():
                nft.apply(nft.delete(ruleset.NAT))
                self._host_external = ""

    def _prepare_host(self, external: str) -> None:
        """Forwarding for packets that come in by the external interface, and ARP answers without delay."""
        with self._host_lock:
            if self._host_external != external or not nft.has_chain(ruleset.NAT, "only-guests"):
                is_router = bool(namespaces.sysctl("ipv4/ip_forward"))
                nft.apply(nft.refill(ruleset.host_table(external, is_router)))
                namespaces.set_sysctl(f"ipv4/conf/{external}/forwarding", 1)
                namespaces.set_sysctl(f"ipv4/neigh/{external}/proxy_delay", 0)
                self._host_external = external

    def _external(self) -> tuple[str, int]:
        """The external interface and the guests' MTU."""
        with open_netlink() as netlink:
            name = self._settings.external_interface or netlink.device_of_default_route()
            link = netlink.link(name) if name else None
        if link is None:
            what = f"no interface {name}" if name else "no default route"
            raise Transient(f"{what}: set `external_interface` to where public addresses are to be answered for")
        return link.name, self._settings.mtu or link.mtu - _VXLAN_OVERHEAD_BYTES


def _translate(wanted: Mapping[str, str], is_first: bool) -> None:
    """Make the calling thread's namespace map as `wanted` says, and forget connections that were mapped otherwise."""
    table = ruleset.render(wanted)
    if is_first:
        nft.apply(nft.refill(table))
    now = dict(nft.elements(ruleset.NAT, ruleset.PRIVATE_BY_PUBLIC, "map"))
    nft.apply(nft.delta(ruleset.render(now), table))
    if is_first or now.items() - wanted.items():
        forget_connections(lambda connection: ruleset.is_stale(connection, wanted))
    _route(wanted)


def _route(wanted: Mapping[str, str]) -> None:
    routes = {links.private_route(private) for private in wanted.values()}
    with open_netlink() as netlink:
        now = {route for route in netlink.routes(ruleset.VPC_SIDE) if route.via}
        for route in routes - now:
            netlink.put_route(route)
        for route in now - routes:
            netlink.delete_route(route)


def _vpc_ids() -> list[str]:
    return [name.removeprefix("stead-gw-") for name in namespaces.names(_PREFIX)]


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """What the host refuses may work later; what the spec says wrong will not."""
    try:
        yield
    except (OSError, NetlinkError, nft.NftError) as error:
        raise Transient(f"{what}: {error}") from error
    except ValueError as error:
        raise Permanent(f"{what}: {error}") from error
