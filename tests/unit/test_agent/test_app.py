"""What `stead-agent` says of itself."""

from typer.testing import CliRunner

from agent import config
from agent.app import cli


def test_help_tells_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(cli, ["join", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "Name of this machine. Default: its host name." in text
    assert f"TOML file. Default: {config.DEFAULT_PATH}." in text
