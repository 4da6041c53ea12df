"""The store's contract, on every database that it runs on: what was committed is what is loaded."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from controlplane.app import _recent_log
from controlplane.history import History
from controlplane.model.host import Host, Zone
from controlplane.model.image import KeyPair
from controlplane.model.instance import Attachment, Phase
from controlplane.model.network import NetworkInterface, PublicAddress, SecurityGroupRule
from controlplane.model.project import Project, Role, Token
from controlplane.model.state import Change, State
from controlplane.model.table import Row
from controlplane.model.vpc import Vpc
from controlplane.store.errors import Diverged, StorageFailed, StoreError, WrongRegion
from controlplane.store.schema import TABLES, meta
from controlplane.store.store import Store
from tests.unit.store_cases import BACKENDS, NOW, contents, delete, empty_url, opened, put, rows_of

SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(backend: str, in_memory: Path) -> Iterator[Store]:
    store = opened(empty_url(backend, in_memory))
    yield store
    store.close()


@pytest.mark.parametrize("examples", [10, pytest.param(60, marks=pytest.mark.deep)])
@pytest.mark.parametrize("row_type", TABLES, ids=lambda row_type: row_type.__name__)
def test_every_row_comes_back_as_it_was(store: Store, row_type: type[Row], examples: int) -> None:
    state = store.load()

    @settings(SLOW, max_examples=examples)
    @given(row=rows_of(row_type), changed=rows_of(row_type))
    def round_trip(row: Row, changed: Row) -> None:
        store.commit([delete(state, *state.tables[row_type])], NOW)
        for version in (row, replace(changed, id=row.id)):  # type: ignore[type-var]
            store.commit([put(state, version)], NOW)
            assert contents(store.load()) == contents(state)

    round_trip()


def address(row_id: str, public_ip: str) -> PublicAddress:
    return PublicAddress(row_id, "p-1", public_ip, True, "", "", NOW, {})


def test_rows_that_are_loaded_share_what_is_equal(store: Store) -> None:
    zones = [Zone(name, NOW) for name in ("home-1a", "home-1b")]
    host = Host("host-1", 1, "metal", "home-1a", (), "10.0.0.1", NOW, "")
    addresses = [
        PublicAddress(f"eipalloc-{number}", "p-1", f"192.0.2.{number}", True, "", "", NOW, {"name": "web"})
        for number in range(2)
    ]
    store.commit([put(store.load(), *zones, host, *addresses)], NOW)
    state = store.load()
    first, second = state.addresses
    assert first.tags is second.tags
    assert first.project_id is second.project_id
    assert first.created_at is second.created_at
    assert state.hosts["host-1"].zone is state.zones["home-1a"].id


# Who has which address after a revision: nobody twice.
holdings = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("wxyz")).filter(
    lambda held: len(set(held.values())) == len(held)
)


def towards(state: State, held: dict[str, str]) -> Change:
    change = Change()
    change.put(*(address(row_id, public_ip) for row_id, public_ip in held.items()))
    change.delete(*(row for row in state.addresses if row.id not in held))
    return change


@pytest.mark.parametrize("backend", BACKENDS)
def test_reload_equals_memory_after_any_changes(backend: str) -> None:
    with TemporaryDirectory() as directory:
        store = opened(empty_url(backend, directory))

        @SLOW
        @given(st.lists(st.lists(holdings, min_size=1, max_size=4), max_size=4))
        def reload_equals_memory(batches: list[list[dict[str, str]]]) -> None:
            state = store.load()
            for batch in batches:
                store.commit([state.apply(towards(state, held)) for held in batch], NOW)
                again = store.load()
                assert (again.revision, contents(again)) == (state.revision, contents(state))

        reload_equals_memory()
        store.close()


def test_a_batch_may_swap_and_hand_on_unique_values(store: Store) -> None:
    state = store.load()
    store.commit([put(state, address("a", "x"), address("b", "y"), address("c", "z"))], NOW)
    swap = put(state, address("a", "y"), address("b", "x"))
    hand_on = [delete(state, state.addresses["c"]), put(state, address("d", "z"))]
    store.commit([swap, *hand_on, delete(state, state.addresses["d"]), put(state, address("c", "z"))], NOW)
    assert [(row.id, row.public_ip) for row in store.load().addresses] == [("a", "y"), ("b", "x"), ("c", "z")]


ATTACHMENT = Attachment("v-e1", "p", "v", "i", "/dev/sdb", 1, 9, "h", "h", False, Phase.ATTACHED, 1, NOW)
INTERFACE = NetworkInterface("eni-1", "p", "vpc", "subnet", "i", 0, "02:00", "10.0.0.4", (), NOW)

COLLISIONS = [
    (Project("1", "lab", NOW), Project("2", "lab", NOW)),
    (Token("1", "p", Role.ADMIN, "hash", NOW), Token("2", "p", Role.READER, "hash", NOW)),
    (Host("1", 7, "a", "z", (), "", NOW, ""), Host("2", 7, "b", "z", (), "", NOW, "")),
    (KeyPair("1", "p", "key", "rsa", "", "", NOW, {}), KeyPair("2", "p", "key", "rsa", "", "", NOW, {})),
    (Vpc("1", "p", "", 5, False, NOW, {}), Vpc("2", "q", "", 5, False, NOW, {})),
    (INTERFACE, replace(INTERFACE, id="eni-2", mac_address="03:00")),
    (INTERFACE, replace(INTERFACE, id="eni-2", private_ip="10.0.0.5")),
    (address("1", "x"), address("2", "x")),
    (ATTACHMENT, replace(ATTACHMENT, id="other", port=10)),
    (ATTACHMENT, replace(ATTACHMENT, id="v-e2", epoch=2)),
]


@pytest.mark.parametrize(("first", "second"), COLLISIONS, ids=lambda row: type(row).__name__)
def test_what_must_be_unique_is_refused_twice(store: Store, first: Row, second: Row) -> None:
    state, unaware = store.load(), store.load()
    store.commit([put(state, first)], NOW)
    before, unaware.revision = contents(state), state.revision
    with pytest.raises(Diverged, match="refused"):
        store.commit([put(unaware, second)], NOW)
    again = store.load()
    assert (again.revision, contents(again)) == (1, before)


def test_a_second_writer_is_found_out(store: Store) -> None:
    ours, theirs = store.load(), store.load()
    store.commit([put(theirs, Zone("a", NOW))], NOW)
    with pytest.raises(Diverged, match="revision 1 cannot follow 1"):
        store.commit([put(ours, Zone("b", NOW))], NOW)
    assert contents(store.load()) == contents(theirs)


def test_changing_a_row_that_is_not_there_is_refused(store: Store) -> None:
    state = store.load()
    put(state, Zone("lost", NOW))
    state.revision = 0
    with pytest.raises(Diverged, match="1 rows of zones"):
        store.commit([delete(state, state.zones["lost"])], NOW)


def test_revisions_must_follow_one_another(store: Store) -> None:
    state = store.load()
    first, _, third = (put(state, Zone(name, NOW)) for name in "abc")
    with pytest.raises(ValueError, match="consecutive"):
        store.commit([first, third], NOW)


def test_times_without_a_zone_are_refused(store: Store) -> None:
    state = store.load()
    with pytest.raises(ValueError, match="no time zone"):
        store.commit([put(state, Zone("a", NOW.replace(tzinfo=None)))], NOW)
    assert store.load().revision == 0


def test_commits_may_come_from_any_thread(store: Store) -> None:
    state = store.load()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(store.commit, [put(state, Zone("a", NOW))], NOW).result()
    store.commit([put(state, Zone("b", NOW))], NOW)
    assert contents(store.load()) == contents(state)


def test_a_store_that_was_closed_connects_again(store: Store) -> None:
    store.close()
    assert store.load().revision == 0


def test_closing_lets_a_transaction_end(store: Store) -> None:
    with ThreadPoolExecutor(1) as other:
        with store._transaction() as connection:
            connection.execute(update(meta).values(region="home-2"))
            closing = other.submit(store.close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.2)
        closing.result(timeout=10)
    with pytest.raises(WrongRegion, match="home-2"):
        store.claim("home-1")


def test_the_log_tells_every_change_in_order(store: Store) -> None:
    state = store.load()
    one = put(state, Project("p", "lab", NOW), Vpc("vpc-1", "p", "", 5, False, NOW, {}))
    two = delete(state, state.vpcs["vpc-1"])
    three = put(state, Zone("a", NOW))
    store.commit([one, two, three], NOW)
    log = store.read_recent_log(10)
    assert [(entry.revision, entry.kind, entry.resource_id, entry.project_id) for entry in log] == [
        (1, "project", "p", ""),
        (1, "vpc", "vpc-1", "p"),
        (2, "vpc", "vpc-1", "p"),
        (3, "zone", "a", ""),
    ]
    assert [entry.deleted for entry in log] == [False, False, True, False]
    assert {entry.at for entry in log} == {NOW}


def test_who_watches_is_told_the_same_after_a_restart(store: Store) -> None:
    """Also of what deleted rows were parts of; and that a host was heard of again is no news."""
    state, kept = store.load(), History(0)
    rule = SecurityGroupRule("sgr-1", "p", "sg-1", False, "tcp", 22, 22, "0.0.0.0/0", "", "", NOW)
    host = Host("host-1", 1, "metal", "z", (), "10.0.0.1", NOW, "")
    revisions = [put(state, rule, host), put(state, replace(host, last_seen_at=NOW)), delete(state, rule)]
    kept.add(revisions, NOW)
    store.commit(revisions, NOW)
    assert _recent_log(store) == kept.after(0)


def test_a_trimmed_log_begins_later(store: Store) -> None:
    state = store.load()
    store.commit([put(state, Zone(name, NOW)) for name in "abc"], NOW)
    assert not store.trim_log(3, 10)
    assert not store.trim_log(2, 10)
    assert [entry.revision for entry in store.read_recent_log(10)] == [3]
    assert contents(store.load()) == contents(state)


def test_a_log_is_trimmed_slice_by_slice(store: Store) -> None:
    state = store.load()
    store.commit([put(state, Zone(name, NOW)) for name in "abcdefg"], NOW)
    kept = []
    while store.trim_log(6, 2):
        kept.append([entry.resource_id for entry in store.read_recent_log(10)])
    assert kept == [list("cdefg"), list("efg")]
    assert [entry.resource_id for entry in store.read_recent_log(10)] == list("fg")


def test_the_recent_log_is_the_end_of_the_log(store: Store) -> None:
    state = store.load()
    assert store.read_recent_log(3) == []
    store.commit([put(state, Zone("a", NOW), Zone("b", NOW)), put(state, Zone("c", NOW))], NOW)
    assert [(entry.revision, entry.resource_id) for entry in store.read_recent_log(2)] == [(1, "b"), (2, "c")]
    assert [entry.resource_id for entry in store.read_recent_log(9)] == list("abc")


def test_a_database_belongs_to_one_region(store: Store) -> None:
    store.claim("home-1")
    store.claim("home-1")
    with pytest.raises(WrongRegion, match="home-1, not home-2"):
        store.claim("home-2")


@pytest.mark.parametrize("url", ["mysql://host/database", "nonsense", "sqlite:////nowhere/at/all.db"])
def test_a_url_that_leads_nowhere_is_named(url: str) -> None:
    with pytest.raises(StoreError, match=url):
        Store.open(url)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_database_that_is_taken_away_in_use_is_written_no_more(tmp_path: Path, is_replaced: bool) -> None:
    store, path = opened(f"sqlite:///{tmp_path}/stead.db"), tmp_path / "stead.db"
    store.load()
    path.rename(tmp_path / "another.db")
    if is_replaced:
        path.touch()
    with pytest.raises(StorageFailed, match=r"stead\.db was removed or replaced .* restore it from a backup"):
        store.load()
    (tmp_path / "another.db").rename(path)
    store.load()
    store.close()
