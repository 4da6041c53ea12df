"""Placement: which host, which zone, and why not. Address pools: late reuse, and their ends."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane import placement
from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.model.network import is_usable, usable_after, usable_count
from controlplane.placement import Candidate
from controlplane.service import addresses, instances, volumes
from tests.unit.region import POLICY, ZONES, Region

COMPUTE, STORAGE = (HostRole.COMPUTE,), (HostRole.STORAGE,)
WANTED = Resources(2, 1024)


def candidate(free: Resources, is_reachable: bool = True, **host: Any) -> Candidate:
    region = Region()
    row = region.state.hosts[region.add_host(**host)]
    return Candidate(replace(row, id=f"host-{free.memory_mib}"), is_reachable, free)


@pytest.mark.parametrize(
    ("free", "given", "reason"),
    [
        (Resources(16, 16384), {"roles": STORAGE}, "role: the host has no compute role"),
        (Resources(16, 16384), {"is_reachable": False}, "status: its agent is not connected"),
        (Resources(1, 16384), {}, "vcpus: 2 asked, 1 free of 16"),
        (Resources(16, 512), {}, "memory: 1024 MiB asked, 512 MiB free of 16384"),
        (Resources(2, 1024), {}, None),
    ],
)
def test_every_filter_says_why(free: Resources, given: dict[str, Any], reason: str | None) -> None:
    assert placement.refusal(candidate(free, **given), WANTED, HostRole.COMPUTE) == reason


def test_storage_is_a_reason_too() -> None:
    wanted = Resources(storage_gib=8)
    reason = placement.refusal(candidate(Resources(storage_gib=7)), wanted, HostRole.STORAGE)
    assert reason == "storage: 8 GiB asked, 7 GiB free of 100"


def test_the_emptiest_host_is_chosen_unless_one_is_preferred() -> None:
    full, empty = candidate(Resources(8, 2048)), candidate(Resources(8, 8192))
    assert placement.choose([full, empty], WANTED, HostRole.COMPUTE) is empty
    assert placement.choose([full, empty], WANTED, HostRole.COMPUTE, full.host.id) is full
    assert placement.choose([full, empty], Resources(2, 4096), HostRole.COMPUTE, full.host.id) is empty
    assert placement.choose([full, empty], Resources(9, 1), HostRole.COMPUTE) is None


def test_volumes_go_where_most_room_is() -> None:
    small, large = candidate(Resources(8, 8192, 10)), candidate(Resources(8, 2048, 90))
    assert placement.choose([small, large], Resources(storage_gib=1), HostRole.STORAGE) is large


def test_a_launch_goes_to_the_emptiest_suitable_zone() -> None:
    region = Region()
    busy, quiet = region.add_host(ZONES[0]), region.add_host(ZONES[1])
    region.launch(zone_name=ZONES[0])
    assert region.instance(region.launch()).host_id == quiet
    for _ in range(3):
        region.launch(zone_name=ZONES[1])
    assert region.instance(region.launch()).host_id == busy


def test_memory_of_hosts_that_run_no_instances_makes_no_zone_emptier() -> None:
    region = Region()
    region.add_host(ZONES[0])
    region.launch(zone_name=ZONES[0])
    region.add_host(ZONES[0], roles=STORAGE, memory_mib=1 << 20)
    quiet = region.add_host(ZONES[1])
    assert region.instance(region.launch()).host_id == quiet


def test_a_zone_that_takes_all_comes_before_an_emptier_one_that_does_not() -> None:
    region = Region()
    region.add_host(ZONES[0], vcpus=2)
    roomy = region.add_host(ZONES[1])
    region.launch(zone_name=ZONES[1])
    assert {region.instance(made).host_id for made in region.run(max_count=2, min_count=1)} == {roomy}


def test_between_min_and_max_as_many_as_there_is_room_for() -> None:
    region = Region()
    region.add_host(vcpus=6)
    region.add_host(vcpus=2)
    assert len(region.run(min_count=2, max_count=10)) == 4
    region.refuses("InsufficientInstanceCapacity", instances.run, instances.RunInstances(region.add_image()))


def test_no_room_gives_one_reason_for_every_host() -> None:
    region = Region()
    hosts = {
        region.add_host(ZONES[0], vcpus=1): "vcpus",
        region.add_host(ZONES[0], roles=STORAGE): "role",
        region.add_host(ZONES[1], memory_mib=100): "memory",
        region.add_host(ZONES[1]): "status",
    }
    region.reachable.discard(list(hosts)[-1])
    request = instances.RunInstances(region.add_image(), min_count=3, max_count=3)
    error = region.refuses("InsufficientInstanceCapacity", instances.run, request)
    assert {row.host_id: row.reason.partition(":")[0] for row in error.refusals} == hosts
    assert len(error.refusals) == len(hosts)


def test_a_zone_without_hosts_is_short_of_hosts_and_not_of_addresses() -> None:
    region = Region()
    region.add_host(ZONES[0])
    request = instances.RunInstances(region.add_image(), zone_name=ZONES[1])
    assert f"room for 0 in {ZONES[1]}" in region.refuses("InsufficientInstanceCapacity", instances.run, request).message


def test_a_launch_without_room_for_its_disks_is_short_of_capacity_as_well() -> None:
    region = Region()
    host_id = region.add_host(storage_gib=1)
    request = instances.RunInstances(region.add_image(), min_count=2, zone_name=ZONES[0])
    (refusal,) = region.refuses("InsufficientInstanceCapacity", instances.run, request).refusals
    assert refusal.host_id == host_id
    assert refusal.reason == "storage: 1 GiB asked, 0 GiB free of 1, with 1 of these on it"
    region.run()
    region.refuses("InsufficientVolumeCapacity", volumes.create, volumes.CreateVolume(ZONES[0], 1))


def test_disks_go_to_storage_hosts_and_instances_to_compute_hosts() -> None:
    region = Region()
    compute, storage = region.add_host(roles=COMPUTE), region.add_host(roles=STORAGE)
    instance_id = region.launch()
    assert region.instance(instance_id).host_id == compute
    assert region.root_volume(instance_id).host_id == storage


SUBNET = IPv4Network("10.1.2.0/28")


def test_five_addresses_of_a_subnet_are_reserved() -> None:
    usable = [address for address in SUBNET if is_usable(SUBNET, address)]
    assert [str(usable[0]), str(usable[-1]), len(usable)] == ["10.1.2.4", "10.1.2.14", usable_count(SUBNET)]


@given(st.integers(4, 14))
def test_private_addresses_come_once_each_beginning_behind_the_latest(offset: int) -> None:
    latest = str(SUBNET[offset])
    given_out = list(usable_after(SUBNET, latest))
    assert sorted(given_out) == sorted(str(address) for address in SUBNET if is_usable(SUBNET, address))
    following = [address for address in SUBNET if is_usable(SUBNET, address) and address > SUBNET[offset]]
    assert given_out[: len(following)] == [str(address) for address in following]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6, unique=True), st.integers(0, 70))
def test_public_addresses_come_once_each_beginning_behind_the_latest(ends: list[int], latest: int) -> None:
    ends = sorted(ends)[: len(ends) // 2 * 2]
    pool = tuple(zip(ends[::2], ends[1::2], strict=True))
    whole = [number for first, last in pool for number in range(first, last + 1)]
    policy = replace(POLICY, public_pool=pool)
    given_out = [int(IPv4Address(text)) for text in policy.public_addresses_after(str(IPv4Address(latest)))]
    assert given_out == [n for n in whole if n > latest] + [n for n in whole if n <= latest]
    assert [int(IPv4Address(text)) for text in policy.public_addresses_after(None)] == whole


def small_subnet(region: Region) -> str:
    """A /28 in place of the zone's subnet: room for eleven."""
    subnet = replace(region.subnet(), cidr_block="172.31.0.0/28")
    region.put(subnet)
    return subnet.id


def test_a_full_subnet_refuses_and_a_nearly_full_one_gives_what_it_has() -> None:
    region = Region()
    region.add_host(vcpus=64, memory_mib=1 << 20)
    subnet_id = small_subnet(region)
    region.run(min_count=9, subnet_id=subnet_id)
    image_id = next(iter(region.state.images)).id
    request = instances.RunInstances(image_id, subnet_id=subnet_id, min_count=3)
    error = region.refuses("InsufficientFreeAddressesInSubnet", instances.run, request)
    assert "has 2 free addresses, 3 are needed" in error.message
    assert len(region.run(min_count=1, max_count=3, subnet_id=subnet_id)) == 2


def test_an_exhausted_public_pool_refuses_launches_that_need_it() -> None:
    region = Region(elastic_addresses=100)
    region.add_host()
    for _ in range(19):
        region.do(addresses.allocate, addresses.AllocateAddress())
    region.run()
    request = instances.RunInstances(next(iter(region.state.images)).id)
    region.refuses("InsufficientAddressCapacity", instances.run, request)
    region.refuses("InsufficientAddressCapacity", addresses.allocate, addresses.AllocateAddress())
    region.run(associate_public_ip_address=False)
