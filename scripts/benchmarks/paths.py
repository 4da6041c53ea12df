"""What guests' packets lose on Stead's ways (P16, P17) beside routers, veths and a VXLAN without rules."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks import guests, plain, vpc
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.places import cable, inside, places
from benchmarks.process import ask
from homelab.node import Node

FOR_S = 2
GBIT, KILO = 1e9 / 8, 1e3
PORT = vpc.TRAFFIC_PORT
PLAIN = ("10.254.1.4", "10.254.2.4", "10.254.3.4")  # The plain routers' guests.
NODES = ("host-1", "host-2", "outside", "plain-1", "plain-2")


@dataclass(frozen=True)
class Path:
    """From where to where, and at which address that is met."""

    source: Sequence[str]
    sink: Sequence[str]
    address: str

    async def gbits(self, for_s: float) -> float:
        return (await self._both("tcp", for_s))[0] / GBIT

    async def kpps(self, for_s: float, kind: str = "udp") -> float:
        count, took_s = await self._both(kind, for_s)
        return count / took_s / KILO

    async def kpps_unanswered(self, for_s: float) -> float:
        return await self.kpps(for_s, "mute")

    async def _both(self, kind: str, for_s: float) -> Sequence[float]:
        """What the sink and the source say."""
        source = ("traffic", f"{kind}-source", self.address, PORT, for_s)
        said: Sequence[float] = await asyncio.gather(
            asyncio.to_thread(ask, "traffic", f"{kind}-sink", PORT, prefix=self.sink),
            asyncio.to_thread(ask, *source, prefix=self.source),
        )
        return said


Measure = Callable[[Path, float], Awaitable[float]]


@dataclass(frozen=True)
class Pair:
    """A figure: one of Stead's paths, and the one beside it."""

    name: str
    unit: str
    measure: Measure
    path: Path
    floor_name: str
    floor: Path
    target: str


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("paths: two hosts, an outside, two routers without rules")
    with places("paths", *NODES) as nodes:
        pairs = _pairs(await asyncio.to_thread(_build, nodes))
        rounds = []
        for number in range(scale.rounds):
            progress(f"paths: round {number + 1} of {scale.rounds}")
            rounds.append([await _round(pair, scale.lasting(FOR_S, 0.2)) for pair in pairs])
    return [
        Figure(pair.name, pair.unit, values, pair.floor_name, floors, pair.target)
        for pair, found in zip(pairs, zip(*rounds, strict=True), strict=True)
        for values, floors in [zip(*found, strict=True)]
    ]


async def _round(pair: Pair, for_s: float) -> tuple[float, float]:
    return await pair.measure(pair.path, for_s), await pair.measure(pair.floor, for_s)


def _pairs(paths: dict[str, Path]) -> list[Pair]:
    routed, here = (Path.gbits, paths["here"], "routed veth", paths["routed"]), paths["here"]
    return [
        Pair("guest to guest on a host, TCP (P16)", "Gbit/s", *routed, "P16 tcp"),
        Pair(
            *("guest to guest on a host, small packets (P16)", "kpps", Path.kpps, here),
            *("routed veth", paths["routed"], "P16 packets"),
        ),
        Pair(
            *("the same of a flow that nobody answers", "kpps", Path.kpps_unanswered, here),
            *("routed veth", paths["routed"], ""),
        ),
        Pair(
            *("outside to guest through NAT, TCP (P17)", "Gbit/s", Path.gbits, paths["nat"]),
            *("routed veth", paths["routed"], "P17 nat"),
        ),
        Pair(
            *("guest to guest on another host, TCP (P17)", "Gbit/s", Path.gbits, paths["apart"]),
            *("bare VXLAN", paths["vxlan"], "P17 vxlan"),
        ),
    ]


def _build(nodes: dict[str, Node]) -> dict[str, Path]:
    one, two, outside, plain_one, plain_two = (nodes[name] for name in NODES)
    _build_stead(one, two, outside)
    _build_plain(plain_one, plain_two)
    first, second = (guests.guest_name(number) for number in range(2))
    return {
        "here": Path(inside(one, second), inside(one, first), vpc.private_ip(1, 0)),
        "nat": Path(outside.command([]), inside(one, first), vpc.PUBLIC),
        "apart": Path(inside(two, first), inside(one, first), vpc.private_ip(1, 0)),
        "routed": Path(inside(plain_one, "b"), inside(plain_one, "a"), PLAIN[0]),
        "vxlan": Path(inside(plain_two, "c"), inside(plain_one, "a"), PLAIN[0]),
    }


def _build_stead(one: Node, two: Node, outside: Node) -> None:
    cable(one, two, "under0", (f"{vpc.underlay(1)}/24", f"{vpc.underlay(2)}/24"))
    cable(one, outside, "ext0", ("198.51.100.11/24", "198.51.100.1/24"))
    one.run("ip", "route", "add", "default", "via", "198.51.100.1")
    for host, node in enumerate((one, two), 1):
        guests.boot(node, host, hosts=2, ports=2)


def _build_plain(one: Node, two: Node) -> None:
    underlay, addresses = (vpc.underlay(1), vpc.underlay(2)), ("10.254.0.1", "10.254.0.2")
    cable(one, two, "under0", (f"{underlay[0]}/24", f"{underlay[1]}/24"))
    plain.route(one, "a", PLAIN[0])
    plain.route(one, "b", PLAIN[1])
    plain.route(two, "c", PLAIN[2])
    plain.vxlan(one, underlay, addresses, PLAIN[2])
    plain.vxlan(two, underlay[::-1], addresses[::-1], PLAIN[0])
