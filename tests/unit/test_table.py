"""What follows from a table's rows: unique keys, counters, followers. Indexes are in test_service_state.py."""

from dataclasses import dataclass, replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.kind import Kind
from controlplane.model.table import Table


@dataclass(frozen=True)
class Box:
    id: str
    shelf: str
    label: str | None
    weight: int


class Boxes(Table[Box]):
    kind = Kind("box")
    row_type = Box

    def __init__(self) -> None:
        super().__init__()
        self.label = self.unique(lambda row: row.label)
        self.weight = self.counter(lambda row: (row.shelf, "everywhere"), lambda row: row.weight, 0)


A, B, C = (Box(name, "low", name.upper(), 1) for name in "abc")


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_a_key_passes_from_row_to_row_in_any_order(order: tuple[int, ...]) -> None:
    boxes = Boxes()
    for box in (A, B, C):
        boxes.put(box)
    passed_on = [replace(A, label="B"), replace(B, label="C"), replace(C, label=None)]
    for place in order:
        boxes.put(passed_on[place])
    assert boxes.label.get("A") is boxes.label.get("none") is None
    assert (boxes.label.get("B"), boxes.label.get("C")) == (passed_on[0], passed_on[1])
    assert "A" not in boxes.label
    assert "B" in boxes.label


def test_a_key_may_be_taken_before_its_row_goes() -> None:
    boxes, heir = Boxes(), replace(B, label="A")
    boxes.put(A)
    boxes.put(heir)
    boxes.delete("a")
    assert boxes.label.get("A") == heir
    boxes.delete("b")
    assert "A" not in boxes.label


BOXES = st.builds(Box, st.sampled_from("abc"), st.sampled_from(["low", "high"]), st.none(), st.integers(-2, 2))


@given(st.lists(BOXES | st.sampled_from("abc")))
def test_a_counter_is_the_sum_over_all_rows(steps: list[Box | str]) -> None:
    """Boxes are put, ids are deleted."""
    boxes = Boxes()
    for step in steps:
        if isinstance(step, Box):
            boxes.put(step)
        elif step in boxes:
            boxes.delete(step)
        for shelf in ("low", "high"):
            assert boxes.weight.of(shelf) == sum(box.weight for box in boxes if box.shelf == shelf)
        assert boxes.weight.of("everywhere") == sum(box.weight for box in boxes)


def test_a_follower_hears_of_every_row_what_it_was_and_what_it_is() -> None:
    boxes, heard = Boxes(), []
    boxes.follow(lambda *told: heard.append(told))
    moved = replace(A, shelf="high")
    boxes.put(A)
    boxes.put(moved)
    boxes.delete("a")
    assert heard == [("a", None, A), ("a", A, moved), ("a", moved, None)]


class Shelves(Boxes):
    def __init__(self) -> None:
        super().__init__()
        self.shelf = self.index(lambda row: row.shelf if row.weight else None)
        self.letters = self.index_each(lambda row: tuple(dict.fromkeys(f"{row.shelf}{row.label or ''}")))
        self.told: list[tuple[str, Box | None, Box | None]] = []
        self.follow(lambda *told: self.told.append(told))


@given(st.lists(st.tuples(st.sampled_from(["low", "high"]), st.none() | st.text(max_size=2), st.integers(-1, 1))))
def test_rows_that_come_at_once_are_found_as_those_that_come_one_by_one(
    given: list[tuple[str, str | None, int]],
) -> None:
    boxes = [Box(f"box-{number}", *what) for number, what in enumerate(given)]
    at_once, one_by_one = Shelves(), Shelves()
    at_once.fill(boxes)
    for box in boxes:
        one_by_one.put(box)
    assert (list(at_once), at_once.newest(), at_once.told) == (boxes, one_by_one.newest(), one_by_one.told)
    assert at_once.shelf.all() == one_by_one.shelf.all()
    assert at_once.letters.all() == one_by_one.letters.all()
    for key in ("low", "high", "everywhere"):
        assert at_once.weight.of(key) == one_by_one.weight.of(key)
    for box in boxes:
        assert box.label is None or at_once.label.get(box.label) == one_by_one.label.get(box.label)
    at_once.fill([])
    assert at_once.newest() == one_by_one.newest()
