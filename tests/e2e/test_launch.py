"""Launching: once for a token, with user data, and without a trace when it is over."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until

Launch = Callable[..., Guest]


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
    assert "stead: ready" in cloud.stead("instance", "console-log", guest.instance_id)


def metadata(guest: Guest, path: str) -> str:
    """What the metadata service says, asked as IMDSv2 wants it."""
    token = "nc -w 2 169.254.169.254 80 -e /usr/lib/cloud/imds-token 2>&1"
    header = f'--header "X-aws-ec2-metadata-token: $({token})"'
    return guest.ssh(f"wget -q -O - {header} http://169.254.169.254/latest/{path}").strip()


def traces(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """What a cloud with nothing in it may not have."""
    found: dict[str, dict[str, Any]] = {}
    for host in cloud.lab.hosts:
        node = cloud.lab.node(host.name)
        rules = json.loads(node.run("nft", "--json", "list", "ruleset").stdout)["nftables"]
        left = {
            "domains": node.run("virsh", "list", "--all", "--name", check=False).stdout.split(),
            "namespaces": node.run("ip", "netns", "list").stdout.split(),
            "links": [link for link in node.run("ls", "/sys/class/net").stdout.split() if link.startswith("st")],
            "routes": [
                line
                for line in node.run("ip", "route").stdout.splitlines()
                if "203.0.113." in line and "/" not in line and "via 203" not in line
            ],
            "proxies": node.run("ip", "neigh", "show", "proxy").stdout.split(),
            "processes": node.run("pgrep", "-a", "qemu-|dnsmasq", check=False).stdout.splitlines(),
            "volumes": node.run("sh", "-c", "ls /var/lib/stead/pool/volumes 2>/dev/null || true").stdout.split(),
            "elements": [rule["set"]["elem"] for rule in rules if rule.get("set", {}).get("elem")],
        }
        found[host.name] = {what: value for what, value in left.items() if value}
    return found


def test_terminate_leaves_nothing(cloud: Cloud, launch: Launch, zones: list[str]) -> None:
    guests = [launch("--az", zone) for zone in zones]
    cloud.stead("instance", "terminate", *(guest.instance_id for guest in guests), "--wait")
    nothing = {host.name: {} for host in cloud.lab.hosts}
    wait_until(lambda: traces(cloud) == nothing, f"nothing is left, but there is {traces(cloud)}", 30)
    for row in cloud.json("host", "list")["hosts"]:
        assert not any(int(row.get(used, 0)) for used in ("vcpus_used", "memory_mib_used", "storage_gib_used"))
    assert cloud.json("volume", "list")["volumes"] == []
