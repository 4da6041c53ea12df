"""Managed prefix lists: networks under one name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned


@dataclass(frozen=True, slots=True)
class PrefixListEntry:
    cidr: str
    description: str


@dataclass(frozen=True, slots=True)
class PrefixList:
    """`version` is 1 at first, and one more whenever the entries change, of which there are at most `max_entries`."""

    id: str
    project_id: str
    name: str
    max_entries: int
    version: int
    entries: tuple[PrefixListEntry, ...]
    created_at: datetime
    tags: Mapping[str, str]


class PrefixLists(Owned[PrefixList]):
    kind = Kind("prefix-list", Prefix.PREFIX_LIST, "InvalidPrefixListID", "DescribeManagedPrefixLists", is_public=True)
    row_type = PrefixList
    stored_as = "prefix_lists"
    filters = {
        "prefix-list-id": lambda row: row.id,
        "prefix-list-name": lambda row: row.name,
        "owner-id": lambda row: row.project_id,
    }
