"""A control plane in this process, composed as the daemon is, and a client that can call any method by its name."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from importlib import import_module
from ipaddress import IPv4Address
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Self

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

import stead.v1
from controlplane import ca
from controlplane.api.caller import Edge
from controlplane.api.certificate import ServerCertificate
from controlplane.api.projects import new_secret
from controlplane.api.server import Endpoints, agent_server, user_server
from controlplane.authorities import Authorities
from controlplane.ids import Prefix, mint
from controlplane.journal import Journal
from controlplane.model.host import Host, HostRole
from controlplane.model.instance import ObservedKind
from controlplane.model.policy import Patience
from controlplane.model.project import Role
from controlplane.model.state import Change
from controlplane.reconcile.absorb import absorb, settle
from controlplane.service import projects, regions
from controlplane.service.call import Call
from controlplane.service.features import Feature
from controlplane.sessions import Sessions
from controlplane.store.store import Store
from controlplane.uploads import Uploads
from stead.agent.v1 import session_pb2
from stead.v1 import images_pb2
from stead.v1.common_pb2 import ErrorDetail
from tests.unit.region import NAME, POLICY, Agent
from tests.unit.told import shall_have

# Tests are in a hurry.
LIMITS: dict[str, Any] = {
    "elastic_addresses": 50,
    "vpcs": 50,
    "internet_gateways": 50,
    "reads_burst": 100_000,
    "changes_burst": 100_000,
    "compute_ms_per_s": 100_000,
}

_USER_FILES = [
    import_module(f"stead.v1.{found.name}")
    for found in iter_modules(stead.v1.__path__)
    if found.name.endswith("_pb2") and found.name != "agent_pb2"  # Of earlier versions' agents.
]


@dataclass(frozen=True)
class Rpc:
    """One method, out of its descriptor."""

    service: str
    name: str
    request: Any
    response: Any
    sends_stream: bool
    receives_stream: bool

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def is_mutating(self) -> bool:
        return self.name == "ImportImage" or "client_token" in self.request.DESCRIPTOR.fields_by_name


def rpcs(files: Iterable[Any]) -> dict[str, Rpc]:
    methods = [
        method for file in files for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
    ]
    return {
        method.name: Rpc(
            method.containing_service.full_name,
            method.name,
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
            method.client_streaming,
            method.server_streaming,
        )
        for method in methods
    }


RPCS = rpcs(_USER_FILES)
AGENT_RPCS = rpcs([session_pb2])


class Refused(Exception):
    """A call that failed: gRPC's status, our detail, None where there is none, and the field to blame."""

    def __init__(self, status: grpc.StatusCode, detail: ErrorDetail | None, text: str, field: str = "") -> None:
        super().__init__(f"{status.name}: {text}")
        self.status = status
        self.detail = detail
        self.code = detail.code if detail else ""
        self.field = field


def refused(error: grpc.aio.AioRpcError) -> Refused:
    metadata: Any = error.trailing_metadata() or ()
    for key, value in metadata:
        if key == "grpc-status-details-bin":
            status, detail = Status.FromString(value), ErrorDetail()
            assert status.code == error.code().value[0]
            assert status.details[0].Unpack(detail)
            wrong = BadRequest()
            fields = [wrong.field_violations[0].field for packed in status.details if packed.Unpack(wrong)]
            return Refused(error.code(), detail, error.details() or "", *fields)
    return Refused(error.code(), None, error.details() or "")


def limited(**limits: int) -> pytest.MarkDecorator:
    """Of a test: its control plane has these limits."""
    return pytest.mark.parametrize("cloud", [pytest.param(limits, id="limited")], indirect=True)


class ControlPlane:
    """Serves until the end of the test. `secrets` has a token for each role of the project."""

    def __init__(self, directory: Path, journal: Journal, **limits: Any) -> None:
        self.journal = journal
        self._skew = timedelta()
        self.policy = replace(POLICY, **{**LIMITS, **limits})
        self.uploads = Uploads(directory / "images")
        self.images = directory / "images"
        self.authority = ca.create(NAME, self.clock())
        patience, seal = Patience(timedelta(days=1), timedelta(days=1)), partial(ca.seal, self.authority)
        self.sessions = Sessions(journal, NAME, patience, self.clock, seal)
        self.edge = Edge(journal, self.sessions, self.policy, self.clock)
        self.data_authority = ca.create_data(NAME, self.clock())
        self.secrets: dict[Role, str] = {}
        self.project_id = ""
        self.agents: dict[str, Agent] = {}
        self._channels: dict[str, grpc.aio.Channel] = {}

    def clock(self) -> datetime:
        return datetime.now(UTC) + self._skew

    def pass_time(self, time: timedelta) -> None:
        self._skew += time

    @classmethod
    @asynccontextmanager
    async def serving(cls, directory: Path, **limits: Any) -> AsyncIterator[Self]:
        store = Store.open(f"sqlite:///{directory}/controlplane.db")
        store.migrate()
        cloud = cls(directory, Journal(store, lambda: datetime.now(UTC)), **limits)
        ports = free_ports(2)
        endpoints = cloud._endpoints(*(f"127.0.0.1:{port}" for port in ports))
        cloud.endpoints = endpoints
        servers = [
            await user_server(cloud.edge, cloud.uploads, endpoints),
            agent_server(cloud.edge, cloud.uploads, endpoints),
        ]
        cloud.servers = servers
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(cloud.journal.run())
            await cloud._populate()
            for server in servers:
                await server.start()
            yield cloud
            for channel in cloud._channels.values():
                await channel.close(None)
            for server in servers:
                await server.stop(0)
            writer.cancel()
        store.close()

    def _endpoints(self, users: str, agents: str) -> Endpoints:
        issue = partial(ca.issue_server, self.authority, ["localhost"], ["127.0.0.1"])
        certificate = ServerCertificate(issue, self.clock)
        return Endpoints(users, agents, users, agents, certificate, Authorities(self.authority, self.data_authority))

    endpoints: Endpoints
    servers: list[grpc.aio.Server]

    async def _populate(self) -> None:
        await self.do(regions.sync)
        self.project_id = await self.do(projects.create, "default")
        self.secrets = {role: await self.token(role) for role in Role}

    async def do(self, use_case: Any, *request: Any) -> Any:
        """A use case, past the API."""
        call = Call(self.project_id, Role.ADMIN, self.clock(), mint, self.policy, self.sessions)
        return await self.journal.call(lambda state: use_case(state, call, *request), lambda state, result: result)

    async def token(self, role: Role, project_id: str = "") -> str:
        secret = new_secret()
        request = projects.CreateToken(project_id or self.project_id, role, projects.hash_secret(secret))
        await self.do(projects.create_token, request)
        return secret

    @property
    def revision(self) -> int:
        return self.journal.state.revision

    def channel(self, endpoint: str = "", credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
        """One for each endpoint; a new one where credentials are given."""
        endpoint = endpoint or self.endpoints.listen
        if credentials is None and endpoint in self._channels:
            return self._channels[endpoint]
        credentials = credentials or grpc.ssl_channel_credentials(self.authority.certificate)
        channel = grpc.aio.secure_channel(endpoint, credentials)
        self._channels[f"{endpoint}#{len(self._channels)}" if endpoint in self._channels else endpoint] = channel
        return channel

    def start(
        self, rpc: Rpc, *requests: Any, secret: str | None = None, channel: grpc.aio.Channel | None = None
    ) -> Any:
        """The call as gRPC's own object. `secret` empty: no token."""
        secret = self.secrets[Role.ADMIN] if secret is None else secret
        kind = ("stream_" if rpc.sends_stream else "unary_") + ("stream" if rpc.receives_stream else "unary")
        method = getattr(channel or self.channel(), kind)(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.response.FromString
        )
        metadata = (("authorization", f"Bearer {secret}"),) if secret else ()
        return method(_sent(requests) if rpc.sends_stream else requests[0], metadata=metadata, timeout=30)

    async def call(self, name: str, *requests: Any, **options: Any) -> Any:
        """The response, or the first of a stream of them; raises Refused. Without a request: an empty one."""
        rpc = RPCS.get(name) or AGENT_RPCS[name]
        call = self.start(rpc, *(requests or (rpc.request(),)), **options)
        try:
            if not rpc.receives_stream:
                return await call
            response = await call.read()
            call.cancel()
            return response
        except grpc.aio.AioRpcError as error:
            raise refused(error) from error

    async def ask(self, name: str, /, secret: str | None = None, **fields: Any) -> Any:
        """`call` with the request's fields."""
        return await self.call(name, RPCS[name].request(**fields), secret=secret)

    async def add_host(
        self, zone: str = "home-1a", vcpus: int = 256, memory_mib: int = 1 << 20, *, is_away: bool = False
    ) -> str:
        number = len(self.journal.state.hosts) + 1
        host_id, roles, now = mint(Prefix.HOST), tuple(HostRole), self.clock()
        address = str(IPv4Address("10.0.0.0") + number)
        host = Host(
            host_id,
            number,
            f"metal-{number}",
            zone,
            roles,
            address,
            now,
            "",
            vcpus,
            memory_mib,
            1000,
            features=(Feature.NAT_GATEWAYS, Feature.INTERFACES),
        )
        change = Change()
        change.put(replace(host, last_seen_at=now, is_away=is_away))  # Before this process began: it may come back.
        change.put(*(replace(row, host_id=host_id) for row in self.journal.state.internet_gateways if not row.host_id))
        self.journal.apply(change)
        await self.journal.drain()
        if not is_away:
            self.agents[host_id] = Agent(host_id)
        return host_id

    async def converge(self) -> None:
        """The simulated agents do what they shall and report, until nothing changes."""
        before = -1
        while before != self.revision:
            before = self.revision
            for host_id, agent in self.agents.items():
                state, answered = self.journal.state, self.revision
                agent.take(shall_have(state, host_id))
                self.journal.apply(absorb(state, agent.report()))
                self.journal.apply(settle(state, host_id, dict.fromkeys(ObservedKind, answered), self.clock()))
        await self.journal.drain()

    async def import_image(self, name: str = "tiny", secret: str | None = None, **changes: Any) -> str:
        reply = await self.call("ImportImage", *upload(name=name, **changes), secret=secret)
        return str(reply.image.image_id)


async def _sent(requests: Iterable[Any]) -> AsyncIterator[Any]:
    """As a good client does: what is refused because of the first is heard of before the next is sent."""
    for request in requests:
        yield request
        await asyncio.sleep(0.05)


def upload(content: bytes = b"\0" * 1024, **header: Any) -> list[Any]:
    """The messages of an ImportImage."""
    values = {"name": "tiny", "format": "raw", "size_bytes": len(content), "sha256": sha256(content).hexdigest()}
    first = images_pb2.ImportImageRequest(header=images_pb2.ImportImageHeader(**{**values, **header}))
    step = max(512, len(content) // 4)
    parts = [content[start : start + step] for start in range(header.get("offset", 0), len(content), step)]
    return [first, *(images_pb2.ImportImageRequest(chunk=part) for part in parts)]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nobody tells us of."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
