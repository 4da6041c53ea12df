"""A VPC as one host sees it, out of objects: what the network driver is given. Pure.

Made from the one before it at the cost of what changed, and of copies of the tables concerned, whatever it takes to put
the whole together.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from types import MappingProxyType

from agent.model import (
    AclSpec,
    GroupMembers,
    GroupSpec,
    HopSpec,
    Kind,
    NamesSpec,
    PeeringSpec,
    PeerSpec,
    PortSpec,
    Ref,
    RouteSpec,
    RouteTableSpec,
    SubnetSpec,
    VpcSpec,
)
from agent.objects import (
    Address,
    Change,
    Endpoint,
    Host,
    InternetGateway,
    NetworkAcl,
    Object,
    Peering,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
)
from agent.rows import Index, Rows, in_order, indexed, with_rows
from agent.ways import Ways

_EMPTY: Rows[Endpoint] = MappingProxyType({})
LOCAL = "local"  # The target of the route to the VPC itself.


@dataclass(frozen=True, slots=True)
class PeeringLink:
    """A peering whose other VPC has a router on this host, too; `host_ids` are the hosts of that VPC's endpoints."""

    peering: Peering
    host_ids: Set[str]


@dataclass(frozen=True)
class VpcView:
    """What there is of a VPC; `hosts` are all of the region, `links` are what `linked` made of its peerings."""

    vpc: Vpc
    host_id: str
    hosts: Rows[Host] = field(default_factory=dict)
    ways: Ways = field(default_factory=Ways)
    acls: Rows[NetworkAcl] = field(default_factory=dict)
    groups: Rows[SecurityGroup] = field(default_factory=dict)
    addresses: Index[Address] = field(default_factory=dict)  # By endpoint.
    endpoints: Rows[Endpoint] = field(default_factory=dict)
    by_host: Index[Endpoint] = field(default_factory=dict)
    by_group: Index[Endpoint] = field(default_factory=dict)
    links: tuple[PeeringLink, ...] = ()
    unchecked: Index[Endpoint] = field(default_factory=dict)  # Under one key.

    @classmethod
    def blank(cls, vpc_id: str, host_id: str) -> "VpcView":
        """Of a VPC of which nothing was told yet."""
        return cls(Vpc(vpc_id, 0, ""), host_id)

    @property
    def ref(self) -> Ref:
        return Ref(Kind.VPC, self.vpc.id)

    @property
    def subnets(self) -> Rows[Subnet]:
        return self.ways.subnets

    @property
    def gateways(self) -> Rows[InternetGateway]:
        return self.ways.gateways

    @property
    def is_told(self) -> bool:
        """Whether the host was told of the VPC itself, and not only of what is in it."""
        return self.vpc.vni > 0

    @property
    def is_empty(self) -> bool:
        parts = (self.acls, self.groups, self.addresses, self.endpoints)
        return not self.is_told and self.ways == Ways() and not any(parts)

    @property
    def gateway_host_id(self) -> str:
        """Empty while there is none."""
        return next((gateway.host_id for gateway in self.gateways.values()), "")

    @property
    def local(self) -> Rows[Endpoint]:
        """The endpoints of this host's instances."""
        return self.by_host.get(self.host_id, _EMPTY)

    @property
    def ports(self) -> tuple[PortSpec, ...]:
        """The same, as ports."""
        return tuple(map(self.port, in_order(self.local)))

    def port(self, endpoint: Endpoint) -> PortSpec:
        return PortSpec(
            endpoint.id,
            endpoint.instance_id,
            endpoint.mac_address,
            endpoint.private_ip,
            endpoint.subnet_id,
            endpoint.group_ids,
            host_name(endpoint.private_ip),
            self.ways.table_number(endpoint.subnet_id),
            endpoint.secondary_private_ips,
            endpoint.is_unchecked,
        )

    @cached_property
    def ways_out(self) -> tuple[RouteTableSpec, ...]:
        """The route tables by which anything leads out, to a peer or an interface."""
        tables = (RouteTableSpec(row.number, self._routes(row)) for row in in_order(self.ways.tables) if row.number)
        return tuple(
            replace(table, sources=self._sources(table))
            for table in tables
            if any(route.leads_out or route.peering_id or route.hop for route in table.routes)
        )

    def _routes(self, table: RouteTable) -> tuple[RouteSpec, ...]:
        """To whatever is not there, or not known here, nothing leads."""
        peerings = {link.peering.id for link in self.links}
        return tuple(
            RouteSpec(
                route.cidr_block,
                route.target in self.gateways or route.target in self.ways.nats_that_lead_out,
                route.target if route.target in peerings else "",
                self._hop(route.target),
            )
            for route in table.routes
            if route.target != LOCAL
        )

    def _hop(self, endpoint_id: str) -> HopSpec | None:
        """None for one that would take nothing that is not its own."""
        endpoint = self.routers.get(endpoint_id)
        number = self._number(endpoint.host_id) if endpoint and endpoint.private_ip else 0
        return HopSpec(endpoint.id, endpoint.private_ip, number) if endpoint and number else None

    def _sources(self, table: RouteTableSpec) -> tuple[str, ...]:
        if not any(route.hop for route in table.routes):
            return ()
        served = (row for row in in_order(self.subnets) if self.ways.table_number(row.id) == table.number)
        return tuple(row.cidr_block for row in served)

    @property
    def routers(self) -> Rows[Endpoint]:
        """The endpoints that pass on what is not their own."""
        return self.unchecked.get("", _EMPTY)

    def has_part(self, host_id: str) -> bool:
        """Whether the host has endpoints of the VPC or of one that it peers with, or its gateway."""
        is_peers = any(host_id in link.host_ids for link in self.links)
        return host_id in self.by_host or host_id == self.gateway_host_id or is_peers

    def members(self, group_id: str) -> Rows[Endpoint]:
        return self.by_group.get(group_id, _EMPTY)

    def named_groups(self) -> list[str]:
        """Those whose members this host has to know: rules of its endpoints' groups name them."""
        rules = (rule for group in self.groups_here for rule in group.rules)
        return sorted({rule.group_id for rule in rules if rule.group_id})

    def with_changes(self, changes: Iterable[Change]) -> "VpcView":
        """The view after these objects changed; those of kinds that it does not have make no difference."""
        changes = tuple(changes)
        told = [change.new for change in changes if isinstance(change.new or change.old, Vpc)]
        return replace(
            self,
            vpc=_told(self.vpc, told[-1]) if told else self.vpc,
            ways=self.ways.with_changes(changes),
            acls=with_rows(self.acls, changes, NetworkAcl),
            groups=with_rows(self.groups, changes, SecurityGroup),
            addresses=indexed(self.addresses, changes, Address, lambda address: (address.endpoint_id,)),
            endpoints=with_rows(self.endpoints, changes, Endpoint),
            by_host=indexed(self.by_host, changes, Endpoint, lambda endpoint: (endpoint.host_id,)),
            by_group=indexed(self.by_group, changes, Endpoint, lambda endpoint: endpoint.group_ids),
            unchecked=indexed(self.unchecked, changes, Endpoint, lambda row: ("",) if row.is_unchecked else ()),
        )

    @cached_property
    def spec(self) -> VpcSpec:
        """All that this host makes of it, put together at the cost of the VPC's size, and always in the same order."""
        spec = self._spec(self.by_host, self.peers, self.groups_here, self.members, self.guards)
        return replace(spec, names=self.names)

    @cached_property
    def names(self) -> tuple[NamesSpec, ...]:
        return tuple(spec for endpoint in in_order(self.endpoints) for spec in self.names_of(endpoint))

    def names_of(self, endpoint: Endpoint) -> tuple[NamesSpec, ...]:
        """Of those of its addresses that have any besides the one that an address is made into."""
        told = (NamesSpec(ip, self._names_of(endpoint, ip)) for ip in endpoint.private_ips)
        return tuple(spec for spec in told if len(spec.names) > 1)

    def _names_of(self, endpoint: Endpoint, private_ip: str) -> tuple[str, ...]:
        tag = endpoint.name if private_ip == endpoint.private_ip else ""
        domain, addresses = self.vpc.domain, in_order(self.addresses.get(endpoint.id, {}))
        ours = (row for row in addresses if (row.private_ip or endpoint.private_ip) == private_ip)
        public = (self.public_name(row.public_ip) for row in ours)
        return (*([f"{tag}.{domain}"] if tag else []), f"{host_name(private_ip)}.{domain}", *filter(None, public))

    def public_name(self, public_ip: str) -> str:
        """EC2's name for a public address, in full; empty where there are none."""
        domain = self.vpc.public_domain
        return f"ec2-{public_ip.replace('.', '-')}.{domain}" if domain else ""

    def part(
        self, endpoints: Set[str], hosts: Set[str], groups: Set[str], whole: Set[str], acls: Set[str] = frozenset()
    ) -> VpcSpec:
        """What these alone make of it, by their ids. Of groups' members it has all of those that are `whole`."""
        rows = [self.endpoints[id] for id in endpoints & self.endpoints.keys()]

        def members(group_id: str) -> Rows[Endpoint]:
            if group_id in whole:
                return self.members(group_id)
            return {row.id: row for row in rows if group_id in row.group_ids}

        return self._spec(
            {host_id: {row.id: row for row in rows if row.host_id == host_id} for host_id in {*hosts, self.host_id}},
            self._peers_among(hosts),
            tuple(group for group in self.groups_here if group.group_id in groups),
            members,
            tuple(acl for acl in self.guards if acl.acl_id in acls),
        )

    @property
    def peers(self) -> list[Host]:
        """The other hosts that have a part in it."""
        of_peers = chain.from_iterable(link.host_ids for link in self.links)
        return self._peers_among({*self.by_host, self.gateway_host_id, *of_peers})

    def _peers_among(self, host_ids: Iterable[str]) -> list[Host]:
        others = (self.hosts[id] for id in host_ids if id in self.hosts and id != self.host_id and self.has_part(id))
        return sorted(others, key=lambda host: host.number)

    def _spec(
        self,
        by_host: Index[Endpoint],
        hosts: Iterable[Host],
        groups: tuple[GroupSpec, ...],
        members: Callable[[str], Rows[Endpoint]],
        acls: tuple[AclSpec, ...],
    ) -> VpcSpec:
        return VpcSpec(
            vpc_id=self.vpc.id,
            vni=self.vpc.vni,
            cidr_block=self.vpc.cidr_block,
            subnets=tuple(map(self._subnet, in_order(self.subnets))),
            ports=tuple(map(self.port, in_order(by_host.get(self.host_id, _EMPTY)))),
            peers=tuple(_peer(host, by_host.get(host.id, _EMPTY)) for host in hosts),
            host_number=self._number(self.host_id),
            gateway_host_number=self._number(self.gateway_host_id),
            groups=groups,
            group_members=tuple(GroupMembers(id, _addresses(members(id))) for id in self.named_groups()),
            domain=self.vpc.domain,
            dns_is_off=self.vpc.dns_is_off,
            route_tables=self.ways_out,
            dhcp_options=self.vpc.dhcp_options,
            acls=acls,
            peerings=tuple(
                PeeringSpec(link.peering.id, link.peering.vpc_id, link.peering.cidr_block) for link in self.links
            ),
            passes_on=bool(self.routers),
        )

    def _subnet(self, row: Subnet) -> SubnetSpec:
        return SubnetSpec(row.id, row.cidr_block, row.network_acl_id if row.network_acl_id in self.guard_ids else "")

    @cached_property
    def guards(self) -> tuple[AclSpec, ...]:
        """The network ACLs by which anything is stopped. Of one that is not known, everything is."""
        ids = sorted({row.network_acl_id for row in self.subnets.values() if row.network_acl_id})
        acls = (AclSpec(id, self.acls[id].entries if id in self.acls else ()) for id in ids)
        return tuple(acl for acl in acls if any(acl.stops_any(is_egress=way) for way in (True, False)))

    @cached_property
    def guard_ids(self) -> frozenset[str]:
        return frozenset(acl.acl_id for acl in self.guards)

    def guarded_by(self, acl_ids: Set[str]) -> set[str]:
        """The endpoints here that are in subnets which name these, by id."""
        subnets = {row.id for row in self.subnets.values() if row.network_acl_id in acl_ids}
        return {row.id for row in self.local.values() if row.subnet_id in subnets} if subnets else set()

    def _number(self, host_id: str) -> int:
        host = self.hosts.get(host_id)
        return host.number if host else 0

    @cached_property
    def groups_here(self) -> tuple[GroupSpec, ...]:
        """Those of this host's endpoints."""
        ids = sorted({group_id for endpoint in self.local.values() for group_id in endpoint.group_ids})
        return tuple(
            GroupSpec(id, self.groups[id].rules, self.groups[id].drop_revision) for id in ids if id in self.groups
        )


def _peer(host: Host, there: Rows[Endpoint]) -> PeerSpec:
    """Another host, and what is there."""
    held = [(ip, endpoint.id) for endpoint in in_order(there) for ip in endpoint.private_ips]
    ips, ids = (tuple(pair[index] for pair in held) for index in (0, 1))
    return PeerSpec(host.number, host.underlay_address, ips, ids, host.wireguard_key)


def linked(view: VpcView, views: Mapping[str, VpcView]) -> VpcView:
    """The view with its links as they are among all VPCs of this host; the very same where nothing differs."""
    others = ((peering, views.get(peering.vpc_id)) for peering in view.vpc.peerings if view.is_told)
    links = tuple(
        PeeringLink(peering, frozenset(other.by_host)) for peering, other in others if other and other.is_told
    )
    return view if links == view.links else replace(view, links=links)


def host_name(private_ip: str) -> str:
    """EC2's name for a private address; of what is none, a name that nobody asks for."""
    return "ip-" + private_ip.replace(".", "-")


def _told(known: Vpc, new: Object | None) -> Vpc:
    return new if isinstance(new, Vpc) else Vpc(known.id, 0, "")


def _addresses(endpoints: Mapping[str, Endpoint]) -> tuple[str, ...]:
    return tuple(ip for endpoint in in_order(endpoints) for ip in endpoint.private_ips)
