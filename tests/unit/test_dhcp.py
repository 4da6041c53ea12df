"""What a VPC's dnsmasq is told, as files."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.network_vxlan import dhcp
from agent.drivers.network_vxlan.settings import VxlanSettings
from agent.model import DhcpOptions, NamesSpec, PortSpec, SubnetSpec, VpcSpec

PORT = PortSpec("eni-1", "i-1", "02:00:0a:00:01:05", "10.0.1.5", "subnet-1", ("sg-1",), "ip-10-0-1-5")
SPEC = VpcSpec(
    *("vpc-1", 7, "10.0.0.0/16", (SubnetSpec("subnet-1", "10.0.1.0/24"),), (PORT,), (), 1, 0, (), ()),
    domain="home-1.compute.internal",
)


def options(spec: VpcSpec) -> set[str]:
    return set(dhcp.files(spec, Path("/run/x"), VxlanSettings(), 1450)["dhcp-options"].splitlines())


def test_guests_are_told_the_regions_options_by_default() -> None:
    assert options(SPEC) == {
        "tag:subnet-1,option:router,10.0.1.1",
        "option:mtu,1450",
        "option:domain-name,home-1.compute.internal",
        "option:dns-server,10.0.0.2",
        "option:ntp-server,169.254.169.123",
        "option:netbios-ns",
        "option:netbios-nodetype",
    }


def test_guests_are_told_a_vpcs_own_options_and_no_others() -> None:
    told = DhcpOptions("corp.example", ("10.0.0.53", "AmazonProvidedDNS"), ("10.0.0.123",), ("10.0.0.9",), "2")
    assert options(replace(SPEC, dhcp_options=told)) >= {
        "option:domain-name,corp.example",
        "option:dns-server,10.0.0.53,10.0.0.2",
        "option:ntp-server,10.0.0.123",
        "option:netbios-ns,10.0.0.9",
        "option:netbios-nodetype,2",
    }
    assert options(replace(SPEC, dhcp_options=DhcpOptions(ntp_servers=("10.0.0.123",)))) >= {
        "option:domain-name",
        "option:dns-server",
    }


def test_names_are_lines_of_hosts_files() -> None:
    named = (
        NamesSpec("10.0.1.5", ("web.x", "ip-10-0-1-5.x")),
        NamesSpec("10.0.1.6", ("ip-10-0-1-6.x", "ec2-1-2-3-4.y")),
    )
    files = dhcp.files(replace(SPEC, names=named), Path("/run/x"), VxlanSettings(), 1450)
    assert files["names"] == "10.0.1.5 web.x ip-10-0-1-5.x\n10.0.1.6 ip-10-0-1-6.x ec2-1-2-3-4.y\n"
    assert "addn-hosts=/run/x/names" in files["dnsmasq.conf"].splitlines()


@pytest.mark.parametrize("told", [None, DhcpOptions(domain_name_servers=("AmazonProvidedDNS",))])
def test_a_resolver_that_answers_nobody_is_told_to_nobody(told: DhcpOptions | None) -> None:
    assert "option:dns-server" in options(replace(SPEC, dhcp_options=told, dns_is_off=True))
