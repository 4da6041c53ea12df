"""Private addresses of subnets: which are free, and which an interface has besides its primary one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from itertools import islice

from controlplane.errors import Conflict, Invalid, NoCapacity, invalid_value, several
from controlplane.model.addressing import is_usable, usable_after
from controlplane.model.network import NetworkInterface
from controlplane.model.state import Change, State
from controlplane.model.vpc import Subnet
from controlplane.service import addresses, features
from controlplane.service.call import Call, find


def find_free(state: State, subnet: Subnet, at_most: int, taken: Collection[str] = ()) -> list[str]:
    """Addresses that nobody has, and that are not `taken`: so many, or as many as there are."""
    return list(islice(_free(state, subnet, taken), at_most))


def _free(state: State, subnet: Subnet, taken: Collection[str]) -> Iterator[str]:
    latest = state.interfaces.subnet.latest(subnet.id)
    return (
        address
        for address in usable_after(subnet.network, latest.private_ip if latest else None)
        if address not in taken and not state.interfaces.holder(subnet.vpc_id, address)
    )


class Free:
    """Addresses for what one change makes, each given once, and none that is `taken`."""

    def __init__(self, state: State, taken: Collection[str] = ()) -> None:
        self._state = state
        self._taken = taken
        self._left: dict[str, Iterator[str]] = {}

    def take_one(self, subnet: Subnet, asked: str) -> str:
        """This address, which is one of those `taken` if more are drawn; where none is asked for, a free one."""
        return check_free(self._state, subnet, asked) if asked else self.take(subnet, 1)[0]

    def take(self, subnet: Subnet, count: int) -> list[str]:
        """So many of a subnet, or `InsufficientFreeAddressesInSubnet`."""
        if subnet.id not in self._left:
            self._left[subnet.id] = _free(self._state, subnet, self._taken)
        found = list(islice(self._left[subnet.id], count))
        if len(found) < count:
            raise too_few(subnet, count, len(found))
        return found


def too_few(subnet: Subnet, asked: int, free: int) -> NoCapacity:
    return NoCapacity(
        "InsufficientFreeAddressesInSubnet",
        f"{subnet.id} ({subnet.cidr_block}) has {free} free addresses, {asked} are needed",
    )


def check_free(state: State, subnet: Subnet, asked: str, parameter: str = "private_ip_address") -> str:
    """The address, of this subnet and nobody's. Raises `InvalidParameterValue`, `InvalidIPAddress.InUse`."""
    address = check_usable(subnet, asked, parameter)
    if holder := state.interfaces.holder(subnet.vpc_id, address):
        raise Conflict(
            "InvalidIPAddress.InUse", f"{asked} belongs to {holder.id}; choose another", blocking_ids=[holder.id]
        )
    return address


def check_usable(subnet: Subnet, asked: str, parameter: str) -> str:
    """As an interface of the subnet may have it."""
    try:
        address = IPv4Address(asked)
    except AddressValueError as error:
        raise invalid_value(parameter, asked, "an IPv4 address") from error
    if not is_usable(subnet.network, address):
        raise invalid_value(parameter, asked, f"a free address of {subnet.cidr_block}, not a reserved one")
    return str(address)


def choose_secondary(
    state: State, call: Call, free: Free, subnet: Subnet, primary: str, asked: Sequence[str], count: int | None
) -> tuple[str, ...]:
    """Those that an interface with this primary address is to have besides: these, or so many."""
    check_either(asked, count)
    check_number(call, 1 + (count or len(asked)))
    ips = list(dict.fromkeys(check_free(state, subnet, ip, "secondary_private_ip_addresses") for ip in asked))
    if primary in ips:
        raise invalid_value("secondary_private_ip_addresses", primary, "others than the primary address")
    return tuple(ips or free.take(subnet, count or 0))


def check_either(asked: Sequence[str], count: int | None) -> None:
    if asked and count is not None:
        raise Invalid(
            "InvalidParameterCombination", "Name secondary addresses, or say how many there shall be, but not both"
        )
    if count is not None and count < 1:
        raise invalid_value("secondary_private_ip_address_count", count, "1 or more")


def check_number(call: Call, number: int) -> None:
    """Of all addresses of one interface. Raises `PrivateIpAddressLimitExceeded`."""
    limit = call.policy.private_addresses_per_interface
    if number > limit:
        raise Conflict(
            "PrivateIpAddressLimitExceeded",
            f"{number} private addresses asked for one network interface, which has at most {limit} in all",
        )


def find_own(state: State, call: Call, interface_id: str) -> NetworkInterface:
    """One that its project may change. Raises `OperationNotPermitted` for a NAT gateway's."""
    interface = find(state.interfaces, interface_id, call)
    addresses.check_not_managed(state, interface)
    return interface


@dataclass(frozen=True, slots=True)
class AssignPrivateIpAddresses:
    """As in network_interfaces.proto."""

    network_interface_id: str
    private_ip_addresses: Sequence[str] = ()
    secondary_private_ip_address_count: int | None = None
    allow_reassignment: bool = False


def assign(state: State, call: Call, request: AssignPrivateIpAddresses) -> tuple[Change, list[str]]:
    """The result has the addresses."""
    interface = find_own(state, call, request.network_interface_id)
    asked, count = request.private_ip_addresses, request.secondary_private_ip_address_count
    check_either(asked, count)
    if not asked and count is None:
        raise Invalid("MissingParameter", f"Name addresses that {interface.id} shall have, or say how many")
    subnet, change = state.subnets[interface.subnet_id], Change()
    ips = [check_usable(subnet, ip, "private_ip_addresses") for ip in dict.fromkeys(asked)]
    named = [ip for ip in ips if ip not in interface.private_ips]
    check_number(call, len(interface.private_ips) + len(named) + (count or 0))
    new = named or Free(state).take(subnet, count or 0)
    if new:
        features.check_interface(state, interface)
    for ip in new:
        _take_over(state, change, subnet, ip, is_allowed=request.allow_reassignment)
    change.put(replace(interface, secondary_ips=(*interface.secondary_ips, *new)))
    return change, ips or new


def _take_over(state: State, change: Change, subnet: Subnet, ip: str, *, is_allowed: bool) -> None:
    """From whoever has it as a secondary address."""
    holder = state.interfaces.holder(subnet.vpc_id, ip)
    if holder is None:
        return
    if not is_allowed or holder.private_ip == ip:
        how = "it is its primary one; choose another" if holder.private_ip == ip else "allow its reassignment"
        raise Conflict("InvalidIPAddress.InUse", f"{ip} belongs to {holder.id}: {how}", blocking_ids=[holder.id])
    _without(state, change, change.now(holder) or holder, [ip])


def _without(state: State, change: Change, interface: NetworkInterface, ips: Collection[str]) -> None:
    """Elastic addresses that are mapped to them stay with the project."""
    for address in state.addresses.interface.of(interface.id):
        if address.private_ip in ips:
            change.put(addresses.unmapped(state, address))
    kept = tuple(ip for ip in interface.secondary_ips if ip not in ips)
    change.put(replace(interface, secondary_ips=kept))


@dataclass(frozen=True, slots=True)
class UnassignPrivateIpAddresses:
    network_interface_id: str
    private_ip_addresses: Sequence[str]


def unassign(state: State, call: Call, request: UnassignPrivateIpAddresses) -> tuple[Change, None]:
    interface = find_own(state, call, request.network_interface_id)
    if not request.private_ip_addresses:
        raise Invalid("MissingParameter", f"Name the secondary addresses that {interface.id} shall have no longer")
    for ip in request.private_ip_addresses:
        if ip not in interface.secondary_ips:
            has = several(interface.secondary_ips) or "none"
            expected = f"a secondary address of {interface.id}, which has {has}"
            raise invalid_value("private_ip_addresses", ip, expected)
    change = Change()
    _without(state, change, interface, request.private_ip_addresses)
    return change, None
