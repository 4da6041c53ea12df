"""What agents can do is said once on either side."""

from dataclasses import replace

import pytest

from agent.messages import FEATURES
from controlplane.errors import Conflict
from controlplane.model.instance import Instance
from controlplane.service import features, power
from controlplane.service.features import Feature
from controlplane.service.power import StopInstances
from tests.unit.region import Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def of(region: Region, instance: Instance) -> list[Feature]:
    return features.of_instance(region.state, instance, region.state.interfaces.of(instance.id))


def test_both_sides_have_the_same_names() -> None:
    assert sorted(FEATURES) == sorted(Feature)


def test_an_instance_like_any_other_takes_none(region: Region) -> None:
    assert of(region, region.instance(region.launch())) == []


def test_whatever_is_unlike_others_takes_one(region: Region) -> None:
    instance = region.instance(region.launch())
    interface = region.interface(instance.id)
    options = replace(instance.metadata_options, http_endpoint="disabled")
    assert of(region, replace(instance, boot_mode="uefi", metadata_options=options)) == [
        Feature.FIRMWARE,
        Feature.METADATA_OPTIONS,
    ]
    for row in (replace(interface, source_dest_check=False), replace(interface, secondary_ips=("172.31.0.99",))):
        assert features.of_interfaces(region.state, [row]) == [Feature.INTERFACES]
    acl = region.state.network_acls[region.state.subnets[interface.subnet_id].network_acl_id]
    region.put(replace(acl, entries=tuple(entry for entry in acl.entries if not entry.allows_all)))
    assert of(region, instance) == [Feature.NETWORK_ACLS]


def test_an_instance_that_is_off_is_not_held_to_what_its_host_knows(region: Region) -> None:
    instance_id = region.launch()
    host = region.state.hosts[region.instance(instance_id).host_id]
    region.put(replace(host, features=(), agent_version="0.9"))

    def check() -> None:
        features.check_agent(region.state, region.instance(instance_id), [Feature.DROPS, Feature.COUNTERS])

    with pytest.raises(Conflict, match=r"version 0\.9, does not know counters, drops:"):
        check()
    region.do(power.stop, StopInstances([instance_id]))
    check()
