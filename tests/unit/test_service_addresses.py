"""Public addresses: elastic and automatic ones, how one takes the other's place, and when an address is free again."""

from dataclasses import replace

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.reconcile.absorb import settle
from controlplane.service import (
    addresses,
    host_removal,
    interface_attachments,
    internet_gateways,
    network_interfaces,
    power,
    private_addresses,
    projects,
    subnets,
    vpcs,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.interface_attachments import AttachNetworkInterface
from controlplane.service.internet_gateways import AttachInternetGateway
from controlplane.service.network_interfaces import CreateNetworkInterface
from controlplane.service.power import StopInstances
from controlplane.service.private_addresses import UnassignPrivateIpAddresses
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import ZONES, Region

UNKNOWN = "f" * 17


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host(ZONES[0])
    return region


def allocate(region: Region) -> str:
    made: str = region.do(addresses.allocate, AllocateAddress())
    return made


def associate(region: Region, allocation_id: str, instance_id: str) -> str:
    made: str = region.do(addresses.associate, AssociateAddress(allocation_id, instance_id))
    return made


def public_ip(region: Region, instance_id: str) -> str:
    row = region.public_address(instance_id)
    return row.public_ip if row else ""


def test_the_dance_of_elastic_and_automatic_addresses(region: Region) -> None:
    instance_id = region.launch()
    automatic = public_ip(region, instance_id)
    allocation_id = allocate(region)
    elastic = region.state.addresses[allocation_id].public_ip
    association_id = associate(region, allocation_id, instance_id)
    assert public_ip(region, instance_id) == elastic
    assert associate(region, allocation_id, instance_id) == association_id, "idempotent without a token"
    region.converge()
    assert automatic not in {row.public_ip for row in region.state.addresses}, "the automatic one went back"

    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    assert public_ip(region, instance_id) == elastic, "stays over stop"
    region.do(power.start, [instance_id])
    region.converge()
    assert public_ip(region, instance_id) == elastic, "stays over start"

    region.do(addresses.disassociate, association_id)
    assert public_ip(region, instance_id) not in ("", elastic, automatic), "a new automatic one"
    region.do(addresses.disassociate, association_id)
    associate(region, allocation_id, instance_id)
    region.do(power.terminate, [instance_id])
    row = region.state.addresses[allocation_id]
    assert (row.interface_id, row.association_id) == ("", ""), "termination disassociates"
    region.converge()
    region.do(addresses.release, allocation_id)
    region.converge()
    assert not len(region.state.addresses)


def test_stop_releases_the_automatic_address_and_start_gives_another(region: Region) -> None:
    instance_id = region.launch()
    before = public_ip(region, instance_id)
    region.do(power.stop, StopInstances([instance_id]))
    assert public_ip(region, instance_id) == ""
    region.converge()
    region.do(power.start, [instance_id])
    assert public_ip(region, instance_id) not in ("", before)


def test_an_instance_launched_without_a_public_address_gets_none_by_itself(region: Region) -> None:
    instance_id = region.launch(associate_public_ip_address=False)
    association_id = associate(region, allocate(region), instance_id)
    region.do(addresses.disassociate, association_id)
    assert public_ip(region, instance_id) == ""


def test_an_address_moves_unless_that_is_forbidden(region: Region) -> None:
    first, second = region.launch(), region.launch()
    allocation_id = allocate(region)
    associate(region, allocation_id, first)
    stay = AssociateAddress(allocation_id, second, allow_reassociation=False)
    error = region.refuses("Resource.AlreadyAssociated", addresses.associate, stay)
    assert error.blocking_ids == (first,)
    elastic = public_ip(region, first)
    associate(region, allocation_id, second)
    assert public_ip(region, second) == elastic
    assert public_ip(region, first) not in ("", elastic)
    other = allocate(region)
    associate(region, other, second)
    assert region.state.addresses[allocation_id].interface_id == "", "the newer one displaces it"


def test_association_is_refused(region: Region) -> None:
    (instance_id,) = region.run()
    allocation_id = allocate(region)
    request = AssociateAddress(allocation_id, instance_id)
    region.refuses("IncorrectInstanceState", addresses.associate, request)
    region.converge()
    unknown = AssociateAddress(f"eipalloc-{UNKNOWN}", instance_id)
    region.refuses("InvalidAllocationID.NotFound", addresses.associate, unknown)
    region.refuses("InvalidAllocationID.Malformed", addresses.associate, AssociateAddress("192.0.2.1", instance_id))
    region.refuses("InvalidInstanceID.NotFound", addresses.associate, AssociateAddress(allocation_id, f"i-{UNKNOWN}"))
    automatic = region.public_address(instance_id)
    assert automatic is not None
    region.refuses("InvalidAllocationID.NotFound", addresses.associate, AssociateAddress(automatic.id, instance_id))
    region.refuses("InvalidAllocationID.NotFound", addresses.release, automatic.id)
    region.put(*(replace(row, vpc_id="") for row in region.state.internet_gateways))
    region.refuses("Gateway.NotAttached", addresses.associate, request)


def test_disassociation_knows_malformed_ids_and_minds_no_others(region: Region) -> None:
    region.refuses("InvalidAssociationID.Malformed", addresses.disassociate, "eipassoc-1")
    revision = region.state.revision
    region.do(addresses.disassociate, f"eipassoc-{UNKNOWN}")
    association_id = associate(region, allocate(region), region.launch())
    revision = region.state.revision
    region.do(addresses.disassociate, association_id, project_id=region.do(projects.create, "other"))
    assert region.state.revision == revision + 1, "the new project and nothing else"


def test_release_in_the_default_vpc_disassociates(region: Region) -> None:
    instance_id, allocation_id = region.launch(), allocate(region)
    associate(region, allocation_id, instance_id)
    elastic = public_ip(region, instance_id)
    region.do(addresses.release, allocation_id)
    assert public_ip(region, instance_id) not in ("", elastic)
    region.refuses("InvalidAllocationID.NotFound", addresses.release, allocation_id)
    region.converge()


def test_release_in_another_vpc_is_refused_while_it_is_in_use(region: Region) -> None:
    instance_id, allocation_id = region.launch(), allocate(region)
    associate(region, allocation_id, instance_id)
    region.put(*(replace(row, is_default=False) for row in region.state.vpcs))
    error = region.refuses("InvalidIPAddress.InUse", addresses.release, allocation_id)
    assert error.blocking_ids == (instance_id,)


def test_giving_an_address_up_does_not_fail_for_want_of_another() -> None:
    region = Region(public_pool=((3221225985, 3221225986),))
    region.add_host()
    instance_id, allocation_id = region.launch(), allocate(region)
    association_id = associate(region, allocation_id, instance_id)
    region.converge()
    allocate(region)
    region.do(addresses.disassociate, association_id)
    assert public_ip(region, instance_id) == ""


def test_a_project_has_at_most_so_many_elastic_addresses(region: Region) -> None:
    held = [allocate(region) for _ in range(5)]
    region.refuses("AddressLimitExceeded", addresses.allocate, AllocateAddress())
    region.do(addresses.allocate, AllocateAddress(), project_id=region.do(projects.create, "other"))
    region.do(addresses.release, held[0])
    allocate(region)
    region.refuses("TagLimitExceeded", addresses.allocate, AllocateAddress({str(n): "" for n in range(51)}))


def test_an_address_is_not_given_again_before_the_gateway_has_answered() -> None:
    region = Region(public_pool=((3221225985, 3221225985),))
    compute = region.add_host(roles=(HostRole.COMPUTE, HostRole.STORAGE))
    gateway = region.add_host(roles=(HostRole.GATEWAY,))
    instance_id = region.launch()
    only = public_ip(region, instance_id)
    region.do(power.terminate, [instance_id])
    region.refuses("InsufficientAddressCapacity", addresses.allocate, AllocateAddress())
    region.exchange(compute)
    region.refuses("InsufficientAddressCapacity", addresses.allocate, AllocateAddress())
    vpc_id = next(iter(region.state.vpcs)).id
    busy = region.agents[gateway]
    busy.broken[ObservedKind.GATEWAY, vpc_id] = "nft is away"
    busy.stuck.add((ObservedKind.GATEWAY, vpc_id))
    row = busy.has[ObservedKind.GATEWAY, vpc_id]
    busy.has[ObservedKind.GATEWAY, vpc_id] = replace(row, converged=False, error="nft is away")
    region.exchange(gateway)
    region.refuses("InsufficientAddressCapacity", addresses.allocate, AllocateAddress())
    busy.stuck.clear()
    region.exchange(gateway)
    assert region.state.addresses[allocate(region)].public_ip == only


def test_an_elastic_address_that_was_unmapped_waits_for_the_gateway_as_well(region: Region) -> None:
    instance_id, allocation_id = region.launch(associate_public_ip_address=False), allocate(region)
    region.do(addresses.disassociate, associate(region, allocation_id, instance_id))
    region.do(addresses.release, allocation_id)
    assert allocation_id in region.state.addresses
    region.converge()
    assert allocation_id not in region.state.addresses


def test_an_address_that_was_never_mapped_is_free_at_once(region: Region) -> None:
    allocation_id = allocate(region)
    region.do(addresses.release, allocation_id)
    assert allocation_id not in region.state.addresses


def test_other_projects_addresses_do_not_exist(region: Region) -> None:
    instance_id, allocation_id = region.launch(), allocate(region)
    other = region.do(projects.create, "other")
    request = AssociateAddress(allocation_id, instance_id)
    region.refuses("InvalidAllocationID.NotFound", addresses.associate, request, project_id=other)


def test_instances_that_start_together_get_an_address_each() -> None:
    region = Region()
    region.add_host(vcpus=64)
    started = region.run(min_count=3)
    region.converge()
    region.do(power.stop, power.StopInstances(started))
    region.converge()
    assert not any(region.public_address(instance_id) for instance_id in started)
    region.do(power.start, started)
    found = {address.public_ip for row_id in started if (address := region.public_address(row_id))}
    assert len(found) == 3


def test_a_start_for_whose_instances_there_are_too_few_addresses_changes_nothing() -> None:
    region = Region(elastic_addresses=100)
    region.add_host(vcpus=64)
    started = region.run(min_count=3)
    region.converge()
    region.do(power.stop, power.StopInstances(started))
    region.converge()
    for _ in range(18):
        region.do(addresses.allocate, addresses.AllocateAddress())
    error = region.refuses("InsufficientAddressCapacity", power.start, started)
    assert "3 public addresses asked, 2 free" in error.message
    region.do(power.start, started[:2])


def test_an_interface_keeps_its_addresses_whatever_it_is_attached_to(region: Region) -> None:
    subnet_id = region.subnet().id
    request = CreateNetworkInterface(subnet_id, secondary_private_ip_address_count=1)
    side = region.state.interfaces[region.do(network_interfaces.create, request)]
    primary, secondary = allocate(region), allocate(region)
    region.do(addresses.associate, AssociateAddress(primary, network_interface_id=side.id))
    of_secondary = AssociateAddress(secondary, network_interface_id=side.id, private_ip_address=side.secondary_ips[0])
    association_id = region.do(addresses.associate, of_secondary)
    assert region.do(addresses.associate, of_secondary) == association_id
    assert mapped(region, side.id) == {primary: "", secondary: side.secondary_ips[0]}
    bad = replace(of_secondary, private_ip_address="172.31.0.200")
    region.refuses("InvalidParameterValue", addresses.associate, bad)

    instance_id = region.launch()
    region.do(interface_attachments.attach, AttachNetworkInterface(side.id, instance_id))
    refused = region.refuses("InvalidInstanceID", addresses.associate, AssociateAddress(primary, instance_id))
    assert side.id in refused.message
    other = region.launch()
    wrong = AssociateAddress(primary, other, network_interface_id=side.id)
    region.refuses("InvalidParameterCombination", addresses.associate, wrong)
    region.do(power.terminate, [instance_id])
    region.converge()
    assert mapped(region, side.id) == {primary: "", secondary: side.secondary_ips[0]}, "it outlives the instance"

    region.do(private_addresses.unassign, UnassignPrivateIpAddresses(side.id, side.secondary_ips))
    assert mapped(region, side.id) == {primary: ""}
    region.do(network_interfaces.delete, side.id)
    assert {row.id for row in region.state.addresses if row.is_own and not row.interface_id} == {primary, secondary}


def mapped(region: Region, interface_id: str) -> dict[str, str]:
    return {row.id: row.private_ip for row in region.state.addresses.interface.of(interface_id)}


def test_an_instance_with_several_interfaces_is_given_no_automatic_address(region: Region) -> None:
    instance_id = region.launch()
    side_id = region.do(network_interfaces.create, CreateNetworkInterface(region.subnet().id))
    region.do(interface_attachments.attach, AttachNetworkInterface(side_id, instance_id))
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.do(power.start, [instance_id])
    region.converge()
    assert public_ip(region, instance_id) == ""


def test_a_gateway_stays_while_an_interface_that_is_attached_to_nothing_has_an_address(region: Region) -> None:
    side_id = region.do(network_interfaces.create, CreateNetworkInterface(region.subnet().id))
    allocation_id = allocate(region)
    region.do(addresses.associate, AssociateAddress(allocation_id, network_interface_id=side_id))
    (gateway,) = region.state.internet_gateways
    request = AttachInternetGateway(gateway.id, gateway.vpc_id)
    refused = region.refuses("DependencyViolation", internet_gateways.detach, request)
    assert list(refused.blocking_ids) == [allocation_id]


def test_a_certain_address_is_given_where_it_is_in_the_pool_and_nobody_has_it(region: Region) -> None:
    made = region.do(addresses.allocate, AllocateAddress(address="192.0.2.9"))
    assert region.state.addresses[made].public_ip == "192.0.2.9"
    region.refuses("InvalidIPAddress.InUse", addresses.allocate, AllocateAddress(address="192.0.2.9"))
    for other in ("192.0.2.21", "192.0.2.0", "192.0.2.09", "192.0.2.1/32", "x"):
        region.refuses("InvalidParameterValue", addresses.allocate, AllocateAddress(address=other))
    region.do(addresses.release, made)
    region.do(addresses.allocate, AllocateAddress(address="192.0.2.9"))


class TwoGateways:
    """An address, the only one of the pool, and two VPCs, whose gateways are on a host each; another has the rest."""

    def __init__(self) -> None:
        self.region = Region(public_pool=((3221225985, 3221225985),))
        self.region.add_host(roles=(HostRole.COMPUTE, HostRole.STORAGE))
        self.hosts = [self.region.add_host(roles=(HostRole.GATEWAY,)) for _ in range(2)]
        self.interfaces = [self.interface(f"10.{number}.0.0/16") for number in range(2)]
        gateways = [
            row for row in self.region.state.internet_gateways if not self.region.state.vpcs[row.vpc_id].is_default
        ]
        moved = [replace(row, host_id=host) for row, host in zip(gateways, self.hosts, strict=True)]
        self.region.put(*moved)
        self.address = allocate(self.region)

    def interface(self, cidr_block: str) -> str:
        """Attached to an instance, so that its gateway's host carries what is mapped to it."""
        region = self.region
        vpc_id = region.do(vpcs.create, CreateVpc(cidr_block))
        gateway_id = region.do(internet_gateways.create, internet_gateways.CreateInternetGateway())
        region.do(internet_gateways.attach, AttachInternetGateway(gateway_id, vpc_id))
        subnet_id = region.do(subnets.create, subnets.CreateSubnet(vpc_id, cidr_block, ZONES[0]))
        return region.interface(region.launch(subnet_id=subnet_id)).id

    def map(self, number: int) -> str:
        made: str = self.region.do(
            addresses.associate, AssociateAddress(self.address, network_interface_id=self.interfaces[number])
        )
        return made

    def is_free(self) -> bool:
        return self.address not in self.region.state.addresses


@pytest.fixture
def two() -> TwoGateways:
    return TwoGateways()


def test_an_address_that_moved_to_another_vpc_is_given_to_nobody_before_its_former_gateway_has_answered(
    two: TwoGateways,
) -> None:
    first, second = two.hosts
    two.map(0)
    two.region.converge()
    association_id = two.map(1)
    two.region.exchange(second)
    two.region.do(addresses.disassociate, association_id)
    two.region.do(addresses.release, two.address)
    two.region.exchange(second)
    assert not two.is_free(), "the first gateway was never told"
    other = two.region.do(projects.create, "other")
    two.region.refuses("InsufficientAddressCapacity", addresses.allocate, AllocateAddress(), project_id=other)
    two.region.exchange(first)
    assert two.is_free()
    two.region.do(addresses.allocate, AllocateAddress(), project_id=other)


def test_an_address_that_is_mapped_again_is_waited_for_at_each_gateway(two: TwoGateways) -> None:
    first, second = two.hosts
    for number in (0, 1):
        association_id = two.map(number)
        two.region.exchange(two.hosts[number])
        two.region.do(addresses.disassociate, association_id)
    two.region.do(addresses.release, two.address)
    two.region.exchange(second)
    assert not two.is_free()
    two.region.reachable.discard(first)
    two.region.do(host_removal.declare_lost, first)
    answers = dict.fromkeys(ObservedKind, two.region.state.revision)
    two.region.apply(settle(two.region.state, first, answers, two.region.now))
    assert two.is_free(), "by an admin's word"


def test_a_gateway_that_is_told_while_its_former_address_is_kept_is_waited_for_no_more(two: TwoGateways) -> None:
    two.map(0)
    two.region.converge()
    two.map(1)
    two.region.converge()
    assert two.region.state.addresses[two.address].leaving == ()


def test_a_host_that_had_the_gateway_before_it_moved_is_waited_for_too(two: TwoGateways) -> None:
    first, second = two.hosts
    association_id = two.map(0)
    two.region.converge()
    gateway = two.region.state.internet_gateways.host.of(first)[-1]
    two.region.put(replace(gateway, host_id=second, epoch=gateway.epoch + 1))
    two.region.exchange(second)
    two.region.do(addresses.disassociate, association_id)
    two.region.do(addresses.release, two.address)
    two.region.exchange(second)
    assert not two.is_free()
    two.region.exchange(first)
    assert two.is_free()
