"""Whether a host is there: what was last seen of it, also by an earlier life of the control plane."""

from datetime import timedelta

import pytest

from controlplane.model.policy import Patience
from controlplane.service import host_removal, instances, power
from controlplane.service.host_removal import RemoveHost
from controlplane.service.instances import RunInstances
from controlplane.service.presence import HostStatus
from controlplane.sessions import Sessions
from tests.unit.live import Live, seal
from tests.unit.region import NAME

SECOND = timedelta(seconds=1)
PATIENCE = Patience(silence=30 * SECOND, reconnect=10 * SECOND)


class Watched:
    """A region with one host; `restart` begins a new life of the control plane."""

    def __init__(self) -> None:
        self.live = Live()
        self.host_id = self.live.add_host()
        self._moved = timedelta()
        self.restart()

    def restart(self) -> None:
        clock, steady = lambda: self.live.now, lambda: self.live.now - self._moved
        self.sessions = Sessions(self.live.journal, NAME, PATIENCE, clock, seal, steady)

    def set_clock(self, by: timedelta) -> None:
        """No time passes."""
        self.live.now += by
        self._moved += by
        self.sessions.note_absent()

    def pass_time(self, seconds: float) -> None:
        self.live.now += seconds * SECOND
        self.sessions.note_absent()

    @property
    def status(self) -> str:
        return self.sessions.presence(self.host_id).status.value

    @property
    def is_usable(self) -> bool:
        return self.host_id in self.sessions


def test_a_host_whose_agent_never_ran_is_not_connected() -> None:
    watched = Watched()
    assert (watched.status, watched.is_usable) == ("never-connected", False)
    known = watched.sessions.presence(watched.host_id)
    assert (known.cause, known.last_seen_at) == ("its agent has never connected", None)
    watched.restart()
    assert watched.status == "never-connected"


def test_a_host_whose_session_ended_is_unreachable_after_a_moment() -> None:
    watched = Watched()
    session = watched.sessions.open(watched.host_id)
    assert (watched.status, watched.is_usable) == ("connected", True)
    watched.sessions.close(session)
    ended = watched.live.now
    watched.pass_time(9)
    assert (watched.status, watched.is_usable) == ("reconnecting", True)
    watched.pass_time(2)
    assert (watched.status, watched.is_usable) == ("unreachable", False)
    known = watched.sessions.presence(watched.host_id)
    assert (known.since, known.last_seen_at) == (ended, ended)
    assert "its agent's session ended at 2024-05-17 12:30" in known.cause


def test_a_quick_restart_of_the_agent_goes_unnoticed() -> None:
    watched = Watched()
    session = watched.sessions.open(watched.host_id)
    since = watched.sessions.presence(watched.host_id).since
    watched.sessions.close(session)
    watched.pass_time(5)
    watched.sessions.open(watched.host_id)
    assert (watched.status, watched.sessions.presence(watched.host_id).since) == ("connected", since)
    watched.pass_time(29)
    watched.sessions.hear(watched.host_id)
    watched.pass_time(29)
    assert watched.status == "connected"


def test_a_host_that_says_nothing_is_unreachable_though_its_stream_is_open() -> None:
    watched = Watched()
    watched.sessions.open(watched.host_id)
    heard = watched.live.now
    watched.pass_time(31)
    known = watched.sessions.presence(watched.host_id)
    assert (known.status, known.since) == (HostStatus.UNREACHABLE, heard)
    assert "silent since" in known.cause
    watched.sessions.hear(watched.host_id)
    assert watched.status == "connected"


def test_a_silent_hosts_stream_that_ends_brings_it_no_nearer() -> None:
    watched = Watched()
    session = watched.sessions.open(watched.host_id)
    watched.pass_time(31)
    watched.sessions.close(session)
    assert (watched.status, watched.is_usable) == ("unreachable", False)


def test_a_restart_of_the_control_plane_makes_no_dead_host_connected() -> None:
    watched = Watched()
    watched.sessions.close(watched.sessions.open(watched.host_id))
    watched.pass_time(11)
    seen = watched.sessions.presence(watched.host_id).last_seen_at
    watched.live.now += timedelta(days=3)
    watched.restart()
    known = watched.sessions.presence(watched.host_id)
    assert (known.status, known.last_seen_at, watched.is_usable) == (HostStatus.UNREACHABLE, seen, False)


def test_a_restart_of_the_control_plane_leaves_hosts_time_to_come_back() -> None:
    watched = Watched()
    watched.sessions.open(watched.host_id)
    watched.restart()
    assert (watched.status, watched.is_usable) == ("reconnecting", True)
    watched.pass_time(31)
    assert (watched.status, watched.is_usable) == ("unreachable", False)
    watched.restart()
    assert watched.status == "unreachable", "it was given up, and stays so"
    watched.sessions.open(watched.host_id)
    assert watched.status == "connected"


@pytest.mark.parametrize("by", [timedelta(hours=5), timedelta(hours=-5)])
def test_a_clock_that_is_set_makes_no_host_come_or_go(by: timedelta) -> None:
    watched = Watched()
    session = watched.sessions.open(watched.host_id)
    since = watched.sessions.presence(watched.host_id).since
    watched.set_clock(by)
    known = watched.sessions.presence(watched.host_id)
    assert (known.status, known.since, watched.sessions.moved) == (HostStatus.CONNECTED, since + by, by)
    watched.pass_time(20)
    watched.sessions.close(session)
    watched.set_clock(by)
    assert watched.status == "reconnecting"
    watched.pass_time(11)
    watched.set_clock(by)
    known = watched.sessions.presence(watched.host_id)
    assert (known.status, watched.live.now - known.since) == (HostStatus.UNREACHABLE, 11 * SECOND)


def test_a_clock_that_is_set_leaves_hosts_time_to_come_back() -> None:
    watched = Watched()
    watched.sessions.open(watched.host_id)
    watched.restart()
    watched.set_clock(timedelta(hours=5))
    assert watched.status == "reconnecting"
    watched.set_clock(timedelta(hours=-10))
    watched.pass_time(31)
    assert watched.status == "unreachable"


def test_signs_of_life_are_written_now_and_then() -> None:
    watched = Watched()
    watched.sessions.open(watched.host_id)
    revision = watched.live.state.revision
    for _ in range(59):
        watched.pass_time(10)
        watched.sessions.hear(watched.host_id)
    assert watched.live.state.revision == revision
    watched.pass_time(10)
    watched.sessions.hear(watched.host_id)
    assert watched.live.state.hosts[watched.host_id].last_seen_at == watched.live.now
    assert watched.live.state.revision == revision + 1


async def test_nothing_is_placed_on_a_host_whose_agent_was_stopped() -> None:
    watched = Watched()
    watched.live.reachable = watched.sessions  # type: ignore[assignment]
    watched.sessions.close(watched.sessions.open(watched.host_id))
    image_id = watched.live.add_image()
    watched.live.run()
    watched.pass_time(11)
    error = watched.live.refuses("InsufficientInstanceCapacity", instances.run, RunInstances(image_id=image_id))
    assert [refusal.reason for refusal in error.refusals] == ["status: its agent is not connected"]


def test_an_admins_word_stands_for_a_lost_hosts_answers_until_it_is_back() -> None:
    watched = Watched()
    live = watched.live
    watched.sessions.close(watched.sessions.open(watched.host_id))
    (instance_id,) = live.run()
    watched.pass_time(11)
    live.reachable.clear()
    live.do(host_removal.declare_lost, watched.host_id)
    live.do(power.terminate, [instance_id])
    assert (watched.status, watched.is_usable) == ("lost", False)
    for _ in range(3):  # The instance, its volume's export, its volume.
        watched.sessions.answer_for_lost()
    assert live.state_of(instance_id) == "terminated"
    assert not len(live.state.volumes)
    watched.sessions.open(watched.host_id)
    assert watched.status == "connected"


async def test_the_session_of_a_removed_host_ends() -> None:
    async with Live.running() as live:
        host_id, other_id = live.add_host(), live.add_host()
        session, other = live.connect(host_id), live.connect(other_id)
        await live.quiet()
        live.do(host_removal.remove, RemoveHost(host_id))
        await live.quiet()
        assert session.ended.is_set()
        live.sessions.hear(host_id)
        live.sessions.answer_for_lost()
        await live.quiet()
        assert host_id not in live.state.hosts
        live.sessions.hear(host_id)
        assert host_id not in live.sessions
        assert live.sessions.presence(host_id).cause == "it was removed from the region"
        assert not other.ended.is_set()
