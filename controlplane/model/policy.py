"""What the operator decides about a region: names, the public pool, limits and times. Built from the configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated

from controlplane.model.addressing import address_of, number_of
from controlplane.model.bounds import Positive, Within


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The table `[limits]` of the configuration: EC2's default quotas, and the pace of calls. Per project unless the
    name says otherwise. None is a technical limit but attachments.
    """

    # Instances that are not terminated, and vCPUs of those that are not stopped.
    instances: int = 5000
    vcpus: int = 10_000
    # Root volumes count too.
    volumes: int = 5000
    volume_gib: int = 51_200
    # Every host with an instance of a VPC has a namespace and four small daemons for it.
    vpcs: Positive = 5
    subnets_per_vpc: int = 200
    internet_gateways: Positive = 5
    # Sets of DHCP options.
    dhcp_options: Positive = 100
    # One by which something leads out is a rule that packets of the others pass on every host of the VPC.
    route_tables_per_vpc: Annotated[int, Within(1, 1000)] = 200
    routes_per_table: Positive = 50
    # In each zone, which a project has; each takes an elastic address.
    nat_gateways_per_zone: Positive = 5
    network_acls_per_vpc: Positive = 200
    # That are active, or that its project asked for and that wait. Every host with an instance of a VPC has the routers
    # of its peers as well.
    peerings_per_vpc: Positive = 50
    # Of a direction, of IPv4 and IPv6 each, with the one that denies what is left. Packets that cross the border of a
    # subnet meet one after the other.
    rules_per_network_acl: Annotated[int, Within(1, 40)] = 20
    # Public addresses are the scarcest thing at home.
    elastic_addresses: int = 5
    # Those of instances count too, each of which has one.
    network_interfaces: int = 5000
    # The virtual machine has 3 spare PCIe ports for more than the first.
    interfaces_per_instance: Annotated[int, Within(1, 4)] = 4
    # Each is a route on every host of the VPC.
    private_addresses_per_interface: Positive = 15
    # Each rule is compiled into the filter of every host that has a member.
    rules_per_group_and_direction: Positive = 60
    # Times the rules above: what one interface's packets may have to pass.
    groups_per_interface: Positive = 5
    # The virtual machine has 12 spare PCIe ports, of which one is kept free. More can't be plugged in.
    attachments_per_instance: Annotated[int, Within(0, 11)] = 11
    # One call is one step of the control plane: at a thousand others wait for some 100 ms.
    instances_per_call: Annotated[int, Within(1, 1000)] = 1000
    key_pairs: int = 5000
    security_groups: int = 2500
    images: int = 1000
    # Uploaded images, all together. They lie on the control plane's disk.
    image_gib: int = 100
    # Of each project's calls, the latest so many are remembered. Higher: memory, if a project is that busy.
    calls_remembered: Positive = 100_000
    # Calls of one project that read, and calls that change something: each second, and at once after a quiet time. More
    # are refused with RequestLimitExceeded and come back later. Higher: one project's scripts slow the others down.
    reads_per_s: Positive = 100
    reads_burst: Positive = 1000
    changes_per_s: Positive = 10
    changes_burst: Positive = 500
    # Of each second, what one project's calls may have the control plane compute, and at once up to four times as much:
    # it is one thread for all. Higher: one project's lists slow the others down.
    compute_ms_per_s: Positive = 250
    # Calls in progress, of one project and from one address. A watcher, also a waiting command, is one all the time.
    calls_in_progress: Positive = 500
    calls_in_progress_per_address: Positive = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Limits):
    """Ranges of `public_pool` are inclusive, as integers."""

    region: str
    zones: tuple[str, ...]
    public_pool: tuple[tuple[int, int], ...] = ()
    stop_timeout_s: int = 120
    terminated_visible: timedelta = timedelta(hours=1)
    call_retention: timedelta = timedelta(days=1)

    def has_public_address(self, address: str) -> bool:
        """Whether the public pool does."""
        try:
            number = int(IPv4Address(address))
        except AddressValueError:
            return False
        return any(first <= number <= last for first, last in self.public_pool)

    def public_addresses_after(self, latest: str | None) -> Iterator[str]:
        """The whole pool once, beginning behind `latest`, so that addresses are reused late."""
        start = number_of(latest) + 1 if latest else 0
        for first, last in self.public_pool:
            yield from (address_of(number) for number in range(max(first, start), last + 1))
        for first, last in self.public_pool:
            yield from (address_of(number) for number in range(first, min(last + 1, start)))


@dataclass(frozen=True, slots=True)
class Patience:
    """`silence`: how long an open session may say nothing, and how long a start of the control plane waits for hosts.
    `reconnect`: how long an agent whose session ended has to come back. `failover`: how long a host that is unreachable
    may not have been heard of until gateways that it carries move.
    """

    silence: timedelta
    reconnect: timedelta
    failover: timedelta = timedelta(seconds=30)
