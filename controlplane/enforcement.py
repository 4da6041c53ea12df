"""Which hosts do not have a security group's rules yet, which they have instead, and that all of them do.

A group waits for the hosts that had a part in its VPC when its rules changed; after a restart of this process for those
that have one now. Whoever comes to have a part later is told the rules with it. A host has them when it has answered
that revision and its VPC is as it shall be; where connections are to end with rules, its agent has to know how.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from controlplane.model.instance import Observation, ObservedKind
from controlplane.model.network import SecurityGroup
from controlplane.model.state import Change, Revision, State
from controlplane.reconcile.members import Members

ENDS_CONNECTIONS = "drop_revision"  # A feature of agents: see Hello.features in session.proto.


class Enforcement:
    def __init__(self, state: State) -> None:
        self._state = state
        self._members = Members(state)
        self._late: dict[str, dict[str, int]] = {}  # By group: hosts, with the generation that they have; 0: not known.
        self._waiting: defaultdict[str, set[str]] = defaultdict(set)  # Groups, by host: the other way round.
        self._hostless: set[str] = set()  # Groups that wait for nobody: after a restart, their VPC may have no host.
        self._since: dict[str, int] = {}  # By group: the first revision that is not in force; 0: that is not known.
        for group in state.security_groups.pending.of(True):
            self._since[group.id] = 0
            self._begin(group, 0)

    def late(self, group_id: str) -> Mapping[str, int]:
        """The hosts that it waits for, and of which generation the rules are that they have; 0: that is not known."""
        return self._late.get(group_id, {})

    def too_old(self, group_id: str) -> Collection[str]:
        """Of these hosts, those whose agents do not know how to end the connections that are to end."""
        group = self._state.security_groups.get(group_id)
        return [id for id in self.late(group_id) if group and self._is_too_old(id, group)]

    def _is_too_old(self, host_id: str, group: SecurityGroup) -> bool:
        """For what is to end since the group was in force. A host without the VPC has no connections of it."""
        if host_id not in self._late[group.id] or not 0 < group.drop_revision >= self._since[group.id]:
            return False
        host, seen = self._state.hosts.get(host_id), self._seen(host_id, group)
        return host is not None and seen is not None and ENDS_CONNECTIONS not in host.features

    def witness(self, revision: Revision) -> None:
        """Of the state as it is now."""
        self._members.follow(revision.entries)
        for entry in revision.entries:
            old, new = entry.old, entry.new
            if isinstance(new, SecurityGroup) and new.pending_revision == revision.number:
                self._begin(new, old.generation if isinstance(old, SecurityGroup) else 0)
            elif isinstance(old, SecurityGroup) and not (isinstance(new, SecurityGroup) and new.pending_revision):
                self._end(entry.id)

    def _begin(self, group: SecurityGroup, before: int) -> None:
        held = self._late.get(group.id, {})
        since = self._since.get(group.id, group.pending_revision)
        self._end(group.id)
        self._since[group.id] = since
        self._late[group.id] = {id: held.get(id, before) for id in self._members.of(group.vpc_id)}
        for host_id in self._late[group.id]:
            self._waiting[host_id].add(group.id)
        if not self._late[group.id]:
            self._hostless.add(group.id)

    def _end(self, group_id: str) -> None:
        for host_id in self._late.pop(group_id, ()):
            self._drop(host_id, group_id)
        self._hostless.discard(group_id)
        self._since.pop(group_id, None)

    def _drop(self, host_id: str, group_id: str) -> None:
        self._waiting[host_id].discard(group_id)
        if not self._waiting[host_id]:
            del self._waiting[host_id]

    def is_awaited(self, host_id: str) -> bool:
        """Whether an answer of this host may be what a group waits for."""
        return host_id in self._waiting or bool(self._hostless)

    def answered(self, host_id: str, revision: int) -> Change:
        """A host has its networks as that revision and earlier ones want them, but for those that it says are not."""
        groups = [row for row in self._of(host_id) if self._has_rules(host_id, row, revision)]
        waiting = [row for row in groups if self._is_too_old(host_id, row)]
        for group in waiting:
            self._late[group.id][host_id] = group.generation
        return self._done(host_id, [row for row in groups if row not in waiting])

    def gone(self, host_id: str) -> Change:
        """A host is removed, or lost: nobody waits for it."""
        return self._done(host_id, self._of(host_id))

    def _of(self, host_id: str) -> list[SecurityGroup]:
        """The groups that wait for it, and those that wait for nobody."""
        waiting = self._waiting.get(host_id, frozenset()) | self._hostless
        return [self._state.security_groups[group_id] for group_id in sorted(waiting)]

    def _has_rules(self, host_id: str, group: SecurityGroup, revision: int) -> bool:
        seen = self._seen(host_id, group)
        return revision >= group.pending_revision and (seen is None or seen.converged)

    def _seen(self, host_id: str, group: SecurityGroup) -> Observation | None:
        return self._state.observed(ObservedKind.VPC, group.vpc_id, host_id)

    def _done(self, host_id: str, groups: Iterable[SecurityGroup]) -> Change:
        change = Change()
        for group in groups:
            late = self._late[group.id]
            if host_id in late:
                del late[host_id]
                self._drop(host_id, group.id)
            if not late:
                change.put(replace(group, pending_revision=0))
        return change
