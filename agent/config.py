"""The agent's configuration: one TOML file, read into frozen dataclasses. See docs/agent.example.toml.

Every setting has a default, so that the file may be absent. An unknown key is an error: a typing mistake must not
silently leave a default in force.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from agent.converge.settings import EngineSettings
from agent.messages import Role
from agent.session import SessionSettings
from agent.settings import SettingsError, Within, read_table, refuse_unknown

DEFAULT_PATH = Path("/etc/stead/agent.toml")

_KINDS_OF = {
    Role.STORAGE: ("storage",),
    Role.COMPUTE: ("network", "compute"),
    Role.GATEWAY: ("network", "gateway"),
}


@dataclass(frozen=True, slots=True)
class AgentSettings:
    # What must survive a reboot: identity, ledger, the drivers' own. On a disk that honours fsync.
    state_dir: Path = Path("/var/lib/stead")
    # What a reboot may empty.
    run_dir: Path = Path("/run/stead")
    # With what QEMU opens volumes. It must be let in there: Debian's AppArmor profile allows this path.
    pki_dir: Path = Path("/etc/pki/qemu")
    # What this host is for. Empty: what its join token said.
    roles: tuple[Role, ...] = ()
    # How long guests have to power off before the machine itself does, seconds. Shorter pulls the plug on those that
    # take their time, longer lets those that do not listen delay the machine. systemd waits for a quarter of an hour.
    guests_stop_s: Annotated[float, Within(0, 840)] = 60.0
    # Whether guests get a metadata service. Off for fake networks, which have no namespaces.
    metadata_service: bool = True
    # Reads the metadata service's requests from guests, so never root. Debian's dnsmasq-base makes it.
    metadata_user: str = "dnsmasq"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # "auto" writes for people on a terminal, JSON elsewhere.
    log_format: Literal["auto", "human", "json"] = "auto"


@dataclass(frozen=True, slots=True)
class DriverNames:
    """Which drivers do what; each has a table `[drivers.<name>]` for its own settings.

    There, `driver` says of which driver it is, where that is not its name. `storage` may be a list: each is a pool.
    """

    storage: tuple[str, ...] = ("nbd",)
    network: str = "vxlan"
    gateway: str = "nft"
    compute: str = "libvirt"


@dataclass(frozen=True, slots=True)
class Config:
    agent: AgentSettings = field(default_factory=AgentSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    converge: EngineSettings = field(default_factory=EngineSettings)
    drivers: DriverNames = field(default_factory=DriverNames)
    driver_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def driver_names(self) -> dict[str, tuple[str, ...]]:
        """By kind."""
        names = asdict(self.drivers).items()
        return {kind: (name,) if isinstance(name, str) else name for kind, name in names}


def kinds_of(roles: tuple[Role, ...]) -> tuple[str, ...]:
    """The kinds of drivers that these roles need."""
    return tuple(dict.fromkeys(kind for role in roles for kind in _KINDS_OF[role]))


def read(path: Path | None) -> Config:
    """The file at `path`, or the one at the default path where there is one. Raises SettingsError."""
    if path is None and not DEFAULT_PATH.exists():
        return Config()
    path = path or DEFAULT_PATH
    try:
        return parse(tomllib.loads(path.read_text()))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def parse(document: Mapping[str, Any]) -> Config:
    refuse_unknown(document, ("agent", "session", "converge", "drivers"), "the file")
    drivers = document.get("drivers", {})
    kinds = {key: value for key, value in drivers.items() if not isinstance(value, dict)}
    _refuse_former(kinds)
    if isinstance(kinds.get("storage"), str):
        kinds["storage"] = [kinds["storage"]]
    refuse_unknown(kinds, [field.name for field in fields(DriverNames)], "[drivers]")
    return Config(
        agent=read_table(AgentSettings, document.get("agent", {}), "[agent]"),
        session=read_table(SessionSettings, document.get("session", {}), "[session]"),
        converge=read_table(EngineSettings, document.get("converge", {}), "[converge]"),
        drivers=read_table(DriverNames, kinds, "[drivers]"),
        driver_tables={key: value for key, value in drivers.items() if isinstance(value, dict)},
    )


def _refuse_former(kinds: Mapping[str, Any]) -> None:
    for kind in kinds.keys() & {"volume", "export"}:
        raise SettingsError(
            f"[drivers] {kind} = {kinds[kind]!r}: one driver keeps volumes and opens them; "
            f"write `storage = {kinds[kind]!r}` in place of `volume` and `export`"
        )
