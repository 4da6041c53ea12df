"""DHCP and DNS of a VPC: one dnsmasq in its namespace, which outlives the agent and is adopted again.

Addresses are never dnsmasq's to choose: each port has its static lease. Ports, options and names are in files that it
reads again on SIGHUP, so that only a new subnet restarts it. Names of the outside it asks `forwarder` for, which goes
with it; the VPC's own, and addresses that nobody outside can know, stay in the VPC.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from agent.drivers.network_vxlan import forwarder, names
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import namespaces, process
from agent.model import SubnetSpec, VpcSpec

READY_DEADLINE_S = 5.0  # It takes some 20 ms; much longer means it will not come.
POLL_S = 0.01

_CONFIG, _HOSTS, _OPTIONS, _NAMES = "dnsmasq.conf", "dhcp-hosts", "dhcp-options", "names"
_READY = "ready"  # dnsmasq's own pid file, written when its sockets are open.


def files(spec: VpcSpec, directory: Path, settings: VxlanSettings, mtu: int) -> dict[str, str]:
    """Its configuration, by file name. Pure."""
    return {
        _CONFIG: _config(spec, directory, settings),
        _HOSTS: _lines(f"{p.mac_address},id:*,{IPv4Address(p.private_ip)},{p.host_name}" for p in spec.ports),
        _OPTIONS: _options(spec, mtu),
        _NAMES: _lines(f"{address} {name}" for address, name in sorted(_host_names(spec).items())),
    }


async def ensure(spec: VpcSpec, directory: Path, settings: VxlanSettings, mtu: int, is_adopted: bool) -> None:
    """Start it, or make it read what changed. One that an earlier agent left (not `is_adopted`) reads everything."""
    _adopt_lost(namespaces.vpc_namespace(spec.vpc_id), directory)
    await _stop_elsewhere(namespaces.vpc_namespace(spec.vpc_id), directory)
    await _ensure_forwarder(namespaces.vpc_namespace(spec.vpc_id), directory, settings)
    wanted = files(spec, directory, settings, mtu)
    if process.find_daemon(_pid_file(directory)) is None or _read(directory / _CONFIG) != wanted[_CONFIG]:
        await process.stop_daemon(_pid_file(directory))
        _write(directory, wanted)
        await _start(namespaces.vpc_namespace(spec.vpc_id), directory)
    elif _write(directory, wanted) or not is_adopted:
        daemon = process.find_daemon(_pid_file(directory))
        if daemon is not None:
            os.kill(daemon.pid, signal.SIGHUP)


async def remove(directory: Path) -> None:
    """Stop it and delete its files."""
    await _stop(directory)
    shutil.rmtree(directory, ignore_errors=True)  # A few small files in /run.


async def _stop(directory: Path) -> None:
    await process.stop_daemon(_pid_file(directory))
    await process.stop_daemon(_forwarder_pid_file(directory))


def _adopt_lost(namespace: str, directory: Path) -> None:
    """Those whose pid files are gone, as when /run is cleaned: they hold the sockets that the next ones would need."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    if process.find_daemon(_pid_file(directory)) is None:
        for daemon in process.find_running(b"--keep-in-foreground", _conf_file(directory).encode()):
            if namespaces.has(namespace, daemon.pid):
                process.write_record(daemon, _pid_file(directory))
    if process.find_daemon(_forwarder_pid_file(directory)) is None:
        for daemon in process.find_running(forwarder.__file__.encode(), bytes(directory)):
            if namespaces.is_own(daemon.pid):
                process.write_record(daemon, _forwarder_pid_file(directory))


async def _stop_elsewhere(namespace: str, directory: Path) -> None:
    """One that was left in a namespace which is no longer the VPC's serves nobody."""
    daemon = process.find_daemon(_pid_file(directory))
    if daemon is not None and not namespaces.has(namespace, daemon.pid):
        await _stop(directory)


async def _ensure_forwarder(namespace: str, directory: Path, settings: VxlanSettings) -> None:
    """Start it in the host's namespace, with its ears in the VPC's."""
    if process.find_daemon(_forwarder_pid_file(directory)) is not None:
        return
    with ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in namespaces.call(namespace, forwarder.listen)]
        fds = [each.fileno() for each in sockets]
        await process.start_daemon(
            *(sys.executable, "-I", "-S", forwarder.__file__, str(directory), *map(str, fds), settings.dnsmasq_user),
            pid_file=_forwarder_pid_file(directory),
            log_file=directory / "forwarder.log",
            pass_fds=fds,
        )


async def _start(namespace: str, directory: Path) -> None:
    ready = directory / _READY
    ready.unlink(missing_ok=True)
    daemon = await process.start_daemon(
        "nsenter",
        f"--net={namespaces.path(namespace)}",
        "dnsmasq",
        "--keep-in-foreground",
        _conf_file(directory),
        pid_file=_pid_file(directory),
        log_file=directory / "log",
    )
    async with asyncio.timeout(READY_DEADLINE_S):
        while not ready.exists():
            if not daemon.is_alive:
                raise OSError(f"dnsmasq ended at once: {_read(directory / 'log').strip()}")
            await asyncio.sleep(POLL_S)


def _config(spec: VpcSpec, directory: Path, settings: VxlanSettings) -> str:
    lines = [
        "no-resolv",
        f"server={forwarder.ADDRESS}#{forwarder.PORT}",
        "domain-needed",
        "bogus-priv",
        "no-hosts",
        f"user={settings.dnsmasq_user}",
        "group=nogroup",
        "log-facility=-",
        "quiet-dhcp",
        f"pid-file={directory / _READY}",
        "interface=lo",
        "bind-interfaces",  # Else it refuses TCP that came by a tap, which has no address.
        f"bridge-interface=lo,{names.TAP_PREFIX}*",  # DHCP on taps, which have no address, as if on lo.
        "dhcp-authoritative",
        "dhcp-broadcast",  # Else it would replace the port's permanent neighbour entry by one of its own.
        "dhcp-ignore=tag:!known",
        f"dhcp-leasefile={directory / 'leases'}",
        f"dhcp-hostsfile={directory / _HOSTS}",
        f"dhcp-optsfile={directory / _OPTIONS}",
        f"addn-hosts={directory / _NAMES}",
        *(_range(subnet, settings.lease_s) for subnet in spec.subnets),
    ]
    if spec.domain:
        lines += [f"domain={spec.domain}", f"local=/{spec.domain}/", "expand-hosts"]
    return _lines(lines)


def _range(subnet: SubnetSpec, lease_s: int) -> str:
    network = IPv4Network(subnet.cidr_block)
    return f"dhcp-range=set:{subnet.subnet_id},{network[0]},static,{network.netmask},{lease_s}"


def _options(spec: VpcSpec, mtu: int) -> str:
    routers = (f"tag:{s.subnet_id},option:router,{names.router_address(s.cidr_block)}" for s in spec.subnets)
    return _lines([*routers, f"option:dns-server,{names.vpc_resolver(spec.cidr_block)}", f"option:mtu,{mtu}"])


def _host_names(spec: VpcSpec) -> dict[str, str]:
    remote = {ip: names.default_host_name(ip) for peer in spec.peers for ip in peer.private_ips}
    return remote | {port.private_ip: port.host_name for port in spec.ports}


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _conf_file(directory: Path) -> str:
    return f"--conf-file={directory / _CONFIG}"


def _pid_file(directory: Path) -> Path:
    return directory / "pid"


def _forwarder_pid_file(directory: Path) -> Path:
    return directory / "forwarder.pid"


def _write(directory: Path, contents: dict[str, str]) -> bool:
    """Write what differs, each file in one step, readable for dnsmasq's own user. Returns whether anything did."""
    changed = {name: text for name, text in contents.items() if _read(directory / name) != text}
    for name, text in changed.items():
        draft = directory / f"{name}.new"
        draft.write_text(text)
        draft.chmod(0o644)
        draft.rename(directory / name)
    return bool(changed)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
