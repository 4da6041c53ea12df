"""What a host knows, told step by step."""

from collections.abc import Iterable

from agent.model import Ref, RuleSpec, Spec
from agent.objects import Endpoint, Object, ObjectRef, Objects, Put, Route, ScopeChange, net, ref_of
from agent.views import Views
from agent.vpc import VpcView

LOCAL = Route("172.31.0.0/16", "local")
ME, OTHER = "host-1", "host-2"
RULES = (RuleSpec(False, "tcp", 22, 22, group_id="sg-1"), RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0"))
ENDPOINT = Endpoint("eni-1", "vpc-1", "subnet-1", ME, "i-1", 0, "02:00:00:00:00:01", "172.31.0.5", ("sg-1",))


def put(value: Object) -> Put:
    return Put(ref_of(value), value, b"")


def told(scope: str, *values: Object, reset: bool = False) -> ScopeChange:
    return ScopeChange(scope, reset, tuple(map(put, values)))


def specs(views: Views) -> dict[Ref, Spec]:
    return {ref: view.spec if isinstance(view, VpcView) else view for ref, view in views.by_ref.items()}


class World:
    """What a host knows, step by step."""

    def __init__(self, host_id: str = ME) -> None:
        self.objects, self.views = Objects(), Views(host_id)

    def tell(self, *changes: ScopeChange, left: Iterable[str] = ()) -> dict[Ref, frozenset[ObjectRef]]:
        return self.views.apply(self.objects.apply(net(changes), left))

    def anew(self, host_id: str = ME) -> dict[Ref, Spec]:
        """What all that is known by now makes in one step."""
        fresh = World(host_id)
        scopes = self.objects.scopes.items()
        fresh.tell(*(ScopeChange(scope, put=tuple(map(put, rows.values()))) for scope, rows in scopes))
        return specs(fresh.views)
