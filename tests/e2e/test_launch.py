"""Launching: once for a token, with user data, and without a trace when it is over."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homelab.cloud import Cloud
from homelab.layout import OUTSIDE_ADDRESS, OUTSIDE_NAME
from homelab.node import wait_until
from tests.e2e.residents import Launch, metadata


def test_one_token_launches_one_instance(cloud: Cloud) -> None:
    def run(_: int) -> str:
        reply = cloud.json("instance", "run", "--image", "tiny", "--type", "t3.nano", "--client-token", "only-one")
        return str(reply["instances"][0]["instance_id"])

    with ThreadPoolExecutor(4) as pool:
        launched = set(pool.map(run, range(8)))
    assert len(launched) == 1
    cloud.stead("instance", "terminate", *launched, "--wait")


def test_the_guest_learns_who_it_is(cloud: Cloud, launch: Launch, tmp_path: Path) -> None:
    script = tmp_path / "user-data"
    script.write_text("#!/bin/sh\necho ran > /root/user-data-ran\n")
    guest = launch("--user-data-file", str(script), "--tag", "Name=curious")
    wait_until(lambda: guest.try_ssh("cat /root/user-data-ran").stdout == "ran\n", "user data ran", 30)

    described = guest.describe()
    told = {
        "meta-data/instance-id": guest.instance_id,
        "meta-data/local-ipv4": guest.private_ip,
        "meta-data/public-ipv4": guest.public_ip,
        "meta-data/mac": described["network_interfaces"][0]["mac_address"],
        "meta-data/placement/availability-zone": described["zone_name"],
        "meta-data/security-groups": "ssh",
        "user-data": script.read_text().strip(),
    }
    for path, value in told.items():
        assert metadata(guest, path) == value
    assert described["tags"] == {"Name": "curious"}
    assert OUTSIDE_ADDRESS in guest.ssh(f"nslookup {OUTSIDE_NAME}")
    assert "stead: ready" in cloud.stead("instance", "console-log", guest.instance_id)
