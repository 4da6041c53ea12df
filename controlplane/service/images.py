"""Images. The bytes are received, checked and stored by the caller before `register` makes the image known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controlplane.errors import Conflict, invalid_value
from controlplane.ids import Prefix
from controlplane.model.image import Image
from controlplane.model.state import Change, State
from controlplane.service.call import IMAGE, Call, check_tags, check_text, find, not_found

FORMATS = ("raw", "qcow2")
MAX_DISK_BYTES = 1 << 46  # 64 TiB, the largest volume.


@dataclass(frozen=True, slots=True)
class RegisterImage:
    name: str
    description: str
    format: str
    size_bytes: int
    virtual_size_bytes: int
    sha256: str
    tags: Mapping[str, str]


def check(state: State, call: Call, request: RegisterImage) -> None:
    """Everything that can be refused before the first byte."""
    check_text(
        "name", request.name, r"[A-Za-z0-9()\[\] ./\-'@_]{1,128}", "1 to 128 of letters, digits, space and ()[]./-'@_"
    )
    if len(request.description) > 255:
        raise invalid_value("description", request.description, "at most 255 characters")
    if request.format not in FORMATS:
        raise invalid_value("format", request.format, " or ".join(FORMATS))
    if request.size_bytes < 512:
        raise invalid_value("size_bytes", request.size_bytes, "at least one sector of 512 bytes")
    check_text("sha256", request.sha256, r"[0-9a-f]{64}", "64 lower-case hexadecimal digits")
    check_tags(request.tags)
    taken = state.images.one("name", (call.project_id, request.name))
    if taken:
        raise Conflict("InvalidAMIName.Duplicate", f"The name {request.name!r} belongs to {taken.id}")


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
        )
    )
    return change, image_id


def mint(call: Call) -> str:
    return call.mint(Prefix.IMAGE)


def find_image(state: State, call: Call, image_id: str) -> Image:
    """An image that may be launched."""
    image = find(state.images, IMAGE, image_id, call)
    if image.deregistered_at:
        raise not_found(IMAGE, image_id)
    return image


def deregister(state: State, call: Call, image_id: str) -> tuple[Change, None]:
    """Nobody launches from it any more. The upload goes when no volume can still need it: see `is_needed`."""
    change = Change()
    change.put(replace(find_image(state, call, image_id), deregistered_at=call.now))
    return change, None


def is_needed(state: State, image_id: str) -> bool:
    """Whether a storage host may still ask for the upload."""
    image = state.images.get(image_id)
    if image is None:
        return False
    return image.deregistered_at is None or state.volumes.count("image", image_id) > 0
