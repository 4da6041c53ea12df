"""Names of a VPC's own: of addresses, tags and public addresses, on every host of it and nowhere else."""

import pytest

from agent.objects import Address, ObjectKind, ObjectRef
from tests.integration.netlab import Guest, Host, Lab, Vpc, wait_until

pytestmark = pytest.mark.host

PUBLIC = "lab.public.internal"
FIRST, SECOND = "172.31.0.2", "169.254.169.253"  # Where a VPC's resolver answers.


def test_all_hosts_of_a_vpc_know_its_members_names_and_addresses(hosts: Lab) -> None:
    vpc = Vpc(1, public_domain=PUBLIC)
    here, there = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 6, "sg-a")
    vpc.names = {there: "web"}
    vpc.addresses = (Address("eipalloc-1", vpc.vpc_id, there.interface_id, "198.51.100.7"),)
    vpc.ensure(hosts)
    guest = hosts.hosts[0].start_guest(here)
    for resolver in (FIRST, SECOND):
        for name in ("web.lab.internal", "ip-172-31-0-6.lab.internal", f"ec2-198-51-100-7.{PUBLIC}"):
            assert _ask(guest, name, resolver) == ["172.31.0.6"], name
        assert _ask_back(guest, "172.31.0.6", resolver) == "web.lab.internal"
        assert _ask_back(guest, "172.31.0.5", resolver) == "ip-172-31-0-5.lab.internal"
    assert _ask(guest, f"ec2-198-51-100-8.{PUBLIC}", FIRST) == []


def test_names_follow_their_tags_and_addresses_without_a_restart_of_dnsmasq(hosts: Lab) -> None:
    vpc, (host, *_) = Vpc(1, public_domain=PUBLIC), hosts.hosts
    here, there = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 6, "sg-a")
    vpc.ensure(hosts)
    guest, before = host.start_guest(here), _dnsmasq(host)
    assert _ask(guest, "web.lab.internal", FIRST) == []

    vpc.names = {here: "web", there: "web"}
    _follow(host, vpc, *(ObjectRef(ObjectKind.ENDPOINT, port.interface_id) for port in (here, there)))
    wait_until(lambda: _ask(guest, "web.lab.internal", FIRST) == ["172.31.0.5", "172.31.0.6"], "both are told")

    vpc.names = {here: "db"}
    vpc.addresses = (Address("eipalloc-1", vpc.vpc_id, there.interface_id, "198.51.100.7"),)
    of_both = (ObjectRef(ObjectKind.ENDPOINT, port.interface_id) for port in (here, there))
    _follow(host, vpc, ObjectRef(ObjectKind.ADDRESS, "eipalloc-1"), *of_both)
    wait_until(lambda: _ask(guest, f"ec2-198-51-100-7.{PUBLIC}", FIRST) == ["172.31.0.6"], "the address has a name")
    assert _ask(guest, "web.lab.internal", FIRST) == []
    assert _ask(guest, "db.lab.internal", FIRST) == ["172.31.0.5"]
    assert _ask_back(guest, "172.31.0.6", FIRST) == "ip-172-31-0-6.lab.internal"
    assert _dnsmasq(host) == before != ""


def test_of_another_vpc_on_the_same_host_no_name_is_known(hosts: Lab) -> None:
    guests = []
    for number, name in ((1, "web"), (2, "db")):
        vpc = Vpc(number, hosts=(1,), public_domain=PUBLIC)
        port = vpc.add_port(1, 5, "sg-a")
        vpc.names = {port: name}
        vpc.addresses = (Address("eipalloc-1", vpc.vpc_id, port.interface_id, f"198.51.100.{number}"),)
        vpc.ensure(hosts)
        guests.append(hosts.hosts[0].start_guest(port))
    theirs = [("db.lab.internal", f"ec2-198-51-100-2.{PUBLIC}"), ("web.lab.internal", f"ec2-198-51-100-1.{PUBLIC}")]
    for guest, own, others in zip(guests, theirs[::-1], theirs, strict=True):
        assert [_ask(guest, name, FIRST) for name in own] == [["172.31.0.5"]] * 2
        assert [_ask(guest, name, FIRST) for name in others] == [[], []]


def _follow(host: Host, vpc: Vpc, *changed: ObjectRef) -> None:
    host.ensure(vpc.view(1), frozenset(changed))


def _ask(guest: Guest, name: str, resolver: str) -> list[str]:
    """The addresses, in order."""
    told = guest.run(f"busybox nslookup -type=a {name} {resolver}", check=False).partition(f"Name:\t{name}")[2]
    return sorted(line.removeprefix("Address: ") for line in told.splitlines() if line.startswith("Address: "))


def _ask_back(guest: Guest, address: str, resolver: str) -> str:
    told = guest.run(f"busybox nslookup {address} {resolver}", check=False)
    return told.partition("name = ")[2].split()[0]


def _dnsmasq(host: Host) -> str:
    """Its process id."""
    return host.run("pgrep -f keep-in-foreground").strip()
