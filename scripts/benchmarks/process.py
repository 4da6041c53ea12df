"""Processes beside the benchmark: started, waited for, ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

SCRIPTS = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


class Process:
    """A child whose output goes to `log`. It ends with the `with` block, by SIGTERM, or SIGKILL if it is deaf."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        self._name = " ".join(command[:4])
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment()
            )
        self.pid = self._child.pid

    @classmethod
    def module(cls, name: str, *arguments: object, log: Path, prefix: Sequence[str] = ()) -> Self:
        """One of this package's modules that can run by itself. `prefix` is put before the command."""
        return cls([*prefix, sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)], log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(15)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()

    def wait_until(self, condition: Callable[[], bool], what: str, deadline_s: float = 60) -> None:
        """Raises RuntimeError when the process ends before, TimeoutError when it takes too long."""
        end = time.monotonic() + deadline_s
        while not condition():
            if self._child.poll() is not None:
                raise RuntimeError(f"{self._name} ended before {what}:\n{self._log.read_text()[-2000:]}")
            if time.monotonic() > end:
                raise TimeoutError(f"not within {deadline_s:.0f} s: {what}; see {self._log}")
            time.sleep(0.02)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(module: str, *arguments: object, prefix: Sequence[str] = ()) -> Any:
    """Run one of this package's modules to its end; what it prints is JSON. `prefix` is put before the command."""
    command = [*prefix, sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise RuntimeError(f"benchmarks.{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SCRIPTS)}
