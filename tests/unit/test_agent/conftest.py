"""What the agent's tests share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.drivers.fake import FakeWorld
from agent.identity import IdentityStore

from .cloud import Cloud, running_cloud
from .host import Host


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud(Cloud) as cloud:
        yield cloud


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    FakeWorld.forget(tmp_path)
    assert host.world.violations == []


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path, tmp_path / "pki")
