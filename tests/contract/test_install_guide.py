"""The configuration that docs/install.md tells people to write is one that the daemons take."""

import re
import tomllib
from pathlib import Path

import agent.config
import controlplane.config
from agent.drivers import registry
from agent.messages import Role

GUIDE = Path(__file__).parents[2] / "docs/install.md"


def blocks() -> list[dict[str, object]]:
    return [
        tomllib.loads(text) for text in re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    ]


def test_the_daemons_take_what_the_guide_says() -> None:
    control_plane, *hosts = blocks()
    assert controlplane.config.parse(control_plane).policy().public_pool
    kinds = agent.config.kinds_of(tuple(Role))
    for host in hosts:
        settings = agent.config.parse(host)
        assert set(registry.check(kinds, settings.driver_names(), settings.driver_tables)) == set(kinds)
