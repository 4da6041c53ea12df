from pathlib import Path

import pytest

from controlplane.config import Config, ConfigError, load, parse

EXAMPLE = Path(__file__).parents[2] / "docs" / "controlplane.example.toml"


def test_the_example_shows_every_key_at_its_default() -> None:
    assert load(EXAMPLE) == Config()
    documented = EXAMPLE.read_text()
    for section in Config.__slots__:
        assert f"[{section}]" in documented
        assert all(f"\n{key} = " in documented for key in getattr(Config(), section).__slots__)


def test_what_is_given_takes_the_place_of_a_default(tmp_path: Path) -> None:
    path = tmp_path / "controlplane.toml"
    path.write_text('[region]\nname = "attic-2"\nzones = ["attic-2a", "attic-2b"]\n[paths]\nstate_dir = "/srv/stead"\n')
    config = load(path)
    assert (config.region.name, config.region.zones) == ("attic-2", ("attic-2a", "attic-2b"))
    assert config.paths.state_dir == Path("/srv/stead")
    assert config.timing == Config().timing


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("region", "names", "x", "unknown key region.names; did you mean region.name?"),
        ("region", "name", "Home 1", "region.name = 'Home 1': must be lower-case words and a number"),
        ("region", "zones", ["home-1"], "region.zones: 'home-1' must be the region's name and a letter"),
        ("region", "zones", ["home-1a", "home-1a"], "must be one or more different names"),
        ("region", "zones", [], "must be one or more different names"),
        ("region", "zones", "home-1a", "region.zones = 'home-1a': must be a list, each item a string"),
        ("api", "listen", "0.0.0.0", "api.listen = '0.0.0.0': must be \"address:port\""),
        ("api", "agents_listen", "0.0.0.0:65536", 'must be "address:port"'),
        ("api", "advertise", ["ok", 7], "api.advertise[1] = 7: must be a string"),
        ("api", "advertise", ["host name"], "'host name' must be a DNS name or an IP address"),
        ("limits", "key_pairs", True, "limits.key_pairs = True: must be a whole number"),
        ("limits", "key_pairs", -1, "limits.key_pairs = -1: must be a whole number"),
        ("limits", "reads_per_s", 0, "limits.reads_per_s = 0: must be a whole number, 1 or more"),
        ("limits", "instances_per_call", 1001, "limits.instances_per_call = 1001: must be a whole number, 1 to 1000"),
        ("uploads", "at_once", True, "uploads.at_once = True: must be a whole number, 1 or more"),
        ("timing", "stop_timeout_s", "120", "timing.stop_timeout_s = '120': must be a whole number"),
        ("timing", "heartbeat_timeout_s", 0, "timing.heartbeat_timeout_s = 0: must be a whole number, 1 to 31536000"),
        ("store", "url", "mysql://host/db", "store.url = 'mysql://host/db': must be a database, as in"),
        ("paths", "state_dir", "var", "paths.state_dir = 'var': must be an absolute path"),
        ("log", "level", "loud", 'log.level = \'loud\': must be one of "debug", "info"'),
        ("network", "public_pool", ["10.0.0.1/24"], "'10.0.0.1/24' has host bits; the network is '10.0.0.0/24'"),
        ("network", "public_pool", ["10.0.0.0/255.255.255.0"], "is neither a CIDR block"),
        ("network", "public_pool", ["10.0.0.0/024"], "is neither a CIDR block"),
        ("network", "public_pool", ["10.0.0.1-10.0.0.2-10.0.0.3"], "is neither a CIDR block"),
        ("network", "public_pool", ["223.255.255.0-224.0.0.1"], "has addresses of 224.0.0.0/3, which no host can have"),
        ("network", "public_pool", ["0.0.0.0/0"], "has addresses of 0.0.0.0/8, which no host can have"),
        ("network", "public_pool", ["10.0.0.9-10.0.0.1"], "ends before it begins"),
        ("network", "public_pool", ["10.0.0.1-10.0.0.5", "10.0.0.5"], "10.0.0.5 is in it twice"),
        ("regoin", "name", "x", "unknown key regoin; did you mean region?"),
    ],
)
def test_what_is_wrong_is_named(section: str, key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse({section: {key: value}})
    assert message in str(raised.value)


@pytest.mark.parametrize("text", ["region = 1", "[region", '[region]\nname = "?"'])
def test_an_error_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "controlplane.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=str(path)):
        load(path)
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "other.toml")


@pytest.mark.parametrize(
    ("pool", "addresses"),
    [
        (["192.0.2.0/29"], [f"192.0.2.{number}" for number in range(1, 7)]),
        (["192.0.2.6/31"], ["192.0.2.6", "192.0.2.7"]),
        (["192.0.2.9"], ["192.0.2.9"]),
        (["192.0.2.8-192.0.2.9", "192.0.2.1 - 192.0.2.2"], ["192.0.2.1", "192.0.2.2", "192.0.2.8", "192.0.2.9"]),
        ([], []),
    ],
)
def test_the_public_pool_is_its_addresses_in_order(pool: list[str], addresses: list[str]) -> None:
    policy = parse({"network": {"public_pool": pool}}).policy()
    assert list(policy.public_addresses_after(None)) == addresses


def test_the_policy_has_what_the_file_says() -> None:
    policy = parse({"limits": {"elastic_addresses": 9}, "timing": {"stop_timeout_s": 5}}).policy()
    assert (policy.elastic_addresses, policy.stop_timeout_s, policy.region) == (9, 5, "home-1")


def test_defaults_are_the_same_in_the_policy() -> None:
    policy = Config().policy()
    assert policy == type(policy)(region="home-1", zones=("home-1a",))


def test_a_machine_always_has_a_name_to_advertise() -> None:
    assert "localhost" in Config().api.advertised()
    assert parse({"api": {"advertise": ["stead.lan"]}}).api.advertised() == ("stead.lan",)
