"""Uploads: whole and checked, or not there at all."""

import asyncio
from typing import Any

import pytest

from controlplane.model.project import Role
from controlplane.service.images import MAX_DISK_BYTES
from tests.contract.control_plane import RPCS, ControlPlane, Refused, until, upload

QCOW2 = b"QFI\xfb" + (3).to_bytes(4, "big")


def qcow2(backing_file: int = 0, size: int = 1 << 30) -> bytes:
    """A header that begins as one of QEMU's."""
    return (QCOW2 + backing_file.to_bytes(8, "big") + b"\0" * 8 + size.to_bytes(8, "big")).ljust(1024, b"\0")


def leftovers(cloud: ControlPlane) -> list[str]:
    return sorted(path.name for path in cloud.images.iterdir())


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


BAD: dict[str, tuple[list[Any], str]] = {
    "truncated": (upload()[:-1], "InvalidParameterValue"),
    "no bytes": (upload()[:1], "InvalidParameterValue"),
    "longer": ([*upload(), upload()[-1]], "InvalidParameterValue"),
    "wrong sum": (upload(sha256="0" * 64), "InvalidParameterValue"),
    "empty": (upload(b""), "InvalidParameterValue"),
    "no header": (upload()[1:], "MissingParameter"),
    "nothing": ([], "MissingParameter"),
    "two headers": ([upload()[0], *upload()], "InvalidParameterValue"),
    "format": (upload(format="vmdk"), "InvalidParameterValue"),
    "name": (upload(name="a;b"), "InvalidParameterValue"),
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


async def test_an_upload_that_breaks_off_leaves_nothing(cloud: ControlPlane) -> None:
    rpc, messages = RPCS["ImportImage"], upload()
    has_begun, never = asyncio.Event(), asyncio.Event()

    async def broken() -> Any:
        yield messages[0]
        yield messages[1]
        has_begun.set()
        await never.wait()

    method = cloud.channel().stream_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
    call = method(broken(), metadata=(("authorization", f"Bearer {cloud.secrets[Role.ADMIN]}"),))
    await has_begun.wait()
    await until(lambda: len(leftovers(cloud)) == 1)
    call.cancel()
    await until(lambda: leftovers(cloud) == [])
    assert not len(cloud.engine.state.images)


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
