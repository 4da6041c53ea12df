"""Objects by scope, and what changes of them say."""

from dataclasses import replace

from agent.objects import Change, ObjectRef, Objects, Put, ScopeChange, Subnet, Volume, Vpc, net, ref_of

from .worlds import ME, put, told


def test_changes_of_one_scope_follow_one_another() -> None:
    volume, other = Volume("vol-1", 1), Volume("vol-2", 1)
    grown = replace(volume, size_bytes=2)
    (change,) = net([told(ME, volume, other), ScopeChange(ME, remove=(ref_of(other),)), told(ME, grown)])
    assert change == ScopeChange(ME, put=(put(grown),), remove=(ref_of(other),))
    assert net([told(ME, volume), told(ME, other, reset=True)]) == (told(ME, other, reset=True),)
    again = [ScopeChange(ME, remove=(ref_of(other),)), told(ME, other)]
    assert net(again) == (told(ME, other),)
    assert net([told(ME, volume, reset=True), told("region")]) == (told(ME, volume, reset=True), told("region"))


def test_a_reset_and_a_scope_that_is_left_say_what_is_gone() -> None:
    objects = Objects()
    vpc, subnet, volume = Vpc("vpc-1", 7, "10.0.0.0/16"), Subnet("subnet-1", "vpc-1", "10.0.0.0/24"), Volume("vol-1", 1)
    objects.apply([told("vpc-1", vpc, subnet), told(ME, volume)])
    changes = objects.apply([told("vpc-1", vpc, reset=True)], left=[ME])
    assert changes == {ref_of(subnet): Change(subnet, None), ref_of(volume): Change(volume, None)}
    assert objects.scopes == {"vpc-1": {ref_of(vpc): vpc}}
    assert objects.apply([told("vpc-1", vpc, reset=True)]) == {}


def test_what_is_put_twice_is_put() -> None:
    objects, volume = Objects(), Volume("vol-1", 1)
    objects.apply([told(ME, volume)])
    grown = replace(volume, size_bytes=2)
    twice = told(ME, grown, grown, reset=True)
    assert objects.apply(net([twice, twice])) == {ref_of(volume): Change(volume, grown)}
    other = Subnet("subnet-1", "vpc-1", "10.0.0.0/24")
    assert objects.apply([told("vpc-1", other, other)]) == {ref_of(other): Change(None, other)}


def test_what_only_a_later_agent_knows_is_left_alone() -> None:
    objects = Objects()
    unknown = Put(ObjectRef(99, "x-1"), None, b"new")
    assert objects.apply([ScopeChange("region", put=(unknown,))]) == {}
    assert objects.apply([ScopeChange("region", remove=(unknown.ref,))]) == {}
