"""The configuration file, the drivers it names, and what is said about mistakes."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import config
from agent.converge.settings import EngineSettings
from agent.drivers import registry
from agent.drivers.base import DriverError, HostContext
from agent.drivers.fake import FakeComputeDriver, FakeSettings, FakeWorld
from agent.messages import Role
from agent.model import Capacity, Pool
from agent.session import SessionSettings
from agent.settings import SettingsError

EXAMPLE = Path(__file__).parents[3] / "docs" / "agent.example.toml"
FAKES = dict.fromkeys(("storage", "network", "gateway", "compute"), ("fake",))


def test_the_example_shows_the_defaults() -> None:
    read = config.read(EXAMPLE)
    roles = (Role.COMPUTE, Role.STORAGE, Role.GATEWAY)
    assert replace(read, driver_tables={}) == replace(
        config.Config(), agent=replace(config.AgentSettings(), roles=roles)
    )
    chosen = registry.check(read.driver_names(), read.driver_names(), read.driver_tables)
    assert all(choice.settings == type(choice.settings)() for (choice,) in chosen.values())


def test_the_example_shows_every_setting() -> None:
    document = tomllib.loads(EXAMPLE.read_text())
    names = {key: value for key, value in document["drivers"].items() if isinstance(value, str)}
    tables = {key: value for key, value in document["drivers"].items() if isinstance(value, dict)}
    assert set(names) == set(config.DriverNames.__dataclass_fields__)
    for name, cls in (("agent", config.AgentSettings), ("session", SessionSettings), ("converge", EngineSettings)):
        assert set(document[name]) == set(cls.__dataclass_fields__)
    for (choice,) in registry.check(names, {kind: (name,) for kind, name in names.items()}, tables).values():
        assert set(tables[choice.name]) == set(choice.settings.__dataclass_fields__)


def test_without_a_file_there_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "none.toml")
    assert config.read(None) == config.Config()
    with pytest.raises(SettingsError, match="No such file"):
        config.read(tmp_path / "asked-for.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[agnt]", "the file has an unknown key `agnt`: did you mean `agent`"),
        ("[agent]\nstatedir = 1", r"\[agent\] has an unknown key `statedir`: did you mean `state_dir`"),
        ("[agent]\nstate_dir = 1", r"\[agent\] state_dir = 1: must be an absolute path"),
        ("[agent]\nrun_dir = 'run'", r"\[agent\] run_dir = 'run': must be an absolute path"),
        ("[agent]\nroles = ['computer']", "must be one of 'compute', 'storage', 'gateway'"),
        ("[agent]\nlog_level = 'loud'", "must be one of 'debug', 'info', 'warning', 'error'"),
        ("[agent]\nmetadata_service = 1", "must be true or false"),
        ("[converge]\nconcurrency = 1.5", "must be an integer"),
        ("[session]\ngrace_s = true", "must be a number"),
        ("[session]\nheartbeat_s = inf", r"agent.toml: \[session\] heartbeat_s = inf: must be a number, 0.1 to 60"),
        ("[session]\nheartbeat_s = nan", "must be a number, 0.1 to 60"),
        ("[converge]\nconcurrency = 0", r"\[converge\] concurrency = 0: must be an integer, 1 to 1000"),
        ("[drivers]\nstorge = 'nbd'", r"\[drivers\] has an unknown key `storge`: did you mean `storage`"),
        ("[drivers]\nvolume = 'nbd'", r"\[drivers\] volume = 'nbd': .* write `storage = 'nbd'` in place of"),
        ("[drivers]\nexport = 'fake'", r"\[drivers\] export = 'fake': .* write `storage = 'fake'` in place of"),
        ("nonsense", "is not TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        config.read(path)


def test_whole_numbers_of_seconds_will_do() -> None:
    assert config.parse({"session": {"grace_s": 3}}).session.grace_s == 3.0


def test_roles_decide_which_drivers_are_loaded(tmp_path: Path) -> None:
    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None)  # type: ignore[arg-type]
    tables = {"fake": {"vcpus": 2}}
    drivers = registry.load(config.kinds_of((Role.COMPUTE,)), FAKES, tables, context)
    assert isinstance(drivers.compute, FakeComputeDriver)
    assert drivers.compute.settings == FakeSettings(vcpus=2)
    assert drivers.network is not None
    assert (drivers.storage, drivers.gateway) == (None, None)
    assert config.kinds_of(tuple(Role)) == ("network", "compute", "storage", "gateway")
    FakeWorld.forget(tmp_path)


@pytest.mark.parametrize(
    ("names", "tables", "message"),
    [
        ({"compute": ("fkae",)}, {}, r"\[drivers\] compute = 'fkae': there is no such driver. There are: .*fake"),
        (
            {"compute": ("fake",)},
            {"fake": {"vcpu": 2}},
            r"\[drivers.fake\] .* `vcpu`: did you mean `vcpus`",
        ),
        (
            {"storage": ("nbd",)},
            {"nbd": {"reserve_percent": 500}},
            r"\[drivers.nbd\] reserve_percent = 500: must be an integer, 0 to 90$",
        ),
        (
            {"compute": ("libvirt",)},
            {"libvirt": {"reserved_memory_mib": -1}},
            r"\[drivers.libvirt\] reserved_memory_mib = -1: must be an integer, 0 or more$",
        ),
        (
            {"gateway": ("nft",)},
            {"nft": {"public_tcp_ports": [22, 65536]}},
            r"\[drivers.nft\] public_tcp_ports = 65536: must be an integer, 1 to 65535$",
        ),
        ({"compute": ("fake",)}, {"fakes": {}}, r"\[drivers\] has an unknown key `fakes`: did you mean `fake`"),
    ],
)
def test_mistakes_about_drivers_are_named(
    names: dict[str, tuple[str, ...]], tables: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        registry.check(names, names, tables)


async def test_a_host_may_have_several_pools_of_one_driver(tmp_path: Path) -> None:
    document = """
        [drivers]
        storage = ["ssd", "fake"]
        [drivers.ssd]
        driver = "fake"
        storage_gib = 5
        [drivers.fake]
        storage_gib = 7
    """
    read = config.parse(tomllib.loads(document))
    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None)  # type: ignore[arg-type]
    drivers = registry.load(("storage",), read.driver_names(), read.driver_tables, context)
    assert drivers.storage is not None
    assert (await drivers.probe()).pools == (Pool("ssd", 5), Pool("fake", 7))
    assert [driver.context.instance for driver in drivers.pools] == ["ssd", ""]  # type: ignore[attr-defined]
    for directory in (tmp_path, tmp_path / "ssd"):
        FakeWorld.forget(directory)


@pytest.mark.parametrize(
    ("names", "tables", "message"),
    [
        (("fake", "fake"), {}, "must be different names"),
        ((), {}, "of one driver at least"),
        (("../fake",), {}, r"storage = '../fake': must be of a-z"),
        (
            ("ssd",),
            {"ssd": {"driver": "ndb"}},
            r"\[drivers.ssd\] driver = 'ndb': there is no such driver",
        ),
        (("ssd",), {"ssd": {"driver": "fake", "vcpu": 1}}, r"\[drivers.ssd\] has an unknown key `vcpu`"),
        (("nbd", "hdd"), {"hdd": {"driver": "nbd"}}, "nbd and hdd have one pool_dir, /var/lib/stead/pool; give each"),
        (
            ("ssd", "hdd"),
            {name: {"driver": "nbd", "pool_dir": path} for name, path in (("ssd", "/srv/p"), ("hdd", "/srv/a/../p"))},
            r"ssd and hdd have one pool_dir, /srv/p; .* \[drivers.ssd\] and \[drivers.hdd\]",
        ),
    ],
)
def test_mistakes_about_pools_are_named(
    names: tuple[str, ...], tables: dict[str, dict[str, object]], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        registry.check(("storage",), {"storage": names}, tables)


async def test_a_driver_that_cannot_tell_is_a_problem_of_the_host(tmp_path: Path) -> None:
    class Broken(FakeComputeDriver):
        async def probe(self) -> Capacity:
            raise DriverError("libvirtd is away")

    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None)  # type: ignore[arg-type]
    drivers = registry.load(config.kinds_of(tuple(Role)), FAKES, {}, context)
    capacity = await replace(drivers, compute=Broken(FakeSettings(), context)).probe()
    assert (capacity.vcpus, capacity.storage_gib) == (0, 10_000)
    assert capacity.problems == ("libvirtd is away",)
    FakeWorld.forget(tmp_path)
