"""Whether an instance's state lets a request through."""

from controlplane.errors import Conflict
from controlplane.model.instance import Instance, Observation, ObservedKind
from controlplane.model.lifecycle import ADMISSION, Answer, InstanceState, Request, state_of
from controlplane.model.state import State


def observation_of(state: State, instance: Instance) -> Observation | None:
    """What the instance's host was last seen to have of it."""
    return state.observed(ObservedKind.INSTANCE, instance.id, instance.host_id)


def current_state(state: State, instance: Instance) -> InstanceState:
    return state_of(instance, observation_of(state, instance))


def admit(state: State, instance: Instance, request: Request) -> bool:
    """True: do it. False: it is so already. Raises `IncorrectInstanceState`."""
    current = current_state(state, instance)
    answer = ADMISSION[request][current]
    if answer is Answer.DENY:
        possible = " or ".join(s.label for s, other in ADMISSION[request].items() if other is not Answer.DENY)
        can_stop = request is Request.MODIFY_STOPPED and ADMISSION[Request.STOP][current] is Answer.ACCEPT
        raise Conflict(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state from which it can be {request.value}: "
            f"it is {current.label}, not {possible}{'; stop it first' if can_stop else ''}",
        )
    return answer is Answer.ACCEPT
