"""What tests could leave behind on this machine.

`python -m tests.traces FILE` writes it down where there is no such file; where there is, it fails with what came since.
"""

import json
import subprocess
import sys
from pathlib import Path

_OURS = (
    *("qemu-system", "qemu-storage-daemon", "dnsmasq", "forwarder.py", "time_server.py", "libvirtd", "virtlogd"),
    *("stead-agent", "stead-controlplane"),
)

# The first `ip netns add` after a machine's boot mounts it, for ever: ip-netns(8).
_NETNS = "/run/netns"

Traces = dict[str, list[str]]


def traces() -> Traces:
    """By their kind."""
    return {
        "links": [path.name for path in Path("/sys/class/net").iterdir()],
        "namespaces": _lines("ip", "netns", "list"),
        "tables": _lines("nft", "list", "tables"),
        "processes": [line for line in _lines("ps", "-eo", "pid,args") if any(word in line for word in _OURS)],
        "mounts": [words[1] for line in _mounts() if (words := line.split())[1] != _NETNS],
        "loop devices": [str(path.parent.parent) for path in Path("/sys/block").glob("loop*/loop/backing_file")],
        "labs": [path.name for path in Path("/var/lib/stead-lab").glob("*")],
    }


def since(before: Traces) -> Traces:
    """What is there and was not; empty if there is nothing."""
    left = {what: sorted(set(found) - set(before[what])) for what, found in traces().items()}
    return {what: found for what, found in left.items() if found}


def _mounts() -> list[str]:
    return Path("/proc/mounts").read_text().splitlines()


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def main(file: Path) -> None:
    if not file.exists():
        file.write_text(json.dumps(traces()))
    elif left := since(json.loads(file.read_text())):
        sys.exit(f"the tests left behind: {left}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
