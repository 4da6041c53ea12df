"""Instances."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.api.dropped_packets import DroppedPacketCalls
from controlplane.api.effective_rules import EffectiveRuleCalls
from controlplane.api.network_interfaces import show_in_instance
from controlplane.errors import Conflict, Unavailable
from controlplane.model.instance import ROOT_DEVICE, Attachment, Instance
from controlplane.model.lifecycle import InstanceState, state_of
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.service import describing, health, instance_attributes, instances, metadata_options, power
from controlplane.service.admission import observation_of
from controlplane.service.call import Call, find
from controlplane.service.dns_names import private_dns_name, public_dns_name
from controlplane.service.power import is_reboot_pending
from controlplane.service.presence import Look
from controlplane.sessions import Sessions
from stead.v1 import instances_pb2 as pb
from stead.v1.instances_pb2_grpc import InstancesServicer

Q = TypeVar("Q")
ToMessage = Callable[[State, Instance, Call], pb.Instance]
PowerUseCase = Callable[[State, Call, Q], tuple[Change, list[power.StateChange]]]

CONSOLE_MAX_BYTES = 64 * 1024
# Shorter: a busy host's console is out of reach. Longer: a caller waits for a host that hangs.
CONSOLE_TIMEOUT_S = 10


class Instances(EffectiveRuleCalls, DroppedPacketCalls, InstancesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def RunInstances(self, request: pb.RunInstancesRequest, context: Context) -> pb.RunInstancesResponse:
        asked = convert.to_request(request, instances.RunInstances)
        edge, asking, message = self._edge, self._edge.call(), self._message()

        def reply(state: State, instance_ids: Sequence[str]) -> tuple[list[Instance], list[pb.Instance]]:
            rows = [row for instance_id in instance_ids if (row := state.instances.get(instance_id))]
            if not rows:
                gone = f"What this client token launched is gone: {instance_ids}"
                raise Conflict("IdempotentInstanceTerminated", gone)
            now = rows if len(rows) <= edge.per_step else ()  # A long launch is a long step without its reply.
            return rows, [message(state, row, asking) for row in now]

        (rows, messages), _ = await edge.mutate(request, instances.run, asked, reply)
        messages += await edge.in_steps(rows[len(messages) :], message)
        return pb.RunInstancesResponse(reservation_id=rows[0].reservation_id, instances=messages)

    async def DescribeInstances(
        self, request: pb.DescribeInstancesRequest, context: Context
    ) -> pb.DescribeInstancesResponse:
        role = self._edge.call().role
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.own(state.instances, request.instance_ids, call),
            lambda state: describing.instance_filters(state, role),
            self._message(),
        )
        return pb.DescribeInstancesResponse(instances=found, **page)

    def _message(self) -> ToMessage:
        """For the instances of one reply, which looks at each of their hosts once."""
        sessions, look = self._edge.sessions, cache(self._edge.sessions.presence)
        return lambda state, row, call: to_instance(state, sessions, row, call.role, look)

    async def StartInstances(self, request: pb.StartInstancesRequest, context: Context) -> pb.StartInstancesResponse:
        changes = await self._power(request, power.start, request.instance_ids)
        return pb.StartInstancesResponse(starting_instances=changes)

    async def StopInstances(self, request: pb.StopInstancesRequest, context: Context) -> pb.StopInstancesResponse:
        asked = convert.to_request(request, power.StopInstances)
        changes = await self._power(request, power.stop, asked)
        return pb.StopInstancesResponse(stopping_instances=changes)

    async def RebootInstances(self, request: pb.RebootInstancesRequest, context: Context) -> pb.RebootInstancesResponse:
        await self._power(request, power.reboot, request.instance_ids)
        return pb.RebootInstancesResponse()

    async def TerminateInstances(
        self, request: pb.TerminateInstancesRequest, context: Context
    ) -> pb.TerminateInstancesResponse:
        changes = await self._power(request, power.terminate, request.instance_ids)
        return pb.TerminateInstancesResponse(terminating_instances=changes)

    async def ModifyInstanceAttribute(
        self, request: pb.ModifyInstanceAttributeRequest, context: Context
    ) -> pb.ModifyInstanceAttributeResponse:
        asked = convert.to_request(request, instance_attributes.ModifyInstanceAttribute)
        role, sessions = self._edge.call().role, self._edge.sessions

        def reply(state: State, _: None) -> pb.ModifyInstanceAttributeResponse:
            row = state.instances.get(asked.instance_id)
            message = to_instance(state, sessions, row, role) if row else None
            return pb.ModifyInstanceAttributeResponse(instance=message)

        done, _ = await self._edge.mutate(request, instance_attributes.modify, asked, reply)
        return done

    async def ModifyInstanceMetadataOptions(
        self, request: pb.ModifyInstanceMetadataOptionsRequest, context: Context
    ) -> pb.ModifyInstanceMetadataOptionsResponse:
        options_asked = convert.to_request(request, metadata_options.OptionsAsked)
        asked = metadata_options.ModifyInstanceMetadataOptions(request.instance_id, options_asked)

        def reply(state: State, _: None) -> pb.ModifyInstanceMetadataOptionsResponse:
            row = state.instances.get(asked.instance_id)
            options = _to_options(row) if row else None
            return pb.ModifyInstanceMetadataOptionsResponse(
                instance_id=asked.instance_id, instance_metadata_options=options
            )

        done, _ = await self._edge.mutate(request, metadata_options.modify, asked, reply)
        return done

    async def _power(self, request: Any, use_case: PowerUseCase[Q], asked: Q) -> list[pb.InstanceStateChange]:
        done, _ = await self._edge.mutate(
            request, use_case, asked, lambda state, changes: [to_state_change(change) for change in changes]
        )
        return done

    async def GetConsoleOutput(
        self, request: pb.GetConsoleOutputRequest, context: Context
    ) -> pb.GetConsoleOutputResponse:
        instance_id = request.instance_id
        host_id = await self._edge.read(lambda state, call: find(state.instances, instance_id, call).host_id)
        try:
            async with asyncio.timeout(CONSOLE_TIMEOUT_S):
                output = await self._edge.sessions.console(host_id, instance_id, CONSOLE_MAX_BYTES)
        except TimeoutError as error:
            raise Unavailable(
                "Unavailable", f"The host of {instance_id} did not answer within {CONSOLE_TIMEOUT_S} s; try again"
            ) from error
        return pb.GetConsoleOutputResponse(instance_id=instance_id, output=output)


def to_instance(state: State, sessions: Sessions, row: Instance, role: Role, look: Look | None = None) -> pb.Instance:
    """`look`: as `sessions.presence`. Parts are made in their places: to copy them there takes as long."""
    observation = observation_of(state, row)
    seen = health.of_instance(state, look or sessions.presence, row, observation)
    message = pb.Instance(
        instance_id=row.id,
        reservation_id=row.reservation_id,
        launch_index=row.launch_index,
        image_id=row.image_id,
        instance_type=row.instance_type,
        state=to_instance_state(state_of(row, observation)),
        status=seen.status,
        status_detail=health.shown_cause(state, seen.cause, role),
        status_since=convert.maybe(seen.since),
        last_seen_time=convert.maybe(seen.last_seen_at),
        is_status_permanent=seen.is_permanent,
        is_reboot_pending=is_reboot_pending(row, observation),
        zone_name=row.zone,
        host_id=row.host_id if role is Role.ADMIN else "",
        key_name=row.key_name,
        root_device_name=ROOT_DEVICE,
        launch_time=convert.timestamp(row.launched_at),
        instance_initiated_shutdown_behavior=row.shutdown_behavior,
        disable_api_termination=row.disable_api_termination,
        tags=row.tags,
        architecture=row.architecture,
        boot_mode=row.boot_mode,
        metadata_options=_to_options(row),
    )
    if row.state_reason:
        message.state_reason.code = row.state_reason.code
        message.state_reason.message = row.state_reason.message
    _add_interfaces(state, message, row)
    _add_block_devices(state, message, row, sessions.now())
    return message


def _to_options(row: Instance) -> pb.InstanceMetadataOptions:
    options = row.metadata_options
    return pb.InstanceMetadataOptions(
        http_tokens=options.http_tokens,
        http_endpoint=options.http_endpoint,
        http_put_response_hop_limit=options.http_put_response_hop_limit,
        instance_metadata_tags=options.instance_metadata_tags,
    )


def _add_interfaces(state: State, message: pb.Instance, row: Instance) -> None:
    """And what the first of them shows of the instance."""
    for index, interface in enumerate(state.interfaces.of(row.id)):
        shown = message.network_interfaces.add()
        show_in_instance(state, shown, interface)
        if index == 0:
            public = state.addresses.primary(interface.id)
            message.vpc_id = interface.vpc_id
            message.subnet_id = interface.subnet_id
            message.private_ip_address = interface.private_ip
            message.public_ip_address = public.public_ip if public else ""
            message.private_dns_name = private_dns_name(state, interface.private_ip)
            message.public_dns_name = public_dns_name(state, interface.vpc_id, public.public_ip) if public else ""
            message.security_groups.extend(shown.groups)


def _add_block_devices(state: State, message: pb.Instance, row: Instance, now: datetime) -> None:
    for attachment in sorted(state.attachments.instance.of(row.id), key=_device_order):
        status, detail = health.of_attachment(state, attachment, now)
        message.block_devices.add(
            device_name=attachment.device_name,
            volume_id=attachment.volume_id,
            status=status,
            status_detail=detail,
            delete_on_termination=attachment.delete_on_termination,
        )


def _device_order(row: Attachment) -> tuple[bool, str]:
    return row.device_name != ROOT_DEVICE, row.device_name


@cache
def to_instance_state(state: InstanceState) -> pb.InstanceState:
    """For a message that takes a copy."""
    return pb.InstanceState(code=state.code, name=state.label)


def to_state_change(change: Iterable[Any]) -> pb.InstanceStateChange:
    instance_id, before, after = change
    states = {row.code: row for row in InstanceState}
    return pb.InstanceStateChange(
        instance_id=instance_id,
        previous_state=to_instance_state(states[before]),
        current_state=to_instance_state(states[after]),
    )
