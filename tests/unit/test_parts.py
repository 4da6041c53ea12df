"""What a router changes when objects of its VPC change: as much for a VPC of thousands as for one of two."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from agent.drivers.network_vxlan import names, parts, router, ruleset
from agent.drivers.network_vxlan.owners import Owners
from agent.drivers.network_vxlan.router import Forwarding
from agent.host import nft, rules
from agent.host.netlink import FdbEntry, Neighbour, Route
from agent.host.nft import Device
from agent.host.rules import Rules
from agent.model import HopSpec, RouteSpec, RuleSpec, VpcSpec
from agent.objects import Address, InternetGateway, Object, ObjectKind, ObjectRef, RouteTable, Subnet
from agent.objects import Route as Way
from tests.unit.told_of_a_vpc import (
    GROUPS,
    HOSTS,
    ME,
    MINE,
    NEAR,
    NEARBY,
    OLD,
    OPEN,
    SELF,
    THERE,
    VPC,
    Told,
    acl,
    decide,
    endpoint,
)


def route(number: int, host_number: int) -> Route:
    return Route(f"172.31.0.{number}/32", "stx1", f"169.254.0.{host_number}")


def stepped(told: Told, *put: Object, scope: str = "vpc-1", remove: tuple[Object, ...] = ()) -> parts.Difference | None:
    before = told.view
    changed = told.change(scope, *put, remove=remove)
    assert changed
    return parts.difference(before, told.view, changed)


def forwarding(spec: VpcSpec) -> Forwarding:
    return router.forwarding(spec, ())


def commands(step: parts.Difference, taps: dict[str, Device] | None = None) -> list[str]:
    pairs = zip(ruleset.render(step.old, taps or {}), ruleset.render(step.new, taps or {}), strict=True)
    return [line for pair in pairs for line in nft.changes(*pair).splitlines()]


def uncounted(line: str) -> str:
    return re.sub(r'counter name "[^"]+" ', "", line)


def test_a_member_that_comes_is_a_route_and_an_element() -> None:
    step = stepped(Told(MINE, OLD, NEARBY), endpoint(9, THERE, "sg-1", "sg-2"))
    assert step is not None
    assert forwarding(step.new).routes - forwarding(step.old).routes == {route(9, 2)}
    assert forwarding(step.old).routes < forwarding(step.new).routes
    assert commands(step) == ["add element inet stead sg-1 { 172.31.0.9 }"]
    assert step.owners == {"172.31.0.9": "eni-9"}
    assert (step.moved, step.is_local, step.moves_peers) == ([], False, False)


def test_an_address_that_moves_forgets_its_connections() -> None:
    heir = replace(endpoint(9, NEAR, "sg-2"), private_ip=OLD.private_ip)
    step = stepped(Told(MINE, OLD, NEARBY, endpoint(4, THERE, "sg-2")), heir, remove=(OLD,))
    assert step is not None
    assert forwarding(step.new).routes - forwarding(step.old).routes == {route(2, 3)}
    assert forwarding(step.old).routes - forwarding(step.new).routes == {route(2, 2)}
    assert commands(step) == ["delete element inet stead sg-1 { 172.31.0.2 }"]
    assert step.owners == {"172.31.0.2": "eni-9"}
    assert step.moved == ["172.31.0.2"]


def test_the_first_member_on_a_host_makes_it_a_peer_and_the_last_one_ends_that() -> None:
    told, first = Told(MINE, OLD), endpoint(8, NEAR, "sg-2")
    entry = FdbEntry("stx1", names.vxlan_mac(3), "192.0.2.3")
    come, gone = stepped(told, first), stepped(told, remove=(first,))
    assert come is not None
    assert gone is not None
    assert forwarding(come.new).fdb - forwarding(come.old).fdb == {entry}
    assert forwarding(gone.old).fdb - forwarding(gone.new).fdb == {entry}
    assert come.moves_peers
    assert gone.moves_peers


def test_names_are_looked_at_again_where_they_may_be_others() -> None:
    told, named = Told(MINE, OLD), replace(OLD, name="web")
    steps = (
        stepped(told, named),
        stepped(told, replace(named, group_ids=("sg-2",))),
        stepped(told, Address("eipalloc-1", "vpc-1", OLD.id, "198.51.100.7")),
        stepped(told, endpoint(9, THERE, "sg-1")),
        stepped(told, remove=(named,)),
    )
    assert [step is not None and step.renames for step in steps] == [True, False, True, False, True]
    assert told.view.names == ()


def test_a_rule_replaces_one_chain() -> None:
    step = stepped(Told(MINE, OLD), replace(GROUPS[0], rules=(SELF, RuleSpec(False, "tcp", 22, 22, "0.0.0.0/0"))))
    assert step is not None
    assert [uncounted(line) for line in commands(step) if "add counter" not in line] == [
        "flush chain inet stead sg-1.in",
        "add rule inet stead sg-1.in ip saddr @sg-1 accept",
        "add rule inet stead sg-1.in tcp dport 22 ct mark set ct mark or 0x4 accept",
    ]
    assert not step.is_local


def test_a_port_that_leaves_takes_its_own_rules_along_and_those_of_its_groups() -> None:
    """Its tap may be there still; what admitted it is gone first."""
    taps = {"eni-1": Device("stt1", 5)}
    step = stepped(Told(MINE, OLD), remove=(MINE,))
    assert step is not None
    assert step.is_local
    lines = commands(step, taps)
    assert "delete chain netdev stead eni-1.tap" in lines
    assert "delete set inet stead sg-1" in lines
    assert 'delete element inet stead egress-by-tap { "stt1" : jump eni-1.out }' in lines


def test_an_entry_of_an_acl_replaces_its_chains_alone() -> None:
    told = Told(MINE, OLD)
    told.change("vpc-1", acl(2))
    step = stepped(told, acl(2, decide(True, "10.0.0.0/8", "6", 22)))
    assert step is not None
    assert [uncounted(line) for line in commands(step) if "add counter" not in line] == [
        "flush chain inet stead acl-2.in",
        "add rule inet stead acl-2.in ip saddr 10.0.0.0/8 tcp dport 22 return",
        "add rule inet stead acl-2.in goto acl-in",
    ]
    assert (step.is_local, step.moved) == (False, [])


def test_an_acl_that_stops_something_leads_the_taps_of_its_subnets_to_the_border_and_an_open_one_back() -> None:
    told = Told(MINE, OLD, endpoint(4, ME, "sg-1"))
    come = stepped(told, acl(2, decide(True, "10.0.0.0/8")))
    assert come is not None
    lines = commands(come)
    assert 'add element inet stead leaving-subnet { "stt1" : jump subnet-2.out }' in lines
    assert lines.index("add rule inet stead check-forward iifname vmap @leaving-subnet") < lines.index(
        "add rule inet stead check-forward ct state established,related meta mark set 0 accept"
    )
    gone = stepped(told, acl(2, *OPEN))
    assert gone is not None
    assert "delete set inet stead leaving-subnet" in commands(gone)
    assert not [line for line in commands(gone) if "vmap @leaving-subnet" in line]
    assert not come.is_local
    assert not gone.is_local


@pytest.mark.parametrize("kind", [ObjectKind.INSTANCE, ObjectKind.ATTACHMENT, ObjectKind.ADDRESS])
def test_what_an_instance_is_does_not_concern_the_router(kind: ObjectKind) -> None:
    told = Told(MINE, OLD)
    step = parts.difference(told.view, told.view, frozenset({ObjectRef(kind, "x-1")}))
    assert step is not None
    assert step.old == step.new
    assert not step.owners


@pytest.mark.parametrize(
    ("scope", "changed"),
    [
        ("vpc-1", Subnet("subnet-3", "vpc-1", "172.31.16.0/20")),
        ("vpc-1", InternetGateway("igw-1", "vpc-1", THERE, 1)),
        ("vpc-1", replace(VPC, vni=8)),
        ("region", replace(HOSTS[1], underlay_address="192.0.2.9")),
    ],
)
def test_what_concerns_all_is_left_to_a_look_at_everything(scope: str, changed: Object) -> None:
    assert stepped(Told(MINE, OLD), changed, scope=scope) is None


def test_to_a_host_that_does_not_encrypt_nothing_is_sent() -> None:
    told = Told(MINE, OLD)
    before, changed = told.view, told.change("vpc-1", endpoint(9, THERE, "sg-1"))
    assert parts.difference(before, told.view, changed, is_encrypted=True) is None


def test_peers_of_a_tunnel_are_left_to_a_look_at_everything() -> None:
    key = "A" * 43 + "="
    told = Told(MINE, OLD)
    told.change("region", *(replace(host, wireguard_key=key) for host in HOSTS))
    for row, takes_more in ((endpoint(9, THERE, "sg-1"), False), (endpoint(8, NEAR, "sg-1"), True)):
        before, changed = told.view, told.change("vpc-1", row)
        assert (parts.difference(before, told.view, changed, is_encrypted=True) is None) == takes_more


class FakeNetlink:
    def __init__(self) -> None:
        self.put: list[Route] = []

    def put_routes(self, routes: frozenset[Route]) -> None:
        self.put += routes

    def __getattr__(self, name: str) -> Any:
        return self._not_called_for

    def _not_called_for(self, entries: frozenset[object]) -> None:
        assert not entries

    def sync_neighbours(self, now: frozenset[Neighbour], wanted: frozenset[Neighbour]) -> list[str]:
        assert now == wanted
        return []


@pytest.mark.parametrize("size", [10, 5000])
def test_whatever_the_size_it_takes_the_same_requests(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(MINE, *(endpoint(number, THERE, "sg-1") for number in range(2, size)))
    netlink, transactions, known = FakeNetlink(), list[str](), Rules()

    @contextmanager
    def opened() -> Iterator[Any]:
        yield netlink

    monkeypatch.setattr(router, "open_netlink", opened)
    monkeypatch.setattr(rules, "generation", lambda: len(transactions))
    monkeypatch.setattr(nft, "apply", transactions.append)
    known._known = rules._Known(ruleset.render(told.view.spec, {}), 0)
    step = stepped(told, new := endpoint(size, THERE, "sg-1"))
    assert step is not None
    assert router.follow(known, step.old, step.new, 1400)
    assert [each.destination for each in netlink.put] == [f"{new.private_ip}/32"]
    assert transactions == [f"add element inet stead sg-1 {{ {new.private_ip} }}\n"]
    with mock.patch.object(rules, "_stands", side_effect=AssertionError):  # Nothing is read either.
        assert known.converge(*ruleset.render(told.view.spec, {})) == ()
    assert transactions[1:] == [""], "a look at everything finds nothing to do"


def test_an_interface_that_passes_on_what_is_not_its_own_takes_a_look_at_everything() -> None:
    """Routes may lead there, and the VXLAN lets in more."""
    router = replace(endpoint(9, THERE, "sg-1"), is_unchecked=True)
    table = RouteTable("rtb-1", "vpc-1", True, (Way("192.0.2.0/24", "eni-9"),), 1)
    told = Told(MINE, OLD)
    told.change("vpc-1", table)
    assert not told.view.spec.passes_on
    assert not told.view.ways_out
    assert stepped(told, router) is None
    (way,) = told.view.ways_out
    assert way.routes == (RouteSpec("192.0.2.0/24", False, hop=HopSpec("eni-9", router.private_ip, 2)),)
    assert way.sources == ("172.31.0.0/28", "172.31.0.16/28")
    assert told.view.spec.passes_on
    assert stepped(told, replace(router, is_unchecked=False)) is None
    assert stepped(told, router) is None
    assert stepped(told, remove=(router,)) is None
    assert not told.view.ways_out


def test_where_somebody_else_wrote_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Rules()
    monkeypatch.setattr(rules, "generation", lambda: 5)
    assert not known.change([], [])
    known._known = rules._Known((), 4)
    assert not known.change([], [])


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
