"""On whose word a host destroys anything: what another region, incarnation or earlier revision may do, and may not."""

from dataclasses import replace

import pytest

from agent.converge.authority import objection, withheld, without_removals
from agent.converge.desired import Desired
from agent.messages import Authority, Update
from agent.model import GatewaySpec, InstanceSpec, Kind, Ref, RuleSpec, Spec
from agent.objects import (
    Address,
    Attachment,
    Endpoint,
    InternetGateway,
    ObjectKind,
    ObjectRef,
    Put,
    ScopeChange,
    SecurityGroup,
    Volume,
    ref_of,
)
from agent.vpc import VpcView

from .host import DATA, EVERYTHING, EXPORT, GATEWAY, HOST_ID, INSTANCE, TOMBSTONE, VOLUME, VPC, put, snapshot, told

# Another VPC, of the same addresses, with its gateway on this host too.
PORTS = (replace(VPC.ports[0], interface_id="eni-22", instance_id="i-22"),)
OTHER = (
    replace(VPC, vpc_id="vpc-2", vni=8, subnets=(), ports=PORTS, peers=(), groups=(), group_members=()),
    replace(GATEWAY, vpc_id="vpc-2", mappings=()),
)
LAST = Authority("home-1", "inc-1", 500)
UPDATE = replace(snapshot(501, VPC), authority=replace(LAST, revision=501))


@pytest.mark.parametrize("revision", [500, 501])
def test_whoever_goes_on_from_there_is_followed(revision: int) -> None:
    assert objection(LAST, _from(revision=revision)) == ""


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"region": "home-2"}, "belonged to region home-1, and is told what to do by home-2"),
        ({"incarnation": "inc-2"}, "restored from a backup"),
        ({"incarnation": ""}, "restored from a backup"),
    ],
)
def test_whoever_may_not_know_what_there_is_is_held_until_released(change: dict[str, object], cause: str) -> None:
    update = _from(**change)
    assert cause in objection(LAST, update)
    assert "`stead host release`" in objection(LAST, update)
    assert objection(LAST, replace(update, released=True)) == ""


def test_what_goes_back_is_held_although_an_admin_released_an_earlier_restoration() -> None:
    update = _from(revision=499)
    for older in (update, replace(update, released=True)):
        assert "went back from revision 500 to 499" in objection(LAST, older)
    assert objection(LAST, replace(_from(revision=499, incarnation="inc-2"), released=True)) == ""


def test_the_first_is_followed_whoever_it_is() -> None:
    assert objection(Authority(), UPDATE) == ""
    assert objection(Authority("", "", 900), UPDATE) == "", "a ledger of a version that did not know"


def _from(**authority: object) -> Update:
    return replace(UPDATE, authority=replace(UPDATE.authority, **authority))  # type: ignore[arg-type]


class Held:
    """A host that knows everything, and follows nobody."""

    def __init__(self, *specs: Spec) -> None:
        self.desired = Desired(HOST_ID, 500, told(*specs))
        self.withheld: frozenset[ObjectRef] = frozenset()

    def take(self, update: Update) -> None:
        known = self.desired.objects.scopes
        taken, self.withheld = without_removals(update, known), withheld(update, known, self.withheld)
        assert not taken.snapshot
        assert not taken.left
        self.desired.apply(taken)

    @property
    def specs(self) -> dict[Ref, Spec]:
        return {ref: v.spec if isinstance(v, VpcView) else v for ref, v in self.desired.views.items()}

    def mappings(self, vpc_id: str) -> list[str]:
        gateway = self.specs[Ref(Kind.GATEWAY, vpc_id)]
        assert isinstance(gateway, GatewaySpec)
        return [mapping.private_ip for mapping in gateway.mappings]

    @property
    def kept(self) -> frozenset[Ref]:
        """What may not be said to have converged."""
        return self.desired.kept_by(self.withheld)


def test_what_an_older_one_does_not_know_of_stays() -> None:
    host = Held(*EVERYTHING)
    host.take(snapshot(300, DATA))
    assert host.specs == {spec.ref: spec for spec in (*EVERYTHING, DATA)}
    assert host.kept == {spec.ref for spec in EVERYTHING}
    host.take(snapshot(301, DATA, VPC, GATEWAY, INSTANCE))
    assert host.kept == {VOLUME.ref}, "an export is there for the instance's disk"
    host.take(snapshot(302, *EVERYTHING, DATA))
    assert host.kept == frozenset()


def test_what_is_removed_one_by_one_is_known_until_it_is_wanted_again() -> None:
    host = Held(VOLUME, EXPORT)
    (volume,), (attachment,) = _of(host, Volume), _of(host, Attachment)
    host.take(_delta(ScopeChange(HOST_ID, remove=(ref_of(volume), ObjectRef(9, "vol-9")))))
    assert host.kept == {VOLUME.ref}
    host.take(_delta(ScopeChange(HOST_ID, remove=(ref_of(attachment),))))
    assert host.kept == {VOLUME.ref, EXPORT.ref}
    host.take(_delta(ScopeChange(HOST_ID, put=(put(volume),))))
    assert host.kept == {EXPORT.ref}
    host.take(replace(_delta(), left=(HOST_ID,)))
    assert host.kept == {VOLUME.ref, EXPORT.ref}
    assert host.specs == {VOLUME.ref: VOLUME, EXPORT.ref: EXPORT}


def test_a_tombstone_is_not_taken_in() -> None:
    host = Held(VOLUME)
    host.take(snapshot(300, TOMBSTONE))
    assert host.specs == {VOLUME.ref: VOLUME}
    assert host.kept == {VOLUME.ref}
    buried = Held(TOMBSTONE)
    buried.take(snapshot(300, TOMBSTONE))
    assert buried.kept == frozenset(), "it was before"
    empty = Held()
    empty.take(snapshot(300, TOMBSTONE))
    assert empty.specs == {}


def test_an_address_given_to_somebody_else_is_theirs_alone() -> None:
    host = Held(*EVERYTHING)
    local = next(endpoint for endpoint in _of(host, Endpoint) if endpoint.host_id == HOST_ID)
    other = replace(local, id="eni-9", instance_id="i-9", host_id="host-at-192.0.2.2")
    moved = Address("eipalloc-9", "vpc-1", "eni-9", "198.51.100.7")
    host.take(_delta(ScopeChange("vpc-1", put=(put(other), put(moved)))))
    spec = host.specs[VPC.ref]
    assert spec == replace(
        VPC,
        ports=(),
        groups=(),
        group_members=(),
        peers=(replace(VPC.peers[0], private_ips=("172.31.0.6", "172.31.0.5"), interface_ids=("eni-2", "eni-9")),),
    )
    assert host.mappings("vpc-1") == ["172.31.0.5"]
    assert host.kept == frozenset()
    instance = host.specs[INSTANCE.ref]
    assert isinstance(instance, InstanceSpec)
    assert [nic.interface_id for nic in instance.interfaces] == ["eni-1"], "its tap is still its own"
    again = host.specs
    host.take(_delta(ScopeChange("vpc-1", put=(put(other), put(moved)))))
    assert host.specs == again


@pytest.mark.parametrize("address_id", ["eipalloc-1", "eipalloc-9"])
def test_a_public_address_given_to_another_vpc_is_there_alone(address_id: str) -> None:
    """Else two gateways answer for it."""
    scopes = told(*EVERYTHING, *OTHER)
    mapped = next(row for row in scopes["vpc-1"].values() if isinstance(row, Address))
    scopes["vpc-1"] = {ref: row for ref, row in scopes["vpc-1"].items() if row != mapped}
    before = replace(mapped, id="eipalloc-1")
    scopes["vpc-1"][ref_of(before)] = before
    host = Held()
    host.desired = Desired(HOST_ID, 500, scopes)
    after = replace(before, id=address_id, vpc_id="vpc-2", endpoint_id="eni-22")
    theirs = scopes["vpc-2"][ObjectRef(ObjectKind.ENDPOINT, "eni-22")]
    for _ in range(2):
        host.take(_delta(ScopeChange("vpc-2", put=(put(after), put(theirs)))))
        assert host.specs[VPC.ref] == VPC, "its private addresses are its own"
        assert _of(host, Address) == [after]
        assert host.mappings("vpc-1") == []
        assert host.mappings("vpc-2") == ["172.31.0.5"]
        assert host.kept == frozenset()


def test_of_what_it_speaks_of_an_update_decides() -> None:
    """An instance's wish, and a group's rules, which alone say what they permit."""
    host = Held(*EVERYTHING)
    host.take(snapshot(300, *EVERYTHING[:-1], replace(INSTANCE, power_on=False)))
    instance = host.specs[INSTANCE.ref]
    assert isinstance(instance, InstanceSpec)
    assert not instance.power_on
    rules = (RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0"),)
    host.take(_delta(ScopeChange("vpc-1", put=(put(SecurityGroup("sg-1", "vpc-1", "default", rules)),))))
    view = host.desired.views[VPC.ref]
    assert isinstance(view, VpcView)
    assert view.spec.groups[0].rules == rules


def test_a_vpc_has_one_gateway() -> None:
    host = Held(VPC)
    host.take(_delta(ScopeChange("vpc-1", put=(put(InternetGateway("igw-9", "vpc-1", HOST_ID, 9)),))))
    assert host.specs[GATEWAY.ref] == GatewaySpec("vpc-1", 9, (), ("192.0.2.1", "192.0.2.2"))


def test_what_only_a_later_agent_knows_is_taken_in() -> None:
    unknown = Put(ObjectRef(99, "x-1"), None, b"new")
    update = _delta(ScopeChange("region", reset=True, put=(unknown,)))
    assert without_removals(update, {}).scopes == (ScopeChange("region", put=(unknown,)),)


def _delta(*changes: ScopeChange) -> Update:
    return Update(Authority(), changes)


def _of(host: Held, cls: type) -> list:  # type: ignore[type-arg]
    return [row for rows in host.desired.objects.scopes.values() for row in rows.values() if isinstance(row, cls)]
