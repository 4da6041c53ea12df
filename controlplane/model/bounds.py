"""Bounds of what an operator may set."""

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Within:
    """In the `Annotated` of a setting: the least and the most that can be meant."""

    least: int
    most: float = math.inf

    def __contains__(self, number: int) -> bool:
        return self.least <= number <= self.most

    def __str__(self) -> str:
        return f"{self.least} or more" if self.most == math.inf else f"{self.least} to {self.most}"


Positive = Annotated[int, Within(1)]
