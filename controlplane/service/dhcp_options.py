"""Sets of DHCP options, and which VPC has which."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address

from controlplane.errors import Conflict, invalid_value, none_given, several
from controlplane.ids import Prefix
from controlplane.model.dhcp_options import DEFAULT_ID, PROVIDED_DNS, DhcpOptions
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_tags, check_text, find
from controlplane.service.quotas import check_one_more

MAX_SERVERS = 4  # EC2's, of each kind.
MAX_DOMAIN_NAME = 253  # RFC 1035, 3.1, without the last dot.

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NODE_TYPES = ("1", "2", "4", "8")  # RFC 2132, 8.7.


@dataclass(frozen=True, slots=True)
class DhcpConfiguration:
    """As in dhcp_options.proto."""

    key: str
    values: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CreateDhcpOptions:
    dhcp_configurations: Sequence[DhcpConfiguration] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateDhcpOptions) -> tuple[Change, str]:
    given = _given(request.dhcp_configurations)
    check_tags(request.tags)
    held = state.dhcp_options.project.count(call.project_id)
    check_one_more("DhcpOptionsLimitExceeded", "The project", "sets of DHCP options", held, call.policy.dhcp_options)
    made = DhcpOptions(
        id=call.mint(Prefix.DHCP_OPTIONS),
        project_id=call.project_id,
        domain_name=" ".join(given.get("domain-name", ())),
        domain_name_servers=given.get("domain-name-servers", ()),
        ntp_servers=given.get("ntp-servers", ()),
        netbios_name_servers=given.get("netbios-name-servers", ()),
        netbios_node_type="".join(given.get("netbios-node-type", ())),
        created_at=call.now,
        tags=request.tags,
    )
    change = Change()
    change.put(made)
    return change, made.id


def _given(configurations: Sequence[DhcpConfiguration]) -> dict[str, tuple[str, ...]]:
    """Checked values by key."""
    if not configurations:
        raise none_given("dhcp_configurations", f"of {', '.join(_CHECKS)}")
    given: dict[str, tuple[str, ...]] = {}
    for each in configurations:
        if each.key not in _CHECKS:
            raise invalid_value("key", each.key, f"one of {', '.join(_CHECKS)}")
        if each.key in given:
            raise invalid_value("key", each.key, "each key once, with all of its values")
        given[each.key] = tuple(_CHECKS[each.key](each.key, each.values))
    return given


def _domain_name(key: str, values: Sequence[str]) -> Iterable[str]:
    """Some guests take several names with spaces between them, as EC2 says."""
    name = _one(key, values)
    check_text(key, name, rf"{_DOMAIN}( {_DOMAIN})*", "a domain such as corp.example, or several with spaces between")
    if len(name) > MAX_DOMAIN_NAME:
        raise invalid_value(key, name, f"at most {MAX_DOMAIN_NAME} characters")
    return (name,)


def _name_servers(key: str, values: Sequence[str]) -> Iterable[str]:
    other = f", or {PROVIDED_DNS}"
    return _some(key, values, lambda value: value if value == PROVIDED_DNS else _address(key, value, other))


def _servers(key: str, values: Sequence[str]) -> Iterable[str]:
    return _some(key, values, lambda value: _address(key, value))


def _some(key: str, values: Sequence[str], check: Callable[[str], str]) -> Iterable[str]:
    """One value may be several with commas between them. Of what is there twice the first counts."""
    parts = [part.strip() for value in values for part in value.split(",")]
    if not 1 <= len(parts) <= MAX_SERVERS:
        raise invalid_value(key, ",".join(values), f"1 to {MAX_SERVERS} servers")
    return dict.fromkeys(map(check, parts))


def _address(key: str, value: str, other: str = "") -> str:
    try:
        return str(IPv4Address(value))
    except AddressValueError as error:
        raise invalid_value(key, value, f"an IPv4 address such as 10.0.0.53{other}") from error


def _node_type(key: str, values: Sequence[str]) -> Iterable[str]:
    value = _one(key, values)
    if value not in _NODE_TYPES:
        raise invalid_value(key, value, f"one of {', '.join(_NODE_TYPES)}; EC2 recommends 2")
    return (value,)


def _one(key: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise invalid_value(key, ",".join(values), "one value")
    return values[0]


_CHECKS: Mapping[str, Callable[[str, Sequence[str]], Iterable[str]]] = {
    "domain-name": _domain_name,
    "domain-name-servers": _name_servers,
    "ntp-servers": _servers,
    "netbios-name-servers": _servers,
    "netbios-node-type": _node_type,
}


@dataclass(frozen=True, slots=True)
class AssociateDhcpOptions:
    dhcp_options_id: str
    vpc_id: str


def associate(state: State, call: Call, request: AssociateDhcpOptions) -> tuple[Change, None]:
    vpc = find(state.vpcs, request.vpc_id, call)
    is_default = request.dhcp_options_id == DEFAULT_ID
    options_id = "" if is_default else find(state.dhcp_options, request.dhcp_options_id, call).id
    change = Change()
    change.put(replace(vpc, dhcp_options_id=options_id))
    return change, None


def delete(state: State, call: Call, options_id: str) -> tuple[Change, None]:
    row = find(state.dhcp_options, options_id, call)
    if blockers := [vpc.id for vpc in state.vpcs.dhcp_options.of(row.id)]:
        verb, them = ("has", "it") if len(blockers) == 1 else ("have", "them")
        raise Conflict(
            "DependencyViolation",
            f"{several(blockers)} {verb} {row.id}; associate others, or {DEFAULT_ID}, with {them} first",
            blocking_ids=blockers,
        )
    change = Change()
    change.delete(row)
    return change, None
