"""Numbers under `net.` of the calling thread's network namespace."""

from collections.abc import Mapping
from pathlib import Path

_ROOT = Path("/proc/sys/net")


def set_sysctls(values: Mapping[str, int]) -> list[str]:
    """Set each `net.<key>` (with slashes) in the calling thread's namespace. Returns those that were otherwise."""
    return [f"net/{key}" for key, value in values.items() if _set_sysctl(key, value)]


def sysctl(key: str) -> int:
    """A number under `net.` in the calling thread's namespace."""
    return int((_ROOT / key).read_text())


def _set_sysctl(key: str, value: int) -> bool:
    if key.startswith("ipv6/") and not (_ROOT / key).exists():
        return False  # A kernel without IPv6.
    if sysctl(key) == value:
        return False
    (_ROOT / key).write_text(str(value))
    return True
