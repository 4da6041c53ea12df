"""Network interfaces beside instances: made in a subnet, modified, deleted. `interface_attachments` has the rest.

An instance's first interface, device 0, is made with it and stays with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controlplane.errors import Conflict, Invalid, invalid_value
from controlplane.ids import Prefix
from controlplane.model.addressing import mac_address
from controlplane.model.lifecycle import Request
from controlplane.model.network import NetworkInterface, SecurityGroup
from controlplane.model.state import Change, State
from controlplane.model.vpc import Subnet, Vpc
from controlplane.service import addresses, features, private_addresses, quotas, vpcs
from controlplane.service.admission import admit, observation_of
from controlplane.service.call import Call, check_tags, find
from controlplane.service.private_addresses import Free
from controlplane.service.security_group_rules import pending

MAX_DESCRIPTION = 255


@dataclass(frozen=True, slots=True)
class CreateNetworkInterface:
    """As in network_interfaces.proto."""

    subnet_id: str
    description: str = ""
    security_group_ids: Sequence[str] = ()
    private_ip_address: str = ""
    secondary_private_ip_addresses: Sequence[str] = ()
    secondary_private_ip_address_count: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateNetworkInterface) -> tuple[Change, str]:
    subnet = find(state.subnets, request.subnet_id, call)
    check_tags(request.tags)
    check_description(request.description)
    vpc = state.vpcs[subnet.vpc_id]
    groups = find_groups(state, call, request.security_group_ids, vpc) or [vpcs.default_group(state, vpc.id)]
    quotas.check_interface(state, call)
    free = Free(state, taken=(request.private_ip_address, *request.secondary_private_ip_addresses))
    private_ip = free.take_one(subnet, request.private_ip_address)
    asked, count = request.secondary_private_ip_addresses, request.secondary_private_ip_address_count
    made = replace(
        new_interface(call, subnet, private_ip, groups),
        secondary_ips=private_addresses.choose_secondary(state, call, free, subnet, private_ip, asked, count),
        description=request.description,
        tags=request.tags,
    )
    change = Change()
    change.put(made)
    return change, made.id


def new_interface(call: Call, subnet: Subnet, private_ip: str, groups: Sequence[SecurityGroup]) -> NetworkInterface:
    """One that is attached to nothing."""
    return NetworkInterface(
        id=call.mint(Prefix.NETWORK_INTERFACE),
        project_id=call.project_id,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        instance_id="",
        device_index=0,
        mac_address=mac_address(private_ip, subnet.vpc_id),
        private_ip=private_ip,
        group_ids=tuple([group.id for group in groups]),
        created_at=call.now,
    )


def check_description(description: str) -> str:
    if len(description) > MAX_DESCRIPTION:
        raise invalid_value("description", description, f"at most {MAX_DESCRIPTION} characters")
    return description


def find_groups(state: State, call: Call, group_ids: Sequence[str], vpc: Vpc) -> list[SecurityGroup]:
    """The groups that shall guard one interface in a VPC."""
    ids = list(dict.fromkeys(group_ids))
    limit = call.policy.groups_per_interface
    if len(ids) > limit:
        raise Conflict("SecurityGroupsPerInterfaceLimitExceeded", f"{len(ids)} groups asked; at most {limit}")
    groups = [find(state.security_groups, group_id, call) for group_id in ids]
    for group in groups:
        if group.vpc_id != vpc.id:
            raise Invalid("InvalidParameter", f"{group.id} is in {group.vpc_id}, the subnet in {vpc.id}")
    return groups


@dataclass(frozen=True, slots=True)
class ModifyNetworkInterfaceAttribute:
    """None, or nothing, leaves an attribute as it is."""

    network_interface_id: str
    description: str | None = None
    security_group_ids: Sequence[str] = ()
    source_dest_check: bool | None = None
    delete_on_termination: bool | None = None
    drop_established: bool = False


def modify(state: State, call: Call, request: ModifyNetworkInterfaceAttribute) -> tuple[Change, str]:
    """All or none of what is asked."""
    interface = private_addresses.find_own(state, call, request.network_interface_id)
    attributes = _attributes(state, interface, request)
    if not (attributes or request.security_group_ids):
        raise Invalid("MissingParameter", f"Nothing of {interface.id} is to change; name an attribute")
    if request.drop_established and not request.security_group_ids:
        raise Invalid("InvalidParameterCombination", "drop_established is for new security groups; name them")
    modified: NetworkInterface = replace(interface, **attributes)
    change = Change()
    change.put(modified)
    if request.security_group_ids:
        set_groups(state, call, change, modified, request.security_group_ids, drop=request.drop_established)
    return change, interface.id


def _attributes(
    state: State, interface: NetworkInterface, request: ModifyNetworkInterfaceAttribute
) -> Mapping[str, Any]:
    """Fields of the row."""
    if request.description is not None:
        check_description(request.description)
    if request.delete_on_termination is not None:
        _check_stays(state, interface)
    if request.source_dest_check is False:
        features.check_interface(state, interface)
    names = ("description", "source_dest_check", "delete_on_termination")
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def _check_stays(state: State, interface: NetworkInterface) -> None:
    """Whether anybody may still say what becomes of it with its instance."""
    if not interface.instance_id or interface.is_detaching:
        where = f"leaves {interface.instance_id}" if interface.instance_id else "is attached to nothing"
        message = f"{interface.id} {where}: delete_on_termination is for what is attached"
        raise Conflict("IncorrectState", message)
    admit(state, state.instances[interface.instance_id], Request.MODIFY)


def set_groups(
    state: State, call: Call, change: Change, interface: NetworkInterface, group_ids: Sequence[str], *, drop: bool
) -> None:
    """Guard it by these groups. `drop`: connections end that no rule allows any more."""
    groups = find_groups(state, call, group_ids, state.vpcs[interface.vpc_id])
    now = tuple(group.id for group in groups)
    change.put(replace(interface, group_ids=now))
    if now != interface.group_ids:
        concerned = [*interface.group_ids, *now]
        if drop:  # Also where others let it in, as a member of one that it leaves.
            left = set(interface.group_ids) - set(now)
            concerned += [rule.group_id for group_id in sorted(left) for rule in state.rules.source.of(group_id)]
        change.put(*pending(state, dict.fromkeys(concerned), drop=drop))


def delete(state: State, call: Call, interface_id: str) -> tuple[Change, None]:
    interface = private_addresses.find_own(state, call, interface_id)
    check_unused(interface)
    change = Change()
    addresses.unmap(state, change, interface)
    change.delete(interface)
    return change, None


def check_unused(interface: NetworkInterface) -> None:
    """Whether it is attached to nothing. Raises `InvalidNetworkInterface.InUse`."""
    if interface.instance_id:
        how = "which it is just leaving" if interface.is_detaching else "detach it first"
        how = "whose first it is, with which it goes" if interface.device_index == 0 else how
        raise Conflict(
            "InvalidNetworkInterface.InUse",
            f"{interface.id} is attached to {interface.instance_id}: {how}",
            blocking_ids=[interface.instance_id],
        )


def status_of(state: State, interface: NetworkInterface) -> str:
    """EC2's, of the interface: "available", "attaching", "in-use" or "detaching"."""
    if not interface.instance_id:
        return "in-use" if state.nat_gateways.interface.get(interface.id) else "available"
    if interface.is_detaching:
        return "detaching"
    return "in-use" if is_attached(state, interface) else "attaching"


def type_of(state: State, interface: NetworkInterface) -> str:
    """EC2's."""
    return "nat_gateway" if state.nat_gateways.interface.get(interface.id) else "interface"


def is_attached(state: State, interface: NetworkInterface) -> bool:
    """Whether the guest has it, or will have it when it runs. Older agents do not say what it has."""
    seen = observation_of(state, state.instances[interface.instance_id])
    return not (seen and seen.running and seen.interface_ids) or interface.id in seen.interface_ids
