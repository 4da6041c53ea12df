"""A control plane that really serves, over TLS on the loopback interface; a host with drivers, for a class of tests."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.control_plane import ControlPlane
from tests.contract.real_drivers import Maker


@pytest_asyncio.fixture
async def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ControlPlane]:
    """With the limits that a test asks for by `limited`."""
    async with ControlPlane.serving(tmp_path, **getattr(request, "param", {})) as serving:
        yield serving


@pytest.fixture(scope="class")
def host(request: pytest.FixtureRequest) -> Iterator[Maker]:
    """What `drivers.on_fakes_and` says; the tests of the class share it, and leave it empty."""
    with tempfile.TemporaryDirectory(prefix="stead-contract-") as directory:
        Path(directory).chmod(0o755)  # For libvirt-qemu, to which pytest's own are closed.
        with request.param(Path(directory)) as maker:
            yield maker
