import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import structlog

from controlplane import logs


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    """Logging belongs to the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_programs_get_one_json_object_a_line_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "auto")  # Not a terminal here.
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger("controlplane.api").info("call", code="OK")
    structlog.get_logger("controlplane.api").debug("not asked for")
    logging.getLogger("asyncssh").warning("lost %s", "connection")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["code"], ours["level"], ours["request_id"]) == ("call", "OK", "info", "r-1")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("lost connection", "asyncssh", "warning")


def test_a_line_of_ours_is_one_write_and_takes_no_detour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the lines of threads are mixed; and there is one for each call."""
    written: list[str] = []
    out = StringIO()
    monkeypatch.setattr(out, "write", written.append)
    monkeypatch.setattr("sys.stderr", out)
    logs.set_up("info", "json")
    monkeypatch.setattr(logging.Logger, "handle", lambda *_: pytest.fail("through logging"))
    structlog.get_logger().info("call", code="OK", at=Path("/x"))
    (line,) = written
    assert line.endswith("}\n")
    assert json.loads(line)["at"] == "/x"


def test_people_get_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("debug", "human")
    structlog.get_logger("controlplane.api").debug("call", code="OK")
    assert "call" in (line := capsys.readouterr().err)
    assert "code=OK" in line
    assert "{" not in line


@pytest.mark.parametrize("format", ["json", "human"])
def test_tracebacks_keep_the_values_of_variables_to_themselves(capsys: pytest.CaptureFixture[str], format: str) -> None:
    logs.set_up("info", format)
    fail("hunter" + "2")
    output = capsys.readouterr().err
    assert "ZeroDivisionError" in output
    assert "hunter2" not in output


def fail(password: str) -> None:
    try:
        len(password) / 0
    except ZeroDivisionError:
        structlog.get_logger("x").exception("failed")
