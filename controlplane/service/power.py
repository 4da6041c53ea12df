"""Starting, stopping, rebooting and ending instances. A batch is all or none, unlike EC2's terminate per zone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controlplane.errors import Conflict
from controlplane.model.capacity import Resources
from controlplane.model.instance import Desired, Instance, Observation, ObservedKind, StateReason
from controlplane.model.lifecycle import InstanceState, Request
from controlplane.model.state import Change, State
from controlplane.service import addresses, features, quotas, volumes
from controlplane.service.admission import admit, current_state
from controlplane.service.call import Call, find, require_ids
from controlplane.service.capacity import Claims
from controlplane.service.ports import Ports

StateChange = tuple[str, int, int]  # Instance id, previous and current state code.

BY_USER = StateReason("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_TERMINATION = StateReason("Client.UserInitiatedShutdown", "User initiated termination")

# No instance was started more often; an agent in wrong hands may say so, and the database has an end.
MOST_STARTS = 1 << 32


def _select(state: State, call: Call, instance_ids: Sequence[str]) -> list[Instance]:
    ids = require_ids("instance_ids", instance_ids)
    return [find(state.instances, instance_id, call) for instance_id in ids]


def _batch(
    state: State,
    call: Call,
    instance_ids: Sequence[str],
    request: Request,
    becomes: InstanceState,
    act: Callable[[Change, Instance], None],
) -> tuple[Change, list[StateChange]]:
    """Check all, then do all: one refusal leaves every instance as it was."""
    instances = _select(state, call, instance_ids)
    wanted = [(instance, current_state(state, instance), admit(state, instance, request)) for instance in instances]
    change = Change()
    changes: list[StateChange] = []
    for instance, before, accepted in wanted:
        if accepted:
            act(change, instance)
        changes.append((instance.id, before.code, (becomes if accepted else before).code))
    return change, changes


def start(state: State, call: Call, instance_ids: Sequence[str]) -> tuple[Change, list[StateChange]]:
    """On the same host, or where that has no room, on another of the zone."""
    ports, claims = Ports(state), Claims(state, call)
    starting_vcpus, without_address = 0, []

    def act(change: Change, instance: Instance) -> None:
        nonlocal starting_vcpus
        volumes.check_root(state, instance)
        quotas.check_start(state, call, instance, starting_vcpus)
        starting_vcpus += instance.vcpus
        wanted, interfaces = Resources(instance.vcpus, instance.memory_mib), state.interfaces.of(instance.id)
        needed = features.of_instance(state, instance, interfaces)
        started = replace(
            instance,
            host_id=claims.compute_host(instance.zone, wanted, instance.host_id, needed),
            desired=Desired.ON,
            desired_revision=state.revision + 1,
            is_settled=False,
            generation=next_generation(state, instance),
            launched_at=call.now,
            state_reason=None,
        )
        change.put(started)
        volumes.open_anew(state, call, change, ports, started)
        if addresses.may_have_automatic(state, instance) and not state.addresses.interface.count(interfaces[0].id):
            without_address.append(interfaces[0])

    change, changes = _batch(state, call, instance_ids, Request.START, InstanceState.PENDING, act)
    addresses.give_automatic(state, call, change, without_address)
    return change, changes


def next_generation(state: State, instance: Instance) -> int:
    """Later than any that the database knows, and than any that its host does: that one remembers starts which a
    restored database has forgotten.
    """
    seen = state.observed(ObservedKind.INSTANCE, instance.id, instance.host_id)
    return max(instance.generation, min(seen.generation, MOST_STARTS) if seen else 0) + 1


@dataclass(frozen=True, slots=True)
class StopInstances:
    instance_ids: Sequence[str]
    force: bool = False


def stop(state: State, call: Call, request: StopInstances) -> tuple[Change, list[StateChange]]:
    def act(change: Change, instance: Instance) -> None:
        timeout_s = 0 if request.force else call.policy.stop_timeout_s
        switch_off(state, change, replace(instance, stop_timeout_s=timeout_s), BY_USER)

    return _batch(state, call, request.instance_ids, Request.STOP, InstanceState.STOPPING, act)


def switch_off(state: State, change: Change, instance: Instance, reason: StateReason) -> None:
    """It shall be off: its automatic address goes back to the pool, everything else stays its own."""
    change.put(
        replace(
            instance,
            desired=Desired.OFF,
            desired_revision=state.revision + 1,
            is_settled=False,
            state_reason=reason,
        )
    )
    for interface in state.interfaces.instance.of(instance.id):
        addresses.take_automatic(state, change, interface)


def reboot(state: State, call: Call, instance_ids: Sequence[str]) -> tuple[Change, list[StateChange]]:
    def act(change: Change, instance: Instance) -> None:
        change.put(replace(instance, reboot_count=instance.reboot_count + 1))

    return _batch(state, call, instance_ids, Request.REBOOT, InstanceState.RUNNING, act)


def is_reboot_pending(instance: Instance, seen: Observation | None) -> bool:
    """Whether the guest was not seen to begin anew since it was told to."""
    if seen is None or not seen.running or seen.generation != instance.generation:
        return False
    return seen.reboot_count < instance.reboot_count


def terminate(state: State, call: Call, instance_ids: Sequence[str]) -> tuple[Change, list[StateChange]]:
    def act(change: Change, instance: Instance) -> None:
        if instance.disable_api_termination:
            raise Conflict(
                "OperationNotPermitted",
                f"The instance '{instance.id}' may not be terminated: disable_api_termination is set; "
                "`stead instance modify --no-protect` clears it",
                blocking_ids=[instance.id],
            )
        end(state, change, instance, BY_TERMINATION)

    return _batch(state, call, instance_ids, Request.TERMINATE, InstanceState.SHUTTING_DOWN, act)


def end(state: State, change: Change, instance: Instance, reason: StateReason) -> None:
    """It shall be gone. Addresses go at once; interface and volumes when its host is seen to have let go."""
    change.put(
        replace(
            instance,
            desired=Desired.ABSENT,
            desired_revision=state.revision + 1,
            is_settled=False,
            was_off=instance.desired is Desired.OFF and instance.is_settled,
            state_reason=reason,
        )
    )
    addresses.let_go(state, change, instance)
