"""What is said to be wrong: what was seen, root causes first, with age, and nothing that was not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.api.instances import to_instance
from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.model.project import Role
from controlplane.service import health, power, volumes
from controlplane.service.admission import observation_of
from controlplane.service.power import StopInstances
from controlplane.service.presence import HostStatus, Presence
from controlplane.service.volumes import AttachVolume, DetachVolume
from tests.unit.live import Live
from tests.unit.region import NOW, Region

VOLUME, EXPORT, VPC, INSTANCE = ObservedKind.VOLUME, ObservedKind.EXPORT, ObservedKind.VPC, ObservedKind.INSTANCE


class Home:
    """An instance that runs on one host, and has its volume on another. `away` are hosts that don't answer."""

    def __init__(self) -> None:
        self.region = Region()
        self.compute = self.region.add_host(roles=(HostRole.COMPUTE, HostRole.GATEWAY))
        self.storage = self.region.add_host(roles=(HostRole.STORAGE,))
        self.instance_id = self.region.launch()
        self.attachment = self.region.attachments(self.instance_id)[0]
        self.away: set[str] = set()

    def look(self, host_id: str) -> Presence:
        if host_id in self.away:
            return Presence(HostStatus.UNREACHABLE, NOW, "it is dark", NOW)
        return Presence(HostStatus.CONNECTED, NOW, "", NOW)

    def see(self, kind: ObservedKind, resource_id: str, host_id: str, **facts: object) -> None:
        row = self.region.state.observed(kind, resource_id, host_id)
        assert row
        self.region.put(replace(row, **facts))  # type: ignore[arg-type]

    @property
    def health(self) -> health.Health:
        state, row = self.region.state, self.region.instance(self.instance_id)
        return health.of_instance(state, self.look, row, observation_of(state, row))


@pytest.fixture
def home() -> Home:
    return Home()


def test_all_is_well(home: Home) -> None:
    assert home.health == health.Health("ok", "", None, NOW)


def test_a_guest_is_not_well_while_what_it_needs_is_not(home: Home) -> None:
    since = NOW - timedelta(minutes=5)
    home.see(EXPORT, home.attachment.id, home.storage, error="no such pool", since=since)
    vpc_id = home.region.interface(home.instance_id).vpc_id
    home.see(VPC, vpc_id, home.compute, error="no module")
    home.see(INSTANCE, home.instance_id, home.compute, running=False, error="went off (crashed)", permanent=True)
    found = home.health
    assert (found.status, found.since, found.is_permanent) == ("impaired", since, True)
    assert found.cause == f"{home.attachment.volume_id}: no such pool; {vpc_id}: no module; went off (crashed)"


def test_a_volume_whose_door_is_not_well_is_not_well(home: Home) -> None:
    home.see(EXPORT, home.attachment.id, home.storage, error="its storage daemon is stopped")
    found = health.of_volume(home.region.state, home.look, home.region.root_volume(home.instance_id))
    assert (found.status, found.cause) == ("impaired", "its storage daemon is stopped")


def test_a_guest_whose_disk_is_out_of_reach_is_not_well(home: Home) -> None:
    home.away.add(home.storage)
    assert (home.health.status, home.health.since) == ("impaired", NOW)
    assert home.health.cause == f"the storage host of {home.attachment.volume_id} is unreachable: it is dark"
    assert health.of_volume(home.region.state, home.look, home.region.root_volume(home.instance_id)).status == (
        "unreachable"
    )


def test_what_is_out_of_reach_shows_what_was_last_seen(home: Home) -> None:
    home.see(INSTANCE, home.instance_id, home.compute, error="no memory")
    home.away.add(home.compute)
    assert (home.health.status, home.health.cause) == (
        "unreachable",
        "its host is unreachable: it is dark; no memory",
    )


def test_no_cause_is_made_up(home: Home) -> None:
    home.see(INSTANCE, home.instance_id, home.compute, running=False, export_names=())
    assert home.health.cause == "its host last saw the guest off, and gave no reason"
    home.region.do(power.stop, StopInstances([home.instance_id]))
    home.region.converge()
    assert home.health == health.Health("not-applicable", "", None, NOW)


def test_a_volume_says_what_is_wrong_in_every_state(home: Home) -> None:
    volume_id = home.region.volume()
    home.see(VOLUME, volume_id, home.storage, error="the pool is full", since=NOW)
    found = health.of_volume(home.region.state, home.look, home.region.state.volumes[volume_id])
    assert (found.status, found.cause, found.since) == ("impaired", "the pool is full", NOW)


def test_a_guest_that_does_not_let_go_of_a_volume_is_told_of(home: Home) -> None:
    region, volume_id = home.region, home.region.volume()
    attachment_id = region.do(volumes.attach, AttachVolume(volume_id, home.instance_id))
    region.converge()
    region.agents[home.compute].stuck.add((INSTANCE, home.instance_id))
    region.do(volumes.detach, DetachVolume(volume_id))
    region.exchange()
    attachment = region.state.attachments[attachment_id]
    assert health.of_attachment(region.state, attachment, region.now) == ("detaching", "")
    state, why = health.of_attachment(region.state, attachment, region.now + timedelta(seconds=10))
    assert state == "busy"
    assert "still has it; unmount it there, or detach it by force" in why
    notes = [health.note_busy(region.state, region.now + timedelta(seconds=after)) for after in (9, 10)]
    assert list(map(len, notes)) == [0, 1]
    region.apply(notes[1])
    assert region.state.attachments[attachment_id].is_busy, "a row changed: whoever watches is told"
    assert not health.note_busy(region.state, region.now + timedelta(seconds=11)), "once"


async def test_members_see_no_addresses_of_hosts() -> None:
    async with Live.running() as live:
        host_id = live.add_host()
        live.connect(host_id)
        instance_id = live.run()[0]
        await live.quiet()
        seen = live.state.observed(INSTANCE, instance_id, host_id)
        assert seen
        live.put(replace(seen, error="10.0.0.1:20000 refused, and so did 192.0.2.77"))
        row = live.instance(instance_id)
        assert to_instance(live.state, live.sessions, row, Role.ADMIN).status_detail.startswith("10.0.0.1:")
        shown = to_instance(live.state, live.sessions, row, Role.MEMBER).status_detail
        assert shown == "a host:20000 refused, and so did 192.0.2.77"
