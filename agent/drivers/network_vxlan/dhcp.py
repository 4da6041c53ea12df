"""DHCP, DNS and time of a VPC: one dnsmasq in its namespace, which outlives the agent and is adopted again.

Addresses are never dnsmasq's to choose: each port has its static lease. Ports and options are in files that it reads
again on SIGHUP, so that only a new subnet restarts it. Most names in the VPC say their address, so there is no list of
those; there is one of instances' tags and public addresses, for all of the VPC, wherever they are.
Names of the outside it asks `forwarder` for, which goes with it; the VPC's own, and addresses that nobody outside can
know, stay in the VPC. What time it is `time_server` tells.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from socket import socket

from agent.drivers.network_vxlan import forwarder, names, time_server
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.host import namespaces
from agent.host.process import Daemon
from agent.host.services import Service, Services
from agent.host.threads import Threads
from agent.model import DhcpOptions, NamesSpec, PortSpec, SubnetSpec, VpcSpec

# To enter a namespace and to listen there, in milliseconds; it hangs with the kernel.
_LISTENING = Threads("sockets of guests' services", workers=4, deadline_s=30.0)

DNS_PORT = 53
PROVIDED_DNS = "AmazonProvidedDNS"  # EC2's word for the VPC's own resolver.
# A query (RFC 1035, 4.1) that dnsmasq answers by itself (`domain-needed`): whether it is there.
_A_PLAIN_NAME = bytes.fromhex("5354 0100 0001 0000 0000 0000 05") + b"stead" + bytes.fromhex("00 0001 0001")

_CONFIG, _HOSTS, _OPTIONS, _NAMES = "dnsmasq.conf", "dhcp-hosts", "dhcp-options", "names"
_READY = "ready"  # dnsmasq's own pid file, written when its sockets are open.


def files(spec: VpcSpec, directory: Path, settings: VxlanSettings, mtu: int) -> dict[str, str]:
    """Its configuration, by file name. Pure."""
    return {
        _CONFIG: _config(spec, directory, settings),
        _HOSTS: _hosts(spec.ports),
        _OPTIONS: _options(spec, mtu),
        _NAMES: _names(spec.names),
    }


async def ensure(
    spec: VpcSpec, directory: Path, settings: VxlanSettings, mtu: int, is_adopted: bool, services: Services
) -> None:
    """Start it, or make it read what changed. One that an earlier agent left (not `is_adopted`) reads everything."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)  # noqa: ASYNC240 (in /run)
    forwarding = forwarder_of(spec.vpc_id, directory, settings.dnsmasq_user)
    await _ensure_program(forwarding, forwarder.listen, services)
    await services.ask(forwarding, forwarder.PORT, b"?")
    telling = time_server_of(spec.vpc_id, directory, settings.dnsmasq_user)
    await _ensure_program(telling, time_server.listen, services)
    await services.ask(telling, time_server.PORT, b"?", time_server.ADDRESS)
    dnsmasq, wanted = dnsmasq_of(spec.vpc_id, directory), files(spec, directory, settings, mtu)
    daemon = await dnsmasq.adopt()
    if daemon is None or _read(directory / _CONFIG) != wanted[_CONFIG]:
        services.forget(dnsmasq)
        if daemon is not None:
            await dnsmasq.stop()
        _write(directory, wanted)
        daemon = await _start(dnsmasq)
    elif _write(directory, wanted) or not is_adopted:
        _reread(daemon)
    services.watch(dnsmasq, daemon)
    await services.ask(dnsmasq, DNS_PORT, _A_PLAIN_NAME)


async def follow(vpc_id: str, ports: Iterable[PortSpec], names_of_all: Iterable[NamesSpec], directory: Path) -> bool:
    """Let one that runs know that these are its ports and names now. Returns False where none does."""
    daemon = await dnsmasq_of(vpc_id, directory).adopt()
    if daemon is not None and _write(directory, {_HOSTS: _hosts(ports), _NAMES: _names(names_of_all)}):
        _reread(daemon)
    return daemon is not None


async def remove(vpc_id: str, directory: Path, services: Services) -> None:
    """Stop all and delete their files."""
    for service in (each(vpc_id, directory) for each in (dnsmasq_of, forwarder_of, time_server_of)):
        services.forget(service)
        await service.stop()
    shutil.rmtree(directory, ignore_errors=True)  # A few small files in /run.


def dnsmasq_of(vpc_id: str, directory: Path) -> Service:
    return Service("dnsmasq", vpc_id, directory, ("--keep-in-foreground", _conf_file(directory)), is_inside=True)


def forwarder_of(vpc_id: str, directory: Path, user: str = "") -> Service:
    mark = (forwarder.__file__, str(directory))
    return Service("the forwarder of DNS", vpc_id, directory, mark, "forwarder.", user=user)


def time_server_of(vpc_id: str, directory: Path, user: str = "") -> Service:
    return Service("the time server", vpc_id, directory, (time_server.__file__, str(directory)), "time.", user=user)


async def _ensure_program(service: Service, listen: Callable[[], Iterable[socket]], services: Services) -> None:
    """Start it in the host's namespace, with its ears in the VPC's."""
    daemon = await service.adopt()
    if daemon is None:
        with ExitStack() as stack:
            made = await _LISTENING.run(service.title, namespaces.call, service.namespace, listen)
            sockets = [stack.enter_context(each) for each in made]
            daemon = await service.start_program(sockets)
    services.watch(service, daemon)


async def _start(service: Service) -> Daemon:
    ready = service.directory / _READY
    ready.unlink(missing_ok=True)
    daemon = await service.start_inside("dnsmasq", *service.mark)
    await service.see_ready(daemon, ready.exists)
    return daemon


def _reread(daemon: Daemon) -> None:
    with suppress(ProcessLookupError):
        os.kill(daemon.pid, signal.SIGHUP)


def _config(spec: VpcSpec, directory: Path, settings: VxlanSettings) -> str:
    lines = [
        "no-resolv",
        f"server={forwarder.ADDRESS}#{forwarder.PORT}",
        "domain-needed",
        "bogus-priv",
        "no-hosts",
        f"addn-hosts={directory / _NAMES}",
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
        *(_range(subnet, settings.lease_s) for subnet in spec.subnets),
    ]
    if spec.domain:
        lines += [f"domain={spec.domain}", f"local=/{spec.domain}/"]
        lines.append(f"synth-domain={spec.domain},{spec.cidr_block},{names.HOST_PREFIX}")
    return _lines(lines)


def _range(subnet: SubnetSpec, lease_s: int) -> str:
    network = IPv4Network(subnet.cidr_block)
    return f"dhcp-range=set:{subnet.subnet_id},{network[0]},static,{network.netmask},{lease_s}"


def _options(spec: VpcSpec, mtu: int) -> str:
    """An option without a value is not told; dnsmasq would make up one for some."""
    routers = (f"tag:{s.subnet_id},option:router,{names.router_address(s.cidr_block)}" for s in spec.subnets)
    told = spec.dhcp_options or DhcpOptions(spec.domain, (PROVIDED_DNS,))
    options = {
        "mtu": (str(mtu),),
        "domain-name": (told.domain_name,),
        "dns-server": _name_servers(spec, told.domain_name_servers),
        "ntp-server": told.ntp_servers or (names.TIME_ADDRESS,),
        "netbios-ns": told.netbios_name_servers,
        "netbios-nodetype": (told.netbios_node_type,),
    }
    return _lines([*routers, *(",".join(filter(None, (f"option:{name}", *each))) for name, each in options.items())])


def _name_servers(spec: VpcSpec, servers: Iterable[str]) -> list[str]:
    """What answers nobody is told to nobody."""
    own = "" if spec.dns_is_off else names.vpc_resolver(spec.cidr_block)
    return [address for server in servers if (address := own if server == PROVIDED_DNS else server)]


def _hosts(ports: Iterable[PortSpec]) -> str:
    return _lines(f"{p.mac_address},id:*,{IPv4Address(p.private_ip)},{p.host_name}" for p in ports)


def _names(specs: Iterable[NamesSpec]) -> str:
    """hosts(5)."""
    return _lines(" ".join((spec.private_ip, *spec.names)) for spec in specs)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _conf_file(directory: Path) -> str:
    return f"--conf-file={directory / _CONFIG}"


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
