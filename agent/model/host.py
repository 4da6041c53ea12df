"""What a host is to have, and what it has to offer."""

from dataclasses import dataclass

from agent.model.compute import InstanceSpec
from agent.model.network import GatewaySpec, NatUse, VpcSpec
from agent.model.storage import ExportSpec, Pool, VolumeSpec

Spec = VolumeSpec | ExportSpec | VpcSpec | GatewaySpec | InstanceSpec


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a driver offers. Drivers fill in what they know and leave the rest at zero; the agent adds them up."""

    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: int = 0
    problems: tuple[str, ...] = ()
    wireguard_key: str = ""
    pools: tuple[Pool, ...] = ()
    nat_gateways: tuple[NatUse, ...] = ()
