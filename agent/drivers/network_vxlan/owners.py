"""Who has each address of a VPC, as this host knew it last: a small file, which goes with the host's boot.

Connections outlive neither, and nothing in the kernel tells one owner of an address from the next.
"""

from collections.abc import Mapping
from pathlib import Path

from agent.model import VpcSpec


class Owners:
    """A line for each address and interface, the latest last; nobody's is an interface without a name."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "owners"

    def moved(self, spec: VpcSpec) -> list[str]:
        """Addresses that have another owner now, or none."""
        now = owners(spec)
        return sorted(address for address, owner in self._load().items() if now.get(address) != owner)

    def save(self, spec: VpcSpec) -> None:
        """When to call: the connections of those that moved are forgotten. What was noted since goes into one table."""
        text = _lines(owners(spec))
        if text != self._read():
            self._file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = self._file.with_suffix(".new")
            draft.write_text(text)
            draft.rename(self._file)

    def note(self, changed: Mapping[str, str]) -> None:
        """Of some addresses alone, when the connections of those that moved are forgotten."""
        with self._file.open("a") as file:
            file.write(_lines(changed))

    def _load(self) -> Mapping[str, str]:
        pairs = (line.partition(" ")[::2] for line in self._read().splitlines())
        return {address: owner for address, owner in dict(pairs).items() if owner}

    def _read(self) -> str:
        return self._file.read_text() if self._file.exists() else ""


def owners(spec: VpcSpec) -> dict[str, str]:
    """Interface ids by address. Pure."""
    peers = {ip: owner for peer in spec.peers for ip, owner in zip(peer.private_ips, peer.interface_ids, strict=False)}
    return peers | {ip: port.interface_id for port in spec.ports for ip in port.private_ips}


def _lines(table: Mapping[str, str]) -> str:
    return "".join(f"{address} {owner}\n" for address, owner in table.items())
