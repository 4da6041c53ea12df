"""The control plane's configuration: one TOML file, read into frozen dataclasses. See docs/controlplane.example.toml.

Every key has a default, so that the file may be empty. An unknown key is an error: a typing mistake must not silently
leave a default in force.
"""

import difflib
import itertools
import re
import socket
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from controlplane.errors import Invalid
from controlplane.model.addressing import NOT_FOR_HOSTS
from controlplane.model.bounds import Within
from controlplane.model.cidr import ipv4_network
from controlplane.model.policy import Limits, Patience, Policy
from controlplane.uploads import UploadRules

T = TypeVar("T")

DEFAULT_PATH = Path("/etc/stead/controlplane.toml")
YEAR_S = 31_536_000


class ConfigError(Exception):
    """A setting can't be used. The message names the key, the value and what would do."""


@dataclass(frozen=True, slots=True)
class RegionConfig:
    # Lower-case words and a number. It stays for ever: the database belongs to it.
    name: str = "home-1"
    # Names of the availability zones: the region's with one letter. A zone is what fails together, a machine or a rack.
    zones: tuple[str, ...] = ("home-1a",)

    def check(self) -> None:
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*-[0-9]+", self.name):
            raise ConfigError(f'region.name = {self.name!r}: must be lower-case words and a number, as in "home-1"')
        for zone in self.zones:
            if not re.fullmatch(re.escape(self.name) + "[a-z]", zone):
                raise ConfigError(
                    f'region.zones: {zone!r} must be the region\'s name and a letter, as in "{self.name}a"'
                )
        if not self.zones or len(set(self.zones)) != len(self.zones):
            raise ConfigError(f"region.zones = {list(self.zones)}: must be one or more different names")


@dataclass(frozen=True, slots=True)
class ApiConfig:
    # Where users' calls are answered, "address:port".
    listen: str = "0.0.0.0:7443"
    # Where agents connect; a port of its own, since every call there needs a client certificate.
    agents_listen: str = "0.0.0.0:7444"
    # Names and addresses by which users and agents reach this machine, the best first: they go into its certificate and
    # into join tokens. Empty: this machine's name and addresses, which may change under DHCP.
    advertise: tuple[str, ...] = ()

    def check(self) -> None:
        for key, value in (("listen", self.listen), ("agents_listen", self.agents_listen)):
            if not re.fullmatch(r"\S+:[0-9]{1,5}", value) or not 0 < port_of(value) < 65536:
                raise ConfigError(f'api.{key} = {value!r}: must be "address:port", as in "0.0.0.0:7443"')
        for name in self.advertise:
            if not re.fullmatch(r"[A-Za-z0-9.:-]+", name):
                raise ConfigError(f"api.advertise: {name!r} must be a DNS name or an IP address, without a port")

    def advertised(self) -> tuple[str, ...]:
        return self.advertise or tuple(_own_names())


@dataclass(frozen=True, slots=True)
class StoreConfig:
    # SQLAlchemy's form. SQLite needs a local disk that honours fsync: never a network file system.
    url: str = "sqlite:////var/lib/stead/controlplane/controlplane.db"

    def check(self) -> None:
        if not re.match("(sqlite|postgresql)([+][a-z0-9]+)?:///*[^/]", self.url):
            raise ConfigError(f'store.url = {self.url!r}: must be a database, as in "{StoreConfig().url}"')


@dataclass(frozen=True, slots=True)
class PathsConfig:
    # The certificate authority and uploaded images. Images are as large as you make them.
    state_dir: Path = Path("/var/lib/stead/controlplane")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    # IPv4 addresses to give to instances: CIDR blocks (without their first and last address), single addresses, or
    # "first-last". They must be free, and your network must bring them to the gateway host. Empty: instances have no
    # public addresses.
    public_pool: tuple[str, ...] = ()

    def check(self) -> None:
        self.public_ranges()

    def public_ranges(self) -> tuple[tuple[int, int], ...]:
        """The pool as inclusive ranges of integers, in ascending order, as `Policy` has them."""
        ranges = sorted(map(_address_range, self.public_pool))
        for (_, last), (first, _) in itertools.pairwise(ranges):
            if first <= last:
                raise ConfigError(f"network.public_pool: {IPv4Address(first)} is in it twice; remove the overlap")
        return tuple(ranges)


@dataclass(frozen=True, slots=True)
class TimingConfig:
    # How long a guest may take to shut down before its plug is pulled. Shorter: databases lose their last writes.
    stop_timeout_s: Annotated[int, Within(0, 86400)] = 120
    # How long a terminated instance can still be described. EC2: about an hour.
    terminated_visible_s: Annotated[int, Within(0, YEAR_S)] = 3600
    # A host that was silent for so long shows as unreachable; nothing else happens to it, but for gateways. Shorter: a
    # busy host flaps.
    heartbeat_timeout_s: Annotated[int, Within(1, YEAR_S)] = 30
    # How long an agent whose session ended may take to come back and still be given instances. Shorter: launches fail
    # while an agent is restarted. Longer: they are placed on a host that is down.
    reconnect_grace_s: Annotated[int, Within(0, YEAR_S)] = 10
    # Gateways that a host carries move to another when it is unreachable, and was not heard of for so long. Shorter: an
    # agent that is upgraded loses them, with all connections of NAT gateways. Longer: the outside is away for longer.
    gateway_failover_s: Annotated[int, Within(0, YEAR_S)] = 30
    # How long a call that changed something is remembered: a repeated client token finds it, and `stead audit list`
    # shows it. Shorter: a script that retries next morning starts twice. Longer: memory, some 700 bytes for each call.
    call_retention_s: Annotated[int, Within(60, YEAR_S)] = 86400

    def patience(self) -> Patience:
        times_s = (self.heartbeat_timeout_s, self.reconnect_grace_s, self.gateway_failover_s)
        return Patience(*(timedelta(seconds=time_s) for time_s in times_s))


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: Literal["debug", "info", "warning", "error"] = "info"
    # "auto" writes for people on a terminal, JSON elsewhere.
    format: Literal["auto", "human", "json"] = "auto"


@dataclass(frozen=True, slots=True)
class Config:
    region: RegionConfig = field(default_factory=RegionConfig)
    api: ApiConfig = field(default_factory=ApiConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    uploads: UploadRules = field(default_factory=UploadRules)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    limits: Limits = field(default_factory=Limits)
    timing: TimingConfig = field(default_factory=TimingConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def policy(self) -> Policy:
        """What the use cases need of it."""
        return Policy(
            region=self.region.name,
            zones=self.region.zones,
            public_pool=self.network.public_ranges(),
            stop_timeout_s=self.timing.stop_timeout_s,
            terminated_visible=timedelta(seconds=self.timing.terminated_visible_s),
            call_retention=timedelta(seconds=self.timing.call_retention_s),
            **asdict(self.limits),
        )


def load(path: Path | None = None) -> Config:
    """The file at `path`, or the one at the default path where there is one. Raises ConfigError."""
    if path is None and not DEFAULT_PATH.exists():
        return Config()
    path = path or DEFAULT_PATH
    try:
        return parse(tomllib.loads(path.read_text()))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(document: Mapping[str, Any]) -> Config:
    return _read(Config, document, "")


def port_of(listen: str) -> int:
    return int(listen.rpartition(":")[2])


def _read(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """The dataclass is the schema: its fields name the keys, their types and defaults."""
    hints = get_type_hints(cls, include_extras=True)
    _refuse_unknown(table, hints, where)
    section = cls(**{key: _value(hints[key], value, f"{where}{key}") for key, value in table.items()})
    if check := getattr(section, "check", None):
        check()
    return section


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = sorted(known)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {where}{near[0]}?" if near else f"known here: {', '.join(known)}"
            raise ConfigError(f"unknown key {where}{key}; {hint}")


def _value(hint: Any, value: Any, path: str) -> Any:
    if get_origin(hint) is Annotated:
        return _bounded(hint, value, path)
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return _read(hint, value, f"{path}.")
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], item, f"{path}[{index}]") for index, item in enumerate(value))
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is Path and isinstance(value, str) and value.startswith("/"):
        return Path(value)
    if hint is int and type(value) is int and value >= 0:  # True is an int, too
        return value
    if hint is str and isinstance(value, str):
        return value
    raise ConfigError(f"{path} = {value!r}: must be {_expected(hint)}")


def _bounded(hint: Any, value: Any, path: str) -> Any:
    plain, bounds = get_args(hint)
    if type(value) is not plain or value not in bounds:
        raise ConfigError(f"{path} = {value!r}: must be {_expected(hint)}")
    return value


def _expected(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return f"a whole number, {get_args(hint)[1]}"
    if get_origin(hint) is tuple:
        return f"a list, each item {_expected(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(hint))
    return {str: "a string", int: "a whole number, 0 or more", Path: "an absolute path"}.get(hint, "a table")


def _address_range(text: str) -> tuple[int, int]:
    """E.g. "192.0.2.0/28", "192.0.2.4" or "192.0.2.4-192.0.2.20", both ends included."""
    try:
        first, last = _ends(text)
    except (ValueError, Invalid) as error:
        raise ConfigError(
            f'network.public_pool: {text!r} is neither a CIDR block, such as "192.0.2.0/28", nor an address, nor'
            ' "first-last"'
        ) from error
    if first > last:
        raise ConfigError(f"network.public_pool: {text!r} ends before it begins")
    for network in NOT_FOR_HOSTS:
        if first <= network[-1] and network[0] <= last:
            raise ConfigError(f"network.public_pool: {text!r} has addresses of {network}, which no host can have")
    return int(first), int(last)


def _ends(text: str) -> tuple[IPv4Address, IPv4Address]:
    """Raises ValueError or Invalid."""
    if "-" in text:
        first, last = (IPv4Address(end.strip()) for end in text.split("-"))
        return first, last
    network = ipv4_network("", text if "/" in text else f"{text}/32")
    if "/" in text and text != str(network):
        raise ConfigError(f"network.public_pool: {text!r} has host bits; the network is {str(network)!r}")
    # On a LAN these two are the network's own and the broadcast address.
    return (network[1], network[-2]) if network.prefixlen < 31 else (network[0], network[-1])


def _own_names() -> list[str]:
    """The address that this machine calls others from, its name, and what it calls itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Sends nothing: asks for the route alone (RFC 5737, TEST-NET-1).
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    return list(dict.fromkeys([address, socket.gethostname(), "localhost"]))
