"""Machines that join, and the certificates of those that have."""

import hashlib
from typing import Any

from controlplane import ca
from controlplane.api.caller import Context, Edge, invocation
from controlplane.authorities import Authorities
from controlplane.errors import Invalid
from controlplane.service import hosts, projects
from controlplane.service.call import Call
from stead.agent.v1 import session_pb2 as pb
from stead.agent.v1.session_pb2_grpc import EnrollmentServicer


class Enrollment(EnrollmentServicer):
    def __init__(self, edge: Edge, authorities: Authorities, agent_endpoint: str) -> None:
        self._edge = edge
        self._authorities = authorities
        self._agent_endpoint = agent_endpoint

    async def Join(self, request: pb.JoinRequest, context: Context) -> pb.JoinResponse:
        call, request_id = self._edge.call_of_nobody(), invocation.get().id
        asked = hosts.Join(
            secret_hash=projects.hash_secret(request.secret),
            join_hash=hash_of(request),
            host_name=request.host_name,
            underlay_address=request.underlay_address,
        )
        try:
            for csr in _requests_of(request):
                ca.check_csr(csr)
        except ca.InvalidCsr as error:
            raise Invalid("InvalidParameterValue", f"Certificate request: {error}") from error
        host_id, underlay_address = await self._edge.journal.call(
            lambda state: hosts.enroll(state, call, asked, request_id),
            lambda state, host_id: (host_id, state.hosts[host_id].underlay_address),
        )
        return pb.JoinResponse(
            host_id=host_id,
            agent_endpoint=self._agent_endpoint,
            certificates=sign(self._authorities, request, host_id, underlay_address, call),
        )


def _requests_of(request: pb.JoinRequest | pb.RenewCertificatesRequest) -> tuple[bytes, bytes, bytes]:
    return request.control_csr, request.data_client_csr, request.data_server_csr


def hash_of(request: pb.JoinRequest | pb.RenewCertificatesRequest) -> str:
    """Of its certificate requests."""
    return hashlib.sha256(b"".join(_requests_of(request))).hexdigest()


def sign(authorities: Authorities, request: Any, host_id: str, underlay_address: str, call: Call) -> pb.Certificates:
    """Certificates for the requests in a JoinRequest or a RenewCertificatesRequest."""
    signed = pb.Certificates(
        control_certificate=ca.sign_control(authorities.control, request.control_csr, host_id, call.now),
        ca_certificate=authorities.control.certificate,
    )
    if request.data_client_csr or request.data_server_csr:
        client, server, data = request.data_client_csr, request.data_server_csr, authorities.data
        signed.data_client_certificate = ca.sign_data_client(data, client, host_id, call.now)
        signed.data_server_certificate = ca.sign_data_server(data, server, host_id, underlay_address, call.now)
        signed.data_ca_certificate = data.certificate
    return signed
