"""How hard the engine tries: the table `[converge]` of the agent's settings."""

from dataclasses import dataclass
from typing import Annotated

from agent.settings import Within


@dataclass(frozen=True, slots=True)
class EngineSettings:
    # How many resources of a kind are worked on at once. Fewer leave the host idle while QEMUs start, more starve its
    # guests. Kinds don't share, and nobody has a place while waiting for another machine.
    concurrency: Annotated[int, Within(1, 1000)] = 16
    # Between full passes, seconds. Shorter costs CPU, longer leaves a change behind our back standing for longer.
    full_pass_s: Annotated[float, Within(0.1, 86400)] = 30.0
    # First and longest wait after a transient failure, seconds; each is drawn at random below a limit that doubles.
    # Shorter hammers what is not there yet, longer leaves what has come unnoticed.
    retry_first_s: Annotated[float, Within(0.001, 3600)] = 0.01
    retry_cap_s: Annotated[float, Within(0.001, 3600)] = 10.0
    # How long one try may take before its resource is shown as stuck, seconds; it goes on. Shorter calls the copying of
    # a large image stuck, longer shows as well what nobody has seen for as long.
    stuck_s: Annotated[float, Within(1, 86400)] = 60.0
    # How long a guest has to hear that it shall reboot before it is reset, seconds. EC2's own is some four minutes.
    # Shorter cuts off a guest that takes its time to shut down, longer leaves a hung one hanging.
    reboot_s: Annotated[float, Within(1, 86400)] = 240.0
