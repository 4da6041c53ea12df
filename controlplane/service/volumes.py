"""Volumes and their attachments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, Invalid, NotFound, Parameter, invalid_value
from controlplane.ids import Prefix
from controlplane.model.instance import (
    ROOT_DEVICE,
    Attachment,
    Desired,
    Instance,
    ObservedKind,
    Phase,
    Volume,
    Volumes,
    attachment_id,
)
from controlplane.model.lifecycle import InstanceState, Request, VolumeState, volume_state
from controlplane.model.state import Change, State
from controlplane.service import quotas
from controlplane.service.admission import admit, current_state
from controlplane.service.call import Call, check_id, check_tags, find, find_zone, not_found
from controlplane.service.capacity import Claims, Home, check_room
from controlplane.service.ports import Ports

VOLUME_TYPE = "gp3"
MAX_SIZE_GIB = 65536
_DELETED = replace(Volumes.kind, where=": it was deleted", listing="`stead volume undelete`, which brings it back")
_RECYCLED = replace(Volumes.kind, where=" in the recycle bin", listing="ListVolumesInRecycleBin")
DEVICES = tuple(f"/dev/sd{letter}" for letter in "fghijklmnopqrstuvwxyzbcde")


@dataclass(frozen=True, slots=True)
class CreateVolume:
    zone_name: str
    size_gib: int
    volume_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateVolume) -> tuple[Change, str]:
    find_zone(state, request.zone_name)
    check_size(request.size_gib)
    if request.volume_type not in ("", VOLUME_TYPE):
        raise invalid_value("volume_type", request.volume_type, VOLUME_TYPE)
    check_tags(request.tags)
    quotas.check_volume(state, call, request.size_gib)
    home = Claims(state, call).volume_home(request.zone_name, request.size_gib)
    volume = new_volume(call, request.zone_name, home, request.size_gib, tags=request.tags)
    change = Change()
    change.put(volume)
    return change, volume.id


def check_size(size_gib: int, parameter: str = "size_gib") -> None:
    if not 1 <= size_gib <= MAX_SIZE_GIB:
        raise invalid_value(parameter, size_gib, f"1 to {MAX_SIZE_GIB}")


def new_volume(
    call: Call,
    zone: str,
    home: Home,
    size_gib: int,
    *,
    image_id: str = "",
    epoch: int = 0,
    tags: Mapping[str, str] | None = None,
) -> Volume:
    """`epoch`: 1 for one that is attached at once."""
    return Volume(
        id=call.mint(Prefix.VOLUME),
        project_id=call.project_id,
        zone=zone,
        host_id=home.host_id,
        pool=home.pool,
        size_gib=size_gib,
        volume_type=VOLUME_TYPE,
        image_id=image_id,
        epoch=epoch,
        created_at=call.now,
        tags=tags or {},
    )


def find_volume(state: State, call: Call, volume_id: str) -> Volume:
    """One that is there; what is in the trash is not, until it is restored."""
    volume = find(state.volumes, volume_id, call)
    if volume.recycled_at:
        raise not_found(_DELETED, volume_id)
    return volume


def select(state: State, call: Call, volume_ids: Iterable[str]) -> list[Volume]:
    """The project's volumes: those named, or all."""
    named = [find_volume(state, call, volume_id) for volume_id in dict.fromkeys(volume_ids)]
    return named or [row for row in state.volumes.project.of(call.project_id) if state.volumes.lists(row)]


def state_of(state: State, volume: Volume) -> VolumeState:
    observation = state.observed(ObservedKind.VOLUME, volume.id, volume.host_id)
    current = volume_state(volume, state.attachments.volume.count(volume.id) > 0, observation)
    host = state.hosts.get(volume.host_id)
    is_out_of_reach = current in (VolumeState.AVAILABLE, VolumeState.CREATING) and host and host.lost_at
    return VolumeState.ERROR if is_out_of_reach else current


@dataclass(frozen=True, slots=True)
class AttachVolume:
    volume_id: str
    instance_id: str
    device_name: str = ""


def attach(state: State, call: Call, request: AttachVolume) -> tuple[Change, str]:
    volume = find_volume(state, call, request.volume_id)
    instance = find(state.instances, request.instance_id, call)
    admit(state, instance, Request.ATTACH_VOLUME)
    if volume.zone != instance.zone:
        raise Invalid(
            "InvalidVolume.ZoneMismatch",
            f"{volume.id} is in {volume.zone}, {instance.id} in {instance.zone}; both must be in one zone",
        )
    _check_available(state, volume)
    device_name = _device(state, call, instance, volume, request.device_name)
    change = Change()
    attachment = attach_anew(
        state,
        call,
        change,
        Ports(state),
        _in_next_epoch(volume),
        instance,
        device_name,
        delete_on_termination=False,
    )
    return change, attachment.id


def _check_available(state: State, volume: Volume) -> None:
    current = state_of(state, volume)
    if current is VolumeState.IN_USE:
        holder = state.attachments.volume.of(volume.id)[0].instance_id
        raise Conflict("VolumeInUse", f"{volume.id} is attached to {holder}; detach it first", blocking_ids=[holder])
    if current is not VolumeState.AVAILABLE:
        raise Conflict("IncorrectState", f"{volume.id} is {current.value}; only an available volume can be attached")


def _device(state: State, call: Call, instance: Instance, volume: Volume, asked: str) -> str:
    """The device asked for. By default a volume made from an image becomes the root of what has none."""
    held = {row.device_name: row.volume_id for row in state.attachments.instance.of(instance.id)}
    limit = call.policy.attachments_per_instance
    if len(held) >= limit:
        raise Conflict("AttachmentLimitExceeded", f"{instance.id} has {len(held)} volumes, the most that it can have")
    if not asked and volume.image_id and ROOT_DEVICE not in held:
        asked = ROOT_DEVICE
    if not asked:
        return next(device for device in DEVICES if device not in held)
    if asked not in (ROOT_DEVICE, *DEVICES):
        raise invalid_value("device_name", asked, f"/dev/sdb to /dev/sdz, or {ROOT_DEVICE}")
    if asked in held:
        message = f"{asked} of {instance.id} is taken by {held[asked]}; choose another"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("device_name", asked))
    if asked == ROOT_DEVICE and current_state(state, instance) is not InstanceState.STOPPED:
        raise Conflict("IncorrectInstanceState", f"{instance.id} can be given a root only while it is stopped")
    return asked


def check_root(state: State, instance: Instance) -> None:
    """Without a root nothing would boot. Raises `IncorrectInstanceState`."""
    if not any(row.device_name == ROOT_DEVICE for row in _held(state.attachments.instance.of(instance.id))):
        raise Conflict(
            "IncorrectInstanceState",
            f"{instance.id} has no root volume; attach one as {ROOT_DEVICE} before you start it",
        )


def _in_next_epoch(volume: Volume) -> Volume:
    return replace(volume, epoch=volume.epoch + 1)


def attach_anew(
    state: State,
    call: Call,
    change: Change,
    ports: Ports,
    volume: Volume,
    instance: Instance,
    device_name: str,
    *,
    delete_on_termination: bool,
) -> Attachment:
    """Attach in the volume's epoch, a new one, on a port of its own. The caller has checked that it may."""
    attachment = Attachment(
        id=attachment_id(volume.id, volume.epoch),
        project_id=volume.project_id,
        volume_id=volume.id,
        instance_id=instance.id,
        device_name=device_name,
        epoch=volume.epoch,
        port=ports.take(volume.host_id),
        storage_host_id=volume.host_id,
        client_host_id=instance.host_id,
        delete_on_termination=delete_on_termination,
        phase=Phase.ATTACHED,
        phase_revision=state.revision + 1,
        created_at=call.now,
        phase_at=call.now,
    )
    change.put(volume, attachment)
    return attachment


@dataclass(frozen=True, slots=True)
class DetachVolume:
    """`force`: whatever the guest says. Its storage host shuts it out, and the volume is free when that is seen."""

    volume_id: str
    instance_id: str = ""
    force: bool = False


def detach(state: State, call: Call, request: DetachVolume) -> tuple[Change, str]:
    volume = find_volume(state, call, request.volume_id)
    if request.instance_id:
        check_id(state.instances.kind, request.instance_id)
    attachment = next(iter(state.attachments.volume.of(volume.id)), None)
    if attachment is None or request.instance_id not in ("", attachment.instance_id):
        where = request.instance_id or "any instance"
        raise NotFound("InvalidAttachment.NotFound", f"{volume.id} is not attached to {where}")
    change = Change()
    wanted = Phase.RELEASED if request.force else Phase.DETACHING
    if attachment.phase in (wanted, Phase.RELEASED):
        return change, attachment.id
    instance = state.instances[attachment.instance_id]
    if attachment.device_name == ROOT_DEVICE and current_state(state, instance) is not InstanceState.STOPPED:
        raise Conflict("OperationNotPermitted", f"{volume.id} is the root of {instance.id}; stop the instance first")
    change.put(
        replace(
            attachment,
            phase=wanted,
            phase_revision=state.revision + 1,
            phase_at=call.now,
            delete_on_termination=False,
        )
    )
    return change, attachment.id


def delete(state: State, call: Call, volume_id: str) -> tuple[Change, None]:
    """Into its host's trash, from where `restore` brings it back for a while."""
    volume = find_volume(state, call, volume_id)
    if holders := [row.instance_id for row in state.attachments.volume.of(volume.id)]:
        raise Conflict("VolumeInUse", f"{volume.id} is attached to {holders[0]}; detach it first", blocking_ids=holders)
    change = Change()
    if not volume.is_deleted:
        change.put(replace(volume, is_deleted=True, deleted_revision=state.revision + 1))
    return change, None


def select_recycled(state: State, call: Call, volume_ids: Iterable[str]) -> list[Volume]:
    """The project's volumes in the trash: those named, or all."""
    named = [find(state.volumes, volume_id, call) for volume_id in dict.fromkeys(volume_ids)]
    for volume in named:
        if not volume.recycled_at:
            raise not_found(_RECYCLED, volume.id)
    return named or [row for row in state.volumes.project.of(call.project_id) if row.recycled_at]


def restore(state: State, call: Call, volume_id: str) -> tuple[Change, str]:
    """Take a deleted volume back, whether its host has come to delete it or not. It claims its room again."""
    volume = find(state.volumes, volume_id, call)
    if not volume.is_deleted:
        raise Conflict("IncorrectState", f"{volume.id} is not deleted: it is {state_of(state, volume).value} already")
    check_size(volume.size_gib)  # It may have been an orphan.
    quotas.check_volume(state, call, volume.size_gib if volume.recycled_at else 0)
    if volume.recycled_at:
        check_room(state, volume)
    change = Change()
    change.put(replace(volume, is_deleted=False, deleted_revision=0, recycled_at=None))
    return change, volume.id


def open_anew(state: State, call: Call, change: Change, ports: Ports, instance: Instance) -> None:
    """Open the instance's volumes for a start on the host that it now is on: a new epoch each, which shuts the old one
    out, with all that an earlier life of the instance may still have under way.
    """
    for attachment in _held(state.attachments.instance.of(instance.id)):
        change.delete(attachment)
        ports.close(attachment)
        volume = state.volumes[attachment.volume_id]
        attach_anew(
            state,
            call,
            change,
            ports,
            _in_next_epoch(change.now(volume) or volume),
            instance,
            attachment.device_name,
            delete_on_termination=attachment.delete_on_termination,
        )


def _held(attachments: Iterable[Attachment]) -> list[Attachment]:
    return [row for row in attachments if row.phase is Phase.ATTACHED]


def is_attached(state: State, attachment: Attachment) -> bool:
    """Whether the guest has it; for an instance that is off, whether it will have it."""
    instance = state.instances[attachment.instance_id]
    if instance.desired is not Desired.ON:
        return True
    observation = state.observed(ObservedKind.INSTANCE, instance.id, instance.host_id)
    return observation is not None and attachment.id in observation.export_names
