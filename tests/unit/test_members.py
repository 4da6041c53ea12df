"""What a router changes when members come and go on other hosts: as much for a VPC of thousands as for one of two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from agent.drivers.network_vxlan import members, router, ruleset
from agent.drivers.network_vxlan.members import difference
from agent.drivers.network_vxlan.owners import Owners, owners
from agent.host import nft, rules
from agent.host.netlink import Route
from agent.host.rules import Elements, Rules
from agent.model import RuleSpec
from agent.objects import (
    Endpoint,
    Host,
    Object,
    ObjectKind,
    ObjectRef,
    Objects,
    Put,
    SecurityGroup,
    Vpc,
    ref_of,
)
from agent.objects import ScopeChange as Change
from agent.views import Views
from agent.vpc import VpcView

ME, THERE, NEAR = "host-1", "host-2", "host-3"
HOSTS = [Host(ME, 1, "192.0.2.1"), Host(THERE, 2, "192.0.2.2"), Host(NEAR, 3, "192.0.2.3")]
SELF = RuleSpec(False, "-1", -1, -1, group_id="sg-1")
GROUPS = [SecurityGroup("sg-1", "vpc-1", "default", (SELF,)), SecurityGroup("sg-2", "vpc-1", "other", ())]


def endpoint(number: int, host_id: str, *group_ids: str) -> Endpoint:
    ip = f"172.31.{number >> 8}.{number & 255}"
    return Endpoint(f"eni-{number}", "vpc-1", "subnet-1", host_id, f"i-{number}", 0, "02:00:00:00:00:01", ip, group_ids)


class Told:
    def __init__(self, *endpoints: Endpoint) -> None:
        self._objects, self._views = Objects(), Views(ME)
        self.change("region", *HOSTS)
        self.change("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), *GROUPS, *endpoints)

    @property
    def view(self) -> VpcView:
        return self._views.vpc("vpc-1")

    def change(self, scope: str, *put: Object, remove: tuple[Object, ...] = ()) -> frozenset[ObjectRef]:
        rows = tuple(Put(ref_of(value), value, b"") for value in put)
        change = Change(scope, put=rows, remove=tuple(map(ref_of, remove)))
        causes = self._views.apply(self._objects.apply([change]))
        return causes.get(self.view.ref, frozenset())


MINE, OLD, NEARBY = endpoint(1, ME, "sg-1"), endpoint(2, THERE, "sg-1"), endpoint(3, NEAR, "sg-1")


def route(number: int, host_number: int) -> Route:
    return Route(f"172.31.0.{number}/32", "stx1", f"169.254.0.{host_number}")


def test_a_member_that_comes_is_a_route_and_an_element() -> None:
    told = Told(MINE, OLD, NEARBY)
    before = told.view
    changed = told.change("vpc-1", endpoint(9, THERE, "sg-1", "sg-2"))
    change = difference(before, told.view, changed)
    assert change is not None
    assert change.new_routes == {route(9, 2)}
    assert not change.gone_routes
    assert change.elements == {"sg-1": Elements(frozenset(), frozenset({"172.31.0.9"}))}
    assert change.owners == {"172.31.0.9": "eni-9"}
    assert not change.moved


def test_an_address_that_moves_forgets_its_connections() -> None:
    told = Told(MINE, OLD, NEARBY, endpoint(4, THERE, "sg-2"))
    before = told.view
    heir = replace(endpoint(9, NEAR, "sg-2"), private_ip=OLD.private_ip)
    changed = told.change("vpc-1", heir, remove=(OLD,))
    change = difference(before, told.view, changed)
    assert change is not None
    assert change.new_routes == {route(2, 3)}
    assert change.gone_routes == {route(2, 2)}
    assert change.elements == {"sg-1": Elements(frozenset({"172.31.0.2"}), frozenset())}
    assert change.owners == {"172.31.0.2": "eni-9"}
    assert change.moved == {"172.31.0.2"}


@pytest.mark.parametrize("kind", [ObjectKind.INSTANCE, ObjectKind.ATTACHMENT, ObjectKind.ADDRESS])
def test_what_an_instance_is_does_not_concern_the_router(kind: ObjectKind) -> None:
    told = Told(MINE, OLD)
    change = difference(told.view, told.view, frozenset({ObjectRef(kind, "x-1")}))
    assert change == members.Difference(
        frozenset(), frozenset(), {"sg-1": Elements(frozenset(), frozenset())}, {}, frozenset()
    )


@pytest.mark.parametrize(
    "change",
    [
        ("vpc-1", replace(MINE, group_ids=("sg-2",))),
        ("vpc-1", endpoint(8, ME, "sg-1")),
        ("vpc-1", endpoint(8, NEAR, "sg-1")),  # The first there: its host is a new peer.
        ("vpc-1", replace(OLD, host_id=ME)),
        ("vpc-1", replace(GROUPS[0], rules=())),
        ("region", replace(HOSTS[1], underlay_address="192.0.2.9")),
    ],
)
def test_what_takes_more_is_left_to_a_look_at_everything(change: tuple[str, Object]) -> None:
    told = Told(MINE, OLD)
    before = told.view
    changed = told.change(*change)
    assert changed
    assert difference(before, told.view, changed) is None


def test_the_last_member_of_a_host_takes_more() -> None:
    told = Told(MINE, OLD)
    before = told.view
    changed = told.change("vpc-1", remove=(OLD,))
    assert changed == {ref_of(OLD)}
    assert difference(before, told.view, changed) is None


def test_to_a_host_that_does_not_encrypt_nothing_is_sent() -> None:
    told = Told(MINE, OLD)
    before, changed = told.view, told.change("vpc-1", new := endpoint(9, THERE, "sg-1"))
    assert difference(before, told.view, changed, is_encrypted=True) is None
    assert ref_of(new) in changed


class FakeNetlink:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Route]] = []

    def put_route(self, route: Route) -> None:
        self.calls.append(("put", route))

    def delete_route(self, route: Route) -> None:
        self.calls.append(("delete", route))


@pytest.mark.parametrize("size", [10, 5000])
def test_whatever_the_size_it_takes_the_same_requests(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(MINE, *(endpoint(number, THERE, "sg-1") for number in range(2, size)))
    netlink, transactions, known = FakeNetlink(), list[str](), Rules()

    @contextmanager
    def opened() -> Iterator[Any]:
        yield netlink

    monkeypatch.setattr(members, "open_netlink", opened)
    monkeypatch.setattr(rules, "generation", lambda: len(transactions))
    monkeypatch.setattr(nft, "apply", transactions.append)
    known._known = rules._Known(ruleset.render(told.view.spec, {}), 0)
    before, changed = told.view, told.change("vpc-1", new := endpoint(size, THERE, "sg-1"))
    change = difference(before, told.view, changed)
    assert change is not None
    assert members.follow(known, change)
    assert [verb for verb, _ in netlink.calls] == ["put"]
    assert transactions == [f"add element inet stead sg-1 {{ {new.private_ip} }}\n"]
    with mock.patch.object(rules, "_stands", side_effect=AssertionError):  # Nothing is read either.
        assert known.converge(*ruleset.render(told.view.spec, {})) == ()
    assert transactions[1:] == [""], "a look at everything finds nothing to do"


def test_where_somebody_else_wrote_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Rules()
    monkeypatch.setattr(rules, "generation", lambda: 5)
    assert not known.change_elements("inet stead", {})
    known._known = rules._Known((), 4)
    assert not known.change_elements("inet stead", {})


def test_step_by_step_routes_sets_and_owners_are_those_of_the_whole() -> None:
    told = Told(MINE, OLD, NEARBY)
    spec = told.view.spec
    routes, held = set(router.forwarding(spec, ()).routes), owners(spec)
    elements = {name: set(each.elements) for name, each in ruleset.render(spec, {})[0].sets.items()}
    for number in range(4, 60):
        before = told.view
        put = [
            replace(
                endpoint(number % 17 + 4, (THERE, NEAR)[number % 2], "sg-1"),
                group_ids=("sg-1", "sg-2")[: 1 + number % 2],
            )
        ]
        there = [row for row in before.endpoints.values() if row.id not in ("eni-1", "eni-2", "eni-3")]
        remove = (there[0],) if number % 3 == 0 and there and there[0].id != put[0].id else ()
        told.change("vpc-1", *put, remove=remove)
        change = difference(before, told.view, frozenset(ref_of(row) for row in (*put, *remove)))
        assert change is not None
        routes = routes - change.gone_routes | change.new_routes
        held = {ip: owner for ip, owner in {**held, **change.owners}.items() if owner}
        for name, each in change.elements.items():
            elements[name] = elements[name] - each.gone | each.new
        spec = told.view.spec
        assert routes == router.forwarding(spec, ()).routes
        assert held == owners(spec)
        assert elements == {name: set(each.elements) for name, each in ruleset.render(spec, {})[0].sets.items()}


def test_what_is_noted_of_owners_is_of_no_more_size_than_what_there_is(tmp_path: Path) -> None:
    """The file is in memory: members come and go for months."""
    told, kept = Told(MINE, OLD), Owners(tmp_path)
    kept.save(told.view.spec)
    text = (tmp_path / "owners").read_text()
    for owner in ("eni-9", "", "eni-9", ""):
        kept.note({"172.31.0.9": owner})
    assert kept.moved(told.view.spec) == []
    kept.save(told.view.spec)
    assert (tmp_path / "owners").read_text() == text
    kept.note({"172.31.0.9": "eni-9"})
    assert kept.moved(told.view.spec) == ["172.31.0.9"]
