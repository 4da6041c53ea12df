"""Where the control plane is and how to prove who calls: one TOML file, or the environment. Opens no connection.

Keys: `endpoint` ("host:port"), `token`, and `ca` (PEM text) or `ca_file` (relative to the file that names it).
"""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from client.errors import ConfigError

KEYS = {"endpoint", "token", "ca", "ca_file"}
VARIABLES = {"endpoint": "STEAD_ENDPOINT", "token": "STEAD_TOKEN", "ca_file": "STEAD_CA_FILE"}


@dataclass(frozen=True)
class Config:
    """What a connection needs."""

    endpoint: str
    token: str
    ca: str
    # Where it was read, for messages.
    source: str
    # Things that work but should not stay so, for people.
    warnings: tuple[str, ...] = ()


def default_path() -> Path:
    """The user's own configuration file."""
    return platformdirs.user_config_path("stead") / "config.toml"


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Returns the configuration; raises ConfigError.

    A `path` that was given is the whole truth, so that a variable left in the environment can't send its token to
    another cloud. Otherwise variables win over the file that STEAD_CONFIG names, or the user's own.
    """
    if path is not None:
        return _build(_read(path), str(path), _warnings(path))
    values = {key: environ[name] for key, name in VARIABLES.items() if environ.get(name)}
    path = Path(environ["STEAD_CONFIG"]) if environ.get("STEAD_CONFIG") else default_path()
    if "STEAD_CONFIG" not in environ and not path.exists():
        if not values:
            raise ConfigError(_nothing_found(path))
        return _build(values, "the environment", ())
    in_file = _read(path)
    if "ca_file" in values:
        in_file.pop("ca", None)
    overridden = f" with {', '.join(VARIABLES[key] for key in values)}" if values else ""
    return _build(in_file | values, f"{path}{overridden}", _warnings(path))


def _nothing_found(path: Path) -> str:
    return (
        f"no configuration found. Looked at --config, STEAD_CONFIG, {', '.join(VARIABLES.values())} and {path}. "
        "`stead-controlplane init` writes one: copy it there."
    )


def _read(path: Path) -> dict[str, Any]:
    """The file's keys, with `ca_file` made absolute."""
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    for key, value in values.items():
        if key not in KEYS:
            raise ConfigError(f"{path}: unknown key {key!r}; known are {', '.join(sorted(KEYS))}")
        if not isinstance(value, str):
            raise ConfigError(f"{path}: {key} must be a string")
    if "ca_file" in values:
        values["ca_file"] = str(path.parent / Path(values["ca_file"]).expanduser())
    return values


def _build(values: Mapping[str, str], source: str, warnings: tuple[str, ...]) -> Config:
    for key in ("endpoint", "token"):
        if not values.get(key):
            raise ConfigError(f"{source}: {key} is missing; set it there or in {VARIABLES[key]}")
    host, _, port = values["endpoint"].rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"{source}: endpoint {values['endpoint']!r} is not of the form host:port")
    return Config(values["endpoint"], values["token"], _ca(values, source), source, warnings)


def _ca(values: Mapping[str, str], source: str) -> str:
    if "ca" in values:
        return values["ca"]
    if "ca_file" not in values:
        raise ConfigError(f"{source}: the control plane's CA certificate is missing; set ca, ca_file or STEAD_CA_FILE")
    try:
        return Path(values["ca_file"]).read_text()
    except OSError as error:
        raise ConfigError(f"{source}: ca_file {values['ca_file']}: {error.strerror}") from error


def _warnings(path: Path) -> tuple[str, ...]:
    """A token that others can read is theirs too."""
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return (f"others can read {path}, which holds your token: chmod 600 {path}",)
    return ()
