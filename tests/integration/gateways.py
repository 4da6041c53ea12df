"""A VPC with two guests and a gateway, on hosts of `netlab`."""

from agent.model import AddressMapping, GatewaySpec
from tests.integration.netlab import ALL_IN, ALL_OUT, Guest, Host, Lab, Namespace, Vpc

FIRST, SECOND = "198.51.100.50", "198.51.100.60"


def vpc_with_guests(hosts: Lab) -> tuple[Vpc, tuple[Guest, Guest]]:
    """Two open guests, the second on the last host; the first host has the gateway."""
    last = len(hosts.hosts)
    vpc = Vpc(1, gateway_host=1, hosts=tuple(range(1, last + 1)), rules={"sg-a": (ALL_OUT, ALL_IN)})
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(last, 6, "sg-a")
    vpc.ensure(hosts)
    return vpc, (hosts.hosts[0].start_guest(ports[0]), hosts.hosts[last - 1].start_guest(ports[1]))


def map_addresses(hosts: Lab, vpc: Vpc, *pairs: tuple[str, str]) -> None:
    mappings = tuple(AddressMapping(public, private) for public, private in pairs)
    addresses = tuple(host.underlay_address for host in hosts.hosts)
    spec = GatewaySpec(vpc.vpc_id, 1, mappings, addresses, vpc.view(1).ways_out, vpc.view(1).ways.nats)
    hosts.hosts[0].call("gateway.ensure", spec)


def gateway_of(host: Host, vpc: Vpc) -> Namespace:
    return host.namespace(f"stead-gw-{vpc.vpc_id}")
