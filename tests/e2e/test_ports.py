"""What no rule opens is closed; what one opens is open at once; nobody can be somebody else."""

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Residents, pings

SERVE = "pidof httpd || { mkdir -p /srv && echo hello > /srv/index.html && httpd -p 8080 -h /srv; }"


def get(guest: Guest, address: str) -> str | None:
    """What the web server at an address says to this guest; None when there is no way in."""
    done = guest.try_ssh(f"timeout 2 wget -q -O - http://{address}:8080/")
    return done.stdout.strip() if done.returncode == 0 else None


def get_from_outside(cloud: Cloud, address: str) -> bool:
    """Whether a TCP connection to port 8080 comes about."""
    probe = f"exec 3<>/dev/tcp/{address}/8080"
    return cloud.lab.node("outside").run("timeout", "2", "bash", "-c", probe, check=False).returncode == 0


def test_a_port_is_closed_until_a_rule_opens_it(cloud: Cloud, residents: Residents) -> None:
    server, other = residents.first, residents.second
    server.ssh(SERVE)
    assert not get_from_outside(cloud, server.public_ip)
    assert get(other, server.private_ip) is None
    boot = server.boot_id()

    cloud.stead("sg", "authorize", "web", "--port", "8080", "--cidr", "0.0.0.0/0")
    wait_until(lambda: get_from_outside(cloud, server.public_ip), "the port is open", 10)
    assert get(other, server.private_ip) == "hello"

    cloud.stead("sg", "revoke", "web", "--port", "8080", "--cidr", "0.0.0.0/0")
    wait_until(lambda: not get_from_outside(cloud, server.public_ip), "the port is closed again", 10)
    assert get(other, server.private_ip) is None
    assert server.boot_id() == boot


def test_only_the_right_key_opens_the_door(cloud: Cloud, residents: Residents) -> None:
    wrong = cloud.directory / "wrong.pem"
    cloud.stead("key", "create", "wrong", "--output-file", str(wrong))
    refused = residents.first.try_ssh("true", key=wrong)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    assert residents.first.addresses() == residents.first.private_ip
    cloud.stead("key", "delete", "wrong")


def test_an_instance_cannot_use_another_address(cloud: Cloud, residents: Residents) -> None:
    thief, victim, witness = residents.second, residents.first, residents.third
    cloud.stead("sg", "authorize", "ssh", "--protocol", "icmp", "--cidr", "0.0.0.0/0")
    wait_until(lambda: pings(thief, victim.private_ip), "the victim answers a ping", 10)
    assert pings(victim, witness.private_ip)

    thief.ssh(f"ip addr add {witness.private_ip}/32 dev eth0")
    try:
        assert not pings(thief, victim.private_ip, source=witness.private_ip)
        thief.try_ssh(f"arping -U -c 3 -I eth0 {witness.private_ip}")
        assert pings(victim, witness.private_ip)
    finally:
        thief.ssh(f"ip addr del {witness.private_ip}/32 dev eth0")
    assert pings(thief, victim.private_ip)
    cloud.stead("sg", "revoke", "ssh", "--protocol", "icmp", "--cidr", "0.0.0.0/0")
