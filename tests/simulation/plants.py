"""Bugs to plant: each breaks one promise, in a few lines of the product, and random search finds it.

The control plane: answers before the commit; commits half a change; forgets that a token was used; lets two machines
join with one token; takes any report for an answer; calls off what is not running yet; counts the instances of one call
once; drops an image that a volume still needs; trims the log under a watcher; believes who says that it has a scope.

The agents: do not acknowledge; revive a guest that powered itself off; delete by absence; obey a restored database;
ignore the epoch; open an epoch again after a power cut.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent import session
from agent.converge import plan
from agent.converge.observations import Observations
from agent.converge.resources import VolumeDriver
from agent.drivers.fake import FakeStorageDriver, FakeWorld
from agent.messages import Report
from agent.model import Domain, InstanceSpec, OffReason, VolumeSpec
from controlplane.history import Changed, History
from controlplane.journal import Journal
from controlplane.model.host import HostToken
from controlplane.model.state import State
from controlplane.model.table import Table
from controlplane.placement import Candidate
from controlplane.reconcile import absorb
from controlplane.reconcile.feed import Feed
from controlplane.service import hosts, images
from controlplane.service.call import Call
from controlplane.store import store

Plant = Callable[[pytest.MonkeyPatch], None]


def it_answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """A call that was answered is gone after a crash."""

    async def durable(self: Journal, revision: int) -> None:
        pass

    patch.setattr(Journal, "durable", durable)


def it_commits_half_a_change(patch: pytest.MonkeyPatch) -> None:
    """A crash amidst a commit leaves some of its rows."""
    write = store._write

    def write_and_commit(connection: Any, *rows: Any) -> None:
        write(connection, *rows)
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    patch.setattr(store, "_write", write_and_commit)


def it_forgets_that_a_token_was_used(patch: pytest.MonkeyPatch) -> None:
    """A call that is repeated is carried out again."""
    get = Table.get
    patch.setattr(Table, "get", lambda self, id: None if self.kind.name == "call" else get(self, id))


def it_lets_two_machines_join_with_one_token(patch: pytest.MonkeyPatch) -> None:
    """A machine that asks again becomes a second host."""
    usable_token = hosts._usable_token

    def unused(state: State, call: Call, request: hosts.Join) -> HostToken:
        return replace(usable_token(state, call, request), host_id="")

    patch.setattr(hosts, "_usable_token", unused)


def it_takes_any_report_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    """What a host said before it heard of a wish settles the wish."""
    patch.setattr(absorb, "_due", lambda rows, revision, answered: list(rows))


def it_calls_off_what_is_not_running_yet(patch: pytest.MonkeyPatch) -> None:
    """A start that is under way counts as off, and succeeds after all."""
    patch.setattr(absorb, "_is_off", lambda observation: not observation.running)


def it_counts_the_instances_of_one_call_once(patch: pytest.MonkeyPatch) -> None:
    """A host is given more than it has."""
    patch.setattr(Candidate, "take", lambda self, wanted: None)


def it_drops_an_image_that_a_volume_still_needs(patch: pytest.MonkeyPatch) -> None:
    """An image that was deregistered while a volume was being made from it is gone too early."""

    def is_needed(state: State, image_id: str) -> bool:
        image = state.images.get(image_id)
        return image is not None and image.deregistered_at is None

    patch.setattr(images, "is_needed", is_needed)


def it_trims_the_log_under_a_watcher(patch: pytest.MonkeyPatch) -> None:
    """A watcher who is late misses revisions and is not told."""

    def after(self: History, revision: int) -> list[Changed]:
        return [change for change in self._changes if change.revision > revision]

    patch.setattr(History, "after", after)


def it_believes_whoever_says_that_it_has_a_scope(patch: pytest.MonkeyPatch) -> None:
    """A host with an older ledger is not told what it lacks."""

    def later(self: Feed, scope_id: str, digest: bytes) -> list[bytes]:
        return self.changed(scope_id, self.revision) or []

    patch.setattr(Feed, "_later", later)


def its_agent_does_not_acknowledge(patch: pytest.MonkeyPatch) -> None:
    """What ended just before a connection broke is never known to have ended."""
    full = Observations._report_full

    def unanswered(self: Observations, *revision: Any) -> Report:
        return replace(full(self, *revision), revision=0)

    patch.setattr(Observations, "acknowledge", lambda self: None)
    patch.setattr(Observations, "_report_full", unanswered)


def its_agent_revives_a_guest_that_powered_itself_off(patch: pytest.MonkeyPatch) -> None:
    """A guest's own shutdown counts as an accident."""
    revive = plan._revive

    def revive_always(spec: InstanceSpec, domain: Domain, *rest: Any) -> plan.Plan:
        return revive(spec, replace(domain, off_reason=OffReason.CRASHED), *rest)

    patch.setattr(plan, "_revive", revive_always)


def its_agent_deletes_by_absence(patch: pytest.MonkeyPatch) -> None:
    """A volume that an agent was not told of is deleted."""

    async def remove(self: VolumeDriver, volume_id: str) -> None:
        if volume_id in await self._storage.list_volumes():
            await self._storage.ensure_volume(VolumeSpec(volume_id, 0, deleted=True))

    patch.setattr(VolumeDriver, "remove", remove)


def its_agent_obeys_a_database_of_before(patch: pytest.MonkeyPatch) -> None:
    """What was made since the backup is removed when the backup is restored."""
    patch.setattr(session, "objection", lambda last, update: "")


def its_storage_hosts_ignore_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """A host that speaks of an older epoch has the volume opened to it again."""
    patch.setattr(FakeStorageDriver, "_check_epoch", lambda self, spec: None)


def its_storage_hosts_open_an_epoch_again_after_a_power_cut(patch: pytest.MonkeyPatch) -> None:
    """A guest elsewhere goes on over lost writes."""
    patch.setattr(FakeWorld, "boot_id", "always the same")


PLANTS: tuple[Plant, ...] = (
    it_answers_before_the_commit,
    it_commits_half_a_change,
    it_forgets_that_a_token_was_used,
    it_lets_two_machines_join_with_one_token,
    it_counts_the_instances_of_one_call_once,
    it_drops_an_image_that_a_volume_still_needs,
    it_trims_the_log_under_a_watcher,
    it_believes_whoever_says_that_it_has_a_scope,
    its_agent_revives_a_guest_that_powered_itself_off,
    its_agent_deletes_by_absence,
    its_agent_obeys_a_database_of_before,
    its_storage_hosts_ignore_the_epoch,
    its_storage_hosts_open_an_epoch_again_after_a_power_cut,
)
# It takes dozens of seeds to come across them.
RARE: tuple[Plant, ...] = (
    it_takes_any_report_for_an_answer,
    it_calls_off_what_is_not_running_yet,
    its_agent_does_not_acknowledge,
)
