"""docs/stead-api.nft, in a network of its own: one address can't take all connections to the API."""

import subprocess
import sys
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "docs/stead-api.nft"

# Connects as often as it can from one address, then from another; then gives some back and comes again.
CALLERS = """
import socket, sys, time
is_4 = sys.argv[1] == "4"
family, own, other = (socket.AF_INET, "127.0.0.1", "127.0.0.2") if is_4 else (socket.AF_INET6, "::1", "fd00::1")
server = socket.create_server((own, 7443), family=family, backlog=500)

def connect(source):
    try:
        return socket.create_connection((own, 7443), timeout=2, source_address=(source, 0))
    except OSError:
        return None

held = [made for _ in range(150) if (made := connect(own))]
accepted = [server.accept()[0] for _ in held]
print(len(held), connect(other) is not None)
for one in (*held[:10], *accepted[:10]):
    one.close()
deadline, again = time.monotonic() + 20, []
while len(again) < 10 and time.monotonic() < deadline:
    if made := connect(own):
        again.append(made)
print(len(again), connect(own))
"""


@pytest.mark.host
@pytest.mark.parametrize("version", ["4", "6"])
def test_one_address_has_a_hundred_connections_and_others_have_theirs(version: str) -> None:
    set_up = "ip link set lo up && ip -6 address add fd00::1/128 dev lo nodad"
    script = f'{set_up} && nft -f {RULES} && nft -f {RULES} && exec {sys.executable} -c "$0" {version}'
    done = subprocess.run(["unshare", "--net", "sh", "-c", script, CALLERS], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n") == ["100 True", "10 None", ""], done.stderr
