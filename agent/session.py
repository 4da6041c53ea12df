"""The conversation with the control plane: what this host shall have comes in, what it has goes out.

    connect --hello--> --welcome, snapshot--> deltas, reports, heartbeats --any error--> wait a little, connect

An update may come in several messages, which take effect together. It is in the ledger before the engine hears of it.
No error of the other side, and no silence, ever changes what this host does: it goes on from what it knows.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import grpc
import structlog

from agent import __version__, bugs
from agent.backoff import delay_s
from agent.channel import OldAgents, agents, knock, open_channel
from agent.converge.authority import objection, withheld, without_removals
from agent.converge.engine import Engine
from agent.drivers.base import DriverError, Presence, this_boot
from agent.drivers.registry import Drivers
from agent.host.threads import Threads
from agent.identity import ControlPair, DataPlane, Identity, IdentityError, IdentityStore, Pair, make_request
from agent.ledger import Ledger
from agent.legacy_wire import OldContract
from agent.line import Line, OurContract, SessionEnded
from agent.messages import (
    Authority,
    ConsoleReply,
    ConsoleRequest,
    CountReply,
    CountRequest,
    DropsReply,
    DropsRequest,
    Heartbeat,
    Hello,
    KnownScope,
    Role,
    Update,
)
from agent.model import Capacity
from agent.objects import net
from agent.settings import Within
from stead.agent.v1 import session_pb2 as pb

log = structlog.get_logger()

Question = ConsoleRequest | CountRequest | DropsRequest
_REPLIES: dict[type[Question], type[ConsoleReply | CountReply | DropsReply]] = {
    ConsoleRequest: ConsoleReply,
    CountRequest: CountReply,
    DropsRequest: DropsReply,
}

# Of an answer that waits for news. Longer: what nobody wants any more goes on.
MOST_WAIT_S = 30.0
# How calls end that nobody answered, or whose connection broke.
_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

# For so long the next session's hello tells what the last one's heartbeat told. Shorter: where a driver hangs, each new
# session begins 5 s later. Longer: a host is chosen by what it had.
_STILL_TRUE_HEARTBEATS = 2


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How patient the agent is with its control plane."""

    # Between signs of life, seconds. The control plane calls a host unreachable after several have not come.
    heartbeat_s: Annotated[float, Within(0.1, 60)] = 10.0
    # How long a starting agent waits for the control plane before it follows its ledger, seconds. Shorter may start
    # what was moved elsewhere meanwhile, longer keeps guests down for longer when the control plane is away.
    grace_s: Annotated[float, Within(0, 86400)] = 10.0
    # First and longest wait between connections, seconds; each is drawn at random below a limit that doubles, so that a
    # thousand agents don't return in one instant. A longest wait that is shorter costs more while the control plane is
    # away, one that is longer keeps hosts out of reach for as long after it is back.
    reconnect_first_s: Annotated[float, Within(0.01, 3600)] = 0.2
    reconnect_cap_s: Annotated[float, Within(0.01, 3600)] = 2.0
    # Longest wait where the control plane is there and does not admit the host, or fails at it, seconds. Shorter: a
    # fleet that is too old for it keeps it busy with saying so.
    refused_cap_s: Annotated[float, Within(0.01, 3600)] = 30.0
    # Between tries to renew the certificate once it is due, and the longest that one may take, seconds.
    renew_again_s: Annotated[float, Within(1, 86400)] = 60.0
    renew_deadline_s: Annotated[float, Within(1, 3600)] = 30.0


class Session:
    def __init__(
        self,
        identities: IdentityStore,
        roles: tuple[Role, ...],
        drivers: Drivers,
        ledger: Ledger,
        engine: Engine,
        settings: SessionSettings | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
        authority: Authority | None = None,
        boot_id: str = "",
        control_plane: Presence | None = None,
    ) -> None:
        """`authority`: as the ledger has it. `control_plane` is told when updates come and when they can't any more."""
        self._control_plane = control_plane or Presence()
        self._authority = authority or Authority()
        self._boot_id = boot_id or this_boot()
        self._identities = identities
        self._roles = roles
        self._drivers = drivers
        self._ledger = ledger
        self._engine = engine
        self._settings = settings or SessionSettings()
        self._jitter = jitter
        self._files = Threads("the disk of the certificates", 2, self._settings.renew_deadline_s)
        self._failures = 0
        self._paused_cap_s = 0.0
        self._probed: Capacity | None = None  # What the drivers said last, and when.
        self._probed_at = 0.0
        self._told = ""  # Why there was no session, for people.
        # The latest that this session has brought; what the ledger holds may be another region's past.
        self._revision = 0
        # Whether the engine's memory and the ledger have the same: not where one of them failed to take an update in.
        self._is_sure = True

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_out_of_patience())
            tasks.create_task(self._stay_connected())

    async def _run_out_of_patience(self) -> None:
        await asyncio.sleep(self._settings.grace_s)
        self._engine.follow_ledger()

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._converse()
            except* (grpc.aio.AioRpcError, SessionEnded, IdentityError, DriverError) as errors:
                self._tell(_describe(_first(errors)))
                cap_s = self._cap_s(_first(errors))
            except* Exception as errors:  # noqa: BLE001 (told; the next session begins anew)
                bugs.tell("session", _first(errors))
                cap_s = self._settings.refused_cap_s
            _stop_if_told()
            self._control_plane.is_heard = False
            await self._pause(cap_s)

    async def _pause(self, cap_s: float) -> None:
        """Longer each time, from the beginning where it fails in another way."""
        if cap_s != self._paused_cap_s:
            self._failures, self._paused_cap_s = 0, cap_s
        await asyncio.sleep(delay_s(self._failures, self._settings.reconnect_first_s, cap_s, self._jitter))
        self._failures += 1

    def _tell(self, error: str) -> None:
        """Once, where it stays the same for long."""
        level = logging.DEBUG if error == self._told else logging.WARNING
        log.log(level, "no session with the control plane", error=error)
        self._told = error

    def _cap_s(self, error: BaseException) -> float:
        """Of the wait for the next session."""
        is_answer = isinstance(error, grpc.aio.AioRpcError) and error.code() not in _NO_ANSWER
        return self._settings.refused_cap_s if is_answer else self._settings.reconnect_cap_s

    async def _converse(self) -> None:
        """One session, from the connection to its end, which is always an exception."""
        identity = await self._files.run("identity", self._identities.load)
        expires_at = identity.control.expires_at()
        if expires_at < datetime.now(UTC):
            where = self._identities.directory
            hint = f"put its clock right, or delete {where} and join with a token of `stead host rejoin`"
            raise SessionEnded(f"the certificate of {identity.host.host_id} expired at {expires_at}: {hint}")
        self._revision = 0
        await self._knock(identity)
        async with open_channel(identity) as channel:
            line = await self._begin(channel, identity)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._report(line))
                tasks.create_task(self._show_life(line))
                tasks.create_task(self._renew(line.stub))
                tasks.create_task(self._keep_identity())
                await self._listen(line, tasks)

    async def _knock(self, identity: Identity) -> None:
        try:
            await knock(identity.host.agent_endpoint)
        except OSError as error:
            reason = str(error) or "no connection in time"
            raise SessionEnded(f"nobody answers at {identity.host.agent_endpoint}: {reason}") from error

    async def _begin(self, channel: grpc.aio.Channel, identity: Identity) -> Line:
        """With a control plane of this version, or of the one before it."""
        hello = await self._hello()
        line = Line(agents(channel), OurContract())
        if not await line.is_welcome(hello):
            log.info("the control plane is older than this agent; the session is of its version")
            contract = OldContract(identity.host.host_id, identity.host.underlay_address)
            line = Line(OldAgents(channel), contract)
            await line.send(hello)
        return line

    async def _hello(self) -> Hello:
        last = self._authority if self._authority.incarnation else None
        capacity = await self._capacity(_STILL_TRUE_HEARTBEATS * self._settings.heartbeat_s)
        return Hello(__version__, self._boot_id, capacity, self._roles, last, await self._known())

    async def _known(self) -> tuple[KnownScope, ...]:
        """What need not be told again. Nothing where it may be other than what the control plane said last."""
        last, engine = self._authority, self._engine
        if not self._is_sure or not last.incarnation or engine.held or engine.desired.revision != last.revision:
            return ()
        try:
            digests = await self._ledger.digests(last)
        except DriverError as error:
            log.warning("everything is to be told again", error=str(error))
            return ()
        return tuple(KnownScope(scope, digest) for scope, digest in digests.items())

    async def _capacity(self, may_be_old_s: float = 0.0) -> Capacity:
        """Of drivers that were asked no longer ago: a hello is not to wait for one that hangs."""
        if self._probed is None or time.monotonic() - self._probed_at > may_be_old_s:
            self._probed, self._probed_at = await self._drivers.probe(), time.monotonic()
        capacity = self._probed
        others = (*self._engine.problems, *self._ledger.problems, *self._identities.problems())
        problems = dict.fromkeys((*capacity.problems, *others))
        return replace(capacity, problems=tuple(problems))

    async def _listen(self, line: Line, tasks: asyncio.TaskGroup) -> None:
        has_snapshot, parts = False, list[Update]()
        while True:
            message = await line.receive()
            if isinstance(message, Question):
                tasks.create_task(self._answer(line, message))
            elif isinstance(message, Update):
                has_snapshot = has_snapshot or message.snapshot
                if not has_snapshot:
                    raise SessionEnded("the control plane's first update is no snapshot")
                parts.append(message)
                if not message.more:
                    await self._take_in(_whole(parts))
                    parts.clear()

    async def _take_in(self, update: Update) -> None:
        reason, revision = objection(self._authority, update), update.authority.revision
        is_sure, self._is_sure = self._is_sure or (update.is_whole and not reason), False
        if reason and reason != self._engine.held:
            log.warning("update held", reason=reason, revision=revision)
        if reason:
            await self._hold(update, reason)
        else:
            await self._ledger.write(update)
            self._authority = update.authority
            self._engine.apply(update)
        self._revision, self._is_sure = revision, is_sure
        self._engine.observations.acknowledge()
        self._failures, self._told = 0, ""
        self._control_plane.is_heard = True
        put = sum(len(change.put) for change in update.scopes)
        log.debug("updated", revision=revision, snapshot=update.snapshot, put=put)

    async def _hold(self, update: Update, reason: str) -> None:
        known = self._engine.desired.objects.scopes
        taken, kept = without_removals(update, known), withheld(update, known, self._engine.withheld)
        await self._ledger.hold(taken, known, self._authority, may_be_lost=update.snapshot)
        self._engine.apply(taken, held=reason, withheld=kept)

    async def _report(self, line: Line) -> None:
        observations = self._engine.observations
        await line.send(await observations.full(self._revision))
        while True:
            await observations.wait()
            await line.send(observations.take(self._revision))

    async def _show_life(self, line: Line) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            if self._revision:
                await self._ledger.check()  # One that was taken away is filled by the next session.
            await line.send(Heartbeat(await self._capacity()))

    async def _answer(self, line: Line, question: Question) -> None:
        failed = _REPLIES[type(question)]
        try:
            reply = await self._reply(question)
        except DriverError as error:
            reply = failed(question.request_id, error=str(error))
        except Exception as error:  # noqa: BLE001 (told, here and there)
            reply = failed(question.request_id, error=bugs.tell(failed.__name__, error))
        await line.send(reply)

    async def _reply(self, question: Question) -> ConsoleReply | CountReply | DropsReply:
        compute, network = self._drivers.compute, self._drivers.network
        if compute is None or network is None:
            return _REPLIES[type(question)](question.request_id, error="this host runs no instances")
        match question:
            case ConsoleRequest():
                output = await compute.console_tail(question.instance_id, question.max_bytes)
                return ConsoleReply(question.request_id, output)
            case CountRequest():
                return CountReply(question.request_id, await network.count(question.endpoint_ids))
            case DropsRequest():
                wait_s = min(question.wait_ms / 1000, MOST_WAIT_S)
                after, dropped = await network.drops(question.endpoint_ids, question.after, wait_s)
                return DropsReply(question.request_id, dropped, after)

    async def _keep_identity(self) -> None:
        """A disk that fails meanwhile ends no session."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            try:
                await self._files.run("identity", self._identities.keep)
            except (DriverError, OSError) as error:
                log.warning("cannot look after the identity", error=str(error))

    async def _renew(self, stub: Any) -> None:
        """Get new certificates when it is time, and end the session, so that the next one uses them."""
        identity = await self._files.run("identity", self._identities.load)
        due_s = (identity.control.renewal_at() - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, due_s) if self._identities.has_data_plane() else 0.0)
        while True:
            try:
                await self._get_certificates(stub, identity.host.host_id)
            except grpc.aio.AioRpcError as error:
                log.warning("cannot renew the certificate", error=_describe(error))
                await asyncio.sleep(self._settings.renew_again_s)
            else:
                raise SessionEnded("the certificate was renewed; the next session uses it")

    async def _get_certificates(self, stub: Any, host_id: str) -> None:
        """One for control, and those for data where the host has none."""
        request, client, server = (make_request(host_id) for _ in range(3))
        asked = pb.RenewCertificatesRequest(control_csr=request.csr)
        if not self._identities.has_data_plane():
            asked.data_client_csr, asked.data_server_csr = client.csr, server.csr
        reply = await stub.RenewCertificates(asked, timeout=self._settings.renew_deadline_s)
        issued = reply.certificates
        if issued.data_ca_certificate:
            data = DataPlane(
                issued.data_ca_certificate,
                Pair(client.key, issued.data_client_certificate),
                Pair(server.key, issued.data_server_certificate),
            )
            await self._files.run("certificate", self._identities.save_data_plane, data)
        pair = ControlPair(request.key, issued.control_certificate)
        await self._files.run("certificate", self._identities.save_control, pair, issued.ca_certificate)


def _whole(parts: Sequence[Update]) -> Update:
    """The update that came in these messages."""
    changes = net(change for part in parts for change in part.scopes)
    return replace(parts[0], scopes=changes, more=False)


def _stop_if_told() -> None:
    """A task group that is cancelled while one of its tasks fails raises that failure alone (until Python 3.13)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(errors: BaseExceptionGroup[Any]) -> Any:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


def _describe(error: Exception) -> str:
    return f"{error.details()} ({error.code().name})" if isinstance(error, grpc.aio.AioRpcError) else str(error)
