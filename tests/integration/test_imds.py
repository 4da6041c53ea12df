"""The metadata service in real network namespaces, a VPC's and a guest's, and what guests can't do to it."""

import asyncio
import contextlib
import functools
import http.client
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.drivers.base import Transient
from agent.host import namespaces, process, services
from agent.imds import Identities, MetadataServer, service
from agent.imds.identities import Identity
from agent.imds.service import ADDRESS, CONNECTIONS_PER_GUEST, LOG_LINES_PER_GUEST, PORT, REQUESTS_PER_GUEST
from agent.model import InstanceMetadata, InstanceSpec, InterfaceMetadata, InterfaceSpec, Kind, Ref

pytestmark = pytest.mark.host

VPC_ID, USER = "vpc-test-imds", "dnsmasq"
VPC, GUEST = namespaces.vpc_namespace(VPC_ID), "stead-test-guest"
METADATA = InstanceMetadata(
    *("", "", "", "", "", "", "", "", (), b"raw \xff\0", "", 0, "", ""),
    interfaces=(InterfaceMetadata("eni-1", "", (), "", "", "", (), ()),),
)
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
"""


@pytest.fixture
def network() -> Iterator[None]:
    try:
        for name in (VPC, GUEST):
            namespaces.ensure(name, "host-1")
        shell(_UP)
        yield
    finally:
        for name in (VPC, GUEST):
            namespaces.remove(name)


async def sign(instance_ids: Sequence[str]) -> Sequence[Identity]:
    """As the control plane does."""
    return [Identity(id, 1, f"document of {id}", f"signature of {id}", f"pkcs7 of {id}") for id in instance_ids]


class Host:
    """The agent's part, which may be started anew."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.specs = dict(SPECS)
        self.restart()

    def restart(self, user: str = USER) -> None:
        specs = self.specs
        self.server = MetadataServer(
            lambda vpc_id: dict(specs) if vpc_id == VPC_ID else {},
            Identities(sign, self.directory / "identities.json", lambda instance_id: True),
            *(self.directory, self.directory / "run", user),
        )

    async def converge(self) -> None:
        self.server.tell(VPC_ID)
        await self.server.ensure(VPC_ID)

    @property
    def run_dir(self) -> Path:
        return self.directory / "run" / "metadata" / VPC_ID

    def pids(self) -> list[int]:
        return [daemon.pid for daemon in process.find_running(service.__file__.encode(), bytes(self.run_dir))]

    def pid(self) -> int:
        (pid,) = self.pids()
        return pid


@pytest.fixture
async def host(network: None, tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    try:
        await host.converge()
        yield host
    finally:
        await host.server.remove(VPC_ID)
    assert host.pids() == []


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


def test_it_has_no_rights_and_no_other_of_its_user_sees_what_it_tells(host: Host) -> None:
    lines = Path(f"/proc/{host.pid()}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    user = pwd.getpwnam(USER)
    assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == (["0" * 16], ["0" * 16], ["1"])
    assert (status["Uid"], status["Gid"], status["Groups"]) == ([str(user.pw_uid)] * 4, [str(user.pw_gid)] * 4, [])
    as_its_user = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "cat")
    for path in (host.run_dir / "guests", f"/proc/{host.pid()}/cwd/guests", f"/proc/{host.pid()}/mem"):
        done = subprocess.run([*as_its_user, path], capture_output=True, text=True, check=False)
        assert "Permission denied" in done.stderr


async def test_it_outlives_the_agent_and_tokens_outlive_both(host: Host) -> None:
    held = await inside(GUEST, lambda: token("10.9.0.5"))
    before = host.pid()
    host.restart()
    assert await inside(GUEST, lambda: ask("10.9.0.5", held)) == 200, "no agent is there"
    await host.converge()
    assert host.pid() == before

    os.kill(before, signal.SIGKILL)
    await until(lambda: host.pids() == [])
    await host.converge()
    assert await inside(GUEST, lambda: ask("10.9.0.5", held)) == 200
    assert host.pid() != before


async def test_its_end_is_told_at_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "YOUNG_S", 0.0)
    told: list[Ref] = []

    async def listen() -> None:
        async for ref in host.server.events():
            told.append(ref)

    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen())
        await asyncio.sleep(0)
        os.kill(host.pid(), signal.SIGKILL)
        await until(lambda: told == [Ref(Kind.VPC, VPC_ID)])
        listening.cancel()


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


async def test_one_that_stands_still_is_told_of(host: Host) -> None:
    assert host.server.problems() == ()
    os.kill(host.pid(), signal.SIGSTOP)
    await until(lambda: f"the metadata service of {VPC_ID} is stopped" in " ".join(host.server.problems()))
    os.kill(host.pid(), signal.SIGCONT)
    await until(lambda: host.server.problems() == ())


@pytest.mark.parametrize("lost", ["run/metadata", f"run/metadata/{VPC_ID}/pid"])
async def test_one_whose_record_is_lost_is_found(host: Host, lost: str) -> None:
    path = host.directory / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for restart in (False, True):
        if restart:
            host.restart()
        await host.converge()
        assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"
        assert len(host.pids()) == 1


async def test_ensure_for_a_new_namespace(host: Host) -> None:
    namespaces.remove(VPC)
    shell(f"ip -n {GUEST} link delete eth0")
    namespaces.ensure(VPC, "host-1")
    shell(_UP)
    host.restart()
    await host.converge()
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))
    assert len(host.pids()) == 1


async def test_remove_stops_listening(host: Host) -> None:
    await host.server.remove(VPC_ID)
    await host.server.remove(VPC_ID)
    with pytest.raises(ConnectionRefusedError):
        await inside(GUEST, lambda: instance_id("10.9.0.5"))
    assert not host.run_dir.exists()


async def test_no_namespace_is_transient(host: Host) -> None:
    host.server.tell("vpc-other")
    with pytest.raises(Transient, match="stead-vpc-other"):
        await host.server.ensure("vpc-other")
    await host.server.remove("vpc-other")


async def test_a_file_that_its_program_can_no_longer_read_is_written_anew_and_told_of(host: Host) -> None:
    (host.run_dir / service.GUESTS).chmod(0o600)
    os.chown(host.run_dir / service.GUESTS, 0, 0)
    told = await inside(GUEST, lambda: raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
    assert told.split()[1] == b"500"
    assert "can't be read" in (host.run_dir / "log").read_text()
    assert host.server.problems() == ()
    await host.converge()
    assert "the file that its metadata service reads" in " ".join(host.server.problems())
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_another_user_takes_over(host: Host) -> None:
    before = host.pid()
    host.restart(user="games")
    await host.converge()
    assert host.pid() != before
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_no_such_user_is_transient(network: None, tmp_path: Path) -> None:
    identities = Identities(sign, tmp_path / "identities.json", lambda instance_id: True)
    server = MetadataServer(lambda vpc_id: SPECS, identities, tmp_path, tmp_path / "run", "stead-nobody")
    with pytest.raises(Transient, match="no user stead-nobody"):
        server.tell(VPC_ID)


async def test_one_guest_has_its_share_of_connections(host: Host) -> None:
    with contextlib.ExitStack() as stack:
        sockets = await inside(GUEST, lambda: [stack.enter_context(connection("10.9.0.5")) for _ in range(40)])
        refused = await asyncio.to_thread(lambda: sum(is_closed(opened) for opened in sockets[CONNECTIONS_PER_GUEST:]))
        assert refused == 40 - CONNECTIONS_PER_GUEST
    await until(lambda: open_files(host.pid()) < CONNECTIONS_PER_GUEST)
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_one_guest_cannot_keep_others_or_the_agent_from_anything(host: Host) -> None:
    ours, log = open_files(os.getpid()), host.run_dir / "log"
    with contextlib.ExitStack() as stack, many_files():
        await while_another_is_served(lambda: [stack.enter_context(connection("10.9.0.5")) for _ in range(3000)])
        assert open_files(host.pid()) < 2 * CONNECTIONS_PER_GUEST
    await while_another_is_served(lambda: [raw(b"GET / HTTP/9.9\r\n\r\n") for _ in range(8000)])
    assert 0 < len(log.read_text().splitlines()) <= 3 * LOG_LINES_PER_GUEST
    assert open_files(os.getpid()) <= ours
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_one_guest_cannot_ask_without_end(host: Host) -> None:
    def hurry() -> list[int]:
        answers = []
        with connection("10.9.0.5") as opened:
            for _ in range(2 * REQUESTS_PER_GUEST):
                opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answers.append(int(opened.recv(65536).split()[1]))
        return answers

    assert {*(await inside(GUEST, hurry))} == {401, 503}
    assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"


async def test_oversized_and_broken_requests(host: Host) -> None:
    for request in (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        answer = await inside(GUEST, functools.partial(raw, request))
        assert answer.startswith(b"HTTP/1.1 400 ") is bool(answer)
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))


async def inside(name: str, function: Callable[[], T]) -> T:
    return await asyncio.to_thread(namespaces.call, name, function)


async def while_another_is_served(flood: Callable[[], object]) -> None:
    async with asyncio.TaskGroup() as tasks:
        flooding = tasks.create_task(inside(GUEST, flood))
        while not flooding.done():
            assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"
            await asyncio.wait([flooding], timeout=0.05)  # It has a limit, too.


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """For a test that plays a guest with thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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


def token(source_ip: str) -> str:
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("PUT", "/latest/api/token", headers=TTL)
        return http_.getresponse().read().decode()


def ask(source_ip: str, held: str) -> int:
    """The status of an answer to a token."""
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("GET", "/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": held})
        return http_.getresponse().status


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
