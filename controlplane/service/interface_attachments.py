"""Which instance has which network interfaces.

free --attach--> attached --detach--> leaving --the guest was seen without it--> free
                              by force --its host has taken it off the network--> free
"""

from dataclasses import dataclass, replace

from controlplane.errors import Conflict, Invalid, Parameter, invalid_value
from controlplane.ids import Prefix
from controlplane.model.instance import Desired, Instance
from controlplane.model.kind import Kind
from controlplane.model.lifecycle import Request
from controlplane.model.network import NetworkInterface
from controlplane.model.state import Change, State
from controlplane.service import features, private_addresses
from controlplane.service.admission import admit, observation_of
from controlplane.service.call import Call, check_id, find, not_found
from controlplane.service.network_interfaces import check_unused

_ATTACHMENT = Kind(
    "attachment", Prefix.NETWORK_INTERFACE_ATTACHMENT, "InvalidAttachmentID", "DescribeNetworkInterfaces"
)


@dataclass(frozen=True, slots=True)
class AttachNetworkInterface:
    network_interface_id: str
    instance_id: str
    device_index: int | None = None


def attach(state: State, call: Call, request: AttachNetworkInterface) -> tuple[Change, str]:
    """The result is the attachment's id."""
    interface = private_addresses.find_own(state, call, request.network_interface_id)
    instance = find(state.instances, request.instance_id, call)
    admit(state, instance, Request.ATTACH_INTERFACE)
    check_unused(interface)
    _check_place(state, interface, instance)
    _check_host(state, interface, instance)
    index = _device_index(state, call, instance, request.device_index)
    attached = attached_to(call, interface, instance.id, index, delete_on_termination=False)
    change = Change()
    change.put(attached)
    return change, attached.attachment_id


def attached_to(
    call: Call, interface: NetworkInterface, instance_id: str, device_index: int, *, delete_on_termination: bool
) -> NetworkInterface:
    return replace(
        interface,
        instance_id=instance_id,
        device_index=device_index,
        attachment_id=call.mint(Prefix.NETWORK_INTERFACE_ATTACHMENT),
        attached_at=call.now,
        delete_on_termination=delete_on_termination,
    )


def _check_place(state: State, interface: NetworkInterface, instance: Instance) -> None:
    zone, first = state.subnets[interface.subnet_id].zone, state.interfaces.primary(instance.id)
    places = ((interface.vpc_id, first.vpc_id), (zone, instance.zone))
    for own, other in places:
        if own != other:
            raise Invalid(
                "InvalidParameterCombination",
                f"{interface.id} is in {own}, {instance.id} in {other}; both must be in one VPC and one zone",
            )


def _check_host(state: State, interface: NetworkInterface, instance: Instance) -> None:
    """Whether its host can do it, and has no guest that still holds on to it."""
    needed = features.of_interfaces(state, [*state.interfaces.of(instance.id), interface])
    features.check_agent(state, instance, needed)
    seen = observation_of(state, instance)
    if seen and interface.id in seen.interface_ids:
        raise Conflict(
            "IncorrectState",
            f"The guest of {instance.id} has not let go of {interface.id}, which was taken by force: wait, or stop it",
        )


def _device_index(state: State, call: Call, instance: Instance, asked: int | None) -> int:
    held = {row.device_index: row.id for row in state.interfaces.instance.of(instance.id)}
    limit = call.policy.interfaces_per_instance
    if len(held) >= limit:
        raise Conflict(
            "AttachmentLimitExceeded", f"{instance.id} has {len(held)} network interfaces, the most that it can have"
        )
    if asked is None:
        return next(index for index in range(1, limit) if index not in held)
    if not 0 < asked < limit:
        raise invalid_value("device_index", asked, f"1 to {limit - 1}")
    if asked in held:
        message = f"Device index {asked} of {instance.id} is taken by {held[asked]}; choose another"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("device_index", asked))
    return asked


@dataclass(frozen=True, slots=True)
class DetachNetworkInterface:
    """`force`: whatever the guest says."""

    attachment_id: str
    force: bool = False


def detach(state: State, call: Call, request: DetachNetworkInterface) -> tuple[Change, str]:
    """The result is the attachment's id."""
    check_id(_ATTACHMENT, request.attachment_id)
    interface = state.interfaces.attachment.get(request.attachment_id)
    if interface is None or interface.project_id != call.project_id:
        raise not_found(_ATTACHMENT, request.attachment_id)
    if interface.device_index == 0:
        raise Conflict(
            "OperationNotPermitted",
            f"{interface.id} is the first network interface of {interface.instance_id}, and stays with it",
        )
    change, instance = Change(), state.instances[interface.instance_id]
    if instance.desired is Desired.OFF and instance.is_settled:
        free(change, interface)
    elif not interface.is_detaching or (request.force and not interface.is_forced):
        change.put(
            replace(
                interface,
                delete_on_termination=False,
                detach_host_id=instance.host_id,
                detach_revision=state.revision + 1,
                is_forced=request.force,
            )
        )
    return change, interface.attachment_id


def free(change: Change, interface: NetworkInterface) -> None:
    """No host has it any more: it is attached to nothing."""
    change.put(
        replace(
            interface,
            instance_id="",
            device_index=0,
            attachment_id="",
            attached_at=None,
            delete_on_termination=True,
            detach_host_id="",
            detach_revision=0,
            is_forced=False,
        )
    )


def end(change: Change, interface: NetworkInterface) -> None:
    """Its instance is gone, and so is what was to go with it."""
    if interface.delete_on_termination:
        change.delete(interface)
    else:
        free(change, interface)
