"""The whole state of a region in memory: indexed tables, and `Change`, the only way to alter them.

Use cases read a `State` and return a `Change`; the engine applies it in one step. How rows are stored is not known
here.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

from controlplane.model.audit import CallRecord
from controlplane.model.capacity import NOTHING, Resources, claim_of
from controlplane.model.host import Host, HostToken, Region, Zone
from controlplane.model.image import Image, InstanceType, KeyPair
from controlplane.model.instance import Attachment, Desired, Instance, Observation, ObservedKind, Phase, Volume
from controlplane.model.network import (
    InternetGateway,
    NetworkInterface,
    PublicAddress,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
)
from controlplane.model.project import Project, Token


class Row(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Row)
Key = Callable[[R], Iterable[Hashable]]


class Table(Generic[R]):
    """Rows by id, in order of creation, and by any number of indexes, each a function from a row to its keys."""

    def __init__(self, kind: str, row_type: type[R], **indexes: Key[R]) -> None:
        self.kind = kind
        self.row_type = row_type
        self._rows: dict[str, R] = {}
        self._newest: R | None = None
        self._keys = indexes
        self._index: dict[str, dict[Hashable, dict[str, None]]] = {name: {} for name in indexes}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __reversed__(self) -> Iterator[R]:
        return reversed(self._rows.values())

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._rows

    def __getitem__(self, row_id: str) -> R:
        return self._rows[row_id]

    def get(self, row_id: str) -> R | None:
        return self._rows.get(row_id)

    def by(self, index: str, key: Hashable) -> list[R]:
        """Rows that the index files under `key`, in the order in which they came there."""
        return [self._rows[row_id] for row_id in self._index[index].get(key, ())]

    def latest(self, index: str, key: Hashable) -> R | None:
        """The row under `key` that came there last."""
        bucket = self._index[index].get(key)
        return self._rows[next(reversed(bucket))] if bucket else None

    def newest(self) -> R | None:
        """The row that was created last, also when it is gone; after a restart, of those that are left."""
        return self._newest

    def count(self, index: str, key: Hashable) -> int:
        return len(self._index[index].get(key, ()))

    def one(self, index: str, key: Hashable) -> R | None:
        """The first row under `key`; for indexes whose keys are unique."""
        for row_id in self._index[index].get(key, ()):
            return self._rows[row_id]
        return None

    def check(self, row_id: str, row: R | None) -> None:
        """Raises whatever `put` of the row, or `delete` where it is None, would raise."""
        if row is None and row_id not in self._rows:
            raise KeyError(f"there is no {self.kind} {row_id!r} to delete")
        if row is not None:
            for keys in self._keys.values():
                hash(tuple(keys(row)))

    def put(self, row: R) -> R | None:
        """Insert or replace; returns what was there."""
        old = self._rows.get(row.id)
        self._rows[row.id] = row
        self._newest = row if old is None else self._newest
        for name, keys in self._keys.items():
            before = tuple(keys(old)) if old is not None else ()
            after = tuple(keys(row))
            if before != after:
                self._unfile(name, before, row.id)
                for key in after:
                    self._index[name].setdefault(key, {})[row.id] = None
        return old

    def delete(self, row_id: str) -> R:
        old = self._rows.pop(row_id)
        for name, keys in self._keys.items():
            self._unfile(name, keys(old), row_id)
        return old

    def _unfile(self, name: str, keys: Iterable[Hashable], row_id: str) -> None:
        index = self._index[name]
        for key in keys:
            bucket = index[key]
            del bucket[row_id]
            if not bucket:
                del index[key]


class Change:
    """Rows to put and rows to delete, in order; the last word on a row counts."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[Row], str], Row | None] = {}

    def put(self, *rows: Row) -> None:
        for row in rows:
            self._rows[type(row), row.id] = row

    def delete(self, *rows: Row) -> None:
        for row in rows:
            self._rows[type(row), row.id] = None

    def now(self, row: R) -> R | None:
        """The row as this change leaves it; the row itself where the change says nothing about it."""
        return cast("R | None", self._rows.get((type(row), row.id), row))

    def rows_of(self, row_type: type[R]) -> list[R]:
        """Rows of one type that this change puts."""
        return [row for row in self._rows.values() if isinstance(row, row_type)]

    def items(self) -> Iterable[tuple[type[Row], str, Row | None]]:
        return [(row_type, row_id, row) for (row_type, row_id), row in self._rows.items()]

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource's part of a revision: what it was and what it is, either None."""

    kind: str
    id: str
    old: Row | None
    new: Row | None

    @property
    def project_id(self) -> str:
        """Empty for what belongs to no project."""
        return getattr(self.new or self.old, "project_id", "")


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the log."""

    number: int
    entries: tuple[Entry, ...]


class State:
    """Every table, in order of dependence: a row refers to rows of earlier tables only. And what hosts have claimed."""

    def __init__(self) -> None:
        self.revision = 0
        self.usage: dict[str, Resources] = {}
        self.projects = Table("project", Project, name=lambda r: (r.name,))
        self.tokens = Table("token", Token, secret_hash=lambda r: (r.secret_hash,))
        self.calls = Table("call", CallRecord, project=lambda r: (r.project_id,))
        self.regions = Table("region", Region)
        self.zones = Table("zone", Zone)
        self.host_tokens = Table("host-token", HostToken, secret_hash=lambda r: (r.secret_hash,))
        self.hosts = Table("host", Host, zone=lambda r: (r.zone,), number=lambda r: (r.number,))
        self.instance_types = Table("instance-type", InstanceType)
        self.images = Table("image", Image, name=lambda r: () if r.deregistered_at else ((r.project_id, r.name),))
        self.key_pairs = Table("key-pair", KeyPair, name=lambda r: ((r.project_id, r.name),))
        self.vpcs = Table("vpc", Vpc, project=lambda r: (r.project_id,), vni=lambda r: (r.vni,))
        self.subnets = Table("subnet", Subnet, vpc=lambda r: (r.vpc_id,))
        self.internet_gateways = Table(
            "internet-gateway",
            InternetGateway,
            vpc=lambda r: (r.vpc_id,) if r.vpc_id else (),
            host=lambda r: (r.host_id,),
        )
        self.route_tables = Table("route-table", RouteTable, vpc=lambda r: (r.vpc_id,))
        self.security_groups = Table("security-group", SecurityGroup, vpc=lambda r: (r.vpc_id,))
        self.rules = Table(
            "security-group-rule",
            SecurityGroupRule,
            group=lambda r: (r.group_id,),
            source=lambda r: (r.source_group_id,) if r.source_group_id else (),
        )
        self.instances = Table(
            "instance",
            Instance,
            host=lambda r: (r.host_id,),
            project=lambda r: () if r.terminated_at else (r.project_id,),
            ending=lambda r: () if r.is_settled or r.desired is Desired.ON else (r.host_id,),
            terminated=lambda r: (True,) if r.terminated_at else (),
        )
        self.interfaces = Table(
            "network-interface",
            NetworkInterface,
            instance=lambda r: (r.instance_id,),
            vpc=lambda r: (r.vpc_id,),
            subnet=lambda r: (r.subnet_id,),
            address=lambda r: ((r.vpc_id, r.private_ip),),
            group=lambda r: r.group_ids,
        )
        self.addresses = Table(
            "address",
            PublicAddress,
            public_ip=lambda r: (r.public_ip,),
            interface=lambda r: (r.interface_id,) if r.interface_id else (),
            association=lambda r: (r.association_id,) if r.association_id else (),
            leaving=lambda r: (r.leaving_host_id,) if r.is_released else (),
        )
        self.volumes = Table(
            "volume",
            Volume,
            host=lambda r: (r.host_id,),
            project=lambda r: () if r.is_deleted else (r.project_id,),
            image=lambda r: (r.image_id,) if r.image_id else (),
            ending=lambda r: (r.host_id,) if r.is_deleted and r.recycled_at is None else (),
        )
        self.attachments = Table(
            "attachment",
            Attachment,
            volume=lambda r: (r.volume_id,),
            instance=lambda r: (r.instance_id,),
            storage_host=lambda r: (r.storage_host_id,),
            port=lambda r: ((r.storage_host_id, r.port),),
            detaching=lambda r: (r.client_host_id,) if r.phase is Phase.DETACHING else (),
            released=lambda r: (r.storage_host_id,) if r.phase is Phase.RELEASED else (),
        )
        self.observations = Table(
            "observation",
            Observation,
            host=lambda r: (r.host_id,),
            resource=lambda r: ((r.kind, r.resource_id),),
            file=lambda r: (r.host_id,) if r.file else (),
        )
        tables = [value for value in vars(self).values() if isinstance(value, Table)]
        self.tables: Mapping[type[Row], Table[Any]] = {table.row_type: table for table in tables}

    def put(self, row: Row) -> Row | None:
        """Insert or replace a row of any table; returns what was there. For `apply` and for loading."""
        old: Row | None = self.tables[type(row)].put(row)
        self._account(old, row)
        return old

    def delete(self, row_type: type[Row], row_id: str) -> Row:
        old: Row = self.tables[row_type].delete(row_id)
        self._account(old, None)
        return old

    def _account(self, old: Row | None, new: Row | None) -> None:
        for row, sign in ((old, -1), (new, 1)):
            if isinstance(row, Instance | Volume) and (claim := claim_of(row)):
                host_id, resources = claim
                for owner_id in (host_id, row.project_id):
                    self.usage[owner_id] = self.used(owner_id).plus(resources, sign)

    def used(self, owner_id: str) -> Resources:
        """What instances and volumes have claimed of a host, or for a project."""
        return self.usage.get(owner_id, NOTHING)

    def apply(self, change: Change) -> Revision:
        """Carry the change out as the next revision, all of it or, where anything is wrong with it, nothing.

        Deleting what is not there is a broken invariant: KeyError.
        """
        for row_type, row_id, row in change.items():
            self.tables[row_type].check(row_id, row)
        entries = []
        for row_type, row_id, row in change.items():
            old = self.put(row) if row is not None else self.delete(row_type, row_id)
            if old != row:
                entries.append(Entry(self.tables[row_type].kind, row_id, old, row))
        self.revision += 1
        return Revision(self.revision, tuple(entries))

    def observed(self, kind: ObservedKind, resource_id: str, host_id: str) -> Observation | None:
        """What a host was seen to have of a resource."""
        for row in self.observations.by("resource", (kind, resource_id)):
            if row.host_id == host_id:
                return row
        return None
