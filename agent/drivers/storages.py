"""A host's pools as one storage driver: each is a storage driver of its own, by the name that it has in `[drivers]`.

A pool that hangs or is away hides its own volumes alone. What it has nobody can tell meanwhile: so a volume that is
found nowhere else is neither gone nor to be made anew, unless it is told to be in a pool that answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from agent import bugs
from agent.drivers.base import Changed, DriverError, Permanent, StorageDriver, Transient, Unseen
from agent.drivers.probing import probe, total
from agent.model import Capacity, Export, ExportSpec, Pool, VolumeFile, VolumeSpec

# Below the whole's, which a heartbeat waits for: the pools that answer are told of.
_PROBE_DEADLINE_S = 4.0
# Drivers' own are longer. Shorter: a busy disk counts as hung. Longer: a pass over all pools comes to no end in time.
_LOOK_DEADLINE_S = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answers(Generic[T]):
    """By pool: what was found, and why it could not be looked for."""

    found: Mapping[str, T]
    failures: Mapping[str, DriverError]

    def check_all(self) -> None:
        """Raises where somebody did not answer: what was not found may be there."""
        for failure in self.failures.values():
            raise failure


class Storages:
    """See StorageDriver. The first pool has what no other shall have."""

    def __init__(self, pools: Mapping[str, StorageDriver]) -> None:
        self._pools = pools
        self._has_several = len(pools) > 1

    async def probe(self) -> Capacity:
        asked = (probe(driver, f"pool {name}", _PROBE_DEADLINE_S) for name, driver in self._pools.items())
        found = dict(zip(self._pools, await asyncio.gather(*asked), strict=True))
        pools = tuple(Pool(name, capacity.storage_gib) for name, capacity in found.items())
        return replace(total(found.values()), pools=pools if self._has_several else ())

    async def list_volumes(self) -> Mapping[str, VolumeFile]:
        """Raises Unseen."""
        answers = await self._ask(lambda pool: pool.list_volumes())
        found: dict[str, VolumeFile] = {}
        for name, files in answers.found.items():
            for volume_id, file in files.items():
                if volume_id not in found or found[volume_id].deleted:
                    found[volume_id] = self._in_pool(name, file)
        return _whole(found, answers)

    async def look_volume(self, volume_id: str) -> VolumeFile | None:
        answers = await self._ask(lambda pool: pool.look_volume(volume_id))
        files = [self._in_pool(name, file) for name, file in answers.found.items() if file is not None]
        if not files:
            answers.check_all()
        return min(files, key=lambda file: file.deleted, default=None)

    async def ensure_volume(self, view: VolumeSpec, changed: Changed = None) -> None:
        """Where it is found, else in the pool that it names, else in the first."""
        name = await self._holder(view.volume_id, view.pool) or view.pool or next(iter(self._pools))
        if name not in self._pools:
            raise Permanent(
                f"{view.volume_id} shall be in pool {name}, which this host does not have: "
                f"there are {', '.join(self._pools)}; see `storage` in [drivers]"
            )
        await self._pools[name].ensure_volume(view, changed)

    async def list_exports(self) -> Mapping[str, Export]:
        """Raises Unseen."""
        answers = await self._ask(lambda pool: pool.list_exports())
        return _whole({name: export for exports in answers.found.values() for name, export in exports.items()}, answers)

    async def look_export(self, export_name: str) -> Export | None:
        answers = await self._ask(lambda pool: pool.look_export(export_name))
        exports = list(filter(None, answers.found.values()))
        if not exports:
            answers.check_all()
        return exports[0] if exports else None

    async def ensure_export(self, view: ExportSpec, changed: Changed = None) -> None:
        """Where its volume is."""
        name = await self._holder(view.volume_id)
        if name is None:
            raise Transient(f"{view.export_name} waits for {view.volume_id}, which is in no pool yet")
        await self._pools[name].ensure_export(view, changed)

    async def remove_export(self, export_name: str) -> None:
        answers = await self._ask(lambda pool: pool.look_export(export_name))
        pools = [name for name, export in answers.found.items() if export is not None]
        if not pools:
            answers.check_all()
        for name in pools:
            await self._pools[name].remove_export(export_name)

    async def _holder(self, volume_id: str, pool: str = "") -> str | None:
        """The pool that has it; None where it is in none, nor in the trash of one. `pool` alone could have it, if any.

        Raises Permanent where several have it, and what keeps one from answering that may have it. Where there is but
        one pool, its driver tells by itself what it lacks.
        """
        if not self._has_several and pool in ("", *self._pools):
            return next(iter(self._pools))
        answers = await self._ask(lambda driver: driver.look_volume(volume_id))
        files = {name: file for name, file in answers.found.items() if file is not None}
        names = [name for name, file in files.items() if not file.deleted]
        if len(names) > 1:
            raise Permanent(f"{volume_id} is in the pools {' and '.join(names)}: move the file away that is not meant")
        if not names and pool not in answers.found:
            answers.check_all()
        return next(iter((*names, *files)), None)

    def _in_pool(self, name: str, file: VolumeFile) -> VolumeFile:
        """Nobody was told of a name where there is but one."""
        return replace(file, pool=name) if self._has_several else file

    async def _ask(self, look: Callable[[StorageDriver], Awaitable[T]]) -> _Answers[T]:
        answers = await asyncio.gather(*(_answer(name, look(driver)) for name, driver in self._pools.items()))
        by_pool = dict(zip(self._pools, answers, strict=True))
        failures = {name: answer for name, answer in by_pool.items() if isinstance(answer, DriverError)}
        found = {name: answer for name, answer in by_pool.items() if not isinstance(answer, DriverError)}
        return _Answers(found, failures)


async def _answer(name: str, answer: Awaitable[T]) -> T | DriverError:
    try:
        async with asyncio.timeout(_LOOK_DEADLINE_S):
            return await answer
    except DriverError as error:
        return error
    except TimeoutError:
        return Transient(f"pool {name} has not answered within {_LOOK_DEADLINE_S:g} s: look for a hung disk")
    except Exception as error:  # noqa: BLE001 (told, and shown as the pool's problem)
        return Transient(bugs.tell(f"pool {name}", error))


def _whole(found: dict[str, T], answers: _Answers[Mapping[str, T]]) -> dict[str, T]:
    """Raises Unseen where it isn't."""
    if answers.failures:
        raise Unseen("; ".join(map(str, answers.failures.values())), found)
    return found
