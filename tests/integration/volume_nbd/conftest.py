"""A pool on XFS in a loop-mounted file, and what every test of the NBD driver has in it."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.drivers.base import HostContext
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.identity import make_request
from agent.images import Images
from agent.model import ExportSpec, ImageSource
from controlplane import ca
from tests.integration.volume_nbd.host import ADDRESS, MIB, Host, Uploads, free_port


@pytest.fixture(scope="package")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("nbd") / "pool"
    asyncio.run(create_pool(directory, size_gib=2))
    yield directory
    asyncio.run(destroy_pool(directory))


@pytest.fixture(scope="package")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`host-1` and `host-2`, clients, as HostContext.pki_dir is, `server` as its server_pki_dir."""
    root, now = tmp_path_factory.mktemp("pki"), dt.datetime.now(dt.UTC)
    data = ca.create_data("home-1", now)
    for name in ("host-1", "host-2", "server"):
        request, end = make_request(name), "server" if name == "server" else "client"
        if name == "server":
            certificate = ca.sign_data_server(data, request.csr, "host-0", ADDRESS, now)
        else:
            certificate = ca.sign_data_client(data, request.csr, name, now)
        (root / name).mkdir()
        (root / name / "ca-cert.pem").write_bytes(data.certificate)
        (root / name / f"{end}-cert.pem").write_bytes(certificate)
        (root / name / f"{end}-key.pem").write_bytes(request.key)
    return root


@pytest.fixture
async def host(pool: Path, pki: Path, tmp_path: Path) -> AsyncIterator[Host]:
    uploads = Uploads()
    context = HostContext("host-0", ADDRESS, tmp_path / "state", tmp_path / "run", pki / "host-1", Images(uploads))
    context.state_dir.mkdir()
    context.server_pki_dir.symlink_to(pki / "server")
    host = Host(context, NbdSettings(pool_dir=pool), uploads)
    yield host
    for export_name in await host.storage().list_exports():
        await host.storage().remove_export(export_name)
    for name in ("volumes", "images", "trash"):
        for path in (pool / name).iterdir():
            path.unlink()


@pytest.fixture
def export() -> ExportSpec:
    return ExportSpec("vol-0a-e1", "vol-0a", 1, free_port(), ("host-1",))


@pytest.fixture
def raw_image(host: Host, tmp_path: Path) -> ImageSource:
    path = tmp_path / "image.raw"
    path.write_bytes(b"\xab" * (4 * MIB))
    return host.uploads.add("ami-1", path)
