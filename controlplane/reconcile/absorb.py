"""What follows from a host's report: new observations, and the steps that waited for them.

A report that answers revision R takes every update up to R into account: what is not in it then, and was not wanted at
R, is gone and cannot come back. So everything that ends carries the revision of its end, and waits for such a report.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from controlplane.model.instance import (
    Attachment,
    Desired,
    Instance,
    Observation,
    ObservedKind,
    Phase,
    StateReason,
    Volume,
)
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import Leaving, NetworkInterface, PublicAddress
from controlplane.model.state import Change, State
from controlplane.model.table import Row
from controlplane.reconcile.concern import of_concern
from controlplane.service import interface_attachments, nat_gateways, power

log = structlog.get_logger()

BY_GUEST = StateReason("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass(frozen=True, slots=True)
class Report:
    """A host's report: `observed` are new or changed; `gone` are ids of observations to forget.

    It speaks for `kinds` alone: what a full one leaves out is gone if it is of those. Of a long one that comes part by
    part, the last speaks for all, and `before` has the ids of what the others had.
    """

    host_id: str
    is_full: bool
    observed: Sequence[Observation]
    gone: Sequence[str]
    kinds: Collection[ObservedKind] = tuple(ObservedKind)
    before: Collection[str] = ()

    def __bool__(self) -> bool:
        """Whether anything is to be taken down, besides that the host has answered."""
        return bool(self.is_full or self.observed or self.gone)


# The latest revision that a host has answered, by the kinds of resources that it can speak for.
Answers = Mapping[ObservedKind, int]


def absorb(state: State, report: Report) -> Change:
    """Take down what was seen. The caller then calls `settle`, since this may be what something waited for."""
    change = Change()
    seen = {row.id for row in report.observed}.union(report.before)
    for row in of_concern(state, report.host_id, report.observed):
        if state.observations.get(row.id) != row:
            change.put(row)
        if row.kind is ObservedKind.INSTANCE:
            _take(_follow_instance, state, change, row)
        elif row.kind is ObservedKind.VOLUME:
            _take(_follow_volume, state, change, row)
    gone = [state.observations[row_id] for row_id in report.gone if row_id in state.observations]
    if report.is_full:
        known = state.observations.host.of(report.host_id)
        gone = [row for row in known if row.id not in seen and row.kind in report.kinds]
    change.delete(*gone)
    for row in gone:
        _take(_follow_trash, state, change, row)
    return change


def _take(step: Callable[..., None], state: State, change: Change, row: Row, *given: object) -> None:
    """A step that fails harms its row alone: it is not taken, the log says why, and the rest of the report counts."""
    try:
        with change.as_a_whole():
            step(state, change, row, *given)
    except Exception as error:
        log.error("bug", step=step.__name__.strip("_"), resource=row.id, exc_info=error)


def _follow_instance(state: State, change: Change, row: Observation) -> None:
    """A start that is seen to have run; a guest that powered itself off; a launch that can never succeed."""
    instance = state.instances.get(row.resource_id)
    if instance is None or instance.host_id != row.host_id or row.generation not in (0, instance.generation):
        return
    instance = change.now(instance) or instance  # Another row of this report may have ended it.
    if row.has_run and row.generation > instance.ran_generation:
        instance = replace(instance, ran_generation=row.generation)
        change.put(instance)
    if instance.desired is not Desired.ON:
        return
    if row.powered_off_by_guest and row.generation == instance.generation:
        if instance.shutdown_behavior == "terminate":
            power.end(state, change, instance, BY_GUEST)
        else:
            power.switch_off(state, change, instance, BY_GUEST)
    elif row.permanent and not instance.ran_generation:
        power.end(state, change, instance, StateReason("Server.InternalError", row.error))


def _follow_volume(state: State, change: Change, row: Observation) -> None:
    """A volume that was made; or one that can't be, which ends the launch that it was to be for."""
    volume = state.volumes.get(row.resource_id)
    if volume is None or volume.host_id != row.host_id:
        return
    if row.converged and not volume.is_ready:
        change.put(replace(volume, is_ready=True))
    if not row.permanent or volume.is_ready:
        return
    for attachment in state.attachments.volume.of(row.resource_id):
        instance = state.instances[attachment.instance_id]
        instance = change.now(instance) or instance
        if instance.desired is Desired.ON and not instance.ran_generation:
            power.end(state, change, instance, StateReason("Server.InternalError", row.error))


def _follow_trash(state: State, change: Change, gone: Observation) -> None:
    """The trash of its host was emptied of a volume: nobody can bring it back."""
    volume = state.volumes.get(gone.resource_id) if gone.kind is ObservedKind.VOLUME else None
    if volume is not None and volume.recycled_at and volume.host_id == gone.host_id:
        change.delete(volume)


def is_awaited(state: State, host_id: str) -> bool:
    """Whether anything waits for an answer of this host."""
    return (
        host_id in state.instances.ending
        or host_id in state.attachments.detaching
        or host_id in state.attachments.released
        or host_id in state.volumes.ending
        or host_id in state.interfaces.detaching
        or host_id in state.addresses.leaving
        or host_id in state.nat_gateways.ending
        or any(nat_gateways.carried_by(state, host_id))
    )


def settle(state: State, host_id: str, answers: Answers, now: datetime) -> Change:
    """Take the steps that waited for this host to answer a revision."""
    change = Change()
    instances, exports, volumes = (
        answers.get(kind, 0) for kind in (ObservedKind.INSTANCE, ObservedKind.EXPORT, ObservedKind.VOLUME)
    )
    for instance in _due(state.instances.ending.of(host_id), "desired_revision", instances):
        _take(_settle_instance, state, change, instance, now)
    for attachment in _due(state.attachments.detaching.of(host_id), "phase_revision", instances):
        _take(_settle_detaching, state, change, attachment, host_id)
    for attachment in _due(state.attachments.released.of(host_id), "phase_revision", exports):
        _take(_settle_released, state, change, attachment, host_id)
    for volume in _due(state.volumes.ending.of(host_id), "deleted_revision", volumes):
        _take(_settle_volume, state, change, volume, now)
    for interface in state.interfaces.detaching.of(host_id):
        _take(_settle_interface, state, change, interface, answers)
    gateways = answers.get(ObservedKind.GATEWAY, 0)
    for address in state.addresses.leaving.of(host_id):
        _take(_settle_address, state, change, address, host_id, gateways)
    for row in _due(nat_gateways.carried_by(state, host_id), "created_revision", gateways):
        _take(_settle_pending_nat_gateway, state, change, row, host_id)
    for row in _due(state.nat_gateways.ending.of(host_id), "ending_revision", gateways):
        _take(_settle_ending_nat_gateway, state, change, row, now)
    return change


def _due(rows: Iterable, revision: str, answered: int) -> list:  # type: ignore[type-arg]
    return [row for row in rows if getattr(row, revision) <= answered]


def _settle_instance(state: State, change: Change, instance: Instance, now: datetime) -> None:
    observation = state.observed(ObservedKind.INSTANCE, instance.id, instance.host_id)
    if instance.desired is Desired.OFF and (observation is None or _is_off(observation)):
        change.put(replace(instance, is_settled=True))
    elif instance.desired is Desired.ABSENT and observation is None:
        change.put(replace(instance, is_settled=True, terminated_at=now))
        for attachment in state.attachments.instance.of(instance.id):
            _release(state, change, attachment)
        for interface in state.interfaces.instance.of(instance.id):
            interface_attachments.end(change, interface)


def _settle_volume(state: State, change: Change, volume: Volume, now: datetime) -> None:
    """It is in the trash, where its host reports it as it shall be; or it never came to be."""
    observation = state.observed(ObservedKind.VOLUME, volume.id, volume.host_id)
    if observation is None:
        change.delete(volume)
    elif observation.converged:
        change.put(replace(volume, recycled_at=now))


def _is_off(observation: Observation) -> bool:
    """For good: until its host has converged, a start that was under way when the wish came may yet succeed."""
    return observation.converged and not observation.running


def _has_let_go(observation: Observation, attachment: Attachment) -> bool:
    """A guest that is still to be started may have been given the disk by a start that is under way."""
    return attachment.id not in observation.export_names and (observation.running or observation.converged)


def _settle_detaching(state: State, change: Change, attachment: Attachment, host_id: str) -> None:
    observation = state.observed(ObservedKind.INSTANCE, attachment.instance_id, host_id)
    if observation is None or _has_let_go(observation, attachment):
        _release(state, change, attachment)


def _settle_released(state: State, change: Change, attachment: Attachment, host_id: str) -> None:
    if state.observed(ObservedKind.EXPORT, attachment.id, host_id) is None:
        _forget(state, change, attachment)


def _release(state: State, change: Change, attachment: Attachment) -> None:
    change.put(replace(attachment, phase=Phase.RELEASED, phase_revision=state.revision + 1))


def _forget(state: State, change: Change, attachment: Attachment) -> None:
    """Nobody has the export open any more: the volume is free, or goes with its instance."""
    change.delete(attachment)
    if attachment.delete_on_termination and state.instances[attachment.instance_id].desired is Desired.ABSENT:
        volume = state.volumes[attachment.volume_id]
        change.put(replace(volume, is_deleted=True, deleted_revision=state.revision + 1))


def _settle_interface(state: State, change: Change, interface: NetworkInterface, answers: Answers) -> None:
    """One is free when the guest was seen without it; by force, when its host has taken it off the network."""
    kind = ObservedKind.VPC if interface.is_forced else ObservedKind.INSTANCE
    resource_id = interface.vpc_id if interface.is_forced else interface.instance_id
    seen = state.observed(kind, resource_id, interface.detach_host_id)
    is_answered = answers.get(kind, 0) >= interface.detach_revision
    if is_answered and (seen is None or _is_without(seen, interface)) and change.now(interface) is interface:
        interface_attachments.free(change, interface)


def _is_without(seen: Observation, interface: NetworkInterface) -> bool:
    """Of a guest, or of a VPC's router, which has what it shall have."""
    if seen.kind is ObservedKind.VPC:
        return seen.converged
    return interface.id not in seen.interface_ids and (seen.running or seen.converged)


def _settle_address(state: State, change: Change, address: PublicAddress, host_id: str, answered: int) -> None:
    """A public address is free when none of the gateways that had it is busy any more."""
    due = [each for each in address.leaving if each.host_id == host_id and each.revision <= answered]
    left = tuple(each for each in address.leaving if each not in due or not _has_forgotten(state, each))
    if address.is_released and not left:
        change.delete(address)
    elif left != address.leaving:
        change.put(replace(address, leaving=left))


def _has_forgotten(state: State, leaving: Leaving) -> bool:
    gateway = state.observed(ObservedKind.GATEWAY, leaving.vpc_id, leaving.host_id)
    return gateway is None or gateway.converged


def _settle_pending_nat_gateway(state: State, change: Change, row: NatGateway, host_id: str) -> None:
    """One is there when the gateway that has it is no longer busy."""
    gateway = state.observed(ObservedKind.GATEWAY, row.vpc_id, host_id)
    if gateway is not None and gateway.converged:
        change.put(replace(row, is_ready=True))


def _settle_ending_nat_gateway(state: State, change: Change, row: NatGateway, now: datetime) -> None:
    """It is gone likewise."""
    gateway = state.observed(ObservedKind.GATEWAY, row.vpc_id, row.ending_host_id)
    if gateway is None or gateway.converged:
        nat_gateways.end(change, state, row, now)
