"""A control plane that answers what a test tells it to: a real gRPC server on TLS, with nothing behind it."""

import asyncio
import datetime
import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from typer.testing import Result

import stead.v1
from stead.v1.common_pb2 import ErrorDetail

FILES = [
    import_module(f"stead.v1.{found.name}") for found in iter_modules(stead.v1.__path__) if found.name.endswith("_pb2")
]
TOKEN = "secret-of-the-caller"

Stead = Callable[..., Result]  # Runs `stead` with these arguments.


class Refusal(Exception):
    """What an answer raises to fail a call; without a code the call fails as gRPC itself fails one."""

    def __init__(
        self,
        status: grpc.StatusCode,
        code: str = "",
        message: str = "No.",
        retry_after_s: float | None = None,
        field: str = "",
        **detail: Any,
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self.field = field
        self.message = message
        self.detail = ErrorDetail(code=code, message=message, **detail) if code else None


@dataclass
class Cloud:
    """`answers` maps a method's name to a reply, a list of them (one for each call), or a function of the request."""

    config: Path = Path()
    ca: str = ""
    endpoint: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    watched: list[Any] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    # Streams say nothing before this is set.
    may_stream: threading.Event = field(default_factory=threading.Event)

    def asked(self, method: str) -> list[Any]:
        """The requests of that method, in order."""
        return [request for name, request in self.requests if name == method]

    def answer(self, method: str, request: Any) -> Any:
        self.requests.append((method, request))
        answer = self.answers[method]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Refusal):
            raise answer
        return answer


async def refuse(context: Any, refusal: Refusal) -> None:
    if refusal.detail is None:
        await context.abort(refusal.status, refusal.message)
        return
    packed = Packed()
    packed.Pack(refusal.detail)
    status = Status(code=refusal.status.value[0], message=refusal.message, details=[packed])
    if refusal.retry_after_s is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(round(refusal.retry_after_s * 1000))
        status.details.add().Pack(retry)
    if refusal.field:
        violation = BadRequest.FieldViolation(field=refusal.field)
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    await context.abort_with_status(rpc_status.to_status(status))


def handlers(cloud: Cloud) -> list[Any]:
    """Every method of every service, by the descriptors."""
    services = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
    return [
        grpc.method_handlers_generic_handler(
            service.full_name, {method.name: handler(cloud, method) for method in service.methods}
        )
        for service in services
    ]


def handler(cloud: Cloud, method: Any) -> Any:
    async def unary(request: Any, context: Any) -> Any:
        cloud.tokens.add(dict(context.invocation_metadata())["authorization"])
        try:
            return cloud.answer(method.name, request)
        except Refusal as refusal:
            await refuse(context, refusal)

    async def upload(requests: Any, context: Any) -> Any:
        return await unary([request async for request in requests], context)

    async def stream(request: Any, context: Any) -> Any:
        cloud.watched.append(request)
        await asyncio.to_thread(cloud.may_stream.wait)
        events = cloud.answers.get(method.name, [])
        for event in events(request) if callable(events) else events:
            if isinstance(event, Refusal):
                await refuse(context, event)
            yield event
        if cloud.answers.get("stay", True):
            await asyncio.Event().wait()

    codecs: dict[str, Any] = {
        "request_deserializer": GetMessageClass(method.input_type).FromString,
        "response_serializer": GetMessageClass(method.output_type).SerializeToString,
    }
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, **codecs)
    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(upload, **codecs)
    return grpc.unary_unary_rpc_method_handler(unary, **codecs)


@dataclass(frozen=True)
class Certificates:
    ca: bytes
    certificate: bytes
    key: bytes


def make_certificates() -> Certificates:
    """A CA, and a server's certificate for this machine."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])
    ca = sign(name, ca_key.public_key(), name, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = sign(x509.Name([]), key.public_key(), name, ca_key, address)
    pem = serialization.Encoding.PEM
    pkcs8 = serialization.PrivateFormat.PKCS8
    return Certificates(
        ca.public_bytes(pem),
        server.public_bytes(pem),
        key.private_bytes(pem, pkcs8, serialization.NoEncryption()),
    )


def sign(subject: x509.Name, key: Any, issuer: x509.Name, issuer_key: Any, extension: Any) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    day = datetime.timedelta(days=1)
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    return builder.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())


def write_config(path: Path, endpoint: str, ca: str) -> None:
    path.write_text(f"endpoint = '{endpoint}'\ntoken = '{TOKEN}'\nca = '''{ca}'''\n")
    path.chmod(0o600)
