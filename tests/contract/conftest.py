"""Fixtures of the API's contract: a control plane that really serves, over TLS on the loopback interface."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # `region`: the simulated agents of the unit tests.

from control_plane import ControlPlane


@pytest_asyncio.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane.serving(tmp_path) as serving:
        yield serving
