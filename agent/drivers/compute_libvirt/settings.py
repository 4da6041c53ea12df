"""What an operator may set for virtual machines on a host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from agent.settings import Within


@dataclass(frozen=True, slots=True)
class Settings:
    """The `[drivers.libvirt]` table of the agent's configuration."""

    uri: str = "qemu:///system"
    # "auto" uses KVM where a tiny guest proves that it works, and emulation elsewhere.
    virt_type: Literal["auto", "kvm", "qemu"] = "auto"
    # Calls that change something, at once. libvirtd answers five calls of one connection at a time
    # (`max_client_requests`); one of them is left for looking, so that slow starts don't hide what runs.
    threads: Annotated[int, Within(1, 100)] = 4
    # vCPUs offered per core. Most guests idle: 1 leaves a small machine unused, far above 4 busy neighbours hurt.
    vcpus_per_core: Annotated[float, Within(0.1, 100)] = 4.0
    # Memory that guests don't get: for the system, libvirt, storage daemons and the agent. Never overcommitted.
    reserved_memory_mib: Annotated[int, Within(0)] = 1024
    qemu_conf: Path = Path("/etc/libvirt/qemu.conf")
    # Written when libvirtd starts; tells whether it has read the present `qemu_conf`.
    libvirtd_pid_file: Path = Path("/run/libvirtd.pid")
