"""Which looks are taken at connections, and when: what is due, what is done, and what an agent's end leaves due."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.drivers.network_vxlan.endings import Endings
from agent.drivers.network_vxlan.ruleset import RECEIVER_UNTRACKED
from agent.host import flows, namespaces
from agent.host.flows import Flow
from agent.model import GroupSpec, RuleSpec, VpcSpec
from tests.networks import view_of
from tests.unit.test_agent.host import PORT, VPC

ALL_OUT = RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0")
SSH, HTTP = (RuleSpec(False, "tcp", port, port, cidr_ipv4="0.0.0.0/0") for port in (22, 80))
BOTH, ONE, NONE = (ALL_OUT, SSH, HTTP), (ALL_OUT, SSH), (ALL_OUT,)


class Kernel:
    """The connections of a namespace."""

    def __init__(self) -> None:
        self.here: list[Flow] = []
        self.looks = 0
        self.error: OSError | None = None

    def open(self, port: int, mark: int = RECEIVER_UNTRACKED) -> Flow:
        self.here.append(Flow(6, "203.0.113.9", PORT.private_ip, source_port=40000, port=port, mark=mark))
        return self.here[-1]

    def flows(self, mark: int) -> Iterator[Flow]:
        self.looks += 1
        if self.error:
            raise self.error
        return iter([flow for flow in self.here if flow.mark & mark == mark])

    def drop(self, stale: Sequence[Flow]) -> None:
        self.here = [flow for flow in self.here if flow not in stale]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()

    def call(namespace: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        assert namespace == "stead-vpc-1"
        return function(*args, **kwargs)

    monkeypatch.setattr(namespaces, "call", call)
    monkeypatch.setattr(flows, "flows", made.flows)
    monkeypatch.setattr(flows, "drop", made.drop)
    return made


class Agent:
    """What it knows ends with it, but for the directory."""

    def __init__(self, directory: Path) -> None:
        self._endings, self._directory = Endings(), directory
        self._spec: VpcSpec | None = None

    def bring(self, rules: tuple[RuleSpec, ...], drop_revision: int = 0) -> None:
        old, self._spec = self._spec, replace(VPC, groups=(GroupSpec("sg-1", rules, drop_revision),))
        self._endings.note(view_of(self._spec), old, self._spec, self._directory)

    def end(self) -> None:
        self._endings.carry_out(self._directory)

    @property
    def is_done(self) -> bool:
        return self._endings.are_over


def test_what_several_changes_ask_for_takes_one_look(tmp_path: Path, kernel: Kernel) -> None:
    agent = Agent(tmp_path)
    agent.bring(BOTH)
    agent.end()
    assert agent.is_done
    kept, looks = kernel.open(22), kernel.looks
    kernel.open(80)
    agent.bring(ONE)
    agent.bring(NONE)
    agent.bring(ONE)
    assert len(kernel.here) == 2, "nothing happens before its time"
    agent.end()
    assert kernel.here == [kept], "by the rules that stand"
    assert kernel.looks == looks + 2, "one for each end of a connection"
    agent.bring(BOTH)
    assert agent.is_done, "more rules end nothing"


def test_what_fails_is_due_as_before(tmp_path: Path, kernel: Kernel) -> None:
    agent = Agent(tmp_path)
    agent.bring(BOTH)
    agent.end()
    kernel.open(80)
    agent.bring(ONE)
    kernel.error = OSError("no memory")
    with pytest.raises(OSError, match="no memory"):
        agent.end()
    assert not agent.is_done
    kernel.error = None
    agent.end()
    assert kernel.here == []
    assert agent.is_done


def test_what_an_agent_did_not_come_to_drop_the_next_one_drops_once(tmp_path: Path, kernel: Kernel) -> None:
    first = Agent(tmp_path)
    first.bring(BOTH)
    first.end()
    kernel.open(80, mark=0)
    first.bring(ONE, drop_revision=7)
    second = Agent(tmp_path)
    second.bring(ONE, drop_revision=7)
    second.end()
    assert kernel.here == []
    kept = kernel.open(80, mark=0)
    second.bring(ONE, drop_revision=7)
    second.end()
    third = Agent(tmp_path)
    third.bring(ONE, drop_revision=7)
    third.end()
    assert kernel.here == [kept], "nobody asked again"


def test_an_agent_without_a_memory_drops_all_that_was_ever_asked_for(tmp_path: Path, kernel: Kernel) -> None:
    kernel.open(80, mark=0)
    for _ in range(2):
        agent = Agent(tmp_path)
        agent.bring(ONE, drop_revision=7)
    agent.end()
    assert kernel.here == []


def test_a_vpc_that_goes_leaves_nothing_due(tmp_path: Path, kernel: Kernel) -> None:
    endings = Endings()
    endings.note(view_of(VPC), None, VPC, tmp_path)
    assert not endings.are_over
    endings.forget()
    endings.carry_out(tmp_path)
    assert endings.are_over
    assert kernel.looks == 0
