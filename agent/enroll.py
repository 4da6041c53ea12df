"""Makes this machine a host: `stead-agent join`.

Keys and requests are on disk before the control plane is asked, and the same request may be repeated there: whatever
crashes in between, the same command run again finishes the job.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from agent.channel import OldEnrollment, enrollment, is_unknown
from agent.files import write_durably
from agent.identity import (
    ControlPair,
    DataPlane,
    Host,
    Identity,
    IdentityError,
    IdentityStore,
    Pair,
    Request,
    make_request,
)
from stead.agent.v1 import session_pb2 as pb

_PREFIX = "stead-join-"
_JOIN_DEADLINE_S = 30.0
REQUESTS = ("control", "data-client", "data-server")


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What the control plane hands out for one new host."""

    endpoint: str  # Host and port of the control plane's API.
    ca: str  # PEM: who must have signed the certificate that is found there.
    secret: str
    roles: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "JoinToken":
        try:
            body = json.loads(base64.urlsafe_b64decode(_padded(text.strip().removeprefix(_PREFIX))))
            return cls(str(body["endpoint"]), str(body["ca"]), str(body["secret"]), tuple(body.get("roles", ())))
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise IdentityError(f"this is no join token: it begins with {_PREFIX!r}; copy it whole") from error


async def join(token: JoinToken, host_name: str, underlay_address: str, store: IdentityStore) -> Host:
    """Ask for certificates and store them. Raises IdentityError when that can't be, saying why."""
    if store.is_joined():
        host_id = store.load().host.host_id
        raise IdentityError(
            f"this machine is {host_id} already; to join it anew, remove the host from its control plane, "
            f"stop its agent, then delete {store.directory}"
        )
    requests = {name: _request(store.directory, name, host_name) for name in REQUESTS}
    issued = await _ask(
        token,
        pb.JoinRequest(
            secret=token.secret,
            control_csr=requests["control"].csr,
            data_client_csr=requests["data-client"].csr,
            data_server_csr=requests["data-server"].csr,
            host_name=host_name,
            underlay_address=underlay_address,
        ),
    )
    host = Host(issued.host_id, issued.agent_endpoint, underlay_address, token.roles)
    store.save(*_identity(host, requests, issued.certificates))
    for name in REQUESTS:
        for path in _request_paths(store.directory, name):
            path.unlink()
    return host


def _identity(host: Host, requests: Mapping[str, Request], issued: pb.Certificates) -> tuple[Identity, DataPlane]:
    control = ControlPair(requests["control"].key, issued.control_certificate)
    data = DataPlane(
        issued.data_ca_certificate,
        Pair(requests["data-client"].key, issued.data_client_certificate),
        Pair(requests["data-server"].key, issued.data_server_certificate),
    )
    return Identity(host, control, issued.ca_certificate), data


async def _ask(token: JoinToken, request: pb.JoinRequest) -> pb.JoinResponse:
    credentials = grpc.ssl_channel_credentials(root_certificates=token.ca.encode())
    async with grpc.aio.secure_channel(token.endpoint, credentials) as channel:
        try:
            return await _join(channel, request)
        except grpc.aio.AioRpcError as error:
            raise IdentityError(
                f"{token.endpoint} did not let this machine join: {error.details()} ({error.code().name})"
            ) from error


async def _join(channel: grpc.aio.Channel, request: pb.JoinRequest) -> pb.JoinResponse:
    try:
        reply: pb.JoinResponse = await enrollment(channel).Join(request, timeout=_JOIN_DEADLINE_S)
    except grpc.aio.AioRpcError as error:
        if not is_unknown(error):
            raise
        reply = await OldEnrollment(channel).Join(request, timeout=_JOIN_DEADLINE_S)
    return reply


def _request(directory: Path, name: str, host_name: str) -> Request:
    """The request of an earlier try, or a new one, durable before anyone sees it."""
    path, key_path = _request_paths(directory, name)
    if not path.exists():
        request = make_request(host_name)
        write_durably(key_path, request.key)
        write_durably(path, request.csr)
    return Request(key_path.read_bytes(), path.read_bytes())


def _request_paths(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / f"join-{name}.csr", directory / f"join-{name}-key.pem"


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
