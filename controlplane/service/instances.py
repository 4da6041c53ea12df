"""Launching instances. What becomes of them afterwards is in `power`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from itertools import islice

from controlplane.errors import Conflict, Invalid, NoCapacity, Refusal, invalid_value
from controlplane.ids import Prefix
from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.model.image import Image, InstanceType
from controlplane.model.instance import ROOT_DEVICE, Desired, Instance
from controlplane.model.network import (
    NetworkInterface,
    SecurityGroup,
    Subnet,
    Vpc,
    is_usable,
    mac_address,
    usable_after,
)
from controlplane.model.state import Change, State
from controlplane.placement import Candidate, choose, emptiness
from controlplane.service import addresses, catalogue, images, key_pairs, quotas, security_groups, volumes, vpcs
from controlplane.service.call import GROUP, SUBNET, Call, check_tags, find, find_zone
from controlplane.service.capacity import candidates, compute_host, storage_host

MAX_USER_DATA_BYTES = 16384
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class BlockDeviceMapping:
    device_name: str
    volume_size_gib: int = 0
    delete_on_termination: bool | None = None


@dataclass(frozen=True, slots=True)
class RunInstances:
    """As `RunInstancesRequest` in instances.proto."""

    image_id: str
    instance_type: str = ""
    min_count: int = 0
    max_count: int = 0
    key_name: str = ""
    subnet_id: str = ""
    zone_name: str = ""
    security_group_ids: Sequence[str] = ()
    associate_public_ip_address: bool | None = None
    private_ip_address: str = ""
    user_data: bytes = b""
    block_device_mappings: Sequence[BlockDeviceMapping] = ()
    instance_initiated_shutdown_behavior: str = ""
    disable_api_termination: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Disk:
    device_name: str
    size_gib: int
    image_id: str
    delete_on_termination: bool


@dataclass(frozen=True, slots=True)
class _Launch:
    """A request that holds in every respect but room."""

    request: RunInstances
    min_count: int
    max_count: int
    image: Image
    size: InstanceType
    public_key: str
    vpc: Vpc
    subnets: Sequence[Subnet]  # One of these.
    groups: Sequence[SecurityGroup]
    disks: Sequence[_Disk]
    reservation_id: str

    @property
    def wanted(self) -> Resources:
        return Resources(self.size.vcpus, self.size.memory_mib)

    def wants_public_ip(self, subnet: Subnet) -> bool:
        asked = self.request.associate_public_ip_address
        return subnet.map_public_ip_on_launch if asked is None else asked


def run(state: State, call: Call, request: RunInstances) -> tuple[Change, list[str]]:
    """Launch as many as there is room for, `min_count` or none; the result is the new instances' ids."""
    launch = _check(state, call, request)
    room = _find_room(state, call, launch)
    change = Change()
    launched, interfaces = [], []
    for index, (place, private_ip) in enumerate(zip(room.places, room.private_ips, strict=False)):
        instance = _instance(state, call, launch, room.subnet, place.host_id, index)
        interface = _interface(call, launch, room.subnet, instance.id, private_ip)
        change.put(instance, interface)
        _add_volumes(state, call, change, launch, instance, place)
        launched.append(instance.id)
        interfaces.append(interface)
    if launch.wants_public_ip(room.subnet):
        addresses.give_automatic(state, call, change, interfaces)
    return change, launched


def _check(state: State, call: Call, request: RunInstances) -> _Launch:
    min_count, max_count = _counts(call, request)
    image = images.find_image(state, call, request.image_id)
    size = catalogue.find_type(state, request.instance_type or catalogue.DEFAULT)
    key = key_pairs.find_by_name(state, call, request.key_name) if request.key_name else None
    check_user_data(request.user_data)
    check_shutdown_behavior(request.instance_initiated_shutdown_behavior or "stop")
    check_tags(request.tags)
    vpc, subnets = _subnets(state, call, request)
    disks = _disks(call, request, image)
    sizes_gib = [disk.size_gib for disk in disks]
    return _Launch(
        request=request,
        min_count=min_count,
        max_count=quotas.grant_instances(state, call, min_count, max_count, size.vcpus, sizes_gib),
        image=image,
        size=size,
        public_key=key.public_key if key else "",
        vpc=vpc,
        subnets=subnets,
        groups=find_groups(state, call, request.security_group_ids, vpc) or [vpcs.default_group(state, vpc.id)],
        disks=disks,
        reservation_id=call.mint(Prefix.RESERVATION),
    )


def _counts(call: Call, request: RunInstances) -> tuple[int, int]:
    min_count = request.min_count or 1
    max_count = request.max_count or min_count
    if not 1 <= min_count <= max_count:
        raise invalid_value("max_count", max_count, f"min_count ({min_count}) or more")
    if max_count > call.policy.instances_per_call:
        raise invalid_value("max_count", max_count, f"at most {call.policy.instances_per_call} in one call")
    if request.private_ip_address and max_count > 1:
        raise Invalid("InvalidParameterCombination", "private_ip_address is for a single instance; leave it out")
    return min_count, max_count


def _subnets(state: State, call: Call, request: RunInstances) -> tuple[Vpc, list[Subnet]]:
    """The VPC, and the subnets that will do: the named one, the default one of the zone, or of every zone."""
    if request.zone_name:
        find_zone(state, request.zone_name)
    if request.subnet_id:
        subnet = find(state.subnets, SUBNET, request.subnet_id, call)
        if request.zone_name not in ("", subnet.zone):
            raise Invalid("InvalidParameterCombination", f"{subnet.id} is in {subnet.zone}, not in {request.zone_name}")
        return state.vpcs[subnet.vpc_id], [subnet]
    vpc = security_groups.find_vpc(state, call, "")
    subnets = [row for row in state.subnets.by("vpc", vpc.id) if row.default_for_az]
    return vpc, [row for row in subnets if request.zone_name in ("", row.zone)]


def check_user_data(user_data: bytes) -> bytes:
    if len(user_data) > MAX_USER_DATA_BYTES:
        raise Invalid(
            "InvalidParameterValue", f"user_data: {len(user_data)} bytes; at most {MAX_USER_DATA_BYTES} are allowed"
        )
    return user_data


def check_shutdown_behavior(behavior: str) -> str:
    if behavior not in ("stop", "terminate"):
        raise invalid_value("instance_initiated_shutdown_behavior", behavior, "stop or terminate")
    return behavior


def find_groups(state: State, call: Call, group_ids: Sequence[str], vpc: Vpc) -> list[SecurityGroup]:
    """The groups that shall guard one interface in a VPC."""
    ids = list(dict.fromkeys(group_ids))
    limit = call.policy.groups_per_interface
    if len(ids) > limit:
        raise Conflict("SecurityGroupsPerInterfaceLimitExceeded", f"{len(ids)} groups asked; at most {limit}")
    groups = [find(state.security_groups, GROUP, group_id, call) for group_id in ids]
    for group in groups:
        if group.vpc_id != vpc.id:
            raise Invalid("InvalidParameter", f"{group.id} is in {group.vpc_id}, the subnet in {vpc.id}")
    return groups


def _disks(call: Call, request: RunInstances, image: Image) -> list[_Disk]:
    """The root first."""
    image_gib = -(-image.virtual_size_bytes // GIB)
    root = _Disk(ROOT_DEVICE, image_gib, image.id, delete_on_termination=True)
    others: dict[str, _Disk] = {}
    for mapping in request.block_device_mappings:
        keep = mapping.delete_on_termination is False
        if mapping.device_name == ROOT_DEVICE:
            root = _Disk(ROOT_DEVICE, mapping.volume_size_gib or image_gib, image.id, not keep)
        elif mapping.device_name in others or mapping.device_name not in volumes.DEVICES:
            raise invalid_value("device_name", mapping.device_name, f"{ROOT_DEVICE} or a free one of /dev/sdb to sdz")
        else:
            others[mapping.device_name] = _Disk(mapping.device_name, mapping.volume_size_gib, "", not keep)
    disks = [root, *others.values()]
    for disk in disks:
        volumes.check_size(disk.size_gib)
    if root.size_gib < image_gib:
        raise invalid_value("volume_size_gib", root.size_gib, f"at least {image_gib}, the size of {image.id}")
    if len(disks) > call.policy.attachments_per_instance:
        raise Conflict("AttachmentLimitExceeded", f"{len(disks)} volumes asked; an instance has fewer")
    return disks


@dataclass(frozen=True, slots=True)
class _Place:
    host_id: str
    storage_host_ids: Sequence[str]  # One for each disk.


@dataclass(frozen=True, slots=True)
class _Room:
    """What a zone has for a launch: a place and a private address for each instance that it takes.

    Where these are fewer than `max_count`: hosts refused more, or there is a shortage of addresses.
    """

    subnet: Subnet
    places: Sequence[_Place]
    private_ips: Sequence[str]
    refusals: Sequence[Refusal]
    shortage: NoCapacity


def _find_room(state: State, call: Call, launch: _Launch) -> _Room:
    """The emptiest zone that takes all; otherwise the one that takes most. Raises when that is under `min_count`."""
    if not launch.subnets:
        raise Invalid("InvalidParameterValue", f"{launch.vpc.id} has no default subnet in the zone; name a subnet")
    rooms: list[_Room] = []
    zones = [(subnet, candidates(state, call, subnet.zone)) for subnet in launch.subnets]
    for subnet, hosts in sorted(zones, key=lambda zone: _emptiness(zone[1], launch.wanted), reverse=True):
        rooms.append(_room(state, call, launch, subnet, hosts))
        if len(rooms[-1].places) == launch.max_count:
            break
    best = max(rooms, key=lambda room: len(room.places))
    if len(best.places) >= launch.min_count:
        return best
    if not best.refusals:
        raise best.shortage
    raise NoCapacity(
        "InsufficientInstanceCapacity",
        f"{launch.min_count} of {launch.size.id} asked, room for {len(best.places)} in "
        f"{' or '.join(subnet.zone for subnet in launch.subnets)}; try a smaller type, another zone, or later",
        refusals=[refusal for room in rooms for refusal in room.refusals],
    )


def _room(state: State, call: Call, launch: _Launch, subnet: Subnet, hosts: list[Candidate]) -> _Room:
    """As many as everything suffices for: whatever runs short gives the number."""
    private_ips = _free_private_ips(state, subnet, launch.max_count, launch.request.private_ip_address)
    at_most, shortage = len(private_ips), _too_few_private_ips(subnet, launch.min_count, len(private_ips))
    if launch.wants_public_ip(subnet):
        public = len(addresses.find_free(state, call, Change(), launch.max_count))
        if public < at_most:
            at_most, shortage = public, addresses.too_few(launch.min_count, public)
    places, refusals = _fill(launch, subnet, hosts, at_most)
    return _Room(subnet, places, private_ips, refusals, shortage)


def _emptiness(hosts: list[Candidate], wanted: Resources) -> float:
    """Of the zone's emptiest host that can run such an instance."""
    best = choose(hosts, wanted, HostRole.COMPUTE)
    return emptiness(best) if best else -1


def _fill(
    launch: _Launch, subnet: Subnet, hosts: list[Candidate], at_most: int
) -> tuple[list[_Place], Sequence[Refusal]]:
    """Places for so many instances, and why there are no more."""
    places: list[_Place] = []
    try:
        for _ in range(at_most):
            host_id = compute_host(hosts, subnet.zone, launch.wanted)
            stores = [storage_host(hosts, subnet.zone, disk.size_gib, host_id) for disk in launch.disks]
            places.append(_Place(host_id, stores))
    except NoCapacity as error:
        return places, error.refusals
    return places, ()


def _free_private_ips(state: State, subnet: Subnet, at_most: int, asked: str) -> list[str]:
    """So many addresses, or as many as there are."""
    if asked:
        return [_asked_ip(state, subnet, asked)]
    latest = state.interfaces.latest("subnet", subnet.id)
    free = (
        address
        for address in usable_after(subnet.network, latest.private_ip if latest else None)
        if not state.interfaces.count("address", (subnet.vpc_id, address))
    )
    return list(islice(free, at_most))


def _too_few_private_ips(subnet: Subnet, asked: int, free: int) -> NoCapacity:
    return NoCapacity(
        "InsufficientFreeAddressesInSubnet",
        f"{subnet.id} ({subnet.cidr_block}) has {free} free addresses, {asked} are needed",
    )


def _asked_ip(state: State, subnet: Subnet, asked: str) -> str:
    try:
        usable = is_usable(subnet.network, IPv4Address(asked))
    except AddressValueError as error:
        raise invalid_value("private_ip_address", asked, "an IPv4 address") from error
    if not usable:
        raise invalid_value("private_ip_address", asked, f"a free address of {subnet.cidr_block}, not a reserved one")
    holder = state.interfaces.one("address", (subnet.vpc_id, asked))
    if holder:
        raise Conflict("InvalidIPAddress.InUse", f"{asked} belongs to {holder.instance_id}; choose another")
    return asked


def _instance(state: State, call: Call, launch: _Launch, subnet: Subnet, host_id: str, index: int) -> Instance:
    request = launch.request
    return Instance(
        id=call.mint(Prefix.INSTANCE),
        project_id=call.project_id,
        reservation_id=launch.reservation_id,
        launch_index=index,
        image_id=launch.image.id,
        instance_type=launch.size.id,
        vcpus=launch.size.vcpus,
        memory_mib=launch.size.memory_mib,
        zone=subnet.zone,
        host_id=host_id,
        key_name=request.key_name,
        public_key=launch.public_key,
        user_data=request.user_data,
        desired=Desired.ON,
        desired_revision=state.revision + 1,
        is_settled=False,
        generation=1,
        ran_generation=0,
        reboot_count=0,
        stop_timeout_s=call.policy.stop_timeout_s,
        public_ip_wanted=launch.wants_public_ip(subnet),
        shutdown_behavior=request.instance_initiated_shutdown_behavior or "stop",
        disable_api_termination=request.disable_api_termination,
        state_reason=None,
        launched_at=call.now,
        created_at=call.now,
        tags=request.tags,
    )


def _interface(call: Call, launch: _Launch, subnet: Subnet, instance_id: str, private_ip: str) -> NetworkInterface:
    return NetworkInterface(
        id=call.mint(Prefix.NETWORK_INTERFACE),
        project_id=call.project_id,
        vpc_id=launch.vpc.id,
        subnet_id=subnet.id,
        instance_id=instance_id,
        device_index=0,
        mac_address=mac_address(private_ip, launch.vpc.vni),
        private_ip=private_ip,
        group_ids=tuple(group.id for group in launch.groups),
        created_at=call.now,
    )


def _add_volumes(state: State, call: Call, change: Change, launch: _Launch, instance: Instance, place: _Place) -> None:
    for disk, host_id in zip(launch.disks, place.storage_host_ids, strict=True):
        volume = volumes.new_volume(call, instance.zone, host_id, disk.size_gib, disk.image_id)
        volumes.bond(
            state, call, change, volume, instance, disk.device_name, delete_on_termination=disk.delete_on_termination
        )
