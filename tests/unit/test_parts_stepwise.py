"""A router that follows step by step is as if it were made anew."""

from dataclasses import replace
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.network_vxlan import parts, router, ruleset
from agent.drivers.network_vxlan.owners import owners
from agent.drivers.network_vxlan.router import Forwarding
from agent.host import nft, rules
from agent.host.nft import Device
from agent.host.rules import Rules
from agent.model import PortSpec, RuleSpec, VpcSpec
from agent.objects import Address, Endpoint, Object, ObjectRef, SecurityGroup, ref_of
from agent.vpc import VpcView
from tests.unit.nftables_model import Nftables
from tests.unit.told_of_a_vpc import ME, MINE, NEAR, OLD, OPEN, THERE, Told, acl, decide, endpoint

GROUP_IDS = ("sg-1", "sg-2", "sg-3")
some_groups = st.lists(st.sampled_from(GROUP_IDS), min_size=1, max_size=2, unique=True).map(tuple)
some_rules = st.lists(
    st.builds(RuleSpec, st.booleans(), st.just("tcp"), st.integers(1, 3), st.integers(3, 4), st.just("10.0.0.0/8"))
    | st.builds(
        RuleSpec, st.booleans(), st.just("-1"), st.just(-1), st.just(-1), st.none(), st.sampled_from(GROUP_IDS)
    ),
    max_size=3,
)
a_group = st.builds(
    SecurityGroup, st.sampled_from(GROUP_IDS), st.just("vpc-1"), st.just("a group"), some_rules.map(tuple)
)
an_endpoint = st.builds(
    lambda number, host_id, address, group_ids, name, count: replace(
        endpoint(number, host_id, *group_ids),
        private_ip=f"172.31.0.{address}",
        name=name,
        secondary_private_ips=tuple(f"172.31.1.{10 * number + nth}" for nth in range(count)),
    ),
    st.integers(1, 8),
    st.sampled_from((ME, ME, THERE, NEAR)),
    st.integers(1, 8),
    some_groups,
    st.sampled_from(("", "web", "db")),
    st.integers(0, 2),
)
an_end = st.integers(1, 8).map(lambda number: f"eni-{number}")
an_address = st.builds(
    lambda number, end: Address(f"eipalloc-{number}", "vpc-1", end, f"198.51.100.{number}"), st.integers(1, 3), an_end
)
an_acl = st.builds(
    lambda number, entries: acl(number, *entries),
    st.integers(1, 2),
    st.just(OPEN)
    | st.lists(st.builds(decide, st.booleans(), st.sampled_from(("0.0.0.0/0", "10.0.0.0/8"))), max_size=2),
)
some_changes = st.lists(
    st.lists(a_group | an_endpoint | an_end | an_address | an_acl, min_size=1, max_size=3), min_size=1, max_size=8
)
# Every other port is plugged, wherever it is by now.
TAPS = {f"eni-{number}": Device(f"stt{number}", number) for number in range(1, 9, 2)}


def plugged(ports: tuple[PortSpec, ...]) -> list[PortSpec]:
    return [port for port in ports if port.interface_id in TAPS]


def tell(told: Told, value: Object | str) -> frozenset[ObjectRef]:
    """An address has one owner: whoever had it before is gone."""
    endpoints = told.view.endpoints
    if isinstance(value, str):
        return told.change("vpc-1", remove=(endpoints[value],)) if value in endpoints else frozenset()
    had = [row for row in endpoints.values() if isinstance(value, Endpoint) and row.private_ip == value.private_ip]
    return told.change("vpc-1", value, remove=tuple(row for row in had if row.id != ref_of(value).id))


class Followed:
    """A router that follows step by step, in models of what the kernel has."""

    def __init__(self, spec: VpcSpec) -> None:
        self.kernel, self.rules, self.owners = Nftables(), Rules(), owners(spec)
        self.forwarding, self.names = router.forwarding(spec, plugged(spec.ports)), spec.names
        tables = ruleset.render(spec, TAPS)
        self.kernel.apply("".join(map(nft.whole, tables)))
        self.rules._known = rules._Known(tables, self.kernel.generation)

    def follow(self, step: parts.Difference, view: VpcView) -> None:
        self.names = view.names if step.renames else self.names
        with (
            mock.patch.object(nft, "apply", self.kernel.apply),
            mock.patch.object(rules, "generation", return_value=self.kernel.generation),
        ):
            assert self.rules.change(ruleset.render(step.old, TAPS), ruleset.render(step.new, TAPS))
        now, wanted = (router.forwarding(spec, plugged(spec.ports)) for spec in (step.old, step.new))
        self.forwarding = Forwarding(
            self.forwarding.routes - now.routes | wanted.routes,
            self.forwarding.neighbours - now.neighbours | wanted.neighbours,
            self.forwarding.fdb - now.fdb | wanted.fdb,
        )
        self.owners = {ip: owner for ip, owner in {**self.owners, **step.owners}.items() if owner}

    def check(self, spec: VpcSpec) -> None:
        whole = ruleset.render(spec, TAPS)
        assert all(map(self.kernel.holds, whole))
        assert self.rules._known is not None
        assert self.rules._known.tables == whole
        assert self.forwarding == router.forwarding(spec, plugged(spec.ports))
        assert self.owners == owners(spec)
        assert self.names == spec.names


@given(some_changes)
def test_step_by_step_all_is_as_if_it_were_made_anew(changes: list[list[Object | str]]) -> None:
    told = Told(MINE, OLD)
    followed = Followed(told.view.spec)
    for together in changes:
        before = told.view
        changed = frozenset[ObjectRef]().union(*(tell(told, value) for value in together))
        step = parts.difference(before, told.view, changed)
        assert step is not None
        followed.follow(step, told.view)
        followed.check(told.view.spec)
