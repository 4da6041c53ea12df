"""Opens connections to the agents' endpoint, with this host's certificate, and finds the services there.

A control plane that is one version older has those of `stead.v1` alone, and says UNIMPLEMENTED to ours. Their messages,
but for the session's, are the same.
"""

import asyncio
import socket
from typing import Any

import grpc

from agent.identity import Identity
from stead.agent.v1 import session_pb2 as pb
from stead.agent.v1 import session_pb2_grpc as pb_grpc
from stead.v1 import agent_pb2 as old_pb

# A ping after this long without a word, and how long its answer may take: a control plane that vanished without a
# good-bye is noticed within their sum. The server must allow pings this often
# (`grpc.http2.min_recv_ping_interval_without_data_ms`), or it hangs up on us.
_KEEPALIVE_S = 15
_KEEPALIVE_TIMEOUT_S = 10

# For the other side to accept a connection at one of its addresses. Where nobody answers, the kernel asks again after
# 1, 3, 7 and 15 s, and gRPC waits for it: when the network is whole again, that is late. Shorter: a slow line looks
# like none.
_ACCEPT_S = 2.0

_OPTIONS = (
    ("grpc.keepalive_time_ms", _KEEPALIVE_S * 1000),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_S * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", -1),  # A snapshot is as large as what the host has.
    ("grpc.use_local_subchannel_pool", 1),  # A new channel is a new connection, with the certificate of now.
)


async def knock(endpoint: str) -> None:
    """See that somebody listens at `host:port`, by one of its addresses. Raises OSError, which TimeoutError is."""
    host, _, port = endpoint.rpartition(":")
    loop = asyncio.get_running_loop()
    failure = OSError("it has no address")
    for *_, address in await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
        try:
            async with asyncio.timeout(_ACCEPT_S):
                _, writer = await asyncio.open_connection(*address[:2])
        except OSError as error:
            failure = error
        else:
            writer.close()
            return
    raise failure


def open_channel(identity: Identity) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.ca_certificate,
        private_key=identity.control.key,
        certificate_chain=identity.control.certificate,
    )
    return grpc.aio.secure_channel(identity.host.agent_endpoint, credentials, options=_OPTIONS)


def is_unknown(error: grpc.aio.AioRpcError) -> bool:
    """Whether the control plane knows nothing of the service that was called."""
    return error.code() is grpc.StatusCode.UNIMPLEMENTED


def agents(channel: grpc.aio.Channel) -> Any:
    """The generated stub of the Agents service, which has no types."""
    stub: Any = pb_grpc.AgentsStub
    return stub(channel)


def enrollment(channel: grpc.aio.Channel) -> Any:
    """The generated stub of the Enrollment service, which has no types."""
    stub: Any = pb_grpc.EnrollmentStub
    return stub(channel)


class OldAgents:
    """The Agents service of `stead.v1`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        service = "/stead.v1.Agents"
        self.Session: Any = channel.stream_stream(
            f"{service}/Session", old_pb.AgentMessage.SerializeToString, old_pb.ControlMessage.FromString
        )
        self.RenewCertificates: Any = channel.unary_unary(
            f"{service}/RenewCertificates",
            pb.RenewCertificatesRequest.SerializeToString,
            pb.RenewCertificatesResponse.FromString,
        )
        self.FetchImage: Any = channel.unary_stream(
            f"{service}/FetchImage", pb.FetchImageRequest.SerializeToString, pb.FetchImageResponse.FromString
        )


class OldEnrollment:
    """The Enrollment service of `stead.v1`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.Join: Any = channel.unary_unary(
            "/stead.v1.Enrollment/Join", pb.JoinRequest.SerializeToString, pb.JoinResponse.FromString
        )
