"""What one project may have, so that it leaves room for others: EC2's quotas, by EC2's names."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.errors import Conflict
from controlplane.model.instance import Instance
from controlplane.model.state import State
from controlplane.service.call import Call


@dataclass(frozen=True, slots=True)
class _Quota:
    code: str
    what: str
    held: int
    limit: int

    def check(self, asked: int) -> None:
        if self.held + asked > self.limit:
            raise Conflict(
                self.code,
                f"{asked} more {self.what} asked; the project has {self.held} of at most {self.limit}. Give some back, "
                "or ask the operator for a larger quota",
            )

    def room(self, each: int) -> int:
        """How many more there may be of what takes so much."""
        return (self.limit - self.held) // each


def check_one_more(code: str, whose: str, what: str, held: int, limit: int) -> None:
    """Whether there may be one more of what is counted by itself. Raises `Conflict` with this code."""
    if held >= limit:
        raise Conflict(code, f"{whose} has {held} of at most {limit} {what}; delete one, or ask the operator for more")


def _instances(state: State, call: Call) -> _Quota:
    held = state.instances.live.of(call.project_id)
    return _Quota("InstanceLimitExceeded", "instances", held, call.policy.instances)


def _vcpus(state: State, call: Call, starting: int = 0) -> _Quota:
    held = state.used(call.project_id).vcpus + starting
    return _Quota("VcpuLimitExceeded", "vCPUs of instances that are not stopped", held, call.policy.vcpus)


def _interfaces(state: State, call: Call) -> _Quota:
    held = state.interfaces.project.count(call.project_id)
    return _Quota("NetworkInterfaceLimitExceeded", "network interfaces", held, call.policy.network_interfaces)


def _volumes(state: State, call: Call) -> _Quota:
    held = state.volumes.live.of(call.project_id)
    return _Quota("VolumeLimitExceeded", "volumes", held, call.policy.volumes)


def _volume_gib(state: State, call: Call) -> _Quota:
    held = state.used(call.project_id).storage_gib
    return _Quota("VolumeLimitExceeded", "GiB of volumes", held, call.policy.volume_gib)


def grant_instances(
    state: State, call: Call, least: int, wanted: int, vcpus: int, disks_gib: Sequence[int], interfaces: int
) -> int:
    """How many of the wanted instances, each with so many vCPUs, such disks and so many new interfaces, may be
    launched: `least`, or more.

    Raises `InstanceLimitExceeded`, `NetworkInterfaceLimitExceeded`, `VcpuLimitExceeded`, `VolumeLimitExceeded`.
    """
    needs = (
        (_instances(state, call), 1),
        (_interfaces(state, call), interfaces),
        (_vcpus(state, call), vcpus),
        (_volumes(state, call), len(disks_gib)),
        (_volume_gib(state, call), sum(disks_gib)),
    )
    for quota, each in needs:
        quota.check(least * each)
    return min(wanted, *(quota.room(each) for quota, each in needs if each))


def check_start(state: State, call: Call, instance: Instance, starting_vcpus: int) -> None:
    """Whether one more may be started beside those of the same call. Raises `VcpuLimitExceeded`."""
    _vcpus(state, call, starting_vcpus).check(instance.vcpus)


def check_volume(state: State, call: Call, new_gib: int) -> None:
    """Whether there may be one more volume, which takes so much more. Raises `VolumeLimitExceeded`."""
    _volumes(state, call).check(1)
    _volume_gib(state, call).check(new_gib)


def check_interface(state: State, call: Call) -> None:
    """Whether there may be one more network interface. Raises `NetworkInterfaceLimitExceeded`."""
    _interfaces(state, call).check(1)
