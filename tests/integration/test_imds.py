"""The metadata service in real network namespaces: a VPC's, a guest's, and a container's behind the guest."""

import asyncio
import contextlib
import functools
import http.client
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from agent.drivers.base import Transient
from agent.host import namespaces
from agent.imds import MetadataServer
from agent.imds import server as imds_server
from agent.imds.limits import CONNECTIONS_PER_GUEST, LOG_RECORDS_PER_MINUTE, REQUESTS_PER_GUEST
from agent.imds.server import ADDRESS, PORT
from agent.model import InstanceMetadata, InstanceSpec, InterfaceSpec

pytestmark = pytest.mark.host

VPC_ID = "vpc-test-imds"
VPC, GUEST, CONTAINER = namespaces.vpc_namespace(VPC_ID), "stead-test-guest", "stead-test-ctr"
METADATA = InstanceMetadata("", "", "", "", "", "", "", "", (), b"raw \xff\0", "", 0, "", "")
SPECS = {
    ip: InstanceSpec(id_, 1, True, 0, 120, 1, 512, (InterfaceSpec("eni-1", VPC_ID, "02:00", ip),), (), METADATA)
    for ip, id_ in (("10.9.0.5", "i-00000000000000005"), ("10.9.0.6", "i-00000000000000006"))
}
T = TypeVar("T")
TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}

_UP = f"""
ip -n {VPC} link set lo up
ip -n {VPC} address add {ADDRESS}/32 dev lo
ip -n {VPC} link add guest type veth peer name eth0 netns {GUEST}
ip -n {VPC} address add 10.9.0.1/24 dev guest
ip -n {VPC} link set guest up
ip -n {GUEST} address add 10.9.0.5/24 dev eth0
ip -n {GUEST} address add 10.9.0.6/24 dev eth0
ip -n {GUEST} link set eth0 up
ip -n {GUEST} route add default via 10.9.0.1
ip -n {VPC} route add 10.9.1.0/24 via 10.9.0.5
"""
_CONTAINER_UP = f"""
ip -n {GUEST} link add docker type veth peer name eth0 netns {CONTAINER}
ip -n {GUEST} address add 10.9.1.1/24 dev docker
ip -n {GUEST} link set docker up
ip netns exec {GUEST} sysctl -qw net.ipv4.ip_forward=1
ip -n {CONTAINER} address add 10.9.1.2/24 dev eth0
ip -n {CONTAINER} link set eth0 up
ip -n {CONTAINER} route add default via 10.9.1.1
"""


@pytest.fixture
def network() -> Iterator[None]:
    try:
        for name in (VPC, GUEST, CONTAINER):
            namespaces.ensure(name, "host-1")
        shell(_UP + _CONTAINER_UP)
        yield
    finally:
        for name in (VPC, GUEST, CONTAINER):
            namespaces.remove(name)


@pytest.fixture
async def server(network: None, tmp_path: Path) -> AsyncIterator[MetadataServer]:
    def lookup(vpc_id: str, source_ip: str) -> InstanceSpec | None:
        return SPECS.get(source_ip if source_ip != "10.9.1.2" else "10.9.0.5") if vpc_id == VPC_ID else None

    server = MetadataServer(lookup, tmp_path)
    await server.ensure(VPC_ID, namespaces.path(VPC))
    yield server
    await server.close()


async def test_a_guest_learns_who_it_is(server: MetadataServer) -> None:
    for ip, spec in SPECS.items():
        assert await inside(GUEST, functools.partial(instance_id, ip)) == spec.instance_id
    assert await inside(GUEST, lambda: get("/latest/user-data", "10.9.0.5")) == METADATA.user_data


async def test_answers_die_at_the_first_router(server: MetadataServer) -> None:
    with pytest.raises(TimeoutError):
        await inside(CONTAINER, lambda: instance_id("10.9.1.2"))


async def test_ensure_again_and_for_a_new_namespace(server: MetadataServer) -> None:
    await server.ensure(VPC_ID, namespaces.path(VPC))
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))
    namespaces.remove(VPC)
    shell(f"ip -n {GUEST} link delete eth0")
    namespaces.ensure(VPC, "host-1")
    shell(_UP)
    await server.ensure(VPC_ID, namespaces.path(VPC))
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))


async def test_remove_stops_listening(server: MetadataServer) -> None:
    await server.remove(VPC_ID)
    await server.remove(VPC_ID)
    with pytest.raises(ConnectionRefusedError):
        await inside(GUEST, lambda: instance_id("10.9.0.5"))


async def test_no_namespace_is_transient(server: MetadataServer) -> None:
    with pytest.raises(Transient, match="stead-vpc-other"):
        await server.ensure("vpc-other", namespaces.path("stead-vpc-other"))


async def test_one_guest_cannot_use_up_the_connections(server: MetadataServer) -> None:
    with contextlib.ExitStack() as stack:
        sockets = await inside(GUEST, lambda: [stack.enter_context(connection("10.9.0.5")) for _ in range(40)])
        refused = await asyncio.to_thread(lambda: sum(is_closed(opened) for opened in sockets[CONNECTIONS_PER_GUEST:]))
        assert refused == 40 - CONNECTIONS_PER_GUEST
        assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_a_silent_connection_is_closed(server: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imds_server, "IDLE_S", 0.2)
    with await inside(GUEST, lambda: connection("10.9.0.5")) as opened:
        assert await asyncio.to_thread(is_closed, opened)


async def test_one_guest_cannot_ask_without_end(server: MetadataServer) -> None:
    def hurry() -> list[int]:
        answers = []
        with connection("10.9.0.5") as opened:
            for _ in range(3 * REQUESTS_PER_GUEST):
                opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answers.append(int(opened.recv(65536).split()[1]))
        return answers

    assert {*(await inside(GUEST, hurry))} == {401, 503}
    assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"


async def test_broken_requests_write_few_lines(server: MetadataServer, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3 * LOG_RECORDS_PER_MINUTE):
        await inside(GUEST, functools.partial(raw, b"GET / HTTP/9.9\r\n\r\n"))
    assert 0 < len(caplog.records) <= 2 * LOG_RECORDS_PER_MINUTE


async def test_oversized_and_broken_requests(server: MetadataServer) -> None:
    for request in (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        answer = await inside(GUEST, functools.partial(raw, request))
        assert answer.startswith(b"HTTP/1.") is bool(answer)
        assert b"200 OK" not in answer
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))


async def inside(name: str, function: Callable[[], T]) -> T:
    return await asyncio.to_thread(namespaces.call, name, function)


def connection(source_ip: str) -> socket.socket:
    return socket.create_connection((ADDRESS, PORT), timeout=3, source_address=(source_ip, 0))


def raw(request: bytes) -> bytes:
    with connection("10.9.0.5") as opened:
        opened.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            return opened.recv(65536)
    return b""


def is_closed(opened: socket.socket) -> bool:
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True


def get(path: str, source_ip: str) -> bytes:
    """With a token of its own, as an SDK does."""
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("PUT", "/latest/api/token", headers=TTL)
        token = http_.getresponse().read().decode()
        http_.request("GET", path, headers={"X-aws-ec2-metadata-token": token})
        return http_.getresponse().read()


def instance_id(source_ip: str) -> str:
    return get("/latest/meta-data/instance-id", source_ip).decode()


def shell(commands: str) -> None:
    done = subprocess.run(["sh", "-exc", commands], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
