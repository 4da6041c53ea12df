"""Instance types: EC2's names and sizes, extensible by an admin."""

from dataclasses import dataclass

from controlplane.errors import Conflict, NotFound, Parameter, invalid_value, missing, shown
from controlplane.model.image import InstanceType
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_text

_GIB = 1024
MAX_MEMORY_MIB = 16 * _GIB * _GIB
# EC2's sizes. Beyond these, an admin adds what the fleet needs.
BUILT_IN = {
    "t3.nano": (2, _GIB // 2),
    "t3.micro": (2, 1 * _GIB),
    "t3.small": (2, 2 * _GIB),
    "t3.medium": (2, 4 * _GIB),
    "t3.large": (2, 8 * _GIB),
    "t3.xlarge": (4, 16 * _GIB),
    "t3.2xlarge": (8, 32 * _GIB),
    "c5.large": (2, 4 * _GIB),
    "c5.xlarge": (4, 8 * _GIB),
    "c5.2xlarge": (8, 16 * _GIB),
    "c5.4xlarge": (16, 32 * _GIB),
    "m5.large": (2, 8 * _GIB),
    "m5.xlarge": (4, 16 * _GIB),
    "m5.2xlarge": (8, 32 * _GIB),
    "m5.4xlarge": (16, 64 * _GIB),
    "r5.large": (2, 16 * _GIB),
    "r5.xlarge": (4, 32 * _GIB),
    "r5.2xlarge": (8, 64 * _GIB),
}
DEFAULT_TYPE = "t3.micro"


@dataclass(frozen=True, slots=True)
class CreateInstanceType:
    instance_type: str
    vcpus: int
    memory_mib: int


def find_type(state: State, name: str) -> InstanceType:
    found = state.instance_types.get(name)
    if not name:
        raise missing("instance_type", "a name, as DescribeInstanceTypes lists them")
    if found is None:
        message = f"The instance type {shown(name)} does not exist; see DescribeInstanceTypes"
        raise NotFound("InvalidInstanceType", message, parameter=Parameter("", name))
    return found


def create(state: State, call: Call, request: CreateInstanceType) -> tuple[Change, str]:
    name = request.instance_type
    check_text("instance_type", name, r"[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}", "family.size in a-z, 0-9 and -")
    if not 1 <= request.vcpus <= 256:
        raise invalid_value("vcpus", request.vcpus, "1 to 256")
    if not 64 <= request.memory_mib <= MAX_MEMORY_MIB:
        raise invalid_value("memory_mib", request.memory_mib, f"64 to {MAX_MEMORY_MIB}, MiB")
    if name in state.instance_types:
        raise Conflict(
            "InvalidInstanceType.Duplicate",
            f"The instance type {name!r} exists already; choose another name, or delete it",
        )
    change = Change()
    change.put(InstanceType(name, request.vcpus, request.memory_mib, call.now))
    return change, name


def delete(state: State, call: Call, name: str) -> tuple[Change, None]:
    change = Change()
    change.delete(find_type(state, name))
    return change, None
