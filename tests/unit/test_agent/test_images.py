"""What becomes of an image on a host: a raw file, whole or absent, for which there was room."""

import subprocess
from pathlib import Path

import pytest

from agent.drivers.base import Permanent
from agent.images import Images
from agent.model import ImageSource

MIB = 1 << 20
DATA = b"\xab" * MIB


class Uploads:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.claims: list[int] = []
        self.refused = False

    def add(self, format: str) -> ImageSource:
        raw, path = self._directory / "raw", self._directory / format
        raw.write_bytes(DATA)
        if format == "qcow2":
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path], check=True)
        return ImageSource(format, format, path.stat().st_size, sha256="")

    async def fetch(self, image: ImageSource, target: Path) -> None:
        with target.open("xb") as file:
            file.write((self._directory / image.image_id).read_bytes())

    async def claim(self, size_bytes: int) -> None:
        self.claims.append(size_bytes)
        if self.refused and len(self.claims) == 2:
            raise Permanent("the pool is full")


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path / "uploads")


@pytest.mark.parametrize("format", ["raw", "qcow2"])
async def test_it_comes_raw_and_what_a_crash_left_makes_way(uploads: Uploads, format: str, tmp_path: Path) -> None:
    image, target = uploads.add(format), tmp_path / "pool" / "ami-1.part"
    target.parent.mkdir()
    for left in (target, target.with_name("ami-1.part.upload")):
        left.write_bytes(b"half")
    await Images(uploads.fetch).bring(image, target, uploads.claim)
    assert target.read_bytes() == DATA
    assert list(target.parent.iterdir()) == [target]
    assert uploads.claims[0] == image.size_bytes
    assert len(uploads.claims) == (1 if format == "raw" else 2)


async def test_nothing_is_left_where_there_is_no_room_for_what_it_becomes(uploads: Uploads, tmp_path: Path) -> None:
    uploads.refused = True
    image, target = uploads.add("qcow2"), tmp_path / "pool" / "ami-1.part"
    target.parent.mkdir()
    with pytest.raises(Permanent, match="the pool is full"):
        await Images(uploads.fetch).bring(image, target, uploads.claim)
    assert list(target.parent.iterdir()) == []


async def test_a_format_that_nobody_knows_is_not_even_fetched(uploads: Uploads, tmp_path: Path) -> None:
    image = ImageSource("ami-1", "vmdk", MIB, sha256="")
    with pytest.raises(Permanent, match="image ami-1 has format 'vmdk'; use raw or qcow2"):
        await Images(uploads.fetch).bring(image, tmp_path / "ami-1.part", uploads.claim)
    assert uploads.claims == []
