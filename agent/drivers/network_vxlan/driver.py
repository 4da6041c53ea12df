"""The driver: the order in which namespaces, rules, devices and daemons come and go.

Blocking work goes to threads here and nowhere else. Order is what keeps it safe: rules stand before a tap or a VXLAN
comes up, and what admits traffic goes before what would drop it.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from agent.drivers.base import HostContext, Permanent, Transient
from agent.drivers.network_vxlan import dhcp, names, ports, router, ruleset, underlay
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import namespaces, nft
from agent.host.netlink import NetlinkError, open_netlink
from agent.host.process import CommandFailed
from agent.model import Capacity, PortSpec, PortState, VpcSpec

P = ParamSpec("P")
T = TypeVar("T")

_PREFIX = namespaces.vpc_namespace("vpc-")


class VxlanNetworkDriver:
    """A NetworkDriver: see `agent.drivers.base`."""

    Settings = VxlanSettings

    def __init__(self, settings: VxlanSettings, context: HostContext) -> None:
        self._settings = settings
        self._context = context
        self._underlay = underlay.Underlay()
        # What each VPC was last brought to, so that a change costs its own size. Absent: read or replaced as a whole.
        self._applied: dict[str, VpcSpec] = {}

    async def probe(self) -> Capacity:
        with _reported("network"):
            return Capacity(problems=await asyncio.to_thread(self._problems))

    async def list(self) -> frozenset[str]:
        return frozenset(await asyncio.to_thread(_vpc_ids))

    async def ensure(self, spec: VpcSpec) -> None:
        known = self._applied.pop(spec.vpc_id, None)
        with _reported(spec.vpc_id):
            mtu = await asyncio.to_thread(self._ensure_router, spec, known)
            await dhcp.ensure(spec, self._directory(spec.vpc_id), self._settings, mtu, is_adopted=known is not None)
        self._applied[spec.vpc_id] = spec

    async def remove(self, vpc_id: str) -> None:
        self._applied.pop(vpc_id, None)
        with _reported(vpc_id):
            await dhcp.remove(self._directory(vpc_id))
            await asyncio.to_thread(self._remove_router, vpc_id)

    def namespace(self, vpc_id: str) -> Path:
        return namespaces.path(namespaces.vpc_namespace(vpc_id))

    def tap_name(self, interface_id: str) -> str:
        return names.tap_name(interface_id)

    async def list_ports(self) -> Mapping[str, PortState]:
        with _reported("ports"):
            return await asyncio.to_thread(_list_ports)

    async def create_tap(self, port: PortSpec) -> None:
        with _reported(port.interface_id):
            await asyncio.to_thread(self._create_tap, port)

    async def plug(self, port: PortSpec) -> None:
        with _reported(port.interface_id):
            await asyncio.to_thread(self._plug, port)

    async def unplug(self, interface_id: str) -> None:
        with _reported(interface_id):
            await asyncio.to_thread(_unplug, interface_id)

    def _problems(self) -> tuple[str, ...]:
        problems = []
        try:
            self._uplink()
        except Transient as error:
            problems.append(str(error))
        if shutil.which("dnsmasq") is None:
            problems.append("dnsmasq is not installed, so guests get no address: install dnsmasq-base")
        return tuple(problems)

    def _ensure_router(self, spec: VpcSpec, known: VpcSpec | None) -> int:
        """Returns the guests' MTU."""
        namespace = namespaces.vpc_namespace(spec.vpc_id)
        uplink, mtu = self._uplink()
        is_new = namespaces.ensure(namespace)
        self._underlay.ensure_tables(uplink)
        known = None if is_new else known
        namespaces.call(namespace, _apply_rules, spec, known)
        is_new_vxlan = router.ensure_vxlan(spec, uplink, self._context.underlay_address, mtu)
        # The same spec again is the periodic pass, which looks for what somebody else changed.
        namespaces.call(namespace, router.converge, spec, None if is_new_vxlan or known == spec else known)
        underlay.ensure_peers(spec)
        return mtu

    def _remove_router(self, vpc_id: str) -> None:
        namespace = namespaces.vpc_namespace(vpc_id)
        if namespaces.exists(namespace):
            vni = namespaces.call(namespace, router.vni, vpc_id)
            if vni is not None:
                underlay.remove_peers(vni)
            namespaces.call(namespace, router.remove_vxlan, vpc_id)
        router.remove_vxlan(vpc_id)
        namespaces.remove(namespace)
        self._underlay.remove_tables_unless(lambda: bool(_vpc_ids()))

    def _create_tap(self, port: PortSpec) -> None:
        for namespace, found in _in_each_vpc(ports.list_here).items():
            if found.get(port.interface_id) is PortState.PLUGGED:
                return
            if port.interface_id in found:  # Half plugged, for a QEMU that is no more: the next can't open it there.
                namespaces.call(namespace, ports.delete_here, port.interface_id)
        ports.create(port, self._uplink()[1])

    def _plug(self, port: PortSpec) -> None:
        namespace = self._namespace_of(port.interface_id)
        ports.move(port, namespace)
        if not namespaces.call(namespace, ports.bring_up, port):
            raise Transient(
                f"{port.interface_id} has no tap {names.tap_name(port.interface_id)} yet; create_tap makes it"
            )

    def _namespace_of(self, interface_id: str) -> str:
        """The namespace with the port's rules: what was applied last tells where to look first."""
        for spec in self._applied.copy().values():
            if any(port.interface_id == interface_id for port in spec.ports):
                return namespaces.vpc_namespace(spec.vpc_id)
        chain = ruleset.egress_chain(interface_id)
        for namespace, has_chain in _in_each_vpc(nft.has_chain, ruleset.FILTER, chain).items():
            if has_chain:
                return namespace
        raise Transient(f"{interface_id} has no rules yet; ensure its VPC first")

    def _uplink(self) -> tuple[str, int]:
        """The uplink and the guests' MTU."""
        address = self._context.underlay_address
        with open_netlink() as netlink:
            name = self._settings.uplink or netlink.device_of_address(address)
            link = netlink.link(name) if name else None
        if link is None:
            what = f"no interface {self._settings.uplink}" if self._settings.uplink else f"no interface has {address}"
            raise Transient(f"{what}: set `uplink`, or the host's underlay address")
        return link.name, self._settings.mtu or link.mtu - names.VXLAN_OVERHEAD_BYTES

    def _directory(self, vpc_id: str) -> Path:
        return self._context.run_dir / f"network-{vpc_id}"


def _apply_rules(spec: VpcSpec, known: VpcSpec | None) -> None:
    """Make the calling thread's namespace filter as `spec` says, both tables in one transaction."""
    new = ruleset.render(spec)
    if known is not None:
        nft.apply("".join(map(nft.delta, ruleset.render(known), new)))
    else:
        nft.apply("".join(nft.delta(nft.existing(table.name), table) for table in new))


def _list_ports() -> dict[str, PortState]:
    found = ports.list_here()
    for there in _in_each_vpc(ports.list_here).values():
        found |= there
    return found


def _unplug(interface_id: str) -> None:
    ports.delete_here(interface_id)
    _in_each_vpc(ports.delete_here, interface_id)


def _vpc_ids() -> list[str]:
    return [name.removeprefix("stead-") for name in namespaces.names(_PREFIX)]


def _in_each_vpc(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> dict[str, T]:
    """Call it in every VPC's namespace that there is; results by namespace."""
    results = {}
    for namespace in sorted(filter(namespaces.exists, namespaces.names(_PREFIX))):
        with suppress(FileNotFoundError):  # Removed meanwhile.
            results[namespace] = namespaces.call(namespace, function, *args, **kwargs)
    return results


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """What the host refuses may work later; what the spec says wrong will not."""
    try:
        yield
    except (OSError, NetlinkError, nft.NftError, CommandFailed) as error:
        raise Transient(f"{what}: {error}") from error
    except ValueError as error:
        raise Permanent(f"{what}: {error}") from error
