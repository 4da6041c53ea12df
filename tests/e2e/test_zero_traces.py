"""When the last instance is gone, nothing of it is left on any host."""

import json
from typing import Any

from homelab.cloud import Cloud
from homelab.node import wait_until
from tests.e2e.residents import Residents, on_each_layout

_PROCESSES = r"qemu-|dnsmasq|forwarder\.py|time_server\.py"


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
            "processes": node.run("pgrep", "-af", _PROCESSES, check=False).stdout.splitlines(),
            "volumes": node.run("sh", "-c", "ls /var/lib/stead/pool/volumes 2>/dev/null || true").stdout.split(),
            "elements": [rule["set"]["elem"] for rule in rules if rule.get("set", {}).get("elem")],
        }
        found[host.name] = {what: value for what, value in left.items() if value}
    return found


@on_each_layout
def test_terminate_leaves_nothing(cloud: Cloud, residents: Residents) -> None:
    """The last test: the residents go."""
    everyone = cloud.json("instance", "list")["instances"]
    cloud.stead("instance", "terminate", *(row["instance_id"] for row in everyone), "--wait")
    nothing: dict[str, dict[str, Any]] = {host.name: {} for host in cloud.lab.hosts}
    wait_until(lambda: traces(cloud) == nothing, f"nothing is left, but there is {traces(cloud)}", 30)
    for row in cloud.json("host", "list")["hosts"]:
        assert not any(int(row.get(used, 0)) for used in ("vcpus_used", "memory_mib_used", "storage_gib_used"))
    assert cloud.json("volume", "list")["volumes"] == []
