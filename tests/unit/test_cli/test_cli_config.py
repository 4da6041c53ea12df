"""Where the configuration comes from, and what is said when it can't be used."""

from pathlib import Path

import pytest

from client import config
from client.errors import ConfigError

FILE = "endpoint = 'here:7443'\ntoken = 't'\nca = 'PEM'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_given_file_is_the_whole_truth(file: Path) -> None:
    loaded = config.load(file, {"STEAD_TOKEN": "of another cloud"})
    assert (loaded.endpoint, loaded.token, loaded.ca, loaded.warnings) == ("here:7443", "t", "PEM", ())


def test_variables_win_over_the_file_that_the_environment_names(file: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("OTHER PEM")
    environ = {"STEAD_CONFIG": str(file), "STEAD_ENDPOINT": "there:1", "STEAD_CA_FILE": str(tmp_path / "ca.pem")}
    loaded = config.load(None, environ)
    assert (loaded.endpoint, loaded.token, loaded.ca) == ("there:1", "t", "OTHER PEM")


def test_a_variable_that_does_not_do_is_named_beside_the_file(file: Path) -> None:
    with pytest.raises(ConfigError, match=f"{file} with STEAD_ENDPOINT: endpoint 'there'"):
        config.load(None, {"STEAD_CONFIG": str(file), "STEAD_ENDPOINT": "there"})


def test_the_environment_is_enough(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    environ = {"STEAD_ENDPOINT": "[::1]:1", "STEAD_TOKEN": "t", "STEAD_CA_FILE": str(tmp_path / "ca.pem")}
    assert config.load(None, environ).endpoint == "[::1]:1"


def test_the_users_own_file_is_the_last_resort(home: Path) -> None:
    (home / "stead").mkdir(parents=True)
    (home / "stead" / "config.toml").write_text(FILE)
    assert config.load(None, {}).token == "t"


def test_ca_file_is_relative_to_the_file_that_names_it(file: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("FROM A FILE")
    file.write_text(FILE.replace("ca = 'PEM'", "ca_file = 'ca.pem'"))
    assert config.load(file, {}).ca == "FROM A FILE"


def test_nothing_found_says_where_it_looked_and_what_to_do(home: Path) -> None:
    with pytest.raises(ConfigError) as error:
        config.load(None, {})
    for word in ("--config", "STEAD_CONFIG", "STEAD_TOKEN", str(home), "stead-controlplane init"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (FILE.replace("token", "tocken"), "unknown key 'tocken'"),
        (FILE.replace("token = 't'\n", ""), "token is missing"),
        (FILE.replace("ca = 'PEM'", ""), "CA certificate is missing"),
        (FILE.replace("ca = 'PEM'", "ca_file = 'gone.pem'"), "gone.pem: No such file"),
        (FILE.replace("here:7443", "here"), "'here' is not of the form host:port"),
        (FILE.replace("'t'", "7"), "token must be a string"),
        ("endpoint = ", "not TOML"),
    ],
)
def test_a_file_that_does_not_do_is_named_with_the_reason(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        config.load(file, {})
    assert complaint in str(error.value)
    assert str(file) in str(error.value)


def test_a_token_that_others_can_read_is_warned_of(file: Path) -> None:
    file.chmod(0o644)
    (warning,) = config.load(file, {}).warnings
    assert f"chmod 600 {file}" in warning
