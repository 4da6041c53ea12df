"""What agents can do beyond the version of the contract, and what it takes of an agent to run an instance. Pure.

An agent that does not name a feature would leave out what it stands for, and nobody would be told.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from controlplane.errors import Conflict
from controlplane.model.instance import Desired, Instance
from controlplane.model.metadata_options import DEFAULT_OPTIONS, MetadataOptions
from controlplane.model.network import NetworkInterface
from controlplane.model.state import State


class Feature(StrEnum):
    """As `Hello.features` in session.proto, which says what each means."""

    PACKED = "packed"
    FIRMWARE = "firmware"
    DROP_REVISION = "drop_revision"
    INTERFACES = "interfaces"
    ROUTE_TABLES = "route_tables"
    NAT_GATEWAYS = "nat_gateways"
    METADATA_OPTIONS = "metadata_options"
    NETWORK_ACLS = "network_acls"
    COUNTERS = "counters"
    DROPS = "drops"


def of_instance(state: State, instance: Instance, interfaces: Sequence[NetworkInterface]) -> list[Feature]:
    """What the agent must know that starts it with these."""
    return of_guest(instance.boot_mode, instance.metadata_options) + of_interfaces(state, interfaces)


def of_guest(boot_mode: str, options: MetadataOptions) -> list[Feature]:
    """What a guest takes, whatever its network; others are started by BIOS, and have the usual options."""
    firmware = [] if boot_mode == "legacy-bios" else [Feature.FIRMWARE]
    return firmware if options == DEFAULT_OPTIONS else [*firmware, Feature.METADATA_OPTIONS]


def of_interfaces(state: State, interfaces: Sequence[NetworkInterface]) -> list[Feature]:
    """What these take together, as those of one instance."""
    is_plain = len(interfaces) <= 1 and all(row.source_dest_check and not row.secondary_ips for row in interfaces)
    return ([] if is_plain else [Feature.INTERFACES]) + of_subnets(state, (row.subnet_id for row in interfaces))


def of_subnets(state: State, subnet_ids: Iterable[str]) -> list[Feature]:
    """What it takes to have an instance there, or nothing would be stopped."""
    acls = (state.network_acls[state.subnets[id].network_acl_id] for id in subnet_ids)
    return [] if all(acl.is_open for acl in acls) else [Feature.NETWORK_ACLS]


def check_interface(state: State, interface: NetworkInterface) -> None:
    """Whether the agent that an interface is on, if any, knows more than plain ones. Raises as `check_agent`."""
    if interface.instance_id:
        check_agent(state, state.instances[interface.instance_id], [Feature.INTERFACES])


def check_agent(state: State, instance: Instance, needed: Iterable[Feature]) -> None:
    """Whether the agent that an instance is on knows these; one that is off gets an agent that does when it starts.

    Raises `UnsupportedOperation`.
    """
    host = state.hosts[instance.host_id]
    if instance.desired is Desired.ON and (lacking := set(needed).difference(host.features)):
        raise Conflict(
            "UnsupportedOperation",
            f"The agent of the host of {instance.id}, version {host.agent_version}, does not know "
            f"{', '.join(sorted(lacking))}: have it upgraded, or stop the instance first",
        )
