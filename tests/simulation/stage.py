"""What every rule stands on: a region at work, a way to ask, and the checks that follow each step."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from agent.model import Power
from controlplane.model.instance import Desired
from controlplane.model.state import State

from .cloud import Cloud
from .host import Host

T = TypeVar("T")

WHICH = st.integers(0, 11)  # Any of what there is, by its number.
# How long things go on until the next rule. Between them lie: nothing, a commit, a message, a verb, a start.
PAUSE_S = st.sampled_from((0.0, 0.01, 0.1, 0.2, 0.5, 3.0))


class Stage(RuleBasedStateMachine):
    directory: Path  # Where runs have their files; `template.db` is in it.
    _runs = count(1)

    def __init__(self) -> None:
        super().__init__()
        self.cloud: Cloud
        self._is_sound = False  # The latest check was made and found nothing.

    def raise_curtain(self, seed: int) -> None:
        self.cloud = Cloud(self.directory / str(next(self._runs)), self.directory / "template.db", seed)
        self._is_sound = True
        self.wait(5.0)

    def teardown(self) -> None:
        if not hasattr(self, "cloud"):
            return
        try:
            if self._is_sound:
                self.finish()
        finally:
            self.cloud.close()

    def finish(self) -> None:
        """The last thing in a run that is sound so far."""

    def wait(self, seconds: float) -> None:
        self._is_sound = False
        self.cloud.run(seconds)
        self.cloud.check()
        self._is_sound = True

    def come_to_rest(self) -> None:
        self._is_sound = False
        self.cloud.heal()
        self.cloud.settle()
        self.cloud.check_disk()
        self.cloud.check()
        self._is_sound = True

    def ask(self, method: str, request: Any, owner: Any) -> None:
        """`owner`: a project, or something of it."""
        self.cloud.ask(method, request, getattr(owner, "project_id", owner.id))

    @property
    def durable(self) -> State:
        return self.cloud.record.durable

    def instances(self) -> list[Any]:
        return [row for row in self.durable.instances if row.desired is not Desired.ABSENT]

    def guests(self, host: Host) -> list[str]:
        return [id for id, domain in host.world.domains.items() if domain.facts.power is Power.RUNNING]


def pick(things: Iterable[T], which: int) -> list[T]:
    """The one with this number, counting round; none where there are none."""
    found = list(things)
    return [found[which % len(found)]] if found else []
