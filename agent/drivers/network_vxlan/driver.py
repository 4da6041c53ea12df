"""The driver: the order in which namespaces, rules, devices and daemons come and go.

Blocking work goes to threads here and nowhere else. Order is what keeps it safe: rules stand before a tap or a VXLAN
comes up, and what admits traffic goes before what would drop it. Every pass reads back all that was ever set.
"""

import shutil
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

from agent.drivers.base import Changed, HostContext, Transient
from agent.drivers.network_vxlan import (
    counting,
    dhcp,
    names,
    parts,
    peerings,
    places,
    ports,
    router,
    ruleset,
    tunnel,
    underlay,
)
from agent.drivers.network_vxlan.drops import Drops
from agent.drivers.network_vxlan.owners import Owners
from agent.drivers.network_vxlan.places import Place
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import conntrack, links, monitor, namespaces, nflog
from agent.host.ear import HOST, at_work
from agent.host.errors import reported
from agent.host.netlink import Link, open_netlink
from agent.host.repairs import Repairs
from agent.host.rules import Rules
from agent.host.services import Services
from agent.host.threads import Threads
from agent.model import Capacity, Counted, Dropped, Kind, PortSpec, PortState, Ref, VpcSpec
from agent.objects import ObjectRef
from agent.vpc import VpcView


class VxlanNetworkDriver:
    """A NetworkDriver: see `agent.drivers.base`."""

    def __init__(self, settings: VxlanSettings, context: HostContext) -> None:
        self._settings = settings
        self._context = context
        self._threads = Threads("the network", workers=16, deadline_s=60.0)
        self._underlay = underlay.Underlay()
        self._tunnel = tunnel.Tunnel(context.state_dir / "wireguard.key")
        self._refused: dict[str, tuple[str, ...]] = {}  # Peers to which nothing is sent, by VPC, as problems.
        self._repairs = Repairs()
        self._services = Services()
        self._known: dict[str, Place] = {}
        self._drops: dict[str, Drops] = {}

    async def probe(self) -> Capacity:
        with reported("network"):
            problems = await self._threads.run("probe", self._problems)
            key = await self._threads.run("probe", self._tunnel.key) if self._is_encrypted else ""
            return Capacity(problems=problems, wireguard_key=key)

    async def list(self) -> frozenset[str]:
        with reported("network"):
            return await self._threads.run("list", self._list)

    async def ensure(self, view: VpcView, changed: Changed = None) -> None:
        vpc_id = view.vpc.id
        place = self._known.setdefault(vpc_id, Place())
        with reported(vpc_id):
            if changed is not None and not place.waiting and await self._follow(place, view, changed):
                return
            _, self._refused[vpc_id] = tunnel.meet(view.spec, self._is_encrypted)
            mtu = await self._threads.run(vpc_id, self._ensure_router, place, view)
            directory = self._directory(vpc_id)
            await dhcp.ensure(view.spec, directory, self._settings, mtu, place.is_adopted, self._services)
            place.is_adopted = True
            peerings.check_joined(vpc_id, place.waiting)

    async def end_connections(self, vpc_id: str) -> None:
        place = self._known.get(vpc_id)
        if place is not None and not place.endings.are_over:
            with reported(vpc_id):
                await self._threads.run(_connections(vpc_id), place.endings.carry_out, self._directory(vpc_id))

    async def remove(self, vpc_id: str) -> None:
        place = self._known.pop(vpc_id, None)
        if drops := self._drops.pop(vpc_id, None):
            drops.close()
        self._refused.pop(vpc_id, None)
        with reported(vpc_id):
            if place is not None and not place.endings.are_over:
                await self._threads.run(_connections(vpc_id), place.endings.forget)
            await dhcp.remove(vpc_id, self._directory(vpc_id), self._services)
            await self._threads.run(vpc_id, self._remove_router, vpc_id)

    def tap_name(self, interface_id: str) -> str:
        return names.tap_name(interface_id)

    async def list_ports(self) -> Mapping[str, PortState]:
        with reported("ports"):
            return await self._threads.run("list_ports", _list_ports)

    async def look_ports(self, interface_ids: Collection[str]) -> Mapping[str, PortState]:
        with reported("ports"):
            key = f"ports {' '.join(interface_ids)}"
            return await self._threads.run(key, self._look_ports, interface_ids) if interface_ids else {}

    async def count(self, interface_ids: Collection[str]) -> tuple[Counted, ...]:
        with reported("ports"):
            return await self._threads.run(f"count {' '.join(interface_ids)}", self._count, interface_ids)

    async def drops(self, interface_ids: Collection[str], after: int, wait_s: float) -> tuple[int, tuple[Dropped, ...]]:
        place = next((place for place in self._known.values() if any(map(place.has_port, interface_ids))), None)
        if place is None or place.view is None:
            raise Transient(f"{', '.join(interface_ids)}: no VPC of this host has such ports")
        with reported("drops"):
            number, found = await self._drops_of(place.view.vpc.id).after(after, interface_ids, wait_s)
        return number, tuple(found)

    def _drops_of(self, vpc_id: str) -> Drops:
        namespace, key = namespaces.vpc_namespace(vpc_id), f"what {vpc_id} drops"

        async def listen() -> socket.socket:
            return await self._threads.run(key, namespaces.call, namespace, nflog.opened, ruleset.LOG_GROUP)

        async def taps() -> Mapping[int, str]:
            links = await self._threads.run(key, namespaces.call, namespace, ports.links_here)
            return {link.index: interface_id for interface_id, link in links.items()}

        if vpc_id not in self._drops:
            self._drops[vpc_id] = Drops(listen, taps)
        return self._drops[vpc_id]

    def _count(self, interface_ids: Collection[str]) -> tuple[Counted, ...]:
        views = [place.view for place in list(self._known.values()) if place.view is not None]
        return tuple(counted for view in views for counted in counting.count(view, interface_ids))

    async def create_tap(self, port: PortSpec) -> None:
        with reported(port.interface_id):
            await self._threads.run(port.interface_id, self._create_tap, port)

    async def is_open(self, interface_id: str) -> bool:
        with reported(interface_id):
            return await self._threads.run(interface_id, links.has_carrier, names.tap_name(interface_id))

    async def plug(self, port: PortSpec) -> None:
        with reported(port.interface_id):
            await self._threads.run(port.interface_id, self._plug, port)

    async def unplug(self, interface_id: str) -> None:
        with reported(interface_id):
            await self._threads.run(interface_id, self._unplug, interface_id)

    async def events(self) -> AsyncIterator[Ref]:
        watched = monitor.Monitor(self._threads, lambda: [HOST, *places.names()])
        self._services.tell = lambda vpc_id: watched.note(namespaces.vpc_namespace(vpc_id))
        async for changed in watched.changes():
            ids = [places.vpc_id(name) for name in changed if name]
            for vpc_id in ids or list(self._known)[:1]:  # Any VPC's pass looks at what is the host's own.
                yield Ref(Kind.VPC, vpc_id)
                yield Ref(Kind.GATEWAY, vpc_id)  # It has a part in the VPC's namespace.

    def _problems(self) -> tuple[str, ...]:
        problems = []
        try:
            self._uplink()
        except Transient as error:
            problems.append(str(error))
        if shutil.which("dnsmasq") is None:
            problems.append("dnsmasq is not installed, so guests get no address: install dnsmasq-base")
        refused = dict.fromkeys(each for of_vpc in list(self._refused.values()) for each in of_vpc)
        told = (*self._tunnel.problems, *refused, *self._services.problems(), *self._repairs.problems())
        return (*problems, *told)

    def _list(self) -> frozenset[str]:
        """Also of namespaces that lost their name, which they have again after this."""
        for name in namespaces.restore(places.PREFIX, self._context.host_id):
            self._repairs.note(places.vpc_id(name), [f"the name of namespace {name}"])
        found = frozenset(map(places.vpc_id, places.names()))
        if not self._is_encrypted and all(vpc_id in self._known and self._known[vpc_id].view for vpc_id in found):
            self._tunnel.abandon()  # No VPC's VXLAN goes by it any more, after an agent that encrypted.
        return found

    async def _follow(self, place: Place, view: VpcView, changed: frozenset[ObjectRef]) -> bool:
        """Bring it there by these objects alone. Returns False where that takes more."""
        vpc_id = view.vpc.id
        difference = await self._threads.run(vpc_id, self._make, place, view, changed)
        if difference is None or not (difference.is_local or difference.renames):
            return difference is not None
        return place.is_adopted and await dhcp.follow(vpc_id, view.ports, view.names, self._directory(vpc_id))

    @at_work(HOST)
    def _make(self, place: Place, view: VpcView, changed: frozenset[ObjectRef]) -> parts.Difference | None:
        """None, with nothing done, where it takes more."""
        with place.changing():
            difference = place.view and parts.difference(place.view, view, changed, is_encrypted=self._is_encrypted)
            if not difference or not self._apply(place.rules, difference):
                return None
            if difference.moves_peers:
                addresses = [host.underlay_address for host in view.peers]
                self._admit(self._uplink().name, view.vpc.vni, addresses)
            Owners(self._directory(view.vpc.id)).note(difference.owners)
            place.endings.note(view, difference.old, difference.new, self._directory(view.vpc.id))
            place.view = view
            return difference

    def _apply(self, rules: Rules, difference: parts.Difference, plugging: str = "") -> bool:
        namespace, mtu = namespaces.vpc_namespace(difference.new.vpc_id), self._mtu() if difference.new.ports else 0
        old, new = self._met(difference.old), self._met(difference.new)
        if not namespaces.call(namespace, router.follow, rules, old, new, mtu, plugging):
            return False
        forget(difference.new, difference.moved)
        return True

    @at_work(HOST)
    def _ensure_router(self, place: Place, view: VpcView) -> int:
        """Returns the guests' MTU."""
        namespace, mtu, spec = namespaces.vpc_namespace(view.vpc.id), self._mtu(), self._met(view.spec)
        is_same = place.view is not None and self._met(place.view.spec) == spec
        device, address = self._carrier(view, is_same=is_same)
        with place.changing():
            if not namespaces.exists(namespace):
                self._list()
            if namespaces.ensure(namespace, self._context.host_id):
                place.rules.forget()
            self._admit(device, spec.vni, [peer.underlay_address for peer in spec.peers])
            is_new = router.ensure_vxlan(spec, device, address, mtu)
            joined = peerings.join(spec, mtu)
            repaired, changed = namespaces.call(namespace, router.converge, place.rules, joined.spec, mtu)
            changed += joined.made if not place.waiting else []
            place.waiting = joined.waiting
            changed += [names.vxlan_name(spec.vpc_id)] * is_new
            self._repairs.note(spec.vpc_id, [*repaired, *(changed if is_same else [])])
            self._forget_old_owners(spec)
            old = place.view.spec if place.view else None
            place.endings.note(view, old, view.spec, self._directory(spec.vpc_id))
            place.view = view
        return mtu

    def _admit(self, device: str, vni: int, addresses: Collection[str]) -> None:
        self._repairs.note("the host's own rules", self._underlay.admit(device, vni, addresses))

    def _met(self, spec: VpcSpec) -> VpcSpec:
        """With the peers to which anything is sent, at the addresses to which VXLAN goes."""
        met, _ = tunnel.meet(spec, self._is_encrypted)
        return tunnel.inside(met) if self._is_encrypted else met

    def _carrier(self, view: VpcView, *, is_same: bool) -> tuple[str, str]:
        """By which device and from which of this host's addresses VXLAN goes."""
        uplink = self._uplink()
        if not self._is_encrypted:
            return uplink.name, self._context.underlay_address
        vpc_ids = frozenset(map(places.vpc_id, places.names()))
        spec, _ = tunnel.meet(view.spec, self._is_encrypted)
        changed = self._tunnel.converge(spec, uplink.mtu - names.WIREGUARD_OVERHEAD_BYTES, vpc_ids)
        self._repairs.note(tunnel.DEVICE, changed if is_same else [])
        return tunnel.DEVICE, names.transit_address(spec.host_number)

    def _forget_old_owners(self, spec: VpcSpec) -> None:
        """Connections of an address end with its owner, also here, on a peer of its host."""
        owners = Owners(self._directory(spec.vpc_id))
        forget(spec, owners.moved(spec))
        owners.save(spec)

    @at_work(HOST)
    def _remove_router(self, vpc_id: str) -> None:
        namespace, vni = namespaces.vpc_namespace(vpc_id), None
        if namespaces.exists(namespace):
            vni = namespaces.call(namespace, router.vni, vpc_id)
            namespaces.call(namespace, router.remove_vxlan, vpc_id)
            namespaces.call(namespace, peerings.remove_all)
        router.remove_vxlan(vpc_id)
        namespaces.remove(namespace)
        self._underlay.dismiss(vni, is_used=lambda: bool(places.names()))
        self._tunnel.dismiss(vpc_id, is_used=bool(places.names()))

    def _look_ports(self, interface_ids: Collection[str]) -> dict[str, PortState]:
        there = places.in_each(places.of(self._known, interface_ids), ports.look_here, interface_ids)
        return ports.look_here(interface_ids) | places.merged(there)

    @at_work(HOST)
    def _create_tap(self, port: PortSpec) -> None:
        id = port.interface_id
        for namespace, found in places.in_each(places.of(self._known, [id]), ports.look_here, [id]).items():
            if found.get(id) is PortState.PLUGGED:
                return
            if id in found:  # Half plugged, for a QEMU that is no more: the next can't open it there.
                namespaces.call(namespace, ports.delete_here, id)
        ports.create(port, self._mtu())

    @at_work(HOST)
    def _plug(self, port: PortSpec) -> None:
        place = next((place for place in list(self._known.values()) if place.has_port(port.interface_id)), Place())
        with place.lock:
            if place.view is None or not place.has_port(port.interface_id):
                raise Transient(f"{port.interface_id} has no rules yet; ensure its VPC first")
            namespace = namespaces.vpc_namespace(place.view.vpc.id)
            ports.move(port, namespace)
            state = namespaces.call(namespace, ports.look_here, [port.interface_id]).get(port.interface_id)
            if state is PortState.PLUGGED:
                return
            if state is None:
                tap = names.tap_name(port.interface_id)
                raise Transient(f"{port.interface_id} has no tap {tap} yet; create_tap makes it")
            if not self._apply(place.rules, _still(place.view, port.interface_id), port.interface_id):
                mtu = self._mtu()
                joined = peerings.join(self._met(place.view.spec), mtu)
                namespaces.call(namespace, router.converge, place.rules, joined.spec, mtu, port.interface_id)

    @at_work(HOST)
    def _unplug(self, interface_id: str) -> None:
        ports.delete_here(interface_id)
        found = places.in_each(places.of(self._known, [interface_id]), ports.delete_here, interface_id)
        for namespace, was_here in found.items():
            place = self._known.get(places.vpc_id(namespace))
            if was_here and place is not None:
                with place.lock:
                    if place.view is not None and not self._apply(place.rules, _still(place.view, interface_id)):
                        namespaces.call(namespace, router.apply_rules, place.rules, self._met(place.view.spec))

    @property
    def _is_encrypted(self) -> bool:
        return self._settings.encryption == "wireguard"

    def _mtu(self) -> int:
        """Of guests: what the uplink leaves."""
        around = names.VXLAN_OVERHEAD_BYTES + self._is_encrypted * names.WIREGUARD_OVERHEAD_BYTES
        return self._uplink().mtu - around

    def _uplink(self) -> Link:
        address = self._context.underlay_address
        with open_netlink() as netlink:
            name = self._settings.uplink or netlink.device_of_address(address)
            link = netlink.link(name) if name else None
        if link is None:
            what = f"no interface {self._settings.uplink}" if self._settings.uplink else f"no interface has {address}"
            raise Transient(f"{what}: set `uplink`, or the host's underlay address")
        return link

    def _directory(self, vpc_id: str) -> Path:
        return self._context.run_dir / f"network-{vpc_id}"


def _connections(vpc_id: str) -> str:
    """The key of what is done with them, beside all else that is done with a VPC."""
    return f"{vpc_id}'s connections"


def forget(spec: VpcSpec, addresses: Collection[str]) -> None:
    """Connections of these, which the VPC's peers may have let in, too."""
    vpc_ids = (spec.vpc_id, *(each.vpc_id for each in spec.peerings)) if addresses else ()
    for namespace in filter(namespaces.exists, map(namespaces.vpc_namespace, vpc_ids)):
        namespaces.call(namespace, conntrack.forget, addresses)


def _still(view: VpcView, interface_id: str) -> parts.Difference:
    """To where it is: what was done to the port's tap makes the difference."""
    part = view.part({interface_id}, set(), set(), set())
    return parts.Difference(part, part)


def _list_ports() -> dict[str, PortState]:
    return ports.list_here() | places.merged(places.in_each(places.names(), ports.list_here))
