"""A VPC, as Stead's drivers make it. Run on a node that is its host: one pass over it, as by an agent that is new.

    HOST HOSTS PORTS    this host's number, how many there are, and how many ports each has; each port is in a group of
                        its own with five rules for what comes in

Prints how long the pass took, in seconds. The first host has the gateway, which gives its first port a public address.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from agent.drivers.base import HostContext, Presence, Transient
from agent.drivers.gateway_nft import NftGatewayDriver
from agent.drivers.gateway_nft.settings import GatewaySettings
from agent.drivers.network_vxlan import VxlanNetworkDriver
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.images import Images
from agent.model import GatewaySpec, ImageSource, RuleSpec
from agent.objects import (
    Address,
    Endpoint,
    Host,
    InternetGateway,
    Object,
    Objects,
    Put,
    ScopeChange,
    SecurityGroup,
    Subnet,
    Vpc,
    ref_of,
)
from agent.views import Views
from agent.vpc import VpcView

VPC = "vpc-00000000000000001"
NAMESPACE = f"stead-{VPC}"
TRAFFIC_PORT = 5201
PUBLIC = "198.51.100.100"
EVERYWHERE = "0.0.0.0/0"
RULES = (
    RuleSpec(True, "-1", -1, -1, EVERYWHERE),
    *(RuleSpec(False, "tcp", port, port, EVERYWHERE) for port in (22, 80, 443, TRAFFIC_PORT)),
    RuleSpec(False, "udp", TRAFFIC_PORT, TRAFFIC_PORT, EVERYWHERE),
)


def underlay(host: int) -> str:
    return f"10.99.0.{host}"


def private_ip(host: int, number: int) -> str:
    return f"172.31.{host * 16 + number // 250}.{number % 250 + 4}"


def interface(host: int, number: int) -> str:
    return f"eni-{host:013x}{number:04x}"


def mac(host: int, number: int) -> str:
    return f"02:00:00:{host:02x}:{number >> 8:02x}:{number & 255:02x}"


def objects(hosts: int, ports: int) -> Iterator[Object]:
    yield Vpc(VPC, 1, "172.31.0.0/16", "bench.internal")
    yield Subnet("subnet-1", VPC, "172.31.0.0/16")
    yield InternetGateway("igw-1", VPC, "host-1", 1)
    yield Address("eipalloc-1", VPC, interface(1, 0), PUBLIC)
    for host in range(1, hosts + 1):
        yield Host(f"host-{host}", host, underlay(host))
        for number in range(ports):
            group, own = f"sg-{host:x}-{number:x}", (f"host-{host}", f"i-{host}-{number}", 0, mac(host, number))
            yield SecurityGroup(group, VPC, group, RULES)
            yield Endpoint(interface(host, number), VPC, "subnet-1", *own, private_ip(host, number), (group,))


def views(host: int, hosts: int, ports: int) -> tuple[VpcView, GatewaySpec | None]:
    put = tuple(Put(ref_of(value), value) for value in objects(hosts, ports))
    made = Views(f"host-{host}")
    made.apply(Objects().apply([ScopeChange("bench", reset=True, put=put)]))
    return made.vpc(VPC), next((view for view in made.by_ref.values() if isinstance(view, GatewaySpec)), None)


async def make(host: int, hosts: int, ports: int) -> float:
    vpc, gateway = views(host, hosts, ports)
    context = _context(host)
    began = time.perf_counter()
    network = VxlanNetworkDriver(VxlanSettings(), context)
    await network.list()
    await network.ensure(vpc)
    if gateway:
        await NftGatewayDriver(GatewaySettings(), context).ensure(gateway)
    return time.perf_counter() - began


def _context(host: int) -> HostContext:
    async def no_image(image: ImageSource, target: Path) -> None:
        raise Transient("no images here")

    home, heard = Path("/run/stead"), Presence()
    heard.is_heard = True
    for name in ("state", "run"):
        (home / name).mkdir(parents=True, exist_ok=True)
    return HostContext(
        f"host-{host}",
        underlay(host),
        home / "state",
        home / "run",
        home / "pki",
        Images(no_image),
        control_plane=heard,
    )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(make(*map(int, sys.argv[1:])))))
