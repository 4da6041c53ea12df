"""Whom a gateway that is cut off yields to."""

from agent.drivers.gateway_nft.addresses import besides

ROUTER, GATEWAY = "02:00:00:00:00:01", "02:00:00:00:00:02"


def test_a_router_that_answers_for_what_it_routes_is_nobody_to_yield_to() -> None:
    answers = [("198.51.100.1", ROUTER), ("203.0.113.7", ROUTER), ("203.0.113.8", GATEWAY), ("203.0.113.8", ROUTER)]
    assert besides({"198.51.100.1"}, answers) == {"203.0.113.8": GATEWAY}
    assert besides({"198.51.100.1"}, answers[1:3]) == {"203.0.113.7": ROUTER, "203.0.113.8": GATEWAY}, "it is silent"
