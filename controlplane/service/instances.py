"""Launching instances. What becomes of them afterwards is in `power`."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, Invalid, Parameter, invalid_value, missing, within
from controlplane.ids import Prefix
from controlplane.model.image import Image
from controlplane.model.instance import ROOT_DEVICE, Desired, Instance
from controlplane.model.metadata_options import DEFAULT_OPTIONS, MetadataOptions
from controlplane.model.network import NetworkInterface, SecurityGroup
from controlplane.model.state import Change, State
from controlplane.model.vpc import Subnet, Vpc
from controlplane.service import (
    addresses,
    catalogue,
    features,
    images,
    key_pairs,
    metadata_options,
    quotas,
    security_groups,
    volumes,
    vpcs,
)
from controlplane.service.call import Call, check_tags, find, find_zone
from controlplane.service.launch_interfaces import (
    InterfacesAsked,
    Making,
    NetworkInterfaceSpecification,
    check_places,
    find_asked,
    make,
)
from controlplane.service.metadata_options import NOTHING_ASKED, OptionsAsked
from controlplane.service.network_interfaces import find_groups
from controlplane.service.ports import Ports
from controlplane.service.private_addresses import Free
from controlplane.service.room import Place, Wanted, find_room

MAX_USER_DATA_BYTES = 16384
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class BlockDeviceMapping:
    device_name: str
    volume_size_gib: int | None = None
    delete_on_termination: bool | None = None


@dataclass(frozen=True, slots=True)
class RunInstances:
    """As `RunInstancesRequest` in instances.proto."""

    image_id: str
    instance_type: str = ""
    min_count: int | None = None
    max_count: int | None = None
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
    metadata_options: OptionsAsked = NOTHING_ASKED
    network_interfaces: Sequence[NetworkInterfaceSpecification] = ()


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
    wanted: Wanted
    image: Image
    public_key: str
    vpc: Vpc
    groups: Sequence[SecurityGroup]
    disks: Sequence[_Disk]
    reservation_id: str
    metadata_options: MetadataOptions
    interfaces: InterfacesAsked


def run(state: State, call: Call, request: RunInstances) -> tuple[Change, list[str]]:
    """Launch as many as there is room for, `min_count` or none; the result is the new instances' ids."""
    launch = _check(state, call, request)
    room, ports = find_room(state, call, launch.wanted), Ports(state)
    free = Free(state, taken={*room.private_ips, *launch.interfaces.private_ips})
    making = Making(launch.interfaces, room.subnet, launch.groups, free)
    change, launched, firsts = Change(), list[str](), list[NetworkInterface]()
    for index, (place, private_ip) in enumerate(zip(room.places, room.private_ips, strict=False)):
        instance = _instance(state, call, launch, room.subnet, place.host_id, index)
        first, *others = make(state, call, making, instance.id, private_ip)
        change.put(instance, first, *others)
        _add_volumes(state, call, change, ports, launch, instance, place)
        launched.append(instance.id)
        firsts.append(first)
    if launch.wanted.has_public_ip(room.subnet):
        addresses.give_automatic(state, call, change, firsts)
    return change, launched


def _check(state: State, call: Call, request: RunInstances) -> _Launch:
    min_count, max_count = _counts(call, request)
    interfaces = find_asked(state, call, request.network_interfaces, max_count)
    request = _with_first(request, interfaces)
    image = images.find_image(state, call, request.image_id)
    size = catalogue.find_type(state, request.instance_type or catalogue.DEFAULT_TYPE)
    key = key_pairs.find_by_name(state, call, request.key_name) if request.key_name else None
    check_user_data(request.user_data)
    check_shutdown_behavior(request.instance_initiated_shutdown_behavior or "stop")
    check_tags(request.tags)
    with within("metadata_options"):
        options = metadata_options.changed(DEFAULT_OPTIONS, request.metadata_options, request.tags)
    vpc, subnets = _subnets(state, call, request)
    check_places(state, call, interfaces, subnets)
    disks = _disks(call, request, image)
    sizes_gib = [disk.size_gib for disk in disks]
    wanted = Wanted(
        min_count=min_count,
        max_count=quotas.grant_instances(
            state, call, min_count, max_count, size.vcpus, sizes_gib, interfaces.new_per_instance
        ),
        size=size,
        disks_gib=sizes_gib,
        vpc_id=vpc.id,
        subnets=subnets,
        private_ip=request.private_ip_address,
        taken=interfaces.private_ips,
        first=interfaces.existing.get(0),
        public_ip=request.associate_public_ip_address,
        features=(*features.of_guest(image.boot_mode, options), *interfaces.features(state)),
    )
    return _Launch(
        request=request,
        wanted=wanted,
        image=image,
        public_key=key.public_key if key else "",
        vpc=vpc,
        groups=find_groups(state, call, request.security_group_ids, vpc) or [vpcs.default_group(state, vpc.id)],
        disks=disks,
        reservation_id=call.mint(Prefix.RESERVATION),
        metadata_options=options,
        interfaces=interfaces,
    )


def _with_first(request: RunInstances, interfaces: InterfacesAsked) -> RunInstances:
    """What is asked of the first interface is asked in one place alone."""
    if not request.network_interfaces:
        return request
    names = ("subnet_id", "security_group_ids", "private_ip_address", "associate_public_ip_address")
    if given := [name for name in names if getattr(request, name) not in ("", (), None)]:
        raise Invalid("InvalidParameterCombination", f"{given[0]} and network_interfaces: say it of an interface alone")
    first = {name: getattr(interfaces.first, name) for name in names}
    if len(interfaces.asked) > 1 or interfaces.existing:
        first["associate_public_ip_address"] = False  # As in EC2.
    return replace(request, **first)


def _counts(call: Call, request: RunInstances) -> tuple[int, int]:
    min_count = 1 if request.min_count is None else request.min_count
    max_count = min_count if request.max_count is None else request.max_count
    if min_count < 1:
        raise invalid_value("min_count", min_count, "1 or more")
    if max_count < min_count:
        raise invalid_value("max_count", max_count, f"min_count ({min_count}) or more")
    if max_count > call.policy.instances_per_call:
        parameter = "min_count" if request.max_count is None else "max_count"
        raise invalid_value(parameter, max_count, f"at most {call.policy.instances_per_call} in one call")
    if request.private_ip_address and max_count > 1:
        raise Invalid("InvalidParameterCombination", "private_ip_address is for a single instance; leave it out")
    return min_count, max_count


def _subnets(state: State, call: Call, request: RunInstances) -> tuple[Vpc, list[Subnet]]:
    """The VPC, and the subnets that will do: the named one, the default one of the zone, or of every zone."""
    if request.zone_name:
        find_zone(state, request.zone_name)
    if request.subnet_id:
        subnet = find(state.subnets, request.subnet_id, call)
        if request.zone_name not in ("", subnet.zone):
            raise Invalid(
                "InvalidParameterCombination",
                f"{subnet.id} is in {subnet.zone}, not in {request.zone_name}; name one of the two",
            )
        return state.vpcs[subnet.vpc_id], [subnet]
    vpc = security_groups.find_vpc(state, call, "")
    subnets = [row for row in state.subnets.vpc.of(vpc.id) if row.default_for_az]
    return vpc, [row for row in subnets if request.zone_name in ("", row.zone)]


def check_user_data(user_data: bytes) -> bytes:
    if len(user_data) > MAX_USER_DATA_BYTES:
        message = f"user_data: {len(user_data)} bytes; at most {MAX_USER_DATA_BYTES} are allowed"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("user_data", user_data))
    return user_data


def check_shutdown_behavior(behavior: str) -> str:
    if behavior not in ("stop", "terminate"):
        raise invalid_value("instance_initiated_shutdown_behavior", behavior, "stop or terminate")
    return behavior


def _disks(call: Call, request: RunInstances, image: Image) -> list[_Disk]:
    """The root first."""
    disks = {ROOT_DEVICE: _Disk(ROOT_DEVICE, _size_gib(image), image.id, delete_on_termination=True)}
    for index, mapping in enumerate(request.block_device_mappings):
        with within(f"block_device_mappings[{index}]"):
            disks[mapping.device_name] = _disk(mapping, image, disks)
    if len(disks) > (most := call.policy.attachments_per_instance):
        raise Conflict("AttachmentLimitExceeded", f"{len(disks)} volumes asked; an instance has at most {most}")
    return list(disks.values())


def _disk(mapping: BlockDeviceMapping, image: Image, taken: Container[str]) -> _Disk:
    name, size_gib, is_root = mapping.device_name, mapping.volume_size_gib, mapping.device_name == ROOT_DEVICE
    if not is_root and (name in taken or name not in volumes.DEVICES):
        raise invalid_value("device_name", name, f"{ROOT_DEVICE} or a free one of /dev/sdb to sdz")
    if size_gib is None and not is_root:
        raise missing("volume_size_gib", f"the GiB of an empty volume at {name}")
    size_gib = _size_gib(image) if size_gib is None else size_gib
    volumes.check_size(size_gib, "volume_size_gib")
    if is_root and size_gib < _size_gib(image):
        raise invalid_value("volume_size_gib", size_gib, f"at least {_size_gib(image)}, the size of {image.id}")
    return _Disk(name, size_gib, image.id if is_root else "", mapping.delete_on_termination is not False)


def _size_gib(image: Image) -> int:
    return -(-image.virtual_size_bytes // GIB)


def _instance(state: State, call: Call, launch: _Launch, subnet: Subnet, host_id: str, index: int) -> Instance:
    request = launch.request
    return Instance(
        id=call.mint(Prefix.INSTANCE),
        project_id=call.project_id,
        reservation_id=launch.reservation_id,
        launch_index=index,
        image_id=launch.image.id,
        instance_type=launch.wanted.size.id,
        vcpus=launch.wanted.size.vcpus,
        memory_mib=launch.wanted.size.memory_mib,
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
        public_ip_wanted=launch.wanted.has_public_ip(subnet),
        shutdown_behavior=request.instance_initiated_shutdown_behavior or "stop",
        disable_api_termination=request.disable_api_termination,
        state_reason=None,
        launched_at=call.now,
        created_at=call.now,
        tags=request.tags,
        architecture=launch.image.architecture,
        boot_mode=launch.image.boot_mode,
        metadata_options=launch.metadata_options,
    )


def _add_volumes(
    state: State, call: Call, change: Change, ports: Ports, launch: _Launch, instance: Instance, place: Place
) -> None:
    for disk, home in zip(launch.disks, place.volume_homes, strict=True):
        volume = volumes.new_volume(call, instance.zone, home, disk.size_gib, image_id=disk.image_id, epoch=1)
        volumes.attach_anew(
            state,
            call,
            change,
            ports,
            volume,
            instance,
            disk.device_name,
            delete_on_termination=disk.delete_on_termination,
        )
