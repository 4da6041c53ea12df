"""What users were promised, and whether it is kept: follows every revision and every call.

It holds a copy of the state that knows durable revisions alone, and beside it, as simply as can be, what users asked
for. What doesn't fit goes into `problems`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controlplane.model.audit import CallRecord
from controlplane.model.host import Host
from controlplane.model.instance import Attachment, Desired, Instance, ObservedKind, Phase, Volume
from controlplane.model.lifecycle import InstanceState, state_of
from controlplane.model.network import NetworkInterface, PublicAddress
from controlplane.model.policy import Policy
from controlplane.model.state import Entry, Revision, State
from controlplane.model.table import Row

from .controlplane import Asked

S = InstanceState
# What may follow what, by one revision. None: not there.
EDGES: dict[InstanceState | None, set[InstanceState | None]] = {
    None: {S.PENDING},
    S.PENDING: {S.RUNNING, S.STOPPING, S.SHUTTING_DOWN},
    S.RUNNING: {S.STOPPING, S.SHUTTING_DOWN},
    S.STOPPING: {S.STOPPED, S.SHUTTING_DOWN},
    S.STOPPED: {S.PENDING, S.SHUTTING_DOWN},
    S.SHUTTING_DOWN: {S.TERMINATED},
    S.TERMINATED: {None},
}
_WISHES = {
    "RunInstances": Desired.ON,
    "StartInstances": Desired.ON,
    "StopInstances": Desired.OFF,
    "TerminateInstances": Desired.ABSENT,
}
# Beside rules: what calls do, and what else comes to be. Rules of groups that go are too rare to count on.
EFFECTS = (
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "RebootInstances",
    "TerminateInstances",
    "CreateVolume",
    "DeleteVolume",
    "RestoreVolumeFromRecycleBin",
    "AttachVolume",
    "DetachVolume",
    "AllocateAddress",
    "AssociateAddress",
    "DisassociateAddress",
    "ReleaseAddress",
    "ImportImage",
    "DeregisterImage",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "a call is repeated",
    "an address moves",
    "an epoch follows another",
    "a host joins",
    "a host is lost",
    "a host is removed",
    "a call is forgotten",
    "an instance is forgotten",
)


@dataclass(frozen=True, slots=True)
class Promises:
    """What a record holds that is in no database."""

    wishes: dict[str, Desired]
    reboots: dict[str, int]
    results: dict[str, tuple[bytes, Any]]
    carried_out: list[Asked]


class Record:
    def __init__(self, loaded: State, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.durable = loaded
        self._policy = policy
        self._clock = clock
        self._latest = clock()  # That it ever was: clocks go back, too.
        self.problems: list[str] = []
        self.done: Counter[str] = Counter()  # Rules and effects.
        self.asked: list[Asked] = []
        self.wishes: dict[str, Desired] = {}
        self.reboots: dict[str, int] = {}
        self.out_of_step: set[str] = set()  # Hosts that follow a ledger of another time, and start what is over.
        self.is_rewound = False  # Since when all hosts know what the control plane doesn't.
        self.guest_off: set[tuple[str, int]] = set()  # Instance and generation, whether or not anybody saw it.
        self.has_lost = False  # A host, whose volumes were deleted without its word.
        self.undeleted: set[str] = set()  # Volumes, as to which not all hosts may have come to rest yet.
        self.strangers: set[tuple[str, str]] = set()  # Addresses of hosts, and forgotten instances.
        self.addresses: dict[str, tuple[str, str]] = {}  # VPC and private address of every interface there ever was.
        self._results: dict[str, tuple[bytes, Any]] = {}  # Request and result, by client token.
        self._carried_out: list[Asked] = []  # In order, not known to be durable.
        self._states: dict[str, InstanceState] = {}

    # Of a backup

    def promises(self) -> "Promises":
        return Promises(dict(self.wishes), dict(self.reboots), dict(self._results), list(self._carried_out))

    def rewind(self, loaded: State, promises: "Promises", hosts: Iterable[str]) -> None:
        """The database is an earlier one: what was promised since is not owed, and hosts know more than they shall."""
        self.wishes, self.reboots = dict(promises.wishes), dict(promises.reboots)
        self._results = dict(promises.results)
        self._carried_out = [one for one in promises.carried_out if one.revision <= loaded.revision]
        self.asked.clear()
        self.durable = loaded
        self.out_of_step.update(hosts)
        self.is_rewound = True

    def at_rest(self) -> None:
        self.out_of_step.clear()
        self.undeleted.clear()
        self.is_rewound = self.has_lost = False

    # The process tells

    def carried_out(self, asked: Asked) -> None:
        self._carried_out.append(asked)

    def follow(self, revisions: list[Revision]) -> None:
        for revision in revisions:
            self._fold()
            self._expect(revision.number == self.durable.revision + 1, f"revision {revision.number} came out of turn")
            for entry in revision.entries:
                self._take(entry)
            self.durable.revision = revision.number
            self._fold()
            self._look_at(_instances_in(revision.entries))

    def restart(self, loaded: State) -> None:
        """The process began anew, with what its disk had."""
        self._expect(loaded.revision >= self.durable.revision, "a durable revision is gone after a restart")
        if loaded.revision == self.durable.revision:
            self.compare(loaded)
        for asked in self.asked:
            is_lost = asked.answer is not None and asked.revision > loaded.revision
            self._expect(not is_lost, f"{asked.method} was answered and is gone: {asked.request}")
        self._check_tokens(loaded)
        self.durable = loaded
        self._fold()
        self._carried_out.clear()
        for row in loaded.interfaces:
            self.addresses[row.id] = (row.vpc_id, row.private_ip)
        self._states = {row.id: _state(loaded, row) for row in loaded.instances}

    def _check_tokens(self, loaded: State) -> None:
        """Whether an unanswered call happened, its token tells."""
        for asked in self._carried_out:
            token = f"{asked.project_id}/{asked.request.client_token}"
            has_happened = asked.revision <= loaded.revision or token in self._results
            self._expect((token in loaded.calls) is has_happened, f"{asked.method}: its token lies: {token}")

    # What follows from it

    def note_time(self) -> None:
        """Also before the clock is set: somebody may have read it, and what follows is not durable yet."""
        self._latest = max(self._latest, self._clock())

    def _check_end(self, row: Row) -> None:
        """Nothing is forgotten before its time."""
        self.note_time()
        if isinstance(row, CallRecord):
            self._expect(row.created_at + self._policy.call_retention <= self._latest, f"{row} was forgotten")
            if row.operation == "RunInstances":
                left = [made for made in json.loads(row.result) if made in self.durable.instances]
                self._expect(not left, f"{row.id} was forgotten, and {left} are there")
            self._results.pop(row.id, None)
        elif isinstance(row, Instance):
            ended_at = row.terminated_at or datetime.max.replace(tzinfo=UTC)
            over = ended_at + self._policy.terminated_visible <= self._latest
            self._expect(over, f"{row.id} was forgotten, and ended at {row.terminated_at}")

    def _take(self, entry: Entry) -> None:
        row = entry.new
        if row is None:
            assert entry.old is not None
            self._check_end(entry.old)
            self._count_end(entry.old)
            old: Any = self.durable.delete(type(entry.old), entry.id)
        else:
            old = self.durable.put(row)
            self._count(row, old)
        self._expect(old == entry.old, f"the log says that {entry.id} was {entry.old}, and it was {old}")
        if isinstance(row, NetworkInterface):
            self.addresses[row.id] = (row.vpc_id, row.private_ip)

    def _count(self, row: Row, old: Any) -> None:
        match row:
            case PublicAddress(interface_id=interface) if old and interface and old.interface_id not in ("", interface):
                self.done["an address moves"] += 1
            case Attachment(epoch=epoch) if old is None and epoch > 1:
                self.done["an epoch follows another"] += 1
            case Volume(is_deleted=False) if old and old.is_deleted:
                self.undeleted.add(row.id)
            case Host() if old is None:
                self.done["a host joins"] += 1
            case Host(is_removed=True):
                self.done["a host is removed"] += 1
                self.wishes |= {one.id: Desired.ABSENT for one in self.durable.instances.host.of(row.id)}
            case Host(lost_at=datetime()) if old.lost_at is None:
                self.done["a host is lost"] += 1
                self.out_of_step.add(row.id)
                self.has_lost = True

    def _count_end(self, row: Row) -> None:
        match row:
            case CallRecord():
                self.done["a call is forgotten"] += 1
            case Instance():
                self.done["an instance is forgotten"] += 1

    def _fold(self) -> None:
        """Take calls into account that are durable by now."""
        while self._carried_out and self._carried_out[0].revision <= self.durable.revision:
            asked = self._carried_out.pop(0)
            assert asked.outcome is not None
            result = json.loads(json.dumps(asked.outcome.result))
            is_new = self._is_new(asked, result)
            self.done[asked.method if is_new else "a call is repeated"] += 1
            if is_new:
                self._wish(asked, result)
                if asked.revision == self.durable.revision:  # Else a later call may have undone it.
                    self._promise(asked, result)

    def _is_new(self, asked: Asked, result: Any) -> bool:
        assert asked.outcome is not None
        token = f"{asked.project_id}/{asked.request.client_token}"
        is_known = token in self._results
        parameters = (asked.request.SerializeToString(deterministic=True), result)
        same = self._results.setdefault(token, parameters) == parameters
        self._expect(asked.outcome.is_replay is is_known, f"{asked.method} {token} was carried out twice")
        self._expect(same, f"{asked.method} {token} was answered in two ways: {self._results[token]}, {parameters}")
        return not asked.outcome.is_replay

    def _wish(self, asked: Asked, result: Any) -> None:
        request = asked.request
        match asked.method:
            case "RunInstances":
                wanted = request.min_count <= len(result) <= request.max_count
                self._expect(wanted, f"{len(result)} launched, asked for {request}")
                self.wishes |= dict.fromkeys(result, Desired.ON)
            case "StartInstances" | "StopInstances" | "TerminateInstances":
                self.wishes |= dict.fromkeys(request.instance_ids, _WISHES[asked.method])
            case "RebootInstances":
                for instance_id, before, _ in result:
                    self.reboots[instance_id] = self.reboots.get(instance_id, 0) + (before == S.RUNNING.code)

    def _promise(self, asked: Asked, result: Any) -> None:
        state, request = self.durable, asked.request
        match asked.method:
            case "AllocateAddress":
                self._expect(result in state.addresses, f"{result} was allocated and is not there")
            case "AssociateAddress":
                self._expect(result in state.addresses.association, f"{result} is not there")
            case "DisassociateAddress":
                self._expect(request.association_id not in state.addresses.association, f"{request} had no effect")
            case "ReleaseAddress":
                row = state.addresses.get(request.allocation_id)
                self._expect(row is None or row.is_released, f"{request} had no effect")
            case "CreateVolume":
                self._expect(result in state.volumes, f"{result} was made and is not there")
            case "DeleteVolume":
                volume = state.volumes.get(request.volume_id)
                self._expect(volume is None or volume.is_deleted, f"{request} had no effect")
            case "RestoreVolumeFromRecycleBin":
                volume = state.volumes.get(request.volume_id)
                self._expect(volume is not None and not volume.is_deleted, f"{request} had no effect")
            case "AttachVolume":
                # In a later epoch, if it was started since.
                attachments = state.attachments.volume.of(request.volume_id)
                self._expect(any(row.phase is Phase.ATTACHED for row in attachments), f"{result} is not attached")
            case "DetachVolume":
                self._expect(_phase(state, result) is not Phase.ATTACHED, f"{result} is still attached")
            case "ImportImage":
                self._expect(result in state.images, f"{result} was imported and is not there")
            case "DeregisterImage":
                image = state.images.get(request.image_id)
                self._expect(image is None or image.deregistered_at is not None, f"{request} had no effect")
            case "CreateSecurityGroup":
                self._expect(result in state.security_groups, f"{result} is not there")
            case "DeleteSecurityGroup":
                self._expect(request.group_id not in state.security_groups, f"{request} had no effect")
            case "AuthorizeSecurityGroupIngress":
                self._expect(all(rule_id in state.rules for rule_id in result), f"{result} are not there")
            case "RevokeSecurityGroupIngress":
                self._expect(not any(one in state.rules for one in request.rule_ids), f"{request} had no effect")

    def _look_at(self, instance_ids: Iterable[str]) -> None:
        for instance_id in instance_ids:
            row = self.durable.instances.get(instance_id)
            before, after = self._states.get(instance_id), _state(self.durable, row) if row else None
            is_fair = before is after or after in EDGES[before] or (row and row.host_id in self.out_of_step)
            self._expect(bool(is_fair), f"{instance_id} went from {before} to {after}")
            if row is None or after is None:
                self._states.pop(instance_id, None)
                continue
            self._states[instance_id] = after
            self._check_wish(row)

    def _check_wish(self, row: Instance) -> None:
        wish = self.wishes.get(row.id)
        ends = Desired.ABSENT if row.shutdown_behavior == "terminate" else Desired.OFF
        if wish is Desired.ON and row.desired is ends and (row.id, row.generation) in self.guest_off:
            wish = self.wishes[row.id] = ends  # The guest's own.
        if wish is Desired.ON and row.desired is Desired.ABSENT and self._has_no_room(row):
            wish = self.wishes[row.id] = Desired.ABSENT
        self._expect(row.desired is wish, f"{row.id} shall be {row.desired}, and was wished to be {wish}")
        reboots = self.reboots.get(row.id, 0)
        self._expect(row.reboot_count == reboots, f"{row.id}: {row.reboot_count} reboots, {reboots} asked for")

    def _has_no_room(self, row: Instance) -> bool:
        """A launch that fails, since its host has volumes that a restored database has not heard of yet."""
        reason = row.state_reason.message if row.state_reason else ""
        return self.is_rewound and not row.ran_generation and reason.startswith("no room for ")

    def compare(self, loaded: State) -> None:
        """Memory and disk agree, to the order of rows."""
        for row_type, table in self.durable.tables.items():
            ours, theirs = list(table), list(loaded.tables[row_type])
            self._expect(ours == theirs, f"{table.kind}: memory has {ours}, the disk {theirs}")
        self._expect(self.durable.revision == loaded.revision, "memory and disk are at different revisions")

    def _expect(self, is_so: bool, problem: str) -> None:
        if not is_so:
            self.problems.append(problem)


def _state(state: State, row: Instance) -> InstanceState:
    return state_of(row, state.observed(ObservedKind.INSTANCE, row.id, row.host_id))


def _phase(state: State, attachment_id: str) -> Phase | None:
    row: Attachment | None = state.attachments.get(attachment_id)
    return row.phase if row else None


def _instances_in(entries: Iterable[Entry]) -> set[str]:
    rows: list[Any] = [entry.new or entry.old for entry in entries]
    ids = {row.id for row in rows if isinstance(row, Instance)}
    return ids | {row.resource_id for row in rows if getattr(row, "kind", None) is ObservedKind.INSTANCE}
