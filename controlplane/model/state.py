"""The whole state of a region in memory: indexed tables, and `Change`, the only way to alter them.

Use cases read a `State` and return a `Change`; the journal applies it in one step. How rows are stored is not known
here.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from controlplane.model.audit import Calls
from controlplane.model.capacity import Resources
from controlplane.model.dhcp_options import DhcpOptionsSets
from controlplane.model.host import Host, Hosts, HostTokens, Regions, Zones
from controlplane.model.image import Images, InstanceTypes, KeyPairs
from controlplane.model.instance import (
    Attachments,
    Instances,
    Observation,
    Observations,
    ObservedKind,
    Volumes,
    observation_id,
)
from controlplane.model.nat_gateway import NatGateways
from controlplane.model.network import Addresses, Interfaces, PublicAddress, Rules, SecurityGroups
from controlplane.model.network_acl import NetworkAcls
from controlplane.model.prefix_list import PrefixLists
from controlplane.model.project import Projects, Tokens
from controlplane.model.table import Row, Table
from controlplane.model.value import value
from controlplane.model.vpc import InternetGateways, RouteTables, Subnets, Vpcs
from controlplane.model.vpc_peering import VpcPeeringConnections

R = TypeVar("R", bound=Row)
V = TypeVar("V")


class Change:
    """Rows to put and rows to delete, in order; the last word on a row counts."""

    def __init__(self) -> None:
        self._rows: MutableMapping[tuple[type[Row], str], Row | None] = {}

    def put(self, *rows: Row) -> None:
        for row in rows:
            self._rows[type(row), row.id] = row

    def delete(self, *rows: Row) -> None:
        for row in rows:
            self._rows[type(row), row.id] = None

    @contextmanager
    def as_a_whole(self) -> Iterator[None]:
        """What is put and deleted within counts only where nothing is raised."""
        before, more = self._rows, dict[tuple[type[Row], str], Row | None]()
        self._rows = ChainMap(more, before)
        try:
            yield
            before.update(more)
        finally:
            self._rows = before

    def now(self, row: R) -> R | None:
        """The row as this change leaves it; the row itself where the change says nothing about it."""
        return cast("R | None", self._rows.get((type(row), row.id), row))

    def rows_of(self, row_type: type[R]) -> list[R]:
        """Rows of one type that this change puts."""
        return [row for row in self._rows.values() if isinstance(row, row_type)]

    def items(self) -> Iterable[tuple[type[Row], str, Row | None]]:
        return [(row_type, row_id, row) for (row_type, row_id), row in self._rows.items()]

    def by_type(self) -> Mapping[type[Row], Mapping[str, Row | None]]:
        """The same, by type and id."""
        found: dict[type[Row], dict[str, Row | None]] = {}
        for (row_type, row_id), row in self._rows.items():
            found.setdefault(row_type, {})[row_id] = row
        return found

    def __len__(self) -> int:
        return len(self._rows)


@value(frozen=True, slots=True)
class Entry:
    """One resource's part of a revision: what it was and what it is, either None."""

    kind: str
    id: str
    old: Row | None
    new: Row | None

    @property
    def project_id(self) -> str:
        """Whose users are told. Empty for what belongs to no project, and for what no list had before or has now."""
        lists = _LISTS[self.kind]
        is_listed = any(row is not None and lists(row) for row in (self.old, self.new))
        return getattr(self.new or self.old, "project_id", "") if is_listed else ""

    @property
    def part_of(self) -> str:
        """The id of what had this as a part of it, or has it where nothing had; empty for what is no part. Some tables
        say something else, which is shown elsewhere: see theirs.
        """
        return _PART_OF[self.kind](self.old, self.new)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is shown it: a host was heard of again, or has forgotten an address that is mapped no
        more, or works on what shows its errors alone.
        """
        old, new = self.old, self.new
        if isinstance(old, Host) and isinstance(new, Host):
            return replace(old, last_seen_at=new.last_seen_at) == new
        if isinstance(old, PublicAddress) and isinstance(new, PublicAddress):
            return replace(old, leaving=new.leaving) == new
        seen = new or old
        return isinstance(seen, Observation) and seen.kind in _SHOW_ERRORS and _error(old) == _error(new)


@value(frozen=True, slots=True)
class Revision:
    """One step of the log."""

    number: int
    entries: tuple[Entry, ...]


class State:
    """Every table, in order of dependence: a row refers to rows of earlier tables only."""

    def __init__(self) -> None:
        self.revision = 0
        self.projects = Projects()
        self.tokens = Tokens()
        self.calls = Calls()
        self.regions = Regions()
        self.zones = Zones()
        self.host_tokens = HostTokens()
        self.hosts = Hosts()
        self.instance_types = InstanceTypes()
        self.images = Images()
        self.key_pairs = KeyPairs()
        self.dhcp_options = DhcpOptionsSets()
        self.vpcs = Vpcs()
        self.network_acls = NetworkAcls()
        self.subnets = Subnets()
        self.internet_gateways = InternetGateways()
        self.route_tables = RouteTables()
        self.vpc_peering_connections = VpcPeeringConnections()
        self.security_groups = SecurityGroups()
        self.prefix_lists = PrefixLists()
        self.rules = Rules()
        self.instances = Instances()
        self.interfaces = Interfaces()
        self.addresses = Addresses()
        self.nat_gateways = NatGateways()
        self.volumes = Volumes()
        self.attachments = Attachments()
        self.observations = Observations()
        tables = [value for value in vars(self).values() if isinstance(value, Table)]
        self.tables: Mapping[type[Row], Table[Any]] = {table.row_type: table for table in tables}
        self._derived: dict[Callable[[State], Any], Any] = {}

    def derived(self, make: Callable[["State"], V]) -> V:
        """What `make` makes of this state: once, at the first use. It follows the tables to stay true."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("V", self._derived[make])

    def put(self, row: Row) -> Row | None:
        """Insert or replace a row of any table; returns what was there."""
        old: Row | None = self.tables[type(row)].put(row)
        return old

    def delete(self, row_type: type[Row], row_id: str) -> Row:
        old: Row = self.tables[row_type].delete(row_id)
        return old

    def used(self, owner_id: str) -> Resources:
        """What instances and volumes have claimed of a host, or for a project."""
        return self.instances.claimed.of(owner_id) + self.volumes.claimed.of(owner_id)

    def apply(self, change: Change) -> Revision:
        """Carry the change out as the next revision, all of it or, where anything is wrong with it, nothing.

        Deleting what is not there is a broken invariant: KeyError. So are two rows with one unique key: ValueError.
        """
        for row_type, rows in change.by_type().items():
            self.tables[row_type].check(rows)
        entries = []
        for row_type, row_id, row in change.items():
            table = self.tables[row_type]
            old = table.put(row) if row is not None else table.delete(row_id)
            if old != row:
                entries.append(Entry(table.kind.name, row_id, old, row))
        self.revision += 1
        return Revision(self.revision, tuple(entries))

    def observed(self, kind: ObservedKind, resource_id: str, host_id: str) -> Observation | None:
        """What a host was seen to have of a resource."""
        return self.observations.get(observation_id(host_id, kind, resource_id))


# Of networks, gateways and exports nobody is shown more of what a host sees of them.
_SHOW_ERRORS = (ObservedKind.VPC, ObservedKind.GATEWAY, ObservedKind.EXPORT)


def _error(seen: Row | None) -> tuple[str, bool, datetime | None] | None:
    """None where nothing is wrong."""
    return (seen.error, seen.permanent, seen.since) if isinstance(seen, Observation) and seen.error else None


# By the name of a kind, whether users see a row of it.
_LISTS: Mapping[str, Callable[[Any], bool]] = {table.kind.name: table.lists for table in State().tables.values()}
# By the name of a kind, what of a change is shown elsewhere.
_PART_OF: Mapping[str, Callable[[Any, Any], str]] = {
    table.kind.name: table.part_of for table in State().tables.values()
}
