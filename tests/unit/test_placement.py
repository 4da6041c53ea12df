"""Placement: which host, which zone, and why not. Address pools: late reuse, and their ends."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane import placement
from controlplane.errors import NoCapacity
from controlplane.model.addressing import is_usable, usable_after, usable_count
from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole, Pool
from controlplane.placement import Candidate
from controlplane.service import addresses, instances, volumes
from controlplane.service.capacity import Claims
from tests.unit.region import POLICY, ZONES, Region

COMPUTE, STORAGE = (HostRole.COMPUTE,), (HostRole.STORAGE,)
WANTED = Resources(2, 1024)


def candidate(free: Resources, **host: Any) -> Candidate:
    region = Region()
    return Candidate(region.state.hosts[region.add_host(**host)], free)


@pytest.mark.parametrize(
    ("free", "is_reachable", "given", "reason"),
    [
        (Resources(16, 16384), True, {"roles": STORAGE}, "role: the host has no compute role"),
        (Resources(16, 16384), False, {}, "status: its agent is not connected"),
        (Resources(1, 16384), True, {}, "vcpus: 2 asked, 1 free of 16"),
        (Resources(16, 512), True, {}, "memory: 1024 MiB asked, 512 MiB free of 16384"),
        (Resources(16, -512), True, {}, "memory: 1024 MiB asked, 0 MiB free of 16384"),
        (Resources(2, 1024), True, {}, None),
        (Resources(2, 1024, -1), True, {}, None),
    ],
)
def test_every_filter_says_why(free: Resources, is_reachable: bool, given: dict[str, Any], reason: str | None) -> None:
    assert placement.refusal(candidate(free, **given), is_reachable, WANTED, HostRole.COMPUTE) == reason


def test_storage_is_a_reason_too() -> None:
    wanted = Resources(storage_gib=8)
    reason = placement.refusal(candidate(Resources(storage_gib=7)), True, wanted, HostRole.STORAGE)
    assert reason == "storage: 8 GiB asked, 7 GiB free of 100"


def test_of_many_hosts_the_first_are_named_and_the_others_counted() -> None:
    small, other = candidate(Resources(1, 16384)), candidate(Resources(16, 512))
    alike = [(small, True)] * 120 + [(other, False)] * 3 + [(other, True)] * 7
    hosts = [
        (replace(each, host=replace(each.host, id=f"host-{number}")), is_reachable)
        for number, (each, is_reachable) in enumerate(alike)
    ]
    found = placement.refusals(hosts, WANTED, HostRole.COMPUTE)
    assert len(found) == 103
    assert [(row.host_id, row.count) for row in found[:100]] == [(f"host-{number}", 1) for number in range(100)]
    assert [(row.host_id, row.kind, row.count) for row in found[100:]] == [
        ("", "vcpus", 20),
        ("", "status", 3),
        ("", "memory", 7),
    ]


def test_a_host_with_many_pools_is_one_host() -> None:
    host = candidate(Resources()).host
    pools = [
        (Candidate(replace(host, id=f"host-{number // 3}"), Resources(), Pool(f"p{number % 3}", 9)), True)
        for number in range(placement.REFUSALS_NAMED + 20)
    ]
    *named, others = placement.refusals(pools, Resources(storage_gib=1), HostRole.STORAGE)
    assert len(named) == placement.REFUSALS_NAMED
    assert (others.host_id, others.reason) == ("", "storage: 6 more hosts")


def two_hosts() -> tuple[Region, str, str]:
    """The first with little memory free and much storage, the second the other way round."""
    region = Region()
    first, second = region.add_host(storage_gib=90), region.add_host(storage_gib=10)
    region.put(replace(region.state.hosts[first], memory_mib=16384))
    region.put(replace(region.state.instances[region.launch()], host_id=first, memory_mib=14336))
    return region, first, second


def test_the_emptiest_host_is_chosen_unless_one_is_preferred() -> None:
    region, full, empty = two_hosts()
    claims = Claims(region.state, region.call())
    assert claims.compute_host(ZONES[0], WANTED) == empty
    assert claims.compute_host(ZONES[0], WANTED, full) == full
    assert claims.compute_host(ZONES[0], Resources(2, 4096), full) == empty
    with pytest.raises(NoCapacity):
        claims.compute_host(ZONES[0], Resources(17, 1))


def test_volumes_go_where_most_room_is() -> None:
    region, large, small = two_hosts()
    claims = Claims(region.state, region.call())
    assert claims.volume_home(ZONES[0], 1) == (large, "")
    assert claims.volume_home(ZONES[0], 1, small) == (small, "")


def test_a_volume_goes_into_the_roomiest_pool_and_never_over_two() -> None:
    region = Region()
    host_id = region.add_host(storage_gib=90)
    region.put(replace(region.state.hosts[host_id], pools=(Pool("ssd", 40), Pool("hdd", 50))))
    claims = Claims(region.state, region.call())
    assert [claims.volume_home(ZONES[0], 30) for _ in range(2)] == [(host_id, "hdd"), (host_id, "ssd")]
    with pytest.raises(NoCapacity) as caught:
        claims.volume_home(ZONES[0], 25, host_id)
    reasons = [row.reason for row in caught.value.refusals]
    assert reasons == [
        "storage: 25 GiB asked, 20 GiB free of 50 in pool hdd",
        "storage: 25 GiB asked, 10 GiB free of 40 in pool ssd",
    ]


def test_what_is_in_no_pool_of_now_counts_as_in_the_first() -> None:
    region = Region()
    host_id = region.add_host(storage_gib=90)
    volume = region.state.volumes[region.do(volumes.create, volumes.CreateVolume(ZONES[0], 30))]
    region.put(replace(region.state.hosts[host_id], pools=(Pool("ssd", 40), Pool("hdd", 50))))
    assert (volume.host_id, volume.pool) == (host_id, "")
    assert Claims(region.state, region.call()).volume_home(ZONES[0], 50) == (host_id, "hdd")
    with pytest.raises(NoCapacity):
        Claims(region.state, region.call()).volume_home(ZONES[0], 51)


def test_hosts_that_are_as_empty_are_chosen_in_the_order_of_their_numbers() -> None:
    region = Region()
    hosts = [region.add_host() for _ in range(3)]
    claims = Claims(region.state, region.call())
    assert [claims.compute_host(ZONES[0], WANTED) for _ in range(6)] == hosts * 2


def test_what_a_call_took_that_came_to_nothing_is_there_for_the_next() -> None:
    region = Region()
    host_id = region.add_host(vcpus=2)
    for _ in range(2):
        assert Claims(region.state, region.call()).compute_host(ZONES[0], WANTED) == host_id


def test_only_the_hosts_that_are_chosen_are_asked_whether_they_are_there() -> None:
    region, asked = Region(), []
    hosts = [region.add_host() for _ in range(9)]

    class Reachable:
        def __contains__(self, host_id: object) -> bool:
            asked.append(host_id)
            return host_id != hosts[0]

    claims = Claims(region.state, replace(region.call(), reachable=Reachable()))
    assert claims.compute_host(ZONES[0], WANTED) == hosts[1]
    assert asked == hosts[:2]


def test_hosts_that_are_away_are_not_chosen_until_they_are_back() -> None:
    region = Region()
    hosts = [region.add_host() for _ in range(9)]
    for host_id in hosts[1:]:
        region.put(replace(region.state.hosts[host_id], is_away=True))
    claims = Claims(region.state, region.call())
    assert [claims.compute_host(ZONES[0], WANTED) for _ in range(2)] == hosts[:1] * 2
    region.put(replace(region.state.hosts[hosts[1]], is_away=False))
    claims = Claims(region.state, region.call())
    assert [claims.compute_host(ZONES[0], WANTED) for _ in range(2)] == hosts[:2]


def test_one_reason_for_hosts_that_are_away_whatever_is_free_there() -> None:
    region = Region()
    host_id = region.add_host()
    region.put(replace(region.state.hosts[host_id], is_away=True))
    request = instances.RunInstances(region.add_image(), zone_name=ZONES[0])
    (refusal,) = region.refuses("InsufficientInstanceCapacity", instances.run, request).refusals
    assert (refusal.host_id, refusal.kind) == (host_id, "status")


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
