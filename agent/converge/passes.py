"""A full pass over one kind: finds all that there is of it, desired or not, and wakes the workers of what differs.

What is as it shall be costs no call of its own: the listing says so. What has not converged is tried again, whatever
the listing shows, and so is the whole kind where it can't be listed: each then tells by itself what is wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

import structlog

from agent.converge.compare import is_met
from agent.converge.crew import Crew
from agent.converge.instances import Instances, World
from agent.converge.observations import Observations
from agent.converge.resource import Resource
from agent.converge.workers import Workers
from agent.drivers.base import Unseen
from agent.messages import Observed
from agent.model import InstanceSpec, Kind, Ref, VolumeFile

log = structlog.get_logger()


class Passes:
    def __init__(self, workers: Workers, observations: Observations, crew: Crew) -> None:
        self._workers = workers
        self._resources = workers.resources
        self._observations = observations
        self._drivers = crew.drivers
        self._instances = crew.instances
        self._network = crew.network

    async def look(self, kind: Kind) -> None:
        """Raises what the listing raised."""
        due = self._resources.of(kind)
        try:
            due = await self._find(kind)
            self._observations.listed(kind)
            if kind is Kind.VPC:
                await self._sweep_taps()
        except Unseen as error:
            due = self._take_in(kind, error.found)
            raise
        finally:
            for resource in due:
                self._workers.look_again(resource)

    async def _find(self, kind: Kind) -> list[Resource]:
        """Returns those that are to be looked after."""
        if kind is Kind.INSTANCE and self._instances is not None:
            return await self._find_instances(self._instances)
        listed = await self._drivers[kind].list()
        return self._take_in(kind, listed if isinstance(listed, Mapping) else dict.fromkeys(listed))

    def _take_in(self, kind: Kind, found: Mapping[str, object]) -> list[Resource]:
        self._add(kind, found)
        if kind is Kind.VOLUME:
            self._show_orphans(cast(Mapping[str, VolumeFile], found))
        return [each for each in self._resources.of(kind) if not self._is_right(each, found.get(each.ref.id))]

    def _add(self, kind: Kind, ids: Iterable[str]) -> None:
        known = {resource.ref.id for resource in self._resources.of(kind)}
        for id in sorted(set(ids) - known):
            self._workers.add(Ref(kind, id))

    def _is_right(self, resource: Resource, found: object) -> bool:
        if not is_met(resource.spec, found):
            return False
        if self._is_first_seen(resource):
            self._workers.settle(resource, resource.spec, Observed(resource.ref, converged=True))
        return resource.is_tried and self._observations[resource.ref].converged

    def _is_first_seen(self, resource: Resource) -> bool:
        """Whether it is for the listing to tell that it is right."""
        return self._workers.is_certain and not resource.is_tried and not resource.is_at_work

    def _show_orphans(self, files: Mapping[str, VolumeFile]) -> None:
        """An admin is to know what they are; what was asked for is known."""
        for resource in self._resources.of(Kind.VOLUME):
            file = files.get(resource.ref.id)
            if resource.spec is None and file is not None:
                self._observations.put(replace(self._observations[resource.ref], file=file))

    async def _find_instances(self, instances: Instances) -> list[Resource]:
        world = await instances.list()
        self._add(Kind.INSTANCE, world.domains)
        return [each for each in self._resources.of(Kind.INSTANCE) if not self._is_as_listed(each, instances, world)]

    def _is_as_listed(self, resource: Resource, instances: Instances, world: World) -> bool:
        """Whether there is nothing to do and nothing new to tell."""
        ref, spec = resource.ref, cast(InstanceSpec | None, resource.spec)
        found = world.of(ref.id, instances.interface_ids(ref.id, cast(InstanceSpec | None, resource.last_spec)))
        known = self._observations[ref]
        if known.converged and found == resource.found_right:
            return True
        facts = instances.observe(ref.id, found)
        if found.domain is not None and known.instance is None:
            self._observations.put_unsettled(ref, instance=facts)
        if spec is None or not instances.plan(ref.id, spec, found).is_done:
            return False
        if resource.is_at_work:
            return False
        if self._is_first_seen(resource):
            self._workers.settle(resource, spec, Observed(ref, converged=True, instance=facts))
            return True
        is_told = known.converged and known.instance == facts
        resource.found_right = found if is_told else None
        return is_told

    async def _sweep_taps(self) -> None:
        workers, network = self._workers, self._network
        if network is None or not workers.is_certain or workers.held or not workers.knows_instances:
            return
        found = self._resources.unowned(await network.list_ports())
        held = (await self._instances.list()).held if found and self._instances is not None else frozenset()
        for interface_id in sorted(set(found) - held):  # A guest may still have to let go of one.
            if self._resources.unowned([interface_id]):  # Still: each of these calls takes time.
                log.info("unplugging a tap of no instance", interface=interface_id)
                await network.unplug(interface_id)
