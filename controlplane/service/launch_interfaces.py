"""What a launch asks of its instances' network interfaces, beyond a first one like any other: more, or given ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import Invalid, invalid_value, within
from controlplane.model.network import NetworkInterface, SecurityGroup
from controlplane.model.state import State
from controlplane.model.vpc import Subnet
from controlplane.service import private_addresses, vpcs
from controlplane.service.call import Call, find
from controlplane.service.features import Feature, of_interfaces, of_subnets
from controlplane.service.interface_attachments import attached_to
from controlplane.service.network_interfaces import check_description, check_unused, find_groups, new_interface
from controlplane.service.private_addresses import Free


@dataclass(frozen=True, slots=True)
class NetworkInterfaceSpecification:
    """As `InstanceNetworkInterfaceSpecification` in instances.proto."""

    device_index: int = 0
    network_interface_id: str = ""
    subnet_id: str = ""
    description: str = ""
    security_group_ids: Sequence[str] = ()
    private_ip_address: str = ""
    secondary_private_ip_addresses: Sequence[str] = ()
    secondary_private_ip_address_count: int | None = None
    delete_on_termination: bool | None = None
    associate_public_ip_address: bool | None = None

    @property
    def has_secondary(self) -> bool:
        return bool(self.secondary_private_ip_addresses) or self.secondary_private_ip_address_count is not None

    @property
    def is_for_one(self) -> bool:
        """Whether only one instance can have it."""
        return bool(self.network_interface_id or self.private_ip_address or self.secondary_private_ip_addresses)


PLAIN = NetworkInterfaceSpecification()
_OF_EXISTING = ("device_index", "network_interface_id", "delete_on_termination")


@dataclass(frozen=True, slots=True)
class InterfacesAsked:
    """Those of each instance, in order; `existing` are those that are there already, by device index."""

    asked: Sequence[NetworkInterfaceSpecification] = (PLAIN,)
    existing: Mapping[int, NetworkInterface] = field(default_factory=dict)

    @property
    def first(self) -> NetworkInterfaceSpecification:
        """Its subnet, also where it is there already."""
        there = self.existing.get(0)
        return replace(self.asked[0], subnet_id=there.subnet_id) if there else self.asked[0]

    @property
    def new_per_instance(self) -> int:
        return len(self.asked) - len(self.existing)

    @property
    def private_ips(self) -> list[str]:
        """Those that are asked for by name."""
        named = [ip for one in self.asked for ip in (one.private_ip_address, *one.secondary_private_ip_addresses)]
        return [ip for ip in named if ip]

    def features(self, state: State) -> list[Feature]:
        """What agents have to know for them, besides the ACL of the first one's subnet."""
        is_plain = len(self.asked) == 1 and not self.first.has_secondary
        ids = [one.subnet_id for one in self.asked if one.subnet_id]
        of_new = [*([] if is_plain else [Feature.INTERFACES]), *of_subnets(state, ids)]
        return of_new + of_interfaces(state, list(self.existing.values()))


def find_asked(
    state: State, call: Call, specifications: Sequence[NetworkInterfaceSpecification], max_count: int
) -> InterfacesAsked:
    """Raises what is wrong with any of them by itself."""
    if not specifications:
        return InterfacesAsked()
    _check_indexes(call, [asked.device_index for asked in specifications])
    existing = {}
    for number, asked in enumerate(specifications):
        with within(f"network_interfaces[{number}]"):
            _check(asked, len(specifications), max_count)
            if asked.network_interface_id:
                existing[asked.device_index] = _find(state, call, asked.network_interface_id)
    interfaces = InterfacesAsked(sorted(specifications, key=lambda asked: asked.device_index), existing)
    ids, ips = [row.id for row in existing.values()], interfaces.private_ips
    if len(set(ids)) < len(ids) or len(set(ips)) < len(ips):
        raise Invalid("InvalidParameterCombination", "network_interfaces: an interface or address is named twice")
    return interfaces


def _check_indexes(call: Call, indexes: Sequence[int]) -> None:
    limit = call.policy.interfaces_per_instance
    if sorted(indexes)[0] != 0 or len(set(indexes)) < len(indexes) or max(indexes) >= limit:
        expected = f"different indexes from 0 to {limit - 1}, and 0 among them"
        raise invalid_value("network_interfaces", f"device_index {', '.join(map(str, indexes))}", expected)


def _check(asked: NetworkInterfaceSpecification, number: int, max_count: int) -> None:
    if asked.network_interface_id and any(
        getattr(asked, name) != getattr(PLAIN, name) for name in PLAIN.__slots__ if name not in _OF_EXISTING
    ):
        message = f"{asked.network_interface_id} has what it has: name delete_on_termination at most besides it"
        raise Invalid("InvalidParameterCombination", message)
    if asked.associate_public_ip_address is not None and number > 1:
        message = "associate_public_ip_address is for instances with one network interface; leave it out"
        raise Invalid("InvalidParameterCombination", message)
    if asked.is_for_one and max_count > 1:
        message = "An interface or an address that is named is for a single instance; leave it out"
        raise Invalid("InvalidParameterCombination", message)
    check_description(asked.description)


def _find(state: State, call: Call, interface_id: str) -> NetworkInterface:
    interface = private_addresses.find_own(state, call, interface_id)
    check_unused(interface)
    return interface


def check_places(state: State, call: Call, interfaces: InterfacesAsked, subnets: Sequence[Subnet]) -> None:
    """Whether they are all in the VPC and zone of the first one, which is in one of these subnets."""
    for asked in interfaces.asked[1:]:
        there = interfaces.existing.get(asked.device_index)
        subnet_id = there.subnet_id if there else asked.subnet_id
        if not subnet_id:
            continue
        subnet = find(state.subnets, subnet_id, call)
        if {(row.vpc_id, row.zone) for row in subnets} != {(subnet.vpc_id, subnet.zone)}:
            firsts = " or ".join(row.id for row in subnets)
            raise Invalid(
                "InvalidParameterCombination",
                f"Device {asked.device_index} is in {subnet.id} ({subnet.vpc_id}, {subnet.zone}), device 0 "
                f"in {firsts}: name subnets of one VPC and zone",
            )


@dataclass(frozen=True, slots=True)
class Making:
    """By what all instances of a launch get theirs. The subnet and the groups are the first one's, where that is new;
    others that name no subnet are in that one too. `free` gives no address that is asked for, or is a first one's.
    """

    interfaces: InterfacesAsked
    subnet: Subnet
    groups: Sequence[SecurityGroup]
    free: Free


def make(state: State, call: Call, making: Making, instance_id: str, private_ip: str) -> Iterator[NetworkInterface]:
    """Those of one instance; the address is the first one's, where that is new."""
    for asked in making.interfaces.asked:
        index, row = asked.device_index, making.interfaces.existing.get(asked.device_index)
        deletes = row is None if asked.delete_on_termination is None else asked.delete_on_termination
        if row is None and index == 0:
            first = new_interface(call, making.subnet, private_ip, making.groups)
            row = _furnished(state, call, making.free, asked, first)
        elif row is None:
            row = _another(state, call, making, asked)
        yield attached_to(call, row, instance_id, index, delete_on_termination=deletes)


def _another(state: State, call: Call, making: Making, asked: NetworkInterfaceSpecification) -> NetworkInterface:
    subnet = state.subnets[asked.subnet_id] if asked.subnet_id else making.subnet
    vpc = state.vpcs[subnet.vpc_id]
    groups = find_groups(state, call, asked.security_group_ids, vpc) or [vpcs.default_group(state, vpc.id)]
    private_ip = making.free.take_one(subnet, asked.private_ip_address)
    return _furnished(state, call, making.free, asked, new_interface(call, subnet, private_ip, groups))


def _furnished(
    state: State, call: Call, free: Free, asked: NetworkInterfaceSpecification, made: NetworkInterface
) -> NetworkInterface:
    if not (asked.has_secondary or asked.description):
        return made
    subnet = state.subnets[made.subnet_id]
    count = asked.secondary_private_ip_address_count
    secondary = private_addresses.choose_secondary(
        state, call, free, subnet, made.private_ip, asked.secondary_private_ip_addresses, count
    )
    return replace(made, secondary_ips=secondary, description=asked.description)
