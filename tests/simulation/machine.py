"""The state machine: users and misfortune on one stage, from a region with a few guests to one without a trace."""

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from agent.converge.engine import EngineSettings
from stead.v1 import instances_pb2, volumes_pb2

from . import region
from .misfortune import Misfortune
from .users import Users

FULL_PASS_S = EngineSettings().full_pass_s


class Simulation(Users, Misfortune):
    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.raise_curtain(seed)
        for project, zone in enumerate(region.ZONES):
            self.create_volume(0.0, zone, project)
            self.run(0.0, project, zone, 1, 0, "t3.nano", "", False, 0, True)
            self.run(1.0, project, zone, 1, 0, "t3.nano", "", False, 0, False)
        self.wait(5.0)

    def finish(self) -> None:
        """Everything is healed and comes to rest; then all of it goes, and nothing stays behind."""
        self.come_to_rest()
        for row in self.instances():
            self.ask("TerminateInstances", instances_pb2.TerminateInstancesRequest(instance_ids=[row.id]), row)
        self.come_to_rest()
        for volume in list(self.durable.volumes):
            self.ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=volume.id), volume)
        self.come_to_rest()
        for world in self.cloud.worlds:
            world.empty_trash()
        self.wait(FULL_PASS_S)
        self.come_to_rest()
        for world in self.cloud.worlds:
            left = (world.domains, world.ports, world.vpcs, world.gateways, world.exports, world.volumes)
            assert not any(left), f"{world.underlay_address} is left with {left}"


def simulation(directory: Path) -> type[Simulation]:
    """The machine whose runs have their files there."""
    if not (directory / "template.db").exists():
        region.make(directory / "template.db")
    return type("Simulation", (Simulation,), {"directory": directory})
