"""The engine: makes every resource of this host what it shall be, and keeps it so.

One serial worker for each resource that is desired or exists; a bound on how many work at once; hints that coalesce;
passes that find what no hint told of. Retries are made here and nowhere else, and whatever fails, in whatever way,
concerns its resource alone. What exists and is not desired is removed, volumes excepted, but only once it is certain
what is desired: from a snapshot of this life or, when the control plane stays away, from the ledger.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import cast

import structlog

from agent import bugs
from agent.backoff import delay_s
from agent.converge.desired import Desired
from agent.converge.instances import Instances, Notes
from agent.converge.observations import Observations
from agent.converge.plan import Plan, observe
from agent.converge.resource import Resource, unowned, users
from agent.converge.resources import MetadataServer, drivers_by_kind, plain_drivers
from agent.converge.settings import EngineSettings
from agent.converge.watch import Watch
from agent.drivers.base import DriverError, Permanent, Transient
from agent.drivers.registry import Drivers
from agent.messages import Observed, ObservedInstance, Update
from agent.model import InstanceSpec, Kind, Ref, VolumeFile, VolumeSpec
from agent.objects import ObjectRef
from agent.views import View, order

# Plans for one instance in a row. More than it takes to stop, start and plug one; a driver whose `list()` doesn't show
# what its verbs did must not spin.
_MAX_ROUNDS = 8

log = structlog.get_logger()


class Engine:
    """`run` owns all of it; the other methods may be called as soon as it runs."""

    def __init__(
        self,
        drivers: Drivers,
        desired: Desired,
        notes: Notes,
        guest_off: Mapping[str, int],
        metadata: MetadataServer | None = None,
        settings: EngineSettings | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.desired = desired
        self.held = ""  # Why nothing may be removed, for people; empty where it may.
        self.withheld: frozenset[ObjectRef] = frozenset()  # What stays for that reason, and is looked after.
        self._kept: frozenset[Ref] = frozenset()  # What stands on it.
        self.observations = Observations(clock)
        self._settings = settings or EngineSettings()
        self._jitter = jitter
        self._plain = plain_drivers(drivers, metadata)
        self._metadata = metadata
        self._network = drivers.network
        self._instances: Instances | None = None
        if drivers.compute is not None and drivers.network is not None:
            reboot_s = self._settings.reboot_s
            self._instances = Instances(drivers.compute, drivers.network, desired, notes, guest_off, reboot_s)
        self._resources: dict[Ref, Resource] = {}
        self._watch = Watch(drivers_by_kind(drivers), self._look, self.hint, self._settings.full_pass_s)
        self._places = {kind: asyncio.Semaphore(self._settings.concurrency) for kind in Kind}
        self._certain = asyncio.Event()
        self._workers = asyncio.TaskGroup()

    async def run(self) -> None:
        """Until cancelled."""
        async with self._workers:
            for ref in sorted(self.desired.views, key=order):
                self._add(ref)
            self._workers.create_task(self._watch.run())
            if self._metadata is not None:
                self._workers.create_task(self._watch.follow(self._metadata, Kind.VPC))

    def apply(self, update: Update, held: str = "", withheld: frozenset[ObjectRef] = frozenset()) -> None:
        """Take in what the ledger has already. `held`: why nothing may be removed, `withheld`: what would be."""
        changed, kept = self.desired.apply(update), self.desired.kept_by(withheld)
        changed |= {ref: frozenset() for ref in kept ^ self._kept if ref in self.desired.views and ref not in changed}
        self.held, self.withheld, self._kept = held, withheld, kept
        for ref in sorted(changed, key=order):
            self._renew(self._resources.get(ref) or self._add(ref), changed[ref])
        self._tell_vpcs_of(changed)
        self._become_certain()

    def follow_ledger(self) -> None:
        """The control plane stays away: go by the ledger, if it ever held a snapshot."""
        if self.desired.revision is not None:
            self._become_certain()

    def hint(self, ref: Ref) -> None:
        """Something may have happened to it. One that failed waits for its turn: its failed starts make events too."""
        resource = self._resources.get(ref)
        if resource is not None:
            resource.changed = None
            self._wake_unless_failed(resource)

    def _wake_unless_failed(self, resource: Resource) -> None:
        resource.mark = self._mark()
        if not resource.failures:
            resource.woken.set()

    def _tell_vpcs_of(self, changed: Mapping[Ref, frozenset[ObjectRef]]) -> None:
        """What guests are told is the VPC's to do."""
        for ref, objects in changed.items():
            resource = self._resources.get(ref)
            spec = resource.last_spec if resource is not None else None
            for nic in spec.interfaces if isinstance(spec, InstanceSpec) else ():
                vpc = self._resources.get(Ref(Kind.VPC, nic.vpc_id))
                if vpc is not None:
                    vpc.note(objects)
                    self._wake_unless_failed(vpc)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the host as a whole, for people."""
        metadata = self._metadata.problems() if self._metadata is not None else ()
        return (*filter(None, [self.held]), *self._watch.problems, *metadata)

    # The full pass

    async def _look(self, kind: Kind) -> None:
        """Find what exists of a kind, desired or not, and let all of it be looked after."""
        try:
            await self._find(kind)
            self.observations.listed(kind)
            if kind is Kind.VPC:
                await self._sweep_taps()
        finally:
            for resource in self._resources.values():
                if resource.ref.kind is kind:
                    resource.changed = None
                    resource.woken.set()

    async def _find(self, kind: Kind) -> None:
        if kind is Kind.INSTANCE and self._instances is not None:
            await self._find_instances(self._instances)
        elif kind in self._plain:
            found = await self._plain[kind].list()
            for id in sorted(found):
                if Ref(kind, id) not in self._resources:
                    self._add(Ref(kind, id))
            if kind is Kind.VOLUME:
                self._show_orphans(cast(Mapping[str, VolumeFile], found))

    def _show_orphans(self, files: Mapping[str, VolumeFile]) -> None:
        """An admin is to know what they are; what was asked for is known."""
        for volume_id, file in files.items():
            ref = Ref(Kind.VOLUME, volume_id)
            if self._resources[ref].spec is None:
                self.observations.put(replace(self.observations[ref], file=file))

    async def _find_instances(self, instances: Instances) -> None:
        world = await instances.view.after(instances.view.mark())
        for instance_id, domain in world.domains.items():
            ref = Ref(Kind.INSTANCE, instance_id)
            if ref not in self._resources:
                self._add(ref)
            if self.observations[ref].instance is None:
                self.observations.put_unsettled(ref, instance=observe(domain, instances.guest_off(instance_id)))

    async def _sweep_taps(self) -> None:
        if not self._certain.is_set() or self.held or self._network is None or self._watch.is_unseen(Kind.INSTANCE):
            return
        for interface_id in unowned(await self._network.list_ports(), self._resources.values()):
            if unowned([interface_id], self._resources.values()):  # Still: each of these calls takes time.
                log.info("unplugging a tap of no instance", interface=interface_id)
                await self._network.unplug(interface_id)

    # Workers

    def _add(self, ref: Ref) -> Resource:
        spec = self.desired.views.get(ref)
        resource = self._resources[ref] = Resource(ref, spec, spec, self._mark())
        if ref not in self.observations:
            self.observations.put_unsettled(ref)
        self._workers.create_task(self._work(resource), name=str(ref))
        return resource

    def _renew(self, resource: Resource, changed: frozenset[ObjectRef]) -> None:
        resource.note(changed)
        resource.spec = self.desired.views.get(resource.ref)
        resource.last_spec = resource.spec or resource.last_spec
        known = self.observations[resource.ref].error if resource.failures else ""
        self.observations.put_unsettled(resource.ref, error=known)
        resource.failures = 0
        resource.mark = self._mark()
        resource.woken.set()

    def _become_certain(self) -> None:
        if not self._certain.is_set():
            self._certain.set()
            self._watch.hurry(*Kind)

    async def _work(self, resource: Resource) -> None:
        await self._certain.wait()
        while self._resources.get(resource.ref) is resource:
            resource.woken.clear()
            delay_s = await self._attempt(resource)
            if self._resources.get(resource.ref) is resource:
                await resource.wait(delay_s)

    async def _attempt(self, resource: Resource) -> float | None:
        """Work on it once. Returns after how long to do so again if nothing wakes it; None: only when woken."""
        overdue = asyncio.get_running_loop().call_later(self._settings.stuck_s, self._tell_stuck, resource)
        try:
            if resource.ref.kind is Kind.INSTANCE:
                return await self._converge_instance(resource)
            async with self._place(resource.ref.kind):
                await self._converge_plain(resource, resource.spec)
            return None
        except DriverError as error:
            return self._fail(resource, str(error), is_permanent=isinstance(error, Permanent))
        except Exception as error:  # noqa: BLE001 (told, and shown as this resource's error)
            return self._fail(resource, bugs.tell(str(resource.ref), error))
        finally:
            overdue.cancel()

    def _tell_stuck(self, resource: Resource) -> None:
        """Nobody knows how it is while its driver does not come back, whatever was seen of it before."""
        hint = "look for a hung disk, daemon or download"
        error = f"stuck: work on {resource.ref} has come to no end within {self._settings.stuck_s:g} s; {hint}"
        self._observe(replace(self.observations[resource.ref], converged=False, error=error))

    def _place(self, kind: Kind) -> AbstractAsyncContextManager[None]:
        """Volumes may wait for their image, which comes from another machine."""
        return nullcontext() if kind is Kind.VOLUME else self._places[kind]

    async def _converge_plain(self, resource: Resource, spec: View | None) -> None:
        driver = self._plain.get(resource.ref.kind)
        if driver is None:
            raise _no_driver(resource.ref)
        if spec is not None:
            await driver.ensure(spec, resource.take_changed())
            if isinstance(spec, VolumeSpec) and spec.deleted and spec.volume_id not in await driver.list():
                self._forget_emptied(resource, spec)
            else:
                self._settle(resource, spec, Observed(resource.ref, converged=True))
            return
        self._check_removal(resource.ref)
        await driver.remove(resource.ref.id)
        self._let_go(resource)

    async def _converge_instance(self, resource: Resource) -> float | None:
        instances, ref = self._instances, resource.ref
        if instances is None:
            raise _no_driver(ref)
        for _ in range(_MAX_ROUNDS):
            world = await instances.view.after(resource.mark)
            spec = cast(InstanceSpec | None, resource.spec)
            if spec is None:
                self._check_removal(ref)
            todo = instances.plan(ref.id, spec, cast(InstanceSpec | None, resource.last_spec), world)
            if spec is None and todo.is_done:
                self._let_go(resource)
                return None
            seen = self._seen(ref, todo, observe(world.domains.get(ref.id), instances.guest_off(ref.id)))
            if not todo.steps:
                self._settle(resource, spec, seen)
                return todo.check_after_s
            self._observe(seen)
            await self._carry_out(resource, instances, todo)
        raise Transient(f"{ref} is still not as it shall be after {_MAX_ROUNDS} rounds; next: {todo.steps}")

    def _seen(self, ref: Ref, todo: Plan, facts: ObservedInstance) -> Observed:
        """What failed last stays known until all is well."""
        known = "" if todo.is_done else self.observations[ref].error
        return Observed(ref, todo.is_done, todo.reason or known, instance=facts)

    async def _carry_out(self, resource: Resource, instances: Instances, todo: Plan) -> None:
        try:
            await instances.reach(todo.steps)
            async with self._place(Kind.INSTANCE):
                await instances.carry_out(resource.ref.id, todo.steps)
        finally:
            resource.mark = instances.view.mark()

    def _check_removal(self, ref: Ref) -> None:
        if self.held:
            raise Transient(self._unwanted(ref))
        if ref.kind is Kind.VPC:
            self._check_unused(ref.id)

    def _unwanted(self, ref: Ref) -> str:
        return f"{ref} is not wanted any more, but {self.held}"

    def _check_unused(self, vpc_id: str) -> None:
        """A VPC outlives its instances and its gateway."""
        if self._watch.is_unseen(Kind.INSTANCE):
            raise Transient(f"VPC {vpc_id} may be in use: instances have not been listed yet")
        for resource in users(vpc_id, self._resources.values()):
            raise Transient(f"VPC {vpc_id} is still used by {resource.ref}")

    # Outcomes

    def _settle(self, resource: Resource, spec: View | None, observed: Observed) -> None:
        resource.failures = 0
        if resource.spec is not spec:
            return  # A newer spec came meanwhile: this says nothing about it.
        if resource.ref in self._kept:
            observed = replace(observed, converged=False, error=self._unwanted(resource.ref))
        was_converged = self.observations[resource.ref].converged
        self._observe(observed)
        if observed.converged and not was_converged:
            log.info("converged", resource=str(resource.ref))
            self._wake_near(resource)

    def _observe(self, observed: Observed) -> None:
        if observed.error and observed.error != self.observations[observed.ref].error:
            log.warning("not well", resource=str(observed.ref), error=observed.error)
        self.observations.put(observed)

    def _forget_emptied(self, resource: Resource, tombstone: VolumeSpec) -> None:
        """The trash has the volume no longer. Its tombstone stays until the control plane heard of it."""
        if resource.spec is tombstone and resource.ref in self.observations:
            self.observations.drop(resource.ref)

    def _let_go(self, resource: Resource) -> None:
        if resource.spec is not None:
            return  # It is wanted again.
        del self._resources[resource.ref]
        self.observations.drop(resource.ref)
        log.info("removed", resource=str(resource.ref))
        if resource.ref.kind is Kind.INSTANCE and self._instances is not None:
            self._instances.forget(resource.ref.id)
            if resource.last_spec is None:
                self._watch.hurry(Kind.VPC)  # Only a pass finds its taps.
        self._wake_near(resource)

    def _fail(self, resource: Resource, error: str, *, is_permanent: bool = False) -> float | None:
        """Returns when to try again; None: not before its spec or something else changes."""
        resource.mark, resource.changed = self._mark(), None
        seen = self.observations[resource.ref]
        told = replace(seen, converged=False, error=error, permanent=is_permanent and resource.spec is not None)
        if (seen.error, seen.permanent) != (told.error, told.permanent):
            log.warning("failed", resource=str(resource.ref), error=error, permanent=is_permanent)
        self.observations.put(told)  # That what nobody asked for is in the way says nothing of what is asked for.
        if is_permanent:
            resource.failures = 0
            return None
        failures, resource.failures = resource.failures, resource.failures + 1
        return delay_s(failures, self._settings.retry_first_s, self._settings.retry_cap_s, self._jitter)

    def _wake_near(self, done: Resource) -> None:
        """What they waited for may be there, or gone, now: no reason to sit out a back-off."""
        for resource in self._resources.values():
            if resource.failures and resource.is_near(done):
                resource.mark = self._mark()
                resource.woken.set()

    def _mark(self) -> int:
        return self._instances.view.mark() if self._instances is not None else 0


def _no_driver(ref: Ref) -> Permanent:
    return Permanent(f"this host's roles come with no driver for {ref}: see `roles` in the agent's settings")
