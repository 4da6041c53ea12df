"""A VPC's router: its VXLAN device, its plugged taps, and the addresses, routes and neighbours in its namespace.

All of it is read at every pass and put right where it differs. The device that leads to a gateway, its routes and its
neighbours are the gateway driver's.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from agent.drivers.base import Transient
from agent.drivers.network_vxlan import names, peerings, ports, ruleset
from agent.host import namespaces, routing_rules, sysctls
from agent.host.entries import OWN_TABLES
from agent.host.netlink import FdbEntry, Link, Neighbour, Netlink, Route, Vxlan, open_netlink, sync
from agent.host.nft import Device
from agent.host.rules import Rules
from agent.model import ALL_OUT, PortSpec, RouteSpec, VpcSpec

# Loose ends closed for the whole namespace. Strict reverse paths are for every device but taps (see `ports`).
_SYSCTLS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/default/rp_filter": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/all/src_valid_mark": 1,  # Reverse paths, too, are for what is marked.
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
}


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How packets leave: by the VXLAN, by a tap, or not at all."""

    routes: frozenset[Route]
    neighbours: frozenset[Neighbour]
    fdb: frozenset[FdbEntry]


def forwarding(spec: VpcSpec, plugged: Iterable[PortSpec]) -> Forwarding:
    """What a spec asks for, where these of its ports are plugged. Pure.

    A guest's neighbour entry is permanent, so that no ARP of its own can change it.
    """
    device = names.vxlan_name(spec.vpc_id)
    routes = {Route(spec.cidr_block), Route(names.LINK_LOCAL)}
    for peer in spec.peers:
        via = names.transit_address(peer.host_number)
        routes |= {Route(f"{ip}/32", device, via) for ip in peer.private_ips}
    plugged = tuple(plugged)
    routes |= _ways_out(spec, {port.interface_id for port in plugged}) | set(peerings.routes(spec))
    macs = [(peer, names.vxlan_mac(peer.host_number)) for peer in spec.peers]
    taps = [(names.tap_name(port.interface_id), port) for port in plugged]
    guests = {Neighbour(tap, ip, port.mac_address) for tap, port in taps for ip in port.private_ips}
    hosts = {Neighbour(device, names.transit_address(peer.host_number), mac) for peer, mac in macs}
    return Forwarding(
        routes=frozenset(routes | {Route(f"{ip}/32", tap) for tap, port in taps for ip in port.private_ips}),
        neighbours=frozenset(guests | hosts | set(peerings.neighbours(spec))),
        fdb=frozenset(FdbEntry(device, mac, peer.underlay_address) for peer, mac in macs),
    )


def _ways_out(spec: VpcSpec, plugged: Collection[str]) -> set[Route]:
    """What the VPC's route tables say, each in a table of the kernel's. Its main table, which has the VPC's own
    addresses, is asked before. What leads to a gateway on this host is the gateway driver's.
    """
    joined = {each.peering_id for each in spec.peerings}
    routes = {
        (OWN_TABLES + table.number, route)
        for table in spec.tables
        for route in table.routes
        if route.peering_id not in joined
    }
    ways = {_by_interface(spec, number, route, plugged) for number, route in routes if not route.leads_out}
    if spec.gateway_host_number not in (0, spec.host_number):
        device, via = names.vxlan_name(spec.vpc_id), names.transit_address(spec.gateway_host_number)
        ways |= {Route(route.cidr_block, device, via, number) for number, route in routes if route.leads_out}
    return ways


def _by_interface(spec: VpcSpec, table: int, route: RouteSpec, plugged: Collection[str]) -> Route:
    """To its tap, or the host that has it; a black hole where there is neither."""
    hop = route.hop
    if hop and hop.host_number != spec.host_number:
        via = names.transit_address(hop.host_number)
        return Route(route.cidr_block, names.vxlan_name(spec.vpc_id), via, table)
    if hop and hop.interface_id in plugged:
        return Route(route.cidr_block, names.tap_name(hop.interface_id), hop.private_ip, table)
    return Route(route.cidr_block, table=table)


def _marks(spec: VpcSpec) -> dict[int, int]:
    """Tables of the kernel's by packet mark. What has none has no way out."""
    tables = {ruleset.routed(table.number): OWN_TABLES + table.number for table in spec.tables}
    return {**tables, ruleset.SEEN: OWN_TABLES + ALL_OUT.number}


def ensure_vxlan(spec: VpcSpec, uplink: str, underlay_address: str, mtu: int) -> bool:
    """Make the VPC's VXLAN device and move it into the namespace. Returns whether it is new there.

    Made in the host's namespace, because its UDP socket stays where it was made.
    """
    name, namespace = names.vxlan_name(spec.vpc_id), namespaces.vpc_namespace(spec.vpc_id)
    wanted = Vxlan(spec.vni, underlay_address)
    mac_address = names.vxlan_mac(spec.host_number)
    if namespaces.call(namespace, _keep_vxlan, name, wanted, mac_address, mtu):
        return False
    with open_netlink() as netlink, namespaces.opened(namespace) as fd:
        netlink.delete_link(name)  # Left by a crash before the move.
        netlink.add_vxlan(name, wanted, uplink, mac_address, mtu)
        netlink.set_link(name, net_ns_fd=fd)
    return True


def vni(vpc_id: str) -> int | None:
    """The VNI of the VXLAN device in the calling thread's namespace, if it has one."""
    with open_netlink() as netlink:
        link = netlink.link(names.vxlan_name(vpc_id))
        return link.vxlan.vni if link and link.vxlan else None


def remove_vxlan(vpc_id: str) -> None:
    """Delete it now: a namespace ends only when its last socket is closed, and until then it would keep the VNI."""
    with open_netlink() as netlink:
        netlink.delete_link(names.vxlan_name(vpc_id))


def apply_rules(rules: Rules, spec: VpcSpec) -> tuple[str, ...]:
    """In the calling thread's namespace. Returns tables that somebody had changed."""
    return rules.converge(*ruleset.render(spec, _devices(ports.links_here())))


def converge(rules: Rules, spec: VpcSpec, mtu: int, plugging: str = "") -> tuple[tuple[str, ...], list[str]]:
    """Make the calling thread's namespace be as `spec` says.

    The tap with the interface id `plugging` is brought up as those that are plugged already, and marked as one last.
    Returns tables that somebody had changed, and what else was otherwise.
    """
    repaired = apply_rules(rules, spec)
    return repaired, _converge(spec, mtu, plugging)


def _converge(spec: VpcSpec, mtu: int, plugging: str) -> list[str]:
    changed = routing_rules.route_marked_only(*ruleset.ROUTED)
    changed += routing_rules.lead_on(_marks(spec))
    device = names.vxlan_name(spec.vpc_id)
    with open_netlink() as netlink:
        links = {link.name: link for link in netlink.links()}
        changed += sysctls.set_sysctls(_reverse_paths(links.values(), spec) | _SYSCTLS)
        taps = {link.alias: link for link in links.values() if link.name.startswith(names.TAP_PREFIX)}
        plugged = ports.plugged(spec.ports, taps, plugging)
        if device not in links:
            raise Transient(f"{device} of {spec.vpc_id} was deleted in this moment; the next try makes it anew")
        if not links["lo"].is_up:
            netlink.set_link("lo", state="up")
        changed += netlink.bring_up(links[device], names.vxlan_mac(spec.host_number), mtu)
        changed += peerings.bring_up(netlink, links.values(), spec, mtu)
        for tap in plugged.values():
            changed += ports.bring_up(netlink, tap, mtu)
        put, delete = partial(netlink.put_addresses, "lo"), partial(netlink.delete_addresses, "lo")
        changed += sync(netlink.addresses("lo"), _addresses(spec), put, delete)
        changed += _forward(netlink, _read(netlink), forwarding(spec, plugged))
        if plugging in taps:
            netlink.set_link(taps[plugging].name, group=ports.PLUGGED_GROUP)
    return changed


def _reverse_paths(devices: Iterable[Link], spec: VpcSpec) -> dict[str, int]:
    """As sysctls: strict for all but taps and peerings, whichever default they were made with.

    The VXLAN of a VPC with peers carries what their hosts send for it, to which the way back is by a veth; and that of
    one with interfaces that pass on what is others' carries what is from anywhere.
    """
    lax = (names.TAP_PREFIX, names.PEERING_PREFIX)
    strict = (link for link in devices if not link.name.startswith(lax))
    wanted = {link: int(not ((spec.peerings or spec.passes_on) and link.vxlan)) for link in strict}
    return {f"ipv4/conf/{link.name}/rp_filter": value for link, value in wanted.items() if link.rp_filter != value}


def follow(rules: Rules, old: VpcSpec, new: VpcSpec, mtu: int, plugging: str = "") -> bool:
    """Bring the calling thread's namespace from one part of its VPC to another: see `parts`.

    Rules go first, as in `converge`, which says what `plugging` is. Returns False, with nothing done, where it is not
    known what rules there are.
    """
    ids = {port.interface_id for port in (*old.ports, *new.ports)}
    taps = ports.links_of(ids)
    known = {id: device for id in ids if (device := rules.device(ruleset.INGRESS, ruleset.tap_chain(id)))}
    if not rules.change(ruleset.render(old, known), ruleset.render(new, _devices(taps))):
        return False
    now, plugged = forwarding(old, ports.plugged(old.ports, taps, "")), ports.plugged(new.ports, taps, plugging)
    now, wanted = _without_black_holes(now, old), forwarding(new, plugged)
    if plugged or now != wanted:
        with open_netlink() as netlink:
            for tap in plugged.values():
                ports.bring_up(netlink, tap, mtu)
            _forward(netlink, now, wanted)
            if plugging in taps:
                netlink.set_link(taps[plugging].name, group=ports.PLUGGED_GROUP)
    return True


def _without_black_holes(now: Forwarding, spec: VpcSpec) -> Forwarding:
    """Where a tap was that routes lead to, the kernel has no route any more, since that went with the tap."""
    ids = {port.interface_id for port in spec.ports}
    gone = {
        Route(route.cidr_block, table=OWN_TABLES + table.number)
        for table in spec.tables
        for route in table.routes
        if route.hop and route.hop.interface_id in ids
    }
    return replace(now, routes=now.routes - gone) if gone else now


def _devices(taps: Mapping[str, Link]) -> dict[str, Device]:
    return {interface_id: Device(tap.name, tap.index) for interface_id, tap in taps.items()}


def _forward(netlink: Netlink, now: Forwarding, wanted: Forwarding) -> list[str]:
    return [
        *sync(now.fdb, wanted.fdb, netlink.put_fdb, netlink.delete_fdb),
        *netlink.sync_neighbours(now.neighbours, wanted.neighbours),
        *sync(now.routes, wanted.routes, netlink.put_routes, netlink.delete_routes),
    ]


def _addresses(spec: VpcSpec) -> frozenset[tuple[str, int]]:
    """On `lo`: the kernel answers ARP for them on every tap. A subnet's router has its prefix, for dnsmasq's sake."""
    subnets = (subnet.cidr_block for subnet in spec.subnets)
    routers = {(names.router_address(cidr), int(cidr.partition("/")[2])) for cidr in subnets}
    services = (names.vpc_resolver(spec.cidr_block), names.RESOLVER_ADDRESS, names.TIME_ADDRESS, names.METADATA_ADDRESS)
    return frozenset(routers | {(address, 32) for address in services} | {("127.0.0.1", 8)})


def _read(netlink: Netlink) -> Forwarding:
    return Forwarding(
        routes=frozenset(route for route in netlink.routes() if route.device != names.GATEWAY_DEVICE),
        neighbours=frozenset(entry for entry in netlink.neighbours() if entry.device != names.GATEWAY_DEVICE),
        fdb=netlink.fdb(),
    )


def _keep_vxlan(name: str, wanted: Vxlan, mac_address: str, mtu: int) -> bool:
    """Whether the device is here and right; one that is not right is deleted."""
    with open_netlink() as netlink:
        link = netlink.link(name)
        if link is None or (link.vxlan, link.mac_address) != (wanted, mac_address):
            netlink.delete_link(name)
            return False
        if link.mtu != mtu:
            netlink.set_link(name, mtu=mtu)
        return True
