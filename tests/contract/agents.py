"""Machines that join, and what stands in for their agents."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controlplane import ca
from stead.agent.v1 import session_pb2 as pb
from tests.contract.control_plane import AGENT_RPCS, ControlPlane, until


@dataclass(frozen=True)
class Request:
    """A key, and a certificate request that it signed."""

    key: bytes
    csr: bytes


def certificate_request() -> Request:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Request(pem, csr.public_bytes(Encoding.PEM))


class Machine:
    """One that joins. `control`, `client` and `server` are its keys with their certificates, once it has."""

    def __init__(self, address: str = "10.0.0.1") -> None:
        self.requests = certificate_request(), certificate_request(), certificate_request()
        self.address = address
        self.host_id = ""
        self.control = self.client = self.server = ca.Credentials(b"", b"")

    def join_request(self, secret: str) -> pb.JoinRequest:
        control, client, server = self.requests
        return pb.JoinRequest(
            secret=secret,
            control_csr=control.csr,
            data_client_csr=client.csr,
            data_server_csr=server.csr,
            host_name="metal",
            underlay_address=self.address,
        )

    async def join(self, cloud: ControlPlane, secret: str) -> pb.JoinResponse:
        reply: pb.JoinResponse = await cloud.call("Join", self.join_request(secret), secret="")
        self.admit(reply)
        return reply

    def admit(self, reply: pb.JoinResponse) -> None:
        control, client, server = self.requests
        self.host_id = reply.host_id
        self.control = ca.Credentials(reply.certificates.control_certificate, control.key)
        self.client = ca.Credentials(reply.certificates.data_client_certificate, client.key)
        self.server = ca.Credentials(reply.certificates.data_server_certificate, server.key)


async def join_secret(cloud: ControlPlane, **fields: Any) -> str:
    reply = await cloud.ask("CreateHostToken", **{"zone_name": "home-1a", "roles": [1, 2, 3], **fields})
    content = json.loads(base64.urlsafe_b64decode(reply.token.removeprefix("stead-join-")))
    assert content["endpoint"] == cloud.endpoints.listen
    assert content["ca"].encode() == cloud.authority.certificate
    return str(content["secret"])


async def joined(cloud: ControlPlane) -> Machine:
    machine = Machine(f"10.0.0.{len(cloud.journal.state.hosts) + 1}")
    await machine.join(cloud, await join_secret(cloud))
    return machine


def agent_channel(cloud: ControlPlane, credentials: ca.Credentials | None) -> grpc.aio.Channel:
    own = (credentials.key, credentials.certificate) if credentials else (None, None)
    tls = grpc.ssl_channel_credentials(cloud.authority.certificate, *own)
    return cloud.channel(cloud.endpoints.agents_listen, tls)


class Stream:
    """An agent's session."""

    rpc = AGENT_RPCS["Session"]

    def __init__(self, cloud: ControlPlane, machine: Machine) -> None:
        rpc = self.rpc
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        method = agent_channel(cloud, machine.control).stream_stream(
            rpc.path, rpc.request.SerializeToString, rpc.response.FromString
        )
        self.call: Any = method(self._messages())
        self.features: list[str] = []
        self.capacity = pb.Capacity(vcpus=64, memory_mib=1 << 16, storage_gib=100)

    async def _messages(self) -> AsyncIterator[Any]:
        while message := await self._queue.get():
            yield message

    def send(self, **body: Any) -> None:
        self._queue.put_nowait(self.rpc.request(**body))

    def hello(self, **said: Any) -> None:
        told: dict[str, Any] = {
            "agent_version": "1.0",
            "boot_id": "b",
            "capacity": self.capacity,
            "roles": ["HOST_ROLE_COMPUTE"],
            "features": ["route_tables"],
            "protocol": 1,
        }
        self.features = [name for name in said.get("features", ()) if name == "packed"]
        self.send(hello=pb.Hello(**{**told, **said}))

    def heartbeat(self, **capacity: Any) -> None:
        self.send(heartbeat=pb.Heartbeat(capacity=pb.Capacity(**capacity) if capacity else self.capacity))

    async def next(self) -> Any:
        """The next message; the welcome is looked at and passed over."""
        async with asyncio.timeout(30):
            message = await self.call.read()
            if message and message.WhichOneof("body") == "welcome":
                assert (message.welcome.protocol, list(message.welcome.features)) == (1, self.features)
                message = await self.call.read()
            return message

    async def update(self) -> pb.Update:
        """The next update, all its messages; it is answered."""
        update: pb.Update = (await self.next()).update
        message = update
        while message.more:
            message = (await self.next()).update
            assert (message.authority, message.snapshot, message.left) == (
                update.authority,
                update.snapshot,
                update.left,
            )
            update.packed.extend(message.packed)
            update.scopes.extend(message.scopes)
        self.send(report=pb.Report(revision=update.authority.revision))
        return update


async def connected(cloud: ControlPlane) -> tuple[Machine, Stream]:
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello()
    assert (await stream.update()).snapshot
    await until(lambda: cloud.journal.state.hosts[machine.host_id].vcpus == 64)
    await cloud.journal.drain()
    return machine, stream


async def ended(stream: Stream) -> bool:
    while await stream.next():
        pass
    return True
