"""What the metadata service tells its guests, as it changes."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.imds.service import ADDRESS
from agent.model import Kind, Ref
from tests.integration.imds.guest import GUEST, ask, get, inside, instance_id, raw, token
from tests.integration.imds.host import METADATA, SPECS, VPC_ID, Host

pytestmark = pytest.mark.host


async def test_a_guest_learns_who_it_is(host: Host) -> None:
    for ip, spec in SPECS.items():
        assert await inside(GUEST, functools.partial(instance_id, ip)) == spec.instance_id
    assert await inside(GUEST, lambda: get("/latest/user-data", "10.9.0.5")) == METADATA.user_data


async def test_a_guest_is_told_what_changed_and_a_stranger_nothing(host: Host) -> None:
    before = host.pid()
    host.specs["10.9.0.5"] = replace(SPECS["10.9.0.5"], instance_id="i-00000000000000007")
    del host.specs["10.9.0.6"]
    await host.converge()
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000007"
    assert await inside(GUEST, lambda: ask("10.9.0.6", "")) == 404
    assert host.pid() == before


async def test_a_token_dies_at_the_router_that_it_may_not_pass_and_all_else_goes_on(host: Host) -> None:
    def hop_limits(ask: Callable[[], object]) -> set[int]:
        """Of what comes with data from the service."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as heard:
            heard.bind(("eth0", 0x0800))
            ask()
            heard.setblocking(False)
            packets = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    packets.append(heard.recv(2048))
        ours = [packet for packet in packets if packet[12:16] == socket.inet_aton(ADDRESS)]
        return {packet[8] for packet in ours if b"HTTP/1.1" in packet}

    assert await inside(GUEST, lambda: hop_limits(lambda: token("10.9.0.5"))) == {1}
    held = await inside(GUEST, lambda: token("10.9.0.5"))
    assert await inside(GUEST, lambda: hop_limits(lambda: ask("10.9.0.5", held))) == {64}
    assert await inside(GUEST, lambda: hop_limits(lambda: get("/", "10.9.0.5"))) == {1}, "of one connection"
    host.specs["10.9.0.5"] = replace(SPECS["10.9.0.5"], metadata=replace(METADATA, hop_limit=3))
    await host.converge()
    assert await inside(GUEST, lambda: hop_limits(lambda: token("10.9.0.5"))) == {3}


async def test_options_take_effect_at_once_and_for_one_guest_alone(host: Host) -> None:
    held, before = await inside(GUEST, lambda: token("10.9.0.5")), host.pid()
    request = b"GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: 10.9.0.6\r\nConnection: close\r\n\r\n"
    assert (await inside(GUEST, lambda: raw(request))).split()[1] == b"401"
    host.specs["10.9.0.5"] = replace(SPECS["10.9.0.5"], metadata=replace(METADATA, without_token=True))
    await host.converge()
    assert (await inside(GUEST, lambda: raw(request))).endswith(b"i-00000000000000005")
    host.specs["10.9.0.5"] = replace(SPECS["10.9.0.5"], metadata=replace(METADATA, is_off=True))
    await host.converge()
    assert await inside(GUEST, lambda: ask("10.9.0.5", held)) == 403
    assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"
    assert host.pid() == before


async def test_a_signature_comes_when_it_is_there_and_is_its_guests_alone(host: Host) -> None:
    below = "/latest/dynamic/instance-identity/"
    assert await inside(GUEST, lambda: get(below, "10.9.0.5")) == b"document"
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(host.server.run())
        ref = await asyncio.wait_for(anext(host.server.events()), 5)
        running.cancel()
    assert ref == Ref(Kind.VPC, VPC_ID)
    await host.converge()
    for ip, spec in SPECS.items():
        told = await inside(GUEST, functools.partial(get, f"{below}signature", ip))
        assert told.decode() == f"signature of {spec.instance_id}"
    host.restart()
    await host.converge()
    assert await inside(GUEST, lambda: get(f"{below}rsa2048", "10.9.0.6")) == b"pkcs7 of i-00000000000000006"
