"""The database is put back from a backup: hosts keep what it does not know, until an admin releases them."""

import pytest

from homelab.cloud import Cloud, CommandFailed
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Residents, run_instance
from tests.e2e.test_survival import host_of

SSH_BANNER = "SSH-2.0"


def held(cloud: Cloud) -> list[bool]:
    """Of each host, whether it says that it holds."""
    told = [" ".join(row["problems"]) for row in cloud.json("host", "list")["hosts"]]
    return ["`stead host release`" in problems for problems in told]


def greeting(guest: Guest, at: str, other: Guest) -> str:
    """What a guest, reached at this public address, gets from another's port 22."""
    return guest.try_ssh(f"nc -w 3 {other.private_ip} 22 </dev/null | head -c 7", at).stdout


def orphans(cloud: Cloud) -> list[dict[str, str]]:
    """Those that their host has told all about."""
    return [row for row in cloud.json("host", "orphans")["volumes"] if "size_bytes" in row]


@pytest.mark.deep
def test_hosts_keep_what_a_restored_database_does_not_know(cloud: Cloud, residents: Residents) -> None:
    backup = cloud.back_up()
    forgotten = run_instance(cloud)
    forgotten.wait_for_ssh()
    address, host = forgotten.public_ip, host_of(cloud, forgotten)
    others = [residents.first, residents.third]
    for other in others:
        assert greeting(forgotten, address, other) == SSH_BANNER
    boot = forgotten.boot_id(address)

    cloud.restore(backup)
    wait_until(lambda: all(held(cloud)), "all hosts hold", 60)
    with pytest.raises(CommandFailed, match="NotFound"):
        forgotten.describe()
    residents.wait()
    for other in others:
        assert greeting(forgotten, address, other) == SSH_BANNER, "it runs, and its packets pass both ways"
    assert forgotten.boot_id(address) == boot

    hosts = [row["host_id"] for row in cloud.json("host", "list")["hosts"]]
    for host_id in hosts:
        cloud.stead("host", "release", host_id)
    wait_until(lambda: not any(held(cloud)), "no host holds any more", 60)
    qemu = f"qemu-system.*{forgotten.instance_id}"
    wait_until(lambda: not cloud.lab.node(host).runs(qemu), "what nobody knows is gone", 60)
    assert forgotten.try_ssh("true", address).returncode == 255
    wait_until(lambda: len(orphans(cloud)) == 1, "its volume is an orphan", 60)
    residents.wait()
    (orphan,) = orphans(cloud)
    cloud.stead("host", "delete-orphan", orphan["host_id"], orphan["volume_id"])
