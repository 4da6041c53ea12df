"""The real programs, each on files of its own: a control plane, and agents with pretended drivers."""

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from controlplane.model import host as model
from controlplane.model.state import Change
from controlplane.store.store import Store
from tests.contract.control_plane import RPCS, free_ports, refused
from tests.unit.region import NOW

Process = asyncio.subprocess.Process

DAEMON = Path(sys.executable).with_name("stead-controlplane")
AGENT = Path(sys.executable).with_name("stead-agent")

_AGENT_TOML = """\
[agent]
state_dir = "{directory}/state"
run_dir = "{directory}/run"
pki_dir = "{directory}/pki"
metadata_service = false

[session]
heartbeat_s = 0.5
grace_s = 1.0
reconnect_cap_s = 0.5

[drivers]
storage = "fake"
network = "fake"
gateway = "fake"
compute = "fake"
"""


class Failed(Exception):
    """A program ended with an error; the message is what it printed."""


async def ran(*command: str | Path) -> str:
    """What a program printed, to its end. Raises Failed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    printed, _ = await process.communicate()
    if process.returncode:
        raise Failed(printed.decode())
    return printed.decode()


@asynccontextmanager
async def running(log: Path, *command: str | Path, clock: "Clock | None" = None) -> AsyncIterator[Process]:
    """A program, until it is killed."""
    environment = {**os.environ, **(clock.environment if clock else {})}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Clock:
    """What one program sees as the machine's clock, which may be set while it runs: libfaketime(1)."""

    def __init__(self, file: Path) -> None:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._file = file
        self.set(timedelta())
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, by: timedelta) -> None:
        """It is so far ahead of the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{by.total_seconds():+.0f}")
        new.rename(self._file)


class Host:
    """A machine that has joined, of all roles; what is on it is pretended, and gone with its agent's process."""

    def __init__(self, directory: Path, number: int = 1) -> None:
        directory.mkdir()
        self.directory = directory
        self.config = directory / "agent.toml"
        self.config.write_text(_AGENT_TOML.format(directory=directory))
        self.log = directory / "log"
        self.identity = directory / "state/identity"
        self._underlay = f"198.19.0.{number}"

    async def join(self, token: str) -> None:
        await ran(AGENT, "join", token, "--underlay", self._underlay, "--config", self.config)

    def running(self, clock: Clock | None = None) -> AbstractAsyncContextManager[Process]:
        """Its agent."""
        return running(self.log, AGENT, "run", "--config", self.config, clock=clock)


class Daemon:
    """`stead-controlplane` on a configuration of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "controlplane.toml"
        self.log = directory / "log"
        users, agents = free_ports(2)
        self.endpoint = f"127.0.0.1:{users}"
        self.store_url = f"sqlite:///{directory}/controlplane.db"
        self.config.write_text(
            f'[api]\nlisten = "{self.endpoint}"\nagents_listen = "127.0.0.1:{agents}"\nadvertise = ["127.0.0.1"]\n'
            f'[store]\nurl = "{self.store_url}"\n[paths]\nstate_dir = "{directory}"\n'
        )

    async def init(self) -> None:
        client = self.directory / "client.toml"
        await ran(DAEMON, "init", "--config", self.config, "--client-config", client)
        settings = tomllib.loads(client.read_text())
        self.token, self.ca = settings["token"], settings["ca"].encode()

    def add_host(self) -> None:
        """One with much room, as if it had joined."""
        store = Store.open(self.store_url)
        state, change = store.load(), Change()
        roles, room = tuple(model.HostRole), (1 << 20, 1 << 30, 1 << 20)
        host = model.Host("host-1", 1, "metal", "home-1a", roles, "10.0.0.1", NOW, "", *room)
        change.put(replace(host, last_seen_at=datetime.now(UTC)))  # It may come back.
        store.commit([state.apply(change)], NOW)
        store.close()

    def running(self, clock: "Clock | None" = None) -> AbstractAsyncContextManager[Process]:
        """Its output is appended to the file `self.log`."""
        return running(self.log, DAEMON, "run", "--config", self.config, clock=clock)

    def channel(self) -> grpc.aio.Channel:
        options = [("grpc.max_reconnect_backoff_ms", 100), ("grpc.initial_reconnect_backoff_ms", 100)]
        return grpc.aio.secure_channel(self.endpoint, grpc.ssl_channel_credentials(self.ca), options=options)

    async def ask(self, channel: grpc.aio.Channel, name: str, /, **fields: Any) -> Any:
        """Raises Refused."""
        try:
            return await self.call(channel, name, RPCS[name].request(**fields))
        except grpc.aio.AioRpcError as error:
            raise refused(error) from error

    async def call(self, channel: grpc.aio.Channel, name: str, *requests: object) -> object:
        rpc = RPCS[name]
        kind = channel.stream_unary if rpc.sends_stream else channel.unary_unary
        method = kind(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (("authorization", f"Bearer {self.token}"),)
        message = iter(requests) if rpc.sends_stream else requests[0]
        return await method(message, metadata=metadata, timeout=60, wait_for_ready=True)  # type: ignore[arg-type]
