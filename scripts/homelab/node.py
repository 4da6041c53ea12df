"""One node: a process in namespaces of its own, and whatever is run beside it. Knows nothing of what a node is for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INIT = Path(__file__).with_name("init.py")


@dataclass(frozen=True)
class Node:
    """Found by the mark on its PID 1's command line. `has_network`: false leaves it in the machine's own."""

    name: str
    mark: str
    has_network: bool = True

    @property
    def pid(self) -> int | None:
        """PID 1's number as the machine sees it; None while the node is off."""
        return next((pid for pid in marked_processes(self.mark) if is_pid_1(pid)), None)

    def start(self) -> None:
        """Raises RuntimeError when it is on already."""
        if self.pid:
            raise RuntimeError(f"{self.name} is on already: cut its power first")
        network = ["--net", "--uts"] if self.has_network else []
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *network]
        init = [sys.executable, "-I", "-S", str(INIT), self.mark]
        nowhere = subprocess.DEVNULL
        subprocess.Popen([*unshare, *init], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
        wait_until(lambda: self.pid is not None, f"{self.name} has its namespaces")

    def stop(self) -> None:
        """Kill everything in it, at once. No effect on one that is off."""
        kill_marked(self.mark)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` inside."""
        pid = self.pid
        if pid is None:
            raise RuntimeError(f"{self.name} is off: power it on, or bring the lab up")
        return ["nsenter", "--target", str(pid), "--all", "--", *argv]

    def run(self, *argv: str, check: bool = True, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run to the end; raises CalledProcessError with its output."""
        done = subprocess.run(
            self.command(argv), capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
        if check and done.returncode:
            print(f"{self.name}: {' '.join(argv)}\n{done.stdout}{done.stderr}", file=sys.stderr)
            done.check_returncode()
        return done

    def spawn(self, argv: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        """Start and leave running as a child of the node's PID 1, its output appended to `log`.

        `nsenter` must not stay above it: it stops with its child, and holds the node's mounts until it goes on.
        """
        with log.open("ab") as output:
            subprocess.run(
                self.command(["setsid", "--fork", "--", *argv]),
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )

    def runs(self, pattern: str) -> bool:
        """Whether the command line of a process of the node matches the regular expression."""
        return self.run("pgrep", "--full", "--", pattern, check=False).returncode == 0

    def kill(self, pattern: str, signal_number: int = signal.SIGKILL) -> None:
        """Signal the node's processes whose command line matches the regular expression; none need match."""
        self.run("pkill", f"-{int(signal_number)}", "--full", "--", pattern, check=False)


def marked_processes(mark: str) -> list[int]:
    """PID 1 and the `unshare` above it, of every node whose mark begins so."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(INIT).encode() in words and any(word.decode(errors="replace").startswith(mark) for word in words):
                found.append(int(entry.name))
    return found


def is_pid_1(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) > 1 and numbers[-1] == "1"


def kill_marked(mark: str) -> None:
    for pid in marked_processes(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not marked_processes(mark), f"no process of {mark} is left")


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.02)
