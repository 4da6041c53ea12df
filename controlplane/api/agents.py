"""Agents: their sessions, new certificates, and images for their volumes."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias, cast

import grpc
import structlog

from controlplane import ca
from controlplane.api import reports
from controlplane.api.caller import Context, Edge
from controlplane.api.enrollment import hash_of, sign
from controlplane.authorities import Authorities
from controlplane.errors import Conflict, Invalid, NotFound, Unauthenticated, invalid_value
from controlplane.gate.limits import Pace
from controlplane.reconcile.share import News
from controlplane.service import hosts, identity, images, regions
from controlplane.service.features import Feature
from controlplane.session import ConsoleRequest, CountRequest, DropsRequest, Question, Update
from controlplane.session import Session as AgentSession  # The servicer has a method of that name.
from controlplane.signing import Signer
from controlplane.uploads import Uploads
from stead.agent.v1 import session_pb2 as pb
from stead.agent.v1.session_pb2_grpc import AgentsServicer

log = structlog.get_logger()

Handler: TypeAlias = "grpc.GenericRpcHandler[Any, Any]"

PROTOCOL = 1  # The version of `stead.agent.v1` that is spoken here.
_MAX_ROWS = 20_000  # Of a report. A host of a thousand instances has some 5,000. More: all wait while it is taken in.
# Of an update, until it is cut. Less: more messages. More: memory, while a fleet comes back and each host is sent one.
_MESSAGE_BYTES = 256 << 10
# For the first message. Shorter: agents on slow lines never connect. Longer: a silent one passes for connected.
HELLO_S = 30.0
# What one agent may say: each message counts as so many observations, since it may need a commit of its own, and each
# thing listed in it as one. Less: a large host that comes back is taken in late. More: one in wrong hands keeps the one
# writer and its disk busy.
_ROWS_PER_S, _ROWS_AT_ONCE, _MESSAGE_ROWS = 2000, 2 * _MAX_ROWS, 5
# A call likewise, before it is heard: a session begins with all that its host shall have, certificates are signed.
_CALL_ROWS = 500
_MAX_IDENTITIES = 100  # Of a call. More: a thread signs for longer than a call should take.


def pace() -> Pace:
    """How much agents may say."""
    return Pace(_ROWS_PER_S, _ROWS_AT_ONCE)


class Agents(AgentsServicer):
    def __init__(self, edge: Edge, authorities: Authorities, uploads: Uploads, pace: Pace) -> None:
        """`pace`: see `pace`; one for all versions, since a host may call in any."""
        self._edge = edge
        self._authorities = authorities
        self._uploads = uploads
        self._pace = pace

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self._authorities.control, self._edge.policy.region, self._edge.clock)

    def _host(self, context: Context) -> str:
        """The host that its control certificate names. Raises `AuthFailure`."""
        certificates: Any = context.auth_context().get("x509_pem_cert", ())
        host_id = ca.host_of(certificates[0]) if certificates else None
        if host_id is None:
            raise Unauthenticated("AuthFailure", "This certificate is not the control certificate of a host")
        host = self._edge.journal.state.hosts.get(host_id)
        if host is None or host.is_removed:
            raise Unauthenticated(
                "AuthFailure",
                f"{host_id} is no host of this region: it was removed. Its guests go on until the machine is switched "
                "off; to use it again, stop the agent, delete its identity and join it anew, with another token",
            )
        return host.id

    async def _caller(self, context: Context) -> str:
        """The same, in its turn: a host whose calls are too many waits."""
        await asyncio.sleep(self._wait_s(self._host(context), _CALL_ROWS))
        return self._host(context)  # It may have been removed meanwhile.

    async def RenewCertificates(
        self, request: pb.RenewCertificatesRequest, context: Context
    ) -> pb.RenewCertificatesResponse:
        host_id = await self._caller(context)
        call, address = self._edge.call_of_nobody(), self._edge.journal.state.hosts[host_id].underlay_address
        try:
            certificates = sign(self._authorities, request, host_id, address, call)
        except ca.InvalidCsr as error:
            raise Invalid("InvalidParameterValue", f"Certificate request: {error}") from error
        renewal = hosts.renewal(call, host_id, hash_of(request))
        await self._edge.journal.call(lambda state: (renewal, None), lambda state, _: None)
        return pb.RenewCertificatesResponse(certificates=certificates)

    async def SignIdentities(self, request: pb.SignIdentitiesRequest, context: Context) -> pb.SignIdentitiesResponse:
        host_id = await self._caller(context)
        state, region = self._edge.journal.state, self._edge.policy.region
        found = list(identity.documents(state, host_id, request.instance_ids[:_MAX_IDENTITIES], region))
        await self._edge.journal.durable(state.revision, in_no_hurry=True)
        return await asyncio.to_thread(_signed, self._signer, found)

    async def FetchImage(self, request: pb.FetchImageRequest, context: Context) -> AsyncIterator[pb.FetchImageResponse]:
        host_id = await self._caller(context)
        if not images.is_needed_by(self._edge.journal.state, host_id, request.image_id):
            raise NotFound("InvalidAMIID.NotFound", f"No volume on this host is made from {request.image_id!r}")
        async for chunk in self._uploads.read(request.image_id):
            yield pb.FetchImageResponse(chunk=chunk)

    async def Session(self, requests: AsyncIterator[pb.AgentMessage], context: Context) -> None:
        """Until the agent leaves, or a newer session of the same host takes over. What it writes is serialised."""
        host_id, messages = await self._caller(context), aiter(requests)
        hello = await self._hello(host_id, messages)
        if hello is None:
            return
        session = self._open(host_id, hello)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    group.create_task(self._read(session, messages, hello)),
                    group.create_task(self._write(session, context, hello)),
                    group.create_task(session.ended.wait()),
                }
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # Of which the others ended.
        finally:
            self._edge.sessions.close(session)

    def _open(self, host_id: str, hello: pb.Hello) -> AgentSession:
        known = {each.scope: each.digest for each in hello.known}
        return self._edge.sessions.open(host_id, is_packed=Feature.PACKED in hello.features, known=known)

    async def _hello(self, host_id: str, messages: AsyncIterator[pb.AgentMessage]) -> pb.Hello | None:
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
        if not message.HasField("hello"):
            raise invalid_value("The session's first message", message.WhichOneof("body"), "hello")
        self._admit(host_id, message.hello)
        return message.hello

    def _admit(self, host_id: str, hello: pb.Hello) -> None:
        """Raises UnsupportedAgent, and has the host show it, where the two do not understand one another."""
        if hello.protocol == PROTOCOL:
            return
        version = reports.text(hello.agent_version)
        if hello.protocol < PROTOCOL:
            reason = f"its agent, version {version}, is too old for this control plane: upgrade it; its guests go on"
        else:
            reason = f"its agent, version {version}, is too new: upgrade the control plane first; its guests go on"
        capacity = reports.capacity(hello.capacity)
        shown = replace(capacity, problems=(reason, *capacity.problems))
        self._edge.sessions.tell(host_id, shown, version, reports.features(hello.features))
        raise Conflict("UnsupportedAgent", f"{host_id} is not admitted: {reason}")

    async def _write(self, session: AgentSession, context: Context, hello: pb.Hello) -> None:
        for message in self._welcome(hello):
            await context.write(message)
        await session.greeted.wait()  # Its hello may tell that the database was restored, and then nobody is released.
        async for what in session.outgoing():
            for message in self._encoded(what):
                await context.write(message)

    def _welcome(self, hello: pb.Hello) -> Sequence[bytes]:
        features = [Feature.PACKED] if Feature.PACKED in hello.features else []
        return [pb.ControlMessage(welcome=pb.Welcome(protocol=PROTOCOL, features=features)).SerializeToString()]

    def _encoded(self, what: Update | Question) -> Iterator[bytes]:
        """Its messages."""
        if isinstance(what, ConsoleRequest):
            asked = pb.ConsoleRequest(
                request_id=what.request_id, instance_id=what.instance_id, max_bytes=what.max_bytes
            )
            return iter([pb.ControlMessage(console_request=asked).SerializeToString()])
        if isinstance(what, CountRequest):
            counters = pb.CountRequest(request_id=what.request_id, endpoint_ids=what.endpoint_ids)
            return iter([pb.ControlMessage(count_request=counters).SerializeToString()])
        if isinstance(what, DropsRequest):
            drops = pb.DropsRequest(
                request_id=what.request_id, endpoint_ids=what.endpoint_ids, after=what.after, wait_ms=what.wait_ms
            )
            return iter([pb.ControlMessage(drops_request=drops).SerializeToString()])
        return _update(what)

    async def _read(self, session: AgentSession, messages: AsyncIterator[pb.AgentMessage], hello: pb.Hello) -> None:
        every, version = self._edge.sessions, reports.text(hello.agent_version)
        features = reports.features(hello.features)
        self._tell(session.host_id, hello.capacity, version, features)
        self._greet(session, hello)
        await asyncio.sleep(self._wait_s(session.host_id, len(hello.capacity.nat_gateways) + len(hello.known)))
        async for message in messages:
            every.hear(session.host_id)
            rows = _MESSAGE_ROWS
            match message.WhichOneof("body"):
                case "heartbeat":
                    capacity = message.heartbeat.capacity
                    rows += len(capacity.nat_gateways)
                    self._tell(session.host_id, capacity, version, features)
                case "report":
                    report = message.report
                    rows += (said := reports.rows(report))
                    if said > _MAX_ROWS:
                        log.error("a report is too long; the session ends", host=session.host_id, most=_MAX_ROWS)
                        return
                    if said or report.full:
                        await self._take_in(session, report)
                    else:
                        session.answer(reports.kinds(report), report.revision)
                case "console_reply":
                    reply = message.console_reply
                    session.answer_question(reply.request_id, reply.output, reply.error)
                case "count_reply":
                    counts = message.count_reply
                    rows += len(counts.counted)
                    session.answer_question(counts.request_id, reports.counts(counts), counts.error)
                case "drops_reply":
                    drops = message.drops_reply
                    rows += len(drops.dropped)
                    session.answer_question(drops.request_id, reports.drops(drops), drops.error)
            if wait_s := self._wait_s(session.host_id, rows):
                await asyncio.sleep(wait_s)

    def _tell(self, host_id: str, capacity: pb.Capacity, version: str, features: tuple[str, ...]) -> None:
        self._edge.sessions.tell(host_id, reports.capacity(capacity), version, features)
        self._edge.sessions.note_nat_uses(host_id, reports.nat_uses(capacity))

    async def _take_in(self, session: AgentSession, message: pb.Report) -> None:
        """Part by part; others have their turn between them."""
        for number, (part, revision) in enumerate(reports.parts(session.host_id, message)):
            if number:
                await asyncio.sleep(0)
            session.report(part, revision)

    def _wait_s(self, host_id: str, rows: int) -> float:
        """Until one who says too much is heard again; gRPC meanwhile holds back what it has."""
        return self._pace.wait_s(host_id, rows, asyncio.get_running_loop().time())

    def _greet(self, session: AgentSession, hello: pb.Hello) -> None:
        last = hello.authority
        told = last.region, last.incarnation, last.revision
        word = regions.Word(*told, is_proven=self._edge.sessions.is_sealed(session.host_id, *told, last.seal))
        self._edge.sessions.greet(session, hello.boot_id, word, self._edge.call_of_nobody())


def _signed(signer: Signer, found: Iterable[identity.Unsigned]) -> pb.SignIdentitiesResponse:
    reply = pb.SignIdentitiesResponse()
    for each in found:
        signed = signer.sign(each.document)
        reply.identities.add(
            instance_id=each.instance_id,
            generation=each.generation,
            document=each.document,
            signature=signed.signature,
            pkcs7=signed.pkcs7,
        )
    return reply


def _update(what: Update) -> Iterator[bytes]:
    """In as many messages as it takes: pieces are appended to what each of them says of the whole."""
    news = cast(News, what.news)
    message = pb.ControlMessage()
    head, authority = message.update, message.update.authority
    authority.region, authority.incarnation = what.region, what.incarnation
    authority.revision, authority.seal = news.revision, what.seal
    head.released, head.snapshot = what.is_released, news.is_snapshot
    head.left.extend(news.left)
    batches = _batches(news.pieces)
    for number, pieces in enumerate(batches, 1):
        head.more = number < len(batches)
        yield message.SerializeToString() + b"".join(pieces)


def _batches(pieces: Sequence[bytes]) -> Sequence[Sequence[bytes]]:
    """In the order in which they come; at least one, which may be empty."""
    if sum(map(len, pieces)) <= _MESSAGE_BYTES:
        return [pieces]
    batches, size_bytes = [list[bytes]()], 0
    for piece in pieces:
        if batches[-1] and size_bytes + len(piece) > _MESSAGE_BYTES:
            batches.append([])
            size_bytes = 0
        batches[-1].append(piece)
        size_bytes += len(piece)
    return batches


def handler(service: str, servicer: Agents, deserialize: Any = pb.AgentMessage.FromString) -> Handler:
    """The servicer as gRPC serves it. Made by hand, since what a session writes is serialised already."""
    methods = {
        "RenewCertificates": grpc.unary_unary_rpc_method_handler(
            servicer.RenewCertificates,
            pb.RenewCertificatesRequest.FromString,
            pb.RenewCertificatesResponse.SerializeToString,
        ),
        "SignIdentities": grpc.unary_unary_rpc_method_handler(
            servicer.SignIdentities,
            pb.SignIdentitiesRequest.FromString,
            pb.SignIdentitiesResponse.SerializeToString,
        ),
        "Session": grpc.stream_stream_rpc_method_handler(servicer.Session, deserialize),
        "FetchImage": grpc.unary_stream_rpc_method_handler(
            servicer.FetchImage, pb.FetchImageRequest.FromString, pb.FetchImageResponse.SerializeToString
        ),
    }
    return grpc.method_handlers_generic_handler(service, methods)
