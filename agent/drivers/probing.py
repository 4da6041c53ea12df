"""Asks drivers how they are. One that can't tell is a problem of the host, not an error."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from agent import bugs
from agent.drivers.base import DriverError
from agent.model import Capacity


class Probed(Protocol):
    async def probe(self) -> Capacity: ...


async def probe(driver: Probed, name: str, deadline_s: float) -> Capacity:
    """`name` is what people are told where it does not answer."""
    try:
        async with asyncio.timeout(deadline_s):
            return await driver.probe()
    except DriverError as error:
        return Capacity(problems=(str(error),))
    except TimeoutError:
        return Capacity(problems=(f"{name} did not tell its state within {deadline_s:g} s",))
    except Exception as error:  # noqa: BLE001 (told, and shown as a problem of the host)
        return Capacity(problems=(bugs.tell(f"probe of {name}", error),))


def total(parts: Iterable[Capacity]) -> Capacity:
    parts = list(parts)
    return Capacity(
        vcpus=sum(part.vcpus for part in parts),
        memory_mib=sum(part.memory_mib for part in parts),
        storage_gib=sum(part.storage_gib for part in parts),
        problems=tuple(problem for part in parts for problem in part.problems),
        wireguard_key="".join(part.wireguard_key for part in parts),
        pools=tuple(pool for part in parts for pool in part.pools),
        nat_gateways=tuple(use for part in parts for use in part.nat_gateways),
    )
