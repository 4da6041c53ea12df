import re

import pytest

from controlplane import ids
from controlplane.ids import Prefix


def test_an_id_is_made_of_the_random_bytes_it_is_given() -> None:
    assert ids.mint(Prefix.INSTANCE, lambda count: bytes(range(count))) == "i-00010203040506070"


@pytest.mark.parametrize("prefix", Prefix)
def test_a_minted_id_is_valid_for_its_prefix_alone(prefix: Prefix) -> None:
    minted = ids.mint(prefix)
    assert re.fullmatch(rf"{prefix}-[0-9a-f]{{17}}", minted)
    assert [other for other in Prefix if ids.is_valid(other, minted)] == [prefix]
    assert ids.parse(minted) == (prefix, minted.rpartition("-")[2])


def test_minted_ids_differ() -> None:
    assert len({ids.mint(Prefix.VOLUME) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i-",
        "i-0123456789abcdef",
        "i-0123456789abcdef01",
        "i-0123456789ABCDEF0",
        "i-0123456789abcdef0\n",
        "i-0123456789abcdeg0",
        "i_0123456789abcdef0",
        "zzz-0123456789abcdef0",
        "../i-0123456789abcdef0",
        "i-\u0660123456789abcdef0",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert not ids.is_valid(Prefix.INSTANCE, text)
    with pytest.raises(ValueError, match="is not"):
        ids.parse(text)
