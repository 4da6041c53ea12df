"""What runs inside a host of `netlab`: the drivers, and what joins its guests' namespaces to their taps."""

import asyncio
import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
import traceback
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from pyroute2 import netns

from agent.drivers.base import HostContext
from agent.drivers.gateway_nft import NftGatewayDriver
from agent.drivers.gateway_nft.settings import GatewaySettings
from agent.drivers.network_vxlan import VxlanNetworkDriver
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import namespaces
from agent.host.ear import Ear
from agent.model import Kind

_UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "$mtu"
ip route add default via "$router"
echo "$ip $mask $router $mtu $dns $hostname" > "/run/lease-$interface"
env > "/run/options-$interface"
"""


class HostProcess:
    """What runs inside a host."""

    def __init__(self, number: int, pipe: Connection) -> None:
        self._pipe = pipe
        self._underlay_address = f"10.99.0.{number}"
        self._pumps: dict[str, subprocess.Popen[bytes]] = {}
        self._drivers: dict[str, Any] = {}
        self._by_kind: dict[Kind, Any] = {}
        self._ears: list[Ear] = []
        self._heard: list[str] = []

    def start(self, encryption: Literal["none", "wireguard"] = "none") -> None:
        """Also a restart: drivers without a memory."""
        run_dir = Path("/run/stead")
        run_dir.mkdir(exist_ok=True)
        context = HostContext("host-1", self._underlay_address, run_dir, run_dir, run_dir, None)  # type: ignore[arg-type]
        self._control_plane = context.control_plane
        self.hear_control_plane(True)
        network = VxlanNetworkDriver(VxlanSettings(encryption=encryption), context)
        gateway = NftGatewayDriver(GatewaySettings(), context)
        self._drivers = {"network": network, "gateway": gateway}
        self._by_kind = {Kind.VPC: network, Kind.GATEWAY: gateway}

    def hear_control_plane(self, is_heard: bool) -> None:
        self._control_plane.is_heard = is_heard

    def hear(self, *names: str) -> None:
        """Whatever the monitor of these namespaces would take for somebody else's change."""
        for name in names:
            tell = partial(self._heard.append, name)
            self._ears.append(namespaces.call(name, Ear, name, tell) if name else Ear(name, tell))

    def heard(self) -> set[str]:
        """In which namespaces there was any since the last time."""
        for ear in self._ears:
            ear.listen()
        told, self._heard[:] = set(self._heard), []
        return told

    def start_guest(self, tap: str, name: str, mac_address: str) -> None:
        self.add_namespace(name)
        self._pumps[name] = subprocess.Popen([sys.executable, __file__, "pump", tap, name, mac_address])

    def add_namespace(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", name], check=True)

    def stop_guest(self, name: str) -> None:
        self._pumps[name].kill()
        self._pumps.pop(name).wait()
        subprocess.run(["ip", "netns", "delete", name], check=True)

    async def follow_events(self, target: str, *specs: Any) -> None:
        """Do what the engine does on a driver's hints, and nothing else, until the test says something."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), stop.set)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._ensure_on_hints(self._drivers[target], specs))
            await stop.wait()
            following.cancel()
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._pipe.recv()

    async def _ensure_on_hints(self, driver: Any, specs: tuple[Any, ...]) -> None:
        hints, first = driver.events(), {spec.ref for spec in specs}
        while first:
            first.discard(await anext(hints))
        self._pipe.send("following")
        async for ref in hints:
            for spec in specs:
                if spec.ref == ref:
                    await self._by_kind[ref.kind].ensure(spec)

    async def answer(self, what: str, args: tuple[Any, ...]) -> Any:
        target, _, method = what.rpartition(".")
        result = getattr(self._drivers[target] if target else self, method)(*args)
        return await result if asyncio.iscoroutine(result) else result


def _host_main(fd: int, number: int) -> None:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    script = Path("/run/udhcpc")
    script.write_text(_UDHCPC_SCRIPT)
    script.chmod(0o755)
    pipe = Connection(fd)
    host = HostProcess(number, pipe)
    with asyncio.Runner() as runner, contextlib.suppress(EOFError):
        while True:
            what, args = pipe.recv()
            try:
                pipe.send(runner.run(host.answer(what, args)))
            except Exception as error:  # noqa: BLE001 (the test gets it, whatever it is)
                error.add_note(traceback.format_exc())
                pipe.send(error)


def _open_tap(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    iff_tap, iff_no_pi, tunsetiff = 0x0002, 0x1000, 0x400454CA
    fcntl.ioctl(fd, tunsetiff, struct.pack("16sH", name.encode(), iff_tap | iff_no_pi))
    for offload in (1, 0):  # As QEMU does, of which the kernel tells.
        fcntl.ioctl(fd, 0x400454D0, offload)
    return fd


def _pump_main(tap: str, namespace: str, mac_address: str) -> None:
    """Carry frames between the tap and the guest's eth0."""
    host_side = _open_tap(tap)
    netns.setns(f"/run/netns/{namespace}", flags=0)
    guest_side = _open_tap("eth0")
    for command in ("lo up", f"eth0 address {mac_address}", "eth0 up"):
        subprocess.run(["ip", "link", "set", *command.split()], check=True)
    other = {host_side: guest_side, guest_side: host_side}
    while True:
        for fd in select.select(list(other), [], [])[0]:
            with contextlib.suppress(OSError):  # A side that is down, or moving.
                os.write(other[fd], os.read(fd, 65536))


if __name__ == "__main__":
    if sys.argv[1] == "host":
        _host_main(int(sys.argv[2]), int(sys.argv[3]))
    else:
        _pump_main(*sys.argv[2:])
