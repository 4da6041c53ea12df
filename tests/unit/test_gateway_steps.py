"""A gateway follows mappings that come and go one by one."""

import itertools
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.gateway_nft import ruleset
from agent.host import nft, rules
from agent.host.nft import Table
from agent.host.rules import Rules
from agent.model import NatSpec, NatWay
from tests.unit.nftables_model import Nftables

NAT_GATEWAYS = (NatSpec("nat-1", "198.51.100.70", (NatWay("172.31.16.0/20", "0.0.0.0", "172.30.255.255"),)),)
PRIVATE = [f"172.31.0.{number}" for number in range(1, 6)]
mappings = st.permutations(PRIVATE).flatmap(
    lambda private: st.integers(0, 4).map(
        lambda count: {f"198.51.100.{number}": ip for number, ip in enumerate(private[:count])}
    )
)


def render(mapped: dict[str, str]) -> Table:
    return ruleset.render(mapped, NAT_GATEWAYS)


@given(st.lists(mappings, min_size=2, max_size=5))
def test_step_by_step_the_maps_are_as_if_they_were_made_anew(told: list[dict[str, str]]) -> None:
    kernel, known = Nftables(), Rules()
    kernel.apply(nft.whole(render(told[0])))
    known._known = rules._Known((render(told[0]),), kernel.generation)
    for old, new in itertools.pairwise(told):
        gone, come = dict(old.items() - new.items()), dict(new.items() - old.items())
        with (
            mock.patch.object(nft, "apply", kernel.apply),
            mock.patch.object(rules, "generation", return_value=kernel.generation),
        ):
            assert known.change([render(gone)], [render(come)])
        whole = render(new)
        assert kernel.holds(whole)
        assert known._known.tables == (whole,)
