"""What a benchmark yields: a figure, round by round, and its floor's. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from statistics import median
from typing import Any, Self

from benchmarks.targets import TARGETS, Target


@dataclass(frozen=True)
class Figure:
    """`values` and `floors` have one number a round; `floors` is empty where there is nothing to compare with.

    `target` names the one of `targets.TARGETS` that it is to reach, if there is one.
    """

    name: str
    unit: str
    values: Sequence[float]
    floor_name: str = ""
    floors: Sequence[float] = field(default=())
    target: str = ""

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

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def gate(self) -> Target | None:
        return TARGETS[self.target] if self.target else None

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty where there is none."""
        if self.gate is None:
            return ""
        number = self.value if self.gate.unit else self.ratio
        if number is None or self.gate.unit not in ("", self.unit):
            raise ValueError(f"{self.name}: in {self.unit}, and the target {self.target} is {self.gate}")
        return self.gate.verdict(number)

    def as_json(self) -> dict[str, Any]:
        derived = {"value": self.value, "floor": self.floor, "ratio": self.ratio, "spread": self.spread}
        return {**asdict(self), **derived, "gate": str(self.gate or ""), "met": self.verdict}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{each.name: row[each.name] for each in fields(cls)})


@dataclass(frozen=True)
class Scale:
    """How much to measure. `size` divides the number of calls and instances: 1 for real, more for a quick look."""

    rounds: int = 5
    size: int = 1

    def of(self, number: int, least: int = 10) -> int:
        return max(least, number // self.size)

    def lasting(self, whole_s: float, quick_s: float) -> float:
        """How long to look: short figures are coarse, but show that it works."""
        return whole_s if self.size == 1 else quick_s


Progress = Callable[[str], None]
