"""What is known of each resource of this host, and which stand on which others. Pure but for events to wait on."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Set
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from agent.model import ExportSpec, GatewaySpec, InstanceSpec, Kind, Ref
from agent.objects import ObjectRef
from agent.views import View


class Stage(Enum):
    """How far it has come in this life of the agent."""

    UNLISTED = auto()  # Of an earlier life: as like as not it is as it shall be, which a listing shows.
    NEW = auto()  # Not tried yet.
    TRIED = auto()  # An attempt came to its end, or a listing showed that there is nothing to do.


class Attempt(Enum):
    NONE = auto()
    UNDER_WAY = auto()
    OUTRUN = auto()  # Under way, and something near it came or went since it began: it may have missed just that.


@dataclass(slots=True, eq=False)
class Resource:
    """One that is desired, or exists."""

    ref: Ref
    spec: View | None
    last_spec: View | None  # Of a resource that is no longer desired.
    needed: dict[Ref, None] = field(default_factory=dict)  # By its spec, and by earlier ones until it is as that says.
    stage: Stage = Stage.NEW
    attempt: Attempt = Attempt.NONE
    failures: int = 0  # In a row.
    found_right: object = None  # What a pass found since its last attempt, when there was nothing to do nor to tell.
    changed: frozenset[ObjectRef] | None = None  # Since it was last brought to its spec. None: anything may be.
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_tried(self) -> bool:
        return self.stage is Stage.TRIED

    @property
    def is_at_work(self) -> bool:
        return self.attempt is not Attempt.NONE

    def note(self, refs: Set[ObjectRef]) -> None:
        """These objects changed."""
        if self.changed is not None:
            self.changed |= refs

    def take_changed(self) -> frozenset[ObjectRef] | None:
        """What an attempt has to look at. If it fails, the next has to look at everything."""
        changed, self.changed = self.changed, frozenset()
        return changed

    def outrun(self) -> None:
        """Something near it came or went."""
        if self.is_at_work:
            self.attempt = Attempt.OUTRUN

    def wake_unless_failed(self) -> None:
        if not self.failures:
            self.woken.set()

    async def wait(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self.woken.wait()
        except TimeoutError:
            pass

    async def until_woken(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do this while nothing wakes it. Returns whether it came to its end. Raises what it raises."""
        try:
            async with asyncio.TaskGroup() as tasks:
                working, woken = tasks.create_task(work), tasks.create_task(self.woken.wait())
                await asyncio.wait((working, woken), return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                return not working.cancel()
        except ExceptionGroup as group:
            if (task := asyncio.current_task()) and task.cancelling():  # Until Python 3.13, it would not be told.
                raise asyncio.CancelledError from None
            raise group.exceptions[0] from None


class Resources:
    """All of them, by kind, and who needs whom."""

    def __init__(self) -> None:
        self._all: dict[Kind, dict[Ref, Resource]] = {kind: {} for kind in Kind}
        self._users: defaultdict[Ref, dict[Ref, None]] = defaultdict(dict)  # In order, to be repeatable.

    def get(self, ref: Ref) -> Resource | None:
        return self._all[ref.kind].get(ref)

    def of(self, kind: Kind) -> list[Resource]:
        return list(self._all[kind].values())

    def add(self, ref: Ref, spec: View | None) -> Resource:
        resource = self._all[ref.kind][ref] = Resource(ref, spec, spec)
        self._note_needs(resource)
        return resource

    def renew(self, resource: Resource, spec: View | None) -> None:
        """Its spec is another, or it has none any more. What it needed before it may still have."""
        resource.spec = spec
        if spec is not None:
            resource.last_spec = spec
            self._note_needs(resource)

    def release(self, resource: Resource) -> None:
        """It is as its spec says, and has let go of whatever that does not need."""
        now = needs(resource.last_spec)
        self._forget_needs(resource, [ref for ref in resource.needed if ref not in now])

    def drop(self, resource: Resource) -> None:
        del self._all[resource.ref.kind][resource.ref]
        self._forget_needs(resource, list(resource.needed))

    def needed_by(self, resource: Resource) -> Iterator[Resource]:
        """What must be there before it, as far as it is known on this host."""
        return self._known(needs(resource.last_spec))

    def near(self, resource: Resource) -> Iterator[Resource]:
        """What it needs, and what needs it: made one after the other, and gone the other way round."""
        return self._known((*resource.needed, *self._users.get(resource.ref, ())))

    def users_of_vpc(self, vpc_id: str) -> Iterator[Resource]:
        """What is in it. An instance that we were never told of may be in any."""
        vpc, gateway = Ref(Kind.VPC, vpc_id), Ref(Kind.GATEWAY, vpc_id)
        yield from self._known((gateway, *self._users.get(vpc, ())))
        yield from (instance for instance in self.of(Kind.INSTANCE) if instance.last_spec is None)

    def unowned(self, interface_ids: Iterable[str]) -> list[str]:
        """Those that no instance owns. One that we were never told of may own any: then wait until it is gone."""
        owners = [instance.last_spec for instance in self.of(Kind.INSTANCE)]
        owned = {nic.interface_id for spec in owners if isinstance(spec, InstanceSpec) for nic in spec.interfaces}
        return [] if None in owners else sorted(set(interface_ids) - owned)

    def _known(self, refs: Iterable[Ref]) -> Iterator[Resource]:
        return filter(None, map(self.get, refs))

    def _note_needs(self, resource: Resource) -> None:
        for ref in needs(resource.last_spec):
            resource.needed[ref] = self._users[ref][resource.ref] = None

    def _forget_needs(self, resource: Resource, refs: Iterable[Ref]) -> None:
        for ref in refs:
            del resource.needed[ref], self._users[ref][resource.ref]
            if not self._users[ref]:
                del self._users[ref]


def needs(spec: View | None) -> tuple[Ref, ...]:
    """What must be there before it, as far as that may be on the same host."""
    match spec:
        case ExportSpec():
            return (Ref(Kind.VOLUME, spec.volume_id),)
        case GatewaySpec():
            return (Ref(Kind.VPC, spec.vpc_id),)
        case InstanceSpec():
            vpcs = dict.fromkeys(Ref(Kind.VPC, nic.vpc_id) for nic in spec.interfaces)
            return (*vpcs, *(Ref(Kind.EXPORT, disk.export_name) for disk in spec.disks))
    return ()
