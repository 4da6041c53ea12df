"""What a host is told of a VPC that has instances on three hosts."""

from agent.model import AclEntry, RuleSpec
from agent.objects import (
    Endpoint,
    Host,
    NetworkAcl,
    Object,
    ObjectRef,
    Objects,
    Put,
    SecurityGroup,
    Subnet,
    Vpc,
    ref_of,
)
from agent.objects import ScopeChange as Change
from agent.views import Views
from agent.vpc import VpcView

ME, THERE, NEAR = "host-1", "host-2", "host-3"
HOSTS = [Host(ME, 1, "192.0.2.1"), Host(THERE, 2, "192.0.2.2"), Host(NEAR, 3, "192.0.2.3")]
SELF = RuleSpec(False, "-1", -1, -1, group_id="sg-1")
GROUPS = [SecurityGroup(id, "vpc-1", "a group", rules) for id, rules in (("sg-1", (SELF,)), ("sg-2", ()), ("sg-3", ()))]
VPC = Vpc("vpc-1", 7, "172.31.0.0/16", "x.internal", public_domain="public.x.internal")
SUBNETS = [
    Subnet("subnet-1", "vpc-1", "172.31.0.0/28", network_acl_id="acl-1"),
    Subnet("subnet-2", "vpc-1", "172.31.0.16/28", network_acl_id="acl-2"),
]


def acl(number: int, *entries: AclEntry) -> NetworkAcl:
    return NetworkAcl(f"acl-{number}", "vpc-1", entries)


def decide(
    is_allowed: bool, cidr_block: str = "0.0.0.0/0", protocol: str = "-1", port: int = -1, *, is_egress: bool = False
) -> AclEntry:
    return AclEntry(RuleSpec(is_egress, protocol, port, port, cidr_block), is_allowed)


OPEN = (decide(True), decide(True, is_egress=True))


def endpoint(number: int, host_id: str, *group_ids: str) -> Endpoint:
    ip = f"172.31.{number >> 8}.{number & 255}"
    return Endpoint(
        f"eni-{number}",
        "vpc-1",
        f"subnet-{1 + number % 2}",
        host_id,
        f"i-{number}",
        0,
        "02:00:00:00:00:01",
        ip,
        group_ids,
    )


class Told:
    """What a host is told of a VPC, and the view of before the last changes."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self._objects, self._views = Objects(), Views(ME)
        self.change("region", *HOSTS)
        self.change("vpc-1", VPC, *SUBNETS, acl(1, *OPEN), acl(2, *OPEN), *GROUPS, *endpoints)

    @property
    def view(self) -> VpcView:
        return self._views.vpc("vpc-1")

    def change(self, scope: str, *put: Object, remove: tuple[Object, ...] = ()) -> frozenset[ObjectRef]:
        rows = tuple(Put(ref_of(value), value, b"") for value in put)
        change = Change(scope, put=rows, remove=tuple(map(ref_of, remove)))
        causes = self._views.apply(self._objects.apply([change]))
        return causes.get(self.view.ref, frozenset())


MINE, OLD, NEARBY = endpoint(1, ME, "sg-1"), endpoint(2, THERE, "sg-1"), endpoint(3, NEAR, "sg-1")
