"""What Stead is to reach: the gate, which a release must pass, and the ambition. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Of the ratio to the floor, or of the value where there is a `unit`. Where the ambition is above the gate, more is
    better.
    """

    gate: float
    ambition: float
    unit: str = ""

    def verdict(self, number: float) -> str:
        """Whether it is met."""
        if not self._reaches(self.gate, number):
            return "no"
        return "ambition" if self._reaches(self.ambition, number) else "yes"

    def __str__(self) -> str:
        return f"{'>=' if self._wants_more else '<='} {self.gate:g} {self.unit}".rstrip()

    @property
    def _wants_more(self) -> bool:
        return self.ambition > self.gate

    def _reaches(self, limit: float, number: float) -> bool:
        return number >= limit if self._wants_more else number <= limit


TARGETS = {
    "failover": Target(10, 5, "s"),
    "P1": Target(0.45, 0.65),
    "P3": Target(30, 15, "ms"),
    "P4": Target(2.0, 1.5),
    "P5 write": Target(40, 25, "ms"),
    "P5 read": Target(20, 10, "ms"),
    "P5 stall": Target(50, 20, "ms"),
    "P6 10": Target(20, 5, "us"),
    "P6 100": Target(20, 10, "us"),
    "P6 1000": Target(50, 15, "us"),
    "P6 10000": Target(200, 75, "us"),
    "P7": Target(5, 2.5),
    "P8 cpu": Target(8, 3, "%"),
    "P8 writes": Target(0, 0, "commits"),
    "P9 base": Target(90, 60, "MiB"),
    "P9 instance": Target(6, 3, "KiB"),
    "P9 agent": Target(180, 130, "KiB"),
    "P10 10000": Target(2, 0.7, "s"),
    "P10 100000": Target(8, 4, "s"),
    "P11 1000": Target(6, 3, "s"),
    "P12": Target(1.5, 1.1),
    "P13 one": Target(1.15, 1.05),
    "P13 twenty": Target(1.2, 1.05),
    "P14 running": Target(1.3, 1.1),
    "P14 ssh": Target(1.10, 1.03),
    "P15 volume": Target(60, 25, "ms"),
    "P15 io": Target(0.85, 0.95),
    "P16 tcp": Target(0.85, 0.93),
    "P16 packets": Target(0.65, 0.75),
    "P17 nat": Target(0.85, 0.92),
    "P17 vxlan": Target(0.95, 0.99),
    "P18": Target(2, 1.3),
    "P18 lost": Target(0, 0, "packets"),
    "P19 page": Target(60, 25, "ms"),
    "P19 one": Target(1.5, 1.2),
    "P19 tag": Target(40, 10, "ms"),
    "P21": Target(600, 180, "s"),
}
