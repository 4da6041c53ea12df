"""Uploads: whole and checked, or not there at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import grpc
import pytest

from controlplane import uploads
from controlplane.api import images
from controlplane.model.project import Role
from controlplane.service.images import MAX_DISK_BYTES
from controlplane.uploads import KEPT_PER_PROJECT, Announced, Uploads
from tests.contract.control_plane import RPCS, ControlPlane, Refused, limited, refused, until, upload

QCOW2 = b"QFI\xfb" + (3).to_bytes(4, "big")


def qcow2(backing_file: int = 0, size: int = 1 << 30) -> bytes:
    """A header that begins as one of QEMU's."""
    return (QCOW2 + backing_file.to_bytes(8, "big") + b"\0" * 8 + size.to_bytes(8, "big")).ljust(1024, b"\0")


def leftovers(cloud: ControlPlane) -> list[str]:
    return sorted(path.name for path in cloud.images.rglob("*") if path.is_file())


async def test_an_image_is_available_when_the_call_returns(cloud: ControlPlane) -> None:
    content = bytes(range(256)) * 5000
    image_id = await cloud.import_image(content=content, description="one", tags={"a": "b"})
    (image,) = (await cloud.ask("DescribeImages")).images
    assert (image.image_id, image.state, image.size_bytes) == (image_id, "available", len(content))
    assert (image.virtual_size_bytes, dict(image.tags)) == (len(content), {"a": "b"})
    assert leftovers(cloud) == [image_id]
    assert cloud.uploads.path(image_id).read_bytes() == content


async def test_a_qcow2_image_has_the_size_of_its_disk(cloud: ControlPlane) -> None:
    await cloud.import_image(content=qcow2(size=5 << 30), format="qcow2")
    (image,) = (await cloud.ask("DescribeImages")).images
    assert (image.size_bytes, image.virtual_size_bytes) == (1024, 5 << 30)


async def test_an_image_says_for_which_machine_it_is(cloud: ControlPlane) -> None:
    plain = await cloud.import_image(name="plain")
    uefi = await cloud.import_image(name="uefi", architecture="x86_64", boot_mode="uefi")
    found = {image.image_id: image.boot_mode for image in (await cloud.ask("DescribeImages")).images}
    assert found == {plain: "legacy-bios", uefi: "uefi"}
    filters = [{"name": "boot-mode", "values": ["uefi"]}, {"name": "architecture", "values": ["x86_64"]}]
    assert [image.image_id for image in (await cloud.ask("DescribeImages", filters=filters)).images] == [uefi]


BAD: dict[str, tuple[list[Any], str]] = {
    "truncated": (upload()[:-1], "InvalidParameterValue"),
    "no bytes": (upload()[:1], "InvalidParameterValue"),
    "longer": ([*upload(), upload()[-1]], "InvalidParameterValue"),
    "wrong sum": (upload(sha256="0" * 64), "InvalidParameterValue"),
    "empty": (upload(b""), "InvalidParameterValue"),
    "no header": (upload()[1:2], "MissingParameter"),
    "nothing": ([], "MissingParameter"),
    "two headers": ([upload()[0], *upload()], "InvalidParameterValue"),
    "format": (upload(format="vmdk"), "InvalidParameterValue"),
    "architecture": (upload(architecture="arm64"), "InvalidParameterValue"),
    "boot mode": (upload(boot_mode="bios"), "InvalidParameterValue"),
    "name": (upload(name="a;b"), "InvalidParameterValue"),
    "name like an id": (upload(name="ami-debian"), "InvalidParameterValue"),
    "no qcow2": (upload(format="qcow2"), "InvalidParameterValue"),
    "qcow2 called raw": (upload(qcow2()), "InvalidParameterValue"),
    "backing file": (upload(qcow2(backing_file=512), format="qcow2"), "InvalidParameterValue"),
    "monstrous disk": (upload(qcow2(size=2**64 - 1), format="qcow2"), "InvalidParameterValue"),
    "just too large a disk": (upload(qcow2(size=MAX_DISK_BYTES + 1), format="qcow2"), "InvalidParameterValue"),
    "tags": (upload(tags={str(n): "" for n in range(51)}), "TagLimitExceeded"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_upload_leaves_nothing(cloud: ControlPlane, case: str) -> None:
    messages, code = BAD[case]
    revision = cloud.revision
    with pytest.raises(Refused) as caught:
        await cloud.call("ImportImage", *messages)
    assert caught.value.code == code
    assert (leftovers(cloud), cloud.revision) == ([], revision)


class Sender:
    """Sends messages of an ImportImage up to a point, and then only what it is told to."""

    def __init__(self, cloud: ControlPlane, messages: list[Any]) -> None:
        rpc = RPCS["ImportImage"]
        method = cloud.channel().stream_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (("authorization", f"Bearer {cloud.secrets[Role.ADMIN]}"),)
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self.call: Any = method(self._sent(), metadata=metadata)
        self.send(*messages)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self._messages.put_nowait(message)

    async def _sent(self) -> AsyncIterator[Any]:
        while True:
            yield await self._messages.get()

    async def refusal(self) -> Refused:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(self.call, 10)
        return refused(caught.value)


def arrived(cloud: ControlPlane) -> int:
    return sum(path.stat().st_size for path in (cloud.images / "arriving").iterdir())


async def kept(cloud: ControlPlane, content: bytes, secret: str | None = None) -> int:
    reply = await cloud.ask("GetImageUpload", secret=secret, sha256=sha256(content).hexdigest())
    return int(reply.received_bytes)


async def broken_off(cloud: ControlPlane, content: bytes) -> None:
    """Three of its five parts have come."""
    messages = upload(content)[:4]
    sender = Sender(cloud, messages)
    await until(lambda: arrived(cloud) == sum(len(message.chunk) for message in messages))
    sender.call.cancel()
    await until(lambda: not arrived(cloud) and len(leftovers(cloud)) == 1)


CONTENT = bytes(range(256)) * 5001


async def test_an_upload_that_breaks_off_makes_no_image_and_can_be_continued(cloud: ControlPlane) -> None:
    await broken_off(cloud, CONTENT)
    assert not len(cloud.journal.state.images)
    offset = await kept(cloud, CONTENT)
    assert 0 < offset < len(CONTENT)
    image_id = await cloud.import_image(content=CONTENT, offset=offset)
    assert cloud.uploads.path(image_id).read_bytes() == CONTENT
    assert leftovers(cloud) == [image_id]
    assert await kept(cloud, CONTENT) == 0


async def test_what_is_kept_is_its_own_projects_and_can_be_sent_anew(cloud: ControlPlane) -> None:
    await broken_off(cloud, CONTENT)
    other = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    assert await kept(cloud, CONTENT, other) == 0
    with pytest.raises(Refused, match="send it from the beginning"):
        await cloud.import_image(content=CONTENT, offset=1, secret=other)
    image_id = await cloud.import_image(content=CONTENT)
    assert cloud.uploads.path(image_id).read_bytes() == CONTENT


async def test_a_wrong_continuation_is_found_out(cloud: ControlPlane) -> None:
    await broken_off(cloud, CONTENT)
    header, *_ = upload(CONTENT, offset=1000)
    with pytest.raises(Refused, match="longer than"):
        await cloud.call("ImportImage", header, *upload(CONTENT)[1:])
    assert leftovers(cloud) == []


async def test_a_killed_process_leaves_what_the_next_can_continue(cloud: ControlPlane) -> None:
    sender = Sender(cloud, upload(CONTENT)[:4])
    await until(lambda: arrived(cloud) > len(CONTENT) // 2)
    again = Uploads(cloud.images)  # As after a kill: nobody has tidied up.
    assert await again.kept_bytes(Announced(cloud.project_id, sha256(CONTENT).hexdigest(), 0, "")) > len(CONTENT) // 2
    sender.call.cancel()


async def test_what_nobody_continues_is_forgotten(cloud: ControlPlane) -> None:
    await broken_off(cloud, CONTENT)
    await cloud.uploads.sweep(cloud.journal.state.images)
    assert await kept(cloud, CONTENT)
    for path in (cloud.images / "kept").iterdir():
        os.utime(path, (0, 0))
    await cloud.uploads.sweep(cloud.journal.state.images)
    assert leftovers(cloud) == []


async def test_a_project_keeps_few_broken_uploads(cloud: ControlPlane) -> None:
    for number in range(KEPT_PER_PROJECT + 2):
        await asyncio.wait_for(broken_off_again(cloud, CONTENT[number:]), 10)
    assert len(leftovers(cloud)) == KEPT_PER_PROJECT


async def broken_off_again(cloud: ControlPlane, content: bytes) -> None:
    sender = Sender(cloud, upload(content)[:2])
    await until(lambda: arrived(cloud))
    sender.call.cancel()
    await until(lambda: not list((cloud.images / "arriving").iterdir()))


def rules(cloud: ControlPlane, **changes: Any) -> None:
    cloud.uploads._rules = replace(cloud.uploads._rules, **changes)


async def test_a_silent_sender_is_cut_off_and_may_go_on(cloud: ControlPlane) -> None:
    rules(cloud, idle_timeout_s=0.2)
    refusal = await Sender(cloud, upload(CONTENT)[:3]).refusal()
    assert (refusal.code, refusal.status) == ("Unavailable", grpc.StatusCode.UNAVAILABLE)
    assert await kept(cloud, CONTENT) > 0


@limited(image_gib=1 << 20)
async def test_uploads_leave_the_disk_its_floor(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    free = uploads._free_bytes(cloud.images)
    rules(cloud, free_space_floor_mib=1)
    with pytest.raises(Refused, match=r"InsufficientVolumeCapacity.*there is room for"):
        await cloud.import_image(size_bytes=free)
    monkeypatch.setattr(uploads, "_free_bytes", lambda directory: (1 << 20) + len(CONTENT) + 1)
    sender = Sender(cloud, upload(CONTENT)[:2])
    await until(lambda: arrived(cloud))
    with pytest.raises(Refused, match="InsufficientVolumeCapacity"):
        await cloud.import_image("b", content=CONTENT[1:])
    sender.call.cancel()
    await until(lambda: not arrived(cloud))
    assert await cloud.import_image("b", content=CONTENT[1:]), "what was promised to the other is free again"


async def test_a_disk_that_fills_up_meanwhile_breaks_the_upload_off(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(cloud, upload(CONTENT)[:2])
    await until(lambda: arrived(cloud))
    monkeypatch.setattr(uploads, "_free_bytes", lambda directory: 0)
    sender.send(upload(CONTENT)[2])
    refusal = await sender.refusal()
    assert (refusal.code, refusal.status) == ("InsufficientVolumeCapacity", grpc.StatusCode.RESOURCE_EXHAUSTED)


async def test_a_project_uploads_only_so_many_at_once(cloud: ControlPlane) -> None:
    rules(cloud, at_once=3, at_once_per_project=2)
    other = await cloud.token(Role.MEMBER, (await cloud.ask("CreateProject", name="other")).project.project_id)
    senders = [Sender(cloud, upload(CONTENT[n:], name=f"n{n}")[:2]) for n in range(2)]
    await until(lambda: len(cloud.uploads._arrivals) == 2)
    with pytest.raises(Refused, match="ResourceLimitExceeded"):
        await cloud.import_image("third")
    await cloud.import_image("of another", secret=other)
    for sender in senders:
        sender.call.cancel()
    await until(lambda: not cloud.uploads._arrivals)
    await cloud.import_image("third")


@limited(images=2, image_gib=1)
async def test_a_projects_images_have_a_quota(cloud: ControlPlane) -> None:
    with pytest.raises(Refused, match=r"ResourceLimitExceeded.*1 GiB"):
        await cloud.import_image(size_bytes=(1 << 30) + 1)
    sender = Sender(cloud, upload(CONTENT, size_bytes=1 << 30)[:2])
    await until(lambda: arrived(cloud))
    with pytest.raises(Refused, match="uploads in progress"):
        await cloud.import_image("b")
    sender.call.cancel()
    await until(lambda: not cloud.uploads._arrivals)
    for name in "bc":
        await cloud.import_image(name)
    with pytest.raises(Refused, match=r"ResourceLimitExceeded.*2 of 2 images"):
        await cloud.import_image("d")


@limited(image_gib=1)
async def test_uploads_that_begin_together_do_not_pass_the_quota(cloud: ControlPlane) -> None:
    senders = [Sender(cloud, upload(CONTENT, name=f"n{n}", size_bytes=600 << 20)[:1]) for n in range(4)]
    await until(lambda: sum(sender.call.done() for sender in senders) == 3)
    for sender in senders:
        if sender.call.done():
            assert (await sender.refusal()).code == "ResourceLimitExceeded"
        else:
            sender.call.cancel()


async def test_an_upload_without_a_header_ends(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "HEADER_S", 0.1)
    refusal = await Sender(cloud, []).refusal()
    assert refusal.code == "RequestExpired"
    assert "No header came within 0.1 s" in str(refusal)


async def test_a_restart_breaks_uploads_off_for_the_next_process(cloud: ControlPlane) -> None:
    sender = Sender(cloud, upload(CONTENT)[:3])
    await until(lambda: arrived(cloud))
    cloud.uploads.close()
    refusal = await sender.refusal()
    assert (refusal.code, refusal.status) == ("Unavailable", grpc.StatusCode.UNAVAILABLE)
    assert await kept(cloud, CONTENT) > 0
    with pytest.raises(Refused, match="Unavailable"):
        await cloud.import_image("another")


async def test_a_name_is_given_once_even_when_two_upload_at_once(cloud: ControlPlane) -> None:
    results = await asyncio.gather(*(cloud.import_image("same") for _ in range(5)), return_exceptions=True)
    made = [result for result in results if isinstance(result, str)]
    codes = {result.code for result in results if isinstance(result, Refused)}
    assert (len(made), codes) == (1, {"InvalidAMIName.Duplicate"})
    assert leftovers(cloud) == made


async def test_the_same_token_at_once_and_again_is_one_image(cloud: ControlPlane) -> None:
    made = await asyncio.gather(*(cloud.import_image(client_token="t") for _ in range(5)))
    again = await cloud.import_image(client_token="t")
    assert leftovers(cloud) == [again]
    assert set(made) == {again}
    with pytest.raises(Refused, match="IdempotentParameterMismatch"):
        await cloud.import_image("other", client_token="t")
    assert leftovers(cloud) == [again]


async def test_a_deregistered_image_is_not_listed_and_its_name_is_free(cloud: ControlPlane) -> None:
    image_id = await cloud.import_image()
    await cloud.ask("DeregisterImage", image_id=image_id)
    assert not (await cloud.ask("DescribeImages")).images
    with pytest.raises(Refused, match=r"InvalidAMIID\.NotFound"):
        await cloud.ask("DescribeImages", image_ids=[image_id])
    assert await cloud.import_image() != image_id


async def test_an_image_that_is_shared_shows_to_others_without_what_is_its_owners(cloud: ControlPlane) -> None:
    image_id = await cloud.import_image("mine", tags={"secret": "yes"})
    other_id = (await cloud.ask("CreateProject", name="other")).project.project_id
    other = await cloud.token(Role.MEMBER, other_id)
    assert not (await cloud.ask("DescribeImages", secret=other)).images
    changed = await cloud.ask("ModifyImageAttribute", image_id=image_id, add_launch_permissions=[other_id])
    assert list(changed.image.launch_permissions) == [other_id]
    (shown,) = (await cloud.ask("DescribeImages", secret=other)).images
    assert (shown.image_id, shown.owner_id, shown.owner_alias) == (image_id, cloud.project_id, "")
    assert (dict(shown.tags), list(shown.launch_permissions)) == ({}, [])
    by_tag = [{"name": "tag:secret", "values": ["yes"]}]
    assert not (await cloud.ask("DescribeImages", secret=other, filters=by_tag)).images
    own = [{"name": "owner-alias", "values": ["self"]}, {"name": "is-public", "values": ["false"]}]
    assert not (await cloud.ask("DescribeImages", secret=other, filters=own)).images
    assert len((await cloud.ask("DescribeImages", filters=own)).images) == 1
