"""A gateway follows mappings that come and go one by one."""

import itertools
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.gateway_nft import ruleset
from agent.host import nft, rules
from agent.host.rules import Rules
from tests.unit.nftables_model import Nftables

PRIVATE = [f"172.31.0.{number}" for number in range(1, 6)]
mappings = st.permutations(PRIVATE).flatmap(
    lambda private: st.integers(0, 4).map(
        lambda count: {f"198.51.100.{number}": ip for number, ip in enumerate(private[:count])}
    )
)


@given(st.lists(mappings, min_size=2, max_size=5))
def test_step_by_step_the_maps_are_as_if_they_were_made_anew(told: list[dict[str, str]]) -> None:
    kernel, known = Nftables(), Rules()
    kernel.apply(nft.whole(ruleset.render(told[0])))
    known._known = rules._Known((ruleset.render(told[0]),), kernel.generation)
    for old, new in itertools.pairwise(told):
        gone, come = dict(old.items() - new.items()), dict(new.items() - old.items())
        with (
            mock.patch.object(nft, "apply", kernel.apply),
            mock.patch.object(rules, "generation", return_value=kernel.generation),
        ):
            assert known.change([ruleset.render(gone)], [ruleset.render(come)])
        whole = ruleset.render(new)
        assert kernel.holds(whole)
        assert known._known.tables == (whole,)
