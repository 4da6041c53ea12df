"""Servers that only echo, to compare the control plane with; and how calls are timed at either."""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks import echo
from benchmarks.load import Load, Run
from benchmarks.machine import cpu_s
from benchmarks.process import Process, is_open
from benchmarks.region import free_port, scratch
from controlplane import ca

Timed = tuple[Run, float]  # The run, and the server's processor time per call in ms.


def echoes(mode: str, payload: bytes, calls: int, clients: int) -> Timed:
    """See `echo` for the modes."""
    with scratch() as directory:
        ca_pem = _make_certificates(directory)
        port = free_port()
        load = Load(f"127.0.0.1:{port}", ca_pem, "", echo.METHOD, payload, calls, clients)
        with Process.module("echo", mode, directory, port, log=directory / "log") as server:
            server.wait_until(lambda: is_open(port), "the echo listens")
            return timed(server, load)


def timed(server: Process, load: Load) -> Timed:
    before = cpu_s(server.pid)
    run = load.run()
    return run, (cpu_s(server.pid) - before) * 1000 / load.calls


def _make_certificates(directory: Path) -> str:
    """The control plane's kind of certificate; returns the CA's."""
    now = datetime.now(UTC)
    authority = ca.create("bench-1", now)
    server = ca.issue_server(authority, ["localhost"], ["127.0.0.1"], now)
    (directory / "server.key").write_bytes(server.key)
    (directory / "server.pem").write_bytes(server.certificate)
    return authority.certificate.decode()
