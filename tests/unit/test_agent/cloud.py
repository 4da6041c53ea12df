"""A control plane for tests of the agent: real TLS, real gRPC, and nothing behind it."""

import asyncio
import base64
import hashlib
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.convert import from_wire, update_to_wire
from agent.messages import Update
from stead.agent.v1 import session_pb2 as pb
from stead.agent.v1 import session_pb2_grpc as pb_grpc
from stead.v1 import agent_pb2 as old_pb

T = TypeVar("T", bound="Cloud")


class Ca:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stead test CA")])
        builder = self._builder(self.name, self.key.public_key(), timedelta(days=1))
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = builder.add_extension(basic, critical=True).sign(self.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def _builder(self, subject: x509.Name, key: Any, life: timedelta, age: timedelta = timedelta(0)) -> Any:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - age - timedelta(minutes=1)).not_valid_after(now - age + life)

    def sign(self, csr: bytes, name: str, life: timedelta = timedelta(hours=1), age: timedelta = timedelta(0)) -> bytes:
        request = x509.load_pem_x509_csr(csr)
        assert request.is_signature_valid
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = self._builder(subject, request.public_key(), life, age).add_extension(address, critical=False)
        signed: x509.Certificate = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    def server_pair(self) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(self.name).sign(key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem, self.sign(csr.public_bytes(serialization.Encoding.PEM), "server")


class Cloud(pb_grpc.EnrollmentServicer, pb_grpc.AgentsServicer):
    """What arrives lands in `inbox`; what is sent is called for."""

    def __init__(self) -> None:
        self.ca, self.data_ca = Ca(), Ca()
        self.life = timedelta(hours=1)  # Of control certificates.
        self.age = timedelta(0)  # What they have behind them when they are issued.
        self.joins: list[pb.JoinRequest] = []
        self.renewals: list[pb.RenewCertificatesRequest] = []
        self.sessions: list[asyncio.Queue[pb.ControlMessage | None]] = []
        self.peers: list[str] = []  # Common names of the certificates that sessions came with.
        self.inbox: list[Any] = []
        self.images: dict[str, bytes] = {}
        self.greeting: tuple[Any, ...] = (pb.ControlMessage(welcome=pb.Welcome(protocol=1)),)
        self.api_port = 0
        self.agent_port = 0
        self.server: grpc.aio.Server

    def token(self, secret: str = "s3cret", roles: tuple[str, ...] = ("compute", "storage", "gateway")) -> str:
        body = {"endpoint": f"127.0.0.1:{self.api_port}", "ca": self.ca.pem.decode(), "secret": secret, "roles": roles}
        return "stead-join-" + base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")

    async def start(self) -> None:
        self.server = grpc.aio.server(options=[("grpc.http2.min_recv_ping_interval_without_data_ms", 5000)])
        self._register(self.server)
        pair = self.ca.server_pair()
        plain = grpc.ssl_server_credentials([pair])
        mutual = grpc.ssl_server_credentials([pair], self.ca.pem, require_client_auth=True)
        self.api_port = self.server.add_secure_port(f"127.0.0.1:{self.api_port}", plain)
        self.agent_port = self.server.add_secure_port(f"127.0.0.1:{self.agent_port}", mutual)
        await self.server.start()

    def _register(self, server: grpc.aio.Server) -> None:
        pb_grpc.add_EnrollmentServicer_to_server(self, server)
        pb_grpc.add_AgentsServicer_to_server(self, server)

    async def stop(self) -> None:
        await self.server.stop(grace=None)

    def send(self, update: Update) -> None:
        self.sessions[-1].put_nowait(pb.ControlMessage(update=update_to_wire(update)))

    def ask_console(self, instance_id: str, request_id: int = 1) -> None:
        request = pb.ConsoleRequest(request_id=request_id, instance_id=instance_id, max_bytes=100)
        self.sessions[-1].put_nowait(pb.ControlMessage(console_request=request))

    def hang_up(self) -> None:
        self.sessions[-1].put_nowait(None)

    def got(self, kind: type) -> list[Any]:
        return [message for message in self.inbox if isinstance(message, kind)]

    # The services

    async def Join(self, request: pb.JoinRequest, context: Any) -> pb.JoinResponse:
        self.joins.append(request)
        if request.secret != "s3cret":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this token was used already")
        certificates = pb.Certificates(
            control_certificate=self.ca.sign(request.control_csr, "host-1", self.life, self.age),
            ca_certificate=self.ca.pem,
            **self._data(request),
        )
        endpoint = f"127.0.0.1:{self.agent_port}"
        return pb.JoinResponse(host_id="host-1", agent_endpoint=endpoint, certificates=certificates)

    async def RenewCertificates(self, request: Any, context: Any) -> pb.RenewCertificatesResponse:
        self.renewals.append(request)
        signed = self.ca.sign(request.control_csr, "host-1")
        data = self._data(request) if request.data_client_csr else {}
        return pb.RenewCertificatesResponse(
            certificates=pb.Certificates(control_certificate=signed, ca_certificate=self.ca.pem, **data)
        )

    def _data(self, request: Any) -> dict[str, bytes]:
        return {
            "data_client_certificate": self.data_ca.sign(request.data_client_csr, "host-1"),
            "data_server_certificate": self.data_ca.sign(request.data_server_csr, "host-1"),
            "data_ca_certificate": self.data_ca.pem,
        }

    async def Session(self, messages: Any, context: Any) -> AsyncIterator[pb.ControlMessage]:
        self.peers.append(context.auth_context()["x509_pem_cert"][0].decode())
        queue: asyncio.Queue[pb.ControlMessage | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read(messages))
            self.sessions.append(queue)
            for message in self.greeting:
                yield message
            while message := await queue.get():
                yield message
            reader.cancel()
        await context.abort(grpc.StatusCode.CANCELLED, "as a busy server does")

    async def _read(self, messages: Any) -> None:
        async for message in messages:
            self.inbox.append(from_wire(getattr(message, message.WhichOneof("body"))))

    async def SignIdentities(self, request: Any, context: Any) -> pb.SignIdentitiesResponse:
        ids = request.instance_ids
        return pb.SignIdentitiesResponse(
            identities=[
                pb.Identity(instance_id=id, generation=3, document=b"{}", signature="s", pkcs7="p") for id in ids
            ]
        )

    async def FetchImage(self, request: Any, context: Any) -> AsyncIterator[pb.FetchImageResponse]:
        if request.image_id not in self.images:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no image {request.image_id}")
        data = self.images[request.image_id]
        for start in range(0, len(data), 1 << 16):
            yield pb.FetchImageResponse(chunk=data[start : start + (1 << 16)])


class OldCloud(Cloud):
    """One of the version before, with the services of `stead.v1` alone. Its inbox has messages as they came."""

    def __init__(self) -> None:
        super().__init__()
        self.greeting = ()

    def _register(self, server: grpc.aio.Server) -> None:
        """What is the same in both versions is served as in the new one."""
        join = grpc.unary_unary_rpc_method_handler(
            self.Join, pb.JoinRequest.FromString, pb.JoinResponse.SerializeToString
        )
        renew = grpc.unary_unary_rpc_method_handler(
            self.RenewCertificates,
            pb.RenewCertificatesRequest.FromString,
            pb.RenewCertificatesResponse.SerializeToString,
        )
        fetch = grpc.unary_stream_rpc_method_handler(
            self.FetchImage, pb.FetchImageRequest.FromString, pb.FetchImageResponse.SerializeToString
        )
        session = grpc.stream_stream_rpc_method_handler(
            self.Session, old_pb.AgentMessage.FromString, old_pb.ControlMessage.SerializeToString
        )
        agents = {"RenewCertificates": renew, "Session": session, "FetchImage": fetch}
        services = {"stead.v1.Enrollment": {"Join": join}, "stead.v1.Agents": agents}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(*each) for each in services.items()])

    async def _read(self, messages: Any) -> None:
        async for message in messages:
            self.inbox.append(getattr(message, message.WhichOneof("body")))

    def play(self, message: old_pb.ControlMessage) -> None:
        self.sessions[-1].put_nowait(message)  # type: ignore[arg-type]


@asynccontextmanager
async def running_cloud(kind: type[T]) -> AsyncIterator[T]:
    cloud = kind()
    await cloud.start()
    try:
        yield cloud
    finally:
        await cloud.stop()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
