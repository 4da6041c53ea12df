"""Which resolvers a host's resolv.conf names, and what a guest hears when none answers."""

import pytest

from agent.drivers.network_vxlan import forwarder


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nameserver 192.0.2.1\nsearch lan\nnameserver fe80::1%eth0\n", ["192.0.2.1", "fe80::1%eth0"]),
        ("# nameserver 192.0.2.9\n; nameserver 192.0.2.9\nnameserver\n\tnameserver\t192.0.2.1 # LAN\n", ["192.0.2.1"]),
        ("".join(f"nameserver 192.0.2.{n}\n" for n in range(1, 6)), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ("", ["127.0.0.1"]),
    ],
)
def test_resolvers_are_those_that_the_c_library_would_ask(text: str, named: list[str]) -> None:
    assert forwarder.resolvers(text) == named


def test_a_failure_answers_its_own_query() -> None:
    query = bytes.fromhex("abcd 0120 0001 0000 0000 0001") + b"\3www\0\0\1\0\1" + b"\0\0)\4\xd0" + b"\0" * 6
    reply = forwarder.failure(query)
    assert reply[:4] == bytes.fromhex("abcd 8182")
    assert reply[4:] == query[4:]


def test_the_agents_question_goes_to_no_resolver() -> None:
    assert forwarder.answer(b"?") == b"?"
