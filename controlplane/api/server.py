"""The two endpoints: one for users and machines that join, one for agents, which need a client certificate.

Two ports, because gRPC for Python asks all clients of a port for a certificate or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from controlplane.api import agents, legacy_agents
from controlplane.api.addresses import Addresses
from controlplane.api.audit import Audit
from controlplane.api.caller import Edge
from controlplane.api.certificate import ServerCertificate
from controlplane.api.enrollment import Enrollment
from controlplane.api.events import Events
from controlplane.api.fleet import Hosts, InstanceTypes, Regions
from controlplane.api.images import Images
from controlplane.api.instances import Instances
from controlplane.api.interceptor import CallInterceptor
from controlplane.api.key_pairs import KeyPairs
from controlplane.api.network_interfaces import NetworkInterfaces
from controlplane.api.prefix_lists import PrefixLists
from controlplane.api.projects import Projects
from controlplane.api.security_groups import SecurityGroups
from controlplane.api.tags import Tags
from controlplane.api.volumes import Volumes
from controlplane.api.vpcs import Vpcs
from controlplane.authorities import Authorities
from controlplane.uploads import Uploads
from stead.agent.v1 import session_pb2_grpc
from stead.v1 import (
    addresses_pb2_grpc,
    audit_pb2_grpc,
    events_pb2_grpc,
    hosts_pb2_grpc,
    images_pb2_grpc,
    instance_types_pb2_grpc,
    instances_pb2_grpc,
    key_pairs_pb2_grpc,
    network_interfaces_pb2_grpc,
    prefix_lists_pb2_grpc,
    projects_pb2_grpc,
    regions_pb2_grpc,
    security_groups_pb2_grpc,
    tags_pb2_grpc,
    volumes_pb2_grpc,
    vpcs_pb2_grpc,
)

_OPTIONS = (
    # gRPC's own limits of 1,000 and 3,000 waiting calls refuse a fleet that comes back at once.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 200_000),
    # A page of a thousand instances, or a snapshot for a full host, has some MiB.
    ("grpc.max_send_message_length", 64 << 20),
    # Who connects and says nothing goes within this time.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A peer that vanished is noticed within 30 s; clients may ask as often as every 5 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)
_USER_OPTIONS = (
    *_OPTIONS,
    # A thousand ids with their tags and filters have less. More: memory for whoever holds a token.
    ("grpc.max_receive_message_length", 4 << 20),
    # What arrives before its caller is known stays in this window, instead of one that grows with the line: eight calls
    # of 60 MiB without a token cost 5 MiB. Smaller: uploads over long lines are slow, one window for each round trip.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 20),
    # Each costs some 100 KiB, also before anybody is known. Fewer: a large office's watchers.
    ("grpc.max_allowed_incoming_connections", 2_000),
    ("grpc.max_concurrent_streams", 1_000),
    # Nobody who only connects stays; a client that was quiet connects again by itself.
    ("grpc.max_connection_idle_ms", 300_000),
)
_AGENT_OPTIONS = (*_OPTIONS, ("grpc.max_receive_message_length", 64 << 20))  # A full host reports some MiB.
# On the users' endpoint, of all callers together. More wait for nothing: the control plane is one thread.
_MAX_CALLS = 10_000
_USER_SERVICES = (
    "Projects",
    "Regions",
    "Hosts",
    "InstanceTypes",
    "Images",
    "KeyPairs",
    "Vpcs",
    "SecurityGroups",
    "PrefixLists",
    "Instances",
    "NetworkInterfaces",
    "Volumes",
    "Addresses",
    "Tags",
    "Events",
    "Audit",
    "Enrollment",
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where to listen, what others are told, and the credentials for both."""

    listen: str
    agents_listen: str
    advertised: str
    agents_advertised: str
    certificate: ServerCertificate
    authorities: Authorities


class _Services:
    """What generated code adds to a server, without what it registers besides: for each call that comes, `grpc.aio`
    looks at all registered methods, which takes a tenth of a short call's time.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        return


async def user_server(edge: Edge, uploads: Uploads, endpoints: Endpoints) -> grpc.aio.Server:
    """The API, with health and reflection."""
    server = grpc.aio.server(
        interceptors=[CallInterceptor(edge.door)], options=_USER_OPTIONS, maximum_concurrent_rpcs=_MAX_CALLS
    )
    services, ca_pem = _Services(server), endpoints.authorities.control.certificate.decode()
    projects_pb2_grpc.add_ProjectsServicer_to_server(Projects(edge), services)
    regions_pb2_grpc.add_RegionsServicer_to_server(Regions(edge), services)
    hosts_pb2_grpc.add_HostsServicer_to_server(Hosts(edge, endpoints.advertised, ca_pem), services)
    instance_types_pb2_grpc.add_InstanceTypesServicer_to_server(InstanceTypes(edge), services)
    images_pb2_grpc.add_ImagesServicer_to_server(Images(edge, uploads), services)
    key_pairs_pb2_grpc.add_KeyPairsServicer_to_server(KeyPairs(edge), services)
    vpcs_pb2_grpc.add_VpcsServicer_to_server(Vpcs(edge), services)
    security_groups_pb2_grpc.add_SecurityGroupsServicer_to_server(SecurityGroups(edge), services)
    prefix_lists_pb2_grpc.add_PrefixListsServicer_to_server(PrefixLists(edge), services)
    instances_pb2_grpc.add_InstancesServicer_to_server(Instances(edge), services)
    network_interfaces_pb2_grpc.add_NetworkInterfacesServicer_to_server(NetworkInterfaces(edge), services)
    volumes_pb2_grpc.add_VolumesServicer_to_server(Volumes(edge), services)
    addresses_pb2_grpc.add_AddressesServicer_to_server(Addresses(edge), services)
    tags_pb2_grpc.add_TagsServicer_to_server(Tags(edge), services)
    events_pb2_grpc.add_EventsServicer_to_server(Events(edge), services)
    audit_pb2_grpc.add_AuditServicer_to_server(Audit(edge), services)
    enrollment = Enrollment(edge, endpoints.authorities, endpoints.agents_advertised)
    session_pb2_grpc.add_EnrollmentServicer_to_server(enrollment, services)
    services.add_generic_rpc_handlers((legacy_agents.enrollment(enrollment),))
    names = [*(f"stead.v1.{name}" for name in _USER_SERVICES), "stead.agent.v1.Enrollment"]
    await _add_health(services, names)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    server.add_secure_port(endpoints.listen, endpoints.certificate.credentials())
    return server


async def _add_health(services: _Services, names: Sequence[str]) -> None:
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(servicer, services)
    for name in ("", *names):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)


def agent_server(edge: Edge, uploads: Uploads, endpoints: Endpoints) -> grpc.aio.Server:
    """For agents alone."""
    server = grpc.aio.server(interceptors=[CallInterceptor(edge.door, is_for_agents=True)], options=_AGENT_OPTIONS)
    given = edge, endpoints.authorities, uploads, agents.pace()
    servicer, legacy = agents.Agents(*given), legacy_agents.LegacyAgents(*given)
    handlers = agents.handler("stead.agent.v1.Agents", servicer), legacy_agents.handler(legacy)
    server.add_generic_rpc_handlers(handlers)
    credentials = endpoints.certificate.credentials(client_authority=endpoints.authorities.control.certificate)
    server.add_secure_port(endpoints.agents_listen, credentials)
    return server
