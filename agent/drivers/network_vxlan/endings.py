"""When connections are to end with rules, and that they do: after the rules themselves, and beside whatever comes next.

To look at a VPC's connections takes long where they are many. So no change of rules waits for it: what a change asks
for is noted, one look is taken at a time, and what was asked for meanwhile goes with the next.

Of what was asked for, a group's `drop_revision`, a small file remembers what was done, so that an agent that starts
anew drops nothing that may go on. It goes with the host's boot, as connections do. It is about all groups of the VPC,
since an endpoint may come to be in one that had no member here.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from agent.drivers.network_vxlan import cuts
from agent.drivers.network_vxlan.cuts import Guard
from agent.drivers.network_vxlan.ruleset import RECEIVER_UNTRACKED, SENDER_UNTRACKED
from agent.host import flows, namespaces
from agent.model import VpcSpec
from agent.objects import SecurityGroup
from agent.vpc import VpcView


class Endings:
    """Of a VPC on this host. `note` and `carry_out` may be under way at once, each of them once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: VpcView | None = None
        # Of each change: interfaces that lost a rule by which connections may be untracked, or none, but drops.
        self._due: list[frozenset[str]] = []

    @property
    def are_over(self) -> bool:
        """Whether all has ended that had to."""
        return not self._due

    def note(self, view: VpcView, old: VpcSpec | None, new: VpcSpec, directory: Path) -> None:
        """When to call: the rules of `view` stand.

        `old` and `new` are all of the VPC, or what changed of it; without `old` it is not known what changed.
        """
        poorer = cuts.narrowed(old, new, lambda id: _members_here(view, [id])) if old else frozenset(view.local)
        drops = _Drops(directory).due(view.groups.values())
        with self._lock:
            self._view = view
            if poorer or drops:
                self._due.append(poorer)

    def carry_out(self, directory: Path) -> None:
        """End what has to by now, on this host. What fails is due as before."""
        with self._lock:
            view, due = self._view, [*self._due]
        if view is None or not due:
            return
        drops, groups = _Drops(directory), view.groups.values()
        _end(view, _members_here(view, drops.due(groups)), (0,), are_tracked_too=True)
        _end(view, frozenset().union(*due), (SENDER_UNTRACKED, RECEIVER_UNTRACKED))
        drops.save(groups)
        with self._lock:
            del self._due[: len(due)]

    def forget(self) -> None:
        """The VPC goes."""
        with self._lock:
            self._due.clear()


def _members_here(view: VpcView, group_ids: Iterable[str]) -> frozenset[str]:
    """Interface ids."""
    members = (view.members(group_id).values() for group_id in group_ids)
    return frozenset(row.id for rows in members for row in rows if row.id in view.local)


def _end(view: VpcView, interface_ids: Collection[str], marks: Iterable[int], *, are_tracked_too: bool = False) -> None:
    """Those of these interfaces' connections that have one of these marks, and no right to go on."""
    if guards := _guards(view, interface_ids):
        namespace = namespaces.vpc_namespace(view.vpc.id)
        namespaces.call(namespace, _drop, guards, marks, are_tracked_too=are_tracked_too)


def _guards(view: VpcView, interface_ids: Collection[str]) -> list[Guard]:
    rules = {group.group_id: group.rules for group in view.groups_here}
    addresses = cache(
        lambda group_id: frozenset(ip for row in view.members(group_id).values() for ip in row.private_ips)
    )
    return [
        Guard(
            row.private_ips,
            [rule for group_id in row.group_ids for rule in rules.get(group_id, ())],
            addresses,
        )
        for row in view.local.values()
        if row.id in interface_ids
    ]


def _drop(guards: Collection[Guard], marks: Iterable[int], *, are_tracked_too: bool) -> None:
    """In the calling thread's namespace."""
    for mark in marks:
        flows.drop(list(cuts.stale(flows.flows(mark), guards, are_tracked_too=are_tracked_too)))


class _Drops:
    """What was done for each group; one that is not there was to drop nothing. Without the file all is due."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "drops"
        self._done = self._load()

    def due(self, groups: Iterable[SecurityGroup]) -> list[str]:
        return [group.id for group in groups if group.drop_revision > self._done.get(group.id, 0)]

    def save(self, groups: Iterable[SecurityGroup]) -> None:
        now = {group.id: group.drop_revision for group in groups if group.drop_revision}
        if now != self._done:
            self._file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = self._file.with_suffix(".new")
            draft.write_text("".join(f"{group_id} {revision}\n" for group_id, revision in now.items()))
            draft.rename(self._file)

    def _load(self) -> Mapping[str, int]:
        if not self._file.exists():
            return {}
        return {group_id: int(revision) for group_id, revision in map(str.split, self._file.read_text().splitlines())}
