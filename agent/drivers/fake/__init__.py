"""Drivers that only pretend: simulated fleets, and tests of everything above the drivers.

What they pretend is kept in a `FakeWorld` that outlives them, as the real world outlives an agent. Faults can be drawn
at random (settings) or ordered one by one (`FakeWorld.faults`).
"""

from agent.drivers.fake.compute import FakeComputeDriver
from agent.drivers.fake.network import FakeGatewayDriver, FakeNetworkDriver
from agent.drivers.fake.settings import FakeSettings
from agent.drivers.fake.storage import FakeStorageDriver
from agent.drivers.fake.world import FakeDomain, FakeWorld

__all__ = [
    "FakeComputeDriver",
    "FakeDomain",
    "FakeGatewayDriver",
    "FakeNetworkDriver",
    "FakeSettings",
    "FakeStorageDriver",
    "FakeWorld",
]
