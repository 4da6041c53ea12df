"""Drivers and services are tested on the event loop that they run on."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.integration.netlab import Lab, lab


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def hosts() -> Iterator[Lab]:
    """Two, with an underlay and an outside network."""
    with lab(2) as made:
        yield made
