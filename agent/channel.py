"""Opens connections to the agents' endpoint, with this host's certificate."""

from typing import Any

import grpc

from agent.identity import Identity
from stead.v1 import agent_pb2_grpc as pb_grpc

# A ping after this long without a word, and how long its answer may take: a control plane that vanished without a
# good-bye is noticed within their sum. The server must allow pings this often
# (`grpc.http2.min_recv_ping_interval_without_data_ms`), or it hangs up on us.
_KEEPALIVE_S = 15
_KEEPALIVE_TIMEOUT_S = 10

_OPTIONS = (
    ("grpc.keepalive_time_ms", _KEEPALIVE_S * 1000),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_S * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", -1),  # A snapshot is as large as what the host has.
    ("grpc.use_local_subchannel_pool", 1),  # A new channel is a new connection, with the certificate of now.
)


def open_channel(identity: Identity) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.ca_certificate,
        private_key=identity.control.key,
        certificate_chain=identity.control.certificate,
    )
    return grpc.aio.secure_channel(identity.host.agent_endpoint, credentials, options=_OPTIONS)


def agents(channel: grpc.aio.Channel) -> Any:
    """The generated stub of the Agents service, which has no types."""
    stub: Any = pb_grpc.AgentsStub
    return stub(channel)


def enrollment(channel: grpc.aio.Channel) -> Any:
    """The generated stub of the Enrollment service, which has no types."""
    stub: Any = pb_grpc.EnrollmentStub
    return stub(channel)
