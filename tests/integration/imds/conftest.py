"""A host whose metadata service runs."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.host import namespaces
from tests.integration.imds.guest import GUEST
from tests.integration.imds.host import UP, VPC, VPC_ID, Host, shell


@pytest.fixture
def network() -> Iterator[None]:
    try:
        for name in (VPC, GUEST):
            namespaces.ensure(name, "host-1")
        shell(UP)
        yield
    finally:
        for name in (VPC, GUEST):
            namespaces.remove(name)


@pytest.fixture
async def host(network: None, tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    try:
        await host.converge()
        yield host
    finally:
        await host.server.remove(VPC_ID)
    assert host.pids() == []
