"""The gate without gRPC: who comes in by a transport that is none, what is carried out, and what a caller is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import pytest
from structlog.testing import capture_logs

from controlplane.errors import CloudError, Conflict, Denied, NoCapacity, Refusal, Throttled, Unauthenticated
from controlplane.gate import runner
from controlplane.gate.credentials import BearerToken
from controlplane.gate.door import Door
from controlplane.gate.invocation import Access, Invocation, Operation
from controlplane.gate.limits import Turns
from controlplane.gate.runner import Runner, Wish
from controlplane.journal import Journal
from controlplane.model.project import Role
from controlplane.model.state import Change
from controlplane.service import projects
from tests.unit.live import MemoryStore
from tests.unit.region import Region

READ, CHANGE, ADMINISTER = (Operation(role.name.lower(), role) for role in Role)
HOST = "host-0123456789abcdef0"


class Gate(Region):
    """A region with a token of each role, whose secret is the role's name. `enter` is what a transport does."""

    def __init__(self, **limits: Any) -> None:
        self.journal = Journal(MemoryStore(), lambda: self.now)
        super().__init__(self.journal.state, **limits)
        for role in Role:
            asked = projects.CreateToken(self.project_id, role, projects.hash_secret(role.name))
            self.do(projects.create_token, asked)
        self.door = Door(self.journal, self.policy, lambda: self.now)
        self.runner = Runner(self.journal, set(), self.door.turns, self.policy, lambda: self.now)

    @classmethod
    @asynccontextmanager
    async def running(cls, **limits: Any) -> AsyncIterator[Self]:
        gate = cls(**limits)
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(gate.journal.run())
            yield gate
            writer.cancel()

    def apply(self, change: Change) -> None:
        self.journal.apply(change)

    def enter(self, operation: Operation, role: Role | None = None, address: str = "ipv4:192.0.2.1") -> Invocation:
        call = Invocation(operation, address, BearerToken(role.name) if role else None)
        self.door.enter(call)
        return call

    async def revoke_and_wait(self, call: Invocation, token_id: str) -> None:
        async with asyncio.timeout(10), self.door.while_valid(call):
            self.do(projects.revoke_token, token_id)
            await asyncio.Event().wait()


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_a_weaker_one_may(role: Role) -> None:
    gate = Gate()
    for needed, operation in zip(Role, (READ, CHANGE, ADMINISTER), strict=True):
        if role < needed:
            with pytest.raises(Denied, match="needs role"):
                gate.enter(operation, role)
        else:
            principal = gate.enter(operation, role).principal
            assert principal is not None
            assert (principal.project_id, principal.role) == (gate.project_id, role)


def test_what_no_role_decides_needs_no_token_or_takes_none() -> None:
    gate = Gate()
    assert gate.enter(Operation("Check", Access.ANYONE)).principal is None
    assert gate.enter(Operation("Session", Access.HOST)).principal is None
    with pytest.raises(Denied):
        gate.enter(Operation("Nothing", Access.NOBODY), Role.ADMIN)
    with pytest.raises(Unauthenticated):
        gate.enter(READ)


def test_a_secret_is_in_no_text() -> None:
    assert "hunter2" not in repr(Invocation(READ, "", BearerToken("hunter2")))


def test_who_leaves_gives_back_the_places_that_it_held() -> None:
    gate = Gate(calls_in_progress=2, calls_in_progress_per_address=3)
    calls = [gate.enter(READ, Role.READER, f"ipv4:192.0.2.{number}") for number in (1, 2)]
    refused = Invocation(READ, "ipv4:192.0.2.3", BearerToken("READER"))
    with pytest.raises(Throttled, match=f"{gate.project_id} has 2 calls in progress"):
        gate.door.enter(refused)
    gate.door.leave(refused)
    gate.door.leave(calls[0])
    gate.door.leave(calls[0])
    gate.enter(READ, Role.READER)
    with pytest.raises(Throttled):
        gate.enter(READ, Role.READER)


def test_hosts_calls_are_not_counted_by_address() -> None:
    gate = Gate(calls_in_progress_per_address=1)
    for _ in range(3):
        gate.enter(Operation("Session", Access.HOST))


@pytest.mark.parametrize(("operation", "limit"), [(READ, "reads_burst"), (CHANGE, "changes_burst")])
def test_reading_and_changing_have_each_their_rate(operation: Operation, limit: str) -> None:
    gate = Gate(**{limit: 1})
    gate.enter(operation, Role.ADMIN)
    with pytest.raises(Throttled):
        gate.enter(operation, Role.ADMIN)
    gate.enter(CHANGE if operation is READ else READ, Role.ADMIN)


def test_one_place_decides_who_sees_hosts() -> None:
    gate = Gate()
    error = NoCapacity("NoRoom", f"No room on {HOST}.", refusals=[Refusal(HOST, "vcpus: 2 asked, 1 free of 8")] * 2)
    seen, hidden = (gate.door.failed(gate.enter(READ, role), error) for role in (Role.ADMIN, Role.MEMBER))
    unknown = gate.door.failed(Invocation(READ, ""), error)
    assert seen.message.startswith(error.message)
    assert seen.refusals == error.refusals
    assert (hidden.message, hidden.refusals) == ("No room on a host.", (Refusal("", "vcpus"),))
    assert unknown.message == hidden.message
    assert seen.is_retryable


def test_hosts_that_said_no_are_counted_and_not_their_pools() -> None:
    gate = Gate()
    pools = [Refusal(HOST, f"storage: 9 GiB asked, 0 GiB free of 8 in pool {name}") for name in ("ssd", "hdd")]
    others = [Refusal("", "status: 2 more hosts", 2)] * 2
    error = NoCapacity("NoRoom", "No room.", refusals=[*pools, *others])
    seen = gate.door.failed(gate.enter(READ, Role.ADMIN), error)
    assert seen.message == "No room. (4 of 5 hosts: status, 1 of 5 hosts: storage)"
    assert len(seen.refusals) == 4


def test_of_a_bug_the_caller_is_told_where_to_look_alone() -> None:
    gate = Gate()
    call = gate.enter(READ, Role.ADMIN)
    with capture_logs() as lines:
        failure = gate.door.failed(call, ZeroDivisionError("secret"))
    assert failure.code == "InternalError"
    assert call.id in failure.message
    assert "secret" not in failure.message
    assert [(line["event"], line["request_id"]) for line in lines] == [("bug", call.id), ("call", call.id)]


def test_a_call_has_one_line_unless_it_is_worth_none() -> None:
    gate = Gate()
    with capture_logs() as lines:
        call = gate.enter(READ, Role.READER)
        gate.door.succeeded(call)
        gate.door.succeeded(gate.enter(Operation("Check", Access.ANYONE, is_logged=False)))
    (line,) = lines
    assert (line["method"], line["code"], line["request_id"]) == ("reader", "OK", call.id)
    assert line["caller"] in gate.state.tokens


async def test_what_goes_on_ends_with_its_token() -> None:
    async with Gate.running() as gate:
        call = gate.enter(Operation("Watch", Role.READER, goes_on=True), Role.READER)
        assert call.principal is not None
        with pytest.raises(Unauthenticated, match=call.principal.credential_id):
            await gate.revoke_and_wait(call, call.principal.credential_id)


async def test_a_change_is_carried_out_once_and_recorded_with_who_asked() -> None:
    async with Gate.running() as gate:
        first, second = (gate.enter(Operation("CreateProject", Role.ADMIN), Role.ADMIN) for _ in range(2))
        done = [
            await gate.runner.mutate(call, Wish("token"), projects.create, "web", lambda state, made: made)
            for call in (first, second)
        ]
        assert [is_replay for _, is_replay in done] == [False, True]
        assert done[0][0] == done[1][0]
        assert first.principal is not None
        (record,) = gate.state.calls
        assert (record.operation, record.request_id) == ("CreateProject", first.id)
        assert (record.project_id, record.token_id) == (gate.project_id, first.principal.credential_id)


async def test_a_trial_changes_nothing() -> None:
    async with Gate.running() as gate:
        call, revision = gate.enter(CHANGE, Role.ADMIN), gate.state.revision
        with pytest.raises(Conflict) as caught:
            await gate.runner.mutate(call, Wish(dry_run=True), projects.create, "web", lambda state, made: made)
        assert caught.value.code == "DryRunOperation"
        assert gate.state.revision == revision


async def test_a_use_case_is_told_of_its_caller_and_no_more() -> None:
    async with Gate.running() as gate:
        call = gate.enter(READ, Role.MEMBER)
        told = await gate.runner.read(call, lambda state, call: call)
        assert (told.project_id, told.role, told.now) == (gate.project_id, Role.MEMBER, gate.now)
        assert (gate.runner.call(None).project_id, gate.runner.call(None).role) == ("", Role.READER)


def test_an_error_is_no_bug() -> None:
    gate = Gate()
    with capture_logs() as lines:
        failure = gate.door.failed(gate.enter(READ, Role.READER), CloudError("Odd", "x", blocking_ids=["i-1"]))
    assert (failure.code, failure.blocking_ids, failure.is_retryable) == ("Odd", ("i-1",), False)
    assert [line["code"] for line in lines] == ["Odd"]


async def test_what_goes_on_waits_for_its_turn_where_a_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is counted: the project's calls wait for what its streams have computed."""
    cpu_s, waits_s = [0.0], list[float]()

    def compute() -> None:
        cpu_s[0] += 3601

    async with Gate.running() as gate:

        async def until_all_is_paid(wait_s: float) -> None:
            waits_s.append(wait_s)
            gate.runner._turns = Turns(250)

        gate.runner._turns = Turns(250, lambda: cpu_s[0])
        call = gate.enter(READ, Role.READER)
        await gate.runner.step(call, compute)
        with pytest.raises(Throttled, match="compute too much"):
            await gate.runner.read(call, lambda state, call: None)
        monkeypatch.setattr(runner, "asyncio", SimpleNamespace(sleep=until_all_is_paid))
        assert await gate.runner.step(call, lambda: "its turn") == "its turn"
        assert waits_s == [pytest.approx(4 * 3600, rel=0.01)]
