"""The life of an instance as two tables: what the user sees, and what the user may ask for.

    desired \\ seen   running         not yet    had run                absent
    on               running 16      pending 0  running 16 (impaired)  as one of the two to the left
    off              stopping 64     stopped 80 stopped 80             stopped 80
    absent           shutting-down   shutting-down  shutting-down      terminated 48

There is no edge from running back to pending, as in EC2.
"""

from enum import Enum

from controlplane.model.instance import Desired, Instance, Observation, Volume


class InstanceState(Enum):
    """EC2's codes and names."""

    PENDING = (0, "pending")
    RUNNING = (16, "running")
    SHUTTING_DOWN = (32, "shutting-down")
    TERMINATED = (48, "terminated")
    STOPPING = (64, "stopping")
    STOPPED = (80, "stopped")

    __hash__ = object.__hash__  # See Desired.

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def label(self) -> str:
        return self.value[1]


class Seen(Enum):
    """What the host is known to have, with respect to the latest start."""

    RUNNING = "running"
    NOT_YET = "not-yet"
    HAD_RUN = "had-run"
    ABSENT = "absent"

    __hash__ = object.__hash__  # See Desired.


STATE: dict[tuple[Desired, Seen], InstanceState] = {
    (Desired.ON, Seen.RUNNING): InstanceState.RUNNING,
    (Desired.ON, Seen.NOT_YET): InstanceState.PENDING,
    (Desired.ON, Seen.HAD_RUN): InstanceState.RUNNING,
    (Desired.OFF, Seen.RUNNING): InstanceState.STOPPING,
    (Desired.OFF, Seen.NOT_YET): InstanceState.STOPPED,
    (Desired.OFF, Seen.HAD_RUN): InstanceState.STOPPED,
    (Desired.OFF, Seen.ABSENT): InstanceState.STOPPED,
    (Desired.ABSENT, Seen.RUNNING): InstanceState.SHUTTING_DOWN,
    (Desired.ABSENT, Seen.NOT_YET): InstanceState.SHUTTING_DOWN,
    (Desired.ABSENT, Seen.HAD_RUN): InstanceState.SHUTTING_DOWN,
    (Desired.ABSENT, Seen.ABSENT): InstanceState.TERMINATED,
}


def seen(instance: Instance, observation: Observation | None) -> Seen:
    """What is known. Until the host has answered the wish to be off or gone, it counts as running: inconclusive."""
    if instance.desired is Desired.ABSENT:
        return Seen.ABSENT if instance.is_settled else Seen.RUNNING
    if instance.desired is Desired.OFF and not instance.is_settled:
        return Seen.RUNNING
    if observation and observation.running and observation.generation == instance.generation:
        return Seen.RUNNING
    return Seen.HAD_RUN if instance.ran_generation == instance.generation else Seen.NOT_YET


def state_of(instance: Instance, observation: Observation | None) -> InstanceState:
    """What the user sees."""
    return STATE[instance.desired, seen(instance, observation)]


class Request(Enum):
    """What a user may ask of an instance, with the word for it in an error."""

    START = "started"
    STOP = "stopped"
    REBOOT = "rebooted"
    TERMINATE = "terminated"
    ATTACH_VOLUME = "given a volume"
    ATTACH_INTERFACE = "given a network interface"
    ASSOCIATE_ADDRESS = "given an address"
    MODIFY = "modified"
    MODIFY_STOPPED = "given another type or user data"


class Answer(Enum):
    ACCEPT = "accept"
    IGNORE = "ignore"  # Already so: success without effect.
    DENY = "deny"  # IncorrectInstanceState.


_STATES = tuple(InstanceState)  # pending, running, shutting-down, terminated, stopping, stopped
_A, _I, _D = Answer.ACCEPT, Answer.IGNORE, Answer.DENY
ADMISSION: dict[Request, dict[InstanceState, Answer]] = {
    Request.START: dict(zip(_STATES, (_I, _I, _D, _D, _D, _A), strict=True)),
    Request.STOP: dict(zip(_STATES, (_A, _A, _D, _D, _A, _I), strict=True)),
    Request.REBOOT: dict(zip(_STATES, (_I, _A, _D, _D, _D, _D), strict=True)),
    Request.TERMINATE: dict(zip(_STATES, (_A, _A, _I, _I, _A, _A), strict=True)),
    Request.ATTACH_VOLUME: dict(zip(_STATES, (_A, _A, _D, _D, _A, _A), strict=True)),
    Request.ATTACH_INTERFACE: dict(zip(_STATES, (_A, _A, _D, _D, _A, _A), strict=True)),
    Request.ASSOCIATE_ADDRESS: dict(zip(_STATES, (_D, _A, _D, _D, _A, _A), strict=True)),
    Request.MODIFY: dict(zip(_STATES, (_A, _A, _D, _D, _A, _A), strict=True)),
    Request.MODIFY_STOPPED: dict(zip(_STATES, (_D, _D, _D, _D, _D, _A), strict=True)),
}


class VolumeState(Enum):
    CREATING = "creating"
    AVAILABLE = "available"
    IN_USE = "in-use"
    DELETING = "deleting"
    ERROR = "error"


def volume_state(volume: Volume, is_attached: bool, observation: Observation | None) -> VolumeState:
    """What the user sees of a volume. One that was once seen ready stays so while its host can't tell."""
    if volume.is_deleted:
        return VolumeState.DELETING
    if is_attached:
        return VolumeState.IN_USE
    if observation and observation.permanent:
        return VolumeState.ERROR
    return VolumeState.AVAILABLE if volume.is_ready else VolumeState.CREATING
