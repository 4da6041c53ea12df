"""Shuts this host's guests down before the machine goes down: what `stead-guests.service` calls once the agent is gone.

Nothing is noted about it: at the machine's next start the agent starts them again.
"""

import asyncio

import structlog

from agent.drivers.base import ComputeDriver, DriverError
from agent.model import Power

# Between two looks at who is still on. Shorter is noise, longer delays the machine.
_LOOK_S = 0.5

log = structlog.get_logger()


async def shut_down(compute: ComputeDriver, deadline_s: float) -> tuple[str, ...]:
    """Press every running guest's power button and wait until all are off; returns those that still run."""
    for instance_id in await _running(compute):
        try:
            await compute.press_power_button(instance_id)
        except DriverError as error:
            log.warning("cannot shut down", instance=instance_id, error=str(error))
    try:
        async with asyncio.timeout(deadline_s):
            while await _running(compute):  # noqa: ASYNC110 (libvirt's events are hints alone)
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        pass
    return await _running(compute)


async def _running(compute: ComputeDriver) -> tuple[str, ...]:
    domains = await compute.list()
    return tuple(instance_id for instance_id, domain in domains.items() if domain.power is Power.RUNNING)
