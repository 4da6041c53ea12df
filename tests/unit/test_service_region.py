"""Projects and tokens, zones and hosts, instance types, images, key pairs, and what ends by the clock."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest

from controlplane.ids import Prefix
from controlplane.keys import KeyType
from controlplane.keys import create as make_key
from controlplane.model.audit import CallRecord
from controlplane.model.host import HostRole
from controlplane.model.project import Role
from controlplane.service import catalogue, host_removal, hosts, images, key_pairs, power, projects, regions, sweeping
from controlplane.service.catalogue import CreateInstanceType
from controlplane.service.hosts import Capacity, CreateHostToken, Join
from controlplane.service.images import RegisterImage
from controlplane.service.key_pairs import DeleteKeyPair, StoreKeyPair
from controlplane.service.projects import CreateToken
from controlplane.service.regions import Word
from tests.unit.region import NAME, ZONES, Region

UNKNOWN = "f" * 17


@pytest.fixture
def region() -> Region:
    return Region()


def test_a_project_starts_with_ec2s_default_vpc(region: Region) -> None:
    state = region.state
    (vpc,), (gateway,), (table,) = state.vpcs, state.internet_gateways, state.route_tables
    assert (vpc.cidr_block, vpc.is_default) == ("172.31.0.0/16", True)
    assert [(row.zone, row.cidr_block) for row in state.subnets] == [
        (ZONES[0], "172.31.0.0/20"),
        (ZONES[1], "172.31.16.0/20"),
    ]
    assert all(row.map_public_ip_on_launch and row.default_for_az for row in state.subnets)
    assert gateway.vpc_id == vpc.id
    assert [(row.cidr_block, row.target) for row in table.routes] == [
        ("172.31.0.0/16", "local"),
        ("0.0.0.0/0", gateway.id),
    ]


def test_a_zone_that_is_added_gets_a_subnet_in_every_default_vpc(region: Region) -> None:
    region.do(projects.create, "other")
    region.policy = replace(region.policy, zones=(*ZONES, "home-1c"))
    region.do(regions.sync)
    added = [row for row in region.state.subnets if row.zone == "home-1c"]
    assert [row.cidr_block for row in added] == ["172.31.32.0/20"] * 2
    revision = region.state.revision
    region.do(regions.sync)
    assert region.state.revision == revision


def test_more_zones_than_a_default_vpc_has_blocks_for() -> None:
    zones = tuple(f"home-1{letter}" for letter in "abcdefghijklmnopqrs")
    region = Region(zones=zones)
    networks = [IPv4Network(row.cidr_block) for row in region.state.subnets]
    assert len(networks) == len(set(networks)) == 16
    assert len(region.state.zones) == 19


@pytest.mark.parametrize("name", ["A", "a b", "x" * 64, "a\n", "proj-lab"])
def test_project_names(region: Region, name: str) -> None:
    region.refuses("InvalidParameterValue", projects.create, name)


def test_project_names_and_network_identifiers_are_unique(region: Region) -> None:
    region.refuses("InvalidProject.Duplicate", projects.create, "default")
    for number in range(3):
        region.do(projects.create, f"p{number}")
    assert len({row.vni for row in region.state.vpcs}) == 4
    assert all(0 < row.vni < 1 << 24 for row in region.state.vpcs)


def test_network_identifiers_follow_from_nothing_that_anybody_sees(region: Region) -> None:
    """They are drawn, and drawn again where one is taken, or zero."""
    taken = next(iter(region.state.vpcs)).vni
    ids, mint = iter([0xFEDCBA, 0, taken, 0xABCDEF]), region.mint  # The first is the VPC's own.

    def drawn(prefix: Prefix) -> str:
        return f"vpc-{next(ids):017x}" if prefix is Prefix.VPC else mint(prefix)

    region.mint = drawn  # type: ignore[method-assign]
    region.do(projects.create, "another")
    assert 0xABCDEF in {row.vni for row in region.state.vpcs}


def test_tokens(region: Region) -> None:
    request = CreateToken(region.project_id, Role.MEMBER, projects.hash_secret("s"))
    token_id = region.do(projects.create_token, request)
    region.refuses("InvalidProject.NotFound", projects.create_token, replace(request, project_id=f"proj-{UNKNOWN}"))
    region.refuses("InvalidProject.Malformed", projects.create_token, replace(request, project_id="default"))
    region.refuses("InvalidParameterValue", projects.create_token, replace(request, role=0))
    region.do(projects.revoke_token, token_id)
    revoked = region.state.tokens[token_id]
    assert revoked.revoked_at is not None
    region.do(projects.revoke_token, token_id)
    assert region.state.tokens[token_id] == revoked
    region.refuses("InvalidToken.NotFound", projects.revoke_token, f"tok-{UNKNOWN}")
    region.refuses("InvalidToken.Malformed", projects.revoke_token, "tok")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (CreateHostToken("home-1z", [1], None, "h"), "InvalidZone.NotFound"),
        (CreateHostToken(ZONES[0], [], None, "h"), "InvalidParameterValue"),
        (CreateHostToken(ZONES[0], [0, 1], None, "h"), "InvalidParameterValue"),
        (CreateHostToken(ZONES[0], [4], None, "h"), "InvalidParameterValue"),
        (CreateHostToken(ZONES[0], [1], 59, "h"), "InvalidParameterValue"),
        (CreateHostToken(ZONES[0], [1], 0, "h"), "InvalidParameterValue"),
        (CreateHostToken(ZONES[0], [1], 604801, "h"), "InvalidParameterValue"),
        (CreateHostToken("", [], 0, "h", f"host-{UNKNOWN}"), "InvalidHostID.NotFound"),
    ],
)
def test_host_tokens_that_are_refused(region: Region, request_: CreateHostToken, code: str) -> None:
    region.refuses(code, hosts.create_token, request_)


JOIN = Join("secret", "csr", "metal", "10.0.0.9")


def host_token(region: Region, secret: str = "secret", roles: tuple[int, ...] = (3, 1)) -> str:
    made: str = region.do(hosts.create_token, CreateHostToken(ZONES[0], roles, 60, secret))
    return made


def test_a_token_admits_one_machine_which_may_repeat_itself(region: Region) -> None:
    host_token(region)
    host_id = region.do(hosts.join, JOIN)
    host = region.state.hosts[host_id]
    assert (host.number, host.roles, host.vcpus) == (1, (HostRole.COMPUTE, HostRole.GATEWAY), 0)
    assert [row.host_id for row in region.state.internet_gateways] == [host_id]
    region.now += timedelta(hours=1)
    assert region.do(hosts.join, JOIN) == host_id
    error = region.refuses("InvalidHostToken", hosts.join, replace(JOIN, join_hash="another machine"))
    assert "was used already" in error.message


def test_a_machine_becomes_the_host_again_that_it_was(region: Region) -> None:
    host_token(region)
    host_id = region.do(hosts.join, JOIN)
    before = region.state.hosts[host_id]
    region.refuses("InvalidParameterValue", hosts.create_token, CreateHostToken(ZONES[0], [], 60, "again", host_id))
    region.refuses("InvalidParameterValue", hosts.create_token, CreateHostToken("", [1], 60, "again", host_id))
    region.do(hosts.create_token, CreateHostToken("", [], 60, "again", host_id))
    again = replace(JOIN, secret_hash="again", join_hash="new keys")
    error = region.refuses("InvalidParameterValue", hosts.join, replace(again, underlay_address="10.0.0.10"))
    assert "10.0.0.9" in error.message
    assert region.do(hosts.join, again) == host_id
    assert region.do(hosts.join, again) == host_id, "the same request may be repeated"
    region.refuses("InvalidHostToken", hosts.join, replace(again, join_hash="another machine"))
    assert region.state.hosts[host_id] == before


def test_a_token_to_be_a_host_again_expires_and_is_forgotten(region: Region) -> None:
    host_token(region)
    host_id = region.do(hosts.join, JOIN)
    token_id = region.do(hosts.create_token, CreateHostToken("", [], 60, "again", host_id))
    region.now += timedelta(seconds=61)
    assert "expired at" in region.refuses("InvalidHostToken", hosts.join, replace(JOIN, secret_hash="again")).message
    region.do(sweeping.sweep)
    assert token_id not in region.state.host_tokens
    assert len(region.state.host_tokens) == 1


def test_expired_and_foreign_tokens_are_refused(region: Region) -> None:
    host_token(region)
    assert (
        "no such join token" in region.refuses("InvalidHostToken", hosts.join, replace(JOIN, secret_hash="x")).message
    )
    region.now += timedelta(seconds=61)
    assert "expired at" in region.refuses("InvalidHostToken", hosts.join, JOIN).message


def test_underlay_addresses_and_host_numbers_are_unique(region: Region) -> None:
    for number, secret in enumerate("ab", start=1):
        host_token(region, secret)
        region.do(hosts.join, replace(JOIN, secret_hash=secret, underlay_address=f"10.0.0.{number}"))
    assert [row.number for row in region.state.hosts] == [1, 2]
    host_token(region, "c")
    for address, code in (("10.0.0.1", "InvalidUnderlayAddress.InUse"), ("metal", "InvalidParameterValue")):
        region.refuses(code, hosts.join, replace(JOIN, secret_hash="c", underlay_address=address))


def test_a_host_whose_agent_ignores_route_tables_says_so(region: Region) -> None:
    serving, storing = region.add_host(), region.add_host(roles=(HostRole.STORAGE,))
    for host_id in (serving, storing):
        region.apply(hosts.update(region.state, host_id, Capacity(8, 1024, 10, ("x",)), "0.1", ()))
    (told, other), stored = region.state.hosts[serving].problems, region.state.hosts[storing].problems
    assert "knows no route tables" in told
    assert other == "x"
    assert stored == ("x",)
    region.apply(hosts.update(region.state, serving, Capacity(8, 1024, 10, ()), "1.0", ("route_tables",)))
    assert region.state.hosts[serving].problems == ()


def test_a_heartbeat_that_says_nothing_new_changes_nothing(region: Region) -> None:
    host_id = region.add_host()
    capacity = Capacity(8, 1024, 10, ("kvm is away",))
    assert hosts.update(region.state, host_id, capacity, "1.0", ())
    region.apply(hosts.update(region.state, host_id, capacity, "1.0", ()))
    assert not hosts.update(region.state, host_id, capacity, "1.0", ())


@pytest.mark.parametrize("key", ["x", "A" * 44, "B" * 43 + "=", "A" * 43 + "=\n", "A" * 43 + "="])
def test_a_key_that_would_break_others_tunnels_goes_to_nobody(region: Region, key: str) -> None:
    first, second = region.add_host(), region.add_host()
    taken, own = "A" * 43 + "=", "E" * 43 + "="
    for host_id, said, kept in ((first, taken, taken), (second, own, own), (second, key, ""), (second, own, own)):
        region.apply(hosts.update(region.state, host_id, Capacity(8, 1024, 10, (), said), "1.0", ("route_tables",)))
        host = region.state.hosts[host_id]
        assert (host.wireguard_key, bool(host.problems)) == (kept, not kept)
    region.apply(hosts.update(region.state, first, Capacity(8, 1024, 10, (), taken), "1.0", ("route_tables",)))
    assert region.state.hosts[first].wireguard_key == taken


def test_a_lost_hosts_key_goes_to_the_host_that_its_machine_joins_as(region: Region) -> None:
    before, after = region.add_host(), region.add_host()
    said = Capacity(8, 1024, 10, (), "A" * 43 + "=")
    region.apply(hosts.update(region.state, before, said, "1.0", ("route_tables",)))
    region.reachable.discard(before)
    region.do(host_removal.declare_lost, before)
    region.apply(hosts.update(region.state, after, said, "1.0", ("route_tables",)))
    assert [(row.wireguard_key, row.problems) for row in region.state.hosts] == [("", ()), (said.wireguard_key, ())]
    region.apply(hosts.seen(region.state, before, region.call().now))
    region.apply(hosts.update(region.state, before, said, "1.0", ("route_tables",)))
    assert [row.wireguard_key for row in region.state.hosts] == ["", said.wireguard_key], (
        "should both be there, after all"
    )


def test_instance_types(region: Region) -> None:
    huge = CreateInstanceType("lab.huge", 256, 65536)
    region.do(catalogue.create, huge)
    region.refuses("InvalidInstanceType.Duplicate", catalogue.create, huge)
    wrong: list[dict[str, Any]] = [{"instance_type": "huge"}, {"vcpus": 0}, {"vcpus": 257}, {"memory_mib": 63}]
    for changes in wrong:
        request = replace(huge, **{"instance_type": "lab.other", **changes})
        region.refuses("InvalidParameterValue", catalogue.create, request)
    region.do(catalogue.delete, "lab.huge")
    region.refuses("InvalidInstanceType", catalogue.delete, "lab.huge")


IMAGE = RegisterImage("tiny", "", "raw", 512, 512, "0" * 64, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 129},
        {"name": " "},
        {"name": "a;b"},
        {"description": "x" * 256},
        {"format": "vmdk"},
        {"architecture": "arm64"},
        {"boot_mode": "uefi-preferred"},
        {"size_bytes": 511},
        {"sha256": "0" * 63},
        {"sha256": "A" * 64},
        {"virtual_size_bytes": 1 << 64},
    ],
)
def test_images_that_are_refused(region: Region, changes: dict[str, Any]) -> None:
    region.refuses("InvalidParameterValue", images.register, f"ami-{UNKNOWN}", replace(IMAGE, **changes))


def test_image_names_are_unique_in_a_project(region: Region) -> None:
    region.do(images.register, f"ami-{UNKNOWN}", IMAGE)
    region.refuses("InvalidAMIName.Duplicate", images.register, "ami-other", IMAGE)
    region.do(images.register, "ami-others", IMAGE, project_id=region.do(projects.create, "other"))


KEY = make_key(KeyType.ED25519)[1]


def test_key_pairs(region: Region) -> None:
    key_id = region.do(key_pairs.store, StoreKeyPair("laptop", KEY))
    region.refuses("InvalidKeyPair.Duplicate", key_pairs.store, StoreKeyPair("laptop", KEY))
    for name in (" laptop", "laptop ", "x" * 256, "caf\N{LATIN SMALL LETTER E WITH ACUTE}"):
        region.refuses("InvalidParameterValue", key_pairs.store, StoreKeyPair(name, KEY))
    other = region.do(projects.create, "other")
    assert region.do(key_pairs.delete, DeleteKeyPair("laptop"), project_id=other) == ""
    assert region.do(key_pairs.delete, DeleteKeyPair(key_pair_id=key_id), project_id=other) == ""
    region.do(key_pairs.store, StoreKeyPair("laptop", KEY), project_id=other)
    region.refuses("InvalidParameterCombination", key_pairs.delete, DeleteKeyPair("laptop", key_id))
    region.refuses("MissingParameter", key_pairs.delete, DeleteKeyPair())
    region.refuses("InvalidKeyPair.Malformed", key_pairs.delete, DeleteKeyPair(key_pair_id="laptop"))
    assert region.do(key_pairs.delete, DeleteKeyPair("laptop")) == key_id
    assert region.do(key_pairs.delete, DeleteKeyPair("laptop")) == ""


def test_the_number_of_key_pairs_is_limited_for_each_project() -> None:
    region = Region(key_pairs=1)
    region.do(key_pairs.store, StoreKeyPair("a", KEY), project_id=region.do(projects.create, "other"))
    region.do(key_pairs.store, StoreKeyPair("a", KEY))
    region.refuses("KeyPairLimitExceeded", key_pairs.store, StoreKeyPair("b", KEY))


def test_a_database_that_was_restored_is_another_incarnation(region: Region) -> None:
    now = regions.incarnation(region.state, NAME)
    host_id = region.add_host()
    for word in (
        Word(NAME, now, region.state.revision, True),
        Word(NAME, "inc-of-another", region.state.revision + 1, True),
        Word("home-2", now, region.state.revision + 1, True),
        Word("", "", 0, False),
    ):
        region.apply(regions.recognise(region.state, region.call(), host_id, word, region.state.revision))
        assert regions.incarnation(region.state, NAME, host_id) == now
    region.apply(regions.recognise(region.state, region.call(), host_id, Word(NAME, now, 901, True), 900))
    assert regions.incarnation(region.state, NAME) not in (now, "")
    renewed = regions.incarnation(region.state, NAME)
    region.do(regions.sync)
    assert regions.incarnation(region.state, NAME) == renewed


def test_a_host_is_released_to_this_incarnation_alone(region: Region) -> None:
    host_id = region.add_host()
    for _ in range(2):
        region.do(hosts.release, host_id)
        assert region.state.hosts[host_id].released_to == regions.incarnation(region.state, NAME)
    now = regions.incarnation(region.state, NAME)
    region.apply(regions.recognise(region.state, region.call(), host_id, Word(NAME, now, 901, True), 900))
    assert region.state.hosts[host_id].released_to != regions.incarnation(region.state, NAME)
    region.refuses("InvalidHostID.NotFound", hosts.release, "host-" + "0" * 17)


def test_a_host_that_proves_nothing_makes_no_other_hold(region: Region) -> None:
    liar, other = region.add_host(), region.add_host()
    first = regions.incarnation(region.state, NAME)
    for host_id in (liar, other):
        region.do(hosts.release, host_id)
    region.apply(regions.recognise(region.state, region.call(), liar, Word(NAME, first, 901, False), 900))
    own = regions.incarnation(region.state, NAME, liar)
    assert own != first
    assert regions.incarnation(region.state, NAME, other) == first
    assert "`stead host release`" in regions.doubts(region.state.hosts[liar])[0]
    assert not regions.doubts(region.state.hosts[other])
    region.do(hosts.release, liar)
    assert region.state.hosts[liar].released_to == own
    assert not regions.doubts(region.state.hosts[liar])
    region.apply(regions.recognise(region.state, region.call(), liar, Word(NAME, own, 901, True), 900))
    both = {regions.incarnation(region.state, NAME, host_id) for host_id in (liar, other)}
    assert len(both) == 1, "the region was restored: there is one incarnation for all"
    assert not both & {first, own}


def test_the_clock_ends_what_nobody_may_ask_for_any_more(region: Region) -> None:
    region.add_host()
    gone, kept = region.launch(), region.launch()
    for token, made in (("old", gone), ("live", kept)):
        row = CallRecord(f"p/{token}", "p", "tok", "req", "RunInstances", "", f'["{made}"]', (made,), region.now)
        region.put(row, replace(row, id=f"p/other-{token}", operation="StopInstances"))
    host_token(region)
    region.do(power.terminate, [gone])
    region.converge()
    image_id = next(iter(region.state.images)).id
    region.do(images.deregister, image_id)
    region.do(sweeping.sweep)
    assert gone in region.state.instances
    region.now += timedelta(hours=1, seconds=1)
    region.do(sweeping.sweep)
    assert [row.id for row in region.state.instances] == [kept]
    assert not len(region.state.host_tokens)
    assert len(region.state.calls) == 4
    region.now += timedelta(days=1)
    region.do(sweeping.sweep)
    assert [row.id for row in region.state.calls] == ["p/live"]
    assert image_id in region.state.images, "a volume is made from it"
    region.do(power.terminate, [kept])
    region.converge()
    region.empty_trash()
    region.now += timedelta(hours=2)
    region.do(sweeping.sweep)
    assert not len(region.state.images)
    assert not len(region.state.instances)


def test_a_sweep_takes_no_more_than_a_slice_at_once(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 2)
    region.add_host()
    region.do(power.terminate, region.run(min_count=5, max_count=5))
    region.converge()
    region.now += timedelta(hours=2)
    slices = []
    while region.do(sweeping.sweep):
        slices.append(len(region.state.instances))
    assert (slices, len(region.state.instances)) == ([3, 1], 0)
