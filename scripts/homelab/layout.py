"""Who is in a lab and how everything in it is called. Pure."""

import zlib
from dataclasses import dataclass
from pathlib import Path

CONTROL = "control"
OUTSIDE = "outside"

OUTSIDE_ADDRESS = "203.0.113.1"
OUTSIDE_NAME = "outside.example"  # The lab's own resolver knows it.
PUBLIC_POOL = ("203.0.113.16", "203.0.113.250")


@dataclass(frozen=True)
class Host:
    """A bare-metal host. `number` is the last byte of its underlay address, and of its uplink's if it is a gateway."""

    name: str
    zone: str
    roles: tuple[str, ...]
    number: int

    @property
    def uplink_address(self) -> str:
        return f"203.0.113.{self.number}"


LAYOUTS: dict[str, tuple[Host, ...]] = {
    "three": (
        Host("a1", "home-1a", ("compute", "storage"), 3),
        Host("b1", "home-1b", ("compute", "storage"), 4),
        Host("gw", "home-1a", ("gateway",), 2),
    ),
    "apart": (
        Host("c1", "home-1a", ("compute", "gateway"), 2),
        Host("s1", "home-1a", ("storage",), 3),
    ),
    "doors": (
        Host("a1", "home-1a", ("compute", "storage"), 4),
        Host("gw1", "home-1a", ("gateway",), 2),
        Host("gw2", "home-1a", ("gateway",), 3),
    ),
    "single": (Host("one", "home-1a", ("compute", "storage", "gateway"), 2),),
}


@dataclass(frozen=True)
class Names:
    """What a lab's name determines. Labs of different names share nothing, so two may stand at once."""

    lab: str

    @property
    def index(self) -> int:
        """0 for the demo's lab, 1 to 255 for others, with a small chance that two meet: then `up` refuses."""
        return 0 if self.lab == "demo" else zlib.crc32(self.lab.encode()) % 255 + 1

    @property
    def directory(self) -> Path:
        return Path("/var/lib/stead-lab") / self.lab

    @property
    def bridge(self) -> str:
        return f"stlab{self.index}"

    def port(self, node: str) -> str:
        """The bridge's end of a host's cable, at most 15 characters."""
        return f"{self.bridge}-{node}"

    def mark(self, node: str) -> str:
        """On the command line of a node's PID 1, for finding it."""
        return f"stead-lab:{self.lab}:{node}"

    def hardware_address(self, card: str, number: int) -> str:
        """Of a host's network card, which keeps it over power cuts."""
        return f"02:00:{zlib.crc32(card.encode()) % 256:02x}:00:{self.index:02x}:{number:02x}"

    def underlay_address(self, number: int) -> str:
        """`number` 1 is the machine itself, where the control plane listens. RFC 2544 reserves 198.18 for tests."""
        return f"198.18.{self.index}.{number}"
