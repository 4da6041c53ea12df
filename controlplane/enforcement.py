"""Which hosts do not have the rules of a security group or a network ACL yet, which they have instead, and that all do.

They wait for the hosts that had a part in their VPC when the rules changed; after a restart of this process for those
that have one now. Whoever comes to have a part later is told the rules with it. A host has them when it has answered
that revision and its VPC is as it shall be. Where connections are to end with rules, or an ACL stops anything, its
agent has to know how.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from controlplane.model.instance import Observation, ObservedKind
from controlplane.model.network import SecurityGroup
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import Change, Revision, State
from controlplane.reconcile.members import Members
from controlplane.service.features import Feature

Ruled = SecurityGroup | NetworkAcl


class Enforcement:
    def __init__(self, state: State) -> None:
        self._state = state
        self._members = Members(state)
        self._late: dict[str, dict[str, int]] = {}  # By id: hosts, with the generation that they have; 0: not known.
        self._waiting: defaultdict[str, set[str]] = defaultdict(set)  # Ids, by host: the other way round.
        self._hostless: set[str] = set()  # What waits for nobody: after a restart, its VPC may have no host.
        self._since: dict[str, int] = {}  # By id: the first revision that is not in force; 0: that is not known.
        pending: list[Ruled] = [*state.security_groups.pending.of(True), *state.network_acls.pending.of(True)]
        for row in pending:
            self._since[row.id] = 0
            self._begin(row, 0)

    def late(self, resource_id: str) -> Mapping[str, int]:
        """The hosts that it waits for, and of which generation the rules are that they have; 0: that is not known."""
        return self._late.get(resource_id, {})

    def too_old(self, resource_id: str) -> Collection[str]:
        """Of these hosts, those whose agents do not know how to do what the rules ask for."""
        row = self._find(resource_id)
        return [id for id in self.late(resource_id) if row and self._is_too_old(id, row)]

    def _find(self, resource_id: str) -> Ruled | None:
        return self._state.security_groups.get(resource_id) or self._state.network_acls.get(resource_id)

    def _is_too_old(self, host_id: str, row: Ruled) -> bool:
        """A host without the VPC has nothing to do there."""
        if host_id not in self._late[row.id] or not (feature := self._feature(row)):
            return False
        host, seen = self._state.hosts.get(host_id), self._seen(host_id, row)
        return host is not None and seen is not None and feature not in host.features

    def _feature(self, row: Ruled) -> Feature | None:
        """Which it takes; of a group, for what is to end since it was in force."""
        if isinstance(row, NetworkAcl):
            is_idle = row.is_open or not self._state.subnets.network_acl.count(row.id)
            return None if is_idle else Feature.NETWORK_ACLS
        return Feature.DROP_REVISION if 0 < row.drop_revision >= self._since[row.id] else None

    def witness(self, revision: Revision) -> None:
        """Of the state as it is now."""
        self._members.follow(revision.entries)
        for entry in revision.entries:
            old, new = entry.old, entry.new
            if isinstance(new, Ruled) and new.pending_revision == revision.number:
                self._begin(new, old.generation if isinstance(old, Ruled) else 0)
            elif isinstance(old, Ruled) and not (isinstance(new, Ruled) and new.pending_revision):
                self._end(entry.id)

    def _begin(self, row: Ruled, before: int) -> None:
        held = self._late.get(row.id, {})
        since = self._since.get(row.id, row.pending_revision)
        self._end(row.id)
        self._since[row.id] = since
        self._late[row.id] = {id: held.get(id, before) for id in self._members.of(row.vpc_id)}
        for host_id in self._late[row.id]:
            self._waiting[host_id].add(row.id)
        if not self._late[row.id]:
            self._hostless.add(row.id)

    def _end(self, resource_id: str) -> None:
        for host_id in self._late.pop(resource_id, ()):
            self._drop(host_id, resource_id)
        self._hostless.discard(resource_id)
        self._since.pop(resource_id, None)

    def _drop(self, host_id: str, resource_id: str) -> None:
        self._waiting[host_id].discard(resource_id)
        if not self._waiting[host_id]:
            del self._waiting[host_id]

    def is_awaited(self, host_id: str) -> bool:
        """Whether an answer of this host may be what a group or an ACL waits for."""
        return host_id in self._waiting or bool(self._hostless)

    def answered(self, host_id: str, revision: int) -> Change:
        """A host has its networks as that revision and earlier ones want them, but for those that it says are not."""
        rows = [row for row in self._of(host_id) if self._has_rules(host_id, row, revision)]
        waiting = [row for row in rows if self._is_too_old(host_id, row)]
        for row in waiting:
            self._late[row.id][host_id] = row.generation
        return self._done(host_id, [row for row in rows if row not in waiting])

    def gone(self, host_id: str) -> Change:
        """A host is removed, or lost: nobody waits for it."""
        return self._done(host_id, self._of(host_id))

    def _of(self, host_id: str) -> list[Ruled]:
        """What waits for it, and what waits for nobody."""
        waiting = self._waiting.get(host_id, frozenset()) | self._hostless
        return [row for row in map(self._find, sorted(waiting)) if row]

    def _has_rules(self, host_id: str, row: Ruled, revision: int) -> bool:
        seen = self._seen(host_id, row)
        return revision >= row.pending_revision and (seen is None or seen.converged)

    def _seen(self, host_id: str, row: Ruled) -> Observation | None:
        return self._state.observed(ObservedKind.VPC, row.vpc_id, host_id)

    def _done(self, host_id: str, rows: Iterable[Ruled]) -> Change:
        change = Change()
        for row in rows:
            late = self._late[row.id]
            if host_id in late:
                del late[host_id]
                self._drop(host_id, row.id)
            if not late:
                change.put(replace(row, pending_revision=0))
        return change
