"""What was set at launch and is changed later. What only a start takes in needs an instance that is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from controlplane.errors import Conflict, Invalid, invalid_value, shown
from controlplane.model.instance import Instance, Phase
from controlplane.model.lifecycle import Request
from controlplane.model.state import Change, State
from controlplane.service import catalogue
from controlplane.service.addresses import the_only_interface
from controlplane.service.admission import admit
from controlplane.service.call import Call, find
from controlplane.service.instances import BlockDeviceMapping, check_shutdown_behavior, check_user_data
from controlplane.service.network_interfaces import set_groups


@dataclass(frozen=True, slots=True)
class ModifyInstanceAttribute:
    """As `ModifyInstanceAttributeRequest` in instances.proto: None, or nothing, leaves an attribute as it is."""

    instance_id: str
    disable_api_termination: bool | None = None
    instance_initiated_shutdown_behavior: str | None = None
    associate_public_ip_address: bool | None = None
    instance_type: str | None = None
    user_data: bytes | None = None
    security_group_ids: Sequence[str] = ()
    block_device_mappings: Sequence[BlockDeviceMapping] = ()
    drop_established: bool = False

    @property
    def needs_stop(self) -> bool:
        return self.instance_type is not None or self.user_data is not None


def modify(state: State, call: Call, request: ModifyInstanceAttribute) -> tuple[Change, None]:
    """All or none of what is asked."""
    instance = find(state.instances, request.instance_id, call)
    attributes = _attributes(state, request)
    if not (attributes or request.security_group_ids or request.block_device_mappings):
        raise Invalid("MissingParameter", f"Nothing of {instance.id} is to change; name an attribute")
    if request.drop_established and not request.security_group_ids:
        raise Invalid("InvalidParameterCombination", "drop_established is for new security groups; name them")
    admit(state, instance, Request.MODIFY_STOPPED if request.needs_stop else Request.MODIFY)
    change = Change()
    if attributes:
        change.put(replace(instance, **attributes))
    if request.security_group_ids:
        interface = the_only_interface(state, instance)
        set_groups(state, call, change, interface, request.security_group_ids, drop=request.drop_established)
    for mapping in request.block_device_mappings:
        _set_delete_on_termination(state, change, instance, mapping)
    return change, None


def _attributes(state: State, request: ModifyInstanceAttribute) -> dict[str, Any]:
    """Fields of the instance's row."""
    found: dict[str, Any] = {
        "disable_api_termination": request.disable_api_termination,
        "public_ip_wanted": request.associate_public_ip_address,
    }
    if request.instance_initiated_shutdown_behavior is not None:
        found["shutdown_behavior"] = check_shutdown_behavior(request.instance_initiated_shutdown_behavior)
    if request.user_data is not None:
        found["user_data"] = check_user_data(request.user_data)
    if request.instance_type is not None:
        size = catalogue.find_type(state, request.instance_type)
        found |= {"instance_type": size.id, "vcpus": size.vcpus, "memory_mib": size.memory_mib}
    return {name: value for name, value in found.items() if value is not None}


def _set_delete_on_termination(state: State, change: Change, instance: Instance, mapping: BlockDeviceMapping) -> None:
    if mapping.volume_size_gib is not None:
        raise invalid_value(
            "volume_size_gib", mapping.volume_size_gib, "nothing: only delete_on_termination can change"
        )
    for attachment in state.attachments.instance.of(instance.id):
        if attachment.device_name == mapping.device_name and attachment.phase is Phase.ATTACHED:
            is_deleted = mapping.delete_on_termination is not False
            change.put(replace(attachment, delete_on_termination=is_deleted))
            return
    raise Conflict(
        "InvalidInstanceAttributeValue",
        f"No volume is attached to {instance.id} as {shown(mapping.device_name)}; see its block_devices",
    )
