"""One run: users and misfortune on one stage, from a region with a few guests to one without a trace."""

from collections import Counter

from agent.converge.settings import EngineSettings
from stead.v1 import instances_pb2, volumes_pb2

from .ground import Ground
from .misfortune import Misfortune
from .stage import often

# Few: with the same time, many short runs find more than few long ones, since each begins with other rules and paces.
STEPS = 24
FULL_PASS_S = EngineSettings().full_pass_s


class Simulation(Misfortune):
    def play(self) -> None:
        """Raises AssertionError with everything that is wrong."""
        self._open()
        for _ in range(self.chance.randint(STEPS // 2, STEPS)):
            self.step()
        self._close()

    @often(4)
    def control_plane_dies_over_calls(self) -> None:
        for _ in range(3):
            self.chance.choice((self.run_instances, self.change_power, self.attach, self.detach, self.associate))()
        self.control_plane_dies()

    def _open(self) -> None:
        self.wait(2.0)
        for owner in list(self.durable.projects):
            self.create_volume(owner)
            self.launch(owner)
        self.wait(6.0)
        for _ in range(2):
            self.attach()
            self.wait(self.chance.choice((0.1, 3.0)))

    def _close(self) -> None:
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
        self.tell(f"-- the end, at revision {self.durable.revision}")


def play(seed: int, ground: Ground) -> tuple[list[str], Counter[str]]:
    """The run of this seed, always the same; returns its story, and how often what was done.

    Raises AssertionError: the story, and what is wrong.
    """
    ground.clear()
    run = Simulation(seed, ground)
    try:
        run.play()
    except Exception as error:
        what = str(error) if isinstance(error, AssertionError) else repr(error)
        raise AssertionError(f"{what}\nseed {seed}:\n" + "\n".join(run.cloud.story)) from error
    finally:
        run.cloud.close()
    return run.cloud.story, run.cloud.record.done
