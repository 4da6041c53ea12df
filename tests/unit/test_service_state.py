"""Tables under random changes: indexes agree with a naive model, usage with recomputed sums."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.capacity import Resources
from controlplane.model.instance import Desired, Instance, Volume
from controlplane.model.kind import Kind
from controlplane.model.state import Change, State
from controlplane.model.table import Table
from tests.unit.region import INSTANCE, NOW


@dataclass(frozen=True)
class Item:
    id: str
    keys: tuple[str, ...]


ITEMS = st.builds(Item, st.sampled_from("abcde"), st.lists(st.sampled_from("xyz"), unique=True).map(tuple))


class Items(Table[Item]):
    kind = Kind("item")
    row_type = Item

    def __init__(self) -> None:
        super().__init__()
        self.key = self.index_each(lambda row: row.keys)


@given(st.lists(ITEMS | st.sampled_from("abcde")))
def test_indexes_agree_with_a_naive_model(steps: list[Item | str]) -> None:
    """Items are put, ids are deleted."""
    table = Items()
    rows: dict[str, Item] = {}
    newest = None
    filed: dict[str, dict[str, None]] = {key: {} for key in "xyz"}
    for step in steps:
        row_id = step if isinstance(step, str) else step.id
        old = rows.get(row_id)
        keys_change = isinstance(step, str) or old is None or old.keys != step.keys
        for bucket in filed.values():
            if keys_change:
                bucket.pop(row_id, None)
        if isinstance(step, Item):
            assert table.put(step) == old
            newest = step if old is None else newest
            rows[step.id] = step
            for key in step.keys:
                filed[key].setdefault(row_id)
        elif row_id in rows:
            assert table.delete(step) == rows.pop(step)
        assert list(table) == list(rows.values())
        assert table.newest() == newest
        for key, ids in filed.items():
            assert [row.id for row in table.key.of(key)] == list(ids)
            assert table.key.count(key) == len(ids)
            assert table.key.first(key) == (rows[next(iter(ids))] if ids else None)
            assert table.key.latest(key) == (rows[list(ids)[-1]] if ids else None)


def instance(number: int, host: str, desired: Desired, is_settled: bool) -> Instance:
    return replace(
        INSTANCE,
        id=f"i-{number}",
        vcpus=number + 1,
        memory_mib=10 * number,
        host_id=host,
        desired=desired,
        is_settled=is_settled,
    )


HOSTS = st.sampled_from(["host-1", "host-2"])
INSTANCES = st.builds(instance, st.integers(0, 4), HOSTS, st.sampled_from(Desired), st.booleans())
VOLUMES = st.builds(
    lambda number, host, size: Volume(f"vol-{number}", "p", "z", host, size, "gp3", "", 0, NOW, {}),
    st.integers(0, 4),
    HOSTS,
    st.integers(1, 50),
)


@given(st.lists(st.tuples(INSTANCES | VOLUMES, st.booleans())))
def test_usage_is_the_sum_of_claims(steps: list[tuple[Instance | Volume, bool]]) -> None:
    state = State()
    for row, is_put in steps:
        change = Change()
        if is_put:
            change.put(row)
        elif row.id in state.tables[type(row)]:
            change.delete(row)
        state.apply(change)
        sums = {"host-1": Resources(), "host-2": Resources()}
        for claimant in (*state.instances, *state.volumes):
            sums[claimant.host_id] += claimant.claim
        assert {host: state.used(host) for host in sums} == sums
