"""Public addresses: elastic ones, and the automatic ones that come and go with a running instance."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from controlplane.errors import Conflict, Invalid, NoCapacity, Parameter, invalid_value, several
from controlplane.ids import Prefix
from controlplane.model.instance import Desired, Instance, ObservedKind
from controlplane.model.kind import Kind
from controlplane.model.lifecycle import Request
from controlplane.model.network import Leaving, NetworkInterface, PublicAddress
from controlplane.model.state import Change, State
from controlplane.service.admission import admit
from controlplane.service.call import Call, check_id, check_tags, find, not_found

_ASSOCIATION = Kind("association", Prefix.ADDRESS_ASSOCIATION, "InvalidAssociationID", "DescribeAddresses")


@dataclass(frozen=True, slots=True)
class AllocateAddress:
    tags: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


def allocate(state: State, call: Call, request: AllocateAddress) -> tuple[Change, str]:
    check_tags(request.tags)
    held = state.addresses.elastic.of(call.project_id)
    if held >= call.policy.elastic_addresses:
        raise Conflict("AddressLimitExceeded", f"The project has {held} elastic addresses, its limit; release one")
    change = Change()
    asked = request.address
    public_ip = _asked(state, call, asked) if asked else free_addresses(state, call, change, 1)[0]
    address = _new(call, public_ip, is_elastic=True, interface_id="", tags=request.tags)
    change.put(address)
    return change, address.id


def _asked(state: State, call: Call, address: str) -> str:
    """This one, where nobody has it."""
    if not call.policy.has_public_address(address):
        raise invalid_value("address", address, "an IPv4 address of the region's public pool")
    if address in state.addresses.public_ip:
        message = f"Somebody has {address}, or its gateway has not let go of it yet; choose another"
        raise Conflict("InvalidIPAddress.InUse", message)
    return address


def find_free(state: State, call: Call, change: Change, at_most: int) -> list[str]:
    """Addresses of the pool that nobody has, also not by this change."""
    given = {row.public_ip for row in change.rows_of(PublicAddress)}
    newest = state.addresses.newest()
    free = (
        address
        for address in call.policy.public_addresses_after(newest.public_ip if newest else None)
        if address not in given and address not in state.addresses.public_ip
    )
    return list(islice(free, at_most))


def too_few(asked: int, free: int) -> NoCapacity:
    return NoCapacity(
        "InsufficientAddressCapacity",
        f"{asked} public addresses asked, {free} free in the pool; "
        "release some, or ask the operator to enlarge network.public_pool",
    )


def free_addresses(state: State, call: Call, change: Change, count: int) -> list[str]:
    """So many, or `InsufficientAddressCapacity`."""
    free = find_free(state, call, change, count)
    if len(free) < count:
        raise too_few(count, len(free))
    return free


def _new(call: Call, public_ip: str, *, is_elastic: bool, interface_id: str, tags: Mapping[str, str]) -> PublicAddress:
    return PublicAddress(
        id=call.mint(Prefix.ADDRESS_ALLOCATION),
        project_id=call.project_id,
        public_ip=public_ip,
        is_elastic=is_elastic,
        interface_id=interface_id,
        association_id="",
        created_at=call.now,
        tags=tags,
    )


def give_automatic(state: State, call: Call, change: Change, interfaces: list[NetworkInterface]) -> None:
    """An automatic address for each of these interfaces, which have none. Raises `InsufficientAddressCapacity`."""
    for interface, public_ip in zip(interfaces, free_addresses(state, call, change, len(interfaces)), strict=True):
        change.put(_new(call, public_ip, is_elastic=False, interface_id=interface.id, tags={}))


def take_automatic(state: State, change: Change, interface: NetworkInterface) -> None:
    """Give the interface's automatic address, if it has one, back to the pool."""
    for address in state.addresses.interface.of(interface.id):
        if not address.is_elastic:
            _release(state, change, address)


def unmapped(state: State, address: PublicAddress) -> PublicAddress:
    """The address without its mapping, remembering the gateways that have to forget it."""
    if not address.interface_id:
        return address
    return replace(address, interface_id="", private_ip="", association_id="", leaving=_leaving(state, address))


def _leaving(state: State, address: PublicAddress) -> tuple[Leaving, ...]:
    """What has to forget it when it leaves the VPC that it is mapped in, and what had to before: each host that has the
    gateway, or had it before it moved and was not seen without it since.
    """
    vpc_id = state.interfaces[address.interface_id].vpc_id
    carriers = {gateway.host_id for gateway in state.internet_gateways.vpc.of(vpc_id) if gateway.host_id}
    carriers.update(row.id for row in state.hosts if state.observed(ObservedKind.GATEWAY, vpc_id, row.id))
    new = [Leaving(host_id, vpc_id, state.revision + 1) for host_id in sorted(carriers)]
    known = [each for each in address.leaving if each.vpc_id != vpc_id or each.host_id not in carriers]
    return (*known, *new)


def _release(state: State, change: Change, address: PublicAddress) -> None:
    """Take the row away, or keep it until the gateway has forgotten the address, so that nobody else gets it before."""
    freed = unmapped(state, address)
    if freed.leaving:
        change.put(replace(freed, is_released=True))
    else:
        change.delete(address)


@dataclass(frozen=True, slots=True)
class AssociateAddress:
    """An instance, or an interface, also one that is attached to none; empty for its primary private address."""

    allocation_id: str
    instance_id: str = ""
    allow_reassociation: bool | None = None
    network_interface_id: str = ""
    private_ip_address: str = ""


def associate(state: State, call: Call, request: AssociateAddress) -> tuple[Change, str]:
    address = find_elastic(state, call, request.allocation_id)
    interface = _target(state, call, request)
    private_ip = _private_ip(interface, request.private_ip_address)
    change = Change()
    if (address.interface_id, address.private_ip) == (interface.id, private_ip):
        return change, address.association_id
    check_gateway(state, interface.vpc_id)
    _check_no_nat_gateway(state, address, "Resource.AlreadyAssociated")
    if address.interface_id and request.allow_reassociation is False:
        holder = holder_id(state, address)
        raise Conflict(
            "Resource.AlreadyAssociated",
            f"{address.public_ip} is mapped to {holder}; disassociate it first",
            blocking_ids=[holder],
        )
    association_id = call.mint(Prefix.ADDRESS_ASSOCIATION)
    is_moved = bool(address.interface_id) and state.interfaces[address.interface_id].vpc_id != interface.vpc_id
    taken = replace(address, leaving=_leaving(state, address)) if is_moved else address
    change.put(replace(taken, interface_id=interface.id, private_ip=private_ip, association_id=association_id))
    if address.interface_id:
        _restore_automatic(state, call, change, address)
    for held in state.addresses.interface.of(interface.id):
        if held.is_elastic and held.private_ip == private_ip and held.id != address.id:
            change.put(unmapped(state, held))
    if not private_ip:
        take_automatic(state, change, interface)
    return change, association_id


def _target(state: State, call: Call, request: AssociateAddress) -> NetworkInterface:
    """The interface. Raises `IncorrectInstanceState`, and `InvalidInstanceID` for an instance that has several."""
    if request.network_interface_id:
        interface = find(state.interfaces, request.network_interface_id, call)
        check_not_managed(state, interface)
        if request.instance_id not in ("", interface.instance_id):
            where = interface.instance_id or "no instance"
            raise Invalid(
                "InvalidParameterCombination",
                f"{interface.id} is attached to {where}, not to {request.instance_id}; name one of the two",
            )
        if interface.instance_id:
            admit(state, state.instances[interface.instance_id], Request.ASSOCIATE_ADDRESS)
        return interface
    instance = find(state.instances, request.instance_id, call)
    admit(state, instance, Request.ASSOCIATE_ADDRESS)
    return the_only_interface(state, instance)


def the_only_interface(state: State, instance: Instance) -> NetworkInterface:
    """Of an instance that is not terminated. Raises `InvalidInstanceID` where it has several, as EC2 does."""
    interfaces = state.interfaces.of(instance.id)
    if len(interfaces) > 1:
        ids = [row.id for row in interfaces]
        message = f"{instance.id} has several network interfaces, {several(ids)}; name one of them instead"
        raise Invalid("InvalidInstanceID", message, parameter=Parameter("instance_id", instance.id))
    return interfaces[0]


def _private_ip(interface: NetworkInterface, asked: str) -> str:
    """As the address's row has it: empty where that is the primary one."""
    if asked in ("", interface.private_ip):
        return ""
    if asked not in interface.secondary_ips:
        raise invalid_value("private_ip_address", asked, f"one of {interface.id}: {several(interface.private_ips)}")
    return asked


def find_elastic(state: State, call: Call, allocation_id: str) -> PublicAddress:
    """An address that the caller sees as its own."""
    address = find(state.addresses, allocation_id, call)
    if not address.is_own:
        raise not_found(state.addresses.kind, allocation_id)
    return address


def holder_id(state: State, address: PublicAddress) -> str:
    """What it is mapped to: an instance, a NAT gateway, or an interface that neither has."""
    if nat_gateway := state.nat_gateways.interface.get(address.interface_id):
        return nat_gateway.id
    return state.interfaces[address.interface_id].instance_id or address.interface_id


def check_not_managed(state: State, interface: NetworkInterface) -> None:
    """Whether its project may change it. Raises `OperationNotPermitted` for a NAT gateway's, which has what it has."""
    if row := state.nat_gateways.interface.get(interface.id):
        message = f"{interface.id} is the interface of {row.id}, and goes with it"
        raise Conflict("OperationNotPermitted", message, blocking_ids=[row.id])


def _check_no_nat_gateway(state: State, address: PublicAddress, code: str) -> None:
    """Its address stays as long as it is there."""
    if nat_gateway := state.nat_gateways.interface.get(address.interface_id):
        message = f"{address.public_ip} is the address of {nat_gateway.id}; delete that first"
        raise Conflict(code, message, blocking_ids=[nat_gateway.id])


def check_gateway(state: State, vpc_id: str) -> None:
    """Raises where nobody in the VPC could be reached by a public address."""
    if not state.internet_gateways.vpc.count(vpc_id):
        raise Conflict("Gateway.NotAttached", f"{vpc_id} has no internet gateway; attach one first")


def _restore_automatic(state: State, call: Call, change: Change, address: PublicAddress) -> None:
    """The instance that loses this elastic address gets an automatic one, if it had one at launch and is on.

    With an empty pool it stays without: giving an address up must not fail for want of another. As in EC2, one with
    several interfaces gets none.
    """
    interface = state.interfaces[address.interface_id]
    instance = state.instances.get(interface.instance_id)
    if instance and not address.private_ip and instance.desired is Desired.ON and may_have_automatic(state, instance):
        with suppress(NoCapacity):
            give_automatic(state, call, change, [interface])


def may_have_automatic(state: State, instance: Instance) -> bool:
    """Whether it is given an automatic address when it has none."""
    return instance.public_ip_wanted and state.interfaces.instance.count(instance.id) == 1


def disassociate(state: State, call: Call, association_id: str) -> tuple[Change, None]:
    """Succeeds where the association is gone already."""
    check_id(_ASSOCIATION, association_id)
    change = Change()
    address = state.addresses.association.get(association_id)
    if address is not None and address.project_id == call.project_id:
        _check_no_nat_gateway(state, address, "DependencyViolation")
        _restore_automatic(state, call, change, address)
        change.put(unmapped(state, address))
    return change, None


def release(state: State, call: Call, allocation_id: str) -> tuple[Change, None]:
    address = find_elastic(state, call, allocation_id)
    change = Change()
    if address.interface_id:
        _check_no_nat_gateway(state, address, "InvalidIPAddress.InUse")
        if not state.vpcs[state.interfaces[address.interface_id].vpc_id].is_default:
            holder = holder_id(state, address)
            raise Conflict(
                "InvalidIPAddress.InUse",
                f"{address.public_ip} is mapped to {holder}; disassociate it first",
                blocking_ids=[holder],
            )
        _restore_automatic(state, call, change, address)
    _release(state, change, address)
    return change, None


def let_go(state: State, change: Change, instance: Instance) -> None:
    """What termination does: automatic addresses go back to the pool, elastic ones stay with the project, mapped to
    what stays.
    """
    for interface in state.interfaces.instance.of(instance.id):
        take_automatic(state, change, interface)
        if interface.delete_on_termination:
            unmap(state, change, interface)


def unmap(state: State, change: Change, interface: NetworkInterface) -> None:
    """Its elastic addresses are mapped to nothing any more."""
    for address in state.addresses.interface.of(interface.id):
        if address.is_elastic:
            change.put(unmapped(state, address))
