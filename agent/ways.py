"""Which ways a VPC's subnets have: by their route tables, its internet gateway and its NAT gateways. Pure.

It depends on nothing else, so what is worked out here stands until one of these changes, whoever comes and goes.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address

from agent.model import NatSpec, NatWay
from agent.objects import Change, InternetGateway, NatGateway, RouteTable, Subnet
from agent.routes import Range, common, ranges
from agent.rows import Rows, in_order, with_rows

NOWHERE = 0xFFFE  # The number of a table that is not known; none that is has it, nor 0xFFFF.


@dataclass(frozen=True)
class Ways:
    subnets: Rows[Subnet] = field(default_factory=dict)
    tables: Rows[RouteTable] = field(default_factory=dict)
    gateways: Rows[InternetGateway] = field(default_factory=dict)
    nat_gateways: Rows[NatGateway] = field(default_factory=dict)

    def with_changes(self, changes: Iterable[Change]) -> "Ways":
        """The very same where none is of these."""
        changes = tuple(changes)
        found = Ways(
            with_rows(self.subnets, changes, Subnet),
            with_rows(self.tables, changes, RouteTable),
            with_rows(self.gateways, changes, InternetGateway),
            with_rows(self.nat_gateways, changes, NatGateway),
        )
        return self if found._rows_are_those_of(self) else found

    def _rows_are_those_of(self, other: "Ways") -> bool:
        names = ("subnets", "tables", "gateways", "nat_gateways")
        return all(getattr(self, name) is getattr(other, name) for name in names)

    def table_number(self, subnet_id: str) -> int:
        """Of the route table that serves a subnet."""
        subnet = self.subnets.get(subnet_id)
        if subnet is None or not subnet.route_table_id:
            return self._main_number
        return self.tables[subnet.route_table_id].number if subnet.route_table_id in self.tables else NOWHERE

    @cached_property
    def _main_number(self) -> int:
        """0 where the control plane tells of no tables at all."""
        return next((table.number for table in self.tables.values() if table.is_main), NOWHERE if self.tables else 0)

    def is_public(self, subnet_id: str) -> bool:
        """Whether anything of a subnet goes to the internet gateway, and not by a NAT gateway."""
        return self.table_number(subnet_id) in self._public_numbers

    @cached_property
    def _public_numbers(self) -> Set[int]:
        """Of route tables; without any, of the one that leads out with everything."""
        tables = (row for row in self.tables.values() if any(route.target in self.gateways for route in row.routes))
        return {0, *(table.number for table in tables)}

    @cached_property
    def nats_that_lead_out(self) -> Set[str]:
        return {row.id for row in self.nat_gateways.values() if self.is_public(row.subnet_id)}

    @cached_property
    def nats(self) -> tuple[NatSpec, ...]:
        """The NAT gateways, with what comes to each of them and gets out."""
        return tuple(map(self._nat, in_order(self.nat_gateways)))

    def _nat(self, row: NatGateway) -> NatSpec:
        out = [each for each in self._ranges_of(row.subnet_id) if each.target in self.gateways]
        by_table = {
            number: tuple(common((each for each in found if each.target == row.id), out))
            for number, found in self._ranges.items()
        }
        ways = (
            NatWay(subnet.cidr_block, str(IPv4Address(first)), str(IPv4Address(last)))
            for subnet in in_order(self.subnets)
            for first, last in by_table.get(self.table_number(subnet.id), ())
        )
        return NatSpec(row.id, row.public_ip, tuple(ways))

    def _ranges_of(self, subnet_id: str) -> list[Range]:
        return self._ranges.get(self.table_number(subnet_id), [])

    @cached_property
    def _ranges(self) -> Mapping[int, list[Range]]:
        """Where each route table leads, by its number."""
        return {
            table.number: ranges((route.cidr_block, route.target) for route in table.routes)
            for table in self.tables.values()
        }
