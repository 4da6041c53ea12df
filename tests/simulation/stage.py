"""What every rule stands on: a region at work, a way to ask, one source of chance, and the checks after each step."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

from agent.model import Power
from controlplane.model.instance import Desired
from controlplane.model.state import State
from stead.v1 import instances_pb2, volumes_pb2

from .cloud import Cloud
from .ground import Ground
from .host import Host

T = TypeVar("T")
Rule = Callable[[Any], None]

# How long things go on until the next rule, seconds: nothing, a commit, a message, a verb, a start. A run keeps to one
# of these paces, since what interacts is here what follows at once, and there what comes while the last is half done.
PACES_S = ((0.0, 0.01, 0.1), (0.0, 0.1, 0.2, 0.5), (0.2, 0.5, 3.0), (0.0, 0.5, 12.0))

RELEASED_WITHIN_S = 60.0  # What a held host then removes, and longest stops.

WEIGHTS: dict[str, int] = {}  # Of rules, by name.


def often(weight: int) -> Callable[[Rule], Rule]:
    """Makes a method a rule; `weight` is how often it is drawn compared with the others.

    A rule that tells nothing was not possible, and another one is drawn in its place.
    """

    def mark(rule: Rule) -> Rule:
        WEIGHTS[rule.__name__] = weight
        return rule

    return mark


class Stage:
    def __init__(self, seed: int, ground: Ground) -> None:
        self.chance = Random(seed)
        self.cloud = Cloud(seed, ground)
        self._pace_s = self.chance.choice(PACES_S)
        self._rules = self._mix()

    def _mix(self) -> dict[str, int]:
        """Each run leaves out some rules and exaggerates others: what all of them together would drown, comes up."""
        return {name: weight * self.chance.choice((0, 1, 1, 4)) for name, weight in WEIGHTS.items()}

    def step(self) -> None:
        """Whatever chance will have, and is possible now."""
        self.cloud.back_up_ledgers()
        before = len(self.cloud.story)
        while len(self.cloud.story) == before:
            (name,) = self.chance.choices(list(self._rules), list(self._rules.values()))
            getattr(self, name)()
        self.cloud.record.done[name] += 1
        self.wait(self.chance.choice(self._pace_s))

    def tell(self, line: str) -> None:
        self.cloud.tell(line)

    def wait(self, seconds: float) -> None:
        self.cloud.run(seconds)
        self.cloud.check()

    def come_to_rest(self) -> None:
        self.tell("-- everything is mended")
        self.cloud.heal()
        if self.cloud.record.is_rewound:
            self._look_after_restoring()
        self._give_up_what_is_gone()
        if self.cloud.record.is_rewound or self.cloud.record.has_lost:
            self.wait(RELEASED_WITHIN_S)
            self.cloud.remove_orphans()
        self.cloud.settle()
        self.cloud.check_disk()
        self.cloud.check()

    def _look_after_restoring(self) -> None:
        """Admins look at what there is, when hosts are back and hold."""
        self.wait(RELEASED_WITHIN_S)
        self.cloud.release()
        self.wait(RELEASED_WITHIN_S)

    def _give_up_what_is_gone(self) -> None:
        """Users delete what was deleted since the backup, or emptied from a trash, and who needs it."""
        gone = [row for row in self.durable.volumes if row.id in self.cloud.disks.given_up]
        for attachment in [attachment for row in gone for attachment in self.durable.attachments.volume.of(row.id)]:
            request = instances_pb2.TerminateInstancesRequest(instance_ids=[attachment.instance_id])
            self.ask("TerminateInstances", request, self.durable.instances[attachment.instance_id])
        if gone:
            self.wait(RELEASED_WITHIN_S)
        for row in gone:
            self.ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)

    def move_clock(self, by: timedelta) -> None:
        self.cloud.move_clock(by)

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

    def some(self, things: Iterable[T]) -> list[T]:
        """One of them; none where there are none."""
        found = list(things)
        return [self.chance.choice(found)] if found else []

    def a_host(self) -> Host:
        return self.chance.choice(self.cloud.hosts)

    def perhaps(self, share: float) -> bool:
        return self.chance.random() < share
