"""What a benchmark yields: a figure, round by round, and its floor's. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`values` and `floors` have one number a round; `floors` is empty where there is nothing to compare with."""

    name: str
    unit: str
    values: Sequence[float]
    floor_name: str = ""
    floors: Sequence[float] = field(default=())

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def floor(self) -> float | None:
        return median(self.floors) if self.floors else None

    @property
    def ratios(self) -> list[float]:
        """Round by round, since neighbours in time saw the same machine."""
        return [value / floor for value, floor in zip(self.values, self.floors, strict=True)] if self.floors else []

    @property
    def spread(self) -> float:
        """Largest minus smallest, as a share of the median; of the ratios where there are any."""
        numbers = self.ratios or self.values
        return (max(numbers) - min(numbers)) / abs(median(numbers)) if median(numbers) else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "floor_name": self.floor_name,
            "floor": self.floor,
            "ratio": median(self.ratios) if self.ratios else None,
            "spread": self.spread,
            "values": list(self.values),
            "floors": list(self.floors),
        }


@dataclass(frozen=True)
class Scale:
    """How much to measure. `size` divides the number of calls and instances: 1 for real, more for a quick look."""

    rounds: int = 5
    size: int = 1

    def of(self, number: int, least: int = 10) -> int:
        return max(least, number // self.size)


Progress = Callable[[str], None]
