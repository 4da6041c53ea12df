"""What an agent and its control plane say to each other, as plain values; `agent.model` has the specs in it.

Owns no behaviour. Field meanings and units are documented once, in `protos/stead/v1/agent.proto`, under the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from agent.model import Capacity, Kind, Ref, Spec, VolumeFile

# The version of the contract that this agent speaks; see `Hello.contract_version`.
CONTRACT_VERSION = 1


class Role(Enum):
    """What a host is for; decides which drivers its agent loads."""

    COMPUTE = "compute"
    STORAGE = "storage"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Hello:
    agent_version: str
    boot_id: str
    capacity: Capacity
    roles: tuple[Role, ...]
    region: str = ""
    incarnation: str = ""
    revision: int = 0
    seal: bytes = b""
    contract_version: int = CONTRACT_VERSION


@dataclass(frozen=True, slots=True)
class Heartbeat:
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class Update:
    """`raw` has the bytes of what is in `put`, as they came: a later agent may understand more of them."""

    revision: int
    snapshot: bool
    put: tuple[Spec, ...] = ()
    remove: tuple[Ref, ...] = ()
    raw: Mapping[Ref, bytes] = field(default_factory=dict, compare=False)
    region: str = ""
    incarnation: str = ""
    released: bool = False
    seal: bytes = b""


@dataclass(frozen=True, slots=True)
class ObservedInstance:
    running: bool
    generation: int
    has_run: bool
    powered_off_by_guest: bool
    reboot_count: int
    export_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    ref: Ref
    converged: bool
    error: str = ""
    permanent: bool = False
    instance: ObservedInstance | None = None
    since: int = 0
    file: VolumeFile | None = None


@dataclass(frozen=True, slots=True)
class Report:
    revision: int
    full: bool
    observed: tuple[Observed, ...]
    gone: tuple[Ref, ...] = ()
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    request_id: int
    instance_id: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ConsoleReply:
    request_id: int
    output: bytes = b""
    error: str = ""


FromAgent = Hello | Report | Heartbeat | ConsoleReply
FromControlPlane = Update | ConsoleRequest
