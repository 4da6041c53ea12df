"""Managed prefix lists: networks that rules name together. A rule counts as many rules as its list may have entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, Invalid, invalid_value
from controlplane.ids import Prefix
from controlplane.model.cidr import ipv4_network
from controlplane.model.prefix_list import PrefixList, PrefixListEntry
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_tags, check_text, find
from controlplane.service.security_group_rules import check_room, pending

# EC2's, of each project, of each list, and of each call.
MAX_LISTS = 100
MAX_ENTRIES = 1000
MAX_ENTRIES_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """As `PrefixListEntry` in prefix_lists.proto."""

    cidr: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class CreatePrefixList:
    prefix_list_name: str
    max_entries: int
    entries: Sequence[Entry] = ()
    address_family: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreatePrefixList) -> tuple[Change, str]:
    _check_name(request.prefix_list_name)
    _check_size(request.max_entries)
    check_tags(request.tags)
    if request.address_family not in ("", "IPv4"):
        raise invalid_value("address_family", request.address_family, "IPv4")
    if state.prefix_lists.project.count(call.project_id) >= MAX_LISTS:
        raise Conflict("PrefixListLimitExceeded", f"The project has {MAX_LISTS} prefix lists; delete one first")
    made = PrefixList(
        id=call.mint(Prefix.PREFIX_LIST),
        project_id=call.project_id,
        name=request.prefix_list_name,
        max_entries=request.max_entries,
        version=1,
        entries=(),
        created_at=call.now,
        tags=request.tags,
    )
    change = Change()
    change.put(replace(made, entries=_entries(made, request.entries, ())))
    return change, made.id


@dataclass(frozen=True, slots=True)
class ModifyPrefixList:
    """As `ModifyManagedPrefixListRequest` in prefix_lists.proto."""

    prefix_list_id: str
    current_version: int = 0
    prefix_list_name: str = ""
    max_entries: int = 0
    add_entries: Sequence[Entry] = ()
    remove_entries: Sequence[Entry] = ()


def modify(state: State, call: Call, request: ModifyPrefixList) -> tuple[Change, str]:
    row = find(state.prefix_lists, request.prefix_list_id, call)
    if request.current_version not in (0, row.version):
        raise Conflict(
            "PrefixListVersionMismatch",
            f"{row.id} is at version {row.version}, not {request.current_version}; look at its entries again",
        )
    changed = row
    if request.prefix_list_name:
        _check_name(request.prefix_list_name)
        changed = replace(changed, name=request.prefix_list_name)
    if request.add_entries or request.remove_entries:
        if request.max_entries:
            raise Invalid("InvalidParameterCombination", "Change max_entries or entries, not both in one call")
        entries = _entries(row, request.add_entries, request.remove_entries)
        changed = replace(changed, entries=entries, version=row.version + 1)
    if request.max_entries:
        changed = _resized(state, call, changed, request.max_entries)
    if changed is row:
        raise Invalid("MissingParameter", f"Nothing of {row.id} is to change; name an attribute or entries")
    change = Change()
    change.put(changed)
    if changed.entries != row.entries:
        named_by = dict.fromkeys(rule.group_id for rule in state.rules.prefix_list.of(row.id))
        change.put(*pending(state, named_by))
    return change, row.id


def _resized(state: State, call: Call, row: PrefixList, max_entries: int) -> PrefixList:
    """Raises where its entries, or the groups whose rules name it, would have no room."""
    _check_size(max_entries)
    if max_entries < len(row.entries):
        raise _full(row, len(row.entries), max_entries)
    resized = replace(row, max_entries=max_entries)
    for rule in state.rules.prefix_list.of(row.id):
        check_room(state, call, rule.group_id, rule.is_egress, resized=resized)
    return resized


def _entries(row: PrefixList, added: Sequence[Entry], removed: Sequence[Entry]) -> tuple[PrefixListEntry, ...]:
    for name, entries in (("added", added), ("removed", removed)):
        if len(entries) > MAX_ENTRIES_PER_CALL:
            raise invalid_value(f"entries {name}", len(entries), f"at most {MAX_ENTRIES_PER_CALL} in one call")
    held = {entry.cidr: entry for entry in row.entries}
    for entry in removed:
        if held.pop(str(ipv4_network("cidr", entry.cidr)), None) is None:
            raise Conflict(
                "InvalidPrefixListModification",
                f"Prefix list {row.name!r} has no entry {entry.cidr}; `stead prefix-list describe {row.id}` shows them",
            )
    for entry in added:
        cidr = str(ipv4_network("cidr", entry.cidr))
        if cidr in held:
            raise Conflict("InvalidPrefixListModification", f"Prefix list {row.name!r} would have {cidr} twice")
        if len(entry.description) > 255:
            raise invalid_value("description", entry.description, "at most 255 characters")
        held[cidr] = PrefixListEntry(cidr, entry.description)
    if len(held) > row.max_entries:
        raise _full(row, len(held), row.max_entries)
    return tuple(held.values())


def _full(row: PrefixList, count: int, limit: int) -> Conflict:
    return Conflict(
        "PrefixListMaxEntriesExceeded",
        f"Prefix list {row.name!r} would have {count} entries of at most {limit}; remove some, or raise max_entries",
    )


def _check_name(name: str) -> None:
    expected = "1 to 255 printable ASCII characters, not beginning pl- or com.amazonaws, no outer spaces"
    check_text("prefix_list_name", name, r"(?!pl-|com\.amazonaws| )[ -~]{1,255}(?<! )", expected)


def _check_size(max_entries: int) -> None:
    if not 1 <= max_entries <= MAX_ENTRIES:
        raise invalid_value("max_entries", max_entries, f"1 to {MAX_ENTRIES}")


def delete(state: State, call: Call, list_id: str) -> tuple[Change, None]:
    row = find(state.prefix_lists, list_id, call)
    if groups := dict.fromkeys(rule.group_id for rule in state.rules.prefix_list.of(row.id)):
        raise Conflict(
            "DependencyViolation",
            f"{row.id} is named by rules of {len(groups)} security groups; revoke them first",
            blocking_ids=list(groups),
        )
    change = Change()
    change.delete(row)
    return change, None
