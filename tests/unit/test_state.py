"""The tables in memory: indexes, order, revisions, and what hosts have claimed."""

from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.capacity import NOTHING, Resources
from controlplane.model.host import Zone
from controlplane.model.instance import Volume
from controlplane.model.network import NetworkInterface
from controlplane.model.state import Change, State
from controlplane.model.table import Counter, Index, Row, Unique
from tests.unit.store_cases import NOW, delete, put

INTERFACE = NetworkInterface("eni-0", "p", "vpc", "subnet", "i-0", 0, "", "10.0.0.0", (), NOW)

interfaces = st.builds(
    lambda row_id, instance_id, groups: replace(
        INTERFACE, id=row_id, private_ip=row_id, instance_id=instance_id, group_ids=tuple(groups)
    ),
    st.sampled_from(["eni-1", "eni-2", "eni-3"]),
    st.sampled_from(["i-1", "i-2"]),
    st.lists(st.sampled_from(["sg-1", "sg-2", "sg-3"]), unique=True),
)


@given(st.lists(st.tuples(interfaces, st.booleans())))
def test_an_index_finds_what_a_search_would(steps: list[tuple[NetworkInterface, bool]]) -> None:
    state = State()
    for row, is_put in steps:
        if is_put:
            put(state, row)
        elif row.id in state.interfaces:
            delete(state, row)
    rows = list(state.interfaces)
    for group_id in ("sg-1", "sg-2", "sg-3"):
        found = state.interfaces.group.of(group_id)
        assert sorted(row.id for row in found) == sorted(row.id for row in rows if group_id in row.group_ids)
        assert state.interfaces.group.count(group_id) == len(found)
        assert state.interfaces.group.first(group_id) == (found[0] if found else None)
        assert state.interfaces.group.latest(group_id) == (found[-1] if found else None)


def test_nothing_is_left_in_an_index_of_what_is_gone() -> None:
    state, other = State(), replace(INTERFACE, id="eni-1", private_ip="10.0.0.1", group_ids=("sg-1", "sg-2"))
    state.put(INTERFACE)
    state.put(other)
    state.delete(NetworkInterface, INTERFACE.id)
    state.delete(NetworkInterface, other.id)
    assert derived(state) == derived(State())


def test_a_changed_row_keeps_its_place_and_one_put_again_goes_to_the_end() -> None:
    state = State()
    put(state, *(Zone(name, NOW) for name in "abc"))
    put(state, Zone("a", NOW.replace(year=2025)))
    assert [zone.id for zone in state.zones] == ["a", "b", "c"]
    delete(state, state.zones["a"])
    put(state, Zone("a", NOW))
    assert [zone.id for zone in state.zones] == ["b", "c", "a"]


def test_a_revision_says_what_was_and_what_is() -> None:
    state, old, new = State(), Zone("a", NOW), Zone("a", NOW.replace(year=2025))
    revisions = [put(state, old), put(state, new), delete(state, new)]
    assert [revision.number for revision in revisions] == [1, 2, 3]
    entries = [entry for revision in revisions for entry in revision.entries]
    assert [(entry.kind, entry.id, entry.old, entry.new) for entry in entries] == [
        ("zone", "a", None, old),
        ("zone", "a", old, new),
        ("zone", "a", new, None),
    ]


def test_a_put_that_changes_nothing_is_no_entry() -> None:
    state = State()
    put(state, Zone("a", NOW))
    assert put(state, Zone("a", NOW)).entries == ()


def test_the_last_word_on_a_row_counts() -> None:
    change, old, new = Change(), Zone("a", NOW), Zone("a", NOW.replace(year=2025))
    assert not change
    change.put(old)
    change.put(new)
    assert change.now(old) == new
    change.delete(old)
    assert change.now(old) is None
    assert list(change.items()) == [(Zone, "a", None)]


def test_deleting_what_is_not_there_is_a_broken_invariant() -> None:
    with pytest.raises(KeyError):
        delete(State(), Zone("a", NOW))


def test_entries_know_whose_they_are() -> None:
    state = State()
    rows: tuple[Row, ...] = (INTERFACE, Zone("a", NOW))
    assert [entry.project_id for entry in put(state, *rows).entries] == ["p", ""]
    assert [entry.project_id for entry in delete(state, *rows).entries] == ["p", ""]


def test_claims_follow_the_rows() -> None:
    state = State()
    volume = Volume("vol-1", "p", "home-1a", "host-1", 8, "gp3", "", 0, NOW, {})
    put(state, volume)
    put(state, replace(volume, id="vol-2", size_gib=2))
    assert state.used("host-1") == Resources(storage_gib=10)
    put(state, replace(volume, host_id="host-2"))
    assert (state.used("host-1"), state.used("host-2")) == (Resources(storage_gib=2), Resources(storage_gib=8))
    delete(state, state.volumes["vol-1"])
    delete(state, state.volumes["vol-2"])
    assert state.used("host-1") == state.used("host-2") == NOTHING


def contents(state: State) -> object:
    """All that a state has, with every order that somebody may rely on."""
    tables = [(table.kind, list(table), table._newest) for table in state.tables.values()]
    return deepcopy((state.revision, tables, derived(state)))


def derived(state: State) -> list[str]:
    """What follows from the rows: every index and every counter."""
    parts = [part for table in state.tables.values() for part in vars(table).values()]
    indexes = [str(part._filed) for part in parts if isinstance(part, Index | Unique)]
    return indexes + [str(part._sums) for part in parts if isinstance(part, Counter)]


@pytest.mark.parametrize("bad", ["a missing row", "a key that cannot be", "a row of no table", "a key of two rows"])
def test_a_change_that_cannot_be_carried_out_changes_nothing(bad: str) -> None:
    state, change = State(), Change()
    put(state, Zone("a", NOW), Zone("b", NOW), INTERFACE)
    change.put(
        Zone("c", NOW), replace(INTERFACE, group_ids=("sg-1",)), Volume("vol", "p", "a", "h", 1, "", "", 0, NOW, {})
    )
    change.delete(state.zones["a"])
    match bad:
        case "a missing row":
            change.delete(Zone("never was", NOW))
        case "a key that cannot be":
            change.put(replace(INTERFACE, id="eni-9", group_ids=([],)))  # type: ignore[arg-type]
        case "a key of two rows":
            change.put(replace(INTERFACE, id="eni-9"))
            change.put(replace(INTERFACE, id="eni-8", private_ip="10.0.0.8"))
        case "a row of no table":
            change.put(NothingOfOurs("x"))
    before = contents(state)
    with pytest.raises((KeyError, TypeError, ValueError)):
        state.apply(change)
    assert contents(state) == before


@dataclass(frozen=True)
class NothingOfOurs:
    id: str
