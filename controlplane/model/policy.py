"""What the operator decides about a region: names, the public pool, limits and times. Built from the configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Policy:
    """Ranges of `public_pool` are inclusive, as integers. Limits are per project unless their name says otherwise."""

    region: str
    zones: tuple[str, ...]
    public_pool: tuple[tuple[int, int], ...] = ()
    stop_timeout_s: int = 120
    terminated_visible: timedelta = timedelta(hours=1)
    call_retention: timedelta = timedelta(days=1)
    instances: int = 5000
    vcpus: int = 10_000
    volumes: int = 5000
    volume_gib: int = 51_200
    elastic_addresses: int = 5
    rules_per_group_and_direction: int = 60
    groups_per_interface: int = 5
    attachments_per_instance: int = 11
    instances_per_call: int = 1000
    key_pairs: int = 5000
    security_groups: int = 2500
    images: int = 1000
    image_gib: int = 100
    calls_remembered: int = 100_000
    reads_per_s: int = 100
    reads_burst: int = 1000
    changes_per_s: int = 10
    changes_burst: int = 500
    compute_ms_per_s: int = 250
    calls_in_progress: int = 500
    calls_in_progress_per_address: int = 1000

    def public_addresses_after(self, latest: str | None) -> Iterator[str]:
        """The whole pool once, beginning behind `latest`, so that addresses are reused late."""
        start = int(IPv4Address(latest)) + 1 if latest else 0
        for first, last in self.public_pool:
            yield from (str(IPv4Address(number)) for number in range(max(first, start), last + 1))
        for first, last in self.public_pool:
            yield from (str(IPv4Address(number)) for number in range(first, min(last + 1, start)))


@dataclass(frozen=True, slots=True)
class Patience:
    """`silence`: how long an open session may say nothing, and how long a start of the control plane waits for hosts.
    `reconnect`: how long an agent whose session ended has to come back.
    """

    silence: timedelta
    reconnect: timedelta
