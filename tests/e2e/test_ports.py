"""What no rule opens is closed; what one opens is open at once; nobody can be somebody else."""

from collections.abc import Callable

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until

Launch = Callable[..., Guest]

SERVE = "mkdir -p /srv && echo hello > /srv/index.html && httpd -p 8080 -h /srv"


def get(guest: Guest, address: str) -> str | None:
    """What the web server at an address says to this guest; None when there is no way in."""
    done = guest.try_ssh(f"wget -q -T 2 -O - http://{address}:8080/")
    return done.stdout.strip() if done.returncode == 0 else None


def get_from_outside(cloud: Cloud, address: str) -> bool:
    """Whether a TCP connection to port 8080 comes about."""
    probe = f"exec 3<>/dev/tcp/{address}/8080"
    return cloud.lab.node("outside").run("timeout", "2", "bash", "-c", probe, check=False).returncode == 0


def test_a_port_is_closed_until_a_rule_opens_it(cloud: Cloud, launch: Launch, group: Callable[[str], str]) -> None:
    web = group("web")
    server, other = launch(groups=("ssh", "web")), launch()
    server.ssh(SERVE)
    assert not get_from_outside(cloud, server.public_ip)
    assert get(other, server.private_ip) is None

    cloud.stead("sg", "authorize", web, "--port", "8080", "--cidr", "0.0.0.0/0")
    wait_until(lambda: get_from_outside(cloud, server.public_ip), "the port is open", 10)
    assert get(other, server.private_ip) == "hello"

    cloud.stead("sg", "revoke", web, "--port", "8080", "--cidr", "0.0.0.0/0")
    wait_until(lambda: not get_from_outside(cloud, server.public_ip), "the port is closed again", 10)
    assert get(other, server.private_ip) is None
    assert server.ssh("cat /proc/uptime")


def test_only_the_right_key_opens_the_door(cloud: Cloud, launch: Launch) -> None:
    wrong = cloud.directory / "wrong.pem"
    cloud.stead("key", "create", "wrong", "--output-file", str(wrong))
    guest = launch()
    refused = guest.try_ssh("true", key=wrong)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    assert guest.addresses() == guest.private_ip
    cloud.stead("key", "delete", "wrong")


def test_an_instance_cannot_use_another_address(cloud: Cloud, launch: Launch, group: Callable[[str], str]) -> None:
    pingable = group("pingable")
    cloud.stead("sg", "authorize", pingable, "--protocol", "icmp", "--cidr", "0.0.0.0/0")
    thief, victim = launch(groups=("ssh", "pingable")), launch(groups=("ssh", "pingable"))
    witness = launch(groups=("ssh", "pingable"))
    assert "1 packets received" in thief.try_ssh(f"ping -c 1 -W 2 {victim.private_ip}").stdout

    thief.ssh(f"ip addr add {witness.private_ip}/32 dev eth0")
    forged = thief.try_ssh(f"ping -c 2 -W 1 -I {witness.private_ip} {victim.private_ip}")
    assert "0 packets received" in forged.stdout

    thief.try_ssh(f"arping -U -c 3 -I eth0 {witness.private_ip}")
    answer = victim.ssh(f"ping -c 1 -W 2 {witness.private_ip} >/dev/null && cat /proc/net/arp")
    assert "0 packets received" not in answer
    thief.ssh(f"ip addr del {witness.private_ip}/32 dev eth0")
    assert "1 packets received" in victim.ssh(f"ping -c 1 -W 2 {witness.private_ip}")
