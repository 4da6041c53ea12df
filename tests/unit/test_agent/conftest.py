"""What the agent's tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.drivers.fake import FakeWorld

from .host import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    FakeWorld.forget(tmp_path)
    assert host.world.violations == []
