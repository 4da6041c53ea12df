"""Security groups as peers, within a zone and between zones."""

from collections.abc import Callable

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until

Launch = Callable[..., Guest]


def reaches(guest: Guest, address: str) -> bool:
    return guest.try_ssh(f"ping -c 1 -W 1 {address}").returncode == 0


def test_members_of_one_group_reach_each_other(
    cloud: Cloud, zones: list[str], launch: Launch, group: Callable[[str], str]
) -> None:
    stranger_group = group("strangers")
    first = launch("--az", zones[0], groups=("default", "ssh"))
    second = launch("--az", zones[-1], groups=("default", "ssh"))
    stranger = launch("--az", zones[-1], groups=("strangers", "ssh"))
    assert reaches(first, second.private_ip)
    assert reaches(second, first.private_ip)
    assert not reaches(stranger, first.private_ip)
    assert not reaches(stranger, second.private_ip)

    cloud.stead("sg", "authorize", "default", "--protocol", "icmp", "--source-group", stranger_group)
    wait_until(lambda: reaches(stranger, first.private_ip), "the stranger is let in", 10)
    assert reaches(stranger, second.private_ip)
    cloud.stead("sg", "revoke", "default", "--protocol", "icmp", "--source-group", stranger_group)
    wait_until(lambda: not reaches(stranger, first.private_ip), "the stranger is kept out", 10)
