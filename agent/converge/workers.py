"""One serial worker for each resource: it tries, and tries again, until the resource is what it shall be.

Retries are made here and nowhere else, and whatever fails, in whatever way, concerns its resource alone. A worker
sleeps while there is nothing to do. It is woken by another spec, by an event, by a pass that found a difference, and,
while it has not got there, by what it needs having come or what stood in its way having gone.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import cast

import structlog

from agent import bugs
from agent.backoff import delay_s
from agent.converge.compare import is_same_work
from agent.converge.crew import Crew
from agent.converge.desired import Desired
from agent.converge.instances import Instances
from agent.converge.observations import Observations
from agent.converge.plan import Plan
from agent.converge.resource import Attempt, Resource, Resources, Stage
from agent.converge.resources import Driver, VolumeDriver, VpcDriver
from agent.converge.settings import EngineSettings
from agent.converge.watch import Watch
from agent.drivers.base import DriverError, Permanent, Transient
from agent.messages import Observed, ObservedInstance
from agent.model import InstanceSpec, Kind, Ref, VolumeSpec
from agent.objects import ObjectRef
from agent.views import View
from agent.vpc import VpcView

# Plans for one instance in a row. More than it takes to stop, start and plug one; a driver whose `look()` doesn't show
# what its verbs did must not spin.
_MAX_ROUNDS = 8

log = structlog.get_logger()


class Workers:
    def __init__(
        self,
        desired: Desired,
        observations: Observations,
        crew: Crew,
        watch: Watch,
        tasks: asyncio.TaskGroup,
        settings: EngineSettings,
        jitter: Callable[[float, float], float],
    ) -> None:
        self.resources = Resources()
        self.held = ""  # Why nothing may be removed, for people; empty where it may.
        self.kept: frozenset[Ref] = frozenset()  # What stands on what is not wanted any more, and stays for that.
        self._desired = desired
        self._observations = observations
        self._drivers = crew.drivers
        self._instances = crew.instances
        self._watch = watch
        self._tasks = tasks
        self._settings = settings
        self._jitter = jitter
        self._places = {kind: asyncio.Semaphore(settings.concurrency) for kind in Kind}
        self._certain = asyncio.Event()

    @property
    def is_certain(self) -> bool:
        """Whether it is known what is desired."""
        return self._certain.is_set()

    @property
    def knows_instances(self) -> bool:
        """Whether none can be there that was never seen."""
        return not self._watch.is_unseen(Kind.INSTANCE)

    def begin(self) -> None:
        """It is certain now what is desired."""
        if not self._certain.is_set():
            self._certain.set()
            self._watch.hurry(*Kind)

    def add(self, ref: Ref) -> Resource:
        resource = self.resources.add(ref, self._desired.views.get(ref))
        resource.stage = Stage.NEW if self.is_certain else Stage.UNLISTED
        if ref not in self._observations:
            self._observations.put_unsettled(ref)
        self._tasks.create_task(self._work(resource), name=str(ref))
        return resource

    def renew(self, resource: Resource, changed: frozenset[ObjectRef]) -> None:
        """Its spec is another, by these objects; or it is kept from now on, or not any more."""
        resource.note(changed)
        is_right = self._observations[resource.ref].converged and resource.ref not in self.kept
        before = resource.spec
        self.resources.renew(resource, self._desired.views.get(resource.ref))
        if is_right and is_same_work(before, resource.spec):
            return
        known = self._observations[resource.ref].error if resource.failures else ""
        self._observations.put_unsettled(resource.ref, error=known)
        resource.failures = 0
        self._list_no_more(resource)
        resource.woken.set()

    def look_again(self, resource: Resource) -> None:
        """A pass found that it is not as it shall be. What is early, or is tried for the first time, stays at that."""
        if self.is_certain:
            self._list_no_more(resource)
        if resource.is_tried or self._is_next(resource):
            resource.changed = None
            resource.woken.set()

    def _list_no_more(self, resource: Resource) -> None:
        """It is for its worker now to see what it is."""
        if resource.stage is Stage.UNLISTED:
            resource.stage = Stage.NEW

    async def _work(self, resource: Resource) -> None:
        await self._certain.wait()
        resource.woken.clear()
        if self._is_early(resource):
            await resource.wait(self._settings.full_pass_s)
            if resource.is_tried:  # A listing shows that it is right.
                await resource.wait(None)
        while self.resources.get(resource.ref) is resource:
            resource.woken.clear()
            delay_s = await self._attempt(resource)
            if not resource.is_tried:
                self._tried(resource)
            if self.resources.get(resource.ref) is resource:
                await resource.wait(delay_s)

    def _is_early(self, resource: Resource) -> bool:
        """Whether it would be in vain: a listing may show that it is right, or what it needs is about to be made."""
        if resource.is_tried:
            return False
        is_awaited = resource.stage is Stage.UNLISTED
        return is_awaited or not all(other.is_tried for other in self.resources.needed_by(resource))

    async def _attempt(self, resource: Resource) -> float | None:
        """Work on it once. Returns after how long to do so again if nothing wakes it; None: only when woken."""
        overdue = asyncio.get_running_loop().call_later(self._settings.stuck_s, self._tell_stuck, resource)
        resource.attempt, resource.found_right = Attempt.UNDER_WAY, None
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
            resource.attempt = Attempt.NONE
            overdue.cancel()

    def _tell_stuck(self, resource: Resource) -> None:
        """Nobody knows how it is while its driver does not come back, whatever was seen of it before."""
        hint = "look for a hung disk, daemon or download"
        error = f"stuck: work on {resource.ref} has come to no end within {self._settings.stuck_s:g} s; {hint}"
        self._observe(replace(self._observations[resource.ref], converged=False, error=error))

    def _place(self, kind: Kind) -> AbstractAsyncContextManager[None]:
        """Volumes may wait for their image, which comes from another machine."""
        return nullcontext() if kind is Kind.VOLUME else self._places[kind]

    async def _converge_plain(self, resource: Resource, spec: View | None) -> None:
        driver = self._drivers.get(resource.ref.kind)
        if driver is None:
            raise _no_driver(resource.ref)
        if spec is not None:
            await driver.ensure(spec, resource.take_changed())
            if isinstance(spec, VpcView) and not await _end_connections(resource, driver):
                return
            if await _is_emptied(driver, spec):
                self._forget_emptied(resource, spec)
            else:
                self.settle(resource, spec, Observed(resource.ref, converged=True))
            return
        self._check_removal(resource.ref)
        await driver.remove(resource.ref.id)
        self._let_go(resource)

    async def _converge_instance(self, resource: Resource) -> float | None:
        instances, ref = self._instances, resource.ref
        if instances is None:
            raise _no_driver(ref)
        for _ in range(_MAX_ROUNDS):
            resource.woken.clear()  # Whatever happened until now is seen by what follows.
            spec, last = cast(InstanceSpec | None, resource.spec), cast(InstanceSpec | None, resource.last_spec)
            found = await instances.look(ref.id, last)
            if spec is None:
                self._check_removal(ref)
            todo = instances.plan(ref.id, spec, found)
            if spec is None and todo.is_done:
                self._let_go(resource)
                return None
            seen = self._seen(ref, todo, instances.observe(ref.id, found))
            if not todo.steps:
                self.settle(resource, spec, seen)
                return todo.check_after_s
            self._observe(seen)
            await self._carry_out(ref, instances, todo)
        raise Transient(f"{ref} is still not as it shall be after {_MAX_ROUNDS} rounds; next: {todo.steps}")

    def _seen(self, ref: Ref, todo: Plan, facts: ObservedInstance) -> Observed:
        """What failed last stays known until all is well."""
        known = "" if todo.is_done else self._observations[ref].error
        return Observed(ref, todo.is_done, todo.reason or known, instance=facts)

    async def _carry_out(self, ref: Ref, instances: Instances, todo: Plan) -> None:
        await instances.reach(todo.steps)
        async with self._place(Kind.INSTANCE):
            await instances.carry_out(ref.id, todo.steps)

    def _check_removal(self, ref: Ref) -> None:
        if self.held:
            raise Transient(self._unwanted(ref))
        if ref.kind is Kind.VPC:
            self._check_unused(ref.id)

    def _unwanted(self, ref: Ref) -> str:
        return f"{ref} is not wanted any more, but {self.held}"

    def _check_unused(self, vpc_id: str) -> None:
        """A VPC outlives its instances and its gateway."""
        if not self.knows_instances:
            raise Transient(f"VPC {vpc_id} may be in use: instances have not been listed yet")
        for resource in self.resources.users_of_vpc(vpc_id):
            raise Transient(f"VPC {vpc_id} is still used by {resource.ref}")

    # Outcomes

    def settle(self, resource: Resource, spec: View | None, observed: Observed) -> None:
        """It was seen so, with nothing to be done, while its spec was this one."""
        resource.failures = 0
        if resource.spec is not spec:
            return  # A newer spec came meanwhile: this says nothing about it.
        if resource.ref in self.kept:
            observed = replace(observed, converged=False, error=self._unwanted(resource.ref))
        was_converged = self._observations[resource.ref].converged
        self._observe(observed)
        if observed.converged and not was_converged:
            log.info("converged", resource=str(resource.ref))
            self._tried(resource)
            self.resources.release(resource)

    def _observe(self, observed: Observed) -> None:
        if observed.error and observed.error != self._observations[observed.ref].error:
            log.warning("not well", resource=str(observed.ref), error=observed.error)
        self._observations.put(observed)

    def _forget_emptied(self, resource: Resource, tombstone: View) -> None:
        """The trash has the volume no longer. Its tombstone stays until the control plane heard of it."""
        if resource.spec is tombstone and resource.ref in self._observations:
            self._observations.drop(resource.ref)

    def _let_go(self, resource: Resource) -> None:
        if resource.spec is not None:
            return  # It is wanted again.
        self.resources.drop(resource)
        self._observations.drop(resource.ref)
        log.info("removed", resource=str(resource.ref))
        if resource.ref.kind is Kind.INSTANCE and self._instances is not None:
            self._instances.forget(resource.ref.id)
            if resource.last_spec is None:
                self._watch.hurry(Kind.VPC)  # Only a pass finds its taps.
        self._tried(resource)

    def _fail(self, resource: Resource, error: str, *, is_permanent: bool = False) -> float | None:
        """Returns when to try again; None: not before its spec or something else changes."""
        resource.changed = None
        seen = self._observations[resource.ref]
        told = replace(seen, converged=False, error=error, permanent=is_permanent and resource.spec is not None)
        if (seen.error, seen.permanent) != (told.error, told.permanent):
            log.warning("failed", resource=str(resource.ref), error=error, permanent=is_permanent)
        self._observations.put(told)  # That what nobody asked for is in the way says nothing of what is asked for.
        if is_permanent:
            resource.failures = 0
            return None
        if resource.attempt is Attempt.OUTRUN:
            resource.woken.set()
        failures, resource.failures = resource.failures, resource.failures + 1
        return delay_s(failures, self._settings.retry_first_s, self._settings.retry_cap_s, self._jitter)

    def _tried(self, done: Resource) -> None:
        """What others waited for may be there, or gone, now: no reason to sit out a back-off."""
        done.stage = Stage.TRIED
        for resource in self.resources.near(done):
            resource.outrun()
            if self._is_next(resource) or (resource.failures and not resource.is_at_work):
                resource.woken.set()

    def _is_next(self, resource: Resource) -> bool:
        """Whether it is time for it to be tried for the first time."""
        return not (resource.is_tried or resource.is_at_work or self._is_early(resource))


async def _is_emptied(driver: Driver, spec: View) -> bool:
    """Whether it is a tombstone, and not even the trash has the volume any more."""
    return isinstance(spec, VolumeSpec) and spec.deleted and await cast(VolumeDriver, driver).is_gone(spec.volume_id)


async def _end_connections(resource: Resource, driver: Driver) -> bool:
    """Returns whether all have ended that had to. What is newer does not wait for it, newer rules above all."""
    return await resource.until_woken(cast(VpcDriver, driver).end_connections(resource.ref.id))


def _no_driver(ref: Ref) -> Permanent:
    return Permanent(f"this host's roles come with no driver for {ref}: see `roles` in the agent's settings")
