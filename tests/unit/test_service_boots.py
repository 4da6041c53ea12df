"""A storage host that was down: guests elsewhere are power-cycled, with new epochs for their volumes."""

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import Phase
from controlplane.service import boots, ports, power, volumes
from controlplane.service.power import StopInstances
from controlplane.service.volumes import AttachVolume, DetachVolume
from tests.unit.region import Region


class Rack:
    """A storage host, and a compute host that has its guests."""

    def __init__(self) -> None:
        self.region = Region()
        self.compute = self.region.add_host(roles=(HostRole.COMPUTE,))
        self.storage = self.region.add_host(roles=(HostRole.STORAGE,))
        self.boot("one")

    def boot(self, boot_id: str) -> None:
        self.region.apply(boots.note(self.region.state, self.region.call(), self.storage, boot_id))

    def epochs(self, instance_id: str) -> list[int]:
        return [row.epoch for row in self.region.attachments(instance_id)]


@pytest.fixture
def rack() -> Rack:
    return Rack()


def test_a_running_guest_is_cycled_in_new_epochs_and_stays_running(rack: Rack) -> None:
    region, instance_id = rack.region, rack.region.launch()
    region.do(volumes.attach, AttachVolume(region.volume(), instance_id))
    region.converge()
    rack.boot("two")
    assert rack.epochs(instance_id) == [2, 2]
    assert region.instance(instance_id).generation == 2
    assert region.state_of(instance_id) == "running"
    region.converge()
    assert region.state_of(instance_id) == "running"
    seen = region.agents[rack.compute]
    assert [row.generation for row in seen.has.values() if row.generation] == [2]


def test_new_epochs_are_had_where_most_ports_are_taken(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the change closes are there to be used again."""
    monkeypatch.setattr(ports, "COUNT", 3)
    region, instance_id = rack.region, rack.region.launch()
    region.do(volumes.attach, AttachVolume(region.volume(), instance_id))
    region.converge()
    before = {row.port for row in region.attachments(instance_id)}
    rack.boot("two")
    after = {row.port for row in region.attachments(instance_id)}
    assert (len(before), len(after), len(before | after)) == (2, 2, 3)


def test_nothing_follows_from_the_first_boot_nor_from_the_same(rack: Rack) -> None:
    instance_id = rack.region.launch()
    rack.boot("one")
    assert (rack.epochs(instance_id), rack.region.instance(instance_id).generation) == ([1], 1)
    revision = rack.region.state.revision
    rack.boot("one")
    assert rack.region.state.revision == revision


def test_a_guest_that_is_off_gets_new_epochs_alone(rack: Rack) -> None:
    region, instance_id = rack.region, rack.region.launch()
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    rack.boot("two")
    assert (rack.epochs(instance_id), region.instance(instance_id).generation) == ([2], 1)
    assert region.state_of(instance_id) == "stopped"


def test_a_launch_goes_on(rack: Rack) -> None:
    (instance_id,) = rack.region.run()
    rack.boot("two")
    assert rack.region.state_of(instance_id) == "pending"
    rack.region.converge()
    assert rack.region.state_of(instance_id) == "running"


def test_a_detach_that_was_under_way_comes_to_its_end(rack: Rack) -> None:
    region, instance_id, volume_id = rack.region, rack.region.launch(), rack.region.volume()
    region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    region.converge()
    region.do(volumes.detach, DetachVolume(volume_id))
    rack.boot("two")
    (attachment,) = region.state.attachments.volume.of(volume_id)
    assert (attachment.phase, attachment.epoch) == (Phase.DETACHING, 1)
    region.converge()
    assert region.volume_state(volume_id) == "available"


def test_one_that_ends_is_left_to_end(rack: Rack) -> None:
    region, instance_id = rack.region, rack.region.launch()
    region.do(power.terminate, [instance_id])
    rack.boot("two")
    region.converge()
    assert region.state_of(instance_id) == "terminated"


def test_a_guest_on_the_storage_host_itself_went_down_with_it() -> None:
    region = Region()
    host_id = region.add_host()
    instance_id = region.launch()
    for boot_id in ("one", "two"):
        region.apply(boots.note(region.state, region.call(), host_id, boot_id))
    assert region.instance(instance_id).generation == 1
    assert [row.epoch for row in region.attachments(instance_id)] == [1]


def test_each_start_has_an_epoch_of_its_own(rack: Rack) -> None:
    region, instance_id = rack.region, rack.region.launch()
    for epoch in (2, 3):
        region.do(power.stop, StopInstances([instance_id]))
        region.converge()
        region.do(power.start, [instance_id])
        region.converge()
        assert rack.epochs(instance_id) == [epoch]
        assert region.state_of(instance_id) == "running"
