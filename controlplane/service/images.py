"""Images. The bytes are received, checked and stored by the caller before `register` makes the image known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, Denied, Invalid, invalid_value
from controlplane.ids import Prefix
from controlplane.model.image import EVERYBODY, Image
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_id, check_project, check_tags, check_text, not_found

NAME = r"(?!ami-| )[A-Za-z0-9()\[\] ./\-'@_]{1,128}(?<! )"
FORMATS = ("raw", "qcow2")
ARCHITECTURES = ("x86_64",)  # What compute drivers can do.
BOOT_MODES = ("legacy-bios", "uefi")
MAX_DISK_BYTES = 1 << 46  # 64 TiB, the largest volume.
MAX_LAUNCH_PERMISSIONS = 100  # Each is looked through by every list of images.


@dataclass(frozen=True, slots=True)
class RegisterImage:
    name: str
    description: str
    format: str
    size_bytes: int
    virtual_size_bytes: int = field(compare=False)  # Seen in the file, not asked for.
    sha256: str
    tags: Mapping[str, str]
    architecture: str = ""
    boot_mode: str = ""


def check(state: State, call: Call, request: RegisterImage, arriving_bytes: int = 0) -> None:
    """Everything that can be refused before the first byte; `arriving_bytes` are of uploads of the project's own."""
    check_text("name", request.name, NAME, "1 to 128 of letters, digits, ()[]./-'@_ and inner spaces, not ami-...")
    check_description(request.description)
    if request.format not in FORMATS:
        raise invalid_value("format", request.format, " or ".join(FORMATS))
    if request.architecture not in ("", *ARCHITECTURES):
        raise invalid_value("architecture", request.architecture, f"{', '.join(ARCHITECTURES)}: no host can do others")
    if request.boot_mode not in ("", *BOOT_MODES):
        raise invalid_value("boot_mode", request.boot_mode, " or ".join(BOOT_MODES))
    if request.size_bytes < 512:
        raise invalid_value("size_bytes", request.size_bytes, "at least one sector of 512 bytes")
    check_sha256(request.sha256)
    check_tags(request.tags)
    taken = state.images.name.get((call.project_id, request.name))
    if taken:
        raise Conflict("InvalidAMIName.Duplicate", f"The name {request.name!r} belongs to {taken.id}; choose another")
    _check_quota(state, call, request, arriving_bytes)


def check_sha256(text: str) -> None:
    check_text("sha256", text, r"[0-9a-f]{64}", "64 lower-case hexadecimal digits")


def _check_quota(state: State, call: Call, request: RegisterImage, arriving_bytes: int) -> None:
    """Also a deregistered image counts, as long as volumes need its upload."""
    held = state.images.project.count(call.project_id)
    if held >= call.policy.images:
        raise Conflict(
            "ResourceLimitExceeded",
            f"Image {request.name!r}: the project has {held} of {call.policy.images} images; deregister some first",
        )
    taken, limit = state.images.size_bytes.of(call.project_id) + arriving_bytes, call.policy.image_gib << 30
    if taken + request.size_bytes > limit:
        raise Conflict(
            "ResourceLimitExceeded",
            f"Image {request.name!r} has {request.size_bytes} bytes; the project's images, and its uploads in progress,"
            f" take {taken} of {limit} ({call.policy.image_gib} GiB); deregister some first",
        )


def check_description(text: str) -> str:
    if len(text) > 255:
        raise invalid_value("description", text, "at most 255 characters")
    return text


def register(state: State, call: Call, image_id: str, request: RegisterImage) -> tuple[Change, str]:
    check(state, call, request)
    if request.virtual_size_bytes > MAX_DISK_BYTES:
        raise invalid_value("disk size", request.virtual_size_bytes, f"at most {MAX_DISK_BYTES} bytes")
    change = Change()
    change.put(
        Image(
            id=image_id,
            project_id=call.project_id,
            name=request.name,
            description=request.description,
            format=request.format,
            size_bytes=request.size_bytes,
            virtual_size_bytes=request.virtual_size_bytes,
            sha256=request.sha256,
            created_at=call.now,
            tags=request.tags,
            architecture=request.architecture or ARCHITECTURES[0],
            boot_mode=request.boot_mode or BOOT_MODES[0],
        )
    )
    return change, image_id


def mint(call: Call) -> str:
    return call.mint(Prefix.IMAGE)


def find_image(state: State, call: Call, image_id: str) -> Image:
    """An image that may be launched: the project's own, one that is public, one that it was given."""
    check_id(state.images.kind, image_id)
    image = state.images.get(image_id)
    if image is None or not {call.project_id, EVERYBODY} & {*image.seen_by}:
        raise not_found(state.images.kind, image_id)
    return image


def select(state: State, call: Call, image_ids: Iterable[str]) -> list[Image]:
    """The images that may be launched: those named, or all."""
    if named := [find_image(state, call, image_id) for image_id in dict.fromkeys(image_ids)]:
        return named
    seen = [row for key in (call.project_id, EVERYBODY) for row in state.images.seen_by.of(key)]
    return list({row.id: row for row in seen}.values())


def find_own(state: State, call: Call, image_id: str) -> Image:
    """An image that is the caller's to change."""
    image = find_image(state, call, image_id)
    if image.project_id != call.project_id:
        raise Denied("UnauthorizedOperation", f"{image_id} belongs to {image.project_id}, which alone can change it")
    return image


@dataclass(frozen=True, slots=True)
class ModifyImageAttribute:
    """As `ModifyImageAttributeRequest` in images.proto."""

    image_id: str
    description: str | None = None
    is_public: bool | None = None
    add_launch_permissions: Sequence[str] = ()
    remove_launch_permissions: Sequence[str] = ()


def modify(state: State, call: Call, request: ModifyImageAttribute) -> tuple[Change, None]:
    image = find_own(state, call, request.image_id)
    added, removed = request.add_launch_permissions, request.remove_launch_permissions
    if request.description is None and request.is_public is None and not (added or removed):
        raise Invalid("MissingParameter", f"Nothing of {image.id} is to change; name an attribute")
    if request.is_public and call.role is not Role.ADMIN:
        raise Denied("UnauthorizedOperation", f"Only an admin can make {image.id} public; share it with projects")
    for project_id in added:
        check_project(state, project_id)
    for project_id in removed:
        check_id(state.projects.kind, project_id)
    permitted = [row for row in dict.fromkeys((*image.launch_permissions, *added)) if row not in removed]
    if len(permitted) > MAX_LAUNCH_PERMISSIONS:
        raise Conflict("ResourceLimitExceeded", f"{image.id}: at most {MAX_LAUNCH_PERMISSIONS} projects can share it")
    change = Change()
    change.put(
        replace(
            image,
            description=image.description if request.description is None else check_description(request.description),
            is_public=image.is_public if request.is_public is None else request.is_public,
            launch_permissions=tuple(permitted),
        )
    )
    return change, None


def deregister(state: State, call: Call, image_id: str) -> tuple[Change, None]:
    """Nobody launches from it any more. The upload goes when no volume can still need it: see `is_needed`."""
    change = Change()
    change.put(replace(find_own(state, call, image_id), deregistered_at=call.now))
    return change, None


def is_needed(state: State, image_id: str) -> bool:
    """Whether a storage host may still ask for the upload."""
    image = state.images.get(image_id)
    if image is None:
        return False
    return image.deregistered_at is None or state.volumes.image.count(image_id) > 0


def is_needed_by(state: State, host_id: str, image_id: str) -> bool:
    """Whether a volume on this host is made from the image."""
    return any(volume.host_id == host_id for volume in state.volumes.image.of(image_id))
