"""Network ACLs: their entries, and which subnets they guard."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, Invalid, NotFound, Parameter, invalid_value, missing, several
from controlplane.ids import Prefix
from controlplane.model.cidr import ipv4_network, ipv6_network
from controlplane.model.kind import Kind
from controlplane.model.network_acl import LAST, NetworkAcl, NetworkAclEntry
from controlplane.model.state import Change, State
from controlplane.model.vpc import Vpc
from controlplane.service.call import Call, check_id, check_tags, find, not_found
from controlplane.service.quotas import check_one_more

ANYWHERE = "0.0.0.0/0"
_ASSOCIATION = Kind(
    "association",
    Prefix.NETWORK_ACL_ASSOCIATION,
    "InvalidAssociationID",
    "DescribeNetworkAcls",
    id_field="association_id",
)
_PROTOCOL = re.compile(r"-1|0|[1-9][0-9]{0,2}")
_NUMBERS = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}


@dataclass(frozen=True, slots=True)
class CreateNetworkAcl:
    vpc_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateNetworkAcl) -> tuple[Change, str]:
    """It denies everything, and guards no subnet."""
    vpc = find(state.vpcs, request.vpc_id, call)
    check_tags(request.tags)
    held, limit = state.network_acls.vpc.count(vpc.id), call.policy.network_acls_per_vpc
    check_one_more("NetworkAclLimitExceeded", vpc.id, "network ACLs", held, limit)
    acl = new_acl(call, vpc, request.tags)
    change = Change()
    change.put(acl)
    return change, acl.id


def new_acl(call: Call, vpc: Vpc, tags: Mapping[str, str], *, is_default: bool = False) -> NetworkAcl:
    """A default one lets everything by."""
    first = [NetworkAclEntry(100, way, "-1", True, ANYWHERE) for way in (True, False) if is_default]
    last = [NetworkAclEntry(LAST, way, "-1", False, ANYWHERE) for way in (True, False)]
    return NetworkAcl(
        id=call.mint(Prefix.NETWORK_ACL),
        project_id=vpc.project_id,
        vpc_id=vpc.id,
        is_default=is_default,
        entries=_in_order([*first, *last]),
        created_at=call.now,
        tags=tags,
    )


def default_acl(state: State, vpc_id: str) -> NetworkAcl:
    return next(row for row in state.network_acls.vpc.of(vpc_id) if row.is_default)


def delete(state: State, call: Call, acl_id: str) -> tuple[Change, None]:
    acl = find(state.network_acls, acl_id, call)
    if acl.is_default:
        message = f"{acl.id} is the default network ACL of {acl.vpc_id}; it goes with the VPC"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("", acl.id))
    if subnets := state.subnets.network_acl.of(acl.id):
        guarded = several([f"{row.id} ({row.network_acl_association_id})" for row in subnets])
        raise Conflict(
            "DependencyViolation",
            f"{acl.id} guards {guarded}; replace these associations first",
            blocking_ids=[row.network_acl_association_id for row in subnets],
        )
    change = Change()
    change.delete(acl)
    return change, None


@dataclass(frozen=True, slots=True)
class ReplaceNetworkAclAssociation:
    association_id: str
    network_acl_id: str


def replace_association(state: State, call: Call, request: ReplaceNetworkAclAssociation) -> tuple[Change, str]:
    """The result is the new association's id; the same where that ACL guards the subnet already."""
    check_id(_ASSOCIATION, request.association_id)
    subnet = state.subnets.network_acl_association.get(request.association_id)
    if subnet is None or subnet.project_id != call.project_id:
        raise not_found(_ASSOCIATION, request.association_id)
    acl = find(state.network_acls, request.network_acl_id, call)
    if acl.vpc_id != subnet.vpc_id:
        message = f"{acl.id} is in {acl.vpc_id}, {subnet.id} in {subnet.vpc_id}; name an ACL of {subnet.vpc_id}"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("", acl.id))
    if acl.id == subnet.network_acl_id:
        return Change(), subnet.network_acl_association_id
    association_id = call.mint(Prefix.NETWORK_ACL_ASSOCIATION)
    change = Change()
    change.put(replace(subnet, network_acl_id=acl.id, network_acl_association_id=association_id))
    change.put(_pending(state, state.network_acls[subnet.network_acl_id]), _pending(state, acl))
    return change, association_id


def _pending(state: State, acl: NetworkAcl) -> NetworkAcl:
    """Until all hosts of its VPC have it; where there are none, it is in force at once."""
    now = state.revision + 1
    has_hosts = state.interfaces.vpc.count(acl.vpc_id) > 0
    return replace(acl, generation=now, pending_revision=now if has_hosts else 0)


@dataclass(frozen=True, slots=True)
class CreateNetworkAclEntry:
    """Of ReplaceNetworkAclEntry as well. None: not set."""

    network_acl_id: str
    rule_number: int
    protocol: str
    rule_action: str
    egress: bool = False
    cidr_block: str = ""
    ipv6_cidr_block: str = ""
    from_port: int | None = None
    to_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


def create_entry(state: State, call: Call, request: CreateNetworkAclEntry) -> tuple[Change, str]:
    acl = find(state.network_acls, request.network_acl_id, call)
    entry = _entry(request)
    if any(row.place == entry.place for row in acl.entries):
        message = f"{acl.id} has an entry {_named(request.rule_number, request.egress)}; replace it, or choose a number"
        raise Conflict("NetworkAclEntryAlreadyExists", message)
    _check_room(call, acl, entry)
    return _with_entries(state, acl, [*acl.entries, entry])


def _check_room(call: Call, acl: NetworkAcl, entry: NetworkAclEntry) -> None:
    """For one that is new, or takes the place of one about the other IP version, which is counted apart."""
    alike = [row for row in acl.entries if (row.is_egress, row.is_ipv6) == (entry.is_egress, entry.is_ipv6)]
    if all(row.place != entry.place for row in alike):
        what = f"{'IPv6' if entry.is_ipv6 else 'IPv4'} entries for what goes {'out' if entry.is_egress else 'in'}"
        limit = call.policy.rules_per_network_acl
        check_one_more("NetworkAclEntryLimitExceeded", acl.id, what, len(alike), limit)


def replace_entry(state: State, call: Call, request: CreateNetworkAclEntry) -> tuple[Change, str]:
    acl = find(state.network_acls, request.network_acl_id, call)
    entry = _entry(request)
    old = _present(acl, request.rule_number, is_egress=request.egress)
    _check_room(call, acl, entry)
    return _with_entries(state, acl, [entry if row == old else row for row in acl.entries])


@dataclass(frozen=True, slots=True)
class DeleteNetworkAclEntry:
    network_acl_id: str
    rule_number: int
    egress: bool = False


def delete_entry(state: State, call: Call, request: DeleteNetworkAclEntry) -> tuple[Change, str]:
    acl = find(state.network_acls, request.network_acl_id, call)
    _check_number(request.rule_number)
    old = _present(acl, request.rule_number, is_egress=request.egress)
    return _with_entries(state, acl, [row for row in acl.entries if row != old])


def _present(acl: NetworkAcl, rule_number: int, *, is_egress: bool) -> NetworkAclEntry:
    found = next((row for row in acl.entries if (row.is_egress, row.rule_number) == (is_egress, rule_number)), None)
    if found is None:
        named = _named(rule_number, is_egress)
        message = f"{acl.id} has no entry {named}; `stead network-acl describe {acl.id}` shows its entries"
        raise NotFound("InvalidNetworkAclEntry.NotFound", message, parameter=Parameter("rule_number", rule_number))
    return found


def _named(rule_number: int, is_egress: bool) -> str:
    return f"{rule_number} for what goes {'out' if is_egress else 'in'}"


def _with_entries(state: State, acl: NetworkAcl, entries: Iterable[NetworkAclEntry]) -> tuple[Change, str]:
    """What users alone see of, IPv6 and what was there before, no host is waited for."""
    changed = replace(acl, entries=_in_order(entries))
    ways = (False, True)
    is_news = [changed.in_order(is_egress=way) for way in ways] != [acl.in_order(is_egress=way) for way in ways]
    change = Change()
    change.put(_pending(state, changed) if is_news else changed)
    return change, acl.id


def _in_order(entries: Iterable[NetworkAclEntry]) -> tuple[NetworkAclEntry, ...]:
    return tuple(sorted(entries, key=lambda row: row.place))


def _entry(asked: CreateNetworkAclEntry) -> NetworkAclEntry:
    """Raises `InvalidParameterValue`, `InvalidParameterCombination`, `MissingParameter`."""
    _check_number(asked.rule_number)
    protocol = _protocol(asked.protocol)
    if asked.rule_action not in ("allow", "deny"):
        raise invalid_value("rule_action", asked.rule_action, "allow or deny")
    cidr_block, ipv6_cidr_block = _networks(asked)
    entry = NetworkAclEntry(
        asked.rule_number, asked.egress, protocol, asked.rule_action == "allow", cidr_block, ipv6_cidr_block
    )
    first, last = _ports(asked, entry)
    return replace(entry, from_port=first, to_port=last)


def _check_number(rule_number: int) -> None:
    if not 1 <= rule_number < LAST:
        raise invalid_value("rule_number", rule_number, f"1 to {LAST - 1}")


def _protocol(text: str) -> str:
    protocol = _NUMBERS.get(text, text)
    if not _PROTOCOL.fullmatch(protocol) or int(protocol) > 255:
        raise invalid_value("protocol", text, "tcp, udp, icmp, a number 0 to 255, or -1 for everything")
    return protocol


def _networks(asked: CreateNetworkAclEntry) -> tuple[str, str]:
    """IPv4 and IPv6, one of which is empty."""
    if asked.cidr_block and asked.ipv6_cidr_block:
        message = "cidr_block and ipv6_cidr_block: an entry has one of them; make an entry for each"
        raise Invalid("InvalidParameterCombination", message)
    if asked.ipv6_cidr_block:
        return "", str(ipv6_network("ipv6_cidr_block", asked.ipv6_cidr_block))
    if not asked.cidr_block:
        raise missing("cidr_block", "an IPv4 network such as 203.0.113.0/24, or ipv6_cidr_block instead")
    return str(ipv4_network("cidr_block", asked.cidr_block)), ""


def _ports(asked: CreateNetworkAclEntry, entry: NetworkAclEntry) -> tuple[int, int]:
    """What other protocols have no use for is passed over, as in EC2."""
    if entry.has_ports:
        first, last = _given("from_port", asked.from_port), _given("to_port", asked.to_port)
        if not 0 <= first <= 65535:
            raise invalid_value("from_port", first, "0 to 65535")
        if not first <= last <= 65535:
            raise invalid_value("to_port", last, f"{first}, the first port, to 65535")
        return first, last
    if entry.is_icmp:
        kind, code = _given("icmp_type", asked.icmp_type), _given("icmp_code", asked.icmp_code)
        for name, number in (("icmp_type", kind), ("icmp_code", code)):
            if not -1 <= number <= 255:
                raise invalid_value(name, number, "0 to 255, or -1 for all")
        if kind == -1 != code:
            raise invalid_value("icmp_code", code, "-1 for all, since the type is -1, too")
        return kind, code
    return -1, -1


def _given(name: str, value: int | None) -> int:
    if value is None:
        raise missing(name, "a port, for tcp and udp" if name.endswith("port") else "ICMP's, or -1 for all")
    return value
