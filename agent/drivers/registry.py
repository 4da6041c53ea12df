"""Finds drivers through entry points and makes one of each kind that a host's roles need.

Group `stead.agent.<kind>`, name as in the configuration's `[drivers]`. A driver's settings are the dataclass that its
constructor declares for its first parameter, `settings`, and come from the table `[drivers.<name>]`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from agent import bugs
from agent.drivers.base import (
    ComputeDriver,
    DriverError,
    GatewayDriver,
    HostContext,
    NetworkDriver,
    StorageDriver,
)
from agent.model import Capacity
from agent.settings import SettingsError, read_table, refuse_unknown

# A heartbeat waits for it. Shorter calls a busy host broken, longer makes one with a hung libvirtd seem unreachable.
_PROBE_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Drivers:
    """A host's drivers; None for the kinds that its roles have no use for."""

    storage: StorageDriver | None = None
    network: NetworkDriver | None = None
    gateway: GatewayDriver | None = None
    compute: ComputeDriver | None = None

    async def prepare(self) -> None:
        """Raises DriverError when the host can't be put in order."""
        if self.compute is not None:
            await self.compute.prepare()

    async def probe(self) -> Capacity:
        """The sum of all; a driver that can't tell is a problem of the host, not an error."""
        drivers = [getattr(self, field.name) for field in fields(self)]
        return _sum(await asyncio.gather(*(_probe(driver) for driver in drivers if driver is not None)))


Tables = Mapping[str, Mapping[str, Any]]


def load(kinds: Iterable[str], names: Mapping[str, str], tables: Tables, context: HostContext) -> Drivers:
    """Make the drivers of these kinds. Raises SettingsError as `check` does."""
    chosen = check(kinds, names, tables)
    return Drivers(**{kind: driver(settings, context) for kind, (driver, settings) in chosen.items()})


def check(kinds: Iterable[str], names: Mapping[str, str], tables: Tables) -> dict[str, tuple[Any, Any]]:
    """Find the drivers and read their settings; raises SettingsError for an unknown driver, table or key.

    Tables may be there for drivers of other roles: one file can serve many hosts.
    """
    refuse_unknown(tables, names.values(), "[drivers]")
    chosen: dict[str, tuple[Any, Any]] = {}
    for kind in kinds:
        driver = _find(kind, names[kind]).load()
        table = tables.get(names[kind], {})
        chosen[kind] = (driver, read_table(settings_of(driver), table, f"[drivers.{names[kind]}]"))
    return chosen


def settings_of(driver: Any) -> type:
    """The dataclass of a driver's settings."""
    settings: type = get_type_hints(driver.__init__)["settings"]
    return settings


def _find(kind: str, name: str) -> EntryPoint:
    found = _entries(kind)
    if name not in found:
        there_are = ", ".join(sorted(found)) or "none: is the package installed?"
        raise SettingsError(f"[drivers] {kind} = {name!r}: there is no such driver. There are: {there_are}")
    return found[name]


@cache
def _entries(kind: str) -> Mapping[str, EntryPoint]:
    """Looked up once: it reads the metadata of all that is installed, for each of a process's many simulated hosts."""
    return {entry.name: entry for entry in entry_points(group=f"stead.agent.{kind}")}


async def _probe(driver: Any) -> Capacity:
    try:
        async with asyncio.timeout(_PROBE_DEADLINE_S):
            capacity: Capacity = await driver.probe()
    except DriverError as error:
        return Capacity(problems=(str(error),))
    except TimeoutError:
        return Capacity(problems=(f"{type(driver).__name__} did not tell its state within {_PROBE_DEADLINE_S} s",))
    except Exception as error:  # noqa: BLE001 (told, and shown as a problem of the host)
        return Capacity(problems=(bugs.tell(f"probe of {type(driver).__name__}", error),))
    return capacity


def _sum(parts: Iterable[Capacity]) -> Capacity:
    parts = list(parts)
    return Capacity(
        vcpus=sum(part.vcpus for part in parts),
        memory_mib=sum(part.memory_mib for part in parts),
        storage_gib=sum(part.storage_gib for part in parts),
        problems=tuple(problem for part in parts for problem in part.problems),
        wireguard_key="".join(part.wireguard_key for part in parts),
    )
