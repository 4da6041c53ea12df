"""Fixtures: a control plane of its own for each test, not yet running."""

from pathlib import Path

import pytest_asyncio

from tests.processes.programs import Daemon


@pytest_asyncio.fixture
async def daemon(tmp_path: Path) -> Daemon:
    daemon = Daemon(tmp_path)
    await daemon.init()
    return daemon
