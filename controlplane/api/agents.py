"""Agents: joining, certificates, the session, and images for their volumes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from controlplane import ca, sessions
from controlplane.api.caller import Context, Edge, invocation
from controlplane.errors import Conflict, Invalid, NotFound, Unauthenticated, invalid_value
from controlplane.gate.limits import Pace
from controlplane.ids import mint
from controlplane.model.instance import Observation, ObservedKind, VolumeFile, observation_id
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.reconcile.absorb import Report
from controlplane.service import hosts, projects, regions
from controlplane.service.call import Call
from controlplane.service.idempotency import Attempt, record
from controlplane.sessions import ConsoleRequest, Update
from controlplane.uploads import Uploads
from stead.v1 import agent_pb2 as pb
from stead.v1.agent_pb2_grpc import AgentsServicer, EnrollmentServicer

log = structlog.get_logger()

_KINDS = {
    ObservedKind.VOLUME: pb.RESOURCE_KIND_VOLUME,
    ObservedKind.EXPORT: pb.RESOURCE_KIND_EXPORT,
    ObservedKind.VPC: pb.RESOURCE_KIND_VPC,
    ObservedKind.GATEWAY: pb.RESOURCE_KIND_GATEWAY,
    ObservedKind.INSTANCE: pb.RESOURCE_KIND_INSTANCE,
}
# Of the contract. To agents before that, a volume's tombstone is a volume that shall be.
_OLDEST_VERSION = 1
_MAX_COUNT = (1 << 63) - 1  # The largest that a database keeps; an agent can say more.
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # Likewise.
_MAX_TEXT = 1000  # Of a reason, characters. Fewer: its end, which says most, is lost. More: memory, at an agent's will.
_MAX_TEXTS = 64  # Problems of a host, exports of an instance: EC2's most volumes are 28.
_MAX_ROWS = 20_000  # Of a report. A host of a thousand instances has some 5,000. More: all wait while it is taken in.
# For the first message. Shorter: agents on slow lines never connect. Longer: a silent one passes for connected.
HELLO_S = 30.0
# What one agent may say: each message counts as so many observations, since it may need a commit of its own. Less: a
# large host that comes back is taken in late. More: one in wrong hands keeps the one writer and its disk busy.
_ROWS_PER_S, _ROWS_AT_ONCE, _MESSAGE_ROWS = 2000, 2 * _MAX_ROWS, 5
# A call likewise, before it is heard: a session begins with all that its host shall have, certificates are signed.
_CALL_ROWS = 500
_OBSERVED_KINDS: dict[int, ObservedKind] = {number: kind for kind, number in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Authorities:
    """See `controlplane.ca`."""

    control: ca.Credentials
    data: ca.Credentials


class Enrollment(EnrollmentServicer):
    def __init__(self, edge: Edge, authorities: Authorities, agent_endpoint: str) -> None:
        self._edge = edge
        self._authorities = authorities
        self._agent_endpoint = agent_endpoint

    async def Join(self, request: pb.JoinRequest, context: Context) -> pb.JoinResponse:
        call = Call("", Role.READER, self._edge.clock(), mint, self._edge.policy, self._edge.sessions)
        asked = hosts.Join(
            secret_hash=projects.hash_secret(request.secret),
            join_hash=_hash(_requests_of(request)),
            host_name=request.host_name,
            underlay_address=request.underlay_address,
        )
        try:
            for csr in _requests_of(request):
                ca.check_csr(csr)
        except ca.InvalidCsr as error:
            raise Invalid("InvalidParameterValue", f"Certificate request: {error}") from error
        host_id, underlay_address = await self._edge.engine.call(
            lambda state: _join(state, call, asked),
            lambda state, host_id: (host_id, state.hosts[host_id].underlay_address),
        )
        return pb.JoinResponse(
            host_id=host_id,
            agent_endpoint=self._agent_endpoint,
            certificates=sign(self._authorities, request, host_id, underlay_address, call),
        )


def _join(state: State, call: Call, asked: hosts.Join) -> tuple[Change, str]:
    """With its record, which names the join token; a repetition has none."""
    change, host_id = hosts.join(state, call, asked)
    token = state.host_tokens.secret_hash.get(asked.secret_hash)
    if change and token:
        how = Attempt("Join", "", asked.join_hash, False, token.id, invocation.get().id)
        change.put(record(call, how, change, host_id))
    return change, host_id


def _requests_of(request: pb.JoinRequest) -> tuple[bytes, bytes, bytes]:
    return request.control_csr, request.data_client_csr, request.data_server_csr


def _hash(requests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(requests)).hexdigest()


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


class Agents(AgentsServicer):
    def __init__(self, edge: Edge, authorities: Authorities, uploads: Uploads) -> None:
        self._edge = edge
        self._authorities = authorities
        self._uploads = uploads
        self._pace = Pace(_ROWS_PER_S, _ROWS_AT_ONCE)

    def _host(self, context: Any) -> str:
        """The host that its control certificate names. Raises `AuthFailure`."""
        certificates = context.auth_context().get("x509_pem_cert", ())
        host_id = ca.host_of(certificates[0]) if certificates else None
        if host_id is None:
            raise Unauthenticated("AuthFailure", "This certificate is not the control certificate of a host")
        host = self._edge.engine.state.hosts.get(host_id)
        if host is None or host.is_removed:
            raise Unauthenticated(
                "AuthFailure",
                f"{host_id} is no host of this region: it was removed. Its guests go on until the machine is switched "
                "off; to use it again, delete the agent's identity and join it anew, with another token",
            )
        return host.id

    async def _caller(self, context: Any) -> str:
        """The same, in its turn: a host whose calls are too many waits."""
        await self._rest(self._host(context), _CALL_ROWS)
        return self._host(context)  # It may have been removed meanwhile.

    async def RenewCertificates(
        self, request: pb.RenewCertificatesRequest, context: Context
    ) -> pb.RenewCertificatesResponse:
        host_id = await self._caller(context)
        call = Call("", Role.READER, self._edge.clock(), mint, self._edge.policy, self._edge.sessions)
        address = self._edge.engine.state.hosts[host_id].underlay_address
        try:
            certificates = sign(self._authorities, request, host_id, address, call)
        except ca.InvalidCsr as error:
            raise Invalid("InvalidParameterValue", f"Certificate request: {error}") from error
        return pb.RenewCertificatesResponse(certificates=certificates)

    async def FetchImage(self, request: pb.FetchImageRequest, context: Context) -> AsyncIterator[pb.FetchImageResponse]:
        host_id = await self._caller(context)
        if not _needs_image(self._edge.engine.state, host_id, request.image_id):
            raise NotFound("InvalidAMIID.NotFound", f"No volume on this host is made from {request.image_id!r}")
        async for chunk in self._uploads.read(request.image_id):
            yield pb.FetchImageResponse(chunk=chunk)

    async def Session(self, requests: AsyncIterator[Any], context: Any) -> None:
        """Until the agent leaves, or a newer session of the same host takes over."""
        host_id, messages = await self._caller(context), aiter(requests)
        hello = await self._hello(host_id, messages)
        if hello is None:
            return
        session = self._edge.sessions.open(host_id)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    group.create_task(self._read(session, messages, hello)),
                    group.create_task(self._write(session, context)),
                    group.create_task(session.ended.wait()),
                }
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        finally:
            self._edge.sessions.close(session)

    async def _hello(self, host_id: str, messages: AsyncIterator[Any]) -> pb.Hello | None:
        """The first message; None where the stream ends before it.

        Raises InvalidParameterValue where it is another, RequestExpired, UnsupportedAgent.
        """
        try:
            async with asyncio.timeout(HELLO_S):
                message = await anext(messages, None)
        except TimeoutError as error:
            raise Invalid("RequestExpired", f"No hello came within {HELLO_S:g} s; send it first") from error
        if message is None:
            return None
        hello: pb.Hello = message.hello
        if not message.HasField("hello"):
            raise invalid_value("The session's first message", message.WhichOneof("body"), "hello")
        if hello.contract_version >= _OLDEST_VERSION:
            return hello
        version = _text(hello.agent_version)
        reason = f"its agent, version {version}, is too old for this control plane: upgrade it; its guests go on"
        capacity = _capacity(hello.capacity)
        capacity = replace(capacity, problems=(reason, *capacity.problems))
        self._edge.sessions.tell(host_id, capacity, version)
        raise Conflict("UnsupportedAgent", f"{host_id} is not admitted: {reason}")

    async def _write(self, session: sessions.Session, context: Any) -> None:
        await session.greeted.wait()  # Its hello may tell that the database was restored, and then nobody is released.
        async for message in session.outgoing():
            await context.write(_to_message(message))

    async def _read(self, session: sessions.Session, messages: AsyncIterator[Any], hello: pb.Hello) -> None:
        every, version = self._edge.sessions, _text(hello.agent_version)
        every.tell(session.host_id, _capacity(hello.capacity), version)
        self._greet(session, hello)
        async for message in messages:
            every.hear(session.host_id)
            match message.WhichOneof("body"):
                case "heartbeat":
                    every.tell(session.host_id, _capacity(message.heartbeat.capacity), version)
                case "report" if len(message.report.observed) + len(message.report.gone) > _MAX_ROWS:
                    log.error("a report is too long; the session ends", host=session.host_id, most=_MAX_ROWS)
                    return
                case "report":
                    session.report(_report(session.host_id, message.report), message.report.revision)
                case "console_reply":
                    reply = message.console_reply
                    session.answer_console(reply.request_id, reply.output, reply.error)
            rows = _MESSAGE_ROWS + len(message.report.observed) + len(message.report.gone)
            await self._rest(session.host_id, rows)

    async def _rest(self, host_id: str, rows: int) -> None:
        """Hear one who says too much later; gRPC then holds back what it has."""
        await asyncio.sleep(self._pace.wait_s(host_id, rows, asyncio.get_running_loop().time()))

    def _greet(self, session: sessions.Session, hello: pb.Hello) -> None:
        call = Call("", Role.READER, self._edge.clock(), mint, self._edge.policy, self._edge.sessions)
        told = hello.region, hello.incarnation, hello.revision
        word = regions.Word(*told, is_proven=self._edge.sessions.is_sealed(session.host_id, *told, hello.seal))
        self._edge.sessions.greet(session, hello.boot_id, word, call)


def _needs_image(state: State, host_id: str, image_id: str) -> bool:
    return any(volume.host_id == host_id for volume in state.volumes.image.of(image_id))


def _capacity(message: pb.Capacity) -> hosts.Capacity:
    return hosts.Capacity(
        message.vcpus,
        min(message.memory_mib, _MAX_COUNT),
        min(message.storage_gib, _MAX_COUNT),
        tuple(map(_text, message.problems[:_MAX_TEXTS])),
        _text(message.wireguard_key),
    )


def _to_message(message: Update | ConsoleRequest) -> pb.ControlMessage:
    if isinstance(message, ConsoleRequest):
        return pb.ControlMessage(
            console_request=pb.ConsoleRequest(
                request_id=message.request_id, instance_id=message.instance_id, max_bytes=message.max_bytes
            )
        )
    return pb.ControlMessage(
        update=pb.Update(
            revision=message.revision,
            snapshot=message.is_snapshot,
            put=[pb.Resource(**{kind.value: spec}) for kind, spec in message.put],
            remove=[pb.ResourceRef(kind=_KINDS[kind], id=resource_id) for kind, resource_id in message.remove],
            region=message.region,
            incarnation=message.incarnation,
            released=message.is_released,
            seal=message.seal,
        )
    )


def _report(host_id: str, message: pb.Report) -> Report:
    known = [row for row in message.observed if row.ref.kind in _OBSERVED_KINDS]
    return Report(
        host_id=host_id,
        is_full=message.full,
        observed=[_observation(host_id, row) for row in known],
        gone=[
            observation_id(host_id, _OBSERVED_KINDS[ref.kind], ref.id)
            for ref in message.gone
            if ref.kind in _OBSERVED_KINDS
        ],
        kinds=[_OBSERVED_KINDS[kind] for kind in message.kinds if kind in _OBSERVED_KINDS],
    )


def _text(text: str) -> str:
    """What an agent says, as far as it is kept."""
    return text[:_MAX_TEXT]


def _observation(host_id: str, message: pb.Observed) -> Observation:
    kind, facts = _OBSERVED_KINDS[message.ref.kind], message.instance
    return Observation(
        id=observation_id(host_id, kind, message.ref.id),
        host_id=host_id,
        kind=kind,
        resource_id=message.ref.id,
        converged=message.converged,
        error=_text(message.error),
        permanent=message.permanent,
        running=facts.running,
        generation=min(facts.generation, _MAX_COUNT),
        has_run=facts.has_run,
        powered_off_by_guest=facts.powered_off_by_guest,
        reboot_count=min(facts.reboot_count, _MAX_COUNT),
        export_names=tuple(map(_text, facts.export_names[:_MAX_TEXTS])),
        since=datetime.fromtimestamp(min(message.since, _LAST_SECOND), UTC) if message.since else None,
        file=_file(message.file) if message.HasField("file") else None,
    )


def _file(message: pb.VolumeFile) -> VolumeFile:
    return VolumeFile(
        size_bytes=min(message.size_bytes, _MAX_COUNT),
        deleted=message.deleted,
        epoch=min(message.epoch, _MAX_COUNT),
        changed_at=min(message.changed_at, _LAST_SECOND),
    )
