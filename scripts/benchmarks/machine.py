"""On what it was measured, and what a process costs there. Reads /proc alone."""

import os
import platform
from pathlib import Path

MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, str | int | float]:
    """The load average tells whether the machine was busy with something else at the end of the run."""
    memory_kib = int(_field(Path("/proc/meminfo"), "MemTotal"))
    return {
        "cores": os.cpu_count() or 0,
        "processor": _cpu("model name") or platform.machine(),
        "machine": "virtual" if "hypervisor" in _cpu("flags").split() else "bare metal",
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1m": round(os.getloadavg()[0], 2),
        "load_5m": round(os.getloadavg()[1], 2),
    }


def _cpu(field: str) -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith(field)), "")


def pss_bytes(pid: int) -> int:
    """Proportional set size: what the process holds, shared pages divided among those who share them."""
    return int(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")) * 1024


def cpu_s(pid: int) -> float:
    """Processor time of all threads since the process began: user's and system's (proc(5), fields 14 and 15)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def _field(path: Path, name: str) -> str:
    line = next(line for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
    return line.split()[1]
