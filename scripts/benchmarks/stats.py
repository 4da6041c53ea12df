"""The floor of a pass over a host's instances: libvirt asked once for all. Run on the host.

Prints the processor time that a call takes, of this process and of libvirtd, in seconds.
"""

import json
import os
from pathlib import Path

import libvirt

from benchmarks.machine import cpu_s

CALLS = 10  # Fewer: the kernel's ticks of 10 ms show.


def measure() -> float:
    libvirtd = int(Path("/run/libvirtd.pid").read_text())
    connection = libvirt.open("qemu:///system")
    before = cpu_s(os.getpid()) + cpu_s(libvirtd)
    for _ in range(CALLS):
        connection.getAllDomainStats()
    return (cpu_s(os.getpid()) + cpu_s(libvirtd) - before) / CALLS


if __name__ == "__main__":
    print(json.dumps(measure()))
