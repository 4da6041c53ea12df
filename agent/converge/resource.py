"""What a worker knows of its resource, and which resources stand on which others. Pure but for an event to wait on."""

import asyncio
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from agent.model import ExportSpec, GatewaySpec, InstanceSpec, Kind, Ref
from agent.objects import ObjectRef
from agent.views import View


@dataclass(slots=True, eq=False)
class Resource:
    """One that is desired, or exists."""

    ref: Ref
    spec: View | None
    last_spec: View | None  # Of a resource that is no longer desired.
    mark: int  # Listings that began before it don't show what happened since.
    failures: int = 0
    changed: frozenset[ObjectRef] | None = None  # Since it was last brought to its spec. None: anything may be.
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, refs: Set[ObjectRef]) -> None:
        """These objects changed."""
        if self.changed is not None:
            self.changed |= refs

    def take_changed(self) -> frozenset[ObjectRef] | None:
        """What an attempt has to look at. If it fails, the next has to look at everything."""
        changed, self.changed = self.changed, frozenset()
        return changed

    async def wait(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self.woken.wait()
        except TimeoutError:
            pass

    def is_near(self, other: "Resource") -> bool:
        """Whether one needs the other: it is made after it, and goes before it."""
        return other.ref in needs(self.last_spec) or self.ref in needs(other.last_spec)


def needs(spec: View | None) -> frozenset[Ref]:
    """What must be there before it, as far as that may be on the same host."""
    match spec:
        case ExportSpec():
            return frozenset({Ref(Kind.VOLUME, spec.volume_id)})
        case GatewaySpec():
            return frozenset({Ref(Kind.VPC, spec.vpc_id)})
        case InstanceSpec():
            vpcs = {Ref(Kind.VPC, nic.vpc_id) for nic in spec.interfaces}
            return frozenset(vpcs | {Ref(Kind.EXPORT, disk.export_name) for disk in spec.disks})
    return frozenset()


def unowned(interface_ids: Iterable[str], resources: Iterable[Resource]) -> list[str]:
    """Those that no instance owns. One that we were never told of may own any: then wait until it is gone."""
    owners = [resource.last_spec for resource in resources if resource.ref.kind is Kind.INSTANCE]
    owned = {nic.interface_id for spec in owners if isinstance(spec, InstanceSpec) for nic in spec.interfaces}
    return [] if None in owners else sorted(set(interface_ids) - owned)


def users(vpc_id: str, resources: Iterable[Resource]) -> Iterator[Resource]:
    """What is in a VPC. An instance that we were never told of may be in any."""
    for resource in resources:
        is_unknown = resource.ref.kind is Kind.INSTANCE and resource.last_spec is None
        is_gateway = resource.ref == Ref(Kind.GATEWAY, vpc_id)
        if is_unknown or is_gateway or Ref(Kind.VPC, vpc_id) in needs(resource.last_spec):
            yield resource
