"""Fixtures of the API's contract: a control plane that really serves, over TLS on the loopback interface."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.control_plane import ControlPlane


@pytest_asyncio.fixture
async def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ControlPlane]:
    """With the limits that a test asks for by `limited`."""
    async with ControlPlane.serving(tmp_path, **getattr(request, "param", {})) as serving:
        yield serving
