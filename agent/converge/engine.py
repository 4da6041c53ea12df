"""The engine: makes every resource of this host what it shall be, and keeps it so.

One serial worker for each resource that is desired or exists (`workers`); hints that coalesce, and passes that find
what no hint told of (`watch`, `passes`). What exists and is not desired is removed, volumes excepted, but only once it
is certain what is desired: from a snapshot of this life or, when the control plane stays away, from the ledger.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.converge.crew import Crew
from agent.converge.desired import Desired
from agent.converge.instances import Instances, PowerOffs
from agent.converge.observations import Observations
from agent.converge.passes import Passes
from agent.converge.resources import MetadataServer, drivers_by_kind, plain_drivers
from agent.converge.settings import EngineSettings
from agent.converge.watch import Watch
from agent.converge.workers import Workers
from agent.drivers.registry import Drivers
from agent.messages import Update
from agent.model import InstanceSpec, Kind, Ref
from agent.objects import ObjectRef
from agent.views import order


class Engine:
    """`run` owns all of it; the other methods may be called as soon as it runs."""

    def __init__(
        self,
        drivers: Drivers,
        desired: Desired,
        power_offs: PowerOffs,
        metadata: MetadataServer | None = None,
        settings: EngineSettings | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.time,
    ) -> None:
        settings = settings or EngineSettings()
        self.desired = desired
        self.withheld: frozenset[ObjectRef] = frozenset()  # What stays while the host is held, and is looked after.
        self.observations = Observations(clock)
        self._metadata = metadata
        self._tasks = asyncio.TaskGroup()
        self._watch = Watch(drivers_by_kind(drivers), self._look, self.hint, settings.full_pass_s)
        crew = Crew(plain_drivers(drivers, metadata), drivers.network)
        if drivers.compute is not None and drivers.network is not None:
            instances = Instances(drivers.compute, drivers.network, desired, power_offs, settings.reboot_s)
            crew = replace(crew, instances=instances)
        self._workers = Workers(desired, self.observations, crew, self._watch, self._tasks, settings, jitter)
        self._passes = Passes(self._workers, self.observations, crew)

    async def run(self) -> None:
        """Until cancelled."""
        async with self._tasks:
            for ref in sorted(self.desired.views, key=order):
                self._workers.add(ref)
            self._tasks.create_task(self._watch.run())
            if self._metadata is not None:
                self._tasks.create_task(self._watch.follow(self._metadata, Kind.VPC))
                self._tasks.create_task(self._metadata.run())

    def apply(self, update: Update, held: str = "", withheld: frozenset[ObjectRef] = frozenset()) -> None:
        """Take in what the ledger has already. `held`: why nothing may be removed, `withheld`: what would be."""
        workers = self._workers
        changed, kept = self.desired.apply(update), self.desired.kept_by(withheld)
        changed |= {ref: frozenset() for ref in kept ^ workers.kept if ref in self.desired.views and ref not in changed}
        self.withheld, workers.held, workers.kept = withheld, held, kept
        for ref in sorted(changed, key=order):
            workers.renew(workers.resources.get(ref) or workers.add(ref), changed[ref])
        self._tell_vpcs_of(changed)
        workers.begin()

    def follow_ledger(self) -> None:
        """The control plane stays away: go by the ledger, if it ever held a snapshot."""
        if self.desired.revision is not None:
            self._workers.begin()

    def hint(self, ref: Ref) -> None:
        """Something may have happened to it. One that failed waits for its turn: its failed starts make events too."""
        resource = self._workers.resources.get(ref)
        if resource is not None:
            resource.changed = None
            resource.wake_unless_failed()

    def _tell_vpcs_of(self, changed: Mapping[Ref, frozenset[ObjectRef]]) -> None:
        """What guests are told is the VPC's to do."""
        for ref, objects in changed.items():
            resource = self._workers.resources.get(ref)
            spec = resource.last_spec if resource is not None else None
            for nic in spec.interfaces if isinstance(spec, InstanceSpec) else ():
                vpc = self._workers.resources.get(Ref(Kind.VPC, nic.vpc_id))
                if vpc is not None:
                    vpc.note(objects)
                    vpc.wake_unless_failed()

    async def _look(self, kind: Kind) -> None:
        await self._passes.look(kind)

    @property
    def held(self) -> str:
        """Why nothing may be removed, for people; empty where it may."""
        return self._workers.held

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the host as a whole, for people."""
        metadata = self._metadata.problems() if self._metadata is not None else ()
        return (*filter(None, [self.held]), *self._watch.problems, *metadata)
