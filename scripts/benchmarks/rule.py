"""The floor of a change of a security group: one rule in nftables by hand. Run in the VPC's namespace on the host."""

import json
import sys
import time
from typing import Any

from nftables import Nftables


def change(chain: str, port: int, open_for_s: float) -> dict[str, float]:
    """Open the port and close it again; when each began (CLOCK_MONOTONIC, s)."""
    nft = Nftables()
    nft.set_echo_output(True)
    nft.set_handle_output(True)
    nft.set_json_output(True)
    opened_at = time.monotonic()
    handle = _run(nft, f"add rule inet stead {chain} tcp dport {port} accept")["nftables"][0]["add"]["rule"]["handle"]
    time.sleep(open_for_s)
    closed_at = time.monotonic()
    _run(nft, f"delete rule inet stead {chain} handle {handle}")
    return {"opened_at": opened_at, "closed_at": closed_at}


def _run(nft: Any, command: str) -> Any:
    code, output, error = nft.cmd(command)
    if code:
        raise RuntimeError(f"nft {command}: {error}")
    return json.loads(output) if output else {}


if __name__ == "__main__":
    print(json.dumps(change(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
