"""What this host shall have, in memory: the ledger's contents plus every update since. Pure."""

from collections.abc import Collection, Mapping

from agent.messages import Update
from agent.model import InstanceSpec, Kind, PortSpec, Ref
from agent.objects import Object, ObjectRef, Objects, Put, ScopeChange
from agent.views import View, Views

Scopes = Mapping[str, Mapping[ObjectRef, Object]]


class Desired:
    def __init__(self, host_id: str, revision: int | None = None, scopes: Scopes | None = None) -> None:
        """`revision` is None when no snapshot was ever received."""
        self.revision = revision
        self.objects = Objects()
        self._views = Views(host_id)
        known = (_all_of(scope, rows) for scope, rows in (scopes or {}).items())
        self._views.apply(self.objects.apply(known))

    @property
    def views(self) -> Mapping[Ref, View]:
        return self._views.by_ref

    def apply(self, update: Update) -> dict[Ref, frozenset[ObjectRef]]:
        """Take it in. Returns the resources whose view is new, other or gone, with the objects that made it so."""
        self.revision = update.authority.revision
        return self._views.apply(self.objects.apply(update.scopes, left(update, self.objects.scopes)))

    def kept_by(self, refs: Collection[ObjectRef]) -> frozenset[Ref]:
        """The resources that are as they are for the sake of these objects."""
        rows = (rows[ref] for rows in self.objects.scopes.values() for ref in rows.keys() & refs)
        return frozenset(ref for value in rows for ref in self._views.kept_by(value) if ref in self.views)

    def instances_in(self, vpc_id: str) -> dict[str, InstanceSpec]:
        """Who has which address: what the metadata service tells."""
        found = {}
        for endpoint in self._views.vpc(vpc_id).local.values():
            view = self.views.get(Ref(Kind.INSTANCE, endpoint.instance_id))
            if isinstance(view, InstanceSpec):
                found.update(dict.fromkeys(endpoint.private_ips, view))
        return found

    def has_instance(self, instance_id: str) -> bool:
        return Ref(Kind.INSTANCE, instance_id) in self.views

    def port(self, vpc_id: str, interface_id: str) -> PortSpec | None:
        vpc = self._views.vpc(vpc_id)
        endpoint = vpc.local.get(interface_id)
        return vpc.port(endpoint) if endpoint else None


def left(update: Update, scopes: Collection[str]) -> list[str]:
    """Those of the known scopes that the host has no longer."""
    named = {change.scope for change in update.scopes}
    return [scope for scope in scopes if scope in update.left or (update.snapshot and scope not in named)]


def _all_of(scope: str, rows: Mapping[ObjectRef, Object]) -> ScopeChange:
    return ScopeChange(scope, put=tuple(Put(ref, value) for ref, value in rows.items()))
