"""`Stead`, the asynchronous Python client: one stub per service on one TLS channel.

    async with Stead(load(None, os.environ)) as stead:
        reply = await stead.instances.RunInstances(RunInstancesRequest(image_id="ami-..."))

Every call raises `SteadError`, and nothing of gRPC's.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import grpc

from client.calls import Streams, UnaryCalls, Uploads
from client.config import Config
from client.errors import ConfigError
from stead.v1.addresses_pb2_grpc import AddressesStub
from stead.v1.audit_pb2_grpc import AuditStub
from stead.v1.events_pb2_grpc import EventsStub
from stead.v1.hosts_pb2_grpc import HostsStub
from stead.v1.images_pb2_grpc import ImagesStub
from stead.v1.instance_types_pb2_grpc import InstanceTypesStub
from stead.v1.instances_pb2_grpc import InstancesStub
from stead.v1.key_pairs_pb2_grpc import KeyPairsStub
from stead.v1.network_interfaces_pb2_grpc import NetworkInterfacesStub
from stead.v1.prefix_lists_pb2_grpc import PrefixListsStub
from stead.v1.projects_pb2_grpc import ProjectsStub
from stead.v1.regions_pb2_grpc import RegionsStub
from stead.v1.security_groups_pb2_grpc import SecurityGroupsStub
from stead.v1.tags_pb2_grpc import TagsStub
from stead.v1.volumes_pb2_grpc import VolumesStub
from stead.v1.vpcs_pb2_grpc import VpcsStub

OPTIONS = [
    # gRPC waits a second before it connects again, which would make our first retries void.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # One's own machines are not behind one's own web proxy.
    ("grpc.enable_http_proxy", 0),
    # Console output and long lists pass gRPC's 4 MiB.
    ("grpc.max_receive_message_length", -1),
]
PROBE_S = 3.0
# The answer is there. Longer: people wait for nothing. Shorter: a slow machine cuts calls off.
CLOSE_S = 5.0

# A reference of our own to gRPC's completion queue. When the last one goes, gRPC waits for its polling thread, and
# once in a few hundred times for ever (grpc/grpc issue 22365); so it goes with the process.
grpc.aio.init_grpc_aio()  # type: ignore[attr-defined]


class Stead:
    """A connection to one control plane, to be used with `async with`."""

    def __init__(self, config: Config) -> None:
        async def explain() -> str:
            return await why_unavailable(config)

        channel = grpc.aio.secure_channel(
            config.endpoint,
            _credentials(config),
            options=OPTIONS,
            interceptors=[UnaryCalls(explain), Uploads(explain), Streams(explain)],  # type: ignore[list-item]
        )

        def stub(kind: Any) -> Any:
            return kind(channel)

        self._channel = channel
        self.addresses = stub(AddressesStub)
        self.events = stub(EventsStub)
        self.hosts = stub(HostsStub)
        self.images = stub(ImagesStub)
        self.instance_types = stub(InstanceTypesStub)
        self.instances = stub(InstancesStub)
        self.key_pairs = stub(KeyPairsStub)
        self.network_interfaces = stub(NetworkInterfacesStub)
        self.prefix_lists = stub(PrefixListsStub)
        self.projects = stub(ProjectsStub)
        self.audit = stub(AuditStub)
        self.regions = stub(RegionsStub)
        self.security_groups = stub(SecurityGroupsStub)
        self.tags = stub(TagsStub)
        self.volumes = stub(VolumesStub)
        self.vpcs = stub(VpcsStub)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._channel.close(None)

    async def all_pages(self, describe: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        """Calls a Describe or List method to the end; returns one reply with what all pages hold.

        Its `revision` is the first page's: what a Watch has to go on from.
        """
        whole = page = await describe(request)
        revision = whole.revision
        while page.next_page_token:
            following = type(request)()
            following.CopyFrom(request)
            following.page_token = page.next_page_token
            page = await describe(following)
            whole.MergeFrom(page)
        whole.next_page_token, whole.revision = "", revision
        return whole


def _credentials(config: Config) -> grpc.ChannelCredentials:
    """The token goes with every call, over TLS only."""
    return grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(root_certificates=config.ca.encode()),
        grpc.access_token_call_credentials(config.token),
    )


async def why_unavailable(config: Config) -> str:
    """Why nobody answers at the endpoint, and what to do: gRPC only says that it could not connect, so we try here."""
    host, _, port = config.endpoint.rpartition(":")
    where = f"the control plane at {config.endpoint}"
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=_tls(config))
        writer.close()
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message.rstrip(".")
        return f"{where} is not the one that {config.source} knows: {reason}. Take endpoint and CA from the same cloud."
    except (ssl.SSLError, ConnectionResetError):
        return f"what answers at {config.endpoint} does not speak TLS. Is this the control plane's port?"
    except TimeoutError:
        return f"{where} does not answer. Is the address right, and is a firewall in between?"
    except OSError as error:
        reason = "connection refused" if isinstance(error, ConnectionRefusedError) else error.strerror or str(error)
        return f"cannot reach {where}: {reason}. Does stead-controlplane run, and is {config.source} right?"
    return f"{where} broke off the call. It may be starting or stopping: try again."


def _tls(config: Config) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=config.ca)
    except ssl.SSLError as error:
        raise ConfigError(f"{config.source}: the CA is not a PEM certificate") from error
    context.set_alpn_protocols(["h2"])
    return context
