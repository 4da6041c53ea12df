"""An option of the daemons' commands that is given twice is refused, as the client's are."""

import pytest
import typer
from typer.testing import CliRunner

import agent.app
import agent.once
import controlplane.app
import controlplane.once
from agent.drivers.volume_nbd import pool

AGENT, CONTROL_PLANE = agent.app.cli, controlplane.app.cli


@pytest.mark.parametrize(
    ("app", "line", "option"),
    [
        (AGENT, "run --config /nowhere --config=/nowhere", "--config"),
        (AGENT, "run --check-config --check-config", "--check-config"),
        (AGENT, "simulate --hosts 3 --underlay 10.0.0.0/8 --hosts 4", "--hosts"),
        (CONTROL_PLANE, "init --config /nowhere --config /nowhere", "--config"),
        (pool.app, "destroy --dir /nowhere --dir /nowhere", "--dir"),
    ],
)
def test_an_option_counts_once(app: typer.Typer, line: str, option: str) -> None:
    result = CliRunner().invoke(app, line.split(), env={"TERMINAL_WIDTH": "120"})
    assert result.exit_code == 2
    assert f"Invalid value for {option}: is given twice; leave one out" in result.output


def test_no_command_is_left_out() -> None:
    for app, ours in ((AGENT, agent.once), (CONTROL_PLANE, controlplane.once), (pool.app, agent.once)):
        assert {command.cls for command in app.registered_commands} == {ours.Command}
