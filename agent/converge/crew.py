"""Who does the work on each kind of resource."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.converge.instances import Instances
from agent.converge.resources import Driver
from agent.drivers.base import NetworkDriver
from agent.model import Kind


@dataclass(frozen=True, slots=True)
class Crew:
    """Of the kinds that this host's roles come with. `network` has the taps that no instance owns."""

    drivers: Mapping[Kind, Driver]
    network: NetworkDriver | None
    instances: Instances | None = None
