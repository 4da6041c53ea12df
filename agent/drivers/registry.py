"""Finds drivers through entry points and makes one of each kind that a host's roles need.

Group `stead.agent.<kind>`, name as in the configuration's `[drivers]`, or as the table of that name says (`driver`). A
driver's settings are the dataclass that its constructor declares for its first parameter, `settings`, and come from the
table `[drivers.<name>]`. Of storage there may be several: its pools.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_type_hints

from agent.drivers.base import ComputeDriver, GatewayDriver, HostContext, NetworkDriver, StorageDriver
from agent.drivers.probing import probe, total
from agent.drivers.storages import Storages
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
    pools: Sequence[StorageDriver] = ()  # Those that are behind `storage`, each of which tells of its events.

    async def prepare(self) -> None:
        """Raises DriverError when the host can't be put in order."""
        if self.compute is not None:
            await self.compute.prepare()

    async def probe(self) -> Capacity:
        """The sum of all; a driver that can't tell is a problem of the host, not an error."""
        drivers = (self.storage, self.network, self.gateway, self.compute)
        asked = (probe(driver, type(driver).__name__, _PROBE_DEADLINE_S) for driver in drivers if driver is not None)
        return total(await asyncio.gather(*asked))


Names = Mapping[str, tuple[str, ...]]
Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance of a driver, by the name that the configuration gives it."""

    name: str
    driver_name: str
    driver: Any
    settings: Any

    def make(self, context: HostContext) -> Any:
        instance = "" if self.name == self.driver_name else self.name
        return self.driver(self.settings, replace(context, instance=instance))


def load(kinds: Iterable[str], names: Names, tables: Tables, context: HostContext) -> Drivers:
    """Make the drivers of these kinds. Raises SettingsError as `check` does."""
    chosen = check(kinds, names, tables)
    pools = {choice.name: choice.make(context) for choice in chosen.pop("storage", ())}
    others = {kind: choice.make(context) for kind, (choice,) in chosen.items()}
    return Drivers(storage=Storages(pools) if pools else None, pools=tuple(pools.values()), **others)


def check(kinds: Iterable[str], names: Names, tables: Tables) -> dict[str, list[Choice]]:
    """Find the drivers and read their settings; raises SettingsError for an unknown driver, table or key.

    Tables may be there for drivers of other roles: one file can serve many hosts.
    """
    refuse_unknown(tables, [name for each in names.values() for name in each], "[drivers]")
    chosen = {}
    for kind in kinds:
        _check_names(kind, names[kind])
        chosen[kind] = [_choose(kind, name, tables.get(name, {})) for name in names[kind]]
        _check_directories(kind, chosen[kind])
    return chosen


def _check_directories(kind: str, choices: Iterable[Choice]) -> None:
    """Two that have one directory would each take what is in it for its own."""
    owners: dict[tuple[str, Path], str] = {}
    for choice in choices:
        for key in (field.name for field in fields(choice.settings) if "dir" in field.name):
            directory = Path(getattr(choice.settings, key)).resolve()
            other = owners.setdefault((choice.driver_name, directory), choice.name)
            if other != choice.name:
                raise SettingsError(
                    f"[drivers] {kind}: {other} and {choice.name} have one {key}, {directory}; "
                    f"give each its own, in [drivers.{other}] and [drivers.{choice.name}]"
                )


def _check_names(kind: str, names: tuple[str, ...]) -> None:
    """They go into paths, and to the control plane."""
    if not names or len(set(names)) < len(names):
        raise SettingsError(f"[drivers] {kind} = {list(names)}: must be different names, of one driver at least")
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
            raise SettingsError(f"[drivers] {kind} = {name!r}: must be of a-z, 0-9, - and _, 32 characters at most")


def _choose(kind: str, name: str, table: Mapping[str, Any]) -> Choice:
    where, told = f"[drivers.{name}]", dict(table)
    driver_name = told.pop("driver", name)
    said = f"{where} driver" if "driver" in table else f"[drivers] {kind}"
    driver = _find(kind, driver_name, said).load()
    return Choice(name, driver_name, driver, read_table(settings_of(driver), told, where))


def settings_of(driver: Any) -> type:
    """The dataclass of a driver's settings."""
    settings: type = get_type_hints(driver.__init__)["settings"]
    return settings


def _find(kind: str, name: str, said: str) -> EntryPoint:
    found = _entries(kind)
    if name not in found:
        there_are = ", ".join(sorted(found)) or "none: is the package installed?"
        raise SettingsError(f"{said} = {name!r}: there is no such driver. There are: {there_are}")
    return found[name]


@cache
def _entries(kind: str) -> Mapping[str, EntryPoint]:
    """Looked up once: it reads the metadata of all that is installed, for each of a process's many simulated hosts."""
    return {entry.name: entry for entry in entry_points(group=f"stead.agent.{kind}")}
