"""Tables, details and JSON."""

import io
import json
import re
import sys

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from client.cli import render
from client.cli.host import COLUMNS as HOST_COLUMNS
from client.cli.instance_run import COLUMNS
from stead.v1.hosts_pb2 import DescribeHostsResponse, Host
from stead.v1.instances_pb2 import Instance, InstanceState, StateReason

INSTANCE = Instance(
    instance_id="i-0123456789abcdef0",
    state=InstanceState(code=16, name="running"),
    state_reason=StateReason(code="Client.X", message="why"),
    status="impaired",
    public_ip_address="203.0.113.255",
    private_ip_address="172.31.255.255",
    instance_type="t3.2xlarge",
    zone_name="home-1a",
    key_name="laptop",
    launch_time=Timestamp(seconds=1_700_000_000),
    tags={"Name": "web"},
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_a_table_fits_the_terminal_and_never_cuts_an_id(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    render.print_table(COLUMNS, [INSTANCE, INSTANCE])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("i-0123456789abcdef0") and "…" not in line for line in lines[1:])
    assert all(len(line.rstrip()) <= width for line in lines)


def test_a_pipe_gets_every_column(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    render.print_table(COLUMNS, [INSTANCE])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "INSTANCE"
    for text in ("running (impaired)", "203.0.113.255", "172.31.255.255", "t3.2xlarge", "home-1a", "laptop"):
        assert text in row


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 200))
def test_fit_keeps_as_many_of_the_first_columns_as_there_is_room_for(widths: list[int], width: int) -> None:
    cells = {str(number): ["x" * wide] for number, wide in enumerate(widths)}
    kept = render.fit(cells, width)
    needed = [sum(widths[:count]) + render.GAP * (count - 1) for count in range(1, len(widths) + 1)]
    assert kept == list(cells)[: max(1, sum(need <= width for need in needed))]


def test_columns_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table(HOST_COLUMNS, [Host(host_id="host-1")])
    assert "ZONE" not in capsys.readouterr().out


def test_names_can_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table(COLUMNS, [Instance(instance_id="i-1", tags={"Name": "\x1b[2J[red]evil\n"})])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]evil" in out
    assert len(out.splitlines()) == 2


def test_json_has_every_plain_field_and_numbers_as_numbers() -> None:
    document = render.to_document(DescribeHostsResponse(hosts=[Host(host_id="host-1", memory_mib=4096)]))
    (host,) = json.loads(json.dumps(document))["hosts"]
    assert (host["memory_mib"], host["memory_mib_used"], host["zone_name"], host["problems"]) == (4096, 0, "", [])
    assert render.to_document(DescribeHostsResponse()) == {"hosts": [], "revision": 0}


def test_details_show_what_is_set() -> None:
    lines = [line.plain for line in render.detail_lines(render.to_document(INSTANCE))]
    assert lines[0] == "instance_id: i-0123456789abcdef0"
    assert "  name: running" in lines
    assert "launch_time: 2023-11-14T22:13:20Z" in lines
    assert not any(line.startswith("host_id") for line in lines)


def test_details_of_a_list_are_indented_items() -> None:
    lines = [line.plain for line in render.detail_lines({"rules": [{"id": "a", "peer": {"cidr": "b"}}, {"id": "c"}]})]
    assert lines == ["rules:", "  - id: a", "    peer:", "      cidr: b", "  - id: c"]
