"""What this host shall have, in memory: the ledger's contents plus every update since. Pure."""

from collections.abc import Iterable

from agent.messages import Update
from agent.model import InstanceSpec, Kind, PortSpec, Ref, Spec, VpcSpec


class Desired:
    def __init__(self, revision: int | None = None, specs: Iterable[Spec] = ()) -> None:
        """`revision` is None when no snapshot was ever received."""
        self.revision = revision
        self.specs: dict[Ref, Spec] = {}
        self._by_address: dict[tuple[str, str], InstanceSpec] = {}
        for spec in specs:
            self._put(spec)

    def apply(self, update: Update) -> tuple[Ref, ...]:
        """Take it in; returns the refs whose spec is new, different or gone."""
        self.revision = update.revision
        put = {spec.ref: spec for spec in update.put}
        gone = [ref for ref in self.specs if ref not in put] if update.snapshot else update.remove
        dropped = [ref for ref in dict.fromkeys(gone) if ref in self.specs]
        changed = [spec for spec in put.values() if self.specs.get(spec.ref) != spec]
        for ref in dropped:
            self._drop(ref)
        for spec in changed:
            self._put(spec)
        return (*dropped, *(spec.ref for spec in changed))

    def instances_in(self, vpc_id: str) -> dict[str, InstanceSpec]:
        """Who has which address: what the metadata service tells."""
        return {address: spec for (there, address), spec in self._by_address.items() if there == vpc_id}

    def port(self, vpc_id: str, interface_id: str) -> PortSpec | None:
        vpc = self.specs.get(Ref(Kind.VPC, vpc_id))
        ports = vpc.ports if isinstance(vpc, VpcSpec) else ()
        return next((port for port in ports if port.interface_id == interface_id), None)

    def _put(self, spec: Spec) -> None:
        self._drop(spec.ref)
        self.specs[spec.ref] = spec
        if isinstance(spec, InstanceSpec):
            self._by_address |= {(nic.vpc_id, nic.private_ip): spec for nic in spec.interfaces}

    def _drop(self, ref: Ref) -> None:
        spec = self.specs.pop(ref, None)
        if isinstance(spec, InstanceSpec):
            for nic in spec.interfaces:
                # A successor may have the address already.
                if self._by_address.get((nic.vpc_id, nic.private_ip)) is spec:
                    del self._by_address[nic.vpc_id, nic.private_ip]
