"""What an agent and its control plane say to each other, as plain values; `agent.objects` has what hosts are told.

Owns no behaviour. Field meanings and units are documented once, in `protos/stead/agent/v1/session.proto`, under the
same names.
"""

from dataclasses import dataclass
from enum import Enum

from agent.model import Capacity, Counted, Dropped, Kind, Ref, VolumeFile
from agent.objects import ScopeChange

# The version of the contract that this agent speaks; see `Hello.protocol`.
PROTOCOL = 1
# What it can do beyond that; see `Hello.features`.
FEATURES = (
    *("packed", "firmware", "drop_revision", "interfaces", "route_tables", "nat_gateways", "metadata_options"),
    *("network_acls", "counters", "drops"),
)


class Role(Enum):
    """What a host is for; decides which drivers its agent loads."""

    COMPUTE = "compute"
    STORAGE = "storage"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Authority:
    """Of an update. Without an incarnation: of none."""

    region: str = ""
    incarnation: str = ""
    revision: int = 0
    seal: bytes = b""


@dataclass(frozen=True, slots=True)
class KnownScope:
    scope: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    agent_version: str
    boot_id: str
    capacity: Capacity
    roles: tuple[Role, ...]
    authority: Authority | None = None
    known: tuple[KnownScope, ...] = ()
    features: tuple[str, ...] = FEATURES
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Welcome:
    protocol: int
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class Update:
    """Once all its messages are there, `scopes` has each scope once: see `agent.objects.net`."""

    authority: Authority
    scopes: tuple[ScopeChange, ...] = ()
    left: tuple[str, ...] = ()
    snapshot: bool = False
    released: bool = False
    more: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it says all that the host shall have, and rests on nothing that the host knows."""
        return self.snapshot and all(change.reset for change in self.scopes)


@dataclass(frozen=True, slots=True)
class ObservedInstance:
    running: bool
    generation: int
    has_run: bool
    powered_off_by_guest: bool
    reboot_count: int
    export_names: tuple[str, ...]
    interface_ids: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class CountRequest:
    request_id: int
    endpoint_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountReply:
    request_id: int
    counted: tuple[Counted, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class DropsRequest:
    request_id: int
    endpoint_ids: tuple[str, ...]
    after: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class DropsReply:
    request_id: int
    dropped: tuple[Dropped, ...] = ()
    after: int = 0
    error: str = ""


FromAgent = Hello | Report | Heartbeat | ConsoleReply | CountReply | DropsReply
FromControlPlane = Welcome | Update | ConsoleRequest | CountRequest | DropsRequest
