"""Describe calls: filters as EC2 has them, and pages that neither skip nor repeat while rows come and go."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import Invalid
from controlplane.service.listing import Filter, Listing, matching, page
from controlplane.service.wildcards import ANY, STAR, Wildcard, parse
from tests.unit.region import NOW


@dataclass(frozen=True)
class Row:
    id: str
    color: str = "red"
    created_at: datetime = NOW
    tags: Mapping[str, str] = field(default_factory=dict)


ATTRIBUTES: Any = {"color": lambda row: row.color, "id": lambda row: [row.id], "tag-key": lambda row: list(row.tags)}


def select(rows: Any, filters: list[Filter], attributes: Any = ATTRIBUTES) -> list[Any]:
    return list(matching(rows, filters, attributes))


def listing(page_size: int = 0, page_token: str = "", question: str = "all", *filters: Filter) -> Listing:
    return Listing("DescribeThings", question, filters, page_size, page_token)


def ids(rows: Any) -> list[str]:
    return [row.id for row in rows]


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("red", "red", True),
        ("red", "Red", False),
        ("red", "reddish", False),
        ("re?", "red", True),
        ("re?", "re", False),
        ("*d*", "reddish", True),
        ("*", "", True),
        ("*", "two\nlines", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        (r"a\?\\", "a?\\", True),
        ("a.b", "axb", False),
        ("[ab]", "a", False),
        ("", "", True),
    ],
)
def test_wildcards_and_escapes(pattern: str, value: str, matches: bool) -> None:
    found = select([Row("1", color=value)], [Filter("color", (pattern,))], ATTRIBUTES)
    assert bool(found) is matches


def fits(pattern: list[object], text: str) -> bool:
    """What a pattern means, told without regard to what it costs."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first is STAR:
        return fits(rest, text) or (bool(text) and fits(pattern, text[1:]))
    return bool(text) and (first is ANY or first == text[0]) and fits(rest, text[1:])


@given(st.text("ab*?\\", max_size=8), st.text("ab*", max_size=8))
def test_wildcards_match_what_they_mean(pattern: str, text: str) -> None:
    assert Wildcard(parse(pattern)).matches(text) is fits(parse(pattern), text)


def test_a_pattern_with_many_stars_costs_no_more_than_one_with_few() -> None:
    """As a regular expression it would take longer than the universe has."""
    rows = [Row("1", tags={"Name": "a" * 255})]
    assert not select(rows, [Filter("tag:Name", ("*a" * 120 + "*b",))], ATTRIBUTES)


def test_what_wildcards_may_look_at_is_bounded_and_plain_values_are_not() -> None:
    rows = [Row(f"{n:05}", color="x" * 255) for n in range(10_000)]
    assert len(select(rows[:9_000], [Filter("color", ("x*",))], ATTRIBUTES)) == 9_000
    with pytest.raises(Invalid, match=r"'color'.*use fewer, or ids") as caught:
        select(rows, [Filter("color", ("x*y", "x?z"))], ATTRIBUTES)
    assert caught.value.code == "FilterLimitExceeded"
    wanted = tuple(f"{n:05}" for n in range(0, 10_000, 50))
    assert ids(select(rows, [Filter("id", wanted)], ATTRIBUTES)) == list(wanted)


@pytest.mark.parametrize(
    "filters", [[Filter("color", ("red",) * 201)], [Filter("color", ("red",) * 101)] * 2, [Filter("id", ("1",))] * 21]
)
def test_the_number_of_filters_and_values_is_limited(filters: list[Filter]) -> None:
    with pytest.raises(Invalid, match="at most 20 with 200 in all") as caught:
        select([], filters, ATTRIBUTES)
    assert caught.value.code == "FilterLimitExceeded"


def test_a_value_that_no_attribute_can_have_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 255 characters"):
        select([], [Filter("color", ("x" * 256,))], ATTRIBUTES)


def test_one_value_of_each_filter_must_match() -> None:
    rows = [Row("1", "red"), Row("2", "blue"), Row("3", "green")]
    assert ids(select(rows, [Filter("color", ("red", "blue"))], ATTRIBUTES)) == ["1", "2"]
    both = [Filter("color", ("red", "blue")), Filter("id", ("2", "3"))]
    assert ids(select(rows, both, ATTRIBUTES)) == ["2"]


def test_tags_are_found_by_key_and_by_value() -> None:
    rows = [Row("1", tags={"Name": "web", "a:b": "x"}), Row("2", tags={"name": "web"})]
    assert ids(select(rows, [Filter("tag:Name", ("w*",))], ATTRIBUTES)) == ["1"]
    assert ids(select(rows, [Filter("tag:a:b", ("x",))], ATTRIBUTES)) == ["1"]
    assert ids(select(rows, [Filter("tag-key", ("?ame",))], ATTRIBUTES)) == ["1", "2"]


@pytest.mark.parametrize("wanted", [Filter("colour", ("red",)), Filter("color", ()), Filter("Color", ("red",))])
def test_unknown_filters_and_filters_without_values_are_refused(wanted: Filter) -> None:
    with pytest.raises(Invalid, match=r"olor") as caught:
        select([], [wanted], ATTRIBUTES)
    assert caught.value.code == "InvalidFilter"


def test_tag_filters_are_refused_where_there_are_no_tags() -> None:
    with pytest.raises(Invalid, match="tag:Name"):
        select([Row("1")], [Filter("tag:Name", ("x",))], {"color": lambda row: row.color})


def test_the_order_is_by_creation_then_id() -> None:
    rows = [Row("b"), Row("0", created_at=NOW + timedelta(microseconds=1)), Row("a")]
    assert ids(page(listing(), rows, ATTRIBUTES)[0]) == ["a", "b", "0"]


@given(st.data())
def test_pages_neither_skip_nor_repeat_while_rows_come_and_go(data: st.DataObject) -> None:
    rows = {str(n): Row(str(n), created_at=NOW + timedelta(seconds=n // 3)) for n in range(10, 30)}
    stay = set(data.draw(st.sets(st.sampled_from(sorted(rows)), min_size=1)))
    size = data.draw(st.integers(1, 7))
    seen: list[str] = []
    token = ""
    for turn in range(100):
        part, token = page(listing(size, token), rows.values(), ATTRIBUTES)
        assert len(part) <= size
        seen += ids(part)
        if not token:
            break
        for gone in data.draw(st.sets(st.sampled_from(sorted(set(rows) | stay)), max_size=4)) - stay:
            rows.pop(gone, None)
        rows[f"new-{turn}"] = Row(f"new-{turn}", created_at=NOW + timedelta(hours=1, seconds=turn))
        if turn > 30:
            rows = {key: row for key, row in rows.items() if key in stay}
    assert not token
    assert len(seen) == len(set(seen))
    assert stay <= set(seen)


def test_the_last_page_has_no_token_and_zero_means_a_full_page() -> None:
    rows = [Row(f"{n:04}") for n in range(1001)]
    first, token = page(listing(), rows, ATTRIBUTES)
    assert (len(first), bool(token)) == (1000, True)
    last, token = page(listing(1, token), rows, ATTRIBUTES)
    assert (ids(last), token) == (["1000"], "")
    assert page(listing(2), rows[:2], ATTRIBUTES) == (rows[:2], "")


def test_pages_of_what_a_filter_finds_are_full() -> None:
    rows = [Row(f"{n:02}", color="red" if n % 3 else "blue") for n in range(20)]
    blue = Filter("color", ("blue",))
    first, token = page(listing(4, "", "blue", blue), rows, ATTRIBUTES)
    assert ids(first) == ["00", "03", "06", "09"]
    last, token = page(listing(4, token, "blue", blue), rows, ATTRIBUTES)
    assert (ids(last), token) == (["12", "15", "18"], "")


def test_no_more_rows_are_looked_at_than_a_page_needs() -> None:
    rows, looked_at = [Row(f"{n:04}") for n in range(1000)], list[str]()

    def look(row: Row) -> str:
        looked_at.append(row.id)
        return row.id

    page(listing(2, "", "all", Filter("id", ("*",))), rows, {"id": look})
    assert looked_at == ["0000", "0001", "0002"]


def test_page_sizes_and_tokens_are_checked() -> None:
    with pytest.raises(Invalid, match="1001"):
        page(listing(1001), [], ATTRIBUTES)
    _, of_another = page(listing(1, "", "some"), [Row("a"), Row("b")], ATTRIBUTES)
    made = [b64encode(text.encode()).decode() for text in ("all\nx\nb", "all\nnan\nb", "all\n0.0")]
    for token in ("x", "====", "\N{SNOWMAN}", "YQ==", "YQpiCmM=", of_another, *made):
        with pytest.raises(Invalid) as caught:
            page(listing(1, token), [], ATTRIBUTES)
        assert caught.value.code == "InvalidPaginationToken"
