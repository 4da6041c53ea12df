"""What somebody changes behind the drivers' back is put right, by a pass and by an event alone, and told."""

from collections.abc import Iterator

import pytest

from agent.drivers.network_vxlan import names
from agent.model import AddressMapping, GatewaySpec, PortState
from tests.integration.netlab import ALL_IN, ALL_OUT, Lab, Namespace, Vpc, lab, wait_until, without_carrier

pytestmark = pytest.mark.host

PUBLIC = "198.51.100.50"
STATE = (
    "nft -s list ruleset; ip rule; ip -4 route show table all; ip -4 addr; ip link; ip neigh show nud permanent;"
    "ip neigh show proxy;"
    "bridge fdb;"
    "sysctl -a -r 'net.ipv4.(ip_forward|conf.*(forwarding|rp_filter|src_valid_mark|proxy_arp|send_redirects))$' 2>&1;"
    "sysctl -a -r 'net.ipv4.conf.*accept_local$' 2>&1;"
    "sysctl -a -r 'net.ipv4.neigh.stt.*.proxy_delay' 2>&1"
)
TAP, VXLAN, GATEWAY = "stt000000010005", "stx000000000001", "stg000000000001"

# Where, and what.
DAMAGES = [
    ("vpc", "nft flush ruleset"),
    ("vpc", "nft delete table netdev stead"),
    ("vpc", "nft flush chain inet stead check-forward"),
    ("vpc", f"nft insert rule inet stead check-forward iifname {TAP} accept"),
    ("vpc", f"nft delete element inet stead ingress-by-tap '{{ {TAP} }}'"),
    ("vpc", "nft add table inet stead '{ flags dormant; }'"),
    ("vpc", "sysctl -qw net.ipv4.ip_forward=0"),
    ("vpc", "sysctl -qw net.ipv4.conf.all.rp_filter=1"),
    ("vpc", f"sysctl -qw net.ipv4.conf.{VXLAN}.rp_filter=0"),
    ("vpc", f"sysctl -qw net.ipv4.conf.{TAP}.accept_local=0"),
    ("vpc", "sysctl -qw net.ipv4.conf.all.src_valid_mark=0"),
    ("vpc", f"sysctl -qw net.ipv4.conf.{TAP}.forwarding=0"),
    ("vpc", f"sysctl -qw net.ipv4.conf.{TAP}.proxy_arp=0"),
    ("vpc", "ip rule del pref 1"),
    ("vpc", "ip rule del pref 2"),
    ("vpc", "ip rule del pref 3"),
    ("vpc", "ip rule add pref 0 table local"),
    ("vpc", "ip rule add pref 2 table main"),
    ("vpc", "ip route add 203.0.113.0/24 dev lo table 1000"),
    ("vpc", "ip rule del pref 0"),
    ("vpc", f"ip route del 172.31.0.5 dev {TAP}"),
    ("vpc", f"ip route replace 172.31.0.7/32 dev {TAP}"),
    ("vpc", "ip route del unreachable 172.31.0.0/16"),
    ("vpc", f"ip neigh del 172.31.0.5 dev {TAP}"),
    ("vpc", f"ip neigh replace 172.31.0.5 lladdr 02:00:00:00:01:99 dev {TAP} nud permanent"),
    ("vpc", "ip addr del 169.254.169.254/32 dev lo"),
    ("vpc", f"bridge fdb del 02:73:74:00:00:02 dev {VXLAN} dst 10.99.0.2"),
    ("vpc", f"ip link set {TAP} down"),
    ("vpc", f"ip link set {TAP} address fe:00:00:00:00:99"),
    ("vpc", f"ip link set {VXLAN} down"),
    ("host", "nft flush ruleset"),
    ("host", "nft flush chain inet stead admit-vxlan"),
    ("gateway", "nft flush ruleset"),
    ("gateway", "nft delete element ip stead host-addresses '{ 198.51.100.11 }'"),
    ("gateway", "ip rule del pref 3"),
    ("gateway", "sysctl -qw net.ipv4.conf.all.accept_local=0"),
    ("gateway", "nft delete element ip stead public-by-private '{ 172.31.0.5 }'"),
    ("gateway", "ip route del 172.31.0.5"),
    ("gateway", "ip route del default"),
    ("gateway", "ip link set vpc down"),
    ("vpc", "ip link set gateway down"),
    ("vpc", "ip route del default table 1000"),
    ("host", "nft flush chain ip stead guard-host"),
    ("host", "nft delete element ip stead host-addresses '{ 10.99.0.2 }'"),
    ("host", f"ip route del {PUBLIC}"),
    ("host", f"ip neigh del proxy {PUBLIC} dev ext"),
    ("host", "sysctl -qw net.ipv4.conf.ext.forwarding=0"),
    ("host", f"ip link set {GATEWAY} down"),
]


@pytest.fixture(scope="module")
def region() -> Iterator["Region"]:
    with lab(2) as made:
        yield Region(made)


class Region:
    """A VPC on two hosts; the first has a gateway and a guest with a public address."""

    def __init__(self, hosts: Lab) -> None:
        self.lab, self.host = hosts, hosts.hosts[0]
        self.vpc = Vpc(1, gateway_host=1, rules={"sg-a": (ALL_OUT, ALL_IN)})
        ports = self.vpc.add_port(1, 5, "sg-a"), self.vpc.add_port(2, 7, "sg-a")
        self.vpc.ensure(hosts)
        self.mapping = GatewaySpec(
            self.vpc.vpc_id, 1, (AddressMapping(PUBLIC, "172.31.0.5"),), ("10.99.0.1", "10.99.0.2")
        )
        self.guest = self.host.start_guest(ports[0])
        self.pass_over()

    def pass_over(self) -> None:
        self.host.call("network.ensure", self.vpc.view(1))
        self.host.call("gateway.ensure", self.mapping)

    def place(self, name: str) -> Namespace:
        vpc_id = self.vpc.vpc_id
        return {
            "host": self.host,
            "vpc": self.host.namespace(f"stead-{vpc_id}"),
            "gateway": self.host.namespace(f"stead-gw-{vpc_id}"),
        }[name]

    def state(self) -> list[str]:
        """Of all three places, whatever order the kernel lists it in."""
        listings = (without_carrier(self.place(name).run(STATE)) for name in ("host", "vpc", "gateway"))
        return [line for listing in listings for line in sorted(listing.splitlines())]


@pytest.mark.parametrize(("where", "damage"), DAMAGES, ids=[f"{where}: {damage}" for where, damage in DAMAGES])
def test_a_pass_puts_right_what_somebody_changed(region: Region, where: str, damage: str) -> None:
    before = region.state()
    region.place(where).run(damage)
    assert region.state() != before
    region.pass_over()
    assert region.state() == before
    problems = [*region.host.call("network.probe").problems, *region.host.call("gateway.probe").problems]
    assert any(problem.startswith("repaired: ") for problem in problems)


@pytest.mark.parametrize(
    ("target", "where", "damage"),
    [
        ("network", "vpc", "nft flush ruleset"),
        ("network", "vpc", f"ip route del 172.31.0.5 dev {TAP}"),
        ("network", "vpc", f"ip neigh del 172.31.0.5 dev {TAP}"),
        ("network", "vpc", f"ip link set {TAP} down"),
        ("network", "vpc", f"sysctl -qw net.ipv4.conf.{TAP}.forwarding=0"),
        ("network", "vpc", "ip rule del pref 3"),
        ("network", "vpc", f"bridge fdb del 02:73:74:00:00:02 dev {VXLAN} dst 10.99.0.2"),
        ("network", "vpc", "ip neigh del 169.254.128.2 dev gateway"),
        ("network", "vpc", "ip route del default table 1000"),
        ("network", "vpc", "ip link set gateway down"),
        ("network", "host", "nft flush chain inet stead admit-vxlan"),
        ("gateway", "gateway", "nft flush ruleset"),
        ("gateway", "host", "nft flush chain ip stead guard-host"),
        ("gateway", "host", f"ip route del {PUBLIC}"),
    ],
)
def test_an_event_alone_does_so_too(region: Region, target: str, where: str, damage: str) -> None:
    region.pass_over()
    specs = [region.mapping] if target == "gateway" else [region.vpc.view(1), region.mapping]
    before = region.state()
    with region.host.following_events(target, *specs):
        region.place(where).run(damage)
        wait_until(lambda: region.state() == before, f"`{damage}` is undone")


def test_a_pass_over_what_is_not_ours_tells_nothing(region: Region) -> None:
    region.host.call("start")
    region.pass_over()
    for place in ("host", "vpc", "gateway"):
        region.place(place).run("nft add table ip other; nft add chain ip other x")
    region.pass_over()
    for place in ("host", "vpc", "gateway"):
        region.place(place).run("nft delete table ip other")
    assert region.host.call("network.probe").problems == ()
    assert region.host.call("gateway.probe").problems == ()


def test_a_namespace_that_lost_its_name_gets_it_back(region: Region) -> None:
    """A port that is closed meanwhile must not stay open behind a name that leads nowhere."""
    region.guest.listen(22)
    peer = region.lab.hosts[1]
    client = peer.start_guest(next(port for port, host in region.vpc.ports.items() if host == 2))
    assert client.reaches("172.31.0.5", 22)
    region.host.run(f"ip netns delete stead-{region.vpc.vpc_id}")
    region.vpc.rules["sg-a"] = (ALL_OUT,)
    region.pass_over()
    assert not client.reaches("172.31.0.5", 22)
    region.vpc.rules["sg-a"] = (ALL_OUT, ALL_IN)
    region.pass_over()
    assert client.reaches("172.31.0.5", 22)
    assert any("name" in problem for problem in region.host.call("network.probe").problems)


def test_a_namespace_whose_name_leads_to_another_loses_its_devices(region: Region) -> None:
    name = f"stead-{region.vpc.vpc_id}"
    region.host.run(f"ip netns delete {name}")
    region.host.call("add_namespace", name)
    region.host.call("network.list")
    region.pass_over()
    assert region.host.call("network.list_ports") == {}
    assert VXLAN in region.place("vpc").run("ip link")
    port = next(port for port, host in region.vpc.ports.items() if host == 1)
    region.host.stop_guest(port)
    guest = region.host.start_guest(port, is_configured=False)
    guest.run("busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")


def test_a_deleted_tap_is_told_of(region: Region) -> None:
    port = next(port for port, host in region.vpc.ports.items() if host == 1)
    tap = names.tap_name(port.interface_id)
    region.host.call("network.create_tap", port)
    region.host.call("network.plug", port)
    assert region.host.call("network.list_ports") == {port.interface_id: PortState.PLUGGED}
    region.place("vpc").run(f"ip link delete {tap}")
    assert region.host.call("network.list_ports") == {}
    region.pass_over()
    region.host.call("network.create_tap", port)
    region.host.call("network.plug", port)
    assert region.host.call("network.list_ports") == {port.interface_id: PortState.PLUGGED}
