"""On whose word a host destroys anything: what another region, incarnation or earlier revision may do, and may not."""

from dataclasses import replace

import pytest

from agent.converge.authority import Authority, withheld, without_removals
from agent.messages import Update

from .host import DATA, DATA_EXPORT, EXPORT, INSTANCE, TOMBSTONE, VOLUME, VPC

LAST = Authority("home-1", "inc-1", 500)
UPDATE = Update(501, True, (VPC,), region="home-1", incarnation="inc-1")


@pytest.mark.parametrize("revision", [500, 501])
def test_whoever_goes_on_from_there_is_followed(revision: int) -> None:
    update = replace(UPDATE, revision=revision)
    assert LAST.objection(update) == ""
    assert LAST.after(update) == Authority("home-1", "inc-1", revision)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"region": "home-2"}, "belonged to region home-1, and is told what to do by home-2"),
        ({"incarnation": "inc-2"}, "restored from a backup"),
        ({"incarnation": ""}, "restored from a backup"),
    ],
)
def test_whoever_may_not_know_what_there_is_is_held_until_released(change: dict[str, object], cause: str) -> None:
    update = replace(UPDATE, **change)  # type: ignore[arg-type]
    assert cause in LAST.objection(update)
    assert "`stead host release`" in LAST.objection(update)
    assert LAST.objection(replace(update, released=True)) == ""


def test_what_goes_back_is_held_although_an_admin_released_an_earlier_restoration() -> None:
    update = replace(UPDATE, revision=499)
    for older in (update, replace(update, released=True)):
        assert "went back from revision 500 to 499" in LAST.objection(older)
    assert LAST.objection(replace(update, incarnation="inc-2", released=True)) == ""


def test_the_first_is_followed_whoever_it_is() -> None:
    assert Authority().objection(UPDATE) == ""
    assert Authority("", "", 900).objection(UPDATE) == "", "a ledger of a version that did not know"


def test_what_is_added_is_taken_in_without_removals() -> None:
    update = replace(UPDATE, put=(VPC, INSTANCE, TOMBSTONE, DATA), remove=(EXPORT.ref,))
    assert without_removals(update, {}) == replace(UPDATE, snapshot=False, put=(VPC, INSTANCE, DATA), remove=())


def test_what_would_be_removed_is_known_until_it_is_wanted_again() -> None:
    known = {spec.ref: spec for spec in (VPC, INSTANCE, EXPORT, VOLUME)}
    snapshot = replace(UPDATE, put=(VPC, DATA, TOMBSTONE))
    held = withheld(snapshot, known, ())
    assert held == {INSTANCE.ref, EXPORT.ref, VOLUME.ref}
    delta = replace(UPDATE, snapshot=False, put=(INSTANCE,), remove=(VPC.ref, DATA_EXPORT.ref))
    assert withheld(delta, known, held) == {VPC.ref, EXPORT.ref, VOLUME.ref}
    assert withheld(snapshot, known | {VOLUME.ref: TOMBSTONE}, ()) == {INSTANCE.ref, EXPORT.ref}, "it was before"
