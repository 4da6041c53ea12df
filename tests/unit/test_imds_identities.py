"""Identity documents that the control plane signs: asked for once, kept, and asked for again after a start."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.imds import identities, tree
from agent.imds.identities import Identities, Identity
from tests.unit.test_imds_tree import SPEC

SIGNED = Identity(SPEC.instance_id, 1, '{"instanceId": "i"}', "c2lnbmF0dXJl", "cGtjczc=")


class ControlPlane:
    """Which signs, or is away."""

    def __init__(self, *signed: Identity) -> None:
        self.signed = list(signed)
        self.asked: list[Sequence[str]] = []
        self.is_away = False
        self.has_refused_thrice = asyncio.Event()

    async def __call__(self, instance_ids: Sequence[str]) -> Sequence[Identity]:
        self.asked.append(instance_ids)
        if self.is_away:
            if len(self.asked) == 3:
                self.has_refused_thrice.set()
            raise Transient("away")
        return [each for each in self.signed if each.instance_id in instance_ids]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identities.json"


async def test_one_is_asked_for_once_and_outlives_the_agent(path: Path) -> None:
    cloud = ControlPlane(SIGNED)
    known = Identities(cloud, path, lambda id: True)
    assert known.of(SPEC) is None
    assert await asyncio.wait_for(known.come(), 5) == [SPEC.instance_id]
    assert known.of(SPEC) == SIGNED
    later = Identities(cloud, path, lambda id: True)
    assert later.of(SPEC) == SIGNED
    assert cloud.asked == [[SPEC.instance_id]]


async def test_the_next_start_has_one_of_its_own(path: Path) -> None:
    cloud = ControlPlane(SIGNED)
    known = Identities(cloud, path, lambda id: True)
    known.of(SPEC)
    await asyncio.wait_for(known.come(), 5)
    again = replace(SPEC, generation=2)
    assert known.of(again) is None
    with pytest.raises(TimeoutError):  # It is signed for a start of before still; nobody is hurried on by that.
        await asyncio.wait_for(known.come(), 0.05)
    assert len(cloud.asked) == 2
    cloud.signed = [replace(SIGNED, generation=2)]
    assert known.of(again) is None
    assert await asyncio.wait_for(known.come(), 5) == [SPEC.instance_id]
    assert known.of(again) == replace(SIGNED, generation=2)


async def test_a_start_during_the_call_is_asked_for_after_it(path: Path) -> None:
    again = replace(SPEC, generation=2)

    async def sign(_: Sequence[str]) -> Sequence[Identity]:
        asked.append(known.of(again))
        return [replace(SIGNED, generation=len(asked))]

    asked: list[Identity | None] = []
    known = Identities(sign, path, lambda id: True)
    assert known.of(SPEC) is None
    assert await asyncio.wait_for(known.come(), 5) == [SPEC.instance_id]
    assert await asyncio.wait_for(known.come(), 5) == [SPEC.instance_id]
    assert known.of(again) == replace(SIGNED, generation=2)


async def test_a_control_plane_that_is_away_is_asked_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "AGAIN_S", 0.001)
    cloud = ControlPlane(SIGNED)
    cloud.is_away = True
    known = Identities(cloud, path, lambda id: True)
    known.of(SPEC)
    coming = asyncio.create_task(known.come())
    async with asyncio.timeout(5):
        await cloud.has_refused_thrice.wait()
    cloud.is_away = False
    assert await asyncio.wait_for(coming, 5) == [SPEC.instance_id]


async def test_a_thousand_are_asked_for_in_parts(path: Path) -> None:
    specs = [replace(SPEC, instance_id=f"i-{number}") for number in range(250)]
    cloud = ControlPlane(*(replace(SIGNED, instance_id=spec.instance_id) for spec in specs))
    known = Identities(cloud, path, lambda id: True)
    assert not any(map(known.of, specs))
    while not all(map(known.of, specs)):
        await asyncio.wait_for(known.come(), 5)
    assert [len(each) for each in cloud.asked[:3]] == [100, 100, 50]


async def test_of_instances_that_are_gone_nothing_is_kept(path: Path) -> None:
    here = {SPEC.instance_id, "i-2"}
    other = replace(SPEC, instance_id="i-2")
    cloud = ControlPlane(SIGNED, replace(SIGNED, instance_id="i-2"))
    known = Identities(cloud, path, here.__contains__)
    known.of(SPEC)
    await asyncio.wait_for(known.come(), 5)
    here.remove(SPEC.instance_id)
    known.of(other)
    await asyncio.wait_for(known.come(), 5)
    later = Identities(cloud, path, here.__contains__)
    assert (later.of(SPEC), later.of(other)) == (None, replace(SIGNED, instance_id="i-2"))


@pytest.mark.parametrize("content", [b"", b"half a fi", b"[{}]", b'[{"instance_id": "i-1"}]', b"\xff"])
def test_a_file_that_cannot_be_read_is_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert Identities(ControlPlane(), path, lambda id: True).of(SPEC) is None


def test_what_is_signed_is_told_as_it_was_signed() -> None:
    pages = tree.pages(SPEC, SIGNED)
    below = "dynamic/instance-identity/"
    assert pages[below] == b"document\npkcs7\nrsa2048\nsignature"
    assert pages[f"{below}document"] == SIGNED.document.encode()
    assert pages[f"{below}rsa2048"] == pages[f"{below}pkcs7"] == SIGNED.pkcs7.encode()
    assert pages[f"{below}signature"] == SIGNED.signature.encode()
