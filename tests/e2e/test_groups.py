"""Security groups as peers, within a zone and between zones."""

from homelab.cloud import Cloud
from homelab.node import wait_until
from tests.e2e.residents import Residents, pings


def test_members_of_one_group_reach_each_other(cloud: Cloud, residents: Residents) -> None:
    stranger, first, second = residents.first, residents.second, residents.third
    assert pings(first, second.private_ip)
    assert pings(second, first.private_ip)
    assert not pings(stranger, first.private_ip)
    assert not pings(stranger, second.private_ip)

    cloud.stead("sg", "authorize", "default", "--protocol", "icmp", "--source-group", "web")
    wait_until(lambda: pings(stranger, first.private_ip), "the stranger is let in", 10)
    assert pings(stranger, second.private_ip)
    cloud.stead("sg", "revoke", "default", "--protocol", "icmp", "--source-group", "web")
    wait_until(lambda: not pings(stranger, first.private_ip), "the stranger is kept out", 10)
